# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits: what upstreams tell, to whom, and what the logs of the instances tell."""

from __future__ import annotations

import base64
import json
import socket
import threading
from pathlib import Path

import pytest

from mirror_upkeep import limits, state
from mirror_upkeep.errors import UpkeepError
from mirror_upkeep.limits import Limit, parse, refusals, update
from mirror_upkeep.settings import Settings, Upstream
from mirror_upkeep.upstream import head_manifest

from .conftest import Registry

PATH = "/v2/team/app/manifests/1"
HEADERS = {
    "ratelimit-limit": "100;w=21600",
    "ratelimit-remaining": "76;w=21600",
    "docker-ratelimit-source": "192.0.2.7",
}


def test_a_limit_is_asked_for_by_a_head(registry: Registry, upstream: Upstream) -> None:
    registry.put(PATH, b"{}", HEADERS)
    assert parse(head_manifest(upstream)) == Limit(100, 76, 21600, "192.0.2.7")
    assert [method for method, _path, _authorization in registry.asked] == ["HEAD"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Limit()),
        ({"ratelimit-remaining": "5"}, Limit(remaining=5)),
        ({"ratelimit-limit": "unlimited", "ratelimit-remaining": ""}, Limit()),
        ({"ratelimit-limit": "200 ; w=3600", "ratelimit-remaining": "0;w=3600"}, Limit(200, 0, 3600)),
    ],
)
def test_what_upstreams_tell(registry: Registry, upstream: Upstream, headers: dict[str, str], expected: Limit) -> None:
    registry.put(PATH, b"{}", headers)
    assert parse(head_manifest(upstream)) == expected


def test_a_429_means_that_nothing_remains(registry: Registry, upstream: Upstream) -> None:
    registry.put(PATH, b"{}", {"ratelimit-limit": "100;w=21600"}, status=429)
    assert parse(head_manifest(upstream)).percent() == 0


@pytest.mark.parametrize("user", ["", "fleet"])
def test_a_token_is_fetched_with_the_credentials_of_the_instance(
    registry: Registry, upstream: Upstream, user: str
) -> None:
    realm = f"http://127.0.0.1:{registry.port}/token"
    challenge = f'Bearer realm="{realm}",service="registry.docker.io",scope="repository:team/app:pull"'
    registry.put(PATH, b"", {"WWW-Authenticate": challenge}, status=401)
    registry.put("/token", json.dumps({"token": "secret-token"}).encode())
    registry.answers[f"{PATH} Bearer secret-token"] = (200, HEADERS, b"")
    if user:
        upstream.credentials_file.write_text(json.dumps({"ServerURL": "", "Username": user, "Secret": "pa:ss"}))
    assert parse(head_manifest(upstream)).remaining == 76
    asked = {path.partition("?")[0]: authorization for _method, path, authorization in registry.asked}
    basic = "Basic " + base64.b64encode(b"fleet:pa:ss").decode() if user else ""
    assert asked == {PATH: "Bearer secret-token", "/token": basic}
    query = next(path for path in registry.paths() if path.startswith("/token"))
    assert "service=registry.docker.io&scope=repository%3Ateam%2Fapp%3Apull" in query


def test_a_token_service_that_refuses(registry: Registry, upstream: Upstream) -> None:
    realm = f"http://127.0.0.1:{registry.port}/token"
    registry.put(PATH, b"", {"WWW-Authenticate": f'Bearer realm="{realm}",service="a"'}, status=401)
    registry.put("/token", b"", status=401)
    upstream.credentials_file.write_text(json.dumps({"Username": "fleet", "Secret": "wrong-secret"}))
    with pytest.raises(UpkeepError, match="answers 401 to these credentials") as caught:
        head_manifest(upstream)
    assert "wrong-secret" not in str(caught.value)


def test_credentials_go_to_no_token_service_without_tls(registry: Registry, upstream: Upstream) -> None:
    challenge = f'Bearer realm="http://localhost:{registry.port}/token",service="a"'
    registry.put(PATH, b"", {"WWW-Authenticate": challenge}, status=401)
    upstream.credentials_file.write_text(json.dumps({"Username": "fleet", "Secret": "secret"}))
    with pytest.raises(UpkeepError, match="which is not encrypted: refused"):
        head_manifest(upstream)
    assert registry.paths() == [PATH]


