# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of a bundle on the real registry, as a mirror whose upstream does not answer."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mirror_upkeep import bundle
from mirror_upkeep.gateway import Client
from mirror_upkeep.images import blobs_of
from mirror_upkeep.settings import Gateway, Settings, Upstream
from tests.lab.mkimage import Image, Index, random_layer
from tests.lab.registryprocess import fill, registry

from .conftest import wish

PLATFORMS = ("linux/amd64", "linux/arm64")
NAMES = ("library/app", "library/app/nested", "library/plain")


def content(prefix: str) -> list[Image | Index]:
    """An index for three platforms, an image of Docker's kind and one of OCI's; they share a layer."""
    shared = random_layer(1, "shared")

    def image(name: str, architecture: str, oci: bool = True) -> Image:
        layers = (shared, random_layer(1, name + architecture))
        return Image(f"{prefix}{name}", ("1",), layers, architecture=architecture, oci=oci)

    index = Index(
        f"{prefix}library/app", ("1",), tuple(image("library/app", one) for one in ("amd64", "arm64", "s390x"))
    )
    return [index, image("library/app/nested", "amd64", oci=False), image("library/plain", "amd64")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Data of a registry that answers as the gateway of a mirror does."""
    folder = tmp_path / "source"
    fill(folder, content("docker.io/"))
    return folder


def pulled(port: int, name: str, platform: str) -> dict[str, bytes]:
    """All that a client reads for a platform, by digest, with the tag's answer first."""
    client = Client(Gateway("mirror.example.com", port, tls=False, ca_file=""))
    try:
        top = client.manifest(name, "1")
        found = {top.digest: top.body}
        for entry in top.document.get("manifests", [{"digest": top.digest}]):
            if "platform" not in entry or entry["platform"]["architecture"] == platform:
                manifest = client.manifest(name, entry["digest"])
                found[manifest.digest] = manifest.body
                for digest in blobs_of(manifest.document):
                    found[digest] = client.blob(name, digest).read(1 << 30)
        return found
    finally:
        client.close()


def test_a_mirror_without_its_upstream_serves_what_was_loaded_while_it_ran(source: Path, tmp_path: Path) -> None:
    data_dir, helper = tmp_path / "mirror", tmp_path / "helper"
    data_dir.mkdir()
    helper.write_text("#!/bin/sh\necho '{}'\n")
    helper.chmod(0o755)
    upstream = Upstream("docker.io", "", "", "", "", data_dir, Path(), Path(), {})
    wishes = [wish("1", repository=NAMES[0], platforms=PLATFORMS), *(wish("1", repository=name) for name in NAMES[1:])]
    with registry("3", source) as port:
        settings = Settings(tmp_path, Gateway("mirror.example.com", port, tls=False, ca_file=""), [upstream], wishes, 0)
        client = Client(settings.gateway)
        items = bundle.export(settings, client, tmp_path / "images.tar")
        client.close()
        expected = {name: pulled(port, f"docker.io/{name}", "amd64") for name in NAMES}
        other_platform = pulled(port, f"docker.io/{NAMES[0]}", "arm64")
    with socket.create_server(("127.0.0.1", 0)) as server:
        dead = server.getsockname()[1]
    proxy = {"remoteurl": f"http://127.0.0.1:{dead}", "exec": {"command": str(helper)}}
    # With expiry switched on, as it is for a mirror: what was loaded is in no list of what expires.
    with registry("3", data_dir, proxy={**proxy, "ttl": "1s"}) as port:
        assert bundle.missing(settings, items) == [item.name for item in items]
        bundle.load(settings, tmp_path / "images.tar")
        assert bundle.missing(settings, items) == []
        assert {name: pulled(port, name, "amd64") for name in NAMES} == expected
        assert pulled(port, NAMES[0], "arm64") == other_platform
    with registry("3", data_dir, proxy={**proxy, "ttl": "1s"}) as port:
        assert {name: pulled(port, name, "amd64") for name in NAMES} == expected
