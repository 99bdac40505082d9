# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A quota that holds while engines pull three times as much, with no failed pull and with what is used left alone."""

from __future__ import annotations

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.mkimage import Image, random_layer, registry_tree
from tests.lab.playbooks import play
from tests.lab.run import docker, wait_until

from .conftest import CLIENTS, GATEWAY, MIRROR
from .test_cache import forget

MIB = 1 << 20
QUOTA = 100 * MIB  # the scenario's mirror_storage_quota
LAYER = 5 * MIB
HOT = "library/medium:1"
LARGEST = 20 * MIB  # the larger one of the hot image's layers
IMAGES = [f"fill/image{number}" for number in range(3 * QUOTA // LAYER)]
DATA = "/var/lib/dockmirror/mirror"
CACHE = "/var/lib/dockmirror/gateway/cache"
OTHERS = "/var/tmp/others"
WATCH = "dockmirror-mirror-quota-watch"
RESULT = "/var/lib/dockmirror/mirror-quota/result.json"


@pytest.fixture(scope="module", autouse=True)
def more_images() -> None:
    """The Hub gets images that are three times the quota together."""
    content = [Image(name, ("1",), (random_layer(LAYER // MIB, name),)) for name in IMAGES]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, data in registry_tree(content).items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    hub = testing.container(testing.names("hub")[0])
    docker("exec", "-i", hub, "tar", "-x", "-C", "/var/lib/hub", stdin=buffer.getvalue())
    forget()


def others() -> None:
    """Something else on the mirror's disk takes room, and gives it back."""
    testing.host(MIRROR).check_output(f"if test -e {OTHERS}; then rm {OTHERS}; else fallocate -l 40M {OTHERS}; fi")


def usage() -> int:
    """Bytes on the disk, as far as they do not vanish meanwhile."""
    return int(testing.host(MIRROR).run(f"du -s --block-size=1 {DATA}").stdout.split()[0])


def result() -> dict[str, Any]:
    """What came of the last look at the data."""
    found: dict[str, Any] = json.loads(testing.host(MIRROR).check_output(f"cat {RESULT}"))
    return found


def blobs() -> str:
    """All blobs on the mirror's disk."""
    return str(testing.host(MIRROR).check_output(f"find {DATA}/*/docker/registry/v2/blobs -type f | sort"))


def data_of(image: str) -> list[str]:
    """The layers of an image that are on the mirror's disk, of all that its repository has ever had."""
    links = f"{DATA}/docker.io/docker/registry/v2/repositories/{image}/_layers/sha256"
    listing = testing.host(MIRROR).run(
        f'for layer in $(ls {links}); do ls {DATA}/docker.io/docker/registry/v2/blobs/sha256/*/"$layer"/data; done'
    )
    return [str(line) for line in listing.stdout.splitlines()]


def pull(client: Any, image: str) -> None:
    """Pull an image, and forget it again."""
    client.check_output(f"docker pull -q {image} && docker image rm {image}")


def test_pulls_of_three_times_the_quota() -> None:
    def work(number: int) -> None:
        client = testing.host(CLIENTS[number])
        for turn, image in enumerate(IMAGES[number :: len(CLIENTS)]):
            if turn % 5 == 0:
                pull(client, HOT)
            pull(client, f"{image}:1")

    hub = testing.hub_log()
    mark = hub.mark()
    with testing.meanwhile(usage) as peaks, testing.meanwhile(others) as turns, ThreadPoolExecutor() as pool:
        list(pool.map(work, range(len(CLIENTS))))
    testing.host(MIRROR).check_output(f"rm -f {OTHERS}")
    assert len(peaks) > 10
    assert len(turns) > 10
    assert max(peaks) <= QUOTA + LARGEST
    asked = hub.since(mark)
    everything = {entry["uri"] for entry in asked if "/blobs/" in entry["uri"] and entry["remote_addr"] != "127.0.0.1"}
    assert len(everything) >= 2 * len(IMAGES), "all of it came through the mirror"
    assert {entry["remote_addr"] for entry in asked} == {testing.address(MIRROR)}
    hot = [entry["uri"] for entry in asked if "/library/medium/blobs/" in entry["uri"] and entry["method"] == "GET"]
    assert len(hot) == len(set(hot)), "what is used was fetched once"
    assert len(data_of("library/medium")) >= 2

    wait_until(lambda: result()["usage_bytes"] <= QUOTA * 0.95, 70, "a mirror that is within its quota")
    assert usage() <= QUOTA
    found = result()
    assert (found["ok"], found["quota_bytes"]) == (True, QUOTA)
    assert found["total"]["bytes"] >= 2 * QUOTA - LARGEST
    assert "freed" in testing.host(MIRROR).check_output(f"journalctl --unit {WATCH} --output cat")


def test_what_went_is_fetched_again() -> None:
    gone = next(image for image in IMAGES if not data_of(image))
    testing.host(MIRROR).check_output(f"systemctl stop {GATEWAY} && rm -rf {CACHE}/* && {testing.start(GATEWAY)}")
    pull(testing.host(CLIENTS[0]), f"{gone}:1")
    wait_until(lambda: bool(data_of(gone)), 10, "the layer")


def test_a_disk_that_somebody_else_fills_gets_room_again() -> None:
    """With a minimum of free space, the mirror gives way."""
    mirror = testing.host(MIRROR)
    settings = "/etc/dockmirror/mirror/quota/settings.json"
    units = f"{WATCH} dockmirror-mirror-quota.timer"
    mirror.check_output(f"cp -p {settings} /var/tmp/quota.json && systemctl stop {units}")
    try:
        free = int(mirror.check_output(f"df --output=avail -B1 {DATA} | tail -1"))
        before, stored = usage(), blobs()
        document = json.loads(mirror.check_output(f"cat {settings}"))
        document["min_free"] = {"bytes": free + 20 * MIB}
        docker("exec", "-i", testing.container(MIRROR), "tee", settings, stdin=json.dumps(document).encode())
        shown = json.loads(mirror.check_output("dockmirror-mirror-quota evict --dry-run"))
        assert shown["bytes"] >= 20 * MIB
        assert blobs() == stored, "it only said so"
        mirror.run("systemctl start dockmirror-mirror-quota")
        assert usage() <= before - 20 * MIB
    finally:
        mirror.check_output(f"mv /var/tmp/quota.json {settings} && systemctl start {units}")
        mirror.run("systemctl reset-failed dockmirror-mirror-quota")  # It cannot when all went well.
    pull(testing.host(CLIENTS[0]), HOT)


def test_the_units_survive_a_kill() -> None:
    mirror = testing.host(MIRROR)
    mirror.check_output(f"systemctl kill --signal=SIGKILL {WATCH}")
    wait_until(lambda: mirror.run(f"systemctl is-active {WATCH}").succeeded, 20, "a watch that is back")
    assert mirror.check_output("systemctl is-active dockmirror-mirror-quota.timer") == "active"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("900000T", "mirror_storage_quota (900000T) is more than the filesystem"),
        ("lots", "mirror_storage_quota: 'lots' is not a size such as 200G"),
    ],
)
def test_a_quota_that_makes_no_sense_is_refused_before_anything_is_touched(value: str, message: str) -> None:
    done = play("mirror", "-e", json.dumps({"mirror_storage_quota": value}))
    assert message in done.failures[MIRROR]
    assert done.changed == 0
