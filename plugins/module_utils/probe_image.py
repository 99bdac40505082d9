# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny image that says which server served it, as static files.

The gateway answers for the reserved repository ``dockmirror/probe`` with these files, whatever the tag. A client that
can pull it provably went through that gateway, since no other registry has it; its label names the server.

The files are the same on every run: nothing in them depends on time, and the layer is gzip without compression, so
that no version of zlib can change its digest. Media types are those of Docker's image format version 2, which Engine
20.10 and all later ones, containerd and Podman read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import tarfile
import zlib
from typing import Any, NamedTuple

LABEL = "io.dockmirror.served-by"
LIST_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"

PLATFORMS: tuple[dict[str, str], ...] = (
    {"architecture": "amd64"},
    {"architecture": "arm64", "variant": "v8"},
    {"architecture": "arm", "variant": "v7"},
    {"architecture": "arm", "variant": "v6"},
    {"architecture": "386"},
    {"architecture": "ppc64le"},
    {"architecture": "s390x"},
    {"architecture": "riscv64"},
)
"""What a client may be (the operating system is always linux)."""


class Image(NamedTuple):
    """The image as documents, by what they are asked for.

    ``manifest_list`` is what a tag resolves to; ``manifests`` and ``blobs`` are keyed by the
    hexadecimal part of the digest.
    """

    manifest_list: bytes
    manifests: dict[str, bytes]
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        """Digest of the manifest list, which is what a tag resolves to."""
        return "sha256:" + _hex(self.manifest_list)


def build(server_name: str) -> Image:
    """Make the image of one server.

    :param server_name: what the label says, normally the server's DNS name.
    """
    plain = _layer(server_name)
    layer = _gzip(plain)
    blobs = {_hex(layer): layer}
    manifests = {}
    entries = []
    for platform in PLATFORMS:
        config = _document(_config(server_name, platform, "sha256:" + _hex(plain)))
        blobs[_hex(config)] = config
        manifest = _document(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": _descriptor(CONFIG_TYPE, config),
                "layers": [_descriptor(LAYER_TYPE, layer)],
            }
        )
        manifests[_hex(manifest)] = manifest
        entries.append({**_descriptor(MANIFEST_TYPE, manifest), "platform": {**platform, "os": "linux"}})
    manifest_list = _document({"schemaVersion": 2, "mediaType": LIST_TYPE, "manifests": entries})
    return Image(manifest_list, manifests, blobs)


def files(image: Image) -> dict[str, bytes]:
    """The image as files, by path below the directory the gateway serves."""
    result = {"index.json": image.manifest_list}
    result.update(("manifests/" + name, data) for name, data in image.manifests.items())
    result.update(("blobs/" + name, data) for name, data in image.blobs.items())
    return result


class Changes(NamedTuple):
    """What has to be done so that a directory holds exactly the wanted files (paths below it)."""

    write: list[str]
    remove: list[str]

    def __bool__(self) -> bool:
        return bool(self.write or self.remove)


def compare(directory: str, wanted: dict[str, bytes]) -> Changes:
    """Find out what differs between a directory and the files it should hold.

    :raises OSError: something in the directory cannot be read.
    """
    write = [path for path, data in wanted.items() if _read(os.path.join(directory, path)) != data]
    present: list[str] = []
    for folder, _folders, names in os.walk(directory):
        present.extend(os.path.relpath(os.path.join(folder, name), directory) for name in names)
    return Changes(sorted(write), sorted(set(present) - set(wanted)))


def store(directory: str, wanted: dict[str, bytes], changes: Changes) -> None:
    """Carry the changes out, in an order in which a client that pulls meanwhile always finds what it was told of.

    :raises OSError: something cannot be written.
    """
    for folder in sorted({os.path.dirname(os.path.join(directory, path)) for path in wanted} | {directory}):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)  # noqa: S103 - whatever the umask: the gateway's workers read here
    # The list comes last: it names all others.
    for path in sorted(changes.write, key=lambda path: (path == "index.json", path)):
        target = os.path.join(directory, path)
        part = target + ".part"
        with open(part, "wb") as file:
            file.write(wanted[path])
        os.chmod(part, 0o644)
        os.rename(part, target)
    for path in changes.remove:
        os.unlink(os.path.join(directory, path))


def _config(server_name: str, platform: dict[str, str], diff_id: str) -> dict[str, Any]:
    created = "1970-01-01T00:00:00Z"
    return {
        **platform,
        "os": "linux",
        "created": created,
        "config": {"Cmd": ["/dockmirror-probe"], "Labels": {LABEL: server_name}},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": created, "created_by": "dockmirror.fleet"}],
    }


def _layer(server_name: str) -> bytes:
    data = (server_name + "\n").encode("utf-8")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("served-by")
        info.size = len(data)
        info.mode = 0o444
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _gzip(data: bytes) -> bytes:
    """Gzip by hand (RFC 1952) with one stored block (RFC 1951), which holds up to 65535 bytes."""
    header = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    block = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    return header + block + struct.pack("<II", zlib.crc32(data), len(data))


def _document(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(data), "digest": "sha256:" + _hex(data)}


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
