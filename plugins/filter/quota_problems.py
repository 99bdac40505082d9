# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: quota_problems
short_description: What is wrong with the limits of a mirror's disk usage
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks the form of the limits, whether the shares of the upstreams make sense, and, where the size of the filesystem
    is known, whether all of it fits.
positional: min_free, upstreams, filesystem
options:
  _input:
    description: The quota, as in C(mirror_storage_quota).
    type: str
    required: true
  min_free:
    description: What is to stay free, as in C(mirror_storage_min_free).
    type: str
    required: true
  upstreams:
    description: The upstreams, as in C(mirror_upstreams).
    type: list
    elements: dict
    required: true
  filesystem:
    description: Size of the filesystem in bytes; V(0) if it is not known.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ '200 GB' | dockmirror.fleet.quota_problems('5%', [{'name': 'docker.io', 'quota_share': 110}]) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_quota import problems


def quota_problems(quota: Any, min_free: Any, upstreams: Any, filesystem: Any = 0) -> list[str]:
    return problems(quota, min_free, upstreams, int(filesystem))


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"quota_problems": quota_problems}
