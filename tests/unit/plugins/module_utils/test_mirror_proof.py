# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulling the probe image from a scripted engine on a real socket, and judging what came of it."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import EngineApi, EngineUnreachable
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_diagnosis import EngineView
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_proof import Pull, Verdict, judge, pull_probe

A = "https://a.mirror.invalid/"
B = "https://b.mirror.invalid/"
NAMES = ["a.mirror.invalid", "b.mirror.invalid"]
HUB_ERROR = 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host'


class Engine(BaseHTTPRequestHandler):
    """The three calls of the Engine API that a proof needs."""

    progress: ClassVar[list[dict[str, Any]]] = []
    labels: ClassVar[dict[str, str] | None] = None
    calls: ClassVar[list[str]] = []

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, *documents: Any) -> None:
        self.calls.append(f"{self.command} {urlsplit(self.path).path}")
        body = "".join(json.dumps(document) + "\r\n" for document in documents).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        assert parse_qs(urlsplit(self.path).query) == {"fromImage": ["dockmirror/probe"], "tag": ["nonce"]}
        self.answer(200, *self.progress)

    def do_GET(self) -> None:
        self.answer(200, {"Config": {"Labels": self.labels}})

    def do_DELETE(self) -> None:
        if any("error" in step for step in self.progress):
            self.answer(404, {"message": "No such image"})
        else:
            self.answer(200, [{"Untagged": "dockmirror/probe:nonce"}])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[type[Engine]]:
    handler = type("Scripted", (Engine,), {"progress": [{"status": "Downloaded"}], "labels": None, "calls": []})
    with socketserver.UnixStreamServer(str(tmp_path / "docker.sock"), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield handler
        server.shutdown()


def pull(tmp_path: Path) -> Pull:
    return pull_probe(EngineApi(str(tmp_path / "docker.sock")), "nonce", 5)


def test_a_pull_that_works_reads_the_label_and_leaves_nothing(tmp_path: Path, engine: type[Engine]) -> None:
    engine.labels = {"io.dockmirror.served-by": NAMES[0]}
    result = pull(tmp_path)
    assert (result.served_by, result.error) == (NAMES[0], "")
    assert engine.calls == [
        "POST /images/create",
        "GET /images/dockmirror/probe:nonce/json",
        "DELETE /images/dockmirror/probe:nonce",
    ]


def test_an_image_without_the_label(tmp_path: Path, engine: type[Engine]) -> None:
    result = pull(tmp_path)
    assert (result.served_by, result.error) == (None, "")
    assert "DELETE /images/dockmirror/probe:nonce" in engine.calls


def test_a_pull_that_fails(tmp_path: Path, engine: type[Engine]) -> None:
    engine.progress = [{"status": "Pulling"}, {"error": HUB_ERROR, "errorDetail": {"message": HUB_ERROR}}]
    result = pull(tmp_path)
    assert (result.served_by, result.error) == (None, HUB_ERROR)


def test_no_engine_is_not_a_verdict_on_mirrors(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable):
        pull(tmp_path)


def verdict(
    served_by: str | None, running: list[str], wanted: list[str], expected: list[str], error: str = ""
) -> Verdict:
    view = EngineView("26.1.5", running, False, [], {}, [])
    return judge(Pull(served_by, error, 42), view, wanted, expected, "/nonexistent", "nonce", 2)


def test_proven_by_the_first_mirror() -> None:
    result = verdict(NAMES[0], [A, B], [A, B], NAMES)
    assert (result.cause, result.warning, result.findings) == ("ok", "", [])
    assert result.message == "a.mirror.invalid served the probe image in 42 ms."


def test_proven_by_the_second_mirror_warns_why_the_first_did_not_answer() -> None:
    result = verdict(NAMES[1], [A, B], ["https://a.mirror.invalid", "https://b.mirror.invalid"], NAMES)
    assert result.cause == "ok"
    assert "b.mirror.invalid answered, although it is not the first mirror of this host." in result.warning
    assert "the name a.mirror.invalid does not resolve" in result.warning


def test_a_mirror_that_goes_by_another_name_than_its_url_is_no_reason_to_warn() -> None:
    assert verdict("mirror1", [A, B], [A, B], ["mirror1"]).warning == ""


def test_any_mirror_is_good_where_none_is_expected() -> None:
    assert verdict("mirror9", [A], [], []).cause == "ok"


def test_a_mirror_outside_of_the_inventory() -> None:
    result = verdict("mirror9", [A], [A], NAMES)
    assert result.cause == "foreign_mirror"
    assert "came from mirror9, which is not a mirror of the inventory (a.mirror.invalid, b.mirror" in result.message


def test_no_mirror_in_the_running_daemon() -> None:
    result = verdict(None, [], [A], NAMES, HUB_ERROR)
    assert result.cause == "no_mirror"
    assert "no registry mirror" in result.message
    assert "Run the onboard playbook" in result.message


def test_other_mirrors_than_wanted() -> None:
    result = verdict(None, [B], ["https://a.mirror.invalid"], NAMES, HUB_ERROR)
    assert result.cause == "other_mirrors"
    assert "has other mirrors (https://b.mirror.invalid) than the inventory asks for (https://a.mirr" in result.message
    assert "the name b.mirror.invalid does not resolve" in result.message


def test_every_mirror_that_fails_is_named() -> None:
    result = verdict(None, [A, B], [A, B], NAMES, HUB_ERROR)
    assert result.cause == "name_resolution"
    assert all(f"the name {name} does not resolve" in result.message for name in NAMES)
    assert HUB_ERROR not in result.message, "the engine's error is about Docker Hub and would mislead"
