# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one look has found, and done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from .choose import Pool


class Filesystem(NamedTuple):
    """That on which the data is."""

    size: int

    free: int
    """Bytes that are free for others than root."""


def filesystem(path: Path) -> Filesystem:
    """Ask the kernel."""
    found = os.statvfs(path)
    return Filesystem(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


class Freed(NamedTuple):
    """What a look has removed."""

    bytes: int = 0
    blobs: int = 0
    manifests: int = 0


class Share(NamedTuple):
    """One upstream."""

    usage: int
    """Bytes that remain on the disk."""

    fetching: int
    """Bytes of them that are just being fetched."""

    blobs: int
    """Number of blobs there were, manifests included."""

    freed: int


class Look(NamedTuple):
    """One look."""

    filesystem: Filesystem
    """As it was when the look began."""

    quota: int
    """In bytes; 0 if there is none."""

    min_free: int
    """In bytes; 0 if there is none."""

    pools: list[Pool]
    """The limits, with the usage that remains."""

    freed: Freed
    upstreams: dict[str, Share]

    idle: float
    """Seconds for which that was not used what went last; 0 if nothing went."""

    log_missing: bool

    @property
    def problem(self) -> str:
        """Why a limit is not kept; empty if all are."""
        if any(pool.usage > pool.limit for pool in self.pools):
            return "What is just being fetched needs more than the quota."
        if self.filesystem.free + self.freed.bytes < self.min_free:
            return "Less is free than mirror_storage_min_free wants, and the mirrors have nothing left to remove."
        return ""
