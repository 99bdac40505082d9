# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention rules: which tags of a registry stay, as the user writes them.

The first rule whose patterns match a repository is the one for it. A rule is judged like this:

1. Where ``delete_tags`` is set, a tag that it does not match stays.
2. A tag that ``keep_tags`` matches stays.
3. Of the rest, the ``keep_newest`` newest images stay, whatever the number of their tags, and every image younger than
   ``keep_within``.
4. What no criterion keeps is deleted.
"""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple, Sequence

from ansible_collections.dockmirror.fleet.plugins.module_utils.name_patterns import first_match, pattern_problem

_UNITS = {"h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"^([1-9][0-9]{0,4})([hdw])$")
_PATTERNS = ("repositories", "keep_tags", "delete_tags")
CRITERIA = ("keep_newest", "keep_within", "keep_tags", "delete_tags")
KEYS = ("repositories", *CRITERIA, "allow_empty")


class Rule(NamedTuple):
    """One rule, checked.

    :ivar number: its place in the list, from 1.
    :ivar keep_newest: how many images, 0 for none.
    :ivar keep_within: the age as written, such as ``30d``, or the empty string.
    """

    number: int
    repositories: tuple[str, ...]
    keep_newest: int = 0
    keep_within: str = ""
    keep_tags: tuple[str, ...] = ()
    delete_tags: tuple[str, ...] = ()
    allow_empty: bool = False

    @property
    def needs_dates(self) -> bool:
        """Whether the rule cannot be judged without knowing when images were made."""
        return bool(self.keep_newest or self.keep_within)

    @property
    def seconds_within(self) -> int:
        """``keep_within`` in seconds, 0 where it is not set."""
        found = _AGE.match(self.keep_within)
        return int(found.group(1)) * _UNITS[found.group(2)] if found else 0


def rule_problems(rules: Any, name: str = "rules") -> list[str]:
    """Everything that is wrong with a list of rules, each as one sentence; empty if it can be used.

    :param name: what the user calls the list.
    """
    if not isinstance(rules, (list, tuple)) or not all(isinstance(rule, Mapping) for rule in rules):
        return [f"{name} must be a list of mappings, each with 'repositories' and at least one of {_list(CRITERIA)}."]
    return [f"{name}[{index}]: {text}." for index, rule in enumerate(rules) for text in _problems_of(rule)]


def parse_rules(rules: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """The rules of a list in which :func:`rule_problems` finds nothing."""
    return [
        Rule(
            number,
            tuple(rule["repositories"]),
            int(rule.get("keep_newest") or 0),
            str(rule.get("keep_within") or ""),
            tuple(rule.get("keep_tags") or ()),
            tuple(rule.get("delete_tags") or ()),
            bool(rule.get("allow_empty")),
        )
        for number, rule in enumerate(rules, 1)
    ]


def rule_for(repository: str, rules: Sequence[Rule]) -> Rule | None:
    """The rule for a repository; None where none matches."""
    return next((rule for rule in rules if first_match(repository, rule.repositories)), None)


def _problems_of(rule: Mapping[str, Any]) -> list[str]:
    found = []
    unknown = sorted(str(key) for key in rule if key not in KEYS)
    if unknown:
        found.append(f"unknown settings {_list(unknown)}; known are {_list(KEYS)}")
    if not rule.get("repositories"):
        found.append("repositories is empty; name the repositories that the rule is for, such as ['team/**']")
    for key in _PATTERNS:
        patterns = rule.get(key)
        if patterns is None:
            continue
        if not isinstance(patterns, (list, tuple)):
            found.append(f"{key} must be a list of patterns")
            continue
        found.extend(f"{key}: {text}" for text in map(pattern_problem, patterns) if text)
    newest = rule.get("keep_newest")
    if newest is not None and not (isinstance(newest, int) and not isinstance(newest, bool) and newest >= 1):
        found.append(f"keep_newest '{newest}' is not a number of images from 1 on")
    within = rule.get("keep_within")
    if within is not None and not (isinstance(within, str) and _AGE.match(within)):
        found.append(f"keep_within '{within}' is not an age such as 12h, 30d or 8w")
    if not isinstance(rule.get("allow_empty") or False, bool):
        found.append("allow_empty must be true or false")
    if all(rule.get(key) in (None, [], ()) for key in CRITERIA):
        found.append(f"it has no criterion and would delete everything; set at least one of {_list(CRITERIA)}")
    return found


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)
