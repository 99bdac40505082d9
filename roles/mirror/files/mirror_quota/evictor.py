# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at the mirrors' data: how much it is, what has to go, and what is left over."""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from mirror_upkeep import state

from . import choose, report
from .look import Filesystem, Freed, Look, Share, filesystem
from .settings import Settings, check_mirror
from .storage import Store
from .sweep import sweep
from .uses import Uses

FREE_BEGIN = 1.05
"""Blobs go when less than this part of the minimum is free, ..."""
FREE_END = 1.10
"""... until this part of it is."""


class Evictor:
    """Looks at all mirrors of the host."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        measure: Callable[[Path], Filesystem] = filesystem,
    ) -> None:
        """Raises QuotaError, and touches nothing, if one of the directories is not a mirror's."""
        for upstream in settings.upstreams:
            check_mirror(upstream)
        self._settings, self._clock, self._measure = settings, clock, measure

    def look(self, dry: bool = False) -> Look:
        """Bring usage below the limits; of several processes one at a time.

        :param dry: remove nothing, and write nothing down.
        """
        settings = self._settings
        with _locked(settings.state_dir / "lock"):
            begin, disk = self._clock(), self._measure(settings.data_dir)
            uses = Uses(settings.state_dir)
            uses.read(settings.access_log, self._resolve)
            stores = {upstream.name: Store(upstream.data_dir) for upstream in settings.upstreams}
            times = {name: self._times(name, store, uses) for name, store in stores.items()}
            quota = settings.quota.of(disk.size) if settings.quota else 0
            min_free = settings.min_free.of(disk.size) if settings.min_free else 0
            limits = self._limits(quota, {name: store.usage for name, store in stores.items()})
            chosen = choose.choose(_candidates(stores, times), limits, _shortage(disk, min_free))
            freed = _remove(stores, chosen, dry)
            gone = {(item.upstream, item.digest) for item in chosen}
            manifests = sum(
                sweep(store, times[name], {digest for upstream, digest in gone if upstream == name}, begin, dry)
                for name, store in stores.items()
            )
            usage = {name: store.usage - freed.get(name, 0) for name, store in stores.items()}
            look = Look(
                filesystem=disk,
                quota=quota,
                min_free=min_free,
                pools=self._limits(quota, usage),
                freed=Freed(sum(freed.values()), len(chosen), manifests),
                upstreams={
                    name: Share(usage[name], store.uploads, len(store.blobs), freed.get(name, 0))
                    for name, store in stores.items()
                },
                idle=begin - max((item.used for item in chosen), default=begin),
                log_missing=uses.missing,
            )
            if not dry:
                report.tell(look)
                try:  # last: on a full disk there is room for it only now
                    report.write(settings.state_dir, look, self._clock() - begin)
                    uses.save({name: set(store.blobs) for name, store in stores.items()})
                except OSError as error:
                    state.log(f"WARNING: the result cannot be written down: {error}")
            return look

    def _resolve(self, upstream: str, repository: str, tag: str) -> str:
        for known in self._settings.upstreams:
            if known.name == upstream:
                link = f"docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current/link"
                try:
                    return (known.data_dir / link).read_text(encoding="ascii").strip()
                except (OSError, ValueError):
                    return ""
        return ""

    @staticmethod
    def _times(name: str, store: Store, uses: Uses) -> dict[str, float]:
        """When each blob was used last. Who pulls a manifest uses the whole image, whatever of it the client has."""
        times = {digest: max(blob.changed, uses.last(name, digest)) for digest, blob in store.blobs.items()}
        for manifest, content in store.manifests().items():
            for digest in (content.config, *content.parts):
                if digest in times and digest not in store.revisions:
                    times[digest] = max(times[digest], uses.last(name, manifest))
        return times

    def _limits(self, quota: int, usage: dict[str, int]) -> list[choose.Pool]:
        shares = {upstream.name: upstream.share for upstream in self._settings.upstreams if upstream.share is not None}
        return choose.pools(quota, usage, shares) if quota else []


def _remove(stores: dict[str, Store], chosen: list[choose.Candidate], dry: bool) -> dict[str, int]:
    freed: dict[str, int] = {}
    for item in chosen:
        room = item.room if dry else stores[item.upstream].remove_blob(item.digest)
        freed[item.upstream] = freed.get(item.upstream, 0) + room
    return freed


def _candidates(stores: dict[str, Store], times: dict[str, dict[str, float]]) -> list[choose.Candidate]:
    """Layers and configurations. Manifests are small, and without them a tag could not be served offline."""
    return [
        choose.Candidate(name, digest, blob.room, times[name][digest])
        for name, store in stores.items()
        for digest, blob in store.blobs.items()
        if digest not in store.revisions and blob.room
    ]


def _shortage(disk: Filesystem, min_free: int) -> int:
    return int(min_free * FREE_END) - disk.free if disk.free < min_free * FREE_BEGIN else 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for the lock; the kernel releases it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
