# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images by API on the real registry programs of versions 3 and 2, as processes on loopback."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import RegistryClient, RegistryError
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_inventory import take_inventory
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import (
    ACCEPT,
    Service,
    wait_until_ready,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention import Retention, results
from ansible_collections.dockmirror.fleet.plugins.module_utils.retention_rules import parse_rules
from tests.lab.mkimage import File, Image, Index, layer
from tests.lab.registryimage import program
from tests.lab.registryprocess import configuration, fill
from tests.lab.registryprocess import registry as process

APP = "team/app"


def image(*tags: str, name: str, repository: str = APP, oci: bool = True, architecture: str = "amd64") -> Image:
    return Image(repository, tags, (layer({"name": File(name.encode())}),), architecture=architecture, oci=oci)


ARM = image(name="multi", architecture="arm64")
CONTENT: list[Image | Index] = [
    image("v1", "mr-1", name="v1"),
    image("v2", name="v2", oci=False),
    image("mr-2", name="mr-2"),
    image("mr-arm", name="multi", architecture="arm64"),
    Index(APP, ("multi",), (image(name="multi"), ARM)),
    Index(APP, ("mr-multi",), (image(name="mr-multi"), ARM)),
    *(image("v1", name="x", repository=f"many/r{number:02}") for number in range(25)),
]


@contextlib.contextmanager
def registry(major: str, folder: Path, **storage: Any) -> Iterator[RegistryClient]:
    """Run that registry until the block ends, with what is in *folder*, or :data:`CONTENT` where nothing is."""
    if not (folder / "docker").exists():
        fill(folder, CONTENT)
    filesystem = {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}}
    with process(major, folder, storage={**filesystem, **storage}, catalog={"maxentries": 10}) as port:
        service = Service(f"http://127.0.0.1:{port}", keep_open=True)
        try:
            wait_until_ready(service, 20)
            yield RegistryClient(service)
        finally:
            service.close()


@pytest.fixture(params=["3", "2"])
def major(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def prune(client: RegistryClient, rule: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    retention = Retention(client, parse_rules([{"repositories": ["team/**"], **rule}]), time.time())
    return results(retention.plan() if check else retention.run())


def whole(client: RegistryClient) -> bool:
    """Whether all that tags lead to can be pulled."""
    for entry in take_inventory(client, [APP], ["**"], "images")["repositories"][0]["images"]:
        for part in [entry, *entry["children"]]:
            blobs = [part["config"], *(one["digest"] for one in part["layers"])]
            if any(client.blob(APP, digest) is None for digest in blobs if digest):
                return False
    return True


def test_the_inventory(major: str, tmp_path: Path) -> None:
    with registry(major, tmp_path) as client:
        found = take_inventory(client, ["**"], ["**"], "images")
        assert len(found["repositories"]) == 26, "with catalog.maxentries 10 these are three pages"
        app = found["repositories"][-1]
        assert [entry["tags"] for entry in app["images"]] == [
            ["mr-1", "v1"],
            ["mr-2"],
            ["mr-arm"],
            ["mr-multi"],
            ["multi"],
            ["v2"],
        ]
        multi = app["images"][4]
        assert [child["platform"] for child in multi["children"]] == ["linux/amd64", "linux/arm64"]
        assert multi["created"] == "2026-01-01T00:00:00Z"
        stored = sum(path.stat().st_size for path in (tmp_path / "docker/registry/v2/blobs").rglob("data"))
        assert found["unique_bytes"] == stored


def test_retention(major: str, tmp_path: Path) -> None:
    rule = {"delete_tags": ["mr-*"]}
    with registry(major, tmp_path) as client:
        planned = prune(client, rule, check=True)
        assert client.tags(APP) == ["mr-1", "mr-2", "mr-arm", "mr-multi", "multi", "v1", "v2"], "nothing changed yet"
        assert prune(client, rule) == planned
        # Registry 2 cannot take a tag from a manifest that something else needs.
        stuck = [] if major == "3" else ["mr-1", "mr-arm"]
        assert client.tags(APP) == [*stuck, "multi", "v1", "v2"]
        assert len(planned["repositories"][0]["manifests"]) == 3, "mr-2, mr-multi and its own child"
        assert not any(client.has_manifest(APP, digest) for digest in planned["repositories"][0]["manifests"])
        assert whole(client)
        assert not prune(client, rule)["changed"]


def test_a_repository_that_is_emptied(major: str, tmp_path: Path) -> None:
    with registry(major, tmp_path) as client:
        assert prune(client, {"delete_tags": ["**"], "allow_empty": True})["changed"]
        assert client.tags(APP) == []
        assert not prune(client, {"delete_tags": ["**"], "allow_empty": True})["changed"]


@pytest.mark.parametrize(
    "storage",
    [{"delete": {"enabled": False}}, {"maintenance": {"readonly": {"enabled": True}}}],
    ids=["off", "read-only"],
)
def test_where_deletion_is_not_allowed(major: str, tmp_path: Path, storage: dict[str, Any]) -> None:
    with registry(major, tmp_path, **storage) as client:
        for check in (True, False):
            with pytest.raises(RegistryError, match="does not allow deletion"):
                prune(client, {"delete_tags": ["mr-2"]}, check=check)
        assert "mr-2" in client.tags(APP)


def test_garbage_collection_after_retention_leaves_what_stays(major: str, tmp_path: Path) -> None:
    with registry(major, tmp_path) as client:
        before = take_inventory(client, [APP], ["**"], "images")["unique_bytes"]
        prune(client, {"delete_tags": ["mr-*"]})
        expected = take_inventory(client, [APP], ["**"], "images")["unique_bytes"]
        assert expected < before
    command = [str(program(major)), "garbage-collect", str(configuration(tmp_path))]
    subprocess.run(command, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"}, check=True, capture_output=True)
    with registry(major, tmp_path) as client:
        assert whole(client)
        assert client.service.ask("GET", f"/v2/{APP}/manifests/multi", ACCEPT).status == 200
