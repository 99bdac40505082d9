# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that says how far a scrub has come, for the next one, for people and for monitoring."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

FILE = "result.json"


def stamp(seconds: float) -> str:
    """A time since the epoch as it stands in the file (UTC)."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def load(folder: Path) -> dict[str, Any]:
    """What the last scrub has left; empty if there is nothing, or nothing that can be read."""
    try:
        document = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def save(folder: Path, document: dict[str, Any]) -> None:
    """Replace the file as a whole."""
    part = folder / f"{FILE}.part"
    part.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    os.replace(part, folder / FILE)


def log(message: str) -> None:
    """A line for the journal."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
