# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry's API (distribution-spec): what it holds, and deletion.

Standard library only. What goes wrong is a :class:`RegistryError` with a sentence for an operator; no message ever
holds a password or a token.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import ssl
import uuid
from typing import Any, Callable, Iterator
from urllib.parse import quote, urljoin, urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_auth import (
    basic,
    bearer,
    realm_of,
    token_url,
    wants_basic,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_content import Manifest, parse_manifest
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import (
    ACCEPT,
    REQUEST_SECONDS,
    Answer,
    Service,
    reason_of,
    words_of,
)

PAGE = 1000
"""Entries asked for at once: what a registry allows by default (``catalog.maxentries``)."""

_NOBODY = "sha256:" + 64 * "0"
_REDIRECTS = 5
_DIGEST = re.compile(r"^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$")
_NEXT = re.compile(r'<([^>]*)>\s*;(?:[^,]*;)?\s*rel="?next"?', re.IGNORECASE)
_LOOPBACK = re.compile(r"^(?:localhost|127(?:\.[0-9]+){3}|::1)$")


class RegistryError(Exception):
    """The registry does not do what it is asked for.

    :ivar cause: a word for programs, as documented for the modules.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


def url_problem(url: str, username: str, allow_http: bool) -> str:
    """What is wrong with a registry's URL, as a sentence without the URL's credentials; empty if nothing is.

    :param username: the user whose password would be sent there, or the empty string.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it raises ValueError for a bad one
    except ValueError:
        return "url must be a URL such as https://registry.example.com."
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url):
        return "url must be a URL such as https://registry.example.com."
    if parts.username is not None or parts.password is not None:
        return "url must not hold credentials; they belong into username and password."
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "url must end after the host and port: a registry's API is always at /v2/."
    if parts.scheme == "http" and username and not allow_http and not _LOOPBACK.match(parts.hostname):
        return (
            "url is not encrypted (http), so the password could be read on the way; use https, or set allow_http: true"
            " if that is meant."
        )
    return ""


