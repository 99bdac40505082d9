# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror that fails in each way costs time and no pull; without any mirror, clients go to the upstream."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from tests.lab import testing
from tests.lab.run import say

from .conftest import (
    CLIENTS,
    FIRST,
    GATEWAY,
    HUB_HOSTS,
    SECOND,
    WAYS,
    Client,
    content_of,
    image,
    way_id,
)

FAULTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "stopped": lambda: testing.stopped(FIRST, GATEWAY),
    "frozen": lambda: testing.suspended(FIRST, GATEWAY),
    "dropped": lambda: testing.unreachable(FIRST, 443),
}
LONGEST = 240
"""Seconds that no pull may take, whatever the fault."""


def timed_pull(client: Client, upstream: str) -> float:
    start = time.monotonic()
    client.pull(image(upstream))
    return time.monotonic() - start


def timed_pulls() -> dict[Client, float]:
    """The seconds that each client needs when all pull at once."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(CLIENTS, pool.map(lambda client: timed_pull(client, "docker.io"), CLIENTS), strict=True))


@pytest.fixture(scope="module")
def healthy() -> dict[Client, float]:
    """What pulls take on this machine while both mirrors are well."""
    return timed_pulls()


@pytest.mark.parametrize("fault", FAULTS)
def test_one_mirror_fails_and_pulls_go_on_through_the_other(fault: str, healthy: dict[Client, float]) -> None:
    mark = testing.mirror_log(SECOND).mark()
    with FAULTS[fault]():
        took = timed_pulls()
    for client, seconds in took.items():
        say(f"mirror {fault}: {way_id(client)} needs {seconds:.1f} s, {seconds - healthy[client]:+.1f} s")
    served = testing.mirror_log(SECOND).wait(mark, lambda entry: entry["kind"] == "manifest" and entry["status"] == 200)
    assert {entry["remote_addr"] for entry in served} == {client.address for client in CLIENTS}
    assert max(took.values()) < LONGEST


@pytest.mark.parametrize(("client", "upstream"), WAYS, ids=way_id)
def test_without_mirrors_pulls_go_on_from_the_upstream(client: Client, upstream: str) -> None:
    hub = testing.hub_log()
    with testing.stopped(FIRST, GATEWAY), testing.stopped(SECOND, GATEWAY):
        mark = hub.mark()
        client.pull(image(upstream))
    assert client.digest(image(upstream)) == content_of(upstream)
    asked = hub.wait(mark, lambda entry: entry["remote_addr"] == client.address and "/manifests/" in entry["uri"])
    assert {entry["host"] for entry in asked} == {HUB_HOSTS.get(upstream, upstream)}
