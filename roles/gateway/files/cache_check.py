# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes from the gateway's cache what is not what its digest says, and notes that its disk is full.

Nginx keeps an answer whose length is right, whatever its bytes are. This program reads everything that comes into the
cache once, and removes what is wrong, from the cache and from the mirrors' data behind it; the next client makes them
fetch it again. Clients verify digests by themselves: without this they would get the same wrong bytes again and again.

On a full disk Nginx breaks off an answer that it cannot write to its cache. So a file is there while space is short,
and as long as it is, Nginx passes on what it does not have without keeping it.

It runs as a service, and needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import os
import re
import sys
import time
from typing import BinaryIO, Iterator, NamedTuple

INTERVAL = 1.0
"""Seconds between two looks at the cache."""
MARGIN = 5.0
"""Seconds before the last look from which files are looked at again, for clocks and files that are coarse."""
CHUNK = 1 << 20
HEAD = 1 << 16
"""Bytes at the beginning of a file of the cache within which its key and the headers of the answer are."""

_NAME = re.compile(r"^[0-9a-f]{32}$")
_KEY = re.compile(rb"\nKEY: ([^\n]*)\n")
_DIGEST_HEADER = re.compile(rb"\r\ndocker-content-digest: *([^\r\n]+)\r\n", re.IGNORECASE)
_DIGEST = re.compile(r"^(sha256|sha512):([0-9a-f]{64}|[0-9a-f]{128})$")


class Verdict(NamedTuple):
    """What a file of the cache should be, and what it is, as digests."""

    expected: str
    actual: str

    @property
    def wrong(self) -> bool:
        """Whether the bytes are others than those of the digest."""
        return self.expected != self.actual


def expected_digest(key: str, headers: bytes) -> str:
    """The digest that belongs to an entry of the cache, or '' if there is none that could be verified.

    :param key: the entry's key, as the gateway's configuration makes it: a blob's digest, or a repository, a reference
        and what the client accepts, separated by ``|``. For a tag a header says which digest it stands for.
    """
    parts = key.split("|")
    reference = parts[1] if len(parts) == 3 else key
    if ":" not in reference:
        found = _DIGEST_HEADER.search(headers)
        reference = found.group(1).decode("ascii", "replace").strip() if found else ""
    return reference if _DIGEST.match(reference) else ""


def verify(stream: BinaryIO) -> Verdict | None:
    """Read a file of the cache; None if it is none, or has nothing that could be verified."""
    head = stream.read(HEAD)
    key = _KEY.search(head)
    body = head.find(b"\r\n\r\n", key.end()) if key else -1
    if key is None or body < 0:
        return None
    expected = expected_digest(key.group(1).decode("utf-8", "replace"), head[key.end() : body + 2])
    if not expected:
        return None
    algorithm = expected.partition(":")[0]
    known = hashlib.new(algorithm)
    known.update(head[body + 4 :])
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        known.update(chunk)
    return Verdict(expected, f"{algorithm}:{known.hexdigest()}")


def digest_of(path: str, algorithm: str) -> str:
    """The digest of a file."""
    known = hashlib.new(algorithm)
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            known.update(chunk)
    return f"{algorithm}:{known.hexdigest()}"


