# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: podman_registries
short_description: Write a registries.conf drop-in with mirrors for Podman
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Makes the text of a file for C(/etc/containers/registries.conf.d), with an entry for each registry and its mirrors.
  - A mirror's location has the name of the registry as the first part of its path, by which the gateway knows which
    registry is meant. Short names are not touched.
options:
  _input:
    description: Registries with their mirrors, in order.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Let Podman use a mirror of ghcr.io
  ansible.builtin.copy:
    dest: /etc/containers/registries.conf.d/50-dockmirror.conf
    content: >-
      {{ [{'name': 'ghcr.io', 'mirrors': ['https://mirror1.example.com']}] | dockmirror.fleet.podman_registries }}
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The file.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.podman_registries import document


def podman_registries(upstreams: Any) -> str:
    return document({item["name"]: item["mirrors"] for item in upstreams})


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"podman_registries": podman_registries}
