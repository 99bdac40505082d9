# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only one maintenance at a time."""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from .errors import BusyError

INTERVAL = 0.5


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock on *path*; wait *timeout* seconds for whoever has it, then raise BusyError.

    The kernel releases the lock when the process ends, however it ends. Programs started meanwhile do not inherit it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout
    with path.open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise BusyError(
                        f"Another maintenance of the registry has been running for more than {timeout:.0f} s: "
                        f"`fuser {path}` shows which process it is."
                    ) from None
                time.sleep(INTERVAL)
        yield
