# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: mirror_order
short_description: Order mirrors for one client so that load spreads over the fleet
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Gives each client its own order of the mirrors by rendezvous (highest random weight) hashing. The client asks the
    first one, the rest are its failover.
  - The order is the same in every run. Over many clients, every mirror is first equally often; the clients of a mirror
    that fails spread over all others. A new mirror takes its share of clients and moves no other one.
positional: client
options:
  _input:
    description: URLs of the mirrors. Their order does not matter, duplicates are dropped.
    type: list
    elements: str
    required: true
  client:
    description: Name of the client, normally C(inventory_hostname).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the mirrors of this host in its order
  ansible.builtin.debug:
    msg: "{{ ['https://a.example.com', 'https://b.example.com'] | dockmirror.fleet.mirror_order(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The mirrors in the client's order.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import order_mirrors


def mirror_order(mirrors: Any, client: Any) -> list[str]:
    if isinstance(mirrors, str) or not all(isinstance(mirror, str) for mirror in mirrors):
        raise AnsibleFilterError(f"dockmirror.fleet.mirror_order needs a list of URLs, not {mirrors!r}")
    return order_mirrors(mirrors, str(client))


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mirror_order": mirror_order}
