# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns for names of repositories and tags."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dockmirror.fleet.plugins.module_utils.name_patterns import (
    first_match,
    is_name,
    pattern_problem,
)

NAMES = st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*){0,3}", fullmatch=True)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("team/app", ["team/app"], ["team/app2", "a/team/app", "team"]),
        ("team/*", ["team/app"], ["team/web/app", "team", "steam/app"]),
        ("team/**", ["team/app", "team/web/app"], ["team", "steam/app"]),
        ("**/app", ["app", "team/app", "a/b/app"], ["team/myapp"]),
        ("**", ["app", "a/b/c"], []),
        ("*", ["app", "v1.0"], ["team/app"]),
        ("v[0-9]*", ["v1", "v2.0-rc.1"], ["version", "v"]),
        ("[!a-c]x", ["dx"], ["ax", "/x"]),
        ("v?", ["v1"], ["v", "v10"]),
        ("1.0", ["1.0"], ["1x0"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, matching: list[str], other: list[str]) -> None:
    assert pattern_problem(pattern) == ""
    assert [name for name in [*matching, *other] if first_match(name, [pattern])] == matching


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (1.10, "'1.1' is not a string; put it into quotes"),
        ("", "'' is not a pattern"),
        ("team app", "'team app' is not a pattern"),
        ("(a|b)", "'(a|b)' is not a pattern"),
        ("v[0-9", "'v[0-9' is not a pattern"),
        ("v[9-0]", "the range in its brackets is the wrong way round"),
    ],
)
def test_what_is_no_pattern(pattern: Any, problem: str) -> None:
    assert problem in pattern_problem(pattern)


@given(NAMES, NAMES)
def test_a_name_matches_itself_alone(name: str, other: str) -> None:
    assert is_name(name)
    assert (first_match(other, [name]) == name) == (other == name)


@given(NAMES, NAMES)
def test_a_prefix_with_two_stars_matches_everything_below(prefix: str, name: str) -> None:
    assert not is_name(prefix + "/**")
    assert first_match(f"{prefix}/{name}", ["no", prefix + "/**"]) == prefix + "/**"
    assert first_match(prefix, [prefix + "/**"]) is None
