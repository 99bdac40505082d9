# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images to keep warm as the inventory names them, and rate limits as an operator reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_prefetch import (
    limits_summary,
    problems,
    split,
    wishes,
)

AMD64 = ["linux/amd64"]


def problems_of(*prefetch: Any, schedule: str = "daily", platforms: Any = None, **percents: Any) -> list[str]:
    return problems(
        list(prefetch), ["docker.io", "ghcr.io"], AMD64 if platforms is None else platforms, schedule, percents
    )


def test_good_settings() -> None:
    good = [
        {"name": "docker.io/alpine"},
        {"name": "ghcr.io/org/image", "tags": ["1.*", "latest"], "newest": 5, "platforms": ["linux/arm/v7"]},
    ]
    assert problems_of(*good, schedule="Mon..Fri *-*-* 04:00:00 UTC", reserve=50) == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "the name must begin with an upstream of this mirror"),
        ({"name": "alpine"}, "Its upstreams are docker.io, ghcr.io."),
        ({"name": "quay.io/org/image"}, "the name must begin with an upstream"),
        ({"name": "ghcr.io/org/image:1"}, "tags go into tags"),
        ({"name": "ghcr.io/Org"}, "'Org' is not a repository"),
        ({"name": "ghcr.io/"}, "'' is not a repository"),
        ({"name": "ghcr.io/org", "tags": "latest"}, "tags must be a list"),
        ({"name": "ghcr.io/org", "tags": [1.10]}, "'1.1' is not a string; put it into quotes"),
        ({"name": "ghcr.io/org", "tags": ["^1$"]}, "'^1$' is not a pattern"),
        ({"name": "ghcr.io/org", "newest": 0}, "newest: '0' is not a number from 1 on"),
        ({"name": "ghcr.io/org", "platforms": ["amd64"]}, "'amd64' is not a platform such as linux/amd64"),
        ({"name": "ghcr.io/org", "platform": "linux/amd64"}, "unknown settings platform"),
    ],
)
def test_bad_entries(entry: dict[str, Any], message: str) -> None:
    found = problems_of(entry)
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "daily; reboot"}, "mirror_prefetch_schedule: 'daily; reboot' is not a time"),
        ({"schedule": ""}, "mirror_prefetch_schedule: '' is not a time"),
        ({"platforms": []}, "mirror_prefetch_platforms: it must be a list of platforms"),
        ({"mirror_prefetch_reserve": 101}, "mirror_prefetch_reserve: '101' is not a percentage"),
        ({"mirror_prefetch_reserve": "half"}, "mirror_prefetch_reserve: 'half' is not a percentage"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    (found,) = problems_of(**settings)
    assert message in found


def test_a_list_that_is_none() -> None:
    assert problems("alpine", ["docker.io"], AMD64, "daily", {}) == [
        "mirror_prefetch must be a list of mappings, each with at least 'name'."
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("docker.io/alpine", ("docker.io", "library/alpine")),
        ("docker.io/org/image", ("docker.io", "org/image")),
        ("ghcr.io/image", ("ghcr.io", "image")),
    ],
)
def test_names(name: str, expected: tuple[str, str]) -> None:
    assert split(name) == expected


def test_defaults() -> None:
    assert wishes([{"name": "docker.io/alpine"}], AMD64) == [
        {
            "upstream": "docker.io",
            "repository": "library/alpine",
            "tags": ["latest"],
            "newest": 3,
            "platforms": ["linux/amd64"],
        }
    ]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"limit": 100, "remaining": 76, "window_seconds": 21600}, "76 of 100 pulls left in 6 h"),
        ({"limit": 100, "remaining": 20, "window_seconds": 5400}, "20 of 100 pulls left in 1.5 h"),
        ({"limit": 100, "remaining": 19}, "19 of 100 pulls left; WARNING: less than 20 %"),
        ({"limit": None, "remaining": 3}, "3 pulls left"),
        ({}, "no rate limit is told"),
        ({"error": "it is down"}, "not known, it is down"),
        (
            {"refused": 2, "refused_last": "2026-01-04T03:00:00Z"},
            "no rate limit is told; 2 requests refused (429), the last before 2026-01-04T03:00:00Z",
        ),
    ],
)
def test_lines_for_an_operator(entry: dict[str, Any], line: str) -> None:
    (found,) = limits_summary({"docker.io": entry}, 20)
    assert found.startswith(f"docker.io: {line}")
    assert ("WARNING" in found) == ("WARNING" in line)
