# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: registry_storage
short_description: Make the storage section of a private registry's configuration
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Turns the variables of the role P(dockmirror.fleet.registry#role) into what this version of the
    registry understands.
positional: s3, azure, version
options:
  _input:
    description: Where images are kept, V(filesystem), V(s3) or V(azure).
    type: str
    required: true
  s3:
    description: Settings of the driver for S3, as in C(registry_s3).
    type: dict
    required: true
  azure:
    description: Settings of the driver for Azure, as in C(registry_azure).
    type: dict
    required: true
  version:
    description: Version of the registry, such as V(3) or V(2.8.3).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the section
  ansible.builtin.debug:
    msg: "{{ 's3' | dockmirror.fleet.registry_storage({'bucket': 'images', 'region': 'eu-central-1'}, {}, '3') }}"
"""

RETURN = r"""
_value:
  description: The driver with its settings, and what goes with it.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_settings import storage


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"registry_storage": storage}
