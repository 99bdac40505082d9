# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: mirror_url_problems
short_description: What is wrong with the URLs of mirrors
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Checks URLs by dockerd's rules for C(registry-mirrors) (docs/facts.md D15), and refuses plain http unless it is
    allowed.
  - Credentials in a URL are a problem, and are not repeated in the message.
positional: allow_http
options:
  _input:
    description: URLs of mirrors.
    type: list
    elements: str
    required: true
  allow_http:
    description: Whether mirrors without TLS are acceptable.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Refuse bad URLs
  ansible.builtin.assert:
    that: docker_client_mirrors | dockmirror.fleet.mirror_url_problems is empty
"""

RETURN = r"""
_value:
  description: One sentence for each problem; empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import url_problems


def mirror_url_problems(urls: Any, allow_http: bool = False) -> list[str]:
    return url_problems([urls] if isinstance(urls, str) else urls, allow_http)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mirror_url_problems": mirror_url_problems}
