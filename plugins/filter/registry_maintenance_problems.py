# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: registry_maintenance_problems
short_description: List what is wrong with the maintenance of a private registry
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks what the role P(dockmirror.fleet.registry#role) is told about garbage collection, backup and restore, before
    anything on a host is touched.
  - The sentences never contain a secret.
options:
  _input:
    description:
      - Settings of the role by their names without C(registry_). These are C(version), C(port), C(data_dir),
        C(config_override), C(gc_schedule), C(gc_delete_untagged), C(backup_repository), C(backup_password),
        C(backup_environment), C(backup_schedule), C(backup_keep) and C(backup_check_subset).
      - With C(restore_snapshot), a restore is checked too.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Check the settings of the maintenance
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ settings | dockmirror.fleet.registry_maintenance_problems }}"
"""

RETURN = r"""
_value:
  description: One sentence per problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_maintenance_settings import problems


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"registry_maintenance_problems": problems}
