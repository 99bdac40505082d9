# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images in one file: an OCI image layout in an uncompressed tar.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from pathlib import Path
from typing import IO, Any, Iterator, Protocol

from .digests import split
from .errors import UpkeepError

_VERSION = {"imageLayoutVersion": "1.0.0"}
_INDEX = "application/vnd.oci.image.index.v1+json"
NAME = "org.opencontainers.image.ref.name"
"""The annotation by which the layout knows an image; here with its upstream, as ``docker.io/library/alpine:3.20``."""


class Readable(Protocol):
    """Anything that gives bytes."""

    def read(self, count: int, /) -> bytes:
        """The next bytes; none at the end."""


class Writer:
    """Writes a layout, in which every blob stands once."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._there: set[str] = set()
        self._images: list[dict[str, Any]] = []
        self._file("oci-layout", json.dumps(_VERSION).encode())

    def __contains__(self, digest: str) -> bool:
        return digest in self._there

    def add(self, digest: str, size: int, source: Readable) -> None:
        """Add a blob, or a manifest; raises OSError if there are fewer bytes."""
        self._add(_path(digest), size, source)
        self._there.add(digest)

    def name(self, name: str, digest: str, size: int, media_type: str) -> None:
        """Let a name stand for what was added."""
        entry = {"mediaType": media_type, "digest": digest, "size": size, "annotations": {NAME: name}}
        self._images.append(entry)

    def finish(self) -> None:
        """Add the list of the names, without which it is no layout."""
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": self._images}
        self._file("index.json", json.dumps(index, indent=2).encode())

    def _file(self, name: str, content: bytes) -> None:
        self._add(name, len(content), io.BytesIO(content))

    def _add(self, name: str, size: int, source: Readable) -> None:
        member = tarfile.TarInfo(name)
        member.size = size
        member.mode = 0o644
        self._tar.addfile(member, source)  # type: ignore[arg-type]


class Reader:
    """Reads a layout."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self._path, self._tar = path, tar
        self._members = {member.name: member for member in tar if member.isreg()}
        if json.loads(self._open("oci-layout").read()) != _VERSION:
            raise ValueError("its layout is of another version")

    def __contains__(self, digest: str) -> bool:
        return _path(digest) in self._members

    def images(self) -> dict[str, str]:
        """Names and digests; raises UpkeepError where the list is missing, as where its writer did not finish."""
        try:
            entries = json.loads(self._open("index.json").read())["manifests"]
            return {str(entry["annotations"][NAME]): str(entry["digest"]) for entry in entries}
        except (KeyError, TypeError, ValueError) as error:
            raise UpkeepError(f"{self._path} has no list of its images: {error!r}") from error

    def document(self, digest: str) -> dict[str, Any]:
        """A manifest or index; raises UpkeepError where it is missing."""
        found = json.loads(self.open(digest).read())
        return found if isinstance(found, dict) else {}

    def size(self, digest: str) -> int:
        """Bytes of a blob that is there."""
        return self._members[_path(digest)].size

    def open(self, digest: str) -> IO[bytes]:
        """A blob; raises UpkeepError where it is missing."""
        try:
            return self._open(_path(digest))
        except KeyError as error:
            raise UpkeepError(f"{self._path} does not hold {digest}") from error

    def _open(self, name: str) -> IO[bytes]:
        file = self._tar.extractfile(self._members[name])
        assert file is not None, name  # only regular files are known
        return file


@contextlib.contextmanager
def writer(path: Path) -> Iterator[Writer]:
    """Write a layout to a file; it is whole if the block ends without an error."""
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        layout = Writer(tar)
        yield layout
        layout.finish()


@contextlib.contextmanager
def reader(path: Path) -> Iterator[Reader]:
    """Read a layout from a file; raises UpkeepError for a file that holds none."""
    with contextlib.ExitStack() as stack:
        try:
            layout = Reader(path, stack.enter_context(tarfile.open(path, "r:")))
        except (OSError, tarfile.TarError, ValueError, KeyError) as error:
            raise UpkeepError(f"{path} holds no image layout: {error}") from error
        yield layout


def _path(digest: str) -> str:
    return "blobs/" + "/".join(split(digest))
