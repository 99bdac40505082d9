# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Garbage collection: what no manifest leads to is removed from the registry's storage."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from . import uploads
from .api import Api
from .errors import MaintenanceError
from .result import Result, log
from .service import Service
from .settings import Settings
from .uploads import Upload

CONFIG = "/etc/dockmirror/config.yml"
SAMPLE = 5
"""Number of images that are checked afterwards."""

_BLOB = re.compile(r"^blob eligible for deletion: (\S+)$", re.MULTILINE)
_MANIFESTS = re.compile(r"(\d+) blobs and (\d+) manifests eligible for deletion")


class Eligible(NamedTuple):
    """What a collection removes."""

    blobs: tuple[str, ...]
    manifests: int


def parse(output: str) -> Eligible:
    """Read what ``registry garbage-collect`` says; raises MaintenanceError if it says nothing of a result."""
    found = _MANIFESTS.search(output)
    if not found:
        last = " ".join(output.strip().splitlines()[-3:])
        raise MaintenanceError(f"The registry's garbage collection ended without a result: {last}")
    return Eligible(tuple(_BLOB.findall(output)), int(found.group(2)))


def blob_sizes(data_dir: Path) -> dict[str, int]:
    """Size in bytes of each blob of a registry that keeps its content in a file system."""
    sizes: dict[str, int] = {}
    for algorithm in _folders(data_dir / "docker/registry/v2/blobs"):
        for prefix in _folders(algorithm):
            for blob in _folders(prefix):
                try:
                    sizes[f"{algorithm.name}:{blob.name}"] = (blob / "data").stat().st_size
                except OSError:  # an upload that is being moved into place
                    continue
    return sizes


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def arguments(settings: Settings, service: Service) -> list[str]:
    """Arguments of the registry's program for a collection; raises MaintenanceError for one that does harm."""
    if not settings.delete_untagged:
        return ["garbage-collect", CONFIG]
    version = service.collector("--version")
    if not re.search(r"\bv?3\.", version):
        raise MaintenanceError(
            "registry_gc_delete_untagged needs registry 3: registry 2 removes the images that a multi-architecture "
            f"index leads to. This one says: {version.strip()}"
        )
    return ["garbage-collect", "--delete-untagged", CONFIG]


def _abandoned(settings: Settings) -> list[Upload]:
    """Uploads that nobody goes on with; an object store has its own rules for them."""
    return uploads.abandoned(settings.data_dir, time.time()) if settings.storage == "filesystem" else []


def _facts(eligible: Eligible, sizes: dict[str, int], unfinished: list[Upload], settings: Settings) -> dict[str, Any]:
    freed = sum(sizes.get(blob, 0) for blob in eligible.blobs) + sum(upload.size for upload in unfinished)
    return {
        "blobs_deleted": len(eligible.blobs),
        "manifests_deleted": eligible.manifests,
        "uploads_deleted": len(unfinished),
        "bytes_freed": freed if settings.storage == "filesystem" else None,
    }


def predict(settings: Settings, service: Service) -> dict[str, Any]:
    """What a collection would remove at this moment. The registry goes on meanwhile, so it is an estimate."""
    eligible = parse(service.collector(*_dry(arguments(settings, service))))
    facts = _facts(eligible, blob_sizes(settings.data_dir), _abandoned(settings), settings)
    return {**facts, "blobs": sorted(eligible.blobs)}


def _dry(command: list[str]) -> list[str]:
    return [command[0], "--dry-run", *command[1:]]


def collect(settings: Settings, service: Service, result: Result) -> None:
    """Collect garbage while writes are held, and prove that the registry still serves what it did."""
    command = arguments(settings, service)
    sizes = blob_sizes(settings.data_dir)
    images: list[tuple[str, str]] = []

    def prove() -> None:
        api = Api(settings.address)
        for repository, digest in images:
            api.check(repository, digest)
        result.note(images_checked=len(images))

    with service.writes_held(prove) as held:
        images.extend(Api(settings.read_only_address).sample(SAMPLE))
        eligible = parse(service.collector(*command))
        unfinished = _abandoned(settings)
        uploads.remove(unfinished)
        result.note(**_facts(eligible, sizes, unfinished, settings))
    result.note(writes_held_seconds=held.seconds)
    log(
        f"Removed {len(eligible.blobs)} blobs, {eligible.manifests} manifests, {len(unfinished)} unfinished uploads; "
        f"writes were held for {held.seconds} s; {len(images)} images checked."
    )
