# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that fleets share, built once: host images, registry archives, the Hub's content."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.lab import apt, catalogue, hostimage, mkimage, paths, registryimage
from tests.lab.lock import builder
from tests.lab.run import run, step

UNPACKED = ("docker-registry", "libc6", "busybox-static", "ca-certificates")
SOURCES = ("artefacts.py", "catalogue.py", "mkimage.py", "registryimage.py", "assets/registry/*")


def build(flavours: Iterable[str]) -> None:
    """Make what is missing or stale; quick when nothing is."""
    with builder():
        for flavour in flavours:
            hostimage.build(flavour)
        stamp = paths.IMAGES / "stamp"
        wanted = _key()
        if not (stamp.exists() and stamp.read_text() == wanted):
            with step("registry and test images"):
                _images()
            stamp.write_text(wanted)


def _key() -> str:
    whole = hashlib.sha256()
    here = Path(__file__).parent
    for pattern in SOURCES:
        for file in sorted(here.glob(pattern)):
            whole.update(file.read_bytes())
    return whole.hexdigest()


def _images() -> None:
    paths.IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.CACHE) as folder:
        unpacked = apt.unpack(Path(folder), *UNPACKED)
        busybox = unpacked / "usr/bin/busybox"
        applets = run(str(busybox), "--list").stdout.split()
        registryimage.build(unpacked, applets)
        content = catalogue.content(busybox.read_bytes(), applets, apt.architecture())
    for item in content:
        if isinstance(item, mkimage.Image):
            short = item.repository.removeprefix("library/")
            data = mkimage.docker_archive(item, [f"{short}:{tag}" for tag in item.tags])
            (paths.IMAGES / f"{short.replace('/', '-')}.tar").write_bytes(data)
    tree = mkimage.registry_tree(content)
    entries = {f"var/lib/hub/{path}": mkimage.File(data) for path, data in tree.items()}
    entries["usr/local/bin/hub-registry"] = mkimage.File(
        registryimage.program(registryimage.newest()).read_bytes(), 0o755
    )
    paths.HUB_STORAGE.write_bytes(mkimage.layer(entries))


def remove() -> None:
    """Take away the cache folder with all that was built; host images go with the engine's own removal."""
    shutil.rmtree(paths.CACHE, ignore_errors=True)
