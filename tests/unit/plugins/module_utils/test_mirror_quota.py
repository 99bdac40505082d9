# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of the disk usage as the inventory says them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.filter.storage_size import AnsibleFilterError, storage_size
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_quota import problems, size
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import instances

GIB = 1 << 30
HUB, GHCR = {"name": "docker.io"}, {"name": "ghcr.io", "probe_repository": ""}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", {}),
        ("200G", {"bytes": 200 * GIB}),
        ("200 GiB", {"bytes": 200 * GIB}),
        ("20g", {"bytes": 20 * GIB}),
        ("1.5T", {"bytes": 1536 * GIB}),
        ("80%", {"percent": 80}),
        ("2.5 %", {"percent": 2.5}),
    ],
)
def test_sizes(text: str, meaning: dict[str, Any]) -> None:
    assert size(text) == meaning


@pytest.mark.parametrize("text", ["200", "0G", "0%", "101%", "-1G", "half", "1G2", "G", "%", True, None, [1]])
def test_what_is_no_size(text: Any) -> None:
    with pytest.raises(
        AnsibleFilterError, match=r"is not a size such as 200G, or a part of the filesystem such as 80%"
    ):
        storage_size(text)


@pytest.mark.parametrize(
    ("quota", "min_free", "upstreams"),
    [
        ("", "", [HUB]),
        ("70%", "30%", [HUB]),
        ("80G", "20G", [{**HUB, "quota_share": 60}, {**GHCR, "quota_share": "40"}]),
        ("80G", "", [{**HUB, "quota_share": 99.5}, GHCR]),
        ("", "5%", [HUB, GHCR]),
    ],
)
def test_what_makes_sense(quota: str, min_free: str, upstreams: list[dict[str, Any]]) -> None:
    assert problems(quota, min_free, upstreams, 100 * GIB) == []


@pytest.mark.parametrize(
    ("quota", "min_free", "shares", "message"),
    [
        ("much", "", (None, None), "mirror_storage_quota: 'much' is not a size"),
        ("", "0G", (None, None), "mirror_storage_min_free: '0G' is not a size"),
        ("80%", "30%", (None, None), "(80%) and mirror_storage_min_free (30%) are more than the filesystem together"),
        ("90G", "20%", (None, None), "are more than the filesystem together: that of mirror_data_dir has 100.0 GiB"),
        ("101G", "", (None, None), "mirror_storage_quota (101G) is more than the filesystem"),
        ("", "100G", (None, None), "mirror_storage_min_free (100G) is more than the filesystem"),
        ("80G", "", (0, None), "Upstream docker.io: quota_share '0' is not a percentage from 1 to 100"),
        ("80G", "", (True, None), "quota_share 'True' is not a percentage"),
        ("80G", "", (None, "half"), "Upstream ghcr.io: quota_share 'half' is not a percentage"),
        ("80G", "", (60, 60), "The quota_share of docker.io, ghcr.io are 120 % together, more than there is"),
        ("80G", "", (100, None), "are all of the quota, so that nothing remains for ghcr.io"),
        ("", "5%", (50, None), "quota_share is a part of mirror_storage_quota, which is not set"),
    ],
)
def test_what_makes_no_sense(quota: str, min_free: str, shares: tuple[Any, Any], message: str) -> None:
    upstreams = [{**item, "quota_share": share} for item, share in zip((HUB, GHCR), shares, strict=True)]
    (found,) = problems(quota, min_free, upstreams, 100 * GIB)
    assert message in found


def test_before_the_filesystem_is_known_only_parts_can_be_compared() -> None:
    assert problems("9000T", "50%", [HUB]) == []
    assert problems("1G", "", "docker.io") == [], "what is wrong with the list is said elsewhere"


def test_a_share_is_part_of_an_instance() -> None:
    assert [item["quota_share"] for item in instances([{**HUB, "quota_share": "60"}, GHCR], 21000)] == [60.0, None]
