# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a mirror that was made by hand from being taken over."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_adoption import clone_problems, problems

HUB = "https://registry-1.docker.io"
SEEN: dict[str, Any] = {
    "container": "docker-registry-mirror",
    "found": True,
    "adopted": False,
    "config": {"version": 0.1, "proxy": {"remoteurl": HUB + "/"}},
    "data_dir": "/opt/docker-registry/data",
    "disk": ["2049", "2049"],
    "version": "registry github.com/distribution/distribution/v3 v3.0.0",
    "upstream": "docker.io",
    "upstreams": [{"name": "docker.io", "remote_url": HUB}, {"name": "quay.io", "remote_url": "https://quay.io"}],
    "mirror_data_dir": "/var/lib/dockmirror/mirror",
    "major": 3,
}


@pytest.mark.parametrize("version", [SEEN["version"], "registry github.com/docker/distribution 2.8.3", "", "devel"])
def test_nothing_is_in_the_way(version: str) -> None:
    assert problems({**SEEN, "version": version}) == []


def test_a_run_that_was_interrupted_goes_on_and_one_that_was_not_is_not_repeated() -> None:
    assert problems({**SEEN, "disk": ["moved"]}) == []
    assert problems({**SEEN, "found": False, "adopted": True}) == []


@pytest.mark.parametrize(
    ("different", "message"),
    [
        ({"found": False}, "There is no container docker-registry-mirror"),
        ({"upstream": "ghcr.io"}, "(ghcr.io) is not in mirror_upstreams"),
        ({"config": {"version": 0.1}}, "is no mirror: its configuration has no proxy.remoteurl"),
        ({"config": {"proxy": None}}, "is no mirror"),
        ({"config": None}, "is no mirror"),
        ({"upstream": "quay.io"}, f"mirrors {HUB}/, and not https://quay.io"),
        ({"data_dir": ""}, "keeps its data in itself"),
        ({"disk": []}, "/opt/docker-registry/data, where docker-registry-mirror keeps its data, is no directory"),
        ({"disk": ["1", "2"]}, "are on different filesystems"),
        ({"disk": ["1", "1", "taken"]}, "/var/lib/dockmirror/mirror/docker.io has data already"),
        ({"major": 2}, "runs registry 3, and mirror_registry_version is 2"),
    ],
)
def test_what_is_in_the_way_is_said(different: dict[str, Any], message: str) -> None:
    (found,) = problems({**SEEN, **different})
    assert message in found


OLD, NEW = "registry github.com/docker/distribution 2.8.3", "registry github.com/distribution/distribution/v3 v3.1.1"


@pytest.mark.parametrize(
    ("target", "source", "message"),
    [
        (NEW, NEW, ""),
        (NEW, OLD, ""),
        ("registry v3.10.0", "registry v3.9.1", ""),
        (OLD, NEW, "old has registry 3.1, and new 2.8: data is not taken back to an older version."),
        ("", NEW, "There is no mirror on new that runs. Deploy it with the playbook mirror first."),
        (NEW, "", "There is no mirror on old that runs. Deploy it with the playbook mirror first."),
    ],
)
def test_a_cache_is_copied_to_the_same_or_a_newer_version(target: str, source: str, message: str) -> None:
    assert clone_problems([target, source], "new", "old") == ([message] if message else [])
