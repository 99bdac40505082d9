# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything may be killed at any moment: it comes back by itself, or by the next run."""

from __future__ import annotations

import json

import pytest

from tests.lab import testing
from tests.lab.playbooks import green, kill
from tests.lab.run import wait_until

from .conftest import CLIENTS, DAEMON_JSON, GATEWAY, MIRROR, can_pull_probe

CLIENT = CLIENTS[0]
CONTAINER = "dockmirror-mirror-docker-io"
PULL = "docker image rm -f library/multi:1 > /dev/null; docker pull -q library/multi:1"
FILES = "/etc/dockmirror/mirror/docker.io /etc/dockmirror/gateway/nginx.conf"


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """The mirror has the whole image: an engine that still knows its manifests would not make it fetch them."""
    testing.host(MIRROR).check_output("systemctl start dockmirror-mirror-prefetch")


@pytest.mark.parametrize(
    "victims",
    [
        "systemctl show -p MainPID --value dockmirror-gateway",
        "pgrep nginx",
        f"docker inspect -f '{{{{.State.Pid}}}}' {CONTAINER}",
        "pgrep -x dockerd; pgrep -x containerd",
        "pgrep -f 'mirror_[q]uota|cache_[c]heck'",
    ],
    ids=["gateway", "all of Nginx", "registry", "engine", "watches"],
)
def test_a_program_that_is_killed_is_back(victims: str) -> None:
    mirror, client, log = testing.host(MIRROR), testing.host(CLIENT), testing.mirror_log(MIRROR)
    client.check_output(PULL)
    killed = set(mirror.check_output(victims).split())
    assert killed
    mirror.check_output(f"kill -9 {' '.join(killed)}")

    def is_back() -> bool:
        units = f"systemctl is-active {GATEWAY} dockmirror-cache-check dockmirror-mirror-quota-watch"
        state = mirror.run(f"docker inspect -f '{{{{.State.Running}}}}' {CONTAINER}").stdout.strip()
        running = set(mirror.run(victims).stdout.split())
        return bool(
            running
            and not running & killed
            and mirror.run(units).succeeded
            and state == "true"
            and can_pull_probe(client)
        )

    wait_until(is_back, 60, "all of it")
    mark = log.mark()
    with testing.stopped(testing.names("hub")[0], "nginx"):
        pulled = client.run(PULL)
    asked = [(entry["method"], entry["uri"], entry["status"]) for entry in log.since(mark)]
    assert pulled.succeeded, (pulled.stderr, asked)


def test_a_deployment_that_is_killed_again_and_again_is_repaired_by_the_next_run() -> None:
    mirror = testing.host(MIRROR)
    started = '{{index .Config.Labels "io.dockmirror.checksum"}} {{.State.Status}}'
    look = f"find {FILES} -type f | sort | xargs sha256sum; docker inspect -f '{started}' {CONTAINER}"
    before = mirror.check_output(look)
    others = ("-e", json.dumps({"mirror_config_override": {"log": {"level": "info"}}, "gateway_cache_tag_time": 2}))
    with testing.meanwhile(lambda: can_pull_probe(testing.host(CLIENT))) as pulls:
        for at in ("Wait until it answers", "Start the gateway"):
            kill(at, "mirror", *others)
        assert mirror.check_output(look) != before
        green("mirror")
    assert mirror.check_output(look) == before
    assert len(pulls) > 20
    assert all(pulls)


def test_an_onboarding_that_is_killed_is_repaired_by_the_next_run() -> None:
    client = testing.host(CLIENT)
    before = client.check_output(f"cat {DAEMON_JSON}")
    others = ("--limit", CLIENT, "-e", json.dumps({"docker_client_daemon_config": {"labels": ["killed=yes"]}}))
    for at in ("Trust the CA", "Prove it"):
        kill(at, "onboard", *others)
    green("onboard", "--limit", CLIENT)
    assert json.loads(client.check_output(f"cat {DAEMON_JSON}")) == json.loads(before)
    assert can_pull_probe(client)
