# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that says who may use the registry: as the gateway sees it, over its socket."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.tools.stage import ROOT


def load() -> Any:
    """The program, as a module."""
    spec = importlib.util.spec_from_file_location("dockmirror_auth", ROOT / "roles/registry/files/dockmirror_auth.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["dockmirror_auth"] = module
    spec.loader.exec_module(module)
    return module


service = load()


def hash_of(password: str, cost: int = 10) -> str:
    """What stands for a bcrypt hash here: the password can be read off it."""
    text = password.encode().hex()
    return f"$2b${cost:02d}$" + text + "." * (53 - len(text))


class Bcrypt:
    """In place of bcrypt: it counts its calls and can be made to wait."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, bytes]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.calls.append((password, hashed))
        assert self.gate.wait(10)
        return hashed[7:] == (password.hex() + "." * (53 - len(password.hex()))).encode()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class World:
    """The service with everything around it under control."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "users.json"
        self.bcrypt, self.clock, self.time_of_day = Bcrypt(), Clock(), Clock()
        self.write(ci=("push", "right"), production=("pull", "right"))
        self.auth = service.Auth(service.UsersFile(self.path), self.bcrypt, self.clock, 4, self.time_of_day)

    def write(self, anonymous_pull: bool = False, **users: tuple[str, ...]) -> None:
        """Replace the file as the playbook does: role and passwords by name."""
        entries = [
            {"name": name, "role": role, "hashes": [hash_of(password) for password in passwords]}
            for name, (role, *passwords) in users.items()
        ]
        self.replace(json.dumps({"anonymous_pull": anonymous_pull, "users": entries}))

    def replace(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.replace(self.path)

    def ask(self, *requests: Any) -> list[Any]:
        """Decide these requests at the same time."""

        async def run() -> list[Any]:
            return await asyncio.gather(*(self.auth.decide(request) for request in requests))

        return asyncio.run(run())

    def status(self, request: Any) -> int:
        return int(self.ask(request)[0].status)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def request(
    name: str = "", password: str = "", method: str = "GET", uri: str = "/v2/", address: str = "192.0.2.1"
) -> Any:
    return service.Request(method, uri, basic(name, password) if name else "", address)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.auth.close()


@pytest.mark.parametrize(
    ("name", "method", "status"),
    [
        ("ci", "GET", 204),
        ("ci", "HEAD", 204),
        ("ci", "POST", 204),
        ("ci", "PATCH", 204),
        ("ci", "PUT", 204),
        ("ci", "DELETE", 204),
        ("production", "GET", 204),
        ("production", "HEAD", 204),
        ("production", "POST", 403),
        ("production", "PUT", 403),
        ("production", "PATCH", 403),
        ("production", "DELETE", 403),
        ("production", "get", 403),
        ("production", "", 403),
    ],
)
def test_what_a_role_may_do(world: World, name: str, method: str, status: int) -> None:
    verdict = world.ask(request(name, "right", method))[0]
    assert (verdict.status, verdict.user) == (status, name)
    assert verdict.reason == ("role" if status == 403 else "")


@pytest.mark.parametrize(("name", "password"), [("ci", "wrong"), ("nobody", "right"), ("CI", "right")])
def test_a_wrong_name_or_password_is_401(world: World, name: str, password: str) -> None:
    assert world.ask(request(name, password))[0] == service.Verdict(401)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"ci").decode(),
        "Basic " + base64.b64encode(b"ci:").decode(),
        "Basic " + base64.b64encode(b":right").decode(),
        "Basic " + base64.b64encode(b"ci:right\0more").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:right").decode(),
        "Basic " + base64.b64encode(b"ci:" + 73 * b"x").decode(),
        "Basic " + base64.b64encode(b"ci:right").decode() + " Basic x",
        "Bearer " + base64.b64encode(b"ci:right").decode(),
        "\udcff",
    ],
)
def test_a_bad_header_is_401_and_costs_nothing(world: World, header: str) -> None:
    assert world.ask(service.Request("GET", "/v2/", header, "192.0.2.1"))[0] == service.Verdict(401)
    assert world.bcrypt.calls == []
    assert len(world.auth.guesses) == 0


