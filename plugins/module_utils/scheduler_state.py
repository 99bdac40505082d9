# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pull-through cache's list of what expires when, ``scheduler-state.json``.

A registry that finds this file empty or truncated, as a full disk leaves it, panics when it starts. Without the file it
starts, and what is already cached simply does not expire by itself.
"""

from __future__ import annotations

import json
import os
import time

SETTLE_SECONDS = 1.0
"""A file that does not parse is read again after this time: the registry may have been writing it."""


def is_broken(path: str, settle: float = SETTLE_SECONDS) -> bool:
    """Whether the registry could not start with this file. A missing file is fine."""
    if not _unreadable(path):
        return False
    time.sleep(settle)
    return _unreadable(path)


def move_aside(path: str) -> str:
    """Rename the file so that the registry starts without it; nothing is lost. Returns the new path."""
    target = "{}.broken-{}".format(path, time.strftime("%Y%m%dT%H%M%S"))
    os.rename(path, target)
    return target


def _unreadable(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return not isinstance(json.loads(file.read().decode("utf-8")), dict)
    except FileNotFoundError:
        return False
    except ValueError:
        return True
