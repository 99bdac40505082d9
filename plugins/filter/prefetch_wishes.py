# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: prefetch_wishes
short_description: Fill in what a mirror's prefetch list leaves open
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Gives each image that a mirror keeps warm its upstream, its repository and the defaults.
positional: platforms
options:
  _input:
    description: The images, as in C(mirror_prefetch).
    type: list
    elements: dict
    required: true
  platforms:
    description: The platforms of entries that name none.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what would be pulled
  ansible.builtin.debug:
    msg: "{{ [{'name': 'docker.io/alpine', 'tags': ['3.*']}] | dockmirror.fleet.prefetch_wishes(['linux/amd64']) }}"
"""

RETURN = r"""
_value:
  description: One entry for each image with C(upstream), C(repository), C(tags), C(newest) and C(platforms).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_prefetch import wishes


def prefetch_wishes(prefetch: Any, platforms: Any) -> list[dict[str, Any]]:
    return wishes(prefetch, platforms)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"prefetch_wishes": prefetch_wishes}
