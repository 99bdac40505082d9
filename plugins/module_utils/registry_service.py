# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP service that is asked, and what may be wrong with it."""

from __future__ import annotations

import http.client
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


class Service:
    """The registry service that is asked.

    :param url: base URL. Its host is the name for TLS and the Host header.
    :param connect_to: address to connect to in place of the URL's host, so that the proof needs no DNS.
    :param ca_file: certificates to trust; a server certificate in it counts as trusted by itself. None: the system's.
    """

    def __init__(self, url: str, connect_to: str | None = None, ca_file: str | None = None) -> None:
        parts = urlsplit(url)
        self.url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._name = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._host = parts.netloc
        self._address = connect_to or self._name
        self._ca_file = ca_file

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

        :param headers: more headers, such as credentials.

        :raises OSError: nothing answers there, or TLS fails (``ssl.SSLError``).
        :raises http.client.HTTPException: what answers does not speak HTTP.
        """
        connection = http.client.HTTPConnection(self._name, self._port, timeout=timeout)
        try:
            connection.sock = self._connect(timeout)
            sent = {"Host": self._host, "Accept": accept, "Content-Length": str(len(body)), **(headers or {})}
            connection.request(method, path, body=body or None, headers=sent)
            response = connection.getresponse()
            return Answer(
                response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def _connect(self, timeout: float) -> socket.socket:
        sock = socket.create_connection((self._address, self._port), timeout=timeout)
        if not self._secure:
            return sock
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
            context.verify_flags |= ssl.VerifyFlags(_PARTIAL_CHAIN)
            return context.wrap_socket(sock, server_hostname=self._name)
        except BaseException:
            sock.close()
            raise


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
