# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of a registry's API, against services that are right and wrong in the ways registries are."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_client import (
    RegistryClient,
    RegistryError,
    connect,
    url_problem,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_content import parse_date, parse_manifest
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import Service

from .fake_registry import FakeRegistry, basic
from .http_services import Handle, Reply, Request, registry_error, serving
from .tls import Authority

SECRET = "pa:ss wörd"
DIGEST = "sha256:" + 64 * "a"


def client_of(
    port: int, username: str = "", password: str = "", scheme: str = "http", **options: Any
) -> RegistryClient:
    parameters = {"ca_file": None, "connect_to": None, "allow_http": False, "timeout": 5.0, **options}
    url = f"{scheme}://{'localhost' if scheme == 'https' else '127.0.0.1'}:{port}"
    return connect({"url": url, "username": username, "password": password, **parameters})


def failure_of(handle: Handle, username: str = "joe") -> RegistryError:
    """The error for the tags of a repository."""
    with serving(handle) as port, pytest.raises(RegistryError) as failure:
        client_of(port, username, SECRET if username else "").tags("team/app")
    assert SECRET not in str(failure.value)
    assert basic("joe", SECRET) not in str(failure.value)
    return failure.value


# Lists.


@pytest.mark.parametrize(("repositories", "max_entries"), [(0, 1000), (3, 1000), (1000, 1000), (2001, 1000), (23, 10)])
def test_all_pages_of_the_list_of_repositories(repositories: int, max_entries: int) -> None:
    registry = FakeRegistry(max_entries=max_entries)
    names = [f"team/app{number:04}" for number in range(repositories)]
    for name in names:
        registry.push(name)
    assert list(registry.client().repositories()) == names


@pytest.mark.parametrize("major", [2, 3])
def test_tags_are_sorted_and_complete(major: int) -> None:
    registry = FakeRegistry(major)
    registry.push("team/app", *(f"t{number:04}" for number in range(1500)))
    assert registry.client().tags("team/app") == sorted(registry.stores["team/app"].tags)


def test_a_repository_that_is_not_there_or_has_no_tags() -> None:
    registry = FakeRegistry()
    registry.push("team/untagged")
    assert registry.client().tags("team/untagged") == []
    assert registry.client().tags("team/none") == []


@pytest.mark.parametrize("base", ["", "http://registry.internal:5000", "//other"])
def test_the_next_page_is_asked_where_the_first_one_came_from(base: str) -> None:
    def handle(request: Request) -> Reply:
        if "last=a" in request.query:
            return Reply(200, b'{"tags": ["b"]}')
        link = f'<{base}/v2/team/app/tags/list?last=a&n=1>; rel="next"'
        return Reply(200, b'{"tags": ["a"]}', {"Link": link})

    with serving(handle) as port:
        assert client_of(port).tags("team/app") == ["a", "b"]


def test_a_list_in_circles_ends() -> None:
    page = Reply(200, b'{"tags": ["a"]}', {"Link": '</v2/team/app/tags/list?last=a>; rel="next"'})
    failure = failure_of(lambda _request: page)
    assert failure.cause == "broken"
    assert "sends the tags of team/app in circles" in str(failure)


# Manifests and blobs.


@pytest.mark.parametrize("major", [2, 3])
def test_a_tag_is_resolved_and_read(major: int) -> None:
    registry = FakeRegistry(major)
    child = registry.push("team/app", layer=b"layer")
    index = registry.index("team/app", "multi", children=[child])
    client = registry.client()
    assert client.resolve("team/app", "multi") == index
    assert client.resolve("team/app", "none") is None
    assert client.manifest("team/app", DIGEST) is None
    assert client.blob("team/app", DIGEST) is None
    found = client.manifest("team/app", index)
    assert found is not None
    assert [entry.digest for entry in found.children] == [child]
    assert client.has_manifest("team/app", child)
    assert not client.has_manifest("team/app", DIGEST)


def test_a_registry_that_does_not_tell_the_digest() -> None:
    registry = FakeRegistry()
    digest = registry.push("team/app", "v1")

    def handle(request: Request) -> Reply:
        reply = registry(request)
        return reply._replace(headers={key: value for key, value in reply.headers.items() if "Digest" not in key})

    with serving(handle) as port:
        assert client_of(port).resolve("team/app", "v1") == digest


