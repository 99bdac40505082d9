# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror host with data as registries leave it on the disk, and a log as the gateway writes it."""

from __future__ import annotations

import gzip
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mirror_quota.evictor import Evictor
from mirror_quota.look import Filesystem, Look
from mirror_quota.settings import Settings, Size, Upstream
from tests.lab.mkimage import Image, Index, digest, registry_tree

NOW = 1_800_000_000.0
"""The time at which the tests take place, long after all files were made."""
DAY = 86400.0
KIB, MIB = 1 << 10, 1 << 20


def blobs(data_dir: Path) -> set[str]:
    """Digests of all data that is there."""
    found = (data_dir / "docker/registry/v2/blobs").rglob("data")
    return {f"{path.parts[-4]}:{path.parts[-2]}" for path in found}


def usage(data_dir: Path) -> int:
    """Bytes on the disk, as ``du`` counts them. What vanishes meanwhile does not count."""
    total = 0
    for folder, _folders, files in os.walk(data_dir):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            try:
                total += os.stat(path).st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def stored(layer: bytes) -> str:
    """The digest under which a registry has a layer."""
    return digest(gzip.compress(layer, compresslevel=1, mtime=0))


def layers(image: Image) -> list[str]:
    return [stored(layer) for layer in image.layers]


class Host:
    """A mirror host whose clock stands still until a test moves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW
        self.disk = Filesystem(1 << 40, 1 << 39)
        self.log = folder / "access.json"
        self.settings = Settings(folder / "state", folder, self.log, None, None, [])
        self.log.touch()

    def upstream(self, name: str, *content: Image | Index, share: float | None = None, age: float = 100 * DAY) -> Path:
        """Mirror one more registry, with that content since so many seconds."""
        data_dir, config = self.folder / "data" / name, self.folder / f"{name}.yml"
        data_dir.mkdir(parents=True)
        config.write_text("---\nversion: 0.1\nproxy:\n  remoteurl: https://registry.example\n")
        upstreams = [*self.settings.upstreams, Upstream(name, data_dir, config, share)]
        self.settings = self.settings._replace(upstreams=upstreams)
        self.store(name, *content, age=age)
        return data_dir

    def store(self, name: str, *content: Image | Index, age: float = 0) -> None:
        """Have the content come to a mirror, as far as it is not there."""
        folder = self.folder / "data" / name
        before = set(folder.rglob("*"))
        for path, data in registry_tree(content).items():
            target = folder / path
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        self.date(age, *(set(folder.rglob("*")) - before))

    def date(self, age: float, *paths: Path) -> None:
        """Let files and directories be so many seconds old."""
        for path in paths:
            os.utime(path, (self.now - age, self.now - age))

    def used(
        self,
        kind: str,
        repository: str,
        reference: str,
        age: float,
        upstream: str = "docker.io",
        wrong: dict[str, object] | None = None,
    ) -> None:
        """A line in the gateway's log; *wrong* takes the place of what would be right."""
        # Nginx writes the local time with its distance from UTC.
        time = datetime.fromtimestamp(int(self.now - age), timezone(timedelta(hours=2))).isoformat()
        entry = {
            "time": time,
            "method": "GET",
            "uri": f"/v2/{repository}/{kind}s/{reference}",
            "status": 200,
            "upstream": upstream,
            "repository": repository,
            "kind": kind,
            **(wrong or {}),
        }
        with self.log.open("a") as file:
            file.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def look(self, quota: int = 0, min_free: int = 0, dry: bool = False) -> Look:
        settings = self.settings._replace(
            quota=Size(bytes=quota) if quota else None, min_free=Size(bytes=min_free) if min_free else None
        )
        return Evictor(settings, lambda: self.now, lambda _path: self.disk).look(dry)

    def result(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.settings.state_dir / "result.json").read_text())
        return found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)
