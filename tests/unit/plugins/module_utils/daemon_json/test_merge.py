# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three-way merge: by example, and by properties that have to hold for any documents and owners."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.document import same
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.merge import Layer, Merged, merge

A, B = "owner-a", "owner-b"
NAMES = st.sampled_from(["registry-mirrors", "labels", "debug", "log-opts", "features", "mtu"])
SCALARS = st.booleans() | st.integers(0, 3) | st.sampled_from(["x", "y", "z"])
LISTS = st.lists(st.sampled_from(["m1", "m2", "m3", "f1", "f2"]), max_size=4, unique=True)
VALUES = SCALARS | LISTS | st.dictionaries(st.sampled_from(["p", "q", "r"]), SCALARS | LISTS, max_size=3)
CONFIGS = st.dictionaries(NAMES, VALUES, max_size=4)
STRATEGIES = st.dictionaries(NAMES, st.sampled_from(["append", "prepend", "replace"]))


def apply(
    theirs: dict[str, Any],
    layers: list[Layer],
    owner: str,
    config: dict[str, Any] | None,
    strategies: dict[str, str] | None = None,
) -> Merged:
    wish = None if config is None else Layer(owner, config, strategies or {})
    return merge(theirs, layers, owner, wish)


def test_ours_is_added_and_the_rest_stays() -> None:
    done = apply({"debug": True}, [], A, {"mtu": 1400})
    assert done.values == {"debug": True, "mtu": 1400}


def test_a_key_that_is_no_longer_wanted_goes_away() -> None:
    first = apply({"debug": True}, [], A, {"mtu": 1400, "icc": False})
    assert apply(first.values, first.layers, A, {"mtu": 1400}).values == {"debug": True, "mtu": 1400}


def test_a_key_that_was_there_before_gets_its_old_value_back() -> None:
    first = apply({"mtu": 9000}, [], A, {"mtu": 1400})
    assert apply(first.values, first.layers, A, {}).values == {"mtu": 9000}


def test_what_somebody_else_changed_since_is_set_again_while_we_want_it() -> None:
    first = apply({}, [], A, {"mtu": 1400})
    again = apply({"mtu": 1500}, first.layers, A, {"mtu": 1400})
    assert again.values == {"mtu": 1400}
    assert apply(again.values, again.layers, A, None).values == {"mtu": 1500}


def test_what_somebody_else_changed_since_is_theirs_when_we_go() -> None:
    first = apply({"mtu": 9000}, [], A, {"mtu": 1400})
    assert apply({"mtu": 1500}, first.layers, A, None).values == {"mtu": 1500}
    assert apply({}, first.layers, A, None).values == {}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("prepend", ["m1", "m2", "f1"]), ("append", ["f1", "m2", "m1"]), ("replace", ["m1", "m2"])],
)
def test_list_strategies(strategy: str, expected: list[str]) -> None:
    done = apply(
        {"registry-mirrors": ["f1", "m2"]}, [], A, {"registry-mirrors": ["m1", "m2"]}, {"registry-mirrors": strategy}
    )
    assert done.values["registry-mirrors"] == expected
    assert apply(done.values, done.layers, A, None).values == {"registry-mirrors": ["f1", "m2"]}


def test_only_our_elements_are_taken_out_of_a_list_that_others_changed() -> None:
    first = apply({"registry-mirrors": ["f1"]}, [], A, {"registry-mirrors": ["m1"]}, {"registry-mirrors": "prepend"})
    theirs = {"registry-mirrors": ["f2", "m1", "f1"]}
    assert apply(theirs, first.layers, A, None).values == {"registry-mirrors": ["f2", "f1"]}
    changed = apply(theirs, first.layers, A, {"registry-mirrors": ["m2"]}, {"registry-mirrors": "prepend"})
    assert changed.values == {"registry-mirrors": ["m2", "f2", "f1"]}


def test_an_element_that_was_there_before_us_is_not_ours() -> None:
    first = apply({"labels": ["a=b"]}, [], A, {"labels": ["a=b"]}, {"labels": "append"})
    assert apply(first.values, first.layers, A, None).values == {"labels": ["a=b"]}


def test_an_empty_wish_for_a_merged_list_adds_no_key() -> None:
    assert apply({}, [], A, {"registry-mirrors": []}, {"registry-mirrors": "prepend"}).values == {}
    assert apply({}, [], A, {"registry-mirrors": []}, {"registry-mirrors": "replace"}).values == {
        "registry-mirrors": []
    }


def test_objects_are_merged_member_by_member() -> None:
    first = apply(
        {"log-opts": {"tag": "t", "max-size": "1m"}}, [], A, {"log-opts": {"max-size": "10m", "max-file": "3"}}
    )
    assert first.values == {"log-opts": {"tag": "t", "max-size": "10m", "max-file": "3"}}
    assert apply(first.values, first.layers, A, None).values == {"log-opts": {"tag": "t", "max-size": "1m"}}


def test_an_object_of_ours_stays_as_long_as_others_have_something_in_it() -> None:
    first = apply({}, [], A, {"log-opts": {"max-size": "10m"}})
    assert apply({"log-opts": {"max-size": "10m", "tag": "t"}}, first.layers, A, None).values == {
        "log-opts": {"tag": "t"}
    }
    assert apply(first.values, first.layers, A, None).values == {}


def test_true_is_not_one() -> None:
    first = apply({"debug": 1}, [], A, {"debug": True})
    assert first.values["debug"] is True


