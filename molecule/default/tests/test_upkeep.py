# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mirror host does between deployments: rate limits are watched, images are kept warm within them."""

from __future__ import annotations

import json
from typing import Any

from tests.lab import testing
from tests.lab.playbooks import green, play

from .conftest import CLIENTS, MIRROR
from .test_cache import ACCEPT, URL, forget, manifest, status

UNIT = "dockmirror-mirror-prefetch"
STATE = "/var/lib/dockmirror/mirror-upkeep"
SETTINGS = "/etc/dockmirror/mirror/upkeep/settings.json"


def report() -> dict[str, Any]:
    """The result of the last prefetch."""
    found: dict[str, Any] = json.loads(testing.host(MIRROR).check_output(f"cat {STATE}/prefetch.json"))
    return found


def states() -> dict[str, str]:
    return {entry["image"]: entry["state"] for entry in report()["images"]}


def test_what_remains_of_the_rate_limit_is_shown() -> None:
    shown = green("verify").output
    assert "docker.io: 76 of 100 pulls left in 6 h" in shown
    assert "WARNING: less" not in shown
    with testing.low_budget():
        shown = green("verify").output
    assert "docker.io: 5 of 100 pulls left in 6 h; WARNING: less than 20 %" in shown
    assert testing.host(MIRROR).check_output("systemctl is-active dockmirror-mirror-limits.timer") == "active"


def test_refusals_are_counted() -> None:
    mirror, client = testing.host(MIRROR), testing.host(CLIENTS[0])
    forget()
    before = json.loads(mirror.check_output("dockmirror-mirror limits"))["docker.io"]["refused"]
    with testing.hub_answers(429):
        assert status(client, "library/medium/manifests/1", ACCEPT) == "500"
    found = json.loads(mirror.check_output("dockmirror-mirror limits"))["docker.io"]
    assert found["refused"] == before + 1
    assert found["refused_last"]


def test_images_that_are_kept_warm_are_there_without_the_upstream() -> None:
    forget()
    mirror, client = testing.host(MIRROR), testing.host(CLIENTS[0])
    assert mirror.check_output(f"systemctl is-active {UNIT}.timer") == "active"
    mirror.check_output(f"systemctl start {UNIT}.service")
    found = report()
    assert (found["ok"], found["failed"], found["postponed"]) == (True, 0, 0)
    assert states() == {"docker.io/library/multi:1": "warm", "docker.io/example/app:1.0": "warm"}
    with testing.stopped("hub.example.test", "nginx"):
        client.run("docker image rm -f multi:1 example/app:1.0")
        client.check_output("docker pull -q multi:1 && docker pull -q example/app:1.0")
        for entry in manifest(client, "library/multi", "1")["manifests"]:
            other = f"{URL}/library/multi/manifests/{entry['digest']}"
            assert client.run(f"curl -skf -o /dev/null {ACCEPT} {other}").succeeded, entry["platform"]


def test_the_rate_limit_is_left_to_the_clients() -> None:
    mark = testing.hub_log().mark()
    with testing.low_budget():
        testing.host(MIRROR).check_output(f"systemctl start {UNIT}.service")
    found = report()
    assert (found["ok"], found["failed"], found["bytes"]) == (True, 0, 0)
    assert set(states().values()) == {"postponed"}
    assert "5 % of the rate limit of docker.io remain; 50 % are for the clients" in found["images"][0]["reason"]
    asked = [entry for entry in testing.hub_log().since(mark) if "/manifests/" in entry["uri"]]
    assert {entry["method"] for entry in asked} == {"HEAD"}, "which count as no pull"


def test_an_image_that_is_not_there_fails_the_unit_and_no_other_image() -> None:
    mirror = testing.host(MIRROR)
    mirror.check_output(
        f"cp -p {SETTINGS} /var/tmp/settings.json && sed -i 's|library/multi|library/never|' {SETTINGS}"
    )
    try:
        assert mirror.run(f"systemctl start {UNIT}.service").failed
        assert states() == {"docker.io/library/never:1*": "failed", "docker.io/example/app:1.0": "warm"}
        assert "404" in report()["images"][0]["reason"]
        assert "library/never:1* failed" in mirror.check_output(f"journalctl --unit {UNIT} --output cat")
    finally:
        mirror.check_output(f"mv /var/tmp/settings.json {SETTINGS}; systemctl reset-failed {UNIT}.service")


def test_bad_wishes_are_refused_before_anything_is_touched() -> None:
    done = play("mirror", "-e", json.dumps({"mirror_prefetch": [{"name": "ghcr.io/org/image"}]}))
    assert "the name must begin with an upstream of this mirror" in done.failures[MIRROR]
