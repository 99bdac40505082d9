# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP services for tests that behave as registries do, right or wrong."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What was asked."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""


class Reply(NamedTuple):
    """What is answered."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


Handle = Callable[[Request], Reply]


def registry_error(status: int, code: str, detail: Any = None) -> Reply:
    """An error in the registry's own form."""
    return Reply(status, json.dumps({"errors": [{"code": code, "message": code.lower(), "detail": detail}]}).encode())


@contextlib.contextmanager
def serving(handle: Handle, certificate: tuple[Path, Path] | None = None, protocol: str = "HTTP/1.0") -> Iterator[int]:
    """Serve on loopback until the block ends; gives the port. With a certificate and key, over TLS.

    The protocol decides whether connections stay open: those of HTTP/1.0 do not.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = protocol

        def answer(self) -> None:
            path, _mark, query = self.path.partition("?")
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            reply = handle(Request(self.command, path, query, headers, body))
            self.send_response(reply.status)
            for key, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
