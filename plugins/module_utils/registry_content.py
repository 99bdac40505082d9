# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What manifests and image configurations say."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any, NamedTuple

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIG_TYPES = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
CREATED = "org.opencontainers.image.created"
FIRST_IMAGE = datetime.datetime(2013, 1, 1, tzinfo=datetime.timezone.utc).timestamp()
"""Builds that are to be reproducible write a date such as 1970 or 1980. No image is older than the first one."""


class Descriptor(NamedTuple):
    """What a manifest says about a part of it. ``size`` is in bytes; ``platform`` is as in ``linux/arm64/v8``."""

    media_type: str
    digest: str
    size: int
    platform: str = ""


class Manifest(NamedTuple):
    """A manifest or index.

    :ivar size: of the document itself in bytes.
    :ivar children: manifests that an index names, attestations among them; empty for the manifest of an image.
    :ivar created: seconds since 1970 as its annotation says, None where it says nothing credible.
    """

    digest: str
    media_type: str
    size: int
    children: list[Descriptor]
    config: Descriptor | None
    layers: list[Descriptor]
    created: float | None

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEX_TYPES


def parse_manifest(digest: str, content_type: str, body: bytes) -> Manifest:
    """Read a manifest. Of a kind that is not known, such as one of the first version, only the frame is known."""
    document = _mapping(body)
    media_type = str(document.get("mediaType") or content_type.partition(";")[0].strip())
    return Manifest(
        digest,
        media_type,
        len(body),
        _descriptors(document.get("manifests")) if media_type in INDEX_TYPES else [],
        next(iter(_descriptors([document.get("config")])), None),
        _descriptors(document.get("layers")),
        parse_date(_dict(document.get("annotations")).get(CREATED)),
    )


def parse_created(config: bytes) -> float | None:
    """When an image was made by its configuration, in seconds since 1970; None where it says nothing credible."""
    return parse_date(_mapping(config).get("created"))


def parse_date(text: Any) -> float | None:
    """A date of RFC 3339 in seconds since 1970; None where it is no date, or none at which there were images."""
    found = (
        re.match(
            r"^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$", text if text else ""
        )
        if isinstance(text, str)
        else None
    )
    if not found:
        return None
    day, clock, sign, hours, minutes = found.groups()
    try:
        moment = datetime.datetime.strptime(f"{day} {clock} +0000", "%Y-%m-%d %H:%M:%S %z").timestamp()
    except ValueError:
        return None
    if sign:
        moment -= (1 if sign == "+" else -1) * (int(hours) * 3600 + int(minutes) * 60)
    return moment if moment >= FIRST_IMAGE else None


def show_date(moment: float | None) -> str:
    """A date as :func:`parse_date` reads it, in UTC; the empty string for None."""
    if moment is None:
        return ""
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _descriptors(items: Any) -> list[Descriptor]:
    return [_descriptor(item) for item in (items if isinstance(items, list) else []) if isinstance(item, dict)]


def _descriptor(item: dict[str, Any]) -> Descriptor:
    platform = _dict(item.get("platform"))
    parts = [platform.get("os"), platform.get("architecture"), platform.get("variant")]
    size = item.get("size")
    return Descriptor(
        str(item.get("mediaType") or ""),
        str(item.get("digest") or ""),
        size if isinstance(size, int) else 0,
        "/".join(str(part) for part in parts if part),
    )


def _mapping(data: bytes) -> dict[str, Any]:
    try:
        return _dict(json.loads(data.decode("utf-8")))
    except ValueError:
        return {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
