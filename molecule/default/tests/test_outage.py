# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Hub is out of order in many ways: what was pulled once is pulled again, and what never was fails fast."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.outages import HUB, INSTANCES, ask_for_what_nobody_has, check_answer, check_what_nobody_has, outages

from .conftest import CLIENTS, GATEWAY, MIRROR

IMAGES = {"example/app": "1.0", "library/multi": "1"}
OUTAGES = outages(MIRROR, CLIENTS[0])


def pull(client: Any, image: str) -> None:
    """Pull an image that the client does not have."""
    client.run(f"docker image rm -f {image} $(docker images --quiet {image.partition('@')[0].partition(':')[0]})")
    client.check_output(f"docker pull -q {image}")


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    """The images by digest, after one client has pulled each of them by tag and by digest."""
    client = testing.host(CLIENTS[0])
    found = {}
    for name, tag in IMAGES.items():
        pull(client, f"{name}:{tag}")
        found[name] = client.check_output(f"docker image inspect --format '{{{{index .RepoDigests 0}}}}' {name}:{tag}")
        pull(client, found[name])
    return found


def pull_again(digests: dict[str, str]) -> None:
    """Each client pulls one of the images, by tag and by digest."""

    def work(name: str, image: str) -> None:
        pull(testing.host(name), f"{image}:{IMAGES[image]}")
        pull(testing.host(name), digests[image])

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, CLIENTS, IMAGES))


@pytest.mark.parametrize("outage", OUTAGES)
def test_what_was_pulled_once_is_pulled_again(digests: dict[str, str], outage: str) -> None:
    with OUTAGES[outage]():
        pull_again(digests)
        check_what_nobody_has(outage, MIRROR, CLIENTS[0])


def test_while_the_hub_is_well_an_image_that_it_does_not_have_is_not_found() -> None:
    reason = "^docker.io has no such manifest: library/never-seen "
    check_answer(MIRROR, CLIENTS[0], "docker.io", {"404"}, "MANIFEST_UNKNOWN", reason)


def test_a_mirror_that_does_not_come_back_still_serves_what_was_pulled(digests: dict[str, str]) -> None:
    with ExitStack() as stack:
        stack.enter_context(testing.stopped(HUB, "nginx"))
        mirror = testing.host(MIRROR)
        mirror.check_output(f"docker stop {INSTANCES}")
        stack.callback(mirror.check_output, f"docker start {INSTANCES}")
        pull_again(digests)
        seconds, code, error = ask_for_what_nobody_has(MIRROR, CLIENTS[0])
    assert seconds < 15
    assert (code, error["code"]) == ("502", "UNAVAILABLE")
    assert "is down" in error["message"]
    assert testing.host(MIRROR).run(f"systemctl is-active {GATEWAY}").succeeded
