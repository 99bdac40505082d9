# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a retention rule means for one repository. Pure: it knows what is there, and asks nobody.

Tags are judged, manifests are deleted. A manifest that something needs which stays is never deleted: a tag of its own,
an index that names it, or an index within an index. Signatures, attestations and other referrers that clients store
under a tag made of a digest (``sha256-<hex>``, ``sha256-<hex>.sig``) are not judged by age or name. They stay with what
they belong to, and go with it.
"""

from __future__ import annotations

import re
from typing import Iterable, Mapping, NamedTuple, Sequence

from ansible_collections.dockmirror.fleet.plugins.module_utils.name_patterns import first_match
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention_rules import Rule

NO_DATE = "its age is not known"
_COMPANION = re.compile(r"^(sha256|sha512)-([0-9a-f]{64,128})(?:\.[A-Za-z0-9._-]+)?$")


class Contents(NamedTuple):
    """What a repository holds.

    :ivar tags: digest of each tag.
    :ivar families: for each of these digests itself and every manifest that it names, parents first.
    :ivar created: when each of these images was made, in seconds since 1970; None where that is not known.
    :ivar broken: tags for which the registry has no manifest.
    """

    tags: Mapping[str, str]
    families: Mapping[str, Sequence[str]]
    created: Mapping[str, float | None]
    broken: Sequence[str] = ()


class Verdict(NamedTuple):
    """What becomes of a tag, and why."""

    tag: str
    digest: str
    reason: str


class Plan(NamedTuple):
    """What is to be done in a repository.

    :ivar untag: tags, among those that go, whose manifest stays.
    :ivar manifests: digests that go, in the order of their deletion.
    """

    kept: list[Verdict]
    deleted: list[Verdict]
    untag: list[str]
    manifests: list[str]


def make_plan(rule: Rule, contents: Contents, now: float, can_untag: bool) -> Plan:
    """Judge the tags of a repository.

    :param now: seconds since 1970.
    :param can_untag: whether the registry can delete a tag and leave its manifest.
    """
    judged = _judge(rule, contents, now)
    keep = {tag: reason for tag, (stays, reason) in judged.items() if stays}
    drop = {tag: reason for tag, (stays, reason) in judged.items() if not stays}
    _add_companions(contents, keep, drop)
    needed = _family(contents, keep)
    shared = [tag for tag in drop if contents.tags[tag] in needed]
    if not can_untag:
        for tag in shared:
            del drop[tag]
            keep[tag] = (
                f"{_holder(contents, tag, keep)} needs the same manifest, and this registry cannot delete a tag alone"
            )
        shared = []
    return Plan(
        sorted(
            [Verdict(tag, contents.tags[tag], reason) for tag, reason in keep.items()]
            + [Verdict(tag, "", "the registry has no manifest for it") for tag in contents.broken]
        ),
        [Verdict(tag, contents.tags[tag], drop[tag]) for tag in sorted(drop)],
        sorted(shared),
        _in_order(contents, drop, needed),
    )


def empties(contents: Contents, plan: Plan) -> bool:
    """Whether no image would be left where there is one now."""
    left = [verdict for verdict in plan.kept if verdict.digest and not _subject(verdict.tag)]
    return bool(plan.deleted) and not left


def both(first: Plan, second: Plan, contents: Contents) -> Plan:
    """What is to be deleted by both plans, which were made for one repository one after the other.

    What changed between them is left alone: a tag that came or moved, and each manifest that one of them keeps.

    :param contents: what the second plan was made for.
    """
    agreed = {verdict[:2] for verdict in first.deleted}
    going_first = set(first.manifests)
    kept, deleted = list(second.kept), list(second.deleted)
    while True:
        needed = _family(contents, (verdict.tag for verdict in kept if verdict.digest))
        manifests = [digest for digest in second.manifests if digest in going_first and digest not in needed]
        alone = set(first.untag) & set(second.untag)
        moved = [
            verdict
            for verdict in deleted
            if verdict[:2] not in agreed or (verdict.tag not in alone and verdict.digest not in manifests)
        ]
        if not moved:
            break
        deleted = sorted(set(deleted) - set(moved))
        reason = "it changed while it was looked at; the next run judges it"
        kept.extend(verdict._replace(reason=reason) for verdict in moved)
    going = {verdict.tag for verdict in deleted}
    # What is untagged alone keeps its manifest, whatever became of the reason for that meanwhile.
    untag = sorted(alone & going)
    staying = {contents.tags[tag] for tag in untag}
    return Plan(sorted(kept), deleted, untag, [digest for digest in manifests if digest not in staying])


def _judge(rule: Rule, contents: Contents, now: float) -> dict[str, tuple[bool, str]]:
    """What the rule says of each tag but the companions that it does not name."""
    judged: dict[str, tuple[bool, str]] = {}
    candidates = []
    for tag in contents.tags:
        kept_by = first_match(tag, rule.keep_tags)
        if kept_by:
            judged[tag] = (True, f"keep_tags has {kept_by}")
        elif _subject(tag):
            continue
        elif rule.delete_tags and not first_match(tag, rule.delete_tags):
            judged[tag] = (True, "delete_tags does not match it")
        else:
            candidates.append(tag)
    newest = _newest(rule, contents, candidates)
    for tag in candidates:
        reason = _reason_to_keep(rule, contents.created.get(contents.tags[tag]), contents.tags[tag], newest, now)
        judged[tag] = (bool(reason), reason or _reason_to_delete(rule, tag))
    return judged


def _newest(rule: Rule, contents: Contents, candidates: Iterable[str]) -> set[str]:
    dated = {contents.tags[tag] for tag in candidates if contents.created.get(contents.tags[tag]) is not None}
    return set(sorted(dated, key=lambda digest: (-(contents.created[digest] or 0), digest))[: rule.keep_newest])


def _reason_to_keep(rule: Rule, created: float | None, digest: str, newest: set[str], now: float) -> str:
    if not rule.needs_dates:
        return ""
    if created is None:
        return NO_DATE
    if digest in newest:
        return f"it is one of the {rule.keep_newest} newest images"
    if rule.keep_within and now - created < rule.seconds_within:
        return f"it is younger than {rule.keep_within}"
    return ""


def _reason_to_delete(rule: Rule, tag: str) -> str:
    reasons = [f"delete_tags has {first_match(tag, rule.delete_tags)}"] if rule.delete_tags else []
    reasons += ["keep_tags does not match it"] if rule.keep_tags and not rule.delete_tags else []
    reasons += [f"it is not one of the {rule.keep_newest} newest images"] if rule.keep_newest else []
    reasons += [f"it is older than {rule.keep_within}"] if rule.keep_within else []
    return ", ".join(reasons)


def _subject(tag: str) -> str:
    """The digest that a companion's tag is made of; empty for any other tag."""
    found = _COMPANION.match(tag)
    return f"{found.group(1)}:{found.group(2)}" if found else ""