def test_other_bytes_than_the_digest_says() -> None:
    with serving(lambda _request: Reply(200, b"{}")) as port:
        for read in (client_of(port).manifest, client_of(port).blob):
            with pytest.raises(RegistryError, match="serves other bytes for team/app@sha256:a+ than its digest says"):
                read("team/app", DIGEST)


def test_a_digest_that_is_none_never_becomes_part_of_a_path() -> None:
    registry = FakeRegistry()
    index = registry.index("team/app", "v1", children=["../../other/manifests/v1"])
    with pytest.raises(RegistryError, match="names '../../other/manifests/v1' as the digest of a child of team/app"):
        registry.client().manifest("team/app", index)
    with pytest.raises(RegistryError, match="as the digest"):
        registry.client().delete_manifest("team/app", "sha256:abc/../x")
    assert registry.deletions() == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b'{"manifests": 1, "config": [], "layers": [1], "annotations": "x"}']
)
def test_a_manifest_of_an_unknown_kind_has_no_parts(body: bytes) -> None:
    found = parse_manifest(DIGEST, "application/vnd.docker.distribution.manifest.v1+prettyjws; charset=utf-8", body)
    assert found.media_type == "application/vnd.docker.distribution.manifest.v1+prettyjws"
    assert (found.children, found.config, found.layers, found.created) == ([], None, [], None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T00:00:00Z", 1767225600),
        ("2026-01-01T00:00:00.123456789Z", 1767225600),
        ("2026-01-01T02:30:00+02:30", 1767225600),
        ("2025-12-31T19:00:00-05:00", 1767225600),
        ("1970-01-01T00:00:01Z", None),
        ("1980-01-01T00:00:01Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1767225600, None),
    ],
)
def test_dates(text: Any, moment: int | None) -> None:
    assert parse_date(text) == moment


# Deletion.


@pytest.mark.parametrize("major", [2, 3])
def test_deletion(major: int) -> None:
    registry = FakeRegistry(major)
    digest = registry.push("team/app", "v1", "v2")
    client = registry.client()
    client.check_deletion("team/app")
    assert client.can_delete_tags("team/app") is (major == 3)
    assert registry.deletions() == []
    if major == 3:
        assert client.delete_tag("team/app", "v1")
        assert not client.delete_tag("team/app", "v1")
    else:
        with pytest.raises(RegistryError, match="asked to delete team/app:v1 and answered 400: digest_invalid"):
            client.delete_tag("team/app", "v1")
    assert client.delete_manifest("team/app", digest)
    assert not client.delete_manifest("team/app", digest)


# Authentication.


def test_basic_authentication() -> None:
    registry = FakeRegistry()
    registry.login = basic("joe", SECRET)
    registry.push("team/app", "v1")
    with serving(registry) as port:
        assert client_of(port, "joe", SECRET).tags("team/app") == ["v1"]


