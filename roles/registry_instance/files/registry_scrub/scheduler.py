# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of what expires when. A mirror whose list is empty or broken, as a power cut leaves it, does not start."""

from __future__ import annotations

import json
import time
from pathlib import Path

from . import state

FILE = "scheduler-state.json"
SETTLED = 10.0
"""Seconds; a younger file may just be written."""


def heal(data_dir: Path, now: float) -> None:
    """Move a broken list aside: without one the mirror starts, and what it has does not expire by itself."""
    path = data_dir / FILE
    try:
        if now - path.stat().st_mtime < SETTLED or isinstance(json.loads(path.read_bytes()), dict):
            return
    except ValueError:  # that is what is to be healed
        pass
    except OSError:
        return
    target = path.with_name(f"{FILE}.broken-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}")
    path.replace(target)
    state.log(f"WARNING: {path} was broken, and is {target.name} now. What is cached does not expire by itself.")
