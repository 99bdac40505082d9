# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which blobs go: those that were not used for the longest time, no more of them than needed."""

from __future__ import annotations

from typing import Iterable, NamedTuple

BEGIN = 0.95
"""Part of a limit from which blobs go. The rest is for what comes while they are being looked for."""
END = 0.90
"""Part of a limit at which enough of them have gone."""


class Candidate(NamedTuple):
    """A blob that may go."""

    upstream: str
    digest: str

    room: int
    """Bytes that are freed if it goes."""

    used: float
    """When it was used last, in seconds since the epoch."""


class Pool(NamedTuple):
    """Upstreams that have a limit in common."""

    upstreams: frozenset[str]
    usage: int
    limit: int

    @property
    def full(self) -> bool:
        """Whether blobs have to go."""
        return self.usage > self.limit * BEGIN


def pools(quota: int, usage: dict[str, int], shares: dict[str, float]) -> list[Pool]:
    """Divide the quota: to each upstream with a share what is its own, and what remains to all others together.

    :param usage: bytes by upstream.
    :param shares: percent of the quota, for upstreams that have one of their own.
    """
    found = [Pool(frozenset([name]), usage[name], int(quota * share / 100)) for name, share in sorted(shares.items())]
    others = frozenset(usage) - frozenset(shares)
    if others:
        rest = quota - sum(pool.limit for pool in found)
        found.append(Pool(others, sum(usage[name] for name in others), rest))
    return found


def choose(candidates: Iterable[Candidate], limits: Iterable[Pool], shortage: int = 0) -> list[Candidate]:
    """The blobs that go, in that order; of those that were used at the same time the largest first.

    A blob that could not stay in any case, being larger than its pool, goes before all others.

    :param shortage: bytes that have to become free whatever the limits are.
    """
    oldest = sorted(candidates, key=lambda item: (item.used, -item.room, item.upstream, item.digest))
    chosen: dict[tuple[str, str], Candidate] = {}
    for pool in limits:
        usage, enough = pool.usage, pool.limit * END
        if not pool.full:
            continue
        mine = [item for item in oldest if item.upstream in pool.upstreams]
        for item in sorted(mine, key=lambda item: item.room <= enough):
            if usage <= enough:
                break
            chosen[item.upstream, item.digest] = item
            usage -= item.room
    missing = shortage - sum(item.room for item in chosen.values())
    for item in oldest:
        if missing <= 0:
            break
        if (item.upstream, item.digest) not in chosen:
            chosen[item.upstream, item.digest] = item
            missing -= item.room
    return list(chosen.values())
