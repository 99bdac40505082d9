# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage on the mirror's disk is found by its timer, and what was damaged is pulled whole again."""

from __future__ import annotations

import json
from typing import Any

from tests.lab import testing
from tests.lab.run import wait_until

from .conftest import CLIENTS, GATEWAY, MIRROR
from .test_cache import forget

DATA = "/var/lib/dockmirror/mirror/docker.io"
UNIT = "dockmirror-mirror-scrub"
IMAGE = "library/medium"
PULL = f"docker image rm -f {IMAGE}:1 > /dev/null; docker pull -q {IMAGE}:1"


def result() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        testing.host(MIRROR).check_output("cat /var/lib/dockmirror/mirror-scrub/result.json")
    )
    return found


def test_what_a_power_cut_left_is_found_at_the_next_start_of_the_host() -> None:
    mirror, client = testing.host(MIRROR), testing.host(CLIENTS[0])
    forget()
    client.check_output(PULL)
    largest = mirror.check_output(f"ls -S {DATA}/docker/registry/v2/blobs/sha256/*/*/data | head -1")
    damaged = f"sha256:{largest.split('/')[-2]}"
    links = f"{DATA}/docker/registry/v2/repositories/{IMAGE}/_layers/sha256/*/link"
    # The gateway has a copy of its own, which would be served: it goes, as if the host were new to it.
    mirror.check_output(
        f"systemctl stop {GATEWAY}; rm -rf /var/lib/dockmirror/gateway/cache/*; "
        f"size=$(stat -c %s {largest}); truncate -s 4096 {largest}; truncate -s $size {largest}; "
        f"for link in $(ls {links} | head -1); do : > $link; done; {testing.start(GATEWAY)}"
    )
    mirror.check_output(f"systemctl start {UNIT}")
    assert result()["ok"]
    removed = result()["stores"]["docker.io"]["removed"][-1]
    assert removed["digest"] == damaged
    assert removed["repositories"] == [IMAGE]
    log = mirror.check_output(f"journalctl --unit {UNIT} --output cat")
    assert f"{removed['digest']} is damaged" in log
    assert "/link was repaired" in log
    client.check_output(PULL)
    assert "OnBootUSec" in mirror.check_output(f"systemctl show {UNIT}.timer -p TimersMonotonic")
    assert mirror.check_output(f"systemctl is-active {UNIT}.timer") == "active"


def test_a_mirror_that_cannot_start_does_again() -> None:
    mirror = testing.host(MIRROR)
    container = mirror.check_output("docker ps --all --format '{{.Names}}' --filter name=dockmirror-mirror")
    port = mirror.check_output("docker inspect --format '{{index .Config.Labels \"io.dockmirror.port\"}}' " + container)

    def answers() -> bool:
        return bool(mirror.run(f"curl -fsS http://127.0.0.1:{port}/v2/").succeeded)

    state = f"{DATA}/scheduler-state.json"
    mirror.check_output(
        f"docker stop {container}; : > {state}; touch -d '1 minute ago' {state}; docker start {container}"
    )
    wait_until(lambda: "panic" in mirror.run(f"docker logs --since 1m {container} 2>&1").stdout, 30, "a panic")
    assert not answers()
    mirror.check_output(f"systemctl start {UNIT}")
    wait_until(answers, 90, "a mirror that answers")
