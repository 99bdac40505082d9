# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory of a registry: repositories, tags, and what the images consist of."""

from __future__ import annotations

from typing import Any, Sequence

from ansible_collections.dockmirror.fleet.plugins.module_utils.name_patterns import first_match
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import RegistryClient
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_content import (
    Descriptor,
    Manifest,
    show_date,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_repository import (
    Repository,
    matching_repositories,
)

DETAILS = ("repositories", "tags", "images")
"""How much is asked for, from little to much."""


def take_inventory(
    client: RegistryClient, repositories: Sequence[str], tags: Sequence[str], details: str
) -> dict[str, Any]:
    """Ask a registry what it holds.

    :param repositories: patterns for the repositories.
    :param tags: patterns for the tags.
    :param details: one of :data:`DETAILS`.
    :returns: ``repositories``, and for images ``unique_bytes``, as documented for the module.
    :raises RegistryError: the registry does not tell.
    """
    found: list[dict[str, Any]] = []
    every_part: dict[str, int] = {}
    for name in matching_repositories(client, repositories):
        entry: dict[str, Any] = {"name": name}
        if details == "tags":
            entry["tags"] = [tag for tag in client.tags(name) if first_match(tag, tags)]
        if details == "images":
            parts: dict[str, int] = {}
            entry["images"] = _images(Repository(client, name), tags, parts)
            entry["unique_bytes"] = sum(parts.values())
            every_part.update(parts)
        found.append(entry)
    totals = {"unique_bytes": sum(every_part.values())} if details == "images" else {}
    return {"repositories": found, **totals}


def _images(repository: Repository, patterns: Sequence[str], parts: dict[str, int]) -> list[dict[str, Any]]:
    """Each image with its tags; adds the size of each of their parts to ``parts``."""
    tags_of: dict[str, list[str]] = {}
    for tag, digest in repository.tags(patterns).items():
        if digest:
            tags_of.setdefault(digest, []).append(tag)
    images = [(repository.manifest(digest), tags) for digest, tags in tags_of.items()]
    entries = [{"tags": tags, **_entry(repository, manifest, parts)} for manifest, tags in images if manifest]
    return sorted(entries, key=lambda entry: entry["tags"])


def _entry(repository: Repository, manifest: Manifest, parts: dict[str, int]) -> dict[str, Any]:
    """One image, or index with its children. ``size`` counts each of its parts once."""
    own = {manifest.digest: manifest.size}
    children = []
    for child in manifest.children:
        document = repository.manifest(child.digest)
        if document:
            children.append({"platform": child.platform, **_entry(repository, document, own)})
    own.update({part.digest: part.size for part in [*_config(manifest), *manifest.layers]})
    parts.update(own)
    return {
        "digest": manifest.digest,
        "media_type": manifest.media_type,
        "created": show_date(repository.created(manifest.digest)),
        "size": sum(own.values()),
        "manifest_size": manifest.size,
        "config": manifest.config.digest if manifest.config else "",
        "layers": [_layer(layer) for layer in manifest.layers],
        "children": children,
    }


def _config(manifest: Manifest) -> list[Descriptor]:
    return [manifest.config] if manifest.config else []


def _layer(layer: Descriptor) -> dict[str, Any]:
    return {"digest": layer.digest, "media_type": layer.media_type, "size": layer.size}