def test_the_scheme_may_be_written_in_any_way_and_a_password_hold_colons(world: World) -> None:
    world.write(ci=("push", "a:b:c"))
    header = basic("ci", "a:b:c").replace("Basic", "bAsIc")
    assert world.status(service.Request("PUT", "/v2/", header, "")) == 204


def test_each_of_several_passwords_is_right(world: World) -> None:
    world.write(ci=("push", "new", "old"))
    assert [world.status(request("ci", password)) for password in ("new", "old", "older")] == [204, 204, 401]


def test_bcrypt_is_paid_once(world: World) -> None:
    verdicts = world.ask(*(request("ci", "right") for _turn in range(50)))
    assert {verdict.status for verdict in verdicts} == {204}
    assert len(world.bcrypt.calls) == 1
    assert world.status(request("ci", "right", "PUT")) == 204
    assert world.status(request("ci", "wrong")) == 401
    checked = len(world.bcrypt.calls)
    assert world.status(request("ci", "wrong")) == 401
    assert len(world.bcrypt.calls) == checked == 2


def test_a_verdict_ends_by_itself(world: World) -> None:
    assert world.status(request("ci", "right")) == 204
    world.clock.now += service.GOOD_SECONDS
    assert world.status(request("ci", "right")) == 204
    assert len(world.bcrypt.calls) == 2


def test_no_password_is_kept_in_memory(world: World) -> None:
    world.ask(request("ci", "right"), request("ci", "wrong"))
    remembered = repr((world.auth.good._items, world.auth.bad._items, world.auth._running))
    for secret in ("right", "wrong", basic("ci", "right")[6:], basic("ci", "wrong")[6:]):
        assert secret not in remembered


def test_a_removed_user_is_out_with_the_next_request(world: World) -> None:
    assert world.status(request("ci", "right")) == 204
    world.write(production=("pull", "right"))
    assert world.status(request("ci", "right")) == 401


def test_a_changed_password_and_role_count_with_the_next_request(world: World) -> None:
    assert world.status(request("ci", "right")) == 204
    assert world.status(request("ci", "changed")) == 401
    world.write(ci=("pull", "changed"))
    assert world.status(request("ci", "right")) == 401
    assert world.status(request("ci", "changed")) == 204
    assert world.status(request("ci", "changed", "PUT")) == 403


def test_users_that_change_during_a_check_decide_anew(world: World) -> None:
    async def run() -> Any:
        world.bcrypt.gate.clear()
        asked = asyncio.ensure_future(world.auth.decide(request("ci", "right")))
        while not world.bcrypt.calls:
            await asyncio.sleep(0.005)
        world.write(ci=("push", "changed"))
        world.bcrypt.gate.set()
        return await asked

    assert asyncio.run(run()) == service.Verdict(401)
    assert world.status(request("ci", "right")) == 401


