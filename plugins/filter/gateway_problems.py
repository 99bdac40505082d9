# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: gateway_problems
short_description: List what is wrong with a gateway's settings
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks the variables of the role P(dockmirror.fleet.gateway#role) before anything on a host is touched.
options:
  _input:
    description: >-
      The role's variables by their names without the prefix C(gateway_); those that begin with C(gateway_acme_) are in
      a mapping C(acme) of their own.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Check the settings
  ansible.builtin.assert:
    that: settings | dockmirror.fleet.gateway_problems | length == 0
"""

RETURN = r"""
_value:
  description: One sentence per problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.gateway_settings import problems


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gateway_problems": problems}
