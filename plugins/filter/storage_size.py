# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: storage_size
short_description: What a size or a part of a filesystem means
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Turns V(200G) into C(bytes) and V(80%) into C(percent). Units are powers of 1024.
options:
  _input:
    description: The text; empty for no limit.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show how much that is
  ansible.builtin.debug:
    msg: "{{ ('200G' | dockmirror.fleet.storage_size).bytes }}"
"""

RETURN = r"""
_value:
  description: A mapping with C(bytes) or C(percent); empty for no limit.
  type: dict
  sample: {bytes: 214748364800}
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_quota import size


def storage_size(text: Any) -> dict[str, Any]:
    try:
        return size(text)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_size": storage_size}
