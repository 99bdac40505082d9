# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that pull: as many as are asked for, as much as is asked for, and then they are done.

Standard library only: it runs on a host of the lab.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import multiprocessing
import os
import ssl
import threading
import time
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any

ACCEPT = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
TIMEOUT = 600
"""Seconds without a byte after which a client gives up, and with it the benchmark."""


class Failed(Exception):
    """A client did not get what it should; the text says what it got."""

    def __init__(self, text: str, status: int = 0) -> None:
        """The *status* is that of the answer, if that is what is wrong."""
        super().__init__(text)
        self.status = status


class Client:
    """One client with one connection over TLS, as an engine has it."""

    def __init__(self, port: int, password: tuple[str, str] | None = None) -> None:
        """Connect to *port* of loopback; *password* is a user's name and password, sent with each request."""
        self._headers = {"Accept": ACCEPT}
        if password:
            self._headers["Authorization"] = "Basic " + base64.b64encode(":".join(password).encode()).decode()
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # what is measured is not the trust
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=TIMEOUT)
        self._buffer = memoryview(bytearray(1 << 18))

    def get(self, path: str, check: str = "") -> int:
        """Read *path* and throw it away, but see that it has the digest *check*; gives its size."""
        response = self._request(path)
        known = hashlib.sha256() if check else None
        total = 0
        while count := response.readinto(self._buffer):
            total += count
            if known:
                known.update(self._buffer[:count])
        if response.length:
            raise Failed(f"{path}: {response.length} bytes are missing")
        if known and f"sha256:{known.hexdigest()}" != check:
            raise Failed(f"{path}: the bytes are not those of the digest")
        return total

    def manifest(self, repository: str) -> dict[str, Any]:
        """The manifest of the repository's tag 1."""
        manifest: dict[str, Any] = json.loads(self._request(f"/v2/{repository}/manifests/1").read())
        return manifest

    def pull(self, repository: str) -> int:
        """Pull the image with the tag 1 and verify it; gives its size."""
        manifest = self.manifest(repository)
        blobs = [manifest["config"], *manifest["layers"]]
        return sum(self.get(f"/v2/{repository}/blobs/{blob['digest']}", blob["digest"]) for blob in blobs)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _request(self, path: str) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        if response.status != 200:
            raise Failed(f"{path}: HTTP {response.status}: {response.read(300)!r}", response.status)
        return response


def together(clients: int, port: int, work: Callable[[Client], Any], password: tuple[str, str] | None = None) -> float:
    """Let each of so many clients do the work at once; gives the seconds until the last one is done.

    They are threads of as many processes as there are processors.
    """
    context = multiprocessing.get_context("fork")
    start = context.Barrier(clients + 1)
    problems = context.SimpleQueue()
    count = min(os.cpu_count() or 1, clients)
    shares = [clients // count + (number < clients % count) for number in range(count)]
    processes = [
        context.Process(target=_threads, args=(share, port, password, work, start, problems)) for share in shares
    ]
    for process in processes:
        process.start()
    start.wait(TIMEOUT)
    began = time.monotonic()
    for process in processes:
        process.join()
    took = time.monotonic() - began
    if not problems.empty():
        raise Failed(f"a client of {clients} failed: {problems.get()}")
    return took


def _threads(
    clients: int,
    port: int,
    password: tuple[str, str] | None,
    work: Callable[[Client], Any],
    start: Barrier,
    problems: SimpleQueue[str],
) -> None:
    def run() -> None:
        client = Client(port, password)
        start.wait(TIMEOUT)
        try:
            work(client)
        except (Failed, OSError, http.client.HTTPException) as problem:
            problems.put(f"{type(problem).__name__}: {problem}")
        finally:
            client.close()

    threads = [threading.Thread(target=run) for _turn in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
