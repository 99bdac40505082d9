# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel limit that fleets of systemd hosts reach first: inotify instances of one user, here root.

The kernel's default of 128 is enough for one fleet on a quiet machine. Without an instance, systemd's mount and path
units fail at boot.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.lab import state
from tests.lab.run import say

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
PER_HOST = 10
"""Instances that a booting host with its own engine needs, measured with systemd 252 to 258 and rounded up."""


def used() -> int:
    """Inotify instances that root's processes have open now."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == 0:
                links = (os.readlink(entry) for entry in (process / "fd").iterdir())
                found += sum(link == "anon_inode:inotify" for link in links)
        except OSError:  # it ended meanwhile
            continue
    return found


def needed(limit: int, in_use: int, hosts: int) -> int:
    """The limit with which *hosts* more can start: *limit* itself when that is enough."""
    return max(limit, in_use + hosts * PER_HOST)


def make_room(hosts: int) -> None:
    """Raise the limit until the next reboot when *hosts* more would reach it; the first value is recorded."""
    limit = int(LIMIT.read_text())
    wanted = needed(limit, used(), hosts)
    if wanted == limit:
        return
    record = state.load()
    record.inotify_instances = record.inotify_instances or limit
    state.save(record)
    LIMIT.write_text(f"{wanted}\n")
    say(f"fs.inotify.max_user_instances raised from {limit} to {wanted} until `make demo-down` or a reboot")


def restore() -> None:
    """Put the recorded limit back."""
    record = state.load()
    if record.inotify_instances:
        LIMIT.write_text(f"{record.inotify_instances}\n")
        record.inotify_instances = 0
        state.save(record)
