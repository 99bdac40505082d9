# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: clients_without
short_description: Hosts that have something to do and have not done it
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Of the given hosts, those for which one variable is set and not empty, and another one is not true.
  - A host that was not reached, or is outside of the limit, has not done it.
positional: hostvars, variable, done
options:
  _input:
    description: Inventory names of hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  variable:
    description: Name of the variable that says that there is something to do.
    type: str
    required: true
  done:
    description: Name of the variable that says that it is done.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show which clients have not changed over
  ansible.builtin.debug:
    msg: "{{ groups['clients'] | dockmirror.fleet.clients_without(hostvars, 'docker_client_logins', 'changed_over') }}"
"""

RETURN = r"""
_value:
  description: Names of hosts, in the order of the input.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any


def clients_without(hosts: Any, hostvars: Any, variable: str, done: str) -> list[str]:
    return [str(host) for host in hosts if hostvars[host].get(variable) and not hostvars[host].get(done)]


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"clients_without": clients_without}
