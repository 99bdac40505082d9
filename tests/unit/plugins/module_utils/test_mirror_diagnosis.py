# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diagnosis against real servers: sockets, TLS with a throw-away CA, HTTP."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_diagnosis import (
    EngineView,
    Finding,
    engine_view,
    examine,
    examine_all,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import split

from .tls import Authority, Issued

TIMEOUT = 2.0
GRAPHDRIVER = EngineView("26.1.5", [], False, [], {}, [])
CONTAINERD_26 = GRAPHDRIVER._replace(containerd_store=True)
CONTAINERD_28 = CONTAINERD_26._replace(version="28.5.2+dfsg4")


class Mirror(http.server.BaseHTTPRequestHandler):
    """Answers everything with one status and body."""

    status: ClassVar[int] = 200
    body: ClassVar[bytes] = b'{"schemaVersion": 2}'
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.headers["Host"], self.path))
        if not self.status:
            return  # hang up without an answer
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    """Says nothing about clients that refuse its certificate."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextlib.contextmanager
def mirror(
    directory: Path, issued: Issued | None = None, status: int = 200, body: bytes = Mirror.body
) -> Iterator[str]:
    """A running mirror; gives its name:port."""
    handler = type("Answer", (Mirror,), {"status": status, "body": body, "asked": []})
    with QuietServer(("127.0.0.1", 0), handler) as server:
        if issued:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*issued.write(directory, "server"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"localhost:{server.server_address[1]}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Fleet CA")


@pytest.fixture
def certs_dir(tmp_path: Path) -> Path:
    return tmp_path / "certs.d"


def trust(certs_dir: Path, name: str, text: str) -> Path:
    directory = certs_dir / name
    directory.mkdir(parents=True)
    path = directory / "dockmirror-ca.crt"
    path.write_text(text)
    return path


def look(url: str, certs_dir: Path, engine: EngineView = GRAPHDRIVER, timeout: float = TIMEOUT) -> Finding:
    return examine(url, engine, str(certs_dir), "tag", timeout)


@pytest.mark.parametrize(
    ("engine", "directory"),
    [
        (GRAPHDRIVER, None),
        (GRAPHDRIVER._replace(version="28.5.2"), None),
        (CONTAINERD_26, None),
        (CONTAINERD_28, "docker.io"),
    ],
)
def test_a_mirror_that_works(
    tmp_path: Path, certs_dir: Path, authority: Authority, engine: EngineView, directory: str | None
) -> None:
    with mirror(tmp_path, authority.issue("x", ["localhost"])) as name:
        trust(certs_dir, directory or name, authority.certificate)
        assert look(f"https://{name}/", certs_dir, engine).cause == "ok"


@pytest.mark.parametrize(
    ("engine", "directory"), [(CONTAINERD_28, None), (CONTAINERD_26, "docker.io"), (GRAPHDRIVER, "docker.io")]
)
def test_a_ca_in_the_place_of_another_engine(
    tmp_path: Path, certs_dir: Path, authority: Authority, engine: EngineView, directory: str | None
) -> None:
    with mirror(tmp_path, authority.issue("x", ["localhost"])) as name:
        trust(certs_dir, directory or name, authority.certificate)
        finding = look(f"https://{name}/", certs_dir, engine)
    assert finding.cause == "certificate_untrusted"
    assert (
        f"takes the CA from {certs_dir / engine.trust_directory(name)}, and there is no CA file there" in finding.detail
    )
    assert "onboard" in finding.remedy


def test_a_ca_that_does_not_fit(tmp_path: Path, certs_dir: Path, authority: Authority) -> None:
    with mirror(tmp_path, authority.issue("x", ["localhost"])) as name:
        trust(certs_dir, name, Authority("Other CA").certificate)
        finding = look(f"https://{name}", certs_dir)
    assert finding.cause == "certificate_untrusted"
    assert "of the CA files there (dockmirror-ca.crt) none fits" in finding.detail


def test_a_ca_file_that_is_none(tmp_path: Path, certs_dir: Path, authority: Authority) -> None:
    with mirror(tmp_path, authority.issue("x", ["localhost"])) as name:
        path = trust(certs_dir, name, "not a certificate")
        finding = look(f"https://{name}", certs_dir)
    assert finding.cause == "ca_unreadable"
    assert str(path) in finding.detail


def test_a_certificate_without_ca_may_be_its_own_anchor(tmp_path: Path, certs_dir: Path, authority: Authority) -> None:
    issued = authority.issue("x", ["localhost"])
    with mirror(tmp_path, issued) as name:
        trust(certs_dir, name, issued.certificate)
        assert look(f"https://{name}", certs_dir).cause == "ok"


@pytest.mark.parametrize(
    ("names", "first_day", "last_day", "cause", "words"),
    [
        (["localhost"], -5, -1, "certificate_expired", "expired"),
        (["localhost"], 1, 5, "certificate_not_yet_valid", "not valid yet"),
        (["other.example.com"], -5, 5, "certificate_name", "not for the name localhost"),
        ([], -5, 5, "certificate_name", "not for the name localhost"),
    ],
)
def test_bad_certificates(
    tmp_path: Path,
    certs_dir: Path,
    authority: Authority,
    names: list[str],
    first_day: int,
    last_day: int,
    cause: str,
    words: str,
) -> None:
    with mirror(tmp_path, authority.issue("localhost", names, first_day, last_day)) as name:
        trust(certs_dir, name, authority.certificate)
        finding = look(f"https://{name}", certs_dir)
    assert finding.cause == cause
    assert words in finding.detail
    assert finding.remedy


def test_an_insecure_registry_is_not_verified(tmp_path: Path, certs_dir: Path, authority: Authority) -> None:
    with mirror(tmp_path, authority.issue("x", [])) as name:
        assert look(f"https://{name}", certs_dir, GRAPHDRIVER._replace(insecure=[name])).cause == "ok"


@pytest.mark.parametrize(
    ("status", "body", "cause", "words"),
    [
        (200, b'{"schemaVersion": 2}', "ok", "answers for the probe image"),
        (200, b"<html>", "not_a_gateway", "not a gateway"),
        (302, b"", "not_a_gateway", "HTTP 302"),
        (401, b"", "unauthorized", "HTTP 401"),
        (403, b"", "forbidden", "the address 127.0.0.1 is not in its allow-list"),
        (404, b"", "no_probe", "dockmirror/probe"),
        (500, b"", "server_error", "HTTP 500"),
        (503, b"", "server_error", "HTTP 503"),
        (0, b"", "answer_broken", "breaks"),
    ],
)
def test_answers(tmp_path: Path, certs_dir: Path, status: int, body: bytes, cause: str, words: str) -> None:
    with mirror(tmp_path, status=status, body=body) as name:
        finding = look(f"http://{name}/", certs_dir)
    assert finding.cause == cause
    assert words in finding.detail


def test_what_is_asked(tmp_path: Path, certs_dir: Path) -> None:
    with QuietServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        name = f"localhost:{server.server_address[1]}"
        look(f"http://{name}/", certs_dir)
        server.shutdown()
    assert Mirror.asked == [(name, "/v2/dockmirror/probe/manifests/tag")]


def test_a_name_that_does_not_resolve(certs_dir: Path) -> None:
    finding = look("https://no-such-mirror.invalid/", certs_dir)
    assert finding.cause == "name_resolution"
    assert "the name no-such-mirror.invalid does not resolve" in finding.sentence()
    assert finding.sentence().startswith("https://no-such-mirror.invalid/: ")


def test_nothing_listens(certs_dir: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    finding = look(f"https://127.0.0.1:{port}", certs_dir)
    assert finding.cause == "connection_refused"
    assert f"127.0.0.1 port {port}" in finding.detail


@pytest.mark.parametrize(("scheme", "cause"), [("https", "tls_timeout"), ("http", "answer_timeout")])
def test_a_mirror_that_accepts_and_says_nothing(certs_dir: Path, scheme: str, cause: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert look(f"{scheme}://127.0.0.1:{server.getsockname()[1]}", certs_dir, timeout=0.3).cause == cause


def test_packets_that_are_dropped(certs_dir: Path) -> None:
    # Linux drops the SYN for a listener whose queue is full
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as stack:
        for _number in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        finding = look(f"https://127.0.0.1:{server.getsockname()[1]}", certs_dir, timeout=0.5)
    assert finding.cause == "connection_timeout"
    assert "within 0.5 seconds" in finding.detail


def test_no_tls_on_the_port(tmp_path: Path, certs_dir: Path) -> None:
    with mirror(tmp_path) as name:
        assert look(f"https://{name}", certs_dir).cause == "tls_protocol"


def test_a_url_that_is_none(certs_dir: Path) -> None:
    assert look("https://mirror:port", certs_dir).cause == "url"


def test_a_proxy_of_the_daemon_is_named(tmp_path: Path, certs_dir: Path) -> None:
    engine = GRAPHDRIVER._replace(
        proxies={"https": "http://proxy.example.com:3128", "http": "http://proxy.example.com:3128"}
    )
    finding = look("https://no-such-mirror.invalid/", certs_dir, engine)
    assert finding.cause == "name_resolution"
    assert "add no-such-mirror.invalid to NO_PROXY" in finding.remedy


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("mirror.example.com", [], False),
        ("mirror.example.com", ["*"], True),
        ("mirror.example.com", ["mirror.example.com"], True),
        ("mirror.example.com", ["mirror.example.com:443"], True),
        ("mirror.example.com", ["example.com"], True),
        ("mirror.example.com", [".example.com"], True),
        ("mirror.example.com", ["*.example.com"], True),
        ("mirror.example.com", ["ample.com"], False),
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("10.1.2.3", ["192.168.0.0/16", "10.1.2.3"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("localhost", [], True),
        ("127.0.0.1", [], True),
    ],
)
def test_no_proxy(host: str, no_proxy: list[str], direct: bool) -> None:
    engine = GRAPHDRIVER._replace(proxies={"https": "http://proxy:3128"}, no_proxy=no_proxy)
    assert (engine.proxy_for(split(f"https://{host}/")) == "") is direct


def test_several_mirrors_keep_their_order(certs_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        urls = [f"http://127.0.0.1:{silent.getsockname()[1]}", "https://no-such-mirror.invalid", "https://mirror:port"]
        findings = examine_all(urls, GRAPHDRIVER, str(certs_dir), "tag", 0.3)
    assert [finding.url for finding in findings] == urls
    assert [finding.cause for finding in findings] == ["answer_timeout", "name_resolution", "url"]


def test_engine_view_of_info() -> None:
    info = {
        "ServerVersion": "28.5.2+dfsg4",
        "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
        "HttpsProxy": "http://proxy:3128",
        "NoProxy": "localhost, .example.com",
        "RegistryConfig": {
            "Mirrors": ["https://mirror.example.com/"],
            "IndexConfigs": {"docker.io": {"Secure": True}, "old.example.com:5000": {"Secure": False}},
        },
    }
    assert engine_view(info) == EngineView(
        "28.5.2+dfsg4",
        ["https://mirror.example.com/"],
        True,
        ["old.example.com:5000"],
        {"http": "", "https": "http://proxy:3128"},
        ["localhost", ".example.com"],
    )
    assert engine_view({"RegistryConfig": {"Mirrors": None}}).mirrors == []
    assert engine_view(info).image_store == "containerd"
