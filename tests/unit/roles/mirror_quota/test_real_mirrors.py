# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quota on the real registry programs of versions 3 and 2, as processes on loopback: no pull fails."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mirror_quota.evictor import Evictor
from mirror_quota.look import Filesystem
from mirror_quota.settings import Size
from mirror_quota.watch import watch
from tests.lab.mkimage import DOCKER_MANIFEST, Image, digest, random_layer
from tests.lab.registryimage import program
from tests.lab.registryprocess import fill, registry, wait

from .conftest import MIB, Host, blobs, layers, usage

SHARED = random_layer(1, "shared")


def image(name: str) -> Image:
    return Image(f"library/{name}", ("1",), (SHARED, random_layer(1, name)))


@pytest.fixture(params=["3", "2"])
def major(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Clients:
    """Pull as engines do through the gateway: one request at a time for each blob, and all that is read is logged."""

    def __init__(self, host: Host, port: int) -> None:
        self.host, self.port = host, port
        self.failed: list[str] = []
        self.pulled = 0
        self.lock = threading.Lock()
        self.fetching: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def pull(self, wanted: Image) -> None:
        """Read the whole image, and note whatever is not as it should be."""
        content = self._get(wanted, "manifest", "1")
        document = json.loads(content or '{"config": {}, "layers": []}')
        for blob in (document["config"], *document["layers"]):
            if blob:
                with self.lock:
                    lock = self.fetching[blob["digest"]]
                with lock:
                    self._get(wanted, "blob", blob["digest"])
        self.pulled += 1

    def _get(self, wanted: Image, kind: str, reference: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        content, status = b"", 0
        try:
            path = f"/v2/{wanted.repository}/{kind}s/{reference}"
            connection.request("GET", path, headers={"Accept": DOCKER_MANIFEST})
            response = connection.getresponse()
            status, content = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(f"{wanted.repository} {kind}: {error!r}")
        finally:
            connection.close()
        if status != 200 or (kind == "blob" and digest(content) != reference):
            self.failed.append(f"{wanted.repository} {kind}: {status}, {len(content)} bytes")
            return b""
        now = datetime.now(UTC).isoformat()
        with self.lock:
            self.host.used(kind, wanted.repository, reference, 0, wrong={"time": now})
        return content


@contextlib.contextmanager
def mirror(major: str, host: Host, content: list[Image]) -> Iterator[tuple[Path, Clients]]:
    """A mirror of a registry with that content."""
    upstream = host.folder / "upstream"
    fill(upstream, content)
    data_dir = host.upstream("docker.io")
    with (
        registry("3" if program("3").exists() else "2", upstream) as port,
        registry(major, data_dir, proxy={"remoteurl": f"http://127.0.0.1:{port}"}) as own,
    ):
        yield data_dir, Clients(host, own)


def test_what_went_is_fetched_again(major: str, host: Host) -> None:
    a, b = image("a"), image("b")
    with mirror(major, host, [a, b]) as (data, clients):
        for wanted in (a, b):
            clients.pull(wanted)
        everything = {*layers(a), *layers(b)}
        wait(lambda: everything <= blobs(data))
        host.now = time.time()
        host.look(quota=MIB)
        assert not everything & blobs(data)
        for wanted in (b, a):
            clients.pull(wanted)
        assert clients.failed == []
        wait(lambda: everything <= blobs(data))
        host.now = time.time()
        assert host.look(quota=100 * MIB).freed.blobs == 0
        clients.pull(a)
        assert clients.failed == []


def test_an_image_stays_whole_when_another_one_that_shares_a_layer_goes(major: str, host: Host) -> None:
    a, b = image("a"), image("b")
    with mirror(major, host, [a, b]) as (data, clients):
        clients.pull(a)
        wait(lambda: set(layers(a)) <= blobs(data))
        clients.pull(b)
        wait(lambda: {*layers(a), *layers(b)} <= blobs(data))
        host.now = time.time()
        host.look(quota=3 * MIB)
        assert set(layers(b)) <= blobs(data)
        assert layers(a)[1] not in blobs(data)
        for wanted in (b, a):
            clients.pull(wanted)
        assert clients.failed == []


def test_under_continuous_pulls_of_three_times_the_quota(major: str, host: Host) -> None:
    """Two clients pull at once, while the watch looks again and again.

    Between two questions for the free space at most one image is begun, and so less than the twentieth part of the
    quota is on its way: no mirror fetches that much of its quota within a second.
    """
    quota, size = 64 * MIB, 1 << 40
    images = [image(str(number)) for number in range(3 * quota // MIB)]
    hot = image("hot")
    pace: queue.Queue[None] = queue.Queue(1)
    done = threading.Event()
    peaks: list[int] = []
    choose = random.Random(0)  # noqa: S311 - the same pulls in each run

    with mirror(major, host, [*images, hot]) as (data, clients):

        def measure(_path: Path | None = None) -> Filesystem:
            """A filesystem on which nobody else writes."""
            peaks.append(usage(data))
            return Filesystem(size, size // 2 - peaks[-1])

        def sleep(_seconds: float) -> None:
            if done.is_set():
                raise InterruptedError
            with contextlib.suppress(queue.Full):
                pace.put_nowait(None)
            time.sleep(0.002)

        def client(mine: list[Image]) -> None:
            for number, wanted in enumerate(mine):
                pace.get()
                clients.pull(wanted)
                # Registry 2 stores what it serves by a second fetch, which may end later.
                last = layers(wanted)[1][7:]
                wait((data / f"docker/registry/v2/blobs/sha256/{last[:2]}/{last}/data").exists)
                if number % 5 == 0:
                    clients.pull(hot)

        clients.pull(hot)
        wait(lambda: set(layers(hot)) <= blobs(data))
        first = {path: path.stat().st_ino for path in data.rglob(f"{layers(hot)[1][7:]}/data")}
        evictor = Evictor(host.settings._replace(quota=Size(bytes=quota)), measure=measure)
        choose.shuffle(images)
        threads = [threading.Thread(target=client, args=(images[start::2],)) for start in range(2)]
        watching = threading.Thread(target=watched, args=(evictor, measure, sleep))
        for thread in (watching, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        watching.join()
        assert clients.failed == []
        assert clients.pulled > len(images)
        largest = max(path.stat().st_size for path in (host.folder / "upstream").rglob("data"))
        assert max(peaks) <= quota + largest
        assert {path: path.stat().st_ino for path in first} == first, "the hot image was never removed"
        freed = evictor.look().freed
        assert usage(data) <= quota
        assert host.result()["total"]["bytes"] > quota + freed.bytes  # type: ignore[index]


def watched(evictor: Evictor, measure: Any, sleep: Any) -> None:
    with contextlib.suppress(InterruptedError):
        watch(evictor, measure, time.monotonic, sleep)
