# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: mirrored_upstreams
short_description: Which registries the mirrors of the inventory serve
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Collects the upstreams (C(mirror_upstreams)) of all mirrors, each with the URLs of the mirrors that serve it.
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
- name: Show what is mirrored, and where
  ansible.builtin.debug:
    msg: "{{ groups['mirrors'] | dockmirror.fleet.mirrored_upstreams(hostvars) }}"
"""

RETURN = r"""
_value:
  description: One entry for each registry, in the order of the mirrors and their lists.
  type: list
  elements: dict
  contains:
    name:
      description: The registry as it stands in image names.
      type: str
      sample: ghcr.io
    mirrors:
      description: URLs of its mirrors.
      type: list
      elements: str
      sample: ["https://mirror1.example.com"]
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import mirrored_upstreams as collect


def mirrored_upstreams(hosts: Any, hostvars: Any) -> list[dict[str, Any]]:
    try:
        return collect((str(host), hostvars[host]) for host in hosts)
    except (ValueError, KeyError, TypeError) as error:
        raise AnsibleFilterError(
            f"the variables of a mirror cannot be used (its port, mirror_upstreams): {error!r}"
        ) from error


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mirrored_upstreams": mirrored_upstreams}
