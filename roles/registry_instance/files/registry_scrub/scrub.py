# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One scrub: what came since the last one, what was damaged then, and the next part of everything else."""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

from . import blobs, scheduler, state
from .links import Link, links, repair
from .settings import ScrubError, Settings, Store, check

HOUR, DAY = 3600.0, 86400.0
MARGIN = 60.0
"""A file may be dated that many seconds before it is where the scrub can see it."""


class Scrub:
    """Reads the data of all registries of a role."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.time, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """Raises ScrubError, and touches nothing, if content would be removed from what is no mirror."""
        for store in settings.stores:
            check(store)
        self._settings, self._clock, self._stopped = settings, clock, stopped

    def run(self, everything: bool = False) -> bool:
        """Scrub; whether no damage is left that somebody has to see to. Of several processes one at a time.

        :param everything: do not spread it over the days.
        """
        with _locked(self._settings.state_dir):
            document = state.load(self._settings.state_dir)
            known = document.get("stores") or {}
            stores = {store.name: _Progress(store, known.get(store.name) or {}) for store in self._settings.stores}
            now = self._clock()
            try:
                for progress in stores.values():
                    progress.scrub(now, 0 if everything else self._settings.days, self._stopped)
            except blobs.Stopped:
                state.log("It was stopped, and goes on where it was next time.")
            finally:
                damaged = [name for name, progress in stores.items() if not progress.ok]
                state.save(
                    self._settings.state_dir,
                    {
                        "time": state.stamp(now),
                        "ok": not damaged,
                        "stores": {name: progress.document() for name, progress in stores.items()},
                    },
                )
            return not damaged

    def set_aside(self, digest: str) -> list[str]:
        """Rename a blob that is damaged, so that it can be pushed again; gives the repositories that lack it now.

        Raises ScrubError if there is none, or if nothing is wrong with it.
        """
        with _locked(self._settings.state_dir):
            found = [
                (store, blob)
                for store in self._settings.stores
                for blob in blobs.blobs(store.data_dir)
                if blob.digest == digest
            ]
            if not found:
                raise ScrubError(f"There is no {digest}.")
            for _store, blob in found:
                if not blobs.damage(blob, self._stopped):
                    raise ScrubError(f"{blob.path} is what its digest says; it stays.")
            names: list[str] = []
            for store, blob in found:
                names += blobs.repositories(store.data_dir, digest)
                state.log(f"{digest} is {blobs.set_aside(blob)} now.")
            return names


class _Progress:
    """How far the scrub of one registry has come."""

    def __init__(self, store: Store, before: dict[str, Any]) -> None:
        self._store = store
        self._since: float | None = before.get("since")
        self._cursor: str = before.get("cursor") or ""
        self._credit: float = before.get("credit") or 0.0  # bytes; below zero after a large blob
        self._round_began: float | None = before.get("round_began")
        self._round_ended: float | None = before.get("round_ended")
        self.damaged: dict[str, dict[str, Any]] = before.get("damaged") or {}
        self._removed: list[dict[str, Any]] = before.get("removed") or []
        self._tags: list[str] = before.get("damaged_tags") or []
        self._checked = {"blobs": 0, "bytes": 0}
        self._total = {"blobs": 0, "bytes": 0}

    @property
    def ok(self) -> bool:
        """Whether there is nothing that somebody has to see to."""
        return not self.damaged and not self._tags

    def document(self) -> dict[str, Any]:
        """What stands in the file."""
        return {
            "since": self._since,
            "cursor": self._cursor,
            "credit": self._credit,
            "round_began": self._round_began,
            "round_ended": self._round_ended,
            "damaged": self.damaged,
            "damaged_tags": self._tags,
            "removed": self._removed[-20:],
            "checked": self._checked,
            "total": self._total,
        }

    def scrub(self, now: float, days: float, stopped: Callable[[], bool]) -> None:
        """Read what is due.

        :param days: in how many days everything is to be read; 0 for all of it now.
        """
        there = list(blobs.blobs(self._store.data_dir))
        total = sum(blob.size for blob in there)
        self._total = {"blobs": len(there), "bytes": total}
        digests = {blob.digest for blob in there}
        for digest in [*self.damaged]:
            if digest not in digests:
                del self.damaged[digest]
        if self._store.refetch:
            scheduler.heal(self._store.data_dir, now)
        since = now - MARGIN if self._since is None else self._since
        self._links(since if days else 0)
        done: set[str] = set()
        for blob in there:
            if blob.changed >= since or blob.digest in self.damaged:
                self._look(blob, now, stopped)
                done.add(blob.digest)
        elapsed = min(now - since, DAY) if self._since is not None else HOUR
        self._since = now - MARGIN
        if days:
            self._credit += total * elapsed / (days * DAY)
        else:
            self._cursor, self._round_began, self._credit = "", now, total + 1
        self._go_on(there, done, now, stopped)

    def _go_on(self, there: list[blobs.Blob], done: set[str], now: float, stopped: Callable[[], bool]) -> None:
        """Read from where the last scrub ended, as much as is due or to the end of the round."""
        if self._round_began is None:
            self._round_began = now
        for blob in there:
            if blob.digest <= self._cursor:
                continue
            if self._credit <= 0:
                return
            if blob.digest not in done:
                self._look(blob, now, stopped)
            self._credit -= blob.size
            self._cursor = blob.digest
        self._cursor, self._credit, self._round_began, self._round_ended = "", 0.0, None, now

    def _links(self, since: float) -> None:
        """Put links right. Those are read that came lately, that have the wrong size, or that were wrong before."""
        before, self._tags = self._tags, []
        for link in links(self._store.data_dir):
            name = f"{link.repository}:{link.path.parts[-3]}"
            if link.changed >= since or not _plausible(link) or name in before:
                wrong = repair(link)
                if wrong and link.digest:
                    state.log(f"WARNING: {self._store.name}: {link.path} was repaired: {wrong}.")
                elif wrong and not self._store.refetch:
                    self._tags.append(name)
                    state.log(f"ERROR: {self._store.name}: the tag {name} is damaged: {wrong}. Push it again.")

    def _look(self, blob: blobs.Blob, now: float, stopped: Callable[[], bool]) -> None:
        wrong = blobs.damage(blob, stopped)
        self._checked["blobs"] += 1
        self._checked["bytes"] += blob.size
        if not wrong:
            if self.damaged.pop(blob.digest, None):
                state.log(f"{self._store.name}: {blob.digest} is right again.")
            return
        links = blobs.repositories(self._store.data_dir, blob.digest)
        names = sorted(links)
        what = f"{self._store.name}: {blob.digest} is damaged: {wrong}. Repositories: {', '.join(names) or 'none'}."
        if self._store.refetch:
            blobs.remove(blob, links)
            self._removed.append({"digest": blob.digest, "repositories": names, "problem": wrong, "time": now})
            state.log(f"WARNING: {what} It was removed, and is fetched again when it is asked for.")
            return
        first = self.damaged.get(blob.digest) or {"found": now}
        self.damaged[blob.digest] = {**first, "repositories": names, "problem": wrong, "path": str(blob.path)}
        state.log(f"ERROR: {what} Restore it from a backup, or set it aside and push it again (docs/registry.md).")


def _plausible(link: Link) -> bool:
    return link.size == len(link.digest) if link.digest else link.size > len("sha256:")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for the lock; the kernel releases it when the process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
