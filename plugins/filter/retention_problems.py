# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: retention_problems
short_description: List what is wrong with retention rules
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks rules as the module M(dockmirror.fleet.registry_tags) takes them, before any registry is asked.
positional: name
options:
  _input:
    description: The rules.
    type: list
    elements: dict
    required: true
  name:
    description: What the user calls the list.
    type: str
    default: rules
"""

EXAMPLES = r"""
- name: Check the rules
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ registry_retention | dockmirror.fleet.retention_problems('registry_retention') }}"
"""

RETURN = r"""
_value:
  description: One sentence per problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.retention_rules import rule_problems


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"retention_problems": rule_problems}
