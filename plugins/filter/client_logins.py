# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: client_logins
short_description: The logins of a client, complete
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Completes logins for M(dockmirror.fleet.docker_logins). One without a registry is for every registry of the
    inventory, one without a password has that of the user of the same name in C(registry_users) of the registry.
  - The result has passwords in it unless O(passwords) is false.
positional: hosts, hostvars, passwords
options:
  _input:
    description: Logins as in C(docker_client_logins) of the role docker_client.
    type: list
    elements: dict
    required: true
  hosts:
    description: Inventory names of the registries.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  passwords:
    description: Whether the result has the passwords, as M(dockmirror.fleet.docker_login_proof) must not be given.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Log in
  dockmirror.fleet.docker_logins:
    logins: "{{ docker_client_logins | dockmirror.fleet.client_logins(groups['registries'], hostvars) }}"
"""

RETURN = r"""
_value:
  description: Logins with registry, username, users, and password if asked for.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.client_logins import Registries, expand


def client_logins(logins: Any, hosts: Any, hostvars: Any, passwords: bool = True) -> list[dict[str, Any]]:
    complete = expand(logins, Registries(hosts, hostvars))
    if passwords:
        return complete
    return [{key: value for key, value in login.items() if key != "password"} for login in complete]


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"client_logins": client_logins}
