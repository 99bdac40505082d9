# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry as its clients see it, by HTTP on loopback."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import time
from typing import Any, Iterator, NamedTuple

from .errors import MaintenanceError

ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""Without one of these, a tag is answered with 404 or with another digest."""

PAGE = 100


class Manifest(NamedTuple):
    """A manifest that was served, and that is what its digest says."""

    digest: str
    references: tuple[str, ...]
    """Digests of the blobs, or for an index of the manifests, that it needs."""

    is_index: bool


class Api:
    """A registry on this host, without credentials: those are asked for by the gateway."""

    def __init__(self, address: str, timeout: float = 30) -> None:
        """Talk to *address* (host and port); each answer may take *timeout* seconds."""
        self.address, self._timeout = address, timeout

    def _request(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=self._timeout)
        try:
            connection.request(method, path, headers={"Accept": ACCEPT})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise MaintenanceError(f"The registry at {self.address} does not answer: {error!r}") from error
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether it is there at all."""
        try:
            return self._request("GET", "/v2/")[0] == 200
        except MaintenanceError:
            return False

    def wait(self, timeout: float) -> None:
        """Wait until it answers; raises MaintenanceError after *timeout* seconds."""
        deadline = time.monotonic() + timeout
        while not self.answers():
            if time.monotonic() >= deadline:
                raise MaintenanceError(f"The registry at {self.address} has not answered within {timeout:.0f} s.")
            time.sleep(0.1)

    def _pages(self, path: str, key: str) -> Iterator[str]:
        """Entries of a list that comes in pages; nothing where the list does not exist."""
        following = f"{path}?n={PAGE}"
        while following:
            status, headers, body = self._request("GET", following)
            if status == 404:  # a repository whose last tag is gone
                return
            if status != 200:
                raise MaintenanceError(f"The registry at {self.address} answers {following} with {status}.")
            yield from json.loads(body).get(key) or []
            link = re.match(r'<([^>]+)>;\s*rel="?next"?', headers.get("link", ""))
            following = link.group(1) if link else ""

    def repositories(self) -> Iterator[str]:
        """Names of all repositories."""
        return self._pages("/v2/_catalog", "repositories")

    def tags(self, repository: str) -> Iterator[str]:
        """Tags of a repository."""
        return self._pages(f"/v2/{repository}/tags/list", "tags")

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Fetch a manifest by tag or digest and check its digest; raises MaintenanceError where that fails."""
        status, headers, body = self._request("GET", f"/v2/{repository}/manifests/{reference}")
        name = f"{repository}{'@' if ':' in reference else ':'}{reference}"
        if status != 200:
            raise MaintenanceError(f"{name} is answered with {status}.")
        promised = headers.get("docker-content-digest", "")
        algorithm, _separator, _value = promised.partition(":")
        if algorithm not in hashlib.algorithms_available:
            raise MaintenanceError(f"{name} is answered without a digest that can be checked: {promised!r}.")
        digest = f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"
        if digest != promised or (":" in reference and digest != reference):
            raise MaintenanceError(f"{name} is answered with the content of {digest}.")
        return _parse(digest, json.loads(body))

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a blob is served to who pulls from *repository*."""
        return self._request("HEAD", f"/v2/{repository}/blobs/{digest}")[0] == 200

    def check(self, repository: str, reference: str) -> str:
        """Check that all of an image can be pulled, except for the bytes of its layers; gives the digest.

        Of a multi-architecture index those images are checked that the registry has: it may hold a part of them.
        """
        manifest = self.manifest(repository, reference)
        for needed in manifest.references:
            if manifest.is_index:
                if self._request("HEAD", f"/v2/{repository}/manifests/{needed}")[0] == 200:
                    self.check(repository, needed)
            elif not self.has_blob(repository, needed):
                raise MaintenanceError(f"{repository}@{manifest.digest} lacks its blob {needed}.")
        return manifest.digest

    def sample(self, most: int) -> list[tuple[str, str]]:
        """Up to *most* images (repository, digest), of as many repositories."""
        found: list[tuple[str, str]] = []
        for repository in self.repositories():
            if len(found) >= most:
                break
            for tag in self.tags(repository):
                found.append((repository, self.manifest(repository, tag).digest))
                break
        return found


def _parse(digest: str, document: dict[str, Any]) -> Manifest:
    children = document.get("manifests")
    if children is not None:
        return Manifest(digest, tuple(child["digest"] for child in children), True)
    # Layers with addresses of their own ("foreign") are not in the registry.
    layers = [layer for layer in document.get("layers") or [] if not layer.get("urls")]
    parts = [document["config"], *layers] if "config" in document else layers
    return Manifest(digest, tuple(part["digest"] for part in parts), False)
