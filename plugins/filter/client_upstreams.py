# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: client_upstreams
short_description: Order the mirrors of each registry for one client
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Puts the mirrors of each registry into the client's own order, see P(dockmirror.fleet.mirror_order#filter).
positional: client
options:
  _input:
    description: Registries with their mirrors.
    type: list
    elements: dict
    required: true
  client:
    description: Name of the client, normally C(inventory_hostname).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the mirrors of this host
  ansible.builtin.debug:
    msg: "{{ upstreams | dockmirror.fleet.client_upstreams(inventory_hostname) }}"
  vars:
    upstreams: "{{ groups['mirrors'] | dockmirror.fleet.mirrored_upstreams(hostvars) }}"
"""

RETURN = r"""
_value:
  description: The same registries, each with its mirrors in order.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import order_mirrors


def client_upstreams(upstreams: Any, client: Any) -> list[dict[str, Any]]:
    return [{"name": item["name"], "mirrors": order_mirrors(item["mirrors"], str(client))} for item in upstreams]


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"client_upstreams": client_upstreams}