def _add_companions(contents: Contents, keep: dict[str, str], drop: dict[str, str]) -> None:
    """Let each companion follow what it belongs to; one that belongs to nothing here stays."""
    while True:
        _follow(contents, keep, drop, keep, "stays")
        gone = dict(drop)
        _follow(contents, keep, gone, gone, "goes")
        orphans = [tag for tag in contents.tags if tag not in keep and tag not in gone]
        if not orphans:
            drop.update(gone)
            return
        for tag in orphans:  # what they need stays as well, so who follows whom is found out once more
            keep[tag] = "no tag here holds what it belongs to"


def _follow(
    contents: Contents, keep: Mapping[str, str], drop: Mapping[str, str], side: dict[str, str], verb: str
) -> None:
    found = True
    while found:
        family = _family(contents, side)
        found = False
        for tag in contents.tags:
            if tag not in keep and tag not in drop and _subject(tag) in family:
                side[tag] = f"it belongs to {_subject(tag)}, which {verb}"
                found = True


def _family(contents: Contents, tags: Iterable[str]) -> set[str]:
    return {digest for tag in tags for digest in contents.families[contents.tags[tag]]}


def _holder(contents: Contents, tag: str, keep: Iterable[str]) -> str:
    digest = contents.tags[tag]
    return min(other for other in keep if digest in contents.families[contents.tags[other]])


def _in_order(contents: Contents, drop: Iterable[str], needed: set[str]) -> list[str]:
    """The manifests that go: companions before what they belong to, and an index before its children.

    So nothing that can still be pulled ever lacks a part, wherever a deletion stops half-way.
    """
    companions: dict[str, int] = {}
    images: dict[str, int] = {}
    for digest, subject in {contents.tags[tag]: _subject(tag) for tag in sorted(drop)}.items():
        counted = companions if subject else images
        for member in contents.families[digest]:
            if member not in needed:
                counted[member] = counted.get(member, 0) + 1
    # A child is in each family of its parent, and after it in each; where it is tagged itself, in one more.
    order = [digest for digest in sorted(companions, key=companions.__getitem__) if digest not in images]
    return order + sorted(images, key=images.__getitem__)
