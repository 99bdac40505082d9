# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was used, and when: read from the gateway's log, which knows of every pull, from whatever tier it was served.

The times of a file would not do: most pulls are answered by the gateway's cache, and filesystems are mounted with
``relatime`` or ``noatime``.
"""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Callable

from mirror_upkeep import state

FILE = "uses.json"
_INTERESTING = (b'"kind":"blob"', b'"kind":"manifest"')
_GOOD = (200, 206, 304)
# No part of it can lead to another directory.
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}")

Resolve = Callable[[str, str, str], str]
"""Gives the digest of upstream, repository and tag; empty if that is not known."""


class Uses:
    """Times of last use by upstream and digest, in seconds since the epoch."""

    def __init__(self, folder: Path) -> None:
        """Go on from where the last run has stopped."""
        self._path = folder / FILE
        document = state.load(self._path)
        self._log: dict[str, int] = document.get("log") or {}
        self._times: dict[str, dict[str, float]] = document.get("times") or {}
        self.missing = False
        """Whether there was no log to read."""

    def read(self, log: Path, resolve: Resolve) -> None:
        """Read what was logged since the last time, over one turn of the log."""
        position = (self._log.get("inode"), self._log.get("offset", 0))
        files = []
        for path in (log.with_name(log.name + ".1"), log):
            try:
                files.append(path.open("rb"))
            except FileNotFoundError:
                continue
        inodes = [os.fstat(file.fileno()).st_ino for file in files]
        start = inodes.index(position[0]) if position[0] in inodes else 0
        for number, file in enumerate(files):
            with file:
                if number < start:
                    continue
                if inodes[number] == position[0] and position[1] <= os.fstat(file.fileno()).st_size:
                    file.seek(position[1])
                self._log = {"inode": inodes[number], "offset": self._lines(file, resolve)}
        self.missing = not files

    def _lines(self, file: BinaryIO, resolve: Resolve) -> int:
        """Read to the end; gives where the last whole line ends."""
        offset = file.tell()
        for line in file:
            if not line.endswith(b"\n"):
                break
            offset += len(line)
            if any(word in line for word in _INTERESTING):
                self._line(line, resolve)
        return offset

    def _line(self, line: bytes, resolve: Resolve) -> None:
        try:
            entry: dict[str, Any] = json.loads(line)
            if entry["method"] != "GET" or entry["status"] not in _GOOD:
                return
            upstream, repository, reference = entry["upstream"], entry["repository"], entry["uri"].rpartition("/")[2]
            time = datetime.fromisoformat(entry["time"]).timestamp()
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        if _DIGEST.fullmatch(reference):
            self.note(upstream, reference, time)
        elif _REPOSITORY.fullmatch(str(repository)) and _TAG.fullmatch(reference):
            digest = resolve(upstream, repository, reference)
            if _DIGEST.fullmatch(digest):
                self.note(upstream, digest, time)

    def note(self, upstream: str, digest: str, time: float) -> None:
        """Something was used at that time."""
        times = self._times.setdefault(upstream, {})
        times[digest] = max(time, times.get(digest, 0))

    def last(self, upstream: str, digest: str) -> float:
        """When it was used last; 0 if that is not known."""
        return self._times.get(upstream, {}).get(digest, 0)

    def save(self, there: dict[str, set[str]]) -> None:
        """Write down what is known of all that is there, by upstream."""
        self._times = {
            upstream: {digest: time for digest, time in self._times.get(upstream, {}).items() if digest in digests}
            for upstream, digests in there.items()
        }
        state.save(self._path, {"log": self._log, "times": self._times})
