# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe image as a client would read it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.probe_image import (
    LABEL,
    LIST_TYPE,
    MANIFEST_TYPE,
    build,
    compare,
    files,
    store,
)

NAME = "mirror1.example.com"
IMAGE = build(NAME)


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def manifests() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(IMAGE.manifest_list)["manifests"]
    return listed


def test_the_list_names_every_platform_once() -> None:
    document = json.loads(IMAGE.manifest_list)
    assert document["mediaType"] == LIST_TYPE
    platforms = [tuple(sorted(entry["platform"].items())) for entry in manifests()]
    assert len(set(platforms)) == len(platforms) == 8
    names = {"/".join(filter(None, (p["platform"]["architecture"], p["platform"].get("variant")))) for p in manifests()}
    assert {"amd64", "arm64/v8", "arm/v7", "arm/v6", "386", "ppc64le", "s390x", "riscv64"} == names


def test_digests_and_sizes_are_right_all_the_way_down() -> None:
    for entry in manifests():
        data = IMAGE.manifests[entry["digest"].split(":")[1]]
        assert (digest(data), len(data), entry["mediaType"]) == (entry["digest"], entry["size"], MANIFEST_TYPE)
        manifest = json.loads(data)
        for part in [manifest["config"], *manifest["layers"]]:
            blob = IMAGE.blobs[part["digest"].split(":")[1]]
            assert (digest(blob), len(blob)) == (part["digest"], part["size"])


def test_the_config_names_the_server_and_fits_its_platform_and_layer() -> None:
    for entry in manifests():
        manifest = json.loads(IMAGE.manifests[entry["digest"].split(":")[1]])
        config = json.loads(IMAGE.blobs[manifest["config"]["digest"].split(":")[1]])
        assert config["config"]["Labels"] == {LABEL: NAME}
        assert (config["os"], config["architecture"]) == ("linux", entry["platform"]["architecture"])
        layer = gzip.decompress(IMAGE.blobs[manifest["layers"][0]["digest"].split(":")[1]])
        assert config["rootfs"]["diff_ids"] == [digest(layer)]
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            served_by = archive.extractfile("served-by")
            assert served_by is not None
            assert served_by.read() == f"{NAME}\n".encode()


def test_the_same_name_makes_the_same_image_for_ever() -> None:
    """The digest is that of the first release: another one would make every server write its files again."""
    assert build(NAME).digest == IMAGE.digest
    assert IMAGE.digest == "sha256:3bf1a94136b7dd1885d1a59785526c4c865c7670103807aa99c883b2f4554349"
    assert build("mirror2.example.com").digest != IMAGE.digest


def test_files_are_written_once_and_others_removed(tmp_path: Path) -> None:
    wanted = files(IMAGE)
    directory = str(tmp_path / "probe")
    changes = compare(directory, wanted)
    assert sorted(changes.write) == sorted(wanted)
    store(directory, wanted, changes)
    assert not compare(directory, wanted)
    (tmp_path / "probe" / "blobs" / "old").write_bytes(b"old")
    (tmp_path / "probe" / "index.json").write_bytes(b"broken")
    changes = compare(directory, wanted)
    assert (changes.write, changes.remove) == (["index.json"], ["blobs/old"])
    store(directory, wanted, changes)
    assert not compare(directory, wanted)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "probe").rglob("*")} == {0o755, 0o644}
