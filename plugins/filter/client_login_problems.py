# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: client_login_problems
short_description: What is wrong with the logins of a client
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks logins before they are used. No message has a password in it.
positional: hosts, hostvars, insecure
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
  insecure:
    description: Registries whose certificates the client does not verify.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse bad logins
  ansible.builtin.assert:
    that: docker_client_logins | dockmirror.fleet.client_login_problems(groups['registries'], hostvars) is empty
"""

RETURN = r"""
_value:
  description: One sentence for each problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.client_logins import Registries, problems


def client_login_problems(logins: Any, hosts: Any, hostvars: Any, insecure: Any = ()) -> list[str]:
    return problems(logins, Registries(hosts, hostvars), insecure)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"client_login_problems": client_login_problems}
