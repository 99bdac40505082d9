# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry has stored, written without the registry, which does not take a push while it is a mirror.

The paths are those of Distribution's storage layout 2, and the same in registry 2 and 3:
https://github.com/distribution/distribution/blob/v3.0.0/registry/storage/paths.go
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .digests import Check, split
from .layout import Readable

CHUNK = 1 << 20


class Store:
    """The data directory of one registry, which may be running."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "docker" / "registry" / "v2"
        # Not beside the blob: what an interrupted run leaves there would look like one.
        self._unfinished = data_dir / ".load"

    def clean(self) -> None:
        """Forget what an interrupted run did not finish."""
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def has_blob(self, digest: str, size: int) -> bool:
        """Whether it is there in its whole length; what is in it is looked at by the scrub."""
        try:
            return self._blob(digest).stat().st_size == size
        except (FileNotFoundError, NotADirectoryError):
            return False

    def has_layer(self, repository: str, digest: str) -> bool:
        """Whether the repository has the blob."""
        return _reads(self._layer(repository, digest), digest)

    def has_manifest(self, repository: str, digest: str) -> bool:
        """Whether the repository has the manifest."""
        return _reads(self._revision(repository, digest), digest)

    def has_tag(self, repository: str, tag: str, digest: str) -> bool:
        """Whether this is what the tag stands for."""
        return _reads(self._tag(repository, tag) / "current" / "link", digest)

    def put_blob(self, digest: str, source: Readable) -> None:
        """Store a blob, or the content of a manifest; raises UpkeepError for other bytes, which are not stored."""
        self._unfinished.mkdir(parents=True, exist_ok=True)
        path, check = self._unfinished / split(digest)[1], Check(digest)
        with path.open("wb") as file:
            chunk = source.read(CHUNK)
            while chunk:
                check.update(chunk)
                file.write(chunk)
                chunk = source.read(CHUNK)
            file.flush()
            # After a power cut nobody could fetch it again.
            os.fsync(file.fileno())
        check.verify(str(path))
        self._blob(digest).parent.mkdir(parents=True, exist_ok=True)
        path.replace(self._blob(digest))

    def link_layer(self, repository: str, digest: str) -> None:
        """Let the repository have a blob."""
        _write(self._layer(repository, digest), digest)

    def link_manifest(self, repository: str, digest: str) -> None:
        """Let the repository have a manifest."""
        _write(self._revision(repository, digest), digest)

    def link_tag(self, repository: str, tag: str, digest: str) -> None:
        """Let the tag stand for a manifest."""
        folder = self._tag(repository, tag)
        _write(folder.joinpath("index", *split(digest), "link"), digest)
        _write(folder / "current" / "link", digest)

    def _blob(self, digest: str) -> Path:
        algorithm, digits = split(digest)
        return self._root / "blobs" / algorithm / digits[:2] / digits / "data"

    def _layer(self, repository: str, digest: str) -> Path:
        return self._root.joinpath("repositories", repository, "_layers", *split(digest), "link")

    def _revision(self, repository: str, digest: str) -> Path:
        return self._root.joinpath("repositories", repository, "_manifests", "revisions", *split(digest), "link")

    def _tag(self, repository: str, tag: str) -> Path:
        return self._root.joinpath("repositories", repository, "_manifests", "tags", tag)


def _reads(path: Path, content: str) -> bool:
    try:
        return path.read_text() == content
    except (FileNotFoundError, NotADirectoryError):
        return False


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(content)
    temporary.replace(path)
