# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: upstream_instances
short_description: Fill in what a mirror's upstreams leave open
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Gives each upstream of the role P(dockmirror.fleet.mirror#role) its defaults; remote URL, ports, the repository
    by which it is
    proven.
  - An upstream without a port gets one that follows from its name alone, so that a new upstream never moves another
    one.
positional: port_base
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
"""

EXAMPLES = r"""
- name: Show the ports
  ansible.builtin.debug:
    msg: "{{ [{'name': 'docker.io'}] | dockmirror.fleet.upstream_instances(21000) | map(attribute='port') }}"
"""

RETURN = r"""
_value:
  description: The upstreams with C(name), C(slug), C(remote_url), C(port), C(debug_port) and all other settings.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import UpstreamError, instances


def upstream_instances(upstreams: Any, port_base: Any) -> list[dict[str, Any]]:
    try:
        return instances(upstreams, int(port_base))
    except UpstreamError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"upstream_instances": upstream_instances}
