# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: mirror_servers
short_description: How clients reach the mirrors of the inventory
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Turns the names of mirror hosts into what clients need to know, by the variables of the gateway role that are set
    for each mirror in the inventory; those that are not set have the role's defaults.
  - Works for mirrors that are outside of the limit of the run as well.
positional: hostvars
options:
  _input:
    description: Inventory names of the mirrors.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the URLs of all mirrors
  ansible.builtin.debug:
    msg: "{{ groups['mirrors'] | dockmirror.fleet.mirror_servers(hostvars) | map(attribute='url') }}"
"""

RETURN = r"""
_value:
  description: One entry for each mirror, in the order of the input.
  type: list
  elements: dict
  contains:
    name:
      description: Its C(gateway_server_name), by which it also calls itself in the probe image.
      type: str
      sample: mirror1.example.com
    url:
      description: Its URL; the port is left out where it is the scheme's own.
      type: str
      sample: https://mirror1.example.com
    ca_file:
      description: Path of the fleet CA on the controller, the empty string where the fleet CA does not sign its
        certificate.
      type: str
      sample: /srv/inventory/fleet-ca/ca.crt
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import server_of


def mirror_servers(hosts: Any, hostvars: Any) -> list[dict[str, str]]:
    servers = []
    for host in hosts:
        try:
            servers.append(server_of(str(host), hostvars[host]))
        except ValueError as error:
            raise AnsibleFilterError(f"the port of the mirror {host} is not a number: {error}") from error
    return servers


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mirror_servers": mirror_servers}
