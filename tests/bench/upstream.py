# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that counts what it is asked for, and can be as slow as an uplink.

It has the image ``bench/<anything>:1``: every repository has its own layers, so that each measurement is a cold one.
It is a process of its own, which is told what to do over ``/control``. Standard library only: it runs on a host of the
lab.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CHUNK = 1 << 18
LAYERS, LAYER_SIZE = 2, 8 << 20
"""Shape of an image."""
LARGE, LARGE_SIZE = "bench/large", 64 << 20
"""An image with one layer that is larger, for measurements of what is warm."""
_PATH = re.compile(r"^/v2/(?P<repository>bench/[a-z0-9-]+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)$")


class Image(NamedTuple):
    """An image as bytes: its manifest, and its blobs by digest."""

    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all blobs and the manifest."""
        return len(self.manifest) + sum(map(len, self.blobs.values()))


def digest(content: bytes) -> str:
    """The digest of *content* as registries write it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def image(repository: str, layers: int, layer_size: int) -> Image:
    """The image of *repository*: *layers* layers of *layer_size* bytes that cannot be compressed."""
    noise = random.Random(repository)  # noqa: S311 - the same bytes every time
    contents = [noise.randbytes(layer_size) for _turn in range(layers)]
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}, "r": repository}
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", content) for content in contents],
    }
    return Image(json.dumps(manifest).encode(), {digest(content): content for content in (config, *contents)})


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


class Uplink:
    """A line of so many bytes a second that all connections share; 0 is no limit."""

    def __init__(self, rate: float = 0) -> None:
        """Make a line that is free."""
        self.rate = rate
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, size: int) -> None:
        """Wait until *size* bytes have passed."""
        if not self.rate:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self.rate
            wait = self._free_at - now
        time.sleep(wait)


class Upstream(ThreadingHTTPServer):
    """The registry. Read the counters between measurements, and `reset` them."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int) -> None:
        """Listen on *port* of loopback."""
        super().__init__(("127.0.0.1", port), Handler)
        self.uplink = Uplink()
        self._images: dict[str, Image] = {}
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin to count anew, and forget the images."""
        self.bytes_sent = 0
        self.manifest_requests = 0
        self._images.clear()

    def image(self, repository: str) -> Image:
        """The image of *repository*."""
        with self._lock:
            if repository not in self._images:
                shape = (1, LARGE_SIZE) if repository == LARGE else (LAYERS, LAYER_SIZE)
                self._images[repository] = image(repository, *shape)
            return self._images[repository]

    def count(self, size: int, manifest: bool = False) -> None:
        """Add to the counters."""
        with self._lock:
            self.bytes_sent += size
            self.manifest_requests += manifest


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of manifests and blobs."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Upstream

    def do_GET(self) -> None:
        """Answer with the content."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers alone."""
        self._answer(body=False)

    def do_POST(self) -> None:
        """``/control``: take a new limit of bytes a second, say what was counted, make the image that comes next."""
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        counted = {"bytes": self.server.bytes_sent, "manifests": self.server.manifest_requests}
        self.server.reset()
        self.server.uplink.rate = order["rate"]
        image_size = self.server.image(order["repository"]).size
        content = json.dumps({**counted, "image_size": image_size}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing: the counters are the log."""

    def _answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        found = _PATH.match(path)
        content, media_type = b"{}", "application/json"
        if found:
            wanted = self.server.image(found["repository"])
            if found["kind"] == "manifests":
                self.server.count(0, manifest=True)
                content, media_type = wanted.manifest, MANIFEST_TYPE
            else:
                content, media_type = wanted.blobs.get(found["reference"], b""), "application/octet-stream"
        if path != "/v2/" and (not found or not content):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        if found:
            self.send_header(
                "Docker-Content-Digest", digest(content) if found["kind"] == "manifests" else found["reference"]
            )
        self.end_headers()
        if body:
            self._send(content)

    def _send(self, content: bytes) -> None:
        view = memoryview(content)
        for start in range(0, len(view), CHUNK):
            part = view[start : start + CHUNK]
            self.server.uplink.take(len(part))
            self.wfile.write(part)
            self.server.count(len(part))


if __name__ == "__main__":
    Upstream(int(sys.argv[1])).serve_forever()