def test_an_owner_that_goes_leaves_what_another_wants_too() -> None:
    first = apply({}, [], A, {"mtu": 1400, "labels": ["a=b"]}, {"labels": "append"})
    second = apply(first.values, first.layers, B, {"mtu": 1400, "labels": ["a=b", "c=d"]}, {"labels": "append"})
    gone = apply(second.values, second.layers, A, None)
    assert gone.values == {"mtu": 1400, "labels": ["a=b", "c=d"]}
    assert apply(gone.values, gone.layers, B, None).values == {}


def test_two_owners_of_different_minds_the_last_one_wins_and_it_is_said() -> None:
    first = apply({"mtu": 9000}, [], A, {"mtu": 1400})
    second = apply(first.values, first.layers, B, {"mtu": 1300})
    assert (second.values, second.overruled) == ({"mtu": 1300}, ["mtu"])
    third = apply(second.values, second.layers, A, {"mtu": 1400})
    assert (third.values, third.overruled) == ({"mtu": 1400}, ["mtu"])
    rest = apply(third.values, third.layers, A, None)
    assert rest.values == {"mtu": 1300}
    assert apply(rest.values, rest.layers, B, None).values == {"mtu": 9000}


def test_owners_do_not_undo_each_others_order_in_turns() -> None:
    mirrors = {"registry-mirrors": "prepend"}
    first = apply({"registry-mirrors": ["f1"]}, [], A, {"registry-mirrors": ["m1"]}, mirrors)
    second = apply(first.values, first.layers, B, {"registry-mirrors": ["m2"]}, mirrors)
    third = apply(second.values, second.layers, A, {"registry-mirrors": ["m1"]}, mirrors)
    assert second.values == third.values == {"registry-mirrors": ["m2", "m1", "f1"]}


def test_what_somebody_changed_behind_another_owners_back_is_not_set_again_by_this_one() -> None:
    first = apply({}, [], A, {"mtu": 1400, "labels": ["a=b", "c=d"]}, {"labels": "append"})
    theirs = {"mtu": 1500, "labels": ["c=d"]}
    second = apply(theirs, first.layers, B, {"debug": True})
    assert second.values == {"mtu": 1500, "labels": ["c=d"], "debug": True}


@given(CONFIGS, CONFIGS, STRATEGIES)
def test_property_idempotent(theirs: dict[str, Any], config: dict[str, Any], strategies: dict[str, str]) -> None:
    first = apply(theirs, [], A, config, strategies)
    second = apply(first.values, first.layers, A, config, strategies)
    assert same(second.values, first.values)
    assert second.layers == first.layers


@given(CONFIGS, CONFIGS, STRATEGIES)
def test_property_apply_then_absent_gives_back_the_original(
    theirs: dict[str, Any], config: dict[str, Any], strategies: dict[str, str]
) -> None:
    first = apply(theirs, [], A, config, strategies)
    assert same(apply(first.values, first.layers, A, None).values, theirs)


@given(CONFIGS, st.lists(st.tuples(CONFIGS, STRATEGIES), min_size=1, max_size=4))
def test_property_any_history_then_absent_gives_back_the_original(
    theirs: dict[str, Any], history: list[tuple[dict[str, Any], dict[str, str]]]
) -> None:
    values, layers = theirs, list[Layer]()
    for config, strategies in history:
        done = apply(values, layers, A, config, strategies)
        values, layers = done.values, done.layers
    last, strategies = history[-1]
    assert same(values, apply(theirs, [], A, last, strategies).values)
    assert same(apply(values, layers, A, None).values, theirs)


@given(CONFIGS, CONFIGS, STRATEGIES)
def test_property_foreign_keys_are_never_touched(
    theirs: dict[str, Any], config: dict[str, Any], strategies: dict[str, str]
) -> None:
    done = apply(theirs, [], A, config, strategies)
    for name, value in theirs.items():
        if name not in config:
            assert same(done.values[name], value)
    assert set(done.values) <= set(theirs) | set(config)


@given(CONFIGS, CONFIGS, CONFIGS, STRATEGIES)
def test_property_keys_that_came_after_us_stay_when_we_go(
    theirs: dict[str, Any], config: dict[str, Any], later: dict[str, Any], strategies: dict[str, str]
) -> None:
    first = apply(theirs, [], A, config, strategies)
    foreign = {name: value for name, value in later.items() if name not in config}
    rest = apply({**first.values, **foreign}, first.layers, A, None).values
    assert same(rest, {**theirs, **foreign})


@settings(max_examples=300)
@given(CONFIGS, st.lists(st.tuples(st.sampled_from([A, B]), st.none() | CONFIGS), min_size=1, max_size=6), STRATEGIES)
def test_property_two_owners_are_independent(
    theirs: dict[str, Any], steps: list[tuple[str, dict[str, Any] | None]], strategies: dict[str, str]
) -> None:
    values, layers = theirs, list[Layer]()
    for owner, config in steps:
        done = apply(values, layers, owner, config, strategies)
        values, layers = done.values, done.layers
        if config is not None:
            again = apply(values, layers, owner, config, strategies)
            assert same(again.values, values)
    for owner in (steps[0][0], B if steps[0][0] == A else A):
        done = apply(values, layers, owner, None)
        values, layers = done.values, done.layers
    assert same(values, theirs)
    assert layers == []
