# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention on a registry: look, plan, look again, delete."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import RegistryClient, RegistryError
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_content import show_date
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_repository import (
    Repository,
    matching_repositories,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention_plan import (
    NO_DATE,
    Contents,
    Plan,
    Verdict,
    both,
    empties,
    make_plan,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention_rules import Rule, rule_for


class RetentionError(Exception):
    """Retention stopped.

    :ivar cause: a word for programs, as documented for the module.
    :ivar done: what had been done by then.
    """

    def __init__(self, cause: str, message: str, done: Sequence[Outcome] = ()) -> None:
        super().__init__(message)
        self.cause = cause
        self.done = list(done)


class Outcome(NamedTuple):
    """What became, or would become, of a repository."""

    repository: Repository
    rule: Rule
    contents: Contents
    plan: Plan

    @property
    def changed(self) -> bool:
        return bool(self.plan.deleted or self.plan.manifests)

    def result(self) -> dict[str, Any]:
        """As the module returns it."""
        return {
            "name": self.repository.name,
            "rule": self.rule.number,
            "kept": [self._entry(verdict) for verdict in self.plan.kept],
            "deleted": [self._entry(verdict) for verdict in self.plan.deleted],
            "manifests": self.plan.manifests,
        }

    def lines(self, after: bool) -> list[str]:
        """The repository as a text for a diff: its tags, and those manifests without a tag that go."""
        name = self.repository.name
        verdicts = [*self.plan.kept, *([] if after else self.plan.deleted)]
        lines = [f"{name}:{verdict.tag} {verdict.digest}".rstrip() for verdict in sorted(verdicts)]
        tagged = set(self.contents.tags.values())
        return lines + [f"{name}@{digest}" for digest in self.plan.manifests if not after and digest not in tagged]

    def _entry(self, verdict: Verdict) -> dict[str, Any]:
        created = self.contents.created.get(verdict.digest)
        return {**verdict._asdict(), "created": show_date(created)}


class Retention:
    """One run with one registry.

    :param now: seconds since 1970.
    """

    def __init__(self, client: RegistryClient, rules: Sequence[Rule], now: float) -> None:
        self._client = client
        self._rules = rules
        self._now = now
        self._can_untag: bool | None = None

    def plan(self) -> list[Outcome]:
        """What would be deleted; nothing is.

        :raises RegistryError: the registry does not tell, or does not allow deletion.
        :raises RetentionError: a rule would leave a repository without any image.
        """
        outcomes = []
        for name in matching_repositories(self._client, [p for rule in self._rules for p in rule.repositories]):
            rule = rule_for(name, self._rules)
            if rule:
                outcomes.append(self._look(Repository(self._client, name), rule))
        refused = [
            f"{outcome.repository.name} (rule {outcome.rule.number})"
            for outcome in outcomes
            if not outcome.rule.allow_empty and empties(outcome.contents, outcome.plan)
        ]
        if refused:
            raise RetentionError(
                "empty",
                f"Every tag would be deleted of {', '.join(refused)}. Nothing was deleted anywhere. Set allow_empty:"
                " true in the rule if that is meant.",
            )
        for outcome in outcomes:
            if outcome.changed:
                self._client.check_deletion(outcome.repository.name)
        return outcomes

    def run(self) -> list[Outcome]:
        """Delete what the rules say.

        :raises RegistryError: nothing was deleted.
        :raises RetentionError: see :meth:`plan`; or it stopped half-way.
        """
        done: list[Outcome] = []
        for planned in self.plan():
            if not planned.changed:
                done.append(planned)
                continue
            try:
                # Between the plan and now pushes may have come: only what was and still is to go, goes.
                again = self._look(planned.repository, planned.rule)
                plan = both(planned.plan, again.plan, again.contents)
            except RegistryError as error:
                raise RetentionError(error.cause, str(error), done) from error
            outcome, failure = self._delete(again._replace(plan=plan))
            done.append(outcome)
            if failure:
                raise RetentionError(failure.cause, str(failure), done) from failure
        return done

    def _look(self, repository: Repository, rule: Rule) -> Outcome:
        contents = _contents(repository, rule)
        plan = make_plan(rule, contents, self._now, can_untag=True)
        if plan.untag:
            if self._can_untag is None:
                self._can_untag = self._client.can_delete_tags(repository.name)
            if not self._can_untag:
                plan = make_plan(rule, contents, self._now, can_untag=False)
        # A registry may hold an index without some of its children.
        tagged = set(contents.tags.values())
        there = [d for d in plan.manifests if d in tagged or self._client.has_manifest(repository.name, d)]
        return Outcome(repository, rule, contents, plan._replace(manifests=there))

    def _delete(self, outcome: Outcome) -> tuple[Outcome, RegistryError | None]:
        """Carry the plan out; gives what really went, and what stopped it."""
        name, plan = outcome.repository.name, outcome.plan
        went: list[str] = []
        failure = None
        try:
            went.extend(tag for tag in plan.untag if self._client.delete_tag(name, tag))
            went.extend(digest for digest in plan.manifests if self._client.delete_manifest(name, digest))
        except RegistryError as error:
            failure = error
        deleted, kept = [], list(plan.kept)
        for verdict in plan.deleted:
            if verdict.tag in went or (verdict.digest in went and verdict.tag not in plan.untag):
                deleted.append(verdict)
            elif failure:
                kept.append(verdict._replace(reason="the run stopped before it"))
        manifests = [digest for digest in plan.manifests if digest in went]
        return outcome._replace(plan=Plan(sorted(kept), deleted, plan.untag, manifests)), failure


def _contents(repository: Repository, rule: Rule) -> Contents:
    tags: dict[str, str] = {}
    broken: list[str] = []
    for tag, digest in repository.tags().items():
        if digest and repository.manifest(digest):
            tags[tag] = digest
        else:
            broken.append(tag)
    digests = sorted(set(tags.values()))
    created = {digest: repository.created(digest) for digest in digests} if rule.needs_dates else {}
    return Contents(tags, {digest: repository.family(digest) for digest in digests}, created, broken)


def results(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What the module returns."""
    return {
        "changed": any(outcome.changed for outcome in outcomes),
        "repositories": [outcome.result() for outcome in outcomes],
    }


def difference(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Tags and manifests before and after, of the repositories that change, one a line."""
    changed = [outcome for outcome in outcomes if outcome.changed]
    return {
        key: "".join(line + "\n" for outcome in changed for line in outcome.lines(after=key == "after"))
        for key in ("before", "after")
    }


def undated(outcomes: Sequence[Outcome]) -> list[str]:
    """A sentence for each repository with tags that stay because nobody knows how old they are."""
    return [
        f"{outcome.repository.name}: {len(tags)} tags stay because the date of their images is not known:"
        f" {', '.join(tags[:5])}{', ...' if len(tags) > 5 else ''}."
        for outcome in outcomes
        for tags in [[verdict.tag for verdict in outcome.plan.kept if verdict.reason == NO_DATE]]
        if tags
    ]
