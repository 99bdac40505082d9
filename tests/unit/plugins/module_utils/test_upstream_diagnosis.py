# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a mirror cannot serve, found out from upstreams that fail in their ways."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import ACCEPT, ProbeError
from ansible_collections.dockmirror.fleet.plugins.module_utils.upstream_diagnosis import Upstream, diagnose_upstream

from .http_services import Handle, Reply, Request, serving
from .tls import Authority

REPOSITORY = "library/alpine"
BASIC = "Basic " + base64.b64encode(b"joe:pa:ss").decode()


class Hub:
    """A registry that wants a bearer token, and its token service."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.token = Reply(200, json.dumps({"token": "t0ken"}).encode())
        self.manifest = Reply(200, b"{}")
        self.port = 0

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        if request.path == "/token":
            return self.token
        if request.headers.get("authorization") != "Bearer t0ken":
            realm = f"http://127.0.0.1:{self.port}/token"
            return Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}",service="hub"'})
        return self.manifest if request.headers["accept"] == ACCEPT else Reply(404)


def examine(hub: Hub, username: str = "", password: str = "") -> ProbeError | None:
    with serving(hub) as port:
        hub.port = port
        return diagnose_upstream(Upstream(f"http://127.0.0.1:{port}", username, password), REPOSITORY, "latest")


def cause(found: ProbeError | None) -> str:
    assert found is not None
    return found.cause


def test_an_upstream_in_order() -> None:
    hub = Hub()
    assert examine(hub) is None
    token = hub.requests[1]
    assert token.query == "service=hub&scope=repository%3Alibrary%2Falpine%3Apull"
    assert "authorization" not in token.headers


def test_credentials_go_to_the_token_service_only() -> None:
    hub = Hub()
    assert examine(hub, "joe", "pa:ss") is None
    assert [request.headers.get("authorization") for request in hub.requests] == [None, BASIC, "Bearer t0ken"]


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [(429, "upstream_rate_limit"), (503, "upstream_error"), (403, "upstream_auth"), (404, "upstream_missing")],
)
def test_what_the_upstream_answers(manifest: int, expected: str) -> None:
    hub = Hub()
    hub.manifest = Reply(manifest)
    assert cause(examine(hub)) == expected


@pytest.mark.parametrize(
    ("token", "expected"),
    [(401, "upstream_auth"), (403, "upstream_auth"), (429, "upstream_rate_limit"), (500, "upstream_error")],
)
def test_what_the_token_service_answers(token: int, expected: str) -> None:
    hub = Hub()
    hub.token = Reply(token)
    assert cause(examine(hub)) == expected


def test_the_message_says_which_credentials_were_tried() -> None:
    hub = Hub()
    hub.token = Reply(401)
    assert "for the user joe: check username and password" in str(examine(hub, "joe", "s3cret"))
    assert "without credentials: set username and password" in str(examine(hub))
    assert "s3cret" not in str(examine(hub, "joe", "s3cret"))


def test_basic_authentication() -> None:
    def handle(request: Request) -> Reply:
        if request.headers.get("authorization") == BASIC:
            return Reply(200)
        return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="registry"'})

    with serving(handle) as port:
        url = f"http://127.0.0.1:{port}"
        assert diagnose_upstream(Upstream(url, "joe", "pa:ss"), REPOSITORY, "latest") is None
        assert cause(diagnose_upstream(Upstream(url), REPOSITORY, "latest")) == "upstream_auth"


def test_nothing_listens() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    found = diagnose_upstream(Upstream(f"http://127.0.0.1:{port}"), REPOSITORY, "latest")
    assert cause(found) == "upstream_unreachable"
    assert "Connection refused" in str(found)


def test_a_name_that_does_not_exist() -> None:
    found = diagnose_upstream(Upstream("https://registry.invalid"), REPOSITORY, "latest")
    assert cause(found) == "upstream_unreachable"


def ok(_request: Request) -> Reply:
    return Reply(200)


def test_a_private_ca(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.crt").write_text(authority.certificate)
    with serving(ok, authority.issue("localhost", ["localhost"]).write(tmp_path, "server")) as port:
        url = f"https://localhost:{port}"
        found = diagnose_upstream(Upstream(url), REPOSITORY, "latest")
        assert cause(found) == "upstream_untrusted"
        assert "Set ca_file" in str(found)
        assert diagnose_upstream(Upstream(url, ca_file=str(tmp_path / "ca.crt")), REPOSITORY, "latest") is None


@pytest.mark.parametrize(
    ("no_proxy", "proxied"),
    [("", True), ("other.test", True), ("127.0.0.1", False), ("*", False), (".0.0.1, x.test", False)],
)
def test_the_proxy_is_used_unless_the_name_is_excluded(no_proxy: str, proxied: bool) -> None:
    asked: list[str] = []

    def recording(name: str) -> Handle:
        def handle(_request: Request) -> Reply:
            asked.append(name)
            return Reply(200)

        return handle

    with serving(recording("proxy")) as proxy, serving(recording("upstream")) as port:
        upstream = Upstream(f"http://127.0.0.1:{port}", http_proxy=f"http://127.0.0.1:{proxy}", no_proxy=no_proxy)
        assert diagnose_upstream(upstream, REPOSITORY, "latest") is None
    assert set(asked) == {"proxy" if proxied else "upstream"}
