# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Engine API client against a real HTTP server on a real unix socket (the answers are scripted)."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import (
    EngineApi,
    EngineHTTPError,
    EngineTimeout,
    EngineUnreachable,
)

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers by path; remembers what was asked."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict[str, Answer]] = {}
    asked: ClassVar[list[dict[str, Any]]] = []

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_args: Any) -> None:
        """Keep the test output clean."""

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        Handler.asked.append(
            {
                "method": self.command,
                "path": parts.path,
                "query": {k: v[0] for k, v in parse_qs(parts.query).items()},
                "body": self.rfile.read(length),
                "headers": dict(self.headers),
            }
        )
        Handler.answers[parts.path](self)

    do_GET = do_POST = do_DELETE = handle_any

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunks(self, parts: list[bytes], pause: float = 0, finish: bool = True) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
            time.sleep(pause)
        if finish:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineApi]:
    path = str(tmp_path / "docker.sock")
    Handler.answers, Handler.asked = {}, []
    with Server(path, Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield EngineApi(path, timeout=5)
        server.shutdown()


def test_get_json_sends_the_query_the_way_the_api_wants_it(engine: EngineApi) -> None:
    Handler.answers["/images/json"] = lambda h: h.answer(200, b'[{"Id": "x"}]')
    assert engine.get_json("/images/json", {"all": True, "filters": {"label": ["a=b"]}}) == [{"Id": "x"}]
    assert Handler.asked[0]["query"] == {"all": "true", "filters": '{"label": ["a=b"]}'}


def test_post_json_sends_a_json_body_and_headers(engine: EngineApi) -> None:
    Handler.answers["/auth"] = lambda h: h.answer(204, b"")
    assert engine.post_json("/auth", body={"a": 1}, headers={"X-Registry-Auth": "e30="}) is None
    assert json.loads(Handler.asked[0]["body"]) == {"a": 1}
    assert Handler.asked[0]["headers"]["Content-Type"] == "application/json"
    assert Handler.asked[0]["headers"]["X-Registry-Auth"] == "e30="


def test_delete(engine: EngineApi) -> None:
    Handler.answers["/images/x"] = lambda h: h.answer(200, b'[{"Deleted": "sha256:1"}]')
    assert engine.delete("/images/x", {"force": False}) == [{"Deleted": "sha256:1"}]
    assert (Handler.asked[0]["method"], Handler.asked[0]["query"]) == ("DELETE", {"force": "false"})


def test_an_http_error_carries_status_and_the_engines_message(engine: EngineApi) -> None:
    Handler.answers["/images/x/json"] = lambda h: h.answer(404, b'{"message": "No such image: x"}')
    with pytest.raises(EngineHTTPError, match="No such image: x") as caught:
        engine.get_json("/images/x/json")
    assert caught.value.status == 404


def test_an_http_error_that_is_not_json_is_shown_as_it_is(engine: EngineApi) -> None:
    Handler.answers["/info"] = lambda h: h.answer(500, b"something odd\n")
    with pytest.raises(EngineHTTPError, match="something odd"):
        engine.get_json("/info")


def test_a_stream_yields_documents_split_and_joined_in_any_way(engine: EngineApi) -> None:
    parts = [b'{"status": "Pulling"}\r\n{"sta', b'tus": "a"}\n{"status": "b"}{"status": "c"}\n', b'{"error": "no"}']
    Handler.answers["/images/create"] = lambda h: h.chunks(parts)
    with engine.post_stream("/images/create") as stream:
        documents = list(stream)
    assert documents == [{"status": "Pulling"}, {"status": "a"}, {"status": "b"}, {"status": "c"}, {"error": "no"}]


def test_an_answer_without_length_or_chunks_ends_with_the_connection(engine: EngineApi) -> None:
    def old_style(h: Handler) -> None:
        h.send_response(200)
        h.send_header("Connection", "close")
        h.end_headers()
        h.wfile.write(b'{"a": 1}')
        h.close_connection = True

    Handler.answers["/info"] = old_style
    assert engine.get_json("/info") == {"a": 1}


def test_an_event_is_seen_as_soon_as_it_comes(engine: EngineApi) -> None:
    Handler.answers["/events"] = lambda h: h.chunks([b'{"Action": "reload"}\n', b"\n"], pause=3)
    start = time.monotonic()
    with engine.events({"type": ["daemon"]}, since=12.5) as stream:
        assert next(iter(stream)) == {"Action": "reload"}
    assert time.monotonic() - start < 2
    assert Handler.asked[0]["query"] == {"filters": '{"type": ["daemon"]}', "since": "12.500000000"}


def test_the_deadline_covers_the_whole_answer_even_when_bytes_keep_coming(engine: EngineApi) -> None:
    Handler.answers["/events"] = lambda h: h.chunks([b'{"n": 1}\n'] * 40, pause=0.05)
    start = time.monotonic()
    with pytest.raises(EngineTimeout), engine.events({}, timeout=0.3) as stream:
        list(stream)
    assert time.monotonic() - start < 1.5


def test_an_engine_that_accepts_and_never_answers_is_a_timeout(engine: EngineApi) -> None:
    Handler.answers["/info"] = lambda h: time.sleep(2)
    with pytest.raises(EngineTimeout, match="did not answer GET /info within 0.2 seconds"):
        engine.get_json("/info", timeout=0.2)
    assert engine.ping(timeout=0.01) is False


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(engine: EngineApi) -> None:
    Handler.answers["/images/create"] = lambda h: h.chunks([b'{"status": "a"}\n'], finish=False)
    with pytest.raises(EngineUnreachable, match="broke off"), engine.post_stream("/images/create") as stream:
        list(stream)


def test_no_socket_is_unreachable_and_named(tmp_path: Path) -> None:
    engine = EngineApi(str(tmp_path / "none.sock"))
    with pytest.raises(EngineUnreachable, match="none.sock"):
        engine.get_json("/info")
    assert engine.ping() is False


def test_ping(engine: EngineApi) -> None:
    Handler.answers["/_ping"] = lambda h: h.answer(200, b"OK")
    assert engine.ping() is True
