# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the benchmark: what it says, and that it says which goals are missed."""

from __future__ import annotations

from typing import Any

from tests.bench.report import PARTS, text
from tests.bench.upstream import digest, image

GOOD: dict[str, Any] = {
    "machine": "2 processors",
    "mirror": {
        "image_size": 16 << 20,
        "uplink": 12_500_000,
        "copies": [{"clients": 100, "ours": 1.0, "plain": 98.5}],
        "tag_requests": {"ours": 2, "plain": 110},
        "throughput": [{"clients": 10, "ours": 9e8, "static": 9e8, "ratio": 1.0, "processor_ratio": 0.97}],
        "wall_unlimited": {"ours": 1.6, "plain": 2.0, "ratio": 0.8},
        "wall_limited": {"ours": 2.3, "plain": 40.7, "ratio": 0.06},
    },
    "engines": {
        "clients": 4,
        "image_size": 31 << 20,
        "ours": {"copies": 1.0, "seconds": 2.3},
        "plain": {"copies": 3.25, "seconds": 2.6},
        "ratio": 0.89,
    },
    "registry": {
        "clients": 50,
        "layers": 10,
        "image_size": 20 << 20,
        "bcrypt_cost": 10,
        "with": 8e8,
        "without": 8.2e8,
        "ratio": 0.97,
    },
}
BAD: dict[str, Any] = {
    "machine": "2 processors",
    "mirror": {
        **GOOD["mirror"],
        "copies": [{"clients": 100, "ours": 1.5, "plain": 98.5}],
        "tag_requests": {"ours": 3, "plain": 110},
        "throughput": [{"clients": 10, "ours": 8e8, "static": 9e8, "ratio": 0.89, "processor_ratio": 0.97}],
        "wall_unlimited": {"ours": 2.6, "plain": 2.0, "ratio": 1.3},
        "wall_limited": {"ours": 8.0, "plain": 40.0, "ratio": 0.2},
    },
    "engines": {**GOOD["engines"], "ours": {"copies": 1.5, "seconds": 4.0}, "ratio": 1.5},
    "registry": {**GOOD["registry"], "ratio": 0.5},
}


def test_goals_that_are_met() -> None:
    page, missed = text(GOOD)
    assert missed == []
    assert "| 100 | 1.00 | 98.50 |" in page
    assert "A cold image of 16 MiB" in page
    assert "100 Mbit/s" in page
    assert "| 800 | 820 | 0.97 |" in page
    assert "| copies that upstream sent, 4 engines | 1.00 | 3.25 |" in page


def test_goals_that_are_missed() -> None:
    _page, missed = text(BAD)
    assert missed == [
        "100 clients cost upstream 1.50 copies, more than 1.02",
        "a tag cost 3 requests, more than 2",
        "the throughput with 10 clients is 0.89 of a file's, less than 0.95",
        "30 clients on an uplink that is unlimited took 1.30 of the plain time, more than 1.15",
        "30 clients on an uplink that is limited took 0.20 of the plain time, more than 0.1",
        "real engines cost upstream 1.50 copies, more than 1.02",
        "real engines took 1.50 of the plain time, more than 1.15",
        "with a password the throughput is 0.50 of that without, less than 0.9",
    ]


def only(part: str, results: dict[str, Any]) -> dict[str, Any]:
    """As if this part alone had been measured."""
    return {name: results[name] for name in ("machine", part)}


def test_a_part_alone_replaces_its_sections_and_nothing_else() -> None:
    whole, _missed = text(GOOD)
    for part in PARTS:
        assert text(only(part, GOOD), whole)[0] == whole
    mixed, missed = text(only("mirror", BAD), whole)
    assert len(missed) == 5
    assert mixed == text({**GOOD, "mirror": BAD["mirror"]})[0]
    assert text(BAD, whole)[0] == text(BAD)[0], "a whole run keeps nothing"


def test_a_part_that_the_page_did_not_have_comes_last() -> None:
    before, _missed = text(only("mirror", GOOD))
    after, missed = text(only("registry", GOOD), before)
    assert missed == []
    assert after.startswith(before)
    assert after.rindex("\n## ") == after.index("\n## A password at the private registry")


def test_each_repository_has_layers_of_its_own() -> None:
    one, other = image("bench/a", 2, 1000), image("bench/b", 2, 1000)
    assert one == image("bench/a", 2, 1000)
    assert not set(one.blobs) & set(other.blobs)
    assert all(digest(content) == name for name, content in one.blobs.items())
