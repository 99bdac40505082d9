# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: proof_summary
short_description: A line for each client that tells which mirror served it
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Makes a short summary from the results of M(dockmirror.fleet.mirror_proof) of many hosts.
  - Hosts that have no mirror, where the module was skipped, are left out.
  - Hosts without a result (not reached, failed before the proof, or not yet their turn) are counted and named in one
    line.
positional: hostvars, variable
options:
  _input:
    description: Inventory names of the clients.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  variable:
    description: Name of the variable in which each client has the module's result.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Tell who served whom
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | dockmirror.fleet.proof_summary(hostvars, 'proof') }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines, first how many are proven, then one for each client with a result in the order of the input.
  type: list
  elements: str
  sample: ["1 of 2 clients proven", "app-07 -> mirror1.example.com, 183 ms", "app-08 -> FAILED (name_resolution)"]
"""

from collections.abc import Callable
from typing import Any

NAMES_SHOWN = 10


def proof_summary(hosts: Any, hostvars: Any, variable: str) -> list[str]:
    lines = []
    proven = 0
    missing = []
    left_out = 0
    for host in hosts:
        result = hostvars[host].get(variable)
        if result and result.get("skipped"):
            left_out += 1
        elif not result or "cause" not in result:
            missing.append(str(host))
        elif result["cause"] == "ok":
            proven += 1
            lines.append(f"{host} -> {result['served_by']}, {result['elapsed_ms']} ms")
        else:
            lines.append(f"{host} -> FAILED ({result['cause']})")
    if missing:
        names = ", ".join(missing[:NAMES_SHOWN]) + (", ..." if len(missing) > NAMES_SHOWN else "")
        lines.append(f"{len(missing)} without a result: {names}")
    return [f"{proven} of {len(hosts) - left_out} clients proven", *lines]


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"proof_summary": proof_summary}
