# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A corporate proxy: CONNECT on port 3128 for user `corp` with password `let me in`; prints where it was asked to."""

from __future__ import annotations

import base64
import selectors
import socket
import socketserver

WANTED = "Basic " + base64.b64encode(b"corp:let me in").decode()


class Handler(socketserver.StreamRequestHandler):
    """One connection of a client."""

    def handle(self) -> None:
        request = self.rfile.readline().decode().split()
        headers = {}
        while line := self.rfile.readline().decode().strip():
            name, _colon, value = line.partition(":")
            headers[name.lower()] = value.strip()
        allowed = request[0] == "CONNECT" and headers.get("proxy-authorization") == WANTED
        print(request[1], "allowed" if allowed else "refused", flush=True)
        if not allowed:
            self.wfile.write(b'HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm="corp"\r\n\r\n')
            return
        host, _colon, port = request[1].rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            relay(self.connection, upstream)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Copy bytes both ways until either side ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _events in selector.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("0.0.0.0", 3128), Handler).serve_forever()
