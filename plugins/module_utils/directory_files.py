# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to happen for a directory to have exactly certain files."""

from __future__ import annotations

import os
from typing import Any, NamedTuple


class FilesError(Exception):
    """The files cannot be as they are wanted; the text says why."""


class Plan(NamedTuple):
    """What has to happen."""

    write: dict[str, bytes]
    """Content by name of the files that are missing or different, in the order of their names."""

    remove: list[str]
    """Names of the files that are not wanted."""

    before: dict[str, str]
    """What stands in the files that will be replaced or removed."""

    def diff(self, path: str) -> list[dict[str, str]]:
        """One entry for each file that changes, as ``--diff`` shows them."""
        names = sorted([*self.write, *self.remove])
        return [
            {
                "before_header": os.path.join(path, name),
                "after_header": os.path.join(path, name),
                "before": self.before.get(name, ""),
                "after": self.write.get(name, b"").decode("utf-8"),
            }
            for name in names
        ]


def plan(path: str, files: dict[str, Any]) -> Plan:
    """Compare a directory, which may be missing, with what is wanted; raises FilesError and OSError."""
    for name, content in files.items():
        if not name or "/" in name or name in (".", ".."):
            raise FilesError(f"{name!r} is no name of a file.")
        if not isinstance(content, str):
            raise FilesError(f"The content of {name} is {type(content).__name__}, and not text.")
        if os.path.isdir(os.path.join(path, name)):
            raise FilesError(f"{name} is a directory there.")
    write: dict[str, bytes] = {}
    before: dict[str, str] = {}
    for name, content in sorted(files.items()):
        found, wanted = _read(os.path.join(path, name)), content.encode("utf-8")
        if found != wanted:
            write[name] = wanted
            if found is not None:
                before[name] = found.decode("utf-8", "replace")
    remove = []
    for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
        full = os.path.join(path, name)
        if name not in files and (os.path.islink(full) or not os.path.isdir(full)):
            remove.append(name)
            before[name] = (_read(full) or b"").decode("utf-8", "replace")
    return Plan(write, remove, before)


def _read(path: str) -> bytes | None:
    """What stands in a file; None if there is none. A link is none, and neither are pipes and the like."""
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()
