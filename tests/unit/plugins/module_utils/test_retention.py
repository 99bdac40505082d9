# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention on a registry in memory: each rule by example, and what must hold for any content and any rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import RegistryError
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_repository import Repository
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention import (
    Outcome,
    Retention,
    RetentionError,
    difference,
    results,
    undated,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention_rules import parse_rules, rule_problems

from .fake_registry import DAY, NOW, FakeRegistry
from .http_services import Reply, Request, registry_error

APP = "team/app"


def retention(registry: FakeRegistry, *rules: dict[str, Any]) -> Retention:
    listed = [{"repositories": ["**"], **rule} for rule in rules]
    assert rule_problems(listed) == []
    return Retention(registry.client(), parse_rules(listed), NOW)


def tags_of(outcome: Outcome) -> tuple[set[str], set[str]]:
    return {verdict.tag for verdict in outcome.plan.kept}, {verdict.tag for verdict in outcome.plan.deleted}


def reasons(outcome: Outcome) -> dict[str, str]:
    return {verdict.tag: verdict.reason for verdict in [*outcome.plan.kept, *outcome.plan.deleted]}


def run(registry: FakeRegistry, *rules: dict[str, Any]) -> Outcome:
    """Run twice: the second run must change nothing. Gives the first run's outcome for the one repository."""
    planned = results(retention(registry, *rules).plan())
    outcomes = retention(registry, *rules).run()
    assert results(outcomes) == planned, "check mode told something else"
    before = len(registry.deletions())
    assert not results(retention(registry, *rules).run())["changed"]
    assert len(registry.deletions()) == before
    return outcomes[0]


@pytest.fixture(params=[3, 2])
def registry(request: pytest.FixtureRequest) -> FakeRegistry:
    return FakeRegistry(request.param)


# One criterion at a time.


def test_the_newest_images_stay(registry: FakeRegistry) -> None:
    for age in range(6):
        registry.push(APP, f"b{age}", age=age)
    outcome = run(registry, {"keep_newest": 2})
    assert tags_of(outcome) == ({"b0", "b1"}, {"b2", "b3", "b4", "b5"})
    assert reasons(outcome)["b1"] == "it is one of the 2 newest images"
    assert reasons(outcome)["b5"] == "it is not one of the 2 newest images"
    assert set(registry.stores[APP].tags) == {"b0", "b1"}
    assert set(registry.stores[APP].manifests) == set(registry.stores[APP].tags.values())


def test_an_image_with_several_tags_counts_once(registry: FakeRegistry) -> None:
    registry.push(APP, "b0", "main", "sha-1", age=0)
    registry.push(APP, "b1", age=1)
    registry.push(APP, "b2", "old", age=2)
    assert tags_of(run(registry, {"keep_newest": 2})) == ({"b0", "main", "sha-1", "b1"}, {"b2", "old"})


def test_young_images_stay(registry: FakeRegistry) -> None:
    registry.push(APP, "young", age=29.9)
    registry.push(APP, "old", age=30.1)
    registry.push(APP, "from-tomorrow", age=-1)
    outcome = run(registry, {"keep_within": "30d"})
    assert tags_of(outcome) == ({"young", "from-tomorrow"}, {"old"})
    assert reasons(outcome)["old"] == "it is older than 30d"


def test_tags_of_a_pattern_stay(registry: FakeRegistry) -> None:
    for tag in ("v1.0", "v2.0", "main", "stable"):
        registry.push(APP, tag, name=tag)
    outcome = run(registry, {"keep_tags": ["v*", "stable"]})
    assert tags_of(outcome) == ({"v1.0", "v2.0", "stable"}, {"main"})
    assert reasons(outcome)["v1.0"] == "keep_tags has v*"
    assert reasons(outcome)["main"] == "keep_tags does not match it"


def test_tags_of_a_pattern_go(registry: FakeRegistry) -> None:
    for tag in ("mr-1", "mr-2", "main"):
        registry.push(APP, tag, name=tag)
    outcome = run(registry, {"delete_tags": ["mr-*"]})
    assert tags_of(outcome) == ({"main"}, {"mr-1", "mr-2"})
    assert reasons(outcome)["main"] == "delete_tags does not match it"
    assert reasons(outcome)["mr-1"] == "delete_tags has mr-*"


def test_what_any_criterion_keeps_stays(registry: FakeRegistry) -> None:
    for age, tag in [(1, "mr-1"), (40, "mr-2"), (41, "mr-3"), (42, "mr-4"), (90, "mr-keep"), (99, "main")]:
        registry.push(APP, tag, age=age)
    rule = {"delete_tags": ["mr-*"], "keep_tags": ["*-keep"], "keep_newest": 2, "keep_within": "30d"}
    outcome = run(registry, rule)
    assert tags_of(outcome) == ({"mr-1", "mr-2", "mr-keep", "main"}, {"mr-3", "mr-4"})
    assert reasons(outcome)["mr-3"] == (
        "delete_tags has mr-*, it is not one of the 2 newest images, it is older than 30d"
    )


def test_the_first_rule_for_a_repository_wins_and_others_are_left_alone(registry: FakeRegistry) -> None:
    for name in ("prod/app", "team/app", "other"):
        registry.push(name, "old", age=90)
        registry.push(name, "new", age=1)
    outcomes = retention(
        registry,
        {"repositories": ["prod/**"], "keep_tags": ["*"]},
        {"repositories": ["team/*", "prod/*"], "keep_newest": 1},
    ).run()
    assert [(outcome.repository.name, outcome.rule.number) for outcome in outcomes] == [
        ("prod/app", 1),
        ("team/app", 2),
    ]
    assert {name: set(store.tags) for name, store in registry.stores.items()} == {
        "prod/app": {"old", "new"},
        "team/app": {"new"},
        "other": {"old", "new"},
    }


@pytest.mark.parametrize("rule", [{"keep_newest": 1}, {"keep_within": "30d"}])
def test_an_image_of_unknown_age_stays_with_a_warning(registry: FakeRegistry, rule: dict[str, Any]) -> None:
    registry.push(APP, "reproducible", age=20000, name="1")  # a date in 1971
    registry.push(APP, "dateless", age=None, name="2")
    registry.push(APP, "new", age=1)
    registry.push(APP, "old", age=50)
    outcome = run(registry, rule)
    assert tags_of(outcome) == ({"reproducible", "dateless", "new"}, {"old"})
    assert undated([outcome]) == [
        "team/app: 2 tags stay because the date of their images is not known: dateless, reproducible."
    ]


def test_ages_are_not_read_where_no_rule_asks(registry: FakeRegistry) -> None:
    registry.push(APP, "a", "b")
    run(registry, {"keep_tags": ["a", "b"]})
    assert not any("/blobs/" in request.path for request in registry.requests)


# What hangs together.


def test_a_manifest_stays_while_one_of_its_tags_does() -> None:
    registry = FakeRegistry(3)
    digest = registry.push(APP, "mr-1", "prod")
    outcome = run(registry, {"delete_tags": ["mr-*"]})
    assert outcome.plan.manifests == []
    assert registry.stores[APP].tags == {"prod": digest}
    assert digest in registry.stores[APP].manifests


def test_registry_2_cannot_delete_such_a_tag_and_it_says_so() -> None:
    registry = FakeRegistry(2)
    digest = registry.push(APP, "mr-1", "prod")
    outcome = run(registry, {"delete_tags": ["mr-*"]})
    assert reasons(outcome)["mr-1"] == "prod needs the same manifest, and this registry cannot delete a tag alone"
    assert registry.stores[APP].tags == {"prod": digest, "mr-1": digest}
    assert registry.deletions() == []


def test_an_index_goes_with_its_children_and_no_others(registry: FakeRegistry) -> None:
    shared, own, attestation = (registry.push(APP, name=name, age=9) for name in ("shared", "own", "attestation"))
    old = registry.index(APP, "v1", children=[shared, own, attestation])
    new = registry.index(APP, "v2", children=[shared, registry.push(APP, name="new", age=1)])
    outcome = run(registry, {"keep_newest": 1})
    assert outcome.plan.manifests == [old, own, attestation], "the index before its children"
    assert set(registry.stores[APP].manifests) == {new, *Repository(registry.client(), APP).family(new)}


def test_a_part_of_several_indexes_goes_after_all_of_them(registry: FakeRegistry) -> None:
    child = registry.push(APP, "a-child", age=9)
    first, second = (registry.index(APP, tag, children=[child], name=tag) for tag in ("v1", "v2"))
    registry.push(APP, "new", age=1)
    assert run(registry, {"keep_newest": 1}).plan.manifests == [first, second, child]


def test_a_child_with_a_tag_of_its_own_stays(registry: FakeRegistry) -> None:
    child = registry.push(APP, "v1-amd64", age=9)
    registry.index(APP, "v1", children=[child])
    run(registry, {"delete_tags": ["v1"]})
    assert registry.stores[APP].tags == {"v1-amd64": child}


def test_the_tag_of_a_child_of_an_index_that_stays() -> None:
    registry = FakeRegistry(3)
    child = registry.push(APP, "tmp", age=9)
    index = registry.index(APP, "v1", children=[child])
    assert run(registry, {"delete_tags": ["tmp"]}).plan.untag == ["tmp"]
    assert set(registry.stores[APP].manifests) == {child, index}
    registry = FakeRegistry(2)
    registry.index(APP, "v1", children=[registry.push(APP, "tmp", age=9)])
    assert reasons(run(registry, {"delete_tags": ["tmp"]}))["tmp"].startswith("v1 needs the same manifest")


def test_an_index_within_an_index(registry: FakeRegistry) -> None:
    inner = registry.index(APP, children=[registry.push(APP, name="deep", age=9)])
    outer = registry.index(APP, "v1", children=[inner])
    registry.push(APP, "new", age=1)
    outcome = run(registry, {"keep_newest": 1})
    assert outcome.plan.manifests[:2] == [outer, inner]
    assert len(outcome.plan.manifests) == 3
    assert set(registry.stores[APP].manifests) == {registry.stores[APP].tags["new"]}


def test_children_that_the_registry_does_not_have_are_not_listed(registry: FakeRegistry) -> None:
    index = registry.index(APP, "sparse", children=["sha256:" + 64 * "e", registry.push(APP, name="child")])
    registry.push(APP, "keep")
    outcome = run(registry, {"delete_tags": ["sparse"]})
    assert outcome.plan.manifests == [index, *outcome.plan.manifests[1:]]
    assert len(outcome.plan.manifests) == 2


def test_an_index_is_as_young_as_its_youngest_child(registry: FakeRegistry) -> None:
    index = registry.index(APP, "multi", children=[registry.push(APP, name=str(age), age=age) for age in (50, 2)])
    registry.push(APP, "single", age=3)
    outcome = run(registry, {"keep_newest": 1})
    assert tags_of(outcome) == ({"multi"}, {"single"})
    assert outcome.contents.created[index] == NOW - 2 * DAY


def test_signatures_stay_and_go_with_what_they_belong_to(registry: FakeRegistry) -> None:
    old, new = registry.push(APP, "old", age=9), registry.push(APP, "new", age=1)
    for digest in (old, new):
        hexadecimal = digest.removeprefix("sha256:")
        signature = registry.push(APP, f"sha256-{hexadecimal}.sig", age=None, name="sig" + digest)
        registry.push(APP, "sha256-" + signature.removeprefix("sha256:"), age=None, name="of signature" + digest)
    registry.push(APP, f"sha256-{64 * '9'}.sig", age=None, name="orphan")
    outcome = run(registry, {"keep_newest": 1})
    assert "old" in tags_of(outcome)[1]
    assert len(tags_of(outcome)[1]) == 3
    assert len(registry.stores[APP].tags) == 4
    assert outcome.plan.manifests[-1] == old, "what belongs to it goes first"
    assert f"it belongs to {old}, which goes" in reasons(outcome).values()
    assert reasons(outcome)[f"sha256-{64 * '9'}.sig"] == "no tag here holds what it belongs to"
    assert undated([outcome]) == []


def test_a_signature_can_be_kept_by_name(registry: FakeRegistry) -> None:
    hexadecimal = registry.push(APP, "old", age=9).removeprefix("sha256:")
    registry.push(APP, f"sha256-{hexadecimal}.sig", age=None, name="sig")
    registry.push(APP, "new", age=1)
    run(registry, {"keep_newest": 1, "keep_tags": ["*.sig"]})
    assert set(registry.stores[APP].tags) == {"new", f"sha256-{hexadecimal}.sig"}


# What is refused.


def test_a_rule_does_not_empty_a_repository(registry: FakeRegistry) -> None:
    registry.push("a/mixed", "mr-1", "main", age=1)
    registry.push("b/only-mr", "mr-1", age=1)
    hexadecimal = registry.push("c/signed", "mr-2", age=2).removeprefix("sha256:")
    registry.push("c/signed", f"sha256-{hexadecimal}.sig", name="sig")
    rule = {"delete_tags": ["mr-*"]}
    for attempt in (retention(registry, rule).plan, retention(registry, rule).run):
        with pytest.raises(RetentionError) as failure:
            attempt()
        assert failure.value.cause == "empty"
        assert "Every tag would be deleted of b/only-mr (rule 1), c/signed (rule 1). Nothing was deleted" in str(
            failure.value
        )
    assert registry.deletions() == []


def test_a_rule_may_empty_a_repository_where_it_says_so(registry: FakeRegistry) -> None:
    registry.push(APP, "mr-1")
    run(registry, {"delete_tags": ["mr-*"], "allow_empty": True})
    assert registry.stores[APP].tags == {}
    assert registry.stores[APP].manifests == {}


def test_a_registry_that_does_not_allow_deletion(registry: FakeRegistry) -> None:
    registry.push(APP, "mr-1", name="1")
    registry.push(APP, "main")
    registry.deletion = False
    for attempt in (
        retention(registry, {"delete_tags": ["mr-*"]}).plan,
        retention(registry, {"keep_tags": ["m"], "allow_empty": True}).run,
    ):
        with pytest.raises(
            RegistryError, match="does not allow deletion: storage.delete.enabled is not set"
        ) as failure:
            attempt()
        assert failure.value.cause == "unsupported"
    assert not results(retention(registry, {"keep_tags": ["*"]}).run())["changed"], "nothing to do needs no right to"


def test_what_had_been_done_when_it_stopped(registry: FakeRegistry) -> None:
    for name in ("a", "b"):
        registry.push(name, "keep", age=0)
        registry.push(name, "old", age=9)
    failing = registry.stores["b"].tags["old"]
    registry.before = lambda request: (
        registry_error(500, "UNKNOWN")
        if request.method == "DELETE" and failing in request.path and "/v2/b/" in request.path
        else None
    )
    with pytest.raises(RetentionError, match=r"asked to delete b@sha256:\w+ and answered 500") as failure:
        retention(registry, {"keep_newest": 1}).run()
    done = results(failure.value.done)
    assert done["changed"]
    assert [entry["tag"] for entry in done["repositories"][0]["deleted"]] == ["old"]
    assert done["repositories"][1]["deleted"] == []
    assert {entry["reason"] for entry in done["repositories"][1]["kept"]} >= {"the run stopped before it"}


# What happens meanwhile.


def meanwhile(registry: FakeRegistry, act: Callable[[], Any]) -> None:
    """Let something happen after the plan was made, before anything is deleted."""
    pending = [act]

    def before(request: Request) -> Reply | None:
        if request.method == "DELETE" and pending:
            pending.pop()()
        return None

    registry.before = before


def test_an_image_that_gets_another_tag_meanwhile_stays(registry: FakeRegistry) -> None:
    digest = registry.push(APP, "mr-1", age=9)
    registry.push(APP, "main", age=1)
    meanwhile(registry, lambda: registry.stores[APP].tags.update(prod=digest))
    outcome = retention(registry, {"delete_tags": ["mr-*"]}).run()[0]
    assert registry.stores[APP].tags["prod"] == digest
    assert digest in registry.stores[APP].manifests
    assert outcome.plan.manifests == []


def test_a_tag_that_moves_meanwhile_stays(registry: FakeRegistry) -> None:
    old = registry.push(APP, "mr-1", age=9)
    registry.push(APP, "main", age=1)
    new: list[str] = []
    meanwhile(registry, lambda: new.append(registry.push(APP, "mr-1", age=8)))
    outcome = retention(registry, {"delete_tags": ["mr-*"]}).run()[0]
    assert registry.stores[APP].tags["mr-1"] == new[0]
    assert reasons(outcome)["mr-1"] == "it changed while it was looked at; the next run judges it"
    assert old in registry.stores[APP].manifests, "no tag leads to it any more"


def test_children_that_a_new_index_needs_stay(registry: FakeRegistry) -> None:
    child = registry.push(APP, name="child", age=9)
    registry.index(APP, "mr-1", children=[child])
    registry.push(APP, "main", age=1)
    # The new tag is to go by the rule as well, but nobody has judged it yet.
    meanwhile(registry, lambda: registry.index(APP, "mr-2", children=[child], name="new"))
    retention(registry, {"delete_tags": ["mr-*"]}).run()
    assert set(registry.stores[APP].tags) == {"main", "mr-2"}
    assert child in registry.stores[APP].manifests


def test_what_somebody_else_deletes_meanwhile_is_not_our_change(registry: FakeRegistry) -> None:
    digest = registry.push(APP, "mr-1", age=9)
    registry.push(APP, "main", age=1)

    def gone() -> None:
        registry.stores[APP].tags.pop("mr-1")
        registry.stores[APP].manifests.pop(digest)

    meanwhile(registry, gone)
    assert not results(retention(registry, {"delete_tags": ["mr-*"]}).run())["changed"]


def test_what_goes_between_the_last_look_and_its_deletion_is_not_our_change(registry: FakeRegistry) -> None:
    digest = registry.push(APP, "mr-1", age=9)
    registry.push(APP, "main", age=1)

    def before(request: Request) -> Reply | None:
        return (
            registry_error(404, "MANIFEST_UNKNOWN") if request.method == "DELETE" and digest in request.path else None
        )

    registry.before = before
    assert not results(retention(registry, {"delete_tags": ["mr-*"]}).run())["changed"]


def test_a_tag_without_a_manifest_is_left_alone(registry: FakeRegistry) -> None:
    registry.push(APP, "good", age=9)
    registry.push(APP, "new", age=1)
    registry.stores[APP].tags["broken"] = "sha256:" + 64 * "b"
    outcome = run(registry, {"keep_newest": 1})
    assert reasons(outcome)["broken"] == "the registry has no manifest for it"


def test_the_difference_lists_what_goes_and_no_other_repository(registry: FakeRegistry) -> None:
    child = registry.push(APP, name="child", age=9)
    index = registry.index(APP, "old", children=[child])
    new = registry.push(APP, "new", age=1)
    registry.push("team/other", "new", age=1)
    shown = difference(retention(registry, {"keep_newest": 1}).plan())
    assert shown == {
        "before": f"team/app:new {new}\nteam/app:old {index}\nteam/app@{child}\n",
        "after": f"team/app:new {new}\n",
    }


# What must hold whatever a registry holds and whatever the rules say.

TAGS = st.sampled_from(["v1", "v2", "v3", "mr-1", "mr-2", "main", "stable"])
RULES = st.fixed_dictionaries(
    {},
    optional={
        "keep_newest": st.integers(1, 3),
        "keep_within": st.sampled_from(["1d", "1w"]),
        "keep_tags": st.lists(st.sampled_from(["v*", "stable", "sha256-*"]), max_size=2),
        "delete_tags": st.lists(st.sampled_from(["mr-*", "*", "v1"]), max_size=2),
    },
).filter(lambda rule: any(rule.values()))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["image", "image", "index", "signature"]),
        st.sets(TAGS, max_size=2),
        st.sampled_from([0, 3, 5, 20, 40, None]),
        st.lists(st.integers(0, 30), max_size=3),
    ),
    max_size=10,
)
Steps = list[tuple[str, set[str], Any, list[int]]]


