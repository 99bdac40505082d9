# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: upstream_problems
short_description: List what is wrong with a mirror's upstreams
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks the list of upstreams that the role P(dockmirror.fleet.mirror#role) is given, and the override of the
    registry's
    configuration, before anything on a host is touched.
  - The sentences never contain a password.
positional: version, port_base, override
options:
  _input:
    description: The upstreams, as in C(mirror_upstreams).
    type: list
    elements: dict
    required: true
  version:
    description: Version of the registry, such as V(3) or V(2.8.3).
    type: str
    required: true
  port_base:
    description: First port of the range in which upstreams without a port of their own get one.
    type: int
    required: true
  override:
    description: The override of the registry's configuration, as in C(mirror_config_override).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Check the upstreams
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ mirror_upstreams | dockmirror.fleet.upstream_problems('3', 21000) }}"
"""

RETURN = r"""
_value:
  description: One sentence per problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import override_problems, problems


def upstream_problems(upstreams: Any, version: Any, port_base: Any, override: Any = None) -> list[str]:
    return problems(upstreams, version, int(port_base)) + override_problems({} if override is None else override)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"upstream_problems": upstream_problems}
