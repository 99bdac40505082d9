# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a registry keeps its data: reading the tree, and taking content out of it while the registry runs.

A blob is one file, whatever its repositories are; each of them has a link to it. A registry that finds no link, or no
file, fetches the blob again. So whatever of these is missing, at whatever moment, costs a fetch and no more.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

MANIFEST_BYTES = 4 << 20
"""The largest manifest that a registry takes."""
BLOCK = 512
"""Unit of ``st_blocks``, on any filesystem."""

_V2 = r"docker/registry/v2/"
_DIGEST = r"(?P<algorithm>[a-z0-9]+)/(?P<hex>[0-9a-f]{32,})"
_BLOB = re.compile(_V2 + r"blobs/(?P<algorithm>[a-z0-9]+)/[0-9a-f]{2}/(?P<hex>[0-9a-f]{32,})/data")
_LAYER = re.compile(_V2 + r"repositories/.+/_layers/" + _DIGEST + "/link")
_REVISION = re.compile(_V2 + r"repositories/.+/_manifests/revisions/" + _DIGEST + "/link")
_TAG = re.compile(_V2 + r"repositories/(?P<repository>.+)/_manifests/tags/(?P<tag>[^/]+)/current/link")
_UPLOAD = re.compile(_V2 + r"repositories/.+/_uploads/.+")
_LEAF = re.compile(
    _V2 + r"(?:blobs/[a-z0-9]+/[0-9a-f]{2}|repositories/.+/(?:_layers|_manifests/revisions)/[a-z0-9]+)/[^/]+"
)


class Blob(NamedTuple):
    """The data of a layer, of a configuration of an image, or of a manifest."""

    path: str

    room: int
    """Bytes that it takes on the disk."""

    changed: float
    """When it came, in seconds since the epoch."""


class Tag(NamedTuple):
    """A tag of a repository, as far as the mirror knows."""

    path: str
    """Its directory."""

    digest: str
    changed: float


class Manifest(NamedTuple):
    """A manifest or an index, by what it consists of."""

    config: str
    """Digest of the configuration; empty if there is none."""

    parts: list[str]
    """Digests of the layers, or of the manifests in an index."""


class Link(NamedTuple):
    """What makes a blob part of a repository."""

    path: str
    changed: float


class Store:
    """What an instance has on the disk at one moment."""

    def __init__(self, data_dir: Path) -> None:
        """Read all of it. What vanishes meanwhile does not count."""
        self.data_dir = data_dir
        self.usage = 0
        """Bytes on the disk, directories included."""
        self.uploads = 0
        """Bytes of them that are just being fetched."""
        self.blobs: dict[str, Blob] = {}
        self.layers: dict[str, list[Link]] = {}
        """Links of layers and configurations by digest."""
        self.revisions: dict[str, list[Link]] = {}
        """Links of manifests by digest."""
        self.tags: list[Tag] = []
        self.hollow: list[tuple[str, float]] = []
        """Directories that were made for a blob or a link and are empty, with the time of their last change."""
        prefix = len(str(data_dir)) + 1
        for path, status, empty in _walk(str(data_dir)):
            self.usage += status.st_blocks * BLOCK
            if empty is None:
                self._file(path, path[prefix:], status)
            elif empty and _LEAF.fullmatch(path[prefix:]):
                self.hollow.append((path, status.st_mtime))

    def _file(self, path: str, name: str, status: os.stat_result) -> None:
        room, changed = status.st_blocks * BLOCK, status.st_mtime
        blob = _BLOB.fullmatch(name)
        if blob:
            self.blobs[f"{blob['algorithm']}:{blob['hex']}"] = Blob(path, room, changed)
            return
        for pattern, links in ((_LAYER, self.layers), (_REVISION, self.revisions)):
            found = pattern.fullmatch(name)
            if found:
                links.setdefault(f"{found['algorithm']}:{found['hex']}", []).append(Link(path, changed))
                return
        if _TAG.fullmatch(name):
            self.tags.append(Tag(os.path.dirname(os.path.dirname(path)), _content(path), changed))
        elif _UPLOAD.fullmatch(name):
            self.uploads += room

    def manifests(self) -> dict[str, Manifest]:
        """All manifests that are here and can be read."""
        found = {}
        for digest in self.revisions:
            manifest = _manifest(self.blobs[digest]) if digest in self.blobs else None
            if manifest:
                found[digest] = manifest
        return found

    def remove_blob(self, digest: str) -> int:
        """Take a layer or a configuration out of all repositories; gives the bytes that this frees.

        The links go first: registry 2 rewrites a link that is there in place, and whoever reads it meanwhile fails.
        """
        for link in self.layers.get(digest, []):
            remove(link.path)
        blob = self.blobs[digest]
        return blob.room if remove(blob.path) else 0

    def remove_manifest(self, digest: str) -> int:
        """Take a manifest and the tags that stand for it out of all repositories; gives the bytes that this frees."""
        for tag in self.tags:
            if tag.digest == digest:
                remove_tag(tag)
        for link in self.revisions.get(digest, []):
            remove(link.path)
        return self.remove_blob(digest)


def remove(path: str) -> bool:
    """Remove a file; whether it was there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def remove_hollow(path: str) -> None:
    """Remove a directory, unless something has come into it."""
    try:
        os.rmdir(path)
    except OSError:
        return


def remove_tag(tag: Tag) -> None:
    """Remove a tag with its history, unless it stands for something else by now."""
    current = os.path.join(tag.path, "current", "link")
    if _content(current) != tag.digest:
        return
    remove(current)
    for folder, folders, files in os.walk(tag.path, topdown=False):
        for name in files:
            remove(os.path.join(folder, name))
        for name in folders:
            remove_hollow(os.path.join(folder, name))
    remove_hollow(tag.path)


def _walk(folder: str) -> Iterator[tuple[str, os.stat_result, bool | None]]:
    """Everything below a directory: path, status, and of a directory whether it is empty."""
    pending = [folder]
    while pending:
        path = pending.pop()
        try:
            status = os.stat(path)
            entries = list(os.scandir(path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        yield path, status, not entries
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    yield entry.path, entry.stat(follow_symlinks=False), None
            except FileNotFoundError:
                continue


def _content(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(200).strip()
    except OSError:
        return ""


def _manifest(blob: Blob) -> Manifest | None:
    if blob.room > MANIFEST_BYTES:
        return None
    try:
        document = json.loads(Path(blob.path).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict):
        return None
    parts = [digest for key in ("layers", "manifests") for digest in _digests(document.get(key))]
    return Manifest("".join(_digests([document.get("config")])), parts)


def _digests(descriptors: Any) -> Iterator[str]:
    for item in descriptors if isinstance(descriptors, list) else []:
        if isinstance(item, dict) and isinstance(item.get("digest"), str):
            yield item["digest"]
