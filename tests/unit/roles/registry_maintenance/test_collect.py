# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collection says of itself, and what it refuses."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from registry_maintenance.collect import arguments, blob_sizes, collect, parse, predict
from registry_maintenance.errors import MaintenanceError
from registry_maintenance.result import Result, close, load
from registry_maintenance.run import Done
from registry_maintenance.service import Service
from tests.unit.roles.registry_maintenance.host import Host

OUTPUT = """\
team/app
team/app: marking manifest sha256:aa

3 blobs marked, 2 blobs and 1 manifests eligible for deletion
blob eligible for deletion: sha256:{0}
time="2026-01-01T00:00:00Z" level=info msg="Deleting blob: /docker/registry/v2/blobs/sha256/bb" go.version=go1.24
blob eligible for deletion: sha256:cc
team/app: layer link eligible for deletion: sha256:cc
"""


def test_the_output_of_a_collection() -> None:
    found = parse(OUTPUT.format("bb"))
    assert found.blobs == ("sha256:bb", "sha256:cc")
    assert found.manifests == 1


def test_an_output_without_a_result_is_an_error() -> None:
    with pytest.raises(MaintenanceError, match="ended without a result: .*panic: out of memory"):
        parse("team/app\npanic: out of memory\n")


def test_sizes_of_blobs(host: Host) -> None:
    address = host.registry.blob(b"12345")
    (host.data / "docker/registry/v2/blobs/sha256/ff/ffff").mkdir(parents=True)  # no data yet
    assert blob_sizes(host.data) == {address: 5}


def test_a_registry_without_content_has_no_sizes(tmp_path: Path) -> None:
    assert blob_sizes(tmp_path) == {}


def test_untagged_manifests_are_removed_by_registry_3_only(tmp_path: Path) -> None:
    host = Host(tmp_path / "host", delete_untagged=True)
    service = Service(host.settings, host.run)
    host.replies["--version"] = Done(0, "registry github.com/distribution/distribution/v3 v3.1.1\n", "")
    assert "--delete-untagged" in arguments(host.settings, service)
    host.replies["--version"] = Done(0, "registry github.com/docker/distribution 2.8.3+ds1\n", "")
    with pytest.raises(MaintenanceError, match="needs registry 3: registry 2 removes the images"):
        arguments(host.settings, service)


def test_the_result_of_a_collection(host: Host) -> None:
    garbage = host.registry.blob(b"x" * 1000)
    host.registry.push("team/app", "1", b"layer")
    host.replies["garbage-collect"] = Done(0, OUTPUT.format(garbage.removeprefix("sha256:")), "")
    result = Result(host.settings.state_dir / "gc.json")
    collect(host.settings, Service(host.settings, host.run), result)
    result.finish()
    written = json.loads((host.settings.state_dir / "gc.json").read_text())
    assert written["ok"] is True
    assert written["error"] is None
    assert (written["blobs_deleted"], written["manifests_deleted"], written["bytes_freed"]) == (2, 1, 1000)
    assert written["uploads_deleted"] == 0
    assert written["images_checked"] == 1
    assert written["start"] <= written["end"] == written["last_success"]
    assert host.normal()


def upload(host: Host, repository: str, name: str, hours: float) -> Path:
    """An upload of 100 bytes, the last of them so many hours ago."""
    path = host.data / "docker/registry/v2/repositories" / repository / "_uploads" / name
    path.mkdir(parents=True)
    (path / "data").write_bytes(bytes(100))
    (path / "startedat").write_text("")
    for file in (path / "data", path / "startedat", path):
        os.utime(file, (time.time() - hours * 3600,) * 2)
    return path


def test_uploads_that_nobody_goes_on_with_are_removed(host: Host) -> None:
    old = upload(host, "team/app", "old", hours=25)
    deep = upload(host, "team/app/deeper", "old", hours=48)
    running = upload(host, "team/app", "running", hours=25)
    os.utime(running / "data")
    host.registry.push("team/app", "1", b"layer")
    host.replies["--dry-run"] = host.replies["garbage-collect"] = Done(0, OUTPUT.format("bb"), "")
    service = Service(host.settings, host.run)
    predicted = predict(host.settings, service)
    assert (predicted["uploads_deleted"], predicted["bytes_freed"]) == (2, 200)
    result = Result(host.settings.state_dir / "gc.json")
    collect(host.settings, service, result)
    result.finish()
    written = json.loads((host.settings.state_dir / "gc.json").read_text())
    assert (written["uploads_deleted"], written["bytes_freed"]) == (2, 200)
    assert [path.exists() for path in (old, deep, running)] == [False, False, True]
    assert predict(host.settings, service)["uploads_deleted"] == 0


def test_a_collection_that_took_too_much_is_found_out(host: Host) -> None:
    address = host.registry.push("team/app", "1", b"layer")
    layer = json.loads(host.registry.path(address).read_bytes())["layers"][0]["digest"]
    host.collecting = lambda: host.registry.path(layer).unlink()
    with pytest.raises(MaintenanceError, match=f"team/app@{address} lacks its blob {layer}"):
        collect(host.settings, Service(host.settings, host.run), Result(host.settings.state_dir / "gc.json"))
    assert host.normal()


def test_a_prediction_holds_no_writes(host: Host) -> None:
    host.replies["--dry-run"] = Done(0, OUTPUT.format("bb"), "")
    found = predict(host.settings, Service(host.settings, host.run))
    assert found["blobs"] == ["sha256:bb", "sha256:cc"]
    assert not any(command[:2] == ["docker", "stop"] for command in host.commands)


def test_freed_bytes_are_unknown_in_an_object_store(tmp_path: Path) -> None:
    host = Host(tmp_path / "host", storage="s3")
    host.replies["--dry-run"] = Done(0, OUTPUT.format("bb"), "")
    assert predict(host.settings, Service(host.settings, host.run))["bytes_freed"] is None


def test_a_failed_run_keeps_the_time_of_the_last_success(tmp_path: Path) -> None:
    path = tmp_path / "gc.json"
    Result(path).finish()
    success = load(path)["last_success"]
    assert success
    failed = Result(path)
    assert load(path)["end"] is None
    failed.finish("broken")
    assert {key: load(path)[key] for key in ("ok", "error", "last_success")} == {
        "ok": False,
        "error": "broken",
        "last_success": success,
    }


def test_a_run_that_was_killed_becomes_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "gc.json"
    close(path)
    assert not path.exists()
    Result(path)
    close(path)
    assert load(path)["ok"] is False
    assert load(path)["error"] == "It was killed."