class TokenRegistry:
    """A registry that wants a token, on one port or with its token service elsewhere."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.registry.push("team/app", "v1", "v2")
        self.requests: list[Request] = []
        self.realm = ""
        self.answer = Reply(200, json.dumps({"access_token": "t0ken"}).encode())

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        if request.path == "/token":
            return self.answer
        if request.headers.get("authorization") != "Bearer t0ken":
            return Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{self.realm}",service="registry"'})
        return self.registry(request)


def test_a_token_is_fetched_once_for_what_is_asked() -> None:
    service = TokenRegistry()
    with serving(service) as port:
        service.realm = f"http://127.0.0.1:{port}/token?a=b"
        client = client_of(port, "joe", SECRET)
        assert client.tags("team/app") == ["v1", "v2"]
        assert client.resolve("team/app", "v1")
    tokens = [request for request in service.requests if request.path == "/token"]
    assert [request.query for request in tokens] == ["a=b&service=registry&scope=repository%3Ateam%2Fapp%3Apull"]
    assert tokens[0].headers["authorization"] == basic("joe", SECRET)


def test_no_password_for_a_token_service_that_is_not_encrypted() -> None:
    service, other = TokenRegistry(), TokenRegistry()
    with serving(service) as port, serving(other) as elsewhere:
        service.realm = f"http://127.0.0.1:{elsewhere}/token"
        with pytest.raises(RegistryError, match="which is not encrypted: refused"):
            client_of(port, "joe", SECRET).tags("team/app")
    assert other.requests == []


@pytest.mark.parametrize(
    ("answer", "cause", "message"),
    [
        (Reply(401), "unauthorized", "gives no token (status 401): check the password of joe"),
        (Reply(200, b"<html>"), "broken", "does not answer as a token service"),
        (Reply(200, b"[]"), "broken", "does not answer as a token service"),
    ],
)
def test_token_services_that_fail(answer: Reply, cause: str, message: str) -> None:
    service = TokenRegistry()
    service.answer = answer
    with serving(service) as port:
        service.realm = f"http://127.0.0.1:{port}/token"
        with pytest.raises(RegistryError) as failure:
            client_of(port, "joe", SECRET).tags("team/app")
    assert failure.value.cause == cause
    assert message in str(failure.value)


# Redirects.


class Redirecting:
    """A registry whose blobs are elsewhere."""

    def __init__(self, location: str = "") -> None:
        self.location = location
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        if "/blobs/" in request.path:
            return Reply(307, b"", {"Location": self.location})
        return Reply(200, b"")


EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_no_credentials_for_another_host() -> None:
    registry, storage = Redirecting(), Redirecting()
    with serving(registry) as port, serving(storage) as elsewhere:
        registry.location = f"http://127.0.0.1:{elsewhere}/bucket?signature=x"
        assert client_of(port, "joe", SECRET).blob("team/app", EMPTY) == b""
    assert registry.requests[0].headers["authorization"] == basic("joe", SECRET)
    assert [(request.path, request.query) for request in storage.requests] == [("/bucket", "signature=x")]
    assert "authorization" not in storage.requests[0].headers


def test_credentials_for_the_same_host_after_a_relative_redirect() -> None:
    registry = Redirecting("/elsewhere")
    with serving(registry) as port:
        client_of(port, "joe", SECRET).blob("team/app", EMPTY)
    assert registry.requests[1].path == "/elsewhere"
    assert registry.requests[1].headers["authorization"] == basic("joe", SECRET)


def test_redirects_without_end() -> None:
    with (
        serving(Redirecting("/v2/a/blobs/b")) as port,
        pytest.raises(RegistryError, match="redirects more than 5 times"),
    ):
        client_of(port).blob("team/app", EMPTY)


def test_no_redirect_from_https_to_http(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.crt").write_text(authority.certificate)
    certificate = authority.issue("localhost", ["localhost"]).write(tmp_path, "server")
    storage = Redirecting()
    with serving(storage) as elsewhere, serving(Redirecting(f"http://127.0.0.1:{elsewhere}/x"), certificate) as port:
        client = client_of(port, "joe", SECRET, "https", ca_file=str(tmp_path / "ca.crt"), connect_to="127.0.0.1")
        with pytest.raises(RegistryError, match="redirects from https to http: refused"):
            client.blob("team/app", EMPTY)
    assert storage.requests == []


def test_a_deletion_is_not_redirected() -> None:
    elsewhere = Reply(307, b"", {"Location": "/v2/other/manifests/" + DIGEST})
    requests: list[Request] = []

    def handle(request: Request) -> Reply:
        requests.append(request)
        return elsewhere

    with serving(handle) as port, pytest.raises(RegistryError, match="answered 307"):
        client_of(port).delete_manifest("team/app", DIGEST)
    assert len(requests) == 1


# What goes wrong.


@pytest.mark.parametrize(
    ("reply", "username", "cause", "message"),
    [
        (registry_error(401, "UNAUTHORIZED"), "joe", "unauthorized", "wants a login (401): check the password of joe."),
        (registry_error(401, "UNAUTHORIZED"), "", "unauthorized", "wants a login (401): set username and password."),
        (registry_error(403, "DENIED"), "joe", "forbidden", "refuses that to the user joe: denied."),
        (registry_error(403, "DENIED"), "", "forbidden", "refuses that to anybody without a login: denied."),
        (registry_error(429, "TOOMANYREQUESTS"), "joe", "rate_limited", "asked too often (429)"),
        (Reply(502, b"<html>Bad Gateway</html>"), "joe", "refused", "answered 502: status 502."),
        (registry_error(500, "UNKNOWN", {"Err": {"message": "full"}}), "joe", "refused", "answered 500: full."),
        (Reply(200, b"<html>Welcome</html>"), "joe", "broken", "it does not tell the tags of team/app"),
        (Reply(200, b'{"tags": [1]}'), "joe", "broken", "is not a registry"),
        (Reply(200, b"[]"), "joe", "broken", "is not a registry"),
    ],
)  # fmt: skip
def test_what_the_registry_answers(reply: Reply, username: str, cause: str, message: str) -> None:
    failure = failure_of(lambda _request: reply, username)
    assert failure.cause == cause
    assert message in str(failure)


def test_nothing_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(RegistryError, match=rf"http://127.0.0.1:{port} does not answer: Connection refused") as failure:
        client_of(port).tags("team/app")
    assert failure.value.cause == "unreachable"


def test_it_accepts_and_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(RegistryError, match="no answer in time"):
        client_of(server.getsockname()[1], timeout=0.1).tags("team/app")


def test_tls_with_a_private_ca(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.crt").write_text(authority.certificate)
    certificate = authority.issue("localhost", ["localhost"]).write(tmp_path, "server")
    registry = FakeRegistry()
    registry.login = basic("joe", SECRET)
    registry.push("team/app", "v1")
    with serving(registry, certificate) as port:
        trusting = client_of(port, "joe", SECRET, "https", ca_file=str(tmp_path / "ca.crt"), connect_to="127.0.0.1")
        assert trusting.tags("team/app") == ["v1"]
        with pytest.raises(RegistryError, match=r"TLS fails: .*\. Set ca_file if it has a private CA") as failure:
            client_of(port, "joe", SECRET, "https", connect_to="127.0.0.1").tags("team/app")
    assert failure.value.cause == "tls"


@pytest.mark.parametrize(
    ("url", "username", "problem"),
    [
        ("https://registry.example.com:5000/", "joe", ""),
        ("http://127.0.0.1:20500", "joe", ""),
        ("http://[::1]:20500", "joe", ""),
        ("http://registry.example.com", "", ""),
        ("http://registry.example.com", "joe", "url is not encrypted (http), so the password could be read"),
        ("registry.example.com", "", "url must be a URL such as https://registry.example.com."),
        ("https://registry.example.com:x", "", "url must be a URL"),
        ("ftp://registry.example.com", "", "url must be a URL"),
        ("https://joe:s3cret@registry.example.com", "", "url must not hold credentials"),
        ("https://registry.example.com/v2/", "", "url must end after the host and port"),
    ],
)
def test_urls(url: str, username: str, problem: str) -> None:
    found = url_problem(url, username, allow_http=False)
    assert found.startswith(problem)
    assert bool(found) == bool(problem)
    assert "s3cret" not in found


def test_a_password_over_http_where_it_is_allowed() -> None:
    assert url_problem("http://registry.example.com", "joe", allow_http=True) == ""


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"username": "joe"}, "username and password belong together"),
        ({"password": SECRET}, "username and password belong together"),
        ({"ca_file": "/nonexistent/ca.crt"}, "ca_file /nonexistent/ca.crt cannot be read on this host."),
    ],
)
def test_connections_that_cannot_be_right(options: dict[str, str], problem: str) -> None:
    with pytest.raises(RegistryError, match=problem) as failure:
        client_of(5000, **options)
    assert failure.value.cause == "input"


# The connection.


def test_one_connection_for_many_requests() -> None:
    registry = FakeRegistry()
    registry.push("team/app", *(f"v{number}" for number in range(20)))
    with serving(registry, protocol="HTTP/1.1") as port:
        service = Service(f"http://127.0.0.1:{port}", keep_open=True)
        made: list[float] = []
        connect_as_before = service.connect

        def counted(timeout: float) -> socket.socket:
            made.append(timeout)
            return connect_as_before(timeout)

        service.connect = counted  # type: ignore[method-assign]
        client = RegistryClient(service)
        for tag in client.tags("team/app"):
            client.resolve("team/app", tag)
        assert len(made) == 1
        service._open.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        assert client.resolve("team/app", "v1"), "a connection that was closed meanwhile is made again"
        assert len(made) == 2
        client.check_deletion("team/app")
        assert len(made) == 3, "a deletion is never sent twice, so it has a connection of its own"
        client.close()
