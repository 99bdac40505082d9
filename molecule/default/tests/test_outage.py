# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Hub is out of order in many ways: what was pulled once is pulled again, and what never was fails fast.

In all of these the Hub gives nothing to a client either, so that a pull that succeeds was served by the mirror.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.run import wait_until

from .conftest import CLIENTS, GATEWAY, MIRROR, can_pull_probe

HUB = "hub.example.test"
IMAGES = {"example/app": "1.0", "library/multi": "1"}
INSTANCE = "$(docker ps --all --quiet --filter name=dockmirror-mirror)"


def pull(client: Any, image: str) -> None:
    """Pull an image that the client does not have."""
    client.run(f"docker image rm -f {image} $(docker images --quiet {image.partition('@')[0].partition(':')[0]})")
    client.check_output(f"docker pull -q {image}")


@contextmanager
def without_dns() -> Iterator[None]:
    """No name resolves on the mirror host, and the mirror has noticed."""
    hub, client = testing.hub_log(), testing.host(CLIENTS[0])

    def asks_nobody() -> bool:
        # A connection that is open needs no name, and stays open while it is used. A reload closes those that are idle.
        testing.host(HUB).check_output("systemctl reload nginx")
        mark = hub.mark()
        client.run(f"curl -sk https://{MIRROR}/v2/library/alpine/manifests/{uuid.uuid4().hex}")
        return not any(entry["remote_addr"] == testing.address(MIRROR) for entry in hub.since(mark))

    with testing.without_dns(MIRROR):
        wait_until(asks_nobody, 20, "a mirror that does not find the Hub")
        # A client must not find the Hub by itself.
        with testing.stopped(HUB, "nginx"):
            yield


@contextmanager
def killed() -> Iterator[None]:
    """The mirror's process is killed, while the Hub is down."""
    with testing.stopped(HUB, "nginx"):
        testing.host(MIRROR).check_output(f"kill -9 $(docker inspect --format '{{{{.State.Pid}}}}' {INSTANCE})")
        yield


@contextmanager
def rebooted() -> Iterator[None]:
    """The mirror host comes back while the Hub is down."""
    with testing.stopped(HUB, "nginx"):
        testing.reboot(MIRROR)
        wait_until(lambda: can_pull_probe(testing.host(CLIENTS[0])), 60, "the gateway")
        yield


OUTAGES: dict[str, AbstractContextManager[None]] = {
    "refused": testing.stopped(HUB, "nginx"),
    "dropped": testing.unreachable(HUB, 443),
    "hanging": testing.frozen(HUB),
    "429": testing.hub_answers(429),
    "500": testing.hub_answers(500),
    "503": testing.hub_answers(503),
    "no name": without_dns(),
    "killed": killed(),
    "rebooted": rebooted(),
}


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
    for name, (image, tag) in zip(CLIENTS, IMAGES.items(), strict=True):
        pull(testing.host(name), f"{image}:{tag}")
        pull(testing.host(name), digests[image])


@pytest.mark.parametrize("outage", OUTAGES)
def test_what_was_pulled_once_is_pulled_again(digests: dict[str, str], outage: str) -> None:
    with OUTAGES[outage]:
        pull_again(digests)
        seconds, code, error = ask_for_an_image_nobody_has()
    assert seconds < 15
    assert code in ("404", "500", "502", "504")
    assert error["code"] in ("MANIFEST_UNKNOWN", "UNAVAILABLE", "UNKNOWN", "TOOMANYREQUESTS")
    assert error["message"]


def ask_for_an_image_nobody_has() -> tuple[float, str, dict[str, str]]:
    """Gives the seconds, the HTTP status and the error of the mirror's answer."""
    path = f"/v2/library/never-seen/manifests/{uuid.uuid4().hex}"
    answer = testing.host(CLIENTS[0]).check_output(
        f"curl -sk -m 30 -w '\\n%{{time_total}} %{{http_code}}' https://{MIRROR}{path}"
    )
    body, _newline, figures = answer.rpartition("\n")
    seconds, code = figures.split()
    return float(seconds), code, json.loads(body)["errors"][0]


def test_a_mirror_that_does_not_come_back_still_serves_what_was_pulled(digests: dict[str, str]) -> None:
    with ExitStack() as stack:
        stack.enter_context(testing.stopped(HUB, "nginx"))
        mirror = testing.host(MIRROR)
        mirror.check_output(f"docker stop {INSTANCE}")
        stack.callback(mirror.check_output, f"docker start {INSTANCE}")
        pull_again(digests)
        seconds, code, error = ask_for_an_image_nobody_has()
    assert seconds < 15
    assert (code, error["code"]) == ("502", "UNAVAILABLE")
    assert "is down" in error["message"]
    assert testing.host(MIRROR).run(f"systemctl is-active {GATEWAY}").succeeded
