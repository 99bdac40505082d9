# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left over: links and directories that lead nowhere, data that nothing leads to, manifests of nothing."""

from __future__ import annotations

from .storage import Store, remove, remove_hollow, remove_tag

LEFTOVER = 3600
"""Seconds after which what belongs to nothing is no part of a fetch in progress any more."""
MANIFEST_KEEP = 30 * 86400
"""Seconds that a manifest is kept which was not used, and of whose image no layer is here."""


def sweep(store: Store, times: dict[str, float], gone: set[str], now: float, dry: bool = False) -> int:
    """Remove what is left over; gives the number of manifests among it.

    :param times: when each blob was used last, in seconds since the epoch.
    :param gone: blobs that have just been removed.
    :param dry: count only.
    """
    blobs = set(store.blobs) - gone
    idle = idle_manifests(store, times, blobs, now)
    if dry:
        return len(idle)
    for digest in idle:
        store.remove_manifest(digest)
    blobs -= idle
    _links(store, blobs, now)
    _orphans(store, times, blobs, now)
    for tag in store.tags:
        if tag.digest not in store.revisions and now - tag.changed > MANIFEST_KEEP:
            remove_tag(tag)
    for path, changed in store.hollow:
        if now - changed > LEFTOVER:
            remove_hollow(path)
    return len(idle)


def idle_manifests(store: Store, times: dict[str, float], blobs: set[str], now: float) -> set[str]:
    """Manifests that were not used for long and of whose image no layer is here any more."""
    known = store.manifests()
    idle: set[str] = set()
    # First images, then the indexes over them.
    for index in (False, True):
        for digest, (_config, parts) in known.items():
            is_index = any(part in store.revisions for part in parts)
            here = any(part in blobs and part not in idle for part in parts)
            if parts and is_index == index and not here and now - times[digest] > MANIFEST_KEEP:
                idle.add(digest)
    return idle


def _links(store: Store, blobs: set[str], now: float) -> None:
    """Links to blobs that are not here: expiry removes a blob's data, and one of its links."""
    for digest, links in store.layers.items():
        if digest not in blobs:
            for link in links:
                if now - link.changed > LEFTOVER:
                    remove(link.path)


def _orphans(store: Store, times: dict[str, float], blobs: set[str], now: float) -> None:
    """Data without a link, which no request can reach: expiry leaves that of manifests."""
    for digest in blobs:
        if digest not in store.layers and digest not in store.revisions and now - times[digest] > LEFTOVER:
            remove(store.blobs[digest].path)
