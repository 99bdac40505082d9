# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a look: lines in the journal, and a small file for people and for monitoring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mirror_upkeep import state

from .look import Look

FILE = "result.json"


def write(folder: Path, look: Look, seconds: float) -> None:
    """Replace the result; sums and the last eviction are carried over.

    :param seconds: how long the look took.
    """
    before = state.load(folder / FILE)
    time, freed = state.now(), look.freed._asdict()
    limits = {name: pool.limit for pool in look.pools for name in pool.upstreams}
    document: dict[str, Any] = {
        "time": time,
        "seconds": round(seconds, 3),
        "ok": not look.problem,
        "error": look.problem or None,
        "quota_bytes": look.quota or None,
        "min_free_bytes": look.min_free or None,
        "filesystem": look.filesystem._asdict(),
        "usage_bytes": sum(share.usage for share in look.upstreams.values()),
        "upstreams": {
            name: {
                "usage_bytes": share.usage,
                "fetching_bytes": share.fetching,
                "limit_bytes": limits.get(name),
                "blobs": share.blobs,
            }
            for name, share in look.upstreams.items()
        },
        "log_missing": look.log_missing,
        "last_eviction": before.get("last_eviction"),
        "total": {key: (before.get("total") or {}).get(key, 0) + value for key, value in freed.items()},
    }
    if look.freed.blobs:
        document["last_eviction"] = {"time": time, **freed, "unused_seconds": int(look.idle)}
    state.save(folder / FILE, document)


def tell(look: Look) -> None:
    """Write to the journal what was done, and what is wrong; nothing if there is nothing to say."""
    if look.freed.blobs:
        parts = ", ".join(f"{name} {_size(share.freed)}" for name, share in look.upstreams.items() if share.freed)
        usage = sum(share.usage for share in look.upstreams.values())
        state.log(
            f"freed {_size(look.freed.bytes)} by {look.freed.blobs} blobs ({parts}), unused for {look.idle:.0f} s or"
            f" more; {_size(usage)} remain"
        )
    if look.freed.manifests:
        state.log(f"removed {look.freed.manifests} manifests of images that nothing is left of")
    if look.problem:
        state.log(f"WARNING: {look.problem}")
    if look.log_missing:
        state.log("WARNING: the gateway has no access log: what came first goes first, whether it is used or not.")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