class Checker:
    """Looks at the cache again and again; what it saw is kept between two runs of the program as one time."""

    def __init__(self, caches: list[str], mirrors: list[str], state: str) -> None:
        """Remember where everything is.

        :param caches: directories of Nginx caches with ``levels=1:2``.
        :param mirrors: data directories of the registries that filled them.
        :param state: file that is as old as the last complete look.
        """
        self._caches, self._mirrors, self._state = caches, mirrors, state
        self._folders: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        try:
            self._since = os.stat(state).st_mtime
        except FileNotFoundError:
            self._since = 0.0

    def look(self, now: float) -> list[Verdict]:
        """Verify what is new since the last time; gives what was wrong, and is removed by then.

        :param now: the time, as of the file system.
        """
        if now < self._since:  # the clock was put back: what is new would seem to be old
            self._since = 0.0
            self._folders.clear()
        wrong = []
        seen = {}
        for path, changed in self._new_files(self._since - MARGIN):
            seen[path] = changed
            if self._seen.get(path) == changed:
                continue
            verdict = self._check(path)
            if verdict and verdict.wrong:
                wrong.append(verdict)
        if now - self._since >= 1:
            self._seen, self._since = seen, now
            with open(self._state, "a", encoding="ascii"):
                os.utime(self._state, (now, now))
        else:
            self._seen.update(seen)
        return wrong

    def _new_files(self, since: float) -> Iterator[tuple[str, int]]:
        """Files that came after *since*, and when. A file that is complete is renamed, which is a change."""
        for folder in self._changed_folders(since):
            try:
                entries = list(os.scandir(folder))
            except FileNotFoundError:
                continue
            for entry in entries:
                if not _NAME.match(entry.name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if status.st_ctime >= since:
                    yield entry.path, status.st_ctime_ns

    def _changed_folders(self, since: float) -> Iterator[str]:
        for cache in self._caches:
            for folder in glob.iglob(os.path.join(glob.escape(cache), "[0-9a-f]", "[0-9a-f][0-9a-f]")):
                try:
                    changed = os.stat(folder).st_mtime_ns
                except FileNotFoundError:
                    continue
                # A folder that has just changed may have done so again within the same tick of its clock.
                if self._folders.get(folder) != changed or changed / 1e9 >= since:
                    self._folders[folder] = changed
                    yield folder

    def _check(self, path: str) -> Verdict | None:
        try:
            with open(path, "rb") as stream:
                verdict = verify(stream)
                if verdict and verdict.wrong:
                    # First what is behind, or a client could bring the same bytes back in between.
                    self._check_mirrors(verdict.expected)
                    _remove(path, os.fstat(stream.fileno()))
        except FileNotFoundError:  # Nginx has removed it meanwhile
            return None
        return verdict

    def _check_mirrors(self, digest: str) -> None:
        algorithm, _colon, value = digest.partition(":")
        for mirror in self._mirrors:
            path = os.path.join(mirror, "docker/registry/v2/blobs", algorithm, value[:2], value, "data")
            try:
                if digest_of(path, algorithm) != digest:
                    os.unlink(path)
            except FileNotFoundError:
                continue


def note_space(note: str, free: int, least: int) -> bool:
    """Have the file *note* while less than half of *least* bytes is free, until all of it is; whether that changed.

    Between the two it stays as it is. Nginx removes by itself what was not used for long while less than *least* is
    free, so that the file is seldom there.
    """
    there = os.path.exists(note)
    if free < least / 2 and not there:
        with open(note, "w", encoding="ascii"):
            return True
    if free >= least and there:
        os.unlink(note)
        return True
    return False


def free_bytes(path: str) -> int:
    """Bytes that are free for others than root where *path* is."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _remove(path: str, checked: os.stat_result) -> None:
    """Remove a file, unless it is another one by now than that which was checked."""
    if os.stat(path).st_ino == checked.st_ino:
        os.unlink(path)


def main() -> None:
    """Look at the cache until the program is ended."""
    parser = argparse.ArgumentParser(description="Remove from the gateway's cache what is not what its digest says.")
    parser.add_argument("--cache", action="append", required=True, help="directory of a cache of Nginx")
    parser.add_argument("--mirror", action="append", default=[], help="data directory of a mirror")
    parser.add_argument("--state", required=True, help="file that remembers what was verified")
    parser.add_argument("--full", required=True, help="file that is there while space is short")
    parser.add_argument("--min-free", type=int, required=True, help="bytes that should be free")
    arguments = parser.parse_args()
    checker = Checker(arguments.cache, arguments.mirror, arguments.state)
    while True:
        if note_space(arguments.full, free_bytes(os.path.dirname(arguments.state)), arguments.min_free):
            short = os.path.exists(arguments.full)
            sys.stdout.write("space is short: nothing new is cached\n" if short else "there is space again\n")
            sys.stdout.flush()
        for verdict in checker.look(time.time()):
            sys.stdout.write(f"removed {verdict.expected}: what upstream sent was {verdict.actual}\n")
            sys.stdout.flush()
        time.sleep(INTERVAL)


if __name__ == "__main__":
    main()