def build(registry: FakeRegistry, steps: Steps) -> None:
    """Fill a repository; indexes and signatures are of what was there before them."""
    made: list[str] = []
    for number, (kind, tags, age, others) in enumerate(steps):
        if kind == "image" or not made:
            made.append(registry.push(APP, *tags, age=age, name=str(number)))
            continue
        children = [made[other % len(made)] for other in others]
        if kind == "index":
            made.append(registry.index(APP, *tags, children=children, name=str(number)))
        elif children:
            tag = "sha256-" + children[0].removeprefix("sha256:") + ".sig"
            made.append(registry.push(APP, tag, age=age, name=str(number)))
    registry.push(APP, "always", age=0, name="so that it is never empty")


def reachable(registry: FakeRegistry) -> set[str]:
    repository = Repository(registry.client(), APP)
    return {digest for tag in registry.stores[APP].tags.values() for digest in repository.family(tag)}


@settings(max_examples=150, deadline=None)
@given(STEPS, RULES, st.sampled_from([2, 3]))
def test_what_stays_is_whole_and_check_mode_tells_the_truth(steps: Steps, rule: dict[str, Any], major: int) -> None:
    registry = FakeRegistry(major)
    build(registry, steps)
    tags = dict(registry.stores[APP].tags)
    manifests = set(registry.stores[APP].manifests)
    untagged = manifests - reachable(registry)
    rule = {**rule, "allow_empty": True}

    planned = retention(registry, rule).plan()
    assert (registry.stores[APP].tags, set(registry.stores[APP].manifests)) == (tags, manifests), "nothing changed yet"
    done = retention(registry, rule).run()
    assert results(done) == results(planned)
    assert difference(done) == difference(planned)

    plan = done[0].plan
    after = registry.stores[APP]
    assert after.tags == {verdict.tag: verdict.digest for verdict in plan.kept}, "kept tags are there, and no others"
    assert tags == {verdict.tag: verdict.digest for verdict in [*plan.kept, *plan.deleted]}
    assert reachable(registry) <= set(after.manifests), "what stays can be pulled"
    if not plan.untag:
        assert set(after.manifests) == untagged | reachable(registry), "and nothing else was left or lost"
    assert set(after.manifests) | set(plan.manifests) == manifests

    assert not results(retention(registry, rule).run())["changed"]


