# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blobs of a registry: where they are, whether they are what their digests say, and taking one out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

CHUNK = 1 << 20
ASIDE = "data.damaged"


class Stopped(Exception):
    """The process was asked to end."""


class Blob(NamedTuple):
    """The data of a layer, of a configuration of an image, or of a manifest."""

    digest: str
    path: Path
    size: int

    changed: float
    """When it came, in seconds since the epoch."""


def blobs(data_dir: Path) -> Iterator[Blob]:
    """All of them, in the order of their digests. What vanishes meanwhile is left out."""
    for algorithm in _folders(data_dir / "docker/registry/v2/blobs"):
        for prefix in _folders(algorithm):
            for folder in _folders(prefix):
                path = folder / "data"
                try:
                    status = path.stat()
                except OSError:  # it is being removed
                    continue
                yield Blob(f"{algorithm.name}:{folder.name}", path, status.st_size, status.st_mtime)


def damage(blob: Blob, stopped: Callable[[], bool]) -> str:
    """Read a blob; says what is wrong with it, and is empty if nothing is.

    A file that goes or is replaced meanwhile is none of ours: somebody else is at work. Raises Stopped when the
    process is to end.
    """
    algorithm, _separator, value = blob.digest.partition(":")
    try:
        wanted = hashlib.new(algorithm)
    except ValueError:  # a registry takes algorithms that this Python does not know
        return ""
    size = 0
    try:
        with blob.path.open("rb") as file:
            opened = os.fstat(file.fileno())
            try:
                for chunk in iter(lambda: file.read(CHUNK), b""):
                    if stopped():
                        raise Stopped
                    wanted.update(chunk)
                    size += len(chunk)
            except OSError as error:
                return f"it cannot be read: {error.strerror}"
            now = blob.path.stat()
    except OSError:
        return ""
    if wanted.hexdigest() == value or (now.st_ino, now.st_mtime_ns) != (opened.st_ino, opened.st_mtime_ns):
        return ""
    return f"its {size} bytes are not those of its digest"


def repositories(data_dir: Path, digest: str) -> dict[str, list[Path]]:
    """The repositories that a blob belongs to, each with the links that make it so."""
    algorithm, _separator, value = digest.partition(":")
    root = data_dir / "docker/registry/v2/repositories"
    found: dict[str, list[Path]] = {}
    for folder, folders, _files in os.walk(root):
        # Names of repositories never begin with an underscore.
        folders[:] = sorted(name for name in folders if not name.startswith("_"))
        for kind in ("_layers", "_manifests/revisions"):
            link = Path(folder) / kind / algorithm / value / "link"
            if link.exists():
                found.setdefault(Path(folder).relative_to(root).as_posix(), []).append(link)
    return found


def remove(blob: Blob, links: dict[str, list[Path]]) -> None:
    """Take a blob out of all repositories, so that a mirror fetches it again.

    The links go first: registry 2 rewrites a link that is there in place, and whoever reads it meanwhile fails.
    """
    for path in (*(link for several in links.values() for link in several), blob.path):
        try:
            path.unlink()
        except FileNotFoundError:
            continue


def set_aside(blob: Blob) -> Path:
    """Rename a blob so that the registry lacks it; gives the new path."""
    target = blob.path.with_name(ASIDE)
    blob.path.replace(target)
    return target


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
