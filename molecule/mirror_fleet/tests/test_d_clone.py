# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror that is new starts with the cache of another one, and serves it while nobody else does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.playbooks import green, play
from tests.lab.run import wait_until

from .conftest import CLIENTS, FIRST, GATEWAY, SECOND, UPSTREAMS, blobs_of, by_digest, image

DATA = "/var/lib/dockmirror/mirror"
INSTANCES = "$(docker ps --all --quiet --filter name=dockmirror-mirror)"
KEYS = "/root/.ssh/authorized_keys"
PODMAN = CLIENTS[-1]


@pytest.fixture(scope="module", autouse=True)
def a_new_mirror() -> None:
    """The first mirror can be reached by SSH and has all images; the second one has nothing."""
    first, second = testing.host(FIRST), testing.host(SECOND)
    first.check_output(
        "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qqy openssh-server > /dev/null; "
        "systemctl start ssh; mkdir -pm 700 /root/.ssh; echo 'ssh-ed25519 AAAA somebody' > " + KEYS
    )
    for upstream in UPSTREAMS:
        PODMAN.pull(image(upstream))
    # With it Podman would keep the layers that it has to ask the new mirror for.
    PODMAN.forget(by_digest())
    second.check_output(
        f"systemctl stop {GATEWAY}; docker stop {INSTANCES}; rm -rf {DATA}/*/* /var/lib/dockmirror/gateway/cache/*; "
        f"docker start {INSTANCES}; {testing.start(GATEWAY)}"
    )


def clone(**more: Any) -> list[str]:
    return ["clone_cache", "--limit", SECOND, "-e", json.dumps({"mirror_clone_address": FIRST, **more})]


def stored(name: str) -> set[str]:
    found = testing.host(name).run(f"find {DATA} -path '*/blobs/*' -name data -printf '%P\\n'").stdout
    return set(found.split())


def test_it_is_refused_where_it_makes_no_sense() -> None:
    for wrong in ("", "nobody.example.test"):
        done = play(*clone(mirror_clone_from=wrong))
        assert "is no mirror of the inventory" in done.failures[SECOND]
    with testing.stopped(SECOND, "docker.socket docker"):
        done = play(*clone(mirror_clone_from=FIRST))
    assert f"There is no mirror on {SECOND} that runs" in done.failures[SECOND]
    wait_until(lambda: testing.host(SECOND).run("docker ps").succeeded, 30, "an engine")


def test_a_copy_that_fails_leaves_no_key_behind() -> None:
    done = play(*clone(mirror_clone_from=FIRST, mirror_clone_port=2))
    assert done.failures[SECOND]
    assert testing.host(FIRST).check_output(f"cat {KEYS}") == "ssh-ed25519 AAAA somebody"
    assert not testing.host(SECOND).file("/var/lib/dockmirror/mirror-clone").exists


def test_it_has_all_that_the_other_one_has_and_serves_it_alone() -> None:
    done = green(*clone(mirror_clone_from=FIRST))
    assert done.changed > 0
    assert stored(FIRST) <= stored(SECOND)
    assert "blobs f*, 16 of 16" in done.output
    assert testing.host(FIRST).check_output(f"cat {KEYS}") == "ssh-ed25519 AAAA somebody"
    for upstream in UPSTREAMS:
        state = f"cat {DATA}/{upstream}/scheduler-state.json"
        expires = json.loads(testing.host(FIRST).check_output(state))
        assert set(expires) <= set(json.loads(testing.host(SECOND).check_output(state)))

    log = testing.mirror_log(SECOND)
    mark = log.mark()
    with testing.stopped("hub.example.test", "nginx"), testing.stopped(FIRST, GATEWAY):
        wait_until(
            lambda: PODMAN.host.run(f"curl -skf -o /dev/null https://{SECOND}/v2/").succeeded, 30, "the new mirror"
        )
        for upstream in UPSTREAMS:
            PODMAN.pull(image(upstream))
    served = {entry["uri"].rpartition("/")[2] for entry in log.since(mark) if entry["status"] == 200}
    for upstream in UPSTREAMS:
        assert blobs_of(upstream) <= served
    assert green(*clone(mirror_clone_from=FIRST)).changed == 0
