# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: prefetch_problems
short_description: What is wrong with the settings of a mirror that keeps images warm
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks what the types of the role's arguments cannot say. Nothing is asked of the host or of an upstream.
positional: upstreams, platforms, schedule, percents
options:
  _input:
    description: The images, as in C(mirror_prefetch).
    type: list
    elements: dict
    required: true
  upstreams:
    description: Names of the upstreams that the host mirrors.
    type: list
    elements: str
    required: true
  platforms:
    description: The platforms of entries that name none.
    type: list
    elements: str
    required: true
  schedule:
    description: When images are pulled, as systemd writes it.
    type: str
    required: true
  percents:
    description: Variables that are parts of a rate limit, with their values.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ [{'name': 'alpine'}] | dockmirror.fleet.prefetch_problems(['docker.io'], ['linux/amd64'], 'daily', {}) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_prefetch import problems


def prefetch_problems(prefetch: Any, upstreams: Any, platforms: Any, schedule: Any, percents: Any) -> list[str]:
    return problems(prefetch, upstreams, platforms, schedule, percents)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"prefetch_problems": prefetch_problems}
