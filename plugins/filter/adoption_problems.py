# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: adoption_problems
short_description: What is in the way of taking over a mirror that was made by hand
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Judges what the role C(mirror) has seen of a container. Internal to that role.
options:
  _input:
    description: What was seen, and what is wanted.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is in the way
  ansible.builtin.debug:
    msg: "{{ {'container': 'docker-registry-mirror', 'found': false} | dockmirror.fleet.adoption_problems }}"
"""

RETURN = r"""
_value:
  description: Everything that is in the way, each as one sentence; empty if nothing is.
  type: list
  elements: str
  sample: ["There is no container docker-registry-mirror."]
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_adoption import problems


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"adoption_problems": problems}
