# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: limits_summary
short_description: Rate limits of the upstreams in a line each
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Turns what C(dockmirror-mirror limits) prints on a mirror host into lines for an operator.
positional: warn_percent
options:
  _input:
    description: The parsed output, by upstream.
    type: dict
    required: true
  warn_percent:
    description: A line warns when less than this part of the limit remains.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Show what remains
  ansible.builtin.debug:
    msg: "{{ {'docker.io': {'limit': 100, 'remaining': 7}} | dockmirror.fleet.limits_summary(20) }}"
"""

RETURN = r"""
_value:
  description: One line for each upstream.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_prefetch import limits_summary as summary


def limits_summary(limits: Any, warn_percent: Any) -> list[str]:
    return summary(limits, int(warn_percent))


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"limits_summary": limits_summary}