class RegistryClient:
    """One registry, as one user.

    :param service: where it is.
    :param ca_file: certificates to trust for a host the registry redirects to, besides the system's.
    :param timeout: seconds for each step of a request.
    :param make_service: makes the service for another URL; tests give their own.
    """

    def __init__(
        self,
        service: Service,
        username: str = "",
        password: str = "",
        ca_file: str | None = None,
        timeout: float = REQUEST_SECONDS,
        make_service: Callable[..., Service] = Service,
    ) -> None:
        self.service = service
        self._username = username
        self._login = basic(username, password) if username else ""
        self._ca_file = ca_file
        self._timeout = timeout
        self._make_service = make_service
        self._tokens: dict[str, str] = {}

    def close(self) -> None:
        """Close the connection."""
        self.service.close()

    def repositories(self) -> Iterator[str]:
        """The names of all repositories, page by page, in the registry's order.

        :raises RegistryError: they cannot be had.
        """
        return self._pages("/v2/_catalog", "repositories", "registry:catalog:*", "the list of repositories")

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository, sorted; none where it does not exist or has none.

        :raises RegistryError: they cannot be had.
        """
        path = f"/v2/{quote(repository)}/tags/list"
        return sorted(set(self._pages(path, "tags", _scope(repository), f"the tags of {repository}")))

    def resolve(self, repository: str, tag: str) -> str | None:
        """Digest of what a tag points to; None where there is no such manifest.

        :raises RegistryError: it cannot be had.
        """
        what = f"{repository}:{tag}"
        path = _manifest_path(repository, tag)
        answer = self._read("HEAD", path, repository, what)
        digest = answer.headers.get("docker-content-digest", "") if answer.status == 200 else ""
        if answer.status == 200 and not digest:
            digest = "sha256:" + hashlib.sha256(self._read("GET", path, repository, what).body).hexdigest()
        if answer.status == 404:
            return None
        return self._digest(digest, what)

    def has_manifest(self, repository: str, digest: str) -> bool:
        """Whether the repository has a manifest.

        :raises RegistryError: that cannot be told.
        """
        path = _manifest_path(repository, digest)
        return self._read("HEAD", path, repository, f"{repository}@{digest}").status == 200

    def manifest(self, repository: str, digest: str) -> Manifest | None:
        """A manifest or index; None where the repository does not have it.

        :raises RegistryError: it cannot be had, or is not what its digest says.
        """
        what = f"{repository}@{digest}"
        answer = self._read("GET", _manifest_path(repository, digest), repository, what)
        if answer.status == 404:
            return None
        self._verify(answer.body, digest, what)
        manifest = parse_manifest(digest, answer.headers.get("content-type", ""), answer.body)
        for child in manifest.children:
            self._digest(child.digest, f"a child of {what}")
        return manifest

    def blob(self, repository: str, digest: str) -> bytes | None:
        """A blob that fits into memory, such as an image's configuration; None where the repository does not have it.

        :raises RegistryError: it cannot be had, or is not what its digest says.
        """
        what = f"{repository}@{digest}"
        path = f"/v2/{quote(repository)}/blobs/{self._digest(digest, what)}"
        answer = self._read("GET", path, repository, what, accept="*/*")
        if answer.status == 404:
            return None
        self._verify(answer.body, digest, what)
        return answer.body

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Delete a manifest, and with it every tag that points to it. Returns False where it was gone already.

        :raises RegistryError: the registry refuses.
        """
        return self._delete(repository, self._digest(digest, repository))

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Delete a tag and leave its manifest. Returns False where it was gone already.

        :raises RegistryError: the registry refuses; registry 2 always does.
        """
        return self._delete(repository, tag)

    def check_deletion(self, repository: str) -> None:
        """Find out whether this user may delete here, by the deletion of a manifest that nobody has.

        :raises RegistryError: no.
        """
        self._delete(repository, _NOBODY)

    def can_delete_tags(self, repository: str) -> bool:
        """Whether a tag can go while its manifest stays, found out with a tag that nobody has.

        Registry 3 can; registry 2 takes the tag for a malformed digest.

        :raises RegistryError: that cannot be told.
        """
        path = _manifest_path(repository, "dockmirror-probe-" + uuid.uuid4().hex)
        answer = self._send("DELETE", path, _scope(repository, "delete"))
        if answer.status in (400, 404, 405):
            return answer.status == 404
        raise self._refusal(answer, f"for a deletion in {repository}")

    def _delete(self, repository: str, reference: str) -> bool:
        answer = self._send("DELETE", _manifest_path(repository, reference), _scope(repository, "delete"))
        if answer.status in (200, 202, 204):
            return True
        if answer.status == 404:
            return False
        if answer.status == 405:
            raise RegistryError(
                "unsupported",
                f"{self.service.url} does not allow deletion: storage.delete.enabled is not set in its configuration,"
                " or it is read-only at the moment, as during maintenance.",
            )
        raise self._refusal(answer, f"to delete {repository}{'@' if ':' in reference else ':'}{reference}")

    def _pages(self, path: str, key: str, scope: str, what: str) -> Iterator[str]:
        seen = set()
        url = f"{path}?n={PAGE}"
        answer = self._send("GET", url, scope)
        if answer.status == 400:
            url = path  # its catalog.maxentries is lower than ours: it chooses the size of a page itself
            answer = self._send("GET", url, scope)
        while True:
            if answer.status == 404 and key == "tags":
                return
            if answer.status != 200:
                raise self._refusal(answer, f"for {what}")
            yield from self._names(answer, key, what)
            link = _NEXT.search(answer.headers.get("link", ""))
            if not link:
                return
            seen.add(url)
            # Behind a proxy a registry may name itself wrongly; the next page is always where this one came from.
            following = urlsplit(urljoin(url, link.group(1)))
            url = following.path + ("?" + following.query if following.query else "")
            if url in seen or not url.startswith("/v2/"):
                raise RegistryError("broken", f"{self.service.url} sends {what} in circles: its next page is {url}.")
            answer = self._send("GET", url, scope)

    def _names(self, answer: Answer, key: str, what: str) -> list[str]:
        try:
            names = json.loads(answer.body.decode("utf-8"))[key] or []
        except (ValueError, KeyError, TypeError):
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RegistryError("broken", f"{self.service.url} is not a registry: it does not tell {what}.")
        return names

    def _read(self, method: str, path: str, repository: str, what: str, accept: str = ACCEPT) -> Answer:
        answer = self._send(method, path, _scope(repository), accept)
        if answer.status not in (200, 404):
            raise self._refusal(answer, f"for {what}")
        return answer

    def _send(self, method: str, path: str, scope: str, accept: str = "*/*") -> Answer:
        """Send a request with what this user can prove, and follow redirects of what is only read."""
        authorization = self._tokens.get(scope, self._login)
        answer = self._exchange(self.service, method, path, accept, authorization)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status == 401 and not wants_basic(challenge) and token_url(challenge, scope):
            self._tokens[scope] = authorization = self._token(challenge, scope)
            answer = self._exchange(self.service, method, path, accept, authorization)
        if method in ("GET", "HEAD"):
            answer = self._follow(method, path, accept, authorization, answer)
        return answer

    def _follow(self, method: str, path: str, accept: str, authorization: str, answer: Answer) -> Answer:
        here = self.service.url + path
        for _redirect in range(_REDIRECTS):
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            here, before = urljoin(here, answer.headers.get("location", "")), here
            there = urlsplit(here)
            if there.scheme != "https" and urlsplit(before).scheme == "https":
                raise RegistryError("broken", f"{self.service.url} redirects from https to {there.scheme}: refused.")
            query = there.path + ("?" + there.query if there.query else "")
            if there[:2] == urlsplit(self.service.url)[:2]:
                answer = self._exchange(self.service, method, query, accept, authorization)
            else:
                # Another host, such as the object storage: it gets no credentials of ours.
                other = self._make_service(f"{there.scheme}://{there.netloc}", None, self._ca_file, system_trust=True)
                answer = self._exchange(other, method, query, accept, "")
        raise RegistryError("broken", f"{self.service.url} redirects more than {_REDIRECTS} times.")

    def _token(self, challenge: str, scope: str) -> str:
        realm = realm_of(challenge)
        parts = urlsplit(token_url(challenge, scope))
        if parts.scheme != "https" and parts.netloc != urlsplit(self.service.url).netloc:
            raise RegistryError(
                "broken", f"{self.service.url} sends its users to {realm} for a token, which is not encrypted: refused."
            )
        service = self._make_service(f"{parts.scheme}://{parts.netloc}", None, self._ca_file, system_trust=True)
        answer = self._exchange(service, "GET", f"{parts.path}?{parts.query}", "*/*", self._login)
        if answer.status in (400, 401, 403):
            raise self._unauthorized(f"{realm} gives no token (status {answer.status})")
        try:
            return bearer(answer.body)
        except ValueError as error:
            raise RegistryError("broken", f"{realm} does not answer as a token service.") from error

    def _exchange(self, service: Service, method: str, path: str, accept: str, authorization: str) -> Answer:
        headers = {"Authorization": authorization} if authorization else {}
        try:
            return service.ask(method, path, accept, self._timeout, headers)
        except ssl.SSLError as error:
            raise RegistryError(
                "tls", f"{service.url}: TLS fails: {reason_of(error)}. Set ca_file if it has a private CA."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise RegistryError("unreachable", f"{service.url} does not answer: {reason_of(error)}.") from error

    def _refusal(self, answer: Answer, asked: str) -> RegistryError:
        if answer.status == 401:
            return self._unauthorized(f"{self.service.url} was asked {asked} and wants a login (401)")
        said = words_of(answer).rstrip(".")
        if answer.status == 403:
            who = f"the user {self._username}" if self._username else "anybody without a login"
            return RegistryError(
                "forbidden", f"{self.service.url} was asked {asked} and refuses that to {who}: {said}."
            )
        if answer.status == 429:
            return RegistryError(
                "rate_limited", f"{self.service.url} was asked {asked} and says that it is asked too often (429)."
            )
        return RegistryError("refused", f"{self.service.url} was asked {asked} and answered {answer.status}: {said}.")

    def _unauthorized(self, what: str) -> RegistryError:
        how = f"check the password of {self._username}" if self._username else "set username and password"
        return RegistryError("unauthorized", f"{what}: {how}.")

    def _digest(self, digest: str, what: str) -> str:
        """A digest that may become part of a path."""
        if not _DIGEST.match(digest):
            raise RegistryError("broken", f"{self.service.url} names {digest[:100]!r} as the digest of {what}.")
        return digest

    def _verify(self, body: bytes, digest: str, what: str) -> None:
        algorithm, _colon, value = digest.partition(":")
        if algorithm in ("sha256", "sha512") and hashlib.new(algorithm, body).hexdigest() != value.lower():
            raise RegistryError("broken", f"{self.service.url} serves other bytes for {what} than its digest says.")


def _manifest_path(repository: str, reference: str) -> str:
    return f"/v2/{quote(repository)}/manifests/{quote(reference, safe=':')}"


def _scope(repository: str, action: str = "pull") -> str:
    return f"repository:{repository}:{action}"


CONNECTION: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "ca_file": {"type": "path"},
    "connect_to": {"type": "str"},
    "allow_http": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": REQUEST_SECONDS},
}
"""The modules' arguments about the connection."""


def connect(params: dict[str, Any]) -> RegistryClient:
    """The client for a module's parameters, among them those of :data:`CONNECTION`.

    :raises RegistryError: they cannot be right (cause ``input``).
    """
    problem = url_problem(params["url"], params["username"], params["allow_http"])
    if not problem and bool(params["username"]) != bool(params["password"]):
        problem = "username and password belong together; only one of them is set."
    if not problem and params["ca_file"] and not os.access(params["ca_file"], os.R_OK):
        problem = f"ca_file {params['ca_file']} cannot be read on this host."
    if problem:
        raise RegistryError("input", problem)
    service = Service(params["url"], params["connect_to"], params["ca_file"], keep_open=True)
    return RegistryClient(service, params["username"], params["password"], params["ca_file"], params["timeout"])
