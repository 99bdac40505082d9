# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full: pulls go on through the mirror, which gives way, or passes on without keeping anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import testing
from tests.lab.run import docker, wait_until

from .conftest import CLIENTS, GATEWAY, MIRROR
from .test_cache import forget

CACHE = "/var/lib/dockmirror/gateway/cache"
DATA = "/var/lib/dockmirror/mirror"
SETTINGS = "/etc/dockmirror/mirror/quota/settings.json"
WATCH = "dockmirror-mirror-quota-watch"
MIB = 1 << 20
IMAGES = ["library/medium:1", "library/multi:1", "example/app:1.0", "library/alpine:latest"]


@contextmanager
def small_disk(path: str, mebibytes: int) -> Iterator[None]:
    """A filesystem of that size below the mirror's services."""
    mirror = testing.host(MIRROR)
    instances = "$(docker ps --all --quiet --filter name=dockmirror-mirror)"
    units = f"{GATEWAY} dockmirror-cache-check {WATCH}"
    stop = f"systemctl stop {units}; docker stop {instances}"
    start = f"docker start {instances}; {testing.start(units)}"
    mirror.check_output(
        f"{stop}; mount -t tmpfs -o size={mebibytes}m,mode=755 tmpfs {path}; mkdir -p {DATA}/docker.io; {start}"
    )
    try:
        wait_until(lambda: bool(testing.host(CLIENTS[0]).run(f"curl -sfk https://{MIRROR}/v2/").succeeded), 20, MIRROR)
        yield
    finally:
        mirror.check_output(f"{stop}; umount {path}; {start}")


def free(path: str) -> int:
    return int(testing.host(MIRROR).check_output(f"df --output=avail -B1 {path} | tail -1"))


def pull_all() -> None:
    """Pull what no client has: through the mirror, and at the first attempt."""
    hub, client = testing.hub_log(), testing.host(CLIENTS[0])
    mark = hub.mark()
    for image in IMAGES:
        assert "Retrying" not in client.check_output(
            f"docker image rm -f {image} > /dev/null 2>&1; docker pull {image}"
        )
    assert {entry["remote_addr"] for entry in hub.since(mark)} == {testing.address(MIRROR)}


def test_the_disk_of_the_cache() -> None:
    mirror = testing.host(MIRROR)
    forget()
    with small_disk(CACHE, 12):
        mirror.run(f"dd if=/dev/zero of={CACHE}/others bs=1M")  # until nothing is left
        assert free(CACHE) == 0
        wait_until(lambda: mirror.file("/run/dockmirror-cache-check/full").exists, 10, "a note that space is short")
        pull_all()
    wait_until(lambda: not mirror.file("/run/dockmirror-cache-check/full").exists, 10, "no such note")
    pull_all()
    assert "space is short" in mirror.check_output("journalctl --unit dockmirror-cache-check --output cat")


def test_the_disk_of_the_mirror() -> None:
    """Its largest layer has 20 MiB; others take what they find, and it gives way."""
    mirror = testing.host(MIRROR)
    forget()
    mirror.check_output(f"cp -p {SETTINGS} /var/tmp/quota.json")
    document = json.loads(mirror.check_output(f"cat {SETTINGS}"))
    document.update(min_free={"bytes": 25 * MIB}, quota=None)
    docker("exec", "-i", testing.container(MIRROR), "tee", SETTINGS, stdin=json.dumps(document).encode())
    try:
        with small_disk(DATA, 80):
            pull_all()
            taken = free(DATA) - MIB
            mirror.check_output(f"fallocate -l {taken} {DATA}/others")
            wait_until(lambda: free(DATA) >= 25 * MIB, 20, "a mirror that has given way")
            mirror.check_output(f"rm -rf {CACHE}/*; {testing.start(GATEWAY, 'restart')}")
            pull_all()
            wait_until(lambda: free(DATA) >= 25 * MIB, 20, "a mirror that gives way again")
    finally:
        mirror.check_output(f"mv /var/tmp/quota.json {SETTINGS}; {testing.start(WATCH, 'restart')}")
