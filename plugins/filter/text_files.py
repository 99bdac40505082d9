# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
name: text_files
short_description: The text of files on the controller
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Turns paths of files into what the module M(dockmirror.fleet.directory_files) writes.
options:
  _input:
    description: Paths on the controller. The files are text in UTF-8, and no two have the same name.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Write a program that is among the files of the role
  dockmirror.fleet.directory_files:
    path: /usr/local/lib/example
    files: "{{ query('ansible.builtin.fileglob', 'example/*.py') | dockmirror.fleet.text_files }}"
"""

RETURN = r"""
_value:
  description: The text of each file by its name.
  type: dict
  sample: {__init__.py: ""}
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError


def text_files(paths: Iterable[str]) -> dict[str, str]:
    files: dict[str, str] = {}
    for path in map(Path, paths):
        if path.name in files:
            raise AnsibleFilterError(f"text_files: there are several {path.name}")
        try:
            files[path.name] = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise AnsibleFilterError(f"text_files: {path} cannot be read: {error}") from error
    return files


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"text_files": text_files}