def test_an_upstream_that_talks_something_else_is_an_entry_with_an_error(upstream: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_say_hello, args=(server,), daemon=True).start()
        with pytest.raises(UpkeepError, match="does not answer"):
            head_manifest(upstream._replace(url=f"http://127.0.0.1:{server.getsockname()[1]}"))


def _say_hello(server: socket.socket) -> None:
    connection, _address = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"220 mail.example.com ESMTP\r\n")


def test_an_upstream_that_is_down_is_an_entry_with_an_error(settings: Settings) -> None:
    down = settings.upstreams[0]._replace(url="http://127.0.0.1:1")
    found = update(settings._replace(upstreams=[down]), read_log=lambda *_arguments: "")
    assert found["docker.io"]["remaining"] is None
    assert "http://127.0.0.1:1 does not answer: " in found["docker.io"]["error"]
    assert limits.remaining_percent(down) is None


def test_a_proxy_is_used_unless_the_upstream_is_among_its_exceptions(registry: Registry, upstream: Upstream) -> None:
    other = upstream._replace(
        url="http://registry.example.com", environment={"HTTP_PROXY": f"http://127.0.0.1:{registry.port}"}
    )
    registry.put(f"http://registry.example.com{PATH}", b"{}", HEADERS)
    assert parse(head_manifest(other)).remaining == 76
    registry.put(PATH, b"{}", HEADERS)
    excepted = upstream._replace(environment={"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"})
    assert parse(head_manifest(excepted)).remaining == 76


def test_an_upstream_without_a_known_repository_is_not_asked(registry: Registry, settings: Settings) -> None:
    nameless = settings.upstreams[0]._replace(repository="")
    found = update(settings._replace(upstreams=[nameless]), read_log=lambda *_arguments: "")
    assert found["docker.io"]["error"] is None
    assert registry.asked == []
    assert limits.remaining_percent(nameless) is None


def test_refusals_add_up_over_the_looks(registry: Registry, settings: Settings) -> None:
    registry.put(PATH, b"{}", HEADERS)
    seen: list[tuple[float, float]] = []

    def read_log(container: str, since: float, until: float) -> str:
        assert container == "dockmirror-mirror-docker-io"
        seen.append((since, until))
        return "level=error msg=unexpected HTTP status: 429 Too Many Requests\nother\n"

    first = update(settings, read_log=read_log)["docker.io"]
    assert (first["refused"], first["refused_last"]) == (0, None), "what was before the first look is not known"
    second = update(settings, read_log=read_log)["docker.io"]
    assert second["refused"] == 1
    last = update(settings, read_log=lambda *_arguments: "")["docker.io"]
    assert last["refused"] == 1
    assert last["refused_last"]
    assert seen == [(first["log_read_until"], second["log_read_until"])], "each line is counted once"
    assert state.load(settings.state_dir / limits.FILE)["docker.io"] == last


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ("unexpected HTTP status: 429 Too Many Requests", 1),
        ("toomanyrequests: You have reached your pull rate limit.", 1),
        ("sha256:4290000000000000 not found", 0),
        ("http.response.status=404", 0),
        ('error parsing HTTP 429 response body: invalid character: "<html>"', 1),
        ('{\\"errors\\":[{\\"status\\":429}]}', 1),
        ("http.request.uri=/v2/jenkins/jenkins/manifests/2.429 vars.reference=2.429 manifest unknown", 0),
        ("http.request.uri=/v2/org/app/manifests/429 vars.reference=429 manifest unknown", 0),
        ("unknown manifest name=org/app tag=429.1-slim", 0),
    ],
)
def test_lines_that_tell_of_a_refusal(line: str, counted: int) -> None:
    assert refusals(line) == counted


def test_a_file_that_is_broken_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "limits.json").write_text("{")
    assert state.load(tmp_path / "limits.json") == {}
    (tmp_path / "limits.json").write_text("[]")
    assert state.load(tmp_path / "limits.json") == {}
