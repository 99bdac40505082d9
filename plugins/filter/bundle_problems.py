# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: bundle_problems
short_description: What is in the way of deploying a mirror from a bundle
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Compares what a bundle for a closed network holds with the settings of a mirror.
options:
  _input:
    description: The bundle's C(bundle.json).
    type: str
    required: true
  upstreams:
    description: Names of the upstreams of the mirror.
    type: list
    elements: str
    required: true
  registry_version:
    description: Major version of the mirror's registry.
    type: str
    required: true
  registry_image:
    description: Name of the image of the mirror's registry.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what is in the way
  ansible.builtin.debug:
    msg: >-
      {{ lookup('ansible.builtin.file', '/srv/dockmirror-bundle/bundle.json')
      | dockmirror.fleet.bundle_problems(['docker.io'], '3', 'docker.io/library/registry:3') }}
"""

RETURN = r"""
_value:
  description: Everything that is in the way, each as one sentence; empty if nothing is.
  type: list
  elements: str
  sample: ["mirror_bundle: the bundle has images of quay.io; add them to mirror_upstreams."]
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_bundle import bundle_problems


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"bundle_problems": bundle_problems}