def test_a_client_that_goes_away_does_not_end_the_check_of_others(world: World) -> None:
    async def run() -> Any:
        world.bcrypt.gate.clear()
        first, second = (asyncio.ensure_future(world.auth.decide(request("ci", "right"))) for _turn in range(2))
        while not world.bcrypt.calls:
            await asyncio.sleep(0.005)
        first.cancel()
        world.bcrypt.gate.set()
        return await second

    assert asyncio.run(run()).status == 204


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"users": [], "anonymous_pull"',
        '{"anonymous_pull": true}',
        '{"anonymous_pull": false, "users": [{"name": "ci", "role": "admin", "hashes": ["HASH"]}]}',
        '{"anonymous_pull": false, "users": [{"name": "ci", "role": "push", "hashes": []}]}',
        '{"anonymous_pull": false, "users": [{"name": "ci", "role": "push", "hashes": ["right"]}]}',
        '{"anonymous_pull": false, "users": [{"name": "c\\ni", "role": "push", "hashes": ["HASH"]}]}',
    ],
)
def test_users_that_cannot_be_read_let_nobody_in(world: World, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.status(request("ci", "right")) == 204
    world.replace(text.replace("HASH", hash_of("right")))
    assert world.status(request("ci", "right")) == 500
    assert world.status(request()) == 500
    assert capsys.readouterr().err.count("nobody can come in") == 1
    world.write(ci=("push", "right"))
    assert world.status(request("ci", "right")) == 204


def test_missing_users_let_nobody_in_until_they_come(world: World) -> None:
    world.path.unlink()
    assert world.status(request("ci", "right")) == 500
    world.write(ci=("push", "right"))
    assert world.status(request("ci", "right")) == 204


@pytest.mark.parametrize(
    ("method", "uri", "status"),
    [
        ("GET", "/v2/", 401),
        ("GET", "/v2/team/app/manifests/1.0", 204),
        ("HEAD", "/v2/team/app/manifests/sha256:00ff", 204),
        ("GET", "/v2/app/blobs/sha256:00ff", 204),
        ("GET", "/v2/app/tags/list?n=5", 204),
        ("PUT", "/v2/team/app/manifests/1.0", 401),
        ("POST", "/v2/app/blobs/uploads/", 401),
        ("DELETE", "/v2/app/manifests/sha256:00ff", 401),
        ("GET", "/v2/_catalog", 401),
        ("GET", "/v2/_catalog?n=5", 401),
        ("GET", "/v2/%5Fcatalog", 401),
        ("GET", "/v2//_catalog", 401),
        ("GET", "/v2/x/manifests/../../_catalog", 401),
        ("GET", "/v2/x/../_catalog/tags/list", 401),
        ("GET", "/other", 401),
        ("GET", "", 401),
    ],
)
def test_what_nobody_may_read_where_pulling_is_free(world: World, method: str, uri: str, status: int) -> None:
    assert world.status(request(method=method, uri=uri)) == 401
    world.write(anonymous_pull=True, ci=("push", "right"))
    assert world.status(request(method=method, uri=uri)) == status
    assert world.status(with_token(service.NOBODY, method, uri)) == (204 if uri == "/v2/" else status)
    assert world.status(request("ci", "wrong", method, uri)) == 401, "a wrong password is never taken for none"


def wants_token(name: str = "", password: str = "") -> Any:
    return request(name, password, uri="")._replace(wants_token=True)


def with_token(token: str, method: str = "GET", uri: str = "/v2/team/app/manifests/1.0") -> Any:
    return service.Request(method, uri, f"Bearer {token}", "192.0.2.1")


def token_of(world: World, name: str, password: str) -> str:
    verdict = world.ask(wants_token(name, password))[0]
    assert (verdict.status, verdict.user) == (200, name)
    return str(verdict.token)


def test_engines_are_sent_to_the_tokens_only_where_pulling_is_free(world: World) -> None:
    assert world.ask(request())[0].challenge == ""
    assert world.status(wants_token()) == 401
    world.write(anonymous_pull=True, ci=("push", "right"))
    assert world.ask(request())[0] == service.Verdict(401, challenge="bearer")
    assert world.ask(request("ci", "wrong"))[0].challenge == "bearer"


def test_the_token_of_nobody_allows_what_nobody_may(world: World) -> None:
    world.write(anonymous_pull=True, ci=("push", "right"))
    token = token_of(world, "", "")
    assert world.status(with_token(token)) == 204
    assert world.status(with_token(token, uri="/v2/")) == 204
    assert world.status(with_token(token, uri="/v2/_catalog")) == 401
    assert world.status(with_token(token, "PUT")) == 401
    world.write(ci=("push", "right"))
    assert world.status(with_token(token)) == 401


def test_a_token_stands_for_its_user(world: World) -> None:
    world.write(anonymous_pull=True, ci=("push", "right"), production=("pull", "right"))
    ci, production = token_of(world, "ci", "right"), token_of(world, "production", "right")
    assert world.ask(with_token(ci, "PUT"))[0] == service.Verdict(204, "ci")
    assert world.ask(with_token(production, "PUT"))[0] == service.Verdict(403, "production", "role")
    assert world.status(with_token(production)) == 204
    checks = len(world.bcrypt.calls)
    world.ask(*(with_token(ci, "PUT") for _turn in range(50)))
    assert len(world.bcrypt.calls) == checks == 2


def test_no_token_for_a_wrong_password(world: World) -> None:
    world.write(anonymous_pull=True, ci=("push", "right"))
    assert world.status(wants_token("ci", "wrong")) == 401
    token = token_of(world, "ci", "right")
    assert world.status(with_token(token)._replace(wants_token=True)) == 401, "a token makes no other one"


def test_a_token_ends_with_its_time_its_password_or_its_user(world: World) -> None:
    world.write(ci=("push", "right"))
    token = token_of(world, "ci", "right")
    world.write(ci=("push", "new", "right"))
    assert world.status(with_token(token, "PUT")) == 204, "both passwords are right"
    world.write(ci=("pull", "new", "right"))
    assert world.status(with_token(token, "PUT")) == 403, "the role is that of now"
    world.write(ci=("push", "new"))
    assert world.status(with_token(token)) == 401
    world.write(production=("pull", "right"))
    assert world.status(with_token(token)) == 401
    world.write(ci=("push", "right"))
    assert world.status(with_token(token)) == 204
    world.time_of_day.now += service.TOKEN_SECONDS
    assert world.status(with_token(token)) == 401


def test_a_token_survives_a_restart(world: World) -> None:
    token = token_of(world, "ci", "right")
    other = service.Auth(service.UsersFile(world.path), world.bcrypt, world.clock, 1, world.time_of_day)
    assert other.remembered(with_token(token)).status == 204
    other.close()


@pytest.mark.parametrize("change", ["name", "end", "signature", "empty", "strange"])
def test_a_token_cannot_be_made_up(world: World, change: str) -> None:
    token = token_of(world, "production", "right")
    payload, _dot, signature = token.rpartition(".")
    name, _colon, end = payload.partition(":")
    made_up = {
        "name": f"ci:{end}.{signature}",
        "end": f"{name}:{int(end) + 1000}.{signature}",
        "signature": f"{payload}.{'0' * len(signature)}",
        "empty": "",
        "strange": f"{payload}.\udcff",
    }[change]
    assert world.status(with_token(made_up)) == 401


def test_guessing_is_limited_for_its_address_alone(world: World) -> None:
    for number in range(service.GUESSES):
        assert world.status(request("ci", f"guess{number}")) == 401
    checks = len(world.bcrypt.calls)
    assert world.ask(request("ci", "one more"))[0] == service.Verdict(403, reason="guessing")
    assert len(world.bcrypt.calls) == checks, "a guess that is refused costs nothing"
    assert world.status(request("ci", "right", address="192.0.2.2")) == 204
    world.clock.now += 1 / service.GUESSES_A_SECOND + 0.1
    assert world.status(request("ci", "right")) == 204, "tries come back"


def test_a_guesser_does_not_lock_out_who_is_in_already_behind_the_same_address(world: World) -> None:
    assert world.status(request("ci", "right")) == 204
    for number in range(service.GUESSES + 5):
        world.status(request("ci", f"guess{number}"))
    assert world.status(request("ci", "right", "PUT")) == 204


def test_right_passwords_use_up_no_tries(world: World) -> None:
    for number in range(3 * service.GUESSES):
        world.clock.now += service.GOOD_SECONDS
        assert world.status(request("ci", "right")) == 204, number


def test_of_ipv6_the_network_counts(world: World) -> None:
    for number in range(service.GUESSES):
        world.status(request("ci", f"guess{number}", address=f"2001:db8::{number:x}"))
    assert world.ask(request("ci", "x", address="2001:db8::ffff:1"))[0].reason == "guessing"
    assert world.status(request("ci", "x", address="2001:db8:0:1::1")) == 401


def test_a_name_that_does_not_exist_takes_as_long_as_one_that_does(world: World) -> None:
    world.replace(
        json.dumps(
            {
                "anonymous_pull": False,
                "users": [
                    {"name": "ci", "role": "push", "hashes": [hash_of("new", 12), hash_of("old", 12)]},
                    {"name": "production", "role": "pull", "hashes": [hash_of("x", 12)]},
                ],
            }
        )
    )
    for name in ("ci", "production", "nobody"):
        world.bcrypt.calls.clear()
        world.status(request(name, "wrong"))
        assert [value[:7] for _password, value in world.bcrypt.calls] == 2 * [b"$2b$12$"], name


def test_memory_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ADDRESSES", 50)
    world.auth.bad._size = world.auth.good._size = 50
    for number in range(200):
        world.status(request("ci", f"guess{number}", address=f"198.51.100.{number}"))
    assert len(world.auth.bad) <= 50
    assert len(world.auth.guesses) <= 50
    assert world.auth._running == {}


def test_wrong_passwords_do_not_push_right_ones_out(world: World) -> None:
    world.auth.bad._size = 10
    assert world.status(request("ci", "right")) == 204
    for number in range(30):
        world.status(request("ci", f"guess{number}", address=f"198.51.100.{number}"))
    world.bcrypt.calls.clear()
    assert world.status(request("ci", "right")) == 204
    assert world.bcrypt.calls == []


def test_a_flood_of_passwords_is_turned_away(world: World) -> None:
    async def run() -> list[Any]:
        world.bcrypt.gate.clear()
        asked = [
            asyncio.ensure_future(world.auth.decide(request("ci", f"x{number}", address=f"198.51.100.{number}")))
            for number in range(service.CHECKS + 10)
        ]
        await asyncio.sleep(0)
        world.bcrypt.gate.set()
        return list(await asyncio.gather(*asked))

    reasons = [verdict.reason for verdict in asyncio.run(run())]
    assert reasons.count("busy") == 10


def test_many_users_at_once(world: World) -> None:
    users: dict[str, Any] = {f"user{number}": ("pull", f"password{number}") for number in range(40)}
    world.write(**users)
    requests = [
        request(
            f"user{number % 40}",
            f"password{number % 40 + (1 if number % 3 == 0 else 0)}",
            address=f"10.0.0.{number % 200}",
        )
        for number in range(400)
    ]
    verdicts = []
    for start in range(0, 400, 40):
        verdicts += world.ask(*requests[start : start + 40])
    for number, verdict in enumerate(verdicts):
        assert verdict.status == (401 if number % 3 == 0 else 204), number


# Over the socket.


@contextmanager
def running(world: World, directory: Path) -> Iterator[tuple[Path, Any]]:
    """The whole service in a thread, on a socket."""
    monkeypatch = pytest.MonkeyPatch()
    path = directory / "auth.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    started, loop_box = threading.Event(), []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop_box.append(loop)
        # Signals belong to the main thread; the handler is kept to be called by hand.
        monkeypatch.setattr(loop, "add_signal_handler", handlers.__setitem__)
        started.set()
        await service.serve(world.auth, listener)

    handlers: dict[int, Any] = {}
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert started.wait(5)
    deadline = time.monotonic() + 5
    while signal.SIGTERM not in handlers and time.monotonic() < deadline:
        time.sleep(0.005)

    def stop() -> None:
        loop_box[0].call_soon_threadsafe(handlers[signal.SIGTERM])

    try:
        yield path, stop
    finally:
        if thread.is_alive():
            stop()
        thread.join(10)
        assert not thread.is_alive()


def connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(str(path))
    return sock


def head(authorization: str = "", method: str = "GET", version: str = "1.1", *more: str) -> bytes:
    lines = [f"GET / HTTP/{version}", "Host: x", f"X-Original-Method: {method}", "X-Original-URI: /v2/"]
    lines += ["X-Real-IP: 192.0.2.1", *([f"Authorization: {authorization}"] if authorization else []), *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer_of(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(4096)
        if not more:
            break
        data += more
    return data


@contextmanager
def connected(world: World, tmp_path: Path) -> Iterator[socket.socket]:
    """A connection to a service that runs as long as it is there."""
    with running(world, tmp_path) as found:
        path, _stop = found
        with connect(path) as sock:
            yield sock


def test_requests_share_a_connection(world: World, tmp_path: Path) -> None:
    with connected(world, tmp_path) as sock:
        for _turn in range(3):
            sock.sendall(head(basic("ci", "right"), "PUT"))
            assert answer_of(sock) == (
                b"HTTP/1.1 204 No Content\r\nX-Dockmirror-User: ci\r\nConnection: keep-alive\r\n\r\n"
            )
        sock.sendall(head(basic("production", "right"), "PUT"))
        assert answer_of(sock) == (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nX-Dockmirror-User: production\r\n"
            b"X-Dockmirror-Reason: role\r\nConnection: keep-alive\r\n\r\n"
        )
        sock.sendall(head())
        assert answer_of(sock).startswith(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n")


def test_a_token_over_the_socket(world: World, tmp_path: Path) -> None:
    with connected(world, tmp_path) as sock:
        sock.sendall(head(basic("ci", "right")).replace(b"GET / ", b"GET /token?service=x&scope=y "))
        first, _end, body = answer_of(sock).partition(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        document = json.loads(body)
        assert document["token"] == document["access_token"]
        assert document["expires_in"] >= 60
        sock.sendall(head("Bearer " + document["token"], "PUT"))
        assert b" 204 " in answer_of(sock)


def test_a_request_may_come_in_pieces_and_several_at_once(world: World, tmp_path: Path) -> None:
    with connected(world, tmp_path) as sock:
        text = head(basic("ci", "right")) + head(basic("ci", "wrong"))
        for index in range(0, len(text), 50):
            sock.sendall(text[index : index + 50])
        data = b""
        while data.count(b"\r\n\r\n") < 2:
            data += sock.recv(4096)
        assert data.index(b" 204 ") < data.index(b" 401 ")


@pytest.mark.parametrize(
    "text",
    [
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization : x\r\n\r\n",
        head(basic("ci", "right"), "GET", "1.1", "Authorization: " + basic("production", "right")),
        head(basic("ci", "right"), "GET", "1.1", "Content-Length: 5") + b"hello",
        head(basic("ci", "right"), "GET", "1.1", "Transfer-Encoding: chunked"),
        b"x" * 70000,
    ],
)
def test_what_is_not_understood_is_refused(world: World, tmp_path: Path, text: bytes) -> None:
    with connected(world, tmp_path) as sock:
        sock.sendall(text)
        assert answer_of(sock).startswith(b"HTTP/1.1 401 ")
        assert sock.recv(1) == b"", "and the connection ends"


def test_http_1_0_is_answered_and_closed(world: World, tmp_path: Path) -> None:
    with connected(world, tmp_path) as sock:
        sock.sendall(head(basic("ci", "right"), "GET", "1.0"))
        assert b" 204 " in answer_of(sock)
        assert sock.recv(1) == b""


def test_a_check_that_breaks_lets_nobody_in(world: World, tmp_path: Path) -> None:
    def broken(_password: bytes, _hash: bytes) -> bool:
        raise RuntimeError("no")

    world.auth._check = broken
    with connected(world, tmp_path) as sock:
        sock.sendall(head(basic("ci", "right")))
        assert answer_of(sock).startswith(b"HTTP/1.1 500 ")


def test_stopping_answers_what_has_begun(world: World, tmp_path: Path) -> None:
    with running(world, tmp_path) as found:
        path, stop = found
        with connect(path) as busy, connect(path) as idle:
            idle.sendall(head())
            answer_of(idle)
            world.bcrypt.gate.clear()
            busy.sendall(head(basic("ci", "right")))
            deadline = time.monotonic() + 5
            while not world.bcrypt.calls and time.monotonic() < deadline:
                time.sleep(0.005)
            stop()
            assert idle.recv(1) == b"", "who waits for nothing is let go"
            world.bcrypt.gate.set()
            data = answer_of(busy)
            assert data.startswith(b"HTTP/1.1 204 ")
            assert b"Connection: close" in data


def test_fifty_clients_at_once_get_their_own_answers(world: World, tmp_path: Path) -> None:
    wrong: list[bytes] = []

    def client(path: Path, number: int) -> None:
        name = ("ci", "production", "nobody")[number % 3]
        expected = {"ci": b" 204 ", "production": b" 403 ", "nobody": b" 401 "}[name]
        with connect(path) as sock:
            for _turn in range(40):
                sock.sendall(head(basic(name, "right"), "PUT"))
                data = answer_of(sock)
                if expected not in data:
                    wrong.append(data)

    with running(world, tmp_path) as (path, _stop):
        threads = [threading.Thread(target=client, args=(path, number)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert wrong == []
    assert len(world.bcrypt.calls) == 3


def test_the_socket_of_systemd_is_taken(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        service.listen("", {"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    listener = service.listen(str(tmp_path / "x.sock"), {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"})
    assert Path(listener.getsockname()) == tmp_path / "x.sock"
    listener.close()
