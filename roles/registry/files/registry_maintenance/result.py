# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of each maintenance: a line in the journal and a small file for monitoring."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


def now() -> str:
    """This moment in UTC, as ISO 8601 writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def log(message: str) -> None:
    """Write a line to the journal."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def load(path: Path) -> dict[str, Any]:
    """The last result; {} where there is none that can be read."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace a file as a whole, so that a reader never sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def close(path: Path) -> None:
    """Make a failure of a result that nobody will finish any more."""
    content = load(path)
    if content and content.get("end") is None:
        write(path, {**content, "end": now(), "ok": False, "error": "It was killed."})


class Result:
    """Result of one run. Until `finish`, its ``end`` and ``ok`` are null."""

    def __init__(self, path: Path) -> None:
        """Begin a run whose result is in *path*. The time of the last success is carried over."""
        self._path = path
        self._content: dict[str, Any] = {
            "start": now(),
            "end": None,
            "ok": None,
            "error": None,
            "last_success": load(path).get("last_success"),
        }
        write(path, self._content)

    def note(self, **facts: Any) -> None:
        """Add facts to the result."""
        self._content.update(facts)

    def finish(self, error: str = "") -> None:
        """Write the result; with *error*, as a failure."""
        end = now()
        self._content.update(end=end, ok=not error, error=error or None)
        if not error:
            self._content["last_success"] = end
        write(self._path, self._content)
