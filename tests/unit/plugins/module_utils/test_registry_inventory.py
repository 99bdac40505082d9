# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a registry in memory."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_inventory import take_inventory

from .fake_registry import FakeRegistry

EVERY = ["**"]


@pytest.fixture
def registry() -> FakeRegistry:
    filled = FakeRegistry()
    filled.push("team/app", "v1", "stable", age=0, layer=b"base" * 100)
    filled.push("team/app", "v2", name="2", age=1, layer=b"base" * 100)
    filled.push("team/tool", "v1", age=0, layer=b"base" * 100)
    filled.push("other/x", name="untagged")
    return filled


def names(found: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in found["repositories"]]


def test_repositories_alone(registry: FakeRegistry) -> None:
    found = take_inventory(registry.client(), ["team/*"], EVERY, "repositories")
    assert found == {"repositories": [{"name": "team/app"}, {"name": "team/tool"}]}
    assert [request.path for request in registry.requests] == ["/v2/_catalog"]


def test_plain_names_need_no_list_of_repositories(registry: FakeRegistry) -> None:
    found = take_inventory(registry.client(), ["team/tool", "no/such"], EVERY, "tags")
    assert found == {"repositories": [{"name": "no/such", "tags": []}, {"name": "team/tool", "tags": ["v1"]}]}
    assert "/v2/_catalog" not in [request.path for request in registry.requests]


def test_tags_by_pattern(registry: FakeRegistry) -> None:
    found = take_inventory(registry.client(), EVERY, ["v[0-9]"], "tags")
    assert [entry["tags"] for entry in found["repositories"]] == [[], ["v1", "v2"], ["v1"]]
    assert names(found) == ["other/x", "team/app", "team/tool"]


def test_images_with_their_parts(registry: FakeRegistry) -> None:
    found = take_inventory(registry.client(), ["team/app"], EVERY, "images")["repositories"][0]["images"]
    assert [image["tags"] for image in found] == [["stable", "v1"], ["v2"]]
    first = found[0]
    assert first["digest"] == registry.stores["team/app"].tags["v1"]
    assert first["media_type"] == "application/vnd.oci.image.manifest.v1+json"
    assert first["created"] == "2026-05-28T20:26:40Z"
    assert [layer["size"] for layer in first["layers"]] == [400]
    store = registry.stores["team/app"]
    assert first["manifest_size"] == len(store.manifests[first["digest"]][1])
    assert first["size"] == first["manifest_size"] + len(store.blobs[first["config"]]) + 400
    assert first["children"] == []


def test_a_part_of_several_images_counts_once(registry: FakeRegistry) -> None:
    found = take_inventory(registry.client(), EVERY, EVERY, "images")
    app, tool = found["repositories"][1:]
    assert app["unique_bytes"] == sum(image["size"] for image in app["images"]) - 400
    # Both repositories have the image v1: a registry stores it once.
    assert found["unique_bytes"] == app["unique_bytes"]
    assert tool["unique_bytes"] == tool["images"][0]["size"]
    assert found["repositories"][0] == {"name": "other/x", "images": [], "unique_bytes": 0}


def test_an_index_with_its_children(registry: FakeRegistry) -> None:
    children = [registry.push("multi", name=str(age), age=age, layer=b"base" * 100) for age in (3, 2)]
    index = registry.index("multi", "v1", children=[*children, "sha256:" + 64 * "e"])
    found = take_inventory(registry.client(), ["multi"], EVERY, "images")["repositories"][0]
    (image,) = found["images"]
    assert (image["digest"], image["config"], image["layers"]) == (index, "", [])
    assert [child["digest"] for child in image["children"]] == children, "those that are there"
    assert {child["platform"] for child in image["children"]} == {"unknown/unknown"}
    assert image["created"] == image["children"][1]["created"] == "2026-05-26T20:26:40Z"
    sizes = [child["size"] for child in image["children"]]
    assert image["size"] == image["manifest_size"] + sum(sizes) - 400 == found["unique_bytes"]


def test_a_tag_without_a_manifest_is_left_out(registry: FakeRegistry) -> None:
    registry.stores["team/tool"].tags["broken"] = "sha256:" + 64 * "b"
    found = take_inventory(registry.client(), ["team/tool"], EVERY, "images")["repositories"][0]
    assert [image["tags"] for image in found["images"]] == [["v1"]]
