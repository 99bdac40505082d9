# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull through the gateway of this host, as a client does."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import ssl
from typing import Any, NamedTuple
from urllib.parse import quote

from .digests import Check
from .errors import UpkeepError
from .settings import Gateway
from .upstream import ACCEPT

SECONDS = 300
"""How long the gateway may be silent: a big layer has to come from the upstream first."""
CHUNK = 1 << 20
_NEXT = re.compile(r"<([^>]*)>\s*;\s*rel=\"?next\"?", re.IGNORECASE)


class Manifest(NamedTuple):
    """A manifest or an index."""

    digest: str
    media_type: str
    body: bytes
    document: dict[str, Any]


class Blob:
    """A blob as it comes, to be read to its end."""

    def __init__(self, name: str, digest: str, response: http.client.HTTPResponse) -> None:
        """Raises UpkeepError for what is no digest."""
        self._name, self._response, self._check = name, response, Check(digest)

    def read(self, count: int) -> bytes:
        """The next bytes; none at the end."""
        chunk = self._response.read(count)
        self._check.update(chunk)
        return chunk

    def verify(self) -> int:
        """Read the rest, and give the size; raises UpkeepError if the blob is not what its digest says."""
        while self.read(CHUNK):
            pass
        self._check.verify(self._name)
        return self._check.size


class _Loopback(http.client.HTTPSConnection):
    """Connects to this host, and expects the certificate of the gateway's name."""

    def __init__(self, gateway: Gateway, context: ssl.SSLContext) -> None:
        super().__init__(gateway.server_name, gateway.port, timeout=SECONDS, context=context)
        self._tls = context

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


class Client:
    """One connection to the gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._connection: http.client.HTTPConnection
        if gateway.tls:
            context = ssl.create_default_context(cafile=gateway.ca_file or None)
            self._connection = _Loopback(gateway, context)
        else:
            self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
        self._headers = {"Accept": ACCEPT, "Host": gateway.server_name, "User-Agent": "dockmirror-prefetch"}

    def manifest(self, name: str, reference: str) -> Manifest:
        """The manifest of ``upstream/repository`` for a tag or digest; raises UpkeepError where there is none."""
        response = self._get(f"/v2/{name}/manifests/{quote(reference, safe=':')}")
        body = response.read()
        digest = response.headers.get("Docker-Content-Digest") or "sha256:" + hashlib.sha256(body).hexdigest()
        check = Check(digest)
        check.update(body)
        check.verify(f"{name}:{reference}")
        try:
            document = json.loads(body)
            media_type = str(document.get("mediaType") or response.headers.get("Content-Type") or "")
        except (ValueError, AttributeError) as error:
            raise UpkeepError(f"{name}: the manifest of {reference} is no JSON object") from error
        return Manifest(digest, media_type, body, document)

    def tags(self, name: str) -> list[str]:
        """All tags of ``upstream/repository``."""
        found: list[str] = []
        path = f"/v2/{name}/tags/list?n=1000"
        while path:
            response = self._get(path)
            found += json.loads(response.read()).get("tags") or []
            following = _NEXT.search(response.headers.get("Link") or "")
            # The link names the path at the upstream: only its query is of use here.
            path = f"/v2/{name}/tags/list?{following.group(1).partition('?')[2]}" if following else ""
        return found

    def read_blob(self, name: str, digest: str) -> int:
        """Read a blob to its end; gives its size, and raises UpkeepError if it is not what its digest says."""
        return self.blob(name, digest).verify()

    def blob(self, name: str, digest: str) -> Blob:
        """Start to read a blob; raises UpkeepError where there is none."""
        return Blob(name, digest, self._get(f"/v2/{name}/blobs/{digest}"))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _get(self, path: str) -> http.client.HTTPResponse:
        try:
            response = self._send(path)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise UpkeepError(f"the gateway of this host does not answer: {error}") from error
        if response.status != 200:
            body = response.read(4096).decode(errors="replace")
            self._connection.close()
            raise UpkeepError(f"{path}: {response.status} {_message(body)}")
        return response

    def _send(self, path: str) -> http.client.HTTPResponse:
        used = self._connection.sock is not None
        try:
            self._connection.request("GET", path, headers=self._headers)
            return self._connection.getresponse()
        except (ConnectionError, ssl.SSLEOFError):
            self._connection.close()
            if not used:
                raise
        # The gateway hangs up on an idle connection, as at a reload: that says nothing about the image.
        self._connection.request("GET", path, headers=self._headers)
        return self._connection.getresponse()


def _message(body: str) -> str:
    try:
        return str(json.loads(body)["errors"][0]["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        return body.strip()[:200]
