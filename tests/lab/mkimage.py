# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images as plain data: reproducible layers, archives for ``docker load``, and a registry's storage tree.

Neither Docker nor a network is needed, and the same input gives the same digests on every machine.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CREATED = "2026-01-01T00:00:00Z"
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class File:
    """A regular file of a layer."""

    data: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Link:
    """A symbolic link of a layer."""

    target: str


@dataclass(frozen=True)
class Folder:
    """A directory of a layer."""

    mode: int = 0o755


Entry = File | Link | Folder


@dataclass(frozen=True)
class Image:
    """One image for one architecture. *layers* are uncompressed tar archives, lowest first."""

    repository: str
    tags: tuple[str, ...]
    layers: tuple[bytes, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = "amd64"
    oci: bool = False


@dataclass(frozen=True)
class Index:
    """A multi-architecture image: one tag for several images of one repository."""

    repository: str
    tags: tuple[str, ...]
    images: tuple[Image, ...]


def archive(entries: Iterable[tuple[str, Entry]]) -> bytes:
    """Pack *entries* into a tar archive with owner root and time 0."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, entry in entries:
            info = tarfile.TarInfo(name)
            info.uname = info.gname = "root"
            if isinstance(entry, File):
                info.size, info.mode = len(entry.data), entry.mode
                tar.addfile(info, io.BytesIO(entry.data))
            elif isinstance(entry, Link):
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
                tar.addfile(info)
            else:
                info.type, info.mode = tarfile.DIRTYPE, entry.mode
                tar.addfile(info)
    return buffer.getvalue()


def layer(entries: Mapping[str, Entry]) -> bytes:
    """Make a layer: *entries* sorted by path, with the folders that lead to them."""
    whole: dict[str, Entry] = {}
    for name in entries:
        parts = name.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            whole.setdefault("/".join(parts[:end]), Folder())
    whole.update(entries)
    return archive(sorted(whole.items()))


def random_layer(mebibytes: int, seed: str) -> bytes:
    """Make a layer of incompressible bytes that depend on *seed* alone."""
    return layer({f"payload-{seed}.bin": File(hashlib.shake_256(seed.encode()).digest(mebibytes * 1024 * 1024))})


def digest(data: bytes) -> str:
    """Content address of *data*."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config_blob(image: Image) -> bytes:
    """The image configuration as engines read it."""
    return json.dumps(
        {
            "architecture": image.architecture,
            "os": "linux",
            "created": CREATED,
            "config": {"Env": [SEARCH_PATH], **image.config},
            "rootfs": {"type": "layers", "diff_ids": [digest(blob) for blob in image.layers]},
            "history": [{"created": CREATED, "created_by": "tests.lab.mkimage"} for _layer in image.layers],
        },
        sort_keys=True,
    ).encode()


def docker_archive(image: Image, names: Iterable[str]) -> bytes:
    """An archive for ``docker load``; *names* are complete references such as ``registry:3``."""
    config = config_blob(image)
    config_name = digest(config).removeprefix("sha256:") + ".json"
    layers = {digest(blob).removeprefix("sha256:") + ".tar": blob for blob in image.layers}
    listing = [{"Config": config_name, "RepoTags": list(names), "Layers": list(layers)}]
    files = {config_name: config, **layers, "manifest.json": json.dumps(listing).encode()}
    return archive((name, File(data)) for name, data in files.items())


def registry_tree(content: Iterable[Image | Index]) -> dict[str, bytes]:
    """Files below a registry's root directory that make it hold *content*.

    The layout is the one of the ``filesystem`` storage driver of registry 2 and 3.
    """
    tree: dict[str, bytes] = {}
    for item in content:
        manifest = _index(tree, item) if isinstance(item, Index) else _image(tree, item)
        base = f"docker/registry/v2/repositories/{item.repository}/_manifests/tags"
        for tag in item.tags:
            address = digest(manifest)
            tree[f"{base}/{tag}/current/link"] = address.encode()
            tree[f"{base}/{tag}/index/{address.replace(':', '/')}/link"] = address.encode()
    return tree


def _blob(tree: dict[str, bytes], repository: str, data: bytes, kind: str) -> str:
    """Store *data* and link it into *repository* as *kind* (``_layers`` or ``_manifests/revisions``)."""
    address = digest(data)
    algorithm, _separator, value = address.partition(":")
    tree[f"docker/registry/v2/blobs/{algorithm}/{value[:2]}/{value}/data"] = data
    tree[f"docker/registry/v2/repositories/{repository}/{kind}/{algorithm}/{value}/link"] = address.encode()
    return address


def _image(tree: dict[str, bytes], image: Image) -> bytes:
    media = (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER) if image.oci else (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
    config = config_blob(image)
    layers = []
    for blob in image.layers:
        packed = gzip.compress(blob, compresslevel=1, mtime=0)
        address = _blob(tree, image.repository, packed, "_layers")
        layers.append({"mediaType": media[2], "size": len(packed), "digest": address})
    manifest = {
        "schemaVersion": 2,
        "mediaType": media[0],
        "config": {
            "mediaType": media[1],
            "size": len(config),
            "digest": _blob(tree, image.repository, config, "_layers"),
        },
        "layers": layers,
    }
    data = json.dumps(manifest, indent=2).encode()
    _blob(tree, image.repository, data, "_manifests/revisions")
    return data


def _index(tree: dict[str, bytes], index: Index) -> bytes:
    children = []
    for image in index.images:
        child = _image(tree, image)
        children.append(
            {
                "mediaType": OCI_MANIFEST if image.oci else DOCKER_MANIFEST,
                "size": len(child),
                "digest": digest(child),
                "platform": {"architecture": image.architecture, "os": "linux"},
            }
        )
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}, indent=2).encode()
    _blob(tree, index.repository, data, "_manifests/revisions")
    return data
