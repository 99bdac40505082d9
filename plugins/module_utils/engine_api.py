# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of the Docker Engine API over its unix socket.

Standard library only: a managed host needs neither the Docker SDK nor the docker command. Paths are sent without a
version prefix, which every engine answers with its own newest API version.

Every call has a deadline for the whole call (seconds, monotonic clock), not only for one read: an engine that sends a
byte now and then cannot hold a caller for longer than it asked for.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

DEFAULT_SOCKET = "/var/run/docker.sock"
DEFAULT_TIMEOUT = 10.0


class EngineError(Exception):
    """Something went wrong with a call of the Engine API."""


class EngineUnreachable(EngineError):
    """Nothing answers on the socket: no daemon, no permission, or a connection that broke off."""


class EngineTimeout(EngineError):
    """The engine did not answer, or did not finish its answer, before the deadline."""


class EngineHTTPError(EngineError):
    """The engine answered with an HTTP error.

    :ivar status: HTTP status code.
    :ivar message: the engine's own message.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message} (HTTP {status})")
        self.status = status
        self.message = message


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, socket_path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._socket_path = socket_path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket_path)


class JsonStream:
    """The lines of a streamed JSON answer (pull progress, events), as an iterator and a context manager.

    Iteration ends when the engine ends its answer, and raises :class:`EngineTimeout` at the deadline.
    """

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        sock: socket.socket,
        response: http.client.HTTPResponse,
        deadline: float,
    ) -> None:
        self._connection = connection
        self._sock = sock
        self._response = response
        self._deadline = deadline

    def __enter__(self) -> JsonStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        buffer = b""
        while True:
            data = self.read()
            if not data:
                break
            end = data.rfind(b"\n") + 1
            if end:
                yield from _documents(buffer + data[:end])
                buffer = data[end:]
            else:
                buffer += data
        yield from _documents(buffer)

    def read(self) -> bytes:
        """The next bytes of the answer, as they come; empty at its end."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise EngineTimeout("the engine's answer was not complete in time")
        try:
            self._sock.settimeout(remaining)
            return self._response.read1(65536)
        except socket.timeout as error:
            raise EngineTimeout("the engine's answer was not complete in time") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineUnreachable(f"the engine's answer broke off: {error or type(error).__name__}") from error

    def read_all(self) -> bytes:
        """The whole rest of the answer."""
        parts: list[bytes] = []
        while True:
            data = self.read()
            if not data:
                return b"".join(parts)
            parts.append(data)

    def close(self) -> None:
        """Give the connection up; the engine stops what only this answer kept going."""
        self._response.close()
        self._connection.close()
        self._sock.close()


def _documents(text: bytes) -> Iterator[dict[str, Any]]:
    """Parse documents that follow one another, with or without white space between them."""
    decoder = json.JSONDecoder()
    rest = text.decode("utf-8", "replace").strip()
    while rest:
        try:
            document, end = decoder.raw_decode(rest)
        except ValueError as error:
            raise EngineError(f"the engine's answer is not JSON: {rest[:200]!r}") from error
        yield document
        rest = rest[end:].lstrip()


class EngineApi:
    """Calls of one engine.

    :param socket_path: the engine's unix socket.
    :param timeout: deadline of a call in seconds where the call names none.
    """

    def __init__(self, socket_path: str = DEFAULT_SOCKET, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.socket_path = socket_path
        self.timeout = timeout

    def ping(self, timeout: float | None = None) -> bool:
        """Whether an engine answers at all."""
        try:
            with self._open("GET", "/_ping", timeout=timeout) as stream:
                return b"OK" in stream.read_all()
        except EngineError:
            return False

    def get_json(self, path: str, params: Mapping[str, Any] | None = None, timeout: float | None = None) -> Any:
        """GET a document.

        :param path: for example ``/info`` or ``/images/alpine:latest/json``.
        :param params: query parameters; mappings and lists are sent as JSON, as the API wants its filters.
        :raises EngineError: unreachable, too slow, or an HTTP error (:class:`EngineHTTPError` has the status).
        """
        return self._json("GET", path, params, None, None, timeout)

    def post_json(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """POST ``body`` (sent as JSON) and return the answered document, or None for an empty answer."""
        return self._json("POST", path, params, body, headers, timeout)

    def post_stream(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> JsonStream:
        """POST and iterate over the documents of the answer while they come (``/images/create``).

        The engine reports a failure of the work itself inside the stream, as a document with ``error``.
        """
        return self._open("POST", path, params, body, headers, timeout)

    def delete(self, path: str, params: Mapping[str, Any] | None = None, timeout: float | None = None) -> Any:
        """DELETE and return the answered document, or None for an empty answer."""
        return self._json("DELETE", path, params, None, None, timeout)

    def events(
        self, filters: Mapping[str, Any], since: float | None = None, timeout: float | None = None
    ) -> JsonStream:
        """Listen to events.

        :param filters: for example ``{"type": ["daemon"], "event": ["reload"]}``.
        :param since: also replay what happened from this time on (seconds since the epoch).
        """
        params: dict[str, Any] = {"filters": filters}
        if since is not None:
            params["since"] = f"{since:.9f}"
        return self._open("GET", "/events", params, timeout=timeout)

    def _json(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Any,
        headers: Mapping[str, str] | None,
        timeout: float | None,
    ) -> Any:
        with self._open(method, path, params, body, headers, timeout) as stream:
            text = stream.read_all()
        if not text.strip():
            return None
        try:
            return json.loads(text.decode("utf-8"))
        except ValueError as error:
            raise EngineError(f"the engine's answer to {method} {path} is not JSON") from error

    def _open(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> JsonStream:
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        connection = _UnixConnection(self.socket_path, max(seconds, 0.001))
        all_headers = dict(headers or {})
        payload = None
        if body is not None:
            payload = json.dumps(body).encode("utf-8")
            all_headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, _with_query(path, params), body=payload, headers=all_headers)
            # An answer without a length takes the socket out of the connection: keep hold of it for the deadlines.
            sock = connection.sock
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            response = connection.getresponse()
        except socket.timeout as error:
            connection.close()
            raise EngineTimeout(
                f"the engine on {self.socket_path} did not answer {method} {path} within {seconds:g} seconds"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise EngineUnreachable(
                f"no engine answers on {self.socket_path}: {error or type(error).__name__}"
            ) from error
        stream = JsonStream(connection, sock, response, deadline)
        if response.status >= 400:
            with stream:
                raise EngineHTTPError(response.status, _error_message(stream.read_all(), response.reason))
        return stream


def _with_query(path: str, params: Mapping[str, Any] | None) -> str:
    if not params:
        return path
    return path + "?" + urlencode([(name, _query_text(value)) for name, value in params.items()])


def _query_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else str(value)


def _error_message(body: bytes, reason: str) -> str:
    try:
        message = json.loads(body.decode("utf-8"))["message"]
    except (ValueError, KeyError, TypeError):
        message = body.decode("utf-8", "replace").strip() or reason
    return str(message).strip()
