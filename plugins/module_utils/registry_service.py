# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP service that is asked, and what may be wrong with it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from typing import Any, Callable, Mapping, NamedTuple
from urllib.parse import urlsplit

ACCEPT = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
"""A registry asked for a tag with less than these four types answers 404, or with another manifest's digest."""

REQUEST_SECONDS = 30.0
"""How long one request may take, once the service answers at all."""

_PARTIAL_CHAIN = 0x80000  # X509_V_FLAG_PARTIAL_CHAIN, which Python names from 3.10 on


class ProbeError(Exception):
    """The service does not do what it should.

    :ivar cause: a word for programs, as documented for the module.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Answer(NamedTuple):
    """One HTTP answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Connection(http.client.HTTPConnection):
    """A connection that is made by :class:`Service`, the first time and after the server has closed it."""

    def __init__(self, service: Service, timeout: float) -> None:
        super().__init__(service.name, service.port, timeout=timeout)
        self._service = service

    def connect(self) -> None:
        self.sock = self._service.connect(self.timeout or REQUEST_SECONDS)


class Service:
    """The registry service that is asked.

    :param url: base URL. Its host is the name for TLS and the Host header.
    :param connect_to: address to connect to in place of the URL's host, so that the proof needs no DNS.
    :param ca_file: certificates to trust; a server certificate in it counts as trusted by itself. None: the system's.
    :param keep_open: whether reading requests use one connection. Whoever says so calls :meth:`close` at the end.
    :param system_trust: trust the system's certificates besides those in ``ca_file``.
    """

    def __init__(
        self,
        url: str,
        connect_to: str | None = None,
        ca_file: str | None = None,
        keep_open: bool = False,
        system_trust: bool = False,
    ) -> None:
        parts = urlsplit(url)
        self.url = url.rstrip("/")
        self.name = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self.port = parts.port or (443 if self._secure else 80)
        self._host = parts.netloc
        self._address = connect_to or self.name
        self._ca_file = ca_file
        self._system_trust = system_trust
        self._keep_open = keep_open
        self._open: _Connection | None = None

    def ask(
        self,
        method: str,
        path: str,
        accept: str = "*/*",
        timeout: float = REQUEST_SECONDS,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request.

        :param path: path and query.
        :param timeout: in seconds, for each step of the connection.
        :param headers: more headers, such as credentials.
        :raises OSError: nothing answers there, or TLS fails (``ssl.SSLError``).
        :raises http.client.HTTPException: what answers does not speak HTTP.
        """
        sent = {"Host": self._host, "Accept": accept, "Content-Length": str(len(body)), **(headers or {})}
        if not self._keep_open or method not in ("GET", "HEAD"):
            # What changes something is never sent twice, so it gets a connection that cannot have gone stale.
            connection = _Connection(self, timeout)
            try:
                return _exchange(connection, method, path, sent, body)
            finally:
                connection.close()
        fresh = self._open is None or self._open.sock is None
        self._open = self._open or _Connection(self, timeout)
        try:
            return _exchange(self._open, method, path, sent, body)
        except (OSError, http.client.HTTPException):
            self.close()
            if fresh:
                raise
            # A server may close an idle connection at any time; the next attempt makes a new one.
            return self.ask(method, path, accept, timeout, headers, body)

    def close(self) -> None:
        """Close the connection that was kept open, if there is one."""
        if self._open:
            self._open.close()
            self._open = None

    def connect(self, timeout: float) -> socket.socket:
        """Make a connection, with TLS where the URL says so.

        :raises OSError: nothing answers there, or TLS fails (``ssl.SSLError``).
        """
        sock = socket.create_connection((self._address, self.port), timeout=timeout)
        if not self._secure:
            return sock
        try:
            context = ssl.create_default_context(cafile=None if self._system_trust else self._ca_file)
            if self._system_trust and self._ca_file:
                context.load_verify_locations(cafile=self._ca_file)
            context.verify_flags |= ssl.VerifyFlags(_PARTIAL_CHAIN)
            return context.wrap_socket(sock, server_hostname=self.name)
        except BaseException:
            sock.close()
            raise


def _exchange(connection: _Connection, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    connection.request(method, path, body=body or None, headers=dict(headers))
    response = connection.getresponse()
    return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, response.read())


def words_of(answer: Answer) -> str:
    """What a registry's error says, without the raw answers of others that registry 2 puts into it."""
    try:
        error = json.loads(answer.body.decode("utf-8"))["errors"][0]
        detail = error.get("detail")
        if isinstance(detail, dict):
            inner = detail.get("Err", detail)
            detail = inner.get("Status") or inner.get("message") if isinstance(inner, dict) else str(inner)
        return str(detail or error["message"])[:300]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return f"status {answer.status}"


def wait_until_ready(service: Service, timeout: float, sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Wait until the service answers ``/v2/`` with anything but 503, and return that answer.

    :param timeout: in seconds.
    :raises ProbeError: it does not within that time (cause ``unanswered``), or TLS fails (cause ``tls``).
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            answer = service.ask("GET", "/v2/", timeout=min(REQUEST_SECONDS, max(1.0, deadline - time.monotonic())))
            if answer.status != 503:
                return answer
            reason = "it answers 503, which a registry does while it cannot use its storage"
        except ssl.SSLError as error:
            raise ProbeError("tls", f"{service.url}: TLS fails: {reason_of(error)}.") from error
        except (OSError, http.client.HTTPException) as error:
            reason = reason_of(error)
        if time.monotonic() >= deadline:
            raise ProbeError("unanswered", f"{service.url} did not answer within {timeout:g} seconds: {reason}.")
        sleep(0.2)


def reason_of(error: Any) -> str:
    """A failed connection in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
