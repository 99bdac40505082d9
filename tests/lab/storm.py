# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storm of pushes and pulls against a registry, by its API, with a book of what was acknowledged.

A program of its own for a host of a fleet, which has Python and nothing else. ``storm`` pushes and pulls until its
standard input is closed, then prints a report as JSON; ``verify`` reads such a report from its standard input and pulls
every acknowledged image by digest, each byte of it. Credentials come from ``STORM_USER`` and ``STORM_PASSWORD``.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import json
import os
import random
import ssl
import sys
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DELETED = 0.3
"""Share of the images that are deleted after they were pushed: a collection needs garbage."""


class Answer(NamedTuple):
    """What came of a request; status 0 is a connection that failed."""

    status: int
    headers: dict[str, str]
    body: bytes


class Registry:
    """A registry by URL, one connection for each thread that uses it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._netloc = parts.netloc
        self._local = threading.local()
        user = os.environ.get("STORM_USER", "")
        pair = f"{user}:{os.environ.get('STORM_PASSWORD', '')}".encode()
        self._headers = {"Authorization": "Basic " + base64.b64encode(pair).decode()} if user else {}

    def _connection(self) -> http.client.HTTPConnection:
        if getattr(self._local, "connection", None) is None:
            self._local.connection = (
                http.client.HTTPSConnection(self._netloc, timeout=60, context=ssl.create_default_context())
                if self._tls
                else http.client.HTTPConnection(self._netloc, timeout=60)
            )
        connection: http.client.HTTPConnection = self._local.connection
        return connection

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request and read the whole answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection = self._connection()
            connection.request(method, path, body=body, headers={**self._headers, **named})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._local.connection = None
            return Answer(0, {}, repr(error).encode())
        if answer.getheader("Connection") == "close" or answer.status >= 400:
            connection.close()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)


class PushError(Exception):
    """A push that was not acknowledged."""

    def __init__(self, step: str, answer: Answer) -> None:
        super().__init__(step)
        self.step, self.answer = step, answer


def digest(data: bytes) -> str:
    """Content address of *data*."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def push_blob(registry: Registry, repository: str, data: bytes) -> None:
    """Push a blob in three requests, as engines do."""
    address = digest(data)
    if registry.ask("HEAD", f"/v2/{repository}/blobs/{address}").status == 200:
        return
    begun = registry.ask("POST", f"/v2/{repository}/blobs/uploads/", b"")
    if begun.status != 202:
        raise PushError("begin", begun)
    sent = registry.ask("PATCH", begun.headers["location"], data, Content_Type="application/octet-stream")
    if sent.status != 202:
        raise PushError("upload", sent)
    location = sent.headers["location"]
    done = registry.ask("PUT", f"{location}{'&' if '?' in location else '?'}digest={address}", b"")
    if done.status != 201:
        raise PushError("commit", done)


def push(registry: Registry, repository: str, tag: str, layers: list[bytes]) -> str:
    """Push an image; gives its digest."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "tag": tag}).encode()
    for blob in (*layers, config):
        push_blob(registry, repository, blob)
    described = [(LAYER, blob) for blob in layers]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(config), "digest": digest(config)},
            "layers": [{"mediaType": kind, "size": len(blob), "digest": digest(blob)} for kind, blob in described],
        }
    ).encode()
    answer = registry.ask("PUT", f"/v2/{repository}/manifests/{tag}", manifest, Content_Type=MANIFEST)
    if answer.status != 201:
        raise PushError("manifest", answer)
    return digest(manifest)


def pull(registry: Registry, repository: str, address: str) -> str:
    """Pull an image by digest, all bytes of it; gives what is wrong, or an empty string."""
    answer = registry.ask("GET", f"/v2/{repository}/manifests/{address}", Accept=MANIFEST)
    if answer.status != 200 or digest(answer.body) != address:
        return f"manifest {repository}@{address}: {answer.status} {answer.body[:200]!r}"
    document = json.loads(answer.body)
    for part in (document["config"], *document["layers"]):
        blob = registry.ask("GET", f"/v2/{repository}/blobs/{part['digest']}")
        if blob.status != 200 or digest(blob.body) != part["digest"]:
            return f"blob {repository}@{part['digest']}: {blob.status}, {len(blob.body)} bytes of {part['size']}"
    return ""


class Storm:
    """Threads that push and pull, and their book."""

    def __init__(self, url: str, name: str) -> None:
        self.registry, self.name = Registry(url), name
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.pushed: dict[str, str] = {}
        self.refused: list[dict[str, Any]] = []
        self.pulls = 0
        self.bad_pulls: list[str] = []
        self.pause = 0.0
        """Longest time between two acknowledged pushes, in seconds."""
        self._last = time.monotonic()
        self.shared = random.Random(name).randbytes(200_000)  # noqa: S311

    def push(self, number: int) -> None:
        """Push one image after the other, and delete some of them."""
        chance = random.Random(f"{self.name}{number}")  # noqa: S311
        count = 0
        while not self.over.is_set():
            count += 1
            repository, tag = f"storm/{self.name}-{number % 4}", f"t{number}-{count}"
            try:
                address = push(self.registry, repository, tag, [self.shared, chance.randbytes(100_000)])
            except PushError as error:
                self._refuse(error)
                continue
            with self.lock:
                self.pause = max(self.pause, time.monotonic() - self._last)
                self._last = time.monotonic()
            if chance.random() < DELETED:
                # Whatever the answer is, this one is not expected to be there.
                self.registry.ask("DELETE", f"/v2/{repository}/manifests/{address}")
                continue
            with self.lock:
                self.pushed[address] = repository

    def _refuse(self, error: PushError) -> None:
        facts = {
            "step": error.step,
            "status": error.answer.status,
            "retry_after": error.answer.headers.get("retry-after"),
            "body": error.answer.body[:300].decode(errors="replace"),
        }
        with self.lock:
            self.refused.append(facts)
        self.over.wait(0.2)

    def pull(self) -> None:
        """Pull images that were acknowledged."""
        while not self.over.is_set():
            with self.lock:
                known = list(self.pushed.items())
            if not known:
                self.over.wait(0.1)
                continue
            address, repository = random.choice(known)  # noqa: S311
            problem = pull(self.registry, repository, address)
            with self.lock:
                self.pulls += 1
                if problem:
                    self.bad_pulls.append(problem)

    def run(self, pushers: int, pullers: int) -> dict[str, Any]:
        """Rage until standard input is closed."""
        threads = [threading.Thread(target=self.push, args=(number,)) for number in range(pushers)]
        threads += [threading.Thread(target=self.pull) for _number in range(pullers)]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self.over.set()
        for thread in threads:
            thread.join()
        return {
            "pushed": self.pushed,
            "refused": self.refused,
            "pulls": self.pulls,
            "bad_pulls": self.bad_pulls,
            "longest_pause": round(self.pause, 1),
        }


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["storm", "verify"])
    parser.add_argument("url")
    parser.add_argument("--name", default="a", help="part of the repositories' names")
    parser.add_argument("--pushers", type=int, default=6)
    parser.add_argument("--pullers", type=int, default=2)
    options = parser.parse_args()
    if options.command == "storm":
        print(json.dumps(Storm(options.url, options.name).run(options.pushers, options.pullers)))
        return 0
    registry = Registry(options.url)
    pushed: dict[str, str] = json.load(sys.stdin)["pushed"]
    lost = [problem for address, repository in pushed.items() if (problem := pull(registry, repository, address))]
    print(json.dumps({"verified": len(pushed), "lost": lost}))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
