# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror host with a registry behind it that answers over HTTP: a gateway to one part, an upstream to the other."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mirror_upkeep.settings import Gateway, Settings, Upstream, Wish

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry(ThreadingHTTPServer):
    """Answers what it was given, by method and path, and remembers the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.hangs_up: set[str] = set()
        """Paths after whose answer the connection ends, which no header announces."""
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def put(self, path: str, content: bytes, headers: dict[str, str] | None = None, status: int = 200) -> str:
        """Answer GET and HEAD of a path; gives the digest of the content."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.answers[path] = (status, {"Docker-Content-Digest": digest, **(headers or {})}, content)
        return digest

    def image(self, name: str, layer: bytes) -> dict[str, Any]:
        """Have an image by its digest; gives its descriptor."""
        blobs = [{"digest": self.blob(name, content), "size": len(content)} for content in (b"{}" + layer, layer)]
        content = json.dumps({"config": blobs[0], "layers": blobs[1:]}).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.put(f"/v2/{name}/manifests/{digest}", content)
        return {"digest": digest, "mediaType": MANIFEST, "size": len(content)}

    def blob(self, name: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.put(f"/v2/{name}/blobs/{digest}", content)
        return digest

    def tag(self, name: str, tag: str, descriptor: dict[str, Any]) -> None:
        """Let a tag stand for an image or an index."""
        self.answers[f"/v2/{name}/manifests/{tag}"] = self.answers[f"/v2/{name}/manifests/{descriptor['digest']}"]

    def index(self, name: str, tag: str, **platforms: dict[str, Any]) -> None:
        """Have an index of images, by platforms spelled as ``linux_arm_v7``."""
        entries = []
        for spelled, descriptor in platforms.items():
            words = dict(zip(("os", "architecture", "variant"), spelled.split("_"), strict=False))
            entries.append({**descriptor, "platform": words})
        self.put(f"/v2/{name}/manifests/{tag}", json.dumps({"mediaType": INDEX, "manifests": entries}).encode())

    def paths(self) -> list[str]:
        return [path for _method, path, _authorization in self.asked]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def do_GET(self) -> None:
        authorization = self.headers.get("Authorization") or ""
        self.server.asked.append((self.command, self.path, authorization))
        path = self.path.partition("?")[0]
        error = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
        found = self.server.answers.get(f"{self.path} {authorization}") or self.server.answers.get(path)
        status, headers, content = found or (404, {}, error)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.close_connection = self.close_connection or path in self.server.hangs_up

    do_HEAD = do_GET

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def upstream(registry: Registry, tmp_path: Path) -> Upstream:
    """The registry as an upstream that is asked by the tag 1 of team/app."""
    return Upstream(
        name="docker.io",
        url=f"http://127.0.0.1:{registry.port}",
        container="dockmirror-mirror-docker-io",
        repository="team/app",
        tag="1",
        data_dir=tmp_path / "data",
        credentials_file=tmp_path / "credentials.json",
        ca_file=tmp_path / "ca.crt",
        environment={},
    )


@pytest.fixture
def settings(registry: Registry, upstream: Upstream, tmp_path: Path) -> Settings:
    """A mirror of one upstream, with the registry as its gateway."""
    return Settings(
        state_dir=tmp_path / "state",
        gateway=Gateway("mirror.example.com", registry.port, tls=False, ca_file=""),
        upstreams=[upstream],
        wishes=[],
        reserve_percent=50,
    )


def wish(
    *tags: str, repository: str = "team/app", newest: int = 3, platforms: tuple[str, ...] = ("linux/amd64",)
) -> Wish:
    return Wish("docker.io", repository, list(tags), newest, list(platforms))
