# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: mirrored_upstream_problems
short_description: What is wrong with the registries and mirrors of a client
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks a list as P(dockmirror.fleet.mirrored_upstreams#filter) makes it. Plain http is refused unless it is allowed.
  - Credentials in a URL are a problem, and are not repeated in the message.
positional: role, allow_http
options:
  _input:
    description: Registries with their mirrors.
    type: list
    elements: dict
    required: true
  role:
    description: The role whose variables the messages name.
    type: str
    required: true
  allow_http:
    description: Whether mirrors without TLS are acceptable.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Refuse bad mirrors
  ansible.builtin.assert:
    that: containerd_client_upstreams | dockmirror.fleet.mirrored_upstream_problems('containerd_client') is empty
"""

RETURN = r"""
_value:
  description: One sentence for each problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import mirrored_upstream_problems as problems_of


def mirrored_upstream_problems(upstreams: Any, role: str, allow_http: bool = False) -> list[str]:
    return problems_of(upstreams, allow_http, role)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mirrored_upstream_problems": mirrored_upstream_problems}
