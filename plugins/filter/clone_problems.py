# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: clone_problems
short_description: What is in the way of copying a mirror's cache to another one
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Compares the versions of both registries. Data is not taken back to an older version.
options:
  _input:
    description: What the programs of the new mirror and of the other one say of their version; empty where none runs.
    type: list
    elements: str
    required: true
  target:
    description: Name of the new mirror.
    type: str
    required: true
  source:
    description: Name of the other one.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what is in the way
  ansible.builtin.debug:
    msg: "{{ ['registry v3.0.0', 'registry v3.1.1'] | dockmirror.fleet.clone_problems('new', 'old') }}"
"""

RETURN = r"""
_value:
  description: Everything that is in the way, each as one sentence; empty if nothing is.
  type: list
  elements: str
  sample: ["old has registry 3.1, and new 3.0: data is not taken back to an older version."]
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_adoption import clone_problems


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"clone_problems": clone_problems}
