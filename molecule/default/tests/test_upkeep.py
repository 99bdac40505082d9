# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mirror host does between deployments: rate limits are watched, images are kept warm within them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.playbooks import green, play

from .conftest import CLIENTS, MIRROR
from .test_cache import forget

UNIT = "dockmirror-mirror-prefetch"
STATE = "/var/lib/dockmirror/mirror-upkeep"
WISHES = [
    {"name": "docker.io/multi", "tags": ["*"], "platforms": ["linux/amd64", "linux/arm64"]},
    {"name": "docker.io/example/app", "tags": ["1.0"]},
]


def deploy(*wishes: dict[str, Any], check: bool = False) -> Any:
    options = ("--check",) if check else ()
    return green("mirror", *options, "-e", json.dumps({"mirror_prefetch": list(wishes)}))


def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(testing.host(MIRROR).check_output(f"cat {STATE}/prefetch.json"))
    return found


@pytest.fixture(scope="module")
def prefetching() -> Iterator[None]:
    """The mirror keeps two repositories warm, while the tests of this file run."""
    assert deploy(*WISHES, check=True).changed > 0
    assert deploy(*WISHES).changed > 0
    yield
    assert green("mirror").changed > 0
    mirror = testing.host(MIRROR)
    assert mirror.run(f"systemctl cat {UNIT}.timer {UNIT}.service").failed


def test_what_remains_of_the_rate_limit_is_shown() -> None:
    shown = green("verify").output
    assert "docker.io: 76 of 100 pulls left in 6 h" in shown
    assert "WARNING" not in shown
    with testing.low_budget():
        shown = green("verify").output
    assert "docker.io: 5 of 100 pulls left in 6 h; WARNING: less than 20 %" in shown
    assert testing.host(MIRROR).check_output("systemctl is-active dockmirror-mirror-limits.timer") == "active"


def test_refusals_are_counted() -> None:
    mirror, client = testing.host(MIRROR), testing.host(CLIENTS[0])
    before = json.loads(mirror.check_output("dockmirror-mirror limits"))["docker.io"]["refused"]
    with testing.hub_answers(429):
        url = f"https://{MIRROR}/v2/library/never-{uuid.uuid4().hex}/manifests/latest"
        assert client.check_output(f"curl -sk -o /dev/null -w '%{{http_code}}' {url}") != "200"
    found = json.loads(mirror.check_output("dockmirror-mirror limits"))["docker.io"]
    assert found["refused"] > before
    assert found["refused_last"]


@pytest.mark.usefixtures("prefetching")
def test_images_that_are_kept_warm_are_there_without_the_upstream() -> None:
    forget()
    mirror, client = testing.host(MIRROR), testing.host(CLIENTS[0])
    mirror.check_output(f"systemctl start {UNIT}.service")
    found = report()
    assert (found["ok"], found["failed"], found["postponed"]) == (True, 0, 0)
    assert {entry["image"]: entry["state"] for entry in found["images"]} == {
        "docker.io/library/multi:1": "warm",
        "docker.io/example/app:1.0": "warm",
    }
    with testing.stopped("hub.example.test", "nginx"):
        client.run("docker image rm -f multi:1 example/app:1.0")
        client.check_output("docker pull -q multi:1 && docker pull -q example/app:1.0")
        index = json.loads(
            client.check_output(
                "curl -skf -H 'Accept: application/vnd.oci.image.index.v1+json' "
                f"https://{MIRROR}/v2/library/multi/manifests/1"
            )
        )
        for entry in index["manifests"]:
            assert client.run(
                f"curl -skf -o /dev/null -H 'Accept: {entry['mediaType']}' "
                f"https://{MIRROR}/v2/library/multi/manifests/{entry['digest']}"
            ).succeeded, entry["platform"]
    assert deploy(*WISHES).changed == 0


@pytest.mark.usefixtures("prefetching")
def test_the_rate_limit_is_left_to_the_clients() -> None:
    mark = testing.hub_log().mark()
    with testing.low_budget():
        testing.host(MIRROR).check_output(f"systemctl start {UNIT}.service")
    found = report()
    assert (found["ok"], found["failed"], found["bytes"]) == (True, 0, 0)
    assert {entry["state"] for entry in found["images"]} == {"postponed"}
    assert "5 % of the rate limit of docker.io remain; 50 % are for the clients" in found["images"][0]["reason"]
    asked = [entry for entry in testing.hub_log().since(mark) if "/manifests/" in entry["uri"]]
    assert {entry["method"] for entry in asked} == {"HEAD"}, "which count as no pull"


def test_an_image_that_is_not_there_fails_the_unit_and_no_other_image() -> None:
    mirror = testing.host(MIRROR)
    deploy({"name": "docker.io/library/never"}, WISHES[1])
    try:
        assert mirror.run(f"systemctl start {UNIT}.service").failed
        found = report()
        assert {entry["image"]: entry["state"] for entry in found["images"]} == {
            "docker.io/library/never:latest": "failed",
            "docker.io/example/app:1.0": "warm",
        }
        assert "404" in found["images"][0]["reason"]
        assert "library/never:latest failed" in mirror.check_output(f"journalctl --unit {UNIT} --output cat")
        mirror.check_output(f"systemctl reset-failed {UNIT}.service")
    finally:
        green("mirror")


def test_bad_wishes_are_refused_before_anything_is_touched() -> None:
    done = play("mirror", "-e", json.dumps({"mirror_prefetch": [{"name": "ghcr.io/org/image"}]}))
    assert "the name must begin with an upstream of this mirror" in done.failures[MIRROR]
