# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a mirror can be deployed from a bundle."""

from __future__ import annotations

import json

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_bundle import bundle_problems

IMAGE = "docker.io/library/registry:3"
BUNDLE = json.dumps(
    {"registry_image": IMAGE, "images": [{"name": "docker.io/library/alpine:3.20"}, {"name": "quay.io/team/app:1"}]}
)


def test_a_bundle_that_fits() -> None:
    assert bundle_problems(BUNDLE, ["quay.io", "docker.io", "ghcr.io"], "3", IMAGE) == []


def test_upstreams_that_are_not_mirrored() -> None:
    assert bundle_problems(BUNDLE, ["docker.io"], 3, IMAGE) == [
        "mirror_bundle: the bundle has images of quay.io; add them to mirror_upstreams."
    ]


def test_another_image_of_the_registry() -> None:
    (problem,) = bundle_problems(BUNDLE, ["docker.io", "quay.io"], "3", "registry.example.com/registry:3")
    assert f"the bundle has the image {IMAGE}, and mirror_registry_image is registry.example.com/registry:3" in problem


@pytest.mark.parametrize("version", ["2", 2, "2.8.3"])
def test_registry_2(version: str | int) -> None:
    (problem,) = bundle_problems(BUNDLE, ["docker.io", "quay.io"], version, "docker.io/library/registry:2")
    assert "registry 2 does not start while its upstream is out of reach" in problem


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"registry_image": "x", "images": [1]}'])
def test_what_is_no_bundle(text: str) -> None:
    assert bundle_problems(text, ["docker.io"], "3", IMAGE) == [
        "mirror_bundle: its bundle.json was not written by the playbook bundle."
    ]
