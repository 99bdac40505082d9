# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which blobs go, for any content."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mirror_quota.choose import BEGIN, END, Candidate, Pool, choose, pools

NAMES = ("docker.io", "ghcr.io", "quay.io")
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        upstream=st.sampled_from(NAMES),
        digest=st.integers(0, 10**6).map(lambda number: f"sha256:{number}"),
        room=st.integers(1, 10**6),
        used=st.integers(0, 50).map(float),
    ),
    unique_by=lambda item: (item.upstream, item.digest),
    max_size=40,
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Candidate], list[Pool], int]:
    """Blobs, the limits of their upstreams, and bytes that are wanted in any case."""
    candidates = draw(CANDIDATES)
    other = draw(st.fixed_dictionaries({name: st.integers(0, 10**6) for name in NAMES}))
    usage = {name: other[name] + sum(item.room for item in candidates if item.upstream == name) for name in NAMES}
    shares = draw(st.dictionaries(st.sampled_from(NAMES[:2]), st.integers(1, 45), max_size=2))
    quota = draw(st.integers(1, 2 * sum(usage.values()) + 1))
    shortage = draw(st.integers(-(10**6), 10**6))
    return candidates, pools(quota, usage, dict(shares)), shortage


@given(situations())
def test_usage_ends_within_the_limits(situation: tuple[list[Candidate], list[Pool], int]) -> None:
    candidates, limits, shortage = situation
    gone = choose(candidates, limits, shortage)
    for pool in limits:
        mine = [item for item in gone if item.upstream in pool.upstreams]
        left = pool.usage - sum(item.room for item in mine)
        everything = {item for item in candidates if item.upstream in pool.upstreams} == set(mine)
        assert left <= pool.limit * BEGIN or everything, "what else there is are no blobs"


@given(situations())
def test_what_goes_was_not_used_for_longer_than_what_stays(situation: tuple[list[Candidate], list[Pool], int]) -> None:
    candidates, limits, shortage = situation
    gone = set(choose(candidates, limits, shortage))
    for pool in limits:
        fitting = [item for item in candidates if item.upstream in pool.upstreams and item.room <= pool.limit * END]
        stays = [item.used for item in fitting if item not in gone]
        goes = [item.used for item in fitting if item in gone]
        assert not stays or not goes or max(goes) <= min(stays) or shortage > 0


@given(situations())
def test_no_more_goes_than_needed(situation: tuple[list[Candidate], list[Pool], int]) -> None:
    candidates, limits, _shortage = situation
    for pool in limits:
        mine = choose(candidates, [pool])
        assert pool.full or not mine
        if mine:
            assert pool.usage - sum(item.room for item in mine[:-1]) > pool.limit * END, "the last one was needed"


@given(situations())
def test_a_shortage_is_met_by_the_oldest_of_all(situation: tuple[list[Candidate], list[Pool], int]) -> None:
    candidates, _limits, shortage = situation
    gone = choose(candidates, [], shortage)
    freed = sum(item.room for item in gone)
    assert freed >= shortage or set(gone) == set(candidates)
    assert freed - gone[-1].room < shortage if gone else shortage <= 0 or not candidates
    stays = set(candidates) - set(gone)
    assert not stays or not gone or max(item.used for item in gone) <= min(item.used for item in stays)


@given(situations())
def test_shares_divide_the_quota(situation: tuple[list[Candidate], list[Pool], int]) -> None:
    _candidates, limits, _shortage = situation
    assert frozenset().union(*(pool.upstreams for pool in limits)) == frozenset(NAMES)
    assert sum(len(pool.upstreams) for pool in limits) == len(NAMES)
    assert all(pool.limit >= 0 for pool in limits)


def test_one_upstream_does_not_drive_out_another() -> None:
    old, new = Candidate("ghcr.io", "sha256:1", 400, 1), Candidate("docker.io", "sha256:2", 900, 2)
    limits = pools(1000, {"ghcr.io": 400, "docker.io": 900}, {"ghcr.io": 50})
    assert choose([old, new], limits) == [new]
    assert choose([old, new], pools(1000, {"ghcr.io": 400, "docker.io": 900}, {})) == [old]


def test_what_cannot_stay_drives_out_nothing_else() -> None:
    small, huge = Candidate("docker.io", "sha256:1", 100, 1), Candidate("docker.io", "sha256:2", 5000, 2)
    assert choose([small, huge], pools(1000, {"docker.io": 5100}, {})) == [huge]
