# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: registry_problems
short_description: List what is wrong with a private registry's settings
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks the variables of the role P(dockmirror.fleet.registry#role) before anything on a host is touched.
  - The sentences never contain a password.
options:
  _input:
    description: The role's variables by their names without the prefix C(registry_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Check the settings
  ansible.builtin.assert:
    that: settings | dockmirror.fleet.registry_problems | length == 0
"""

RETURN = r"""
_value:
  description: One sentence per problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_settings import problems


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"registry_problems": problems}
