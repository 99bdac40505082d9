# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scrub beside the registry's real programs of versions 3 and 2: what is damaged is served whole again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from registry_scrub.scrub import Scrub
from registry_scrub.settings import Settings, Store
from tests.lab.mkimage import DOCKER_MANIFEST, Image, digest, random_layer
from tests.lab.registryimage import program
from tests.lab.registryprocess import fill, registry, wait

APP = Image("library/app", ("1",), (random_layer(1, "one"), random_layer(1, "two")))
FILES = {
    "layers": "docker/registry/v2/repositories/**/_layers/*/*/link",
    "revisions": "docker/registry/v2/repositories/**/_manifests/revisions/*/*/link",
    "tags": "docker/registry/v2/repositories/**/_manifests/tags/*/current/link",
    "blobs": "docker/registry/v2/blobs/*/*/*/data",
}


@pytest.fixture(params=["3", "2"])
def major(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/v2/{APP.repository}/{path}", headers={"Accept": DOCKER_MANIFEST})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def pull(port: int, manifest: bytes) -> list[str]:
    """What of the image does not come as it should."""
    wrong = []
    if get(port, "manifests/1") != (200, manifest):
        wrong.append("the manifest")
    document = json.loads(manifest)
    for blob in (document["config"], *document["layers"]):
        status, content = get(port, f"blobs/{blob['digest']}")
        if status != 200 or digest(content) != blob["digest"]:
            wrong.append(f"{blob['digest']}: {status}, {len(content)} bytes")
    return wrong


@contextlib.contextmanager
def mirror(major: str, folder: Path) -> Iterator[tuple[Path, int, bytes]]:
    """A mirror that has the image; its data, its port and the manifest."""
    upstream, data = folder / "upstream", folder / "data"
    data.mkdir()
    fill(upstream, [APP])
    with registry("3" if program("3").exists() else "2", upstream) as remote:
        manifest = get(remote, "manifests/1")[1]
        with registry(major, data, proxy={"remoteurl": f"http://127.0.0.1:{remote}"}) as port:
            assert pull(port, manifest) == []
            wait(lambda: [len(stored(data, what)) for what in FILES] == [3, 1, 1, 4])
            yield data, port, manifest


def stored(data: Path, what: str) -> list[Path]:
    """The files of a kind that a registry has, which may be at work; patterns go across directories."""
    files = [Path(folder) / name for folder, _folders, names in os.walk(data) for name in names]
    return [path for path in files if fnmatch(str(path.relative_to(data)), FILES[what])]


def scrub(folder: Path, data: Path, *, refetch: bool) -> bool:
    config = folder / "config.yml"
    config.write_text("proxy:\n  remoteurl: https://registry.example\n" if refetch else "version: 0.1\n")
    return Scrub(Settings(folder / "state", 30, [Store("docker.io", data, config, refetch)])).run(everything=True)


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("harm", ["empty", "half", "wrong"])
def test_a_mirror_after_a_power_cut(major: str, what: str, harm: str, tmp_path: Path) -> None:
    with mirror(major, tmp_path) as (data, port, manifest):
        for path in stored(data, what):
            content = path.read_bytes()
            half = content[: len(content) // 2]
            path.write_bytes({"empty": b"", "half": half, "wrong": half + bytes(len(content) - len(half))}[harm])
        assert scrub(tmp_path, data, refetch=True)
        assert pull(port, manifest) == []
        wait(lambda: [len(stored(data, what)) for what in FILES] == [3, 1, 1, 4])
        assert pull(port, manifest) == []


def test_a_private_registry_serves_a_blob_that_was_set_aside_and_came_back(major: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, [APP])
    with registry(major, data) as port:
        manifest = get(port, "manifests/1")[1]
        assert pull(port, manifest) == []
        value = json.loads(manifest)["layers"][0]["digest"]
        path = data / f"docker/registry/v2/blobs/sha256/{value[7:9]}/{value[7:]}/data"
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        assert not scrub(tmp_path, data, refetch=False)
        settings = Settings(tmp_path / "state", 30, [Store("registry", data, tmp_path / "config.yml", False)])
        assert Scrub(settings).set_aside(value) == [APP.repository]
        assert get(port, f"blobs/{value}")[0] == 404
        upload(port, value, content)
        assert pull(port, manifest) == []
        assert scrub(tmp_path, data, refetch=False)


def upload(port: int, value: str, content: bytes) -> None:
    """Push a blob as clients do: they ask first whether it is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("HEAD", f"/v2/{APP.repository}/blobs/{value}")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404
        connection.request("POST", f"/v2/{APP.repository}/blobs/uploads/")
        answer = connection.getresponse()
        answer.read()
        target = answer.headers["Location"]
        separator = "&" if "?" in target else "?"
        headers = {"Content-Type": "application/octet-stream"}
        connection.request("PUT", f"{target}{separator}digest={value}", body=content, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201
    finally:
        connection.close()
