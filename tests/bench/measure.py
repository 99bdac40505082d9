# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements: everything on loopback of one host of the lab, ours and the plain way by turns.

Standard library only: it runs on that host. Its arguments are the parts to measure; prints one JSON object.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import registry
from tests.bench.load import Client, together
from tests.bench.services import BENCH, Place, services
from tests.bench.upstream import LARGE, LAYER_SIZE, LAYERS

UPSTREAM, PLAIN, STATIC, OURS = 5000, 5443, 8443, 443
UPLINK = 125_000_000 / 10
"""Bytes a second of an uplink that has a tenth of a LAN of 1 Gbit/s."""
COLD_CLIENTS = (1, 10, 30, 100)
WARM_CLIENTS = (10, 100)
COLD_RUNS, WARM_RUNS, WALL_RUNS = 3, 7, 3
WARM_READS = 30
"""How often a warm run reads the large blob at least."""

repositories = (f"bench/r{number}" for number in range(1, 10_000))


def control(repository: str, rate: float = 0) -> dict[str, int]:
    """Set the upstream's rate and next image; gives what it counted since the last time, and the image's size."""
    order = json.dumps({"repository": repository, "rate": rate}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{UPSTREAM}/control", order) as answer:
        counted: dict[str, int] = json.load(answer)
    return counted


def cold_pull(port: int, clients: int, rate: float = 0) -> tuple[float, float]:
    """Let so many clients pull an image that nobody has; gives its copies that upstream sent, and the seconds."""
    repository = next(repositories)
    size = control(repository, rate)["image_size"]
    seconds = together(clients, port, lambda client: client.pull(repository))
    return control(repository)["bytes"] / size, seconds


def copies() -> list[dict[str, Any]]:
    """What N clients that pull a cold image at once cost upstream."""
    rows = []
    for clients in COLD_CLIENTS:
        ours = statistics.median(cold_pull(OURS, clients)[0] for _turn in range(COLD_RUNS))
        plain = statistics.median(cold_pull(PLAIN, clients)[0] for _turn in range(COLD_RUNS))
        rows.append({"clients": clients, "ours": ours, "plain": plain})
    return rows


def tag_requests() -> dict[str, Any]:
    """What a hundred pulls of one tag within its time cost upstream in requests of manifests."""
    found = {}
    for name, port in (("ours", OURS), ("plain", PLAIN)):
        repository = next(repositories)
        control(repository)
        together(10, port, lambda client: [client.pull(repository) for _turn in range(10)])  # noqa: B023 - called at once
        found[name] = control(repository)["manifests"]
    return found


def wall(rate: float) -> dict[str, Any]:
    """Seconds until the last of thirty cold clients has the image."""
    pairs = [(cold_pull(OURS, 30, rate)[1], cold_pull(PLAIN, 30, rate)[1]) for _turn in range(WALL_RUNS)]
    return {
        "ours": statistics.median(ours for ours, _plain in pairs),
        "plain": statistics.median(plain for _ours, plain in pairs),
        "ratio": statistics.median(ours / plain for ours, plain in pairs),
    }


def throughput() -> list[dict[str, Any]]:
    """Bytes a second of a blob that is warm, and of the same bytes as a file, by turns."""
    client = Client(OURS)
    blob = client.manifest(LARGE)["layers"][0]
    path = f"/v2/{LARGE}/blobs/{blob['digest']}"
    file = BENCH / "static" / path[1:]
    file.parent.mkdir(parents=True)
    urllib.request.urlretrieve(f"http://127.0.0.1:{UPSTREAM}{path}", file)
    for port in (OURS, STATIC):
        Client(port).get(path, blob["digest"])
    rows = []
    for clients in WARM_CLIENTS:
        reads = -(-WARM_READS // clients)
        runs: list[dict[str, tuple[float, float]]] = []
        for number in range(WARM_RUNS + 1):
            order = (("ours", OURS), ("static", STATIC))
            runs.append(
                {name: read_warm(port, path, clients, reads) for name, port in order[:: 1 if number % 2 else -1]}
            )
        del runs[0]  # the first one is to get everything going
        total = clients * reads * blob["size"]
        rows.append(
            {
                "clients": clients,
                "ours": total / statistics.median(run["ours"][0] for run in runs),
                "static": total / statistics.median(run["static"][0] for run in runs),
                "ratio": statistics.median(run["static"][0] / run["ours"][0] for run in runs),
                "processor_ratio": statistics.median(run["static"][1] / run["ours"][1] for run in runs),
            }
        )
    return rows


def read_warm(port: int, path: str, clients: int, reads: int) -> tuple[float, float]:
    """Let each client read *path* so many times; gives the seconds, and those of a processor that Nginx took."""
    before = processor_time(port)
    seconds = together(clients, port, lambda client: [client.get(path) for _turn in range(reads)])
    return seconds, processor_time(port) - before


@functools.cache
def nginx(port: int) -> list[int]:
    """Ids of the main process and the workers of the Nginx on *port*; the loader of its cache ends after a minute."""
    main = Path(f"/run/dockmirror-gateway/{'nginx' if port == OURS else 'static'}.pid").read_text().strip()
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    workers = [pid for pid in children if b"worker process" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return [int(pid) for pid in (main, *workers)]


def processor_time(port: int) -> float:
    """Seconds of a processor that the Nginx on *port* has used."""
    ticks = 0
    for pid in nginx(port):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def commands() -> dict[Place, Sequence[str]]:
    """What listens on which port: the upstream, both registries and both Nginx."""
    binary = str(BENCH / "registry")
    return {
        UPSTREAM: [sys.executable, "-m", "tests.bench.upstream", str(UPSTREAM)],
        PLAIN: [binary, "serve", str(BENCH / "plain.yml")],
        int((BENCH / "mirror.port").read_text()): [binary, "serve", str(BENCH / "mirror.yml")],
        STATIC: ["nginx", "-g", "daemon off;", "-c", str(BENCH / "static.conf")],
        OURS: ["nginx", "-g", "daemon off;", "-c", str(BENCH / "gateway.conf")],
    }


def mirror() -> dict[str, Any]:
    """All that is measured of a mirror."""
    with services(commands()):
        return {
            "copies": copies(),
            "tag_requests": tag_requests(),
            "throughput": throughput(),
            "wall_unlimited": wall(0),
            "wall_limited": wall(UPLINK),
            "uplink": UPLINK,
            "image_size": LAYERS * LAYER_SIZE,
        }


def main() -> None:
    """Measure the parts that are named, and print the results of each by its name."""
    parts = {"mirror": mirror, "registry": registry.measure}
    print(json.dumps({name: parts[name]() for name in sys.argv[1:]}))


if __name__ == "__main__":
    main()
