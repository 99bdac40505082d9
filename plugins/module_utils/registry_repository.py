# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a repository holds, read from its registry step by step and each thing once."""

from __future__ import annotations

from typing import Iterable, Sequence

from ansible_collections.dockmirror.fleet.plugins.module_utils.name_patterns import first_match, is_name
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import RegistryClient, RegistryError
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_content import (
    CONFIG_TYPES,
    INDEX_TYPES,
    Manifest,
    parse_created,
)

_CONFIG_BYTES = 4 * 1024 * 1024
_DEPTH = 20


def matching_repositories(client: RegistryClient, patterns: Iterable[str]) -> list[str]:
    """The repositories that match one of the patterns, sorted.

    Names without a placeholder are taken as they are, so that a registry which does not tell its list can be used.

    :raises RegistryError: the list cannot be had.
    """
    patterns = list(patterns)
    if all(map(is_name, patterns)):
        return sorted(set(patterns))
    return sorted({name for name in client.repositories() if first_match(name, patterns)})


class Repository:
    """One repository. What a digest stands for never changes, so each manifest is read once.

    All methods raise :class:`RegistryError` where the registry does not tell.
    """

    def __init__(self, client: RegistryClient, name: str) -> None:
        self.client = client
        self.name = name
        self._manifests: dict[str, Manifest | None] = {}
        self._created: dict[str, float | None] = {}

    def tags(self, patterns: Sequence[str] = ("**",)) -> dict[str, str | None]:
        """The digest of each tag that matches one of the patterns; None for a tag whose manifest is gone."""
        tags = [tag for tag in self.client.tags(self.name) if first_match(tag, patterns)]
        return {tag: self.client.resolve(self.name, tag) for tag in tags}

    def manifest(self, digest: str) -> Manifest | None:
        """A manifest or index; None where it is not there."""
        if digest not in self._manifests:
            self._manifests[digest] = self.client.manifest(self.name, digest)
        return self._manifests[digest]

    def family(self, digest: str) -> list[str]:
        """The digest and all that it names as manifests, directly or through other indexes, parents first.

        :raises RegistryError: indexes are nested beyond any sense.
        """
        done: dict[str, None] = {}
        self._descend(digest, "", done, 0)
        return list(reversed(done))

    def created(self, digest: str) -> float | None:
        """When an image was made, in seconds since 1970: the youngest one of an index; None where it is not known."""
        if digest not in self._created:
            self._created[digest] = None  # an index that named itself would have no date
            self._created[digest] = self._read_created(digest)
        return self._created[digest]

    def _read_created(self, digest: str) -> float | None:
        manifest = self.manifest(digest)
        if manifest is None:
            return None
        dates = [self.created(child.digest) for child in manifest.children]
        config = manifest.config
        if config and config.media_type in CONFIG_TYPES and config.size <= _CONFIG_BYTES:
            dates.append(parse_created(self.client.blob(self.name, config.digest) or b""))
        return max((date for date in dates if date is not None), default=manifest.created)

    def _descend(self, digest: str, media_type: str, done: dict[str, None], depth: int) -> None:
        if digest in done:
            return
        if depth > _DEPTH:
            raise RegistryError("broken", f"{self.name}: indexes are nested more than {_DEPTH} deep below {digest}.")
        # What an index calls an image has no children, so it need not be read.
        if not media_type or media_type in INDEX_TYPES:
            manifest = self.manifest(digest)
            for child in reversed(manifest.children if manifest else []):
                self._descend(child.digest, child.media_type, done, depth + 1)
        done[digest] = None
