# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: registry_servers
short_description: How clients reach the private registries of the inventory
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Turns the names of registry hosts into what clients need to know, by the variables of the roles registry and gateway
    that are set for each of them in the inventory; those that are not set have the roles' defaults.
  - Works for registries that are outside of the limit of the run as well.
positional: hostvars
options:
  _input:
    description: Inventory names of the registries.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show all registries as images name them
  ansible.builtin.debug:
    msg: "{{ groups['registries'] | dockmirror.fleet.registry_servers(hostvars) | map(attribute='address') }}"
"""

RETURN = r"""
_value:
  description: One entry for each registry, in the order of the input.
  type: list
  elements: dict
  contains:
    name:
      description: Its C(registry_server_name).
      type: str
      sample: registry.example.com
    address:
      description: The registry as images name it; the port is left out where it is the scheme's own.
      type: str
      sample: registry.example.com
    url:
      description: Its URL.
      type: str
      sample: https://registry.example.com
    ca_file:
      description: Path of the fleet CA on the controller, the empty string where the fleet CA does not sign its
        certificate.
      type: str
      sample: /srv/inventory/fleet-ca/ca.crt
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import registry_of


def registry_servers(hosts: Any, hostvars: Any) -> list[dict[str, str]]:
    servers = []
    for host in hosts:
        try:
            servers.append(registry_of(str(host), hostvars[host]))
        except ValueError as error:
            raise AnsibleFilterError(f"the port of the registry {host} is not a number: {error}") from error
    return servers


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"registry_servers": registry_servers}
