# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When to look: at once when space falls fast, and else now and then.

To count what is stored takes time; to ask how much is free does not. So the free space is watched, and a look follows
when as much has been taken as the fullest mirror may still grow. What others free meanwhile does not count against
that: it would hide what a mirror takes.
"""

from __future__ import annotations

import time
from typing import Callable

from .choose import BEGIN
from .evictor import FREE_BEGIN, Evictor
from .look import Filesystem, Look

SECONDS = 0.25
"""Between two questions for the free space; what is freed and what is taken in between cannot be told apart."""
LONGEST = 60.0
"""Seconds after which a look comes in any case, if anything has changed."""
PART = 20
"""Looks take no more than the 20th part of the time, except when space falls fast."""
STEP = 0.01
"""Part of a limit by which a mirror that is over it must have grown before it is worth another look."""


class Watch:
    """Decides whether it is time for a look."""

    def __init__(self) -> None:
        self._look: Look | None = None
        self._ended = 0.0
        self._took = 0.0
        self._free = 0
        self._taken = 0
        self._changed = False

    def looked(self, look: Look, began: float, ended: float) -> None:
        """Remember a look; times are of a clock that does not jump."""
        self._look, self._ended, self._took = look, ended, ended - began
        self._free = look.filesystem.free + look.freed.bytes
        self._taken, self._changed = 0, look.freed.bytes > 0

    def due(self, disk: Filesystem, now: float) -> bool:
        """Whether it is time for a look; *disk* is what is there now."""
        look, idle = self._look, now - self._ended
        if look is None:
            return True
        self._taken += max(0, self._free - disk.free)
        self._changed |= self._free != disk.free
        self._free = disk.free
        if idle >= max(LONGEST, self._took * PART) and self._changed:
            return True
        for pool in look.pools:
            if self._taken > max(pool.limit * BEGIN - pool.usage, pool.limit * STEP):
                return True
        return disk.free < look.min_free * FREE_BEGIN and self._taken > look.min_free * STEP


def watch(
    evictor: Evictor,
    measure: Callable[[], Filesystem],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Watch until the process is ended."""
    state = Watch()
    while True:
        began = clock()
        if state.due(measure(), began):
            state.looked(evictor.look(), began, clock())
        sleep(SECONDS)
