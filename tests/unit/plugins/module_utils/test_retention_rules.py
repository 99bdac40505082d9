# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention rules as users write them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.retention_rules import (
    Rule,
    parse_rules,
    rule_for,
    rule_problems,
)

ALL = {"repositories": ["**"]}


@pytest.mark.parametrize(
    "rule",
    [
        {"keep_newest": 1},
        {"keep_within": "12h"},
        {"keep_tags": ["v*"]},
        {"delete_tags": ["mr-*"], "allow_empty": True},
        {"keep_newest": 3, "keep_within": "30d", "keep_tags": ["stable"], "delete_tags": ["*"]},
        {"keep_newest": None, "keep_within": None, "keep_tags": [], "delete_tags": ["x"], "allow_empty": False},
    ],
)
def test_good_rules(rule: dict[str, Any]) -> None:
    assert rule_problems([{**ALL, **rule}]) == []


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (
            "x",
            "rules must be a list of mappings, each with 'repositories' and at least one of keep_newest, keep_within",
        ),
        (["x"], "rules must be a list of mappings"),
        ([{"keep_newest": 1}], "rules[0]: repositories is empty; name the repositories"),
        ([{"repositories": [], "keep_newest": 1}], "repositories is empty"),
        ([{"repositories": "team/*", "keep_newest": 1}], "repositories must be a list of patterns"),
        ([ALL], "rules[0]: it has no criterion and would delete everything; set at least one of keep_newest"),
        ([{**ALL, "keep_tags": [], "keep_newest": None}], "it has no criterion"),
        ([{**ALL, "keep_newest": 1}, {**ALL, "keep_newest": 0}], "rules[1]: keep_newest '0' is not a number of images"),
        ([{**ALL, "keep_newest": "5"}], "keep_newest '5' is not a number"),
        ([{**ALL, "keep_newest": True}], "keep_newest 'True' is not a number"),
        ([{**ALL, "keep_within": "1m"}], "keep_within '1m' is not an age such as 12h, 30d or 8w"),
        ([{**ALL, "keep_within": "0d"}], "keep_within '0d' is not an age"),
        ([{**ALL, "keep_within": 30}], "keep_within '30' is not an age"),
        ([{**ALL, "keep_tags": [1.10]}], "keep_tags: '1.1' is not a string; put it into quotes"),
        ([{**ALL, "delete_tags": ["a b"]}], "delete_tags: 'a b' is not a pattern"),
        ([{**ALL, "keep_newst": 1}], "unknown settings keep_newst; known are repositories, keep_newest"),
        ([{**ALL, "keep_newest": 1, "allow_empty": "yes"}], "allow_empty must be true or false"),
    ],
)
def test_bad_rules(rules: Any, problem: str) -> None:
    assert any(problem in text for text in rule_problems(rules)), rule_problems(rules)


def test_problems_carry_the_name_that_the_user_knows() -> None:
    assert rule_problems([ALL], "registry_retention")[0].startswith("registry_retention[0]: ")


def test_the_first_rule_that_matches_is_the_one() -> None:
    rules = parse_rules(
        [
            {"repositories": ["prod/**"], "keep_tags": ["*"]},
            {"repositories": ["team/a", "prod/x"], "keep_newest": 3},
        ]
    )
    assert [rule and rule.number for name in ("prod/x", "team/a", "team/b") for rule in [rule_for(name, rules)]] == [
        1,
        2,
        None,
    ]


@pytest.mark.parametrize(("age", "seconds"), [("12h", 43200), ("30d", 2592000), ("8w", 4838400), ("", 0)])
def test_ages(age: str, seconds: int) -> None:
    assert Rule(1, ("**",), keep_within=age).seconds_within == seconds
