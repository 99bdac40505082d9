# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""While the upstreams are out of order, what was pulled once is pulled again, whole, by everything that pulls."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab import testing
from tests.lab.outages import HUB, check_what_nobody_has, outages

from .conftest import (
    CLIENTS,
    FIRST,
    GATEWAY,
    SECOND,
    UPSTREAMS,
    Client,
    blobs_of,
    by_digest,
    image,
    way_id,
)

HOSTS = list(dict.fromkeys(client.name for client in CLIENTS))
OUTAGES = outages(FIRST, HOSTS[0], UPSTREAMS)
del OUTAGES["503"]  # for all but the simulated Hub the same as 500
REASONS = {
    "docker": "connection refused|502 Bad Gateway",
    "containerd": "connection refused|502 Bad Gateway",
    "podman": "connection refused",
}
"""What is said of the upstream itself, or of the mirror that could not use it either."""


@pytest.fixture(scope="module", autouse=True)
def only_one_mirror() -> Iterator[None]:
    """What is served is served by the mirror that has the fault. It has had all images before."""
    with testing.stopped(SECOND, GATEWAY):
        pull_everything()
        yield


def pull_everything() -> None:
    """All hosts at once forget every image, and pull each by its tag, and one by its digest, too."""

    def pull(name: str) -> None:
        forget, pull = [], []
        for client in CLIENTS:
            if client.name == name:
                images = [*(image(upstream) for upstream in client.upstreams), by_digest()]
                forget += [client.command("remove", image) for image in images]
                pull += [client.command("pull", image) for image in images]
        testing.host(name).check_output("\n".join([*forget, "set -e", *pull]))

    with ThreadPoolExecutor() as pool:
        list(pool.map(pull, HOSTS))


@pytest.mark.parametrize("outage", OUTAGES)
def test_what_was_pulled_once_is_pulled_again(outage: str) -> None:
    log = testing.mirror_log(FIRST)
    mark = log.mark()
    with OUTAGES[outage]():
        pull_everything()
        for upstream in UPSTREAMS:
            check_what_nobody_has(outage, FIRST, HOSTS[0], upstream)

    served = {
        (entry["remote_addr"], entry["upstream"], entry["uri"].rpartition("/")[2])
        for entry in log.since(mark)
        if entry["kind"] == "blob" and entry["status"] == 200
    }
    for client in CLIENTS:
        for upstream in client.upstreams:
            wanted = {(client.address, upstream, blob) for blob in blobs_of(upstream)}
            assert wanted <= served, (way_id(client), upstream)


@pytest.mark.parametrize("client", CLIENTS, ids=way_id)
def test_a_never_seen_image_fails_fast_with_the_reason(client: Client) -> None:
    with testing.stopped(HUB, "nginx"):
        start = time.monotonic()
        outcome = client.try_to_pull(f"docker.io/library/never-seen:{uuid.uuid4().hex}")
        seconds = time.monotonic() - start
    assert outcome.failed
    assert seconds < 15
    assert re.search(REASONS[client.runtime], outcome.stdout + outcome.stderr), outcome
