# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry in memory that answers as registry 2.8 and 3.1 were seen to answer."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import RegistryClient
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_content import CONFIG_TYPES, show_date
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import ACCEPT, Answer, Service
from tests.lab.mkimage import OCI_INDEX, OCI_LAYER, OCI_MANIFEST

from .http_services import Reply, Request, registry_error

DAY = 86400.0
NOW = 1_780_000_000.0
ATTESTATION = {"os": "unknown", "architecture": "unknown"}


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class Store:
    """One repository."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class FakeRegistry:
    """The registry. Tests push into it by its methods and ask it by HTTP, or without a network by :meth:`client`."""

    def __init__(self, major: int = 3, max_entries: int = 1000) -> None:
        self.major = major
        self.max_entries = max_entries
        self.login = ""
        self.deletion = True
        self.stores: dict[str, Store] = {}
        self.requests: list[Request] = []
        self.before: Callable[[Request], Reply | None] = lambda _request: None

    # What tests put in.

    def push(self, repository: str, *tags: str, age: float | None = 0, name: str = "", layer: bytes = b"") -> str:
        """An image that is *age* days old, or says no date; *name* makes it another one than its like."""
        store = self.stores.setdefault(repository, Store())
        created = {} if age is None else {"created": show_date(NOW - age * DAY)}
        config = self._blob(store, json.dumps({"os": "linux", "name": name, **created}).encode())
        layers = [{"mediaType": OCI_LAYER, **self._blob(store, layer)}] if layer else []
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": CONFIG_TYPES[0], **config}}
        return self.put(repository, OCI_MANIFEST, {**document, "layers": layers}, *tags)

    def index(self, repository: str, *tags: str, children: list[str], name: str = "") -> str:
        """An index of manifests, be they there or not."""
        entries = [
            {"mediaType": self._type(repository, child), "digest": child, "size": 1, "platform": ATTESTATION}
            for child in children
        ]
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, "annotations": {"name": name}}
        return self.put(repository, OCI_INDEX, document, *tags)

    def put(self, repository: str, media_type: str, document: dict[str, Any], *tags: str) -> str:
        store = self.stores.setdefault(repository, Store())
        body = json.dumps(document).encode()
        digest = digest_of(body)
        store.manifests[digest] = (media_type, body)
        store.tags.update(dict.fromkeys(tags, digest))
        return digest

    def _type(self, repository: str, digest: str) -> str:
        return self.stores.get(repository, Store()).manifests.get(digest, (OCI_MANIFEST, b""))[0]

    @staticmethod
    def _blob(store: Store, data: bytes) -> dict[str, Any]:
        store.blobs[digest_of(data)] = data
        return {"digest": digest_of(data), "size": len(data)}

    # What it is asked.

    def client(self) -> RegistryClient:
        return RegistryClient(InProcess(self))

    def deletions(self) -> list[str]:
        """The paths of all requests to delete something that there may be."""
        asked = [request.path for request in self.requests if request.method == "DELETE"]
        return [path for path in asked if 64 * "0" not in path and "dockmirror-probe" not in path]

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        early = self.before(request)
        if early:
            return early
        if self.login and request.headers.get("authorization") != self.login:
            return Reply(401, registry_error(401, "UNAUTHORIZED").body, {"WWW-Authenticate": 'Basic realm="fleet"'})
        path = unquote(request.path)
        if path == "/v2/_catalog":
            return self._page(request, "repositories", sorted(self.stores), paged=True)
        repository, kind, reference = path.removeprefix("/v2/").rsplit("/", 2)
        store = self.stores.get(repository)
        if kind == "tags":
            return self._tags(request, repository, store)
        return self._content(request, kind, reference, store or Store())

    def _tags(self, request: Request, repository: str, store: Store | None) -> Reply:
        if store is None:
            return registry_error(404, "NAME_UNKNOWN", {"name": repository})
        # Registry 2.8 gives all tags at once, in no order.
        return self._page(request, "tags", sorted(store.tags, reverse=self.major == 2), paged=self.major == 3)

    def _content(self, request: Request, kind: str, reference: str, store: Store) -> Reply:
        if kind == "manifests" and request.method == "DELETE":
            return self._delete(store, reference)
        if kind == "manifests":
            return self._manifest(store, reference, request.headers.get("accept", ""))
        blob = store.blobs.get(reference)
        return registry_error(404, "BLOB_UNKNOWN") if blob is None else Reply(200, blob)

    def _page(self, request: Request, key: str, names: list[str], paged: bool) -> Reply:
        query = parse_qs(request.query)
        number = int(query.get("n", [str(min(100, self.max_entries))])[0])
        if not paged:
            return Reply(200, json.dumps({key: names or None}).encode())
        if key == "repositories" and number > self.max_entries:
            return registry_error(400, "PAGINATION_NUMBER_INVALID", {"n": number})
        rest = [name for name in names if name > query.get("last", [""])[0]]
        page = rest[:number]
        link = {"Link": f'<{request.path}?last={page[-1]}&n={number}>; rel="next"'} if len(rest) >= number > 0 else {}
        return Reply(200, json.dumps({key: page or None}).encode(), link)

    @staticmethod
    def _manifest(store: Store, reference: str, accept: str) -> Reply:
        digest = store.tags.get(reference, reference)
        if digest not in store.manifests or accept != ACCEPT:
            return registry_error(404, "MANIFEST_UNKNOWN", f"unknown tag={reference}")
        media_type, body = store.manifests[digest]
        return Reply(200, body, {"Content-Type": media_type, "Docker-Content-Digest": digest})

    def _delete(self, store: Store, reference: str) -> Reply:
        if not self.deletion:
            return registry_error(405, "UNSUPPORTED")
        if ":" not in reference:
            if self.major == 2:
                return registry_error(400, "DIGEST_INVALID")
            return Reply(202) if store.tags.pop(reference, None) else registry_error(404, "MANIFEST_UNKNOWN")
        if reference not in store.manifests:
            return registry_error(404, "MANIFEST_UNKNOWN")
        del store.manifests[reference]
        store.tags = {tag: digest for tag, digest in store.tags.items() if digest != reference}
        return Reply(202)


class InProcess(Service):
    """The registry without a network."""

    def __init__(self, handle: Callable[[Request], Reply]) -> None:
        super().__init__("http://127.0.0.1:5000")
        self._handle = handle

    def ask(
        self,
        method: str,
        path: str,
        accept: str = "*/*",
        timeout: float = 0,
        headers: Any = None,
        body: bytes = b"",
    ) -> Answer:
        plain, _mark, query = path.partition("?")
        sent = {"accept": accept, **{key.lower(): value for key, value in (headers or {}).items()}}
        reply = self._handle(Request(method, plain, query, sent))
        told = {key.lower(): value for key, value in reply.headers.items()}
        return Answer(reply.status, told, b"" if method == "HEAD" else reply.body)


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
