# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When to look: at once when space falls fast, and else now and then.

To count what is stored takes time; to ask how much is free does not. So the free space is watched, and a look follows
when less is free by as much as the fullest mirror may still grow.
"""

from __future__ import annotations

import time
from typing import Callable

from .choose import BEGIN
from .evictor import FREE_BEGIN, Evictor
from .look import Filesystem, Look

SECONDS = 1.0
"""Between two questions for the free space."""
LONGEST = 60.0
"""Seconds after which a look comes in any case, if anything has changed: others may have freed what a mirror took."""
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

    def looked(self, look: Look, began: float, ended: float) -> None:
        """Remember a look; times are of a clock that does not jump."""
        self._look, self._ended, self._took = look, ended, ended - began
        self._free = look.filesystem.free + look.freed.bytes

    def due(self, disk: Filesystem, now: float) -> bool:
        """Whether it is time for a look."""
        look, idle = self._look, now - self._ended
        if look is None:
            return True
        grown = self._free - disk.free
        if idle >= max(LONGEST, self._took * PART) and (grown or look.freed.bytes):
            return True
        for pool in look.pools:
            if grown > max(pool.limit * BEGIN - pool.usage, pool.limit * STEP):
                return True
        return disk.free < look.min_free * FREE_BEGIN and grown > look.min_free * STEP


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