@settings(max_examples=150, deadline=None)
@given(STEPS, STEPS, RULES, st.sampled_from([2, 3]))
def test_what_is_pushed_meanwhile_is_whole(steps: Steps, later: Steps, rule: dict[str, Any], major: int) -> None:
    registry = FakeRegistry(major)
    build(registry, steps)
    before = dict(registry.stores[APP].tags)
    meanwhile(registry, lambda: build(registry, later))
    retention(registry, {**rule, "allow_empty": True}).run()
    pushed = FakeRegistry(major)
    build(pushed, steps)
    build(pushed, later)
    wanted = pushed.stores[APP].tags if registry.deletions() else before
    moved = {tag: digest for tag, digest in wanted.items() if before.get(tag) != digest}
    assert moved.items() <= registry.stores[APP].tags.items(), "what came or moved meanwhile is there"
    assert reachable(registry) <= set(registry.stores[APP].manifests)


@settings(max_examples=100, deadline=None)
@given(STEPS, RULES, st.sampled_from([2, 3]), st.integers(0, 12))
def test_what_stays_is_whole_wherever_it_stops(steps: Steps, rule: dict[str, Any], major: int, last: int) -> None:
    registry = FakeRegistry(major)
    build(registry, steps)
    rule = {**rule, "allow_empty": True}

    def before(request: Request) -> Reply | None:
        stop = request.method == "DELETE" and len(registry.deletions()) > last
        return registry_error(500, "UNKNOWN") if stop else None

    registry.before = before
    try:
        retention(registry, rule).run()
    except RetentionError as failure:
        deleted = {entry["tag"] for entry in results(failure.done)["repositories"][0]["deleted"]}
        assert not deleted & set(registry.stores[APP].tags)
    except RegistryError:
        pass
    assert reachable(registry) <= set(registry.stores[APP].manifests), "every tag that is left can be pulled"
