# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: upstream_endpoints
short_description: Tell the gateway where a host's mirrors listen
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Turns the upstreams of the role P(dockmirror.fleet.mirror#role) into what the role
    P(dockmirror.fleet.gateway#role) wants to know
    of them.
positional: port_base, data_dir
options:
  _input:
    description: The upstreams, as in C(mirror_upstreams).
    type: list
    elements: dict
    required: true
  port_base:
    description: First port of the range in which upstreams without a port of their own get one.
    type: int
    required: true
  data_dir:
    description: Directory on the host with the data of all instances, as in C(mirror_data_dir).
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show where the mirrors listen
  ansible.builtin.debug:
    msg: "{{ [{'name': 'docker.io'}] | dockmirror.fleet.upstream_endpoints(21000) }}"
"""

RETURN = r"""
_value:
  description: Mappings with C(name), C(address), C(data_dir), C(allow), C(deny) and C(probe_repository).
  type: list
  elements: dict
  sample:
    - {name: docker.io, address: "127.0.0.1:21394", data_dir: "", allow: [], deny: [], probe_repository: library/alpine}
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import UpstreamError, endpoints


def upstream_endpoints(upstreams: Any, port_base: Any, data_dir: str = "") -> list[dict[str, Any]]:
    try:
        return endpoints(upstreams, int(port_base), data_dir)
    except UpstreamError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"upstream_endpoints": upstream_endpoints}
