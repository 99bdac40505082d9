# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image consists of, and which images a wish stands for."""

from __future__ import annotations

import fnmatch
import re
from typing import Any, NamedTuple

from .errors import UpkeepError
from .gateway import Client, Manifest
from .settings import Wish


class Image(NamedTuple):
    """An image, with all that the wanted platforms need."""

    top: Manifest
    """That for which the tag stands: an index, or the only manifest."""

    manifests: list[Manifest]
    """One for each platform."""

    blobs: dict[str, int]
    """Digests and sizes of the configurations and layers."""


def is_pattern(tag: str) -> bool:
    """Whether it stands for several tags."""
    return bool(re.search(r"[*?\[]", tag))


def version_key(tag: str) -> list[tuple[int, int, str]]:
    """By this, ``1.10`` comes after ``1.9``, and a pre-release before its release."""
    words = re.findall(r"\d+|[a-zA-Z]+", tag)
    return [(2, int(word), "") if word.isdigit() else (0, 0, word) for word in words] + [(1, 0, "")]


def choose(wish: Wish, tags: list[str]) -> list[str]:
    """The tags that are wanted, of those that there are: as they are named, and the newest that a pattern fits."""
    chosen: list[str] = []
    for wanted in wish.tags:
        if is_pattern(wanted):
            fitting = sorted(fnmatch.filter(tags, wanted), key=version_key, reverse=True)
            chosen += fitting[: wish.newest]
        else:
            chosen.append(wanted)
    return list(dict.fromkeys(chosen))


def platform_of(entry: dict[str, Any]) -> str:
    """The platform of an entry of an index, as ``linux/arm/v7``; the usual variant of arm64 is left out."""
    platform = entry.get("platform") or {}
    return _spelled("/".join(str(platform[key]) for key in ("os", "architecture", "variant") if platform.get(key)))


def _spelled(platform: str) -> str:
    return platform[: -len("/v8")] if platform.endswith("/arm64/v8") else platform


def children(index: Manifest, platforms: list[str]) -> list[str]:
    """Digests of the images in an index for these platforms; raises UpkeepError for one that it does not have."""
    there = {platform_of(entry): str(entry["digest"]) for entry in index.document["manifests"]}
    wanted = list(dict.fromkeys(map(_spelled, platforms)))
    missing = [platform for platform in wanted if platform not in there]
    if missing:
        known = ", ".join(sorted(name for name in there if not name.startswith("unknown")))
        raise UpkeepError(f"there is no image for {', '.join(missing)}, only for {known}")
    return [there[platform] for platform in wanted]


def wanted_tags(client: Client, wish: Wish) -> list[str]:
    """The tags of a wish; raises UpkeepError where there is none."""
    patterns = any(map(is_pattern, wish.tags))
    tags = choose(wish, client.tags(wish.name) if patterns else [])
    if not tags:
        raise UpkeepError(f"no tag fits {', '.join(wish.tags)}")
    return tags


def blobs_of(manifest: dict[str, Any]) -> dict[str, int]:
    """Digests and sizes of what a manifest needs, without layers that a registry does not keep."""
    layers = [layer for layer in manifest["layers"] if not layer.get("urls")]
    return {str(blob["digest"]): int(blob["size"]) for blob in (manifest["config"], *layers)}


def find(client: Client, name: str, tag: str, platforms: list[str]) -> Image:
    """The image of a tag; raises UpkeepError where it, or one of the platforms, is missing."""
    top = client.manifest(name, tag)
    manifests = [top]
    if "manifests" in top.document:
        manifests = [client.manifest(name, digest) for digest in children(top, platforms)]
    blobs: dict[str, int] = {}
    for manifest in manifests:
        blobs.update(blobs_of(manifest.document))
    return Image(top, manifests, blobs)
