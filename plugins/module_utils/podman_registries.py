# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirrors as Podman, Buildah and Skopeo read them: C([[registry]]) entries of C(registries.conf), version 2."""

from __future__ import annotations

from typing import Any, Iterable, Mapping
from urllib.parse import urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils.toml_text import dumps

HEADER = "# Managed by dockmirror.fleet: changes are overwritten, and offboarding takes the file away.\n\n"


def location(mirror: str, registry: str) -> str:
    """Where a mirror has the images of a registry: ``mirror.example.com/ghcr.io``."""
    return f"{urlsplit(mirror).netloc}/{registry}"


def document(registries: Mapping[str, Iterable[str]]) -> str:
    """A drop-in for C(registries.conf.d).

    :param registries: URLs of the mirrors of each registry, in the order in which they are to be asked.
    """
    entries = []
    for registry, mirrors in registries.items():
        entry: dict[str, Any] = {"prefix": registry, "location": registry, "mirror": []}
        for mirror in mirrors:
            place: dict[str, Any] = {"location": location(mirror, registry)}
            if mirror.startswith("http://"):
                place["insecure"] = True
            entry["mirror"].append(place)
        entries.append(entry)
    return HEADER + dumps({"registry": entries})
