# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says who may use the registry: the other side of Nginx's ``auth_request``, on a unix socket.

A request carries the client's ``Authorization`` and what the gateway says about it: ``X-Original-Method``,
``X-Original-URI`` and ``X-Real-IP``. The answer is 204 (go on), 401 (say who you are), 403 (not you) or 500 (the users
cannot be read); ``X-Dockmirror-User`` names the user, ``X-Dockmirror-Reason`` says why not: ``role``, ``guessing`` or
``busy``.

A password is checked by bcrypt once and the verdict remembered for some minutes, in memory, under a keyed hash of the
credentials. All verdicts go as soon as the file with the users is replaced, so that a removed user is out with the very
next request.

Where pulling is free, engines must be told to log in for a push all the same, and no engine can be told so with
``Basic``. So they are sent to ``/token`` (``X-Dockmirror-Challenge: bearer``), where whoever has a password gets a
token in his name and everybody else one in nobody's. A token is signed with the hash of the password that was right: it
ends with that password or with its time, and a restart does not end it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import hmac
import ipaddress
import json
import os
import re
import secrets
import signal
import socket
import sys
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple

GOOD_SECONDS = 300.0
"""How long a password that was right needs no second check."""
TOKEN_SECONDS = 300
"""How long a token is good."""
BAD_SECONDS = 30.0
"""How long a password that was wrong is refused without a second check."""
VERDICTS = 4096
"""How many verdicts of each kind are remembered."""
GUESSES = 20
"""How many wrong passwords an address has at once."""
GUESSES_A_SECOND = 20 / 60
"""How fast they come back."""
ADDRESSES = 4096
"""How many addresses with wrong passwords are remembered."""
CHECKS = 64
"""How many passwords may wait for their check."""
HEAD_BYTES = 65536
"""How long a request may be. Nginx passes on at most four headers of 8 KiB."""
PASSWORD_BYTES = 72
"""What bcrypt looks at. A longer password would be as good as its beginning."""
STOP_SECONDS = 5.0
"""How long requests that have begun may take when the service is stopped."""

READING = ("GET", "HEAD")
NOBODY = "nobody"
"""The token of whoever has no password. It allows what is allowed without one."""
# What somebody without a name may read where that is allowed; in particular no list of all repositories.
PUBLIC = re.compile(r"/v2/[a-z0-9._/-]+/(?:manifests|blobs|tags|referrers)/[A-Za-z0-9._:+-]+(?:\?.*)?")
BASE = re.compile(r"/v2/(?:\?.*)?")
HASH = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

Check = Callable[[bytes, bytes], bool]
Clock = Callable[[], float]


class UsersError(Exception):
    """The file with the users cannot be used; the text says why."""


class User(NamedTuple):
    """Somebody who may come in, with any of some passwords."""

    role: str
    hashes: tuple[bytes, ...]


class Users(NamedTuple):
    """What the file says."""

    anonymous_pull: bool
    named: dict[str, User]

    @property
    def work(self) -> tuple[int, int]:
        """How many hashes the check of any name compares, and their cost: the same for names that do not exist."""
        hashes = [user.hashes for user in self.named.values()]
        costs = [int(value[4:6]) for user in hashes for value in user]
        return max(map(len, hashes), default=1), max(costs, default=10)


class Request(NamedTuple):
    """What is asked."""

    method: str
    uri: str
    authorization: str
    address: str
    wants_token: bool = False


class Proof(NamedTuple):
    """Whose password it was, and the hash that it belongs to; an empty one where it was wrong."""

    name: str
    hashed: bytes


class Verdict(NamedTuple):
    """What is answered."""

    status: int
    user: str = ""
    reason: str = ""
    challenge: str = ""
    token: str = ""


def parse_users(text: str) -> Users:
    """Read what the playbook wrote.

    :raises UsersError: it is anything else.
    """
    try:
        document = json.loads(text)
        named = {}
        for item in document["users"]:
            hashes = tuple(item["hashes"])
            if not NAME.fullmatch(item["name"]) or item["role"] not in ("push", "pull") or not hashes:
                raise UsersError("an entry is not understood")
            if not all(HASH.fullmatch(value) for value in hashes):
                raise UsersError("a hash is not one of bcrypt")
            named[item["name"]] = User(item["role"], tuple(value.encode("ascii") for value in hashes))
        return Users(document["anonymous_pull"] is True, named)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsersError(f"it is not understood ({type(error).__name__})") from error


class UsersFile:
    """The users, always as the file has them now: looking at its identity costs a microsecond or two."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, ...] | None = None
        self._users: Users | None = None
        self._problem = ""

    def current(self) -> Users:
        """The users. The same object as long as the file is the same.

        :raises UsersError: the file cannot be used. Nobody comes in then.
        """
        try:
            found = os.stat(self._path)
            identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if identity != self._identity:
                # The identity is that of before reading: a change in between shows with the next request.
                self._users, self._identity = None, identity
                self._users = parse_users(self._path.read_text(encoding="utf-8"))
                self._problem = ""
        except (OSError, ValueError, UsersError) as error:
            problem = str(error)
            if problem != self._problem:
                log(f"{self._path}: {problem}; nobody can come in")
            self._problem = problem
            if isinstance(error, OSError):
                self._users = self._identity = None
        if self._users is None:
            raise UsersError(self._problem)
        return self._users


class Remembered:
    """Verdicts for some time. The oldest goes when there are too many."""

    def __init__(self, seconds: float, size: int, clock: Clock) -> None:
        self._seconds, self._size, self._clock = seconds, size, clock
        self._items: OrderedDict[bytes, tuple[float, Proof]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: bytes) -> Proof | None:
        item = self._items.get(key)
        if item is None:
            return None
        if item[0] <= self._clock():
            del self._items[key]
            return None
        return item[1]

    def put(self, key: bytes, value: Proof) -> None:
        self._items.pop(key, None)
        while len(self._items) >= self._size:
            self._items.popitem(last=False)
        self._items[key] = (self._clock() + self._seconds, value)

    def clear(self) -> None:
        self._items.clear()


class Guesses:
    """How many passwords each address may still try. Right ones cost nothing in the end."""

    def __init__(self, clock: Clock, guesses: int = GUESSES, a_second: float = GUESSES_A_SECOND) -> None:
        self._clock, self._guesses, self._a_second = clock, guesses, a_second
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def _now(self, who: str) -> float:
        left, when = self._left.get(who, (float(self._guesses), self._clock()))
        return min(float(self._guesses), left + (self._clock() - when) * self._a_second)

    def take(self, who: str) -> bool:
        """Begin to check a password; False where none is left."""
        left = self._now(who)
        if left < 1:
            return False
        self._set(who, left - 1)
        return True

    def give_back(self, who: str) -> None:
        """The password was right, or was not checked."""
        self._set(who, min(float(self._guesses), self._now(who) + 1))

    def _set(self, who: str, left: float) -> None:
        self._left.pop(who, None)
        if left >= self._guesses:
            return
        while len(self._left) >= ADDRESSES:
            self._left.popitem(last=False)
        self._left[who] = (left, self._clock())


def network_of(address: str) -> str:
    """Whom an address belongs to: of IPv6, where everybody has many, the /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


def credentials_of(authorization: str) -> tuple[str, bytes] | None:
    """Name and password of a ``Basic`` header; None where there can be no such user."""
    scheme, _space, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(value.strip(), validate=True).partition(b":")
        text = name.decode("ascii")
    except (binascii.Error, ValueError):
        return None
    if not colon or not NAME.fullmatch(text) or not password or len(password) > PASSWORD_BYTES or b"\0" in password:
        return None
    return text, password


class Auth:
    """Decides. All of it runs in the event loop, but for bcrypt."""

    def __init__(
        self,
        users: UsersFile,
        check: Check,
        clock: Clock = time.monotonic,
        threads: int = 0,
        time_of_day: Clock = time.time,
    ) -> None:
        """:param check: whether a password belongs to a hash. It is called in threads."""
        self._file, self._check, self._clock, self._time_of_day = users, check, clock, time_of_day
        self._users: Users | None = None
        # A new key with each start, so that what is remembered tells nothing about a password.
        self._key = secrets.token_bytes(32)
        self.good = Remembered(GOOD_SECONDS, VERDICTS, clock)
        self.bad = Remembered(BAD_SECONDS, VERDICTS, clock)
        self.guesses = Guesses(clock)
        self._running: dict[bytes, asyncio.Future[Proof]] = {}
        self._pool = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), thread_name_prefix="bcrypt")

    def close(self) -> None:
        self._pool.shutdown(wait=False)

    def remembered(self, request: Request) -> Verdict | None:
        """The verdict if it needs no check of a password; else None."""
        try:
            users = self._file.current()
        except UsersError:
            return Verdict(500)
        if users is not self._users:
            self.good.clear()
            self.bad.clear()
            self._users = users
        if not request.authorization:
            return self._nobody(users, request)
        scheme, _space, value = request.authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(users, value.strip(), request)
        key = self._digest(request)
        proof = self.good.get(key)
        if proof is not None:
            return self._permit(users, proof, request)
        return _unknown(users) if self.bad.get(key) is not None else None

    def _nobody(self, users: Users, request: Request) -> Verdict:
        """Somebody without a password, with or without the token that says so."""
        if request.wants_token:
            return Verdict(200, token=NOBODY) if users.anonymous_pull else _unknown(users)
        if users.anonymous_pull and request.method in READING and ".." not in request.uri:
            if PUBLIC.fullmatch(request.uri):
                return Verdict(204)
            # What engines ask first: the answer tells them where the tokens are.
            if BASE.fullmatch(request.uri) and request.authorization:
                return Verdict(204)
        return _unknown(users)

    def _bearer(self, users: Users, token: str, request: Request) -> Verdict:
        if request.wants_token:
            return _unknown(users)
        if token == NOBODY:
            return self._nobody(users, request)
        payload, _dot, signature = token.rpartition(".")
        name, _colon, end = payload.partition(":")
        user = users.named.get(name)
        if user and end.isdecimal() and int(end) > self._time_of_day():
            for hashed in user.hashes:
                if hmac.compare_digest(_sign(payload, hashed), signature.encode("utf-8", "replace")):
                    return self._permit(users, Proof(name, hashed), request)
        return _unknown(users)

    def _permit(self, users: Users, proof: Proof, request: Request) -> Verdict:
        """What somebody gets whose password was right."""
        if request.wants_token:
            payload = f"{proof.name}:{int(self._time_of_day()) + TOKEN_SECONDS}"
            return Verdict(200, proof.name, token=f"{payload}.{_sign(payload, proof.hashed).decode('ascii')}")
        if users.named[proof.name].role == "push" or request.method in READING:
            return Verdict(204, proof.name)
        return Verdict(403, proof.name, "role")

    async def decide(self, request: Request) -> Verdict:
        """The verdict, after a check of the password where that is needed."""
        key = self._digest(request)
        while True:
            verdict = self.remembered(request)
            if verdict is not None:
                return verdict
            users = self._users
            credentials = credentials_of(request.authorization)
            if users is None:
                return Verdict(500)
            if credentials is None:
                return _unknown(users)
            running = self._running.get(key)
            if running is None:
                who = network_of(request.address)
                if len(self._running) >= CHECKS:
                    return Verdict(403, reason="busy")
                if not self.guesses.take(who):
                    return Verdict(403, reason="guessing")
                running = asyncio.ensure_future(self._run(key, users, credentials, who))
                self._running[key] = running
            # Whoever asks with the same credentials meanwhile waits for the same check; nobody who goes away ends it.
            proof = await asyncio.shield(running)
            if self._users is users and self._is_current(users):
                return self._permit(users, proof, request) if proof.name else _unknown(users)
            # The users have changed during the check: what it found is of yesterday.

    def _is_current(self, users: Users) -> bool:
        try:
            return self._file.current() is users
        except UsersError:
            return False

    async def _run(self, key: bytes, users: Users, credentials: tuple[str, bytes], who: str) -> Proof:
        name, password = credentials
        try:
            hashed = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._compare, users.work, users.named.get(name), password
            )
            proof = Proof(name, hashed) if hashed else Proof("", b"")
            changed = not self._is_current(users)
            if hashed or changed:
                self.guesses.give_back(who)
            if not changed and self._users is users:
                (self.good if hashed else self.bad).put(key, proof)
            if not hashed and not changed:
                log(f"wrong password for {name if name in users.named else 'an unknown user'} from {who or 'nowhere'}")
            return proof
        finally:
            del self._running[key]

    def _compare(self, work: tuple[int, int], user: User | None, password: bytes) -> bytes:
        """The hash that the password belongs to, or none.

        It is compared with as many as the user with the most has, so that time tells nothing about names.
        """
        count, cost = work
        hashes = user.hashes if user else ()
        for value in hashes:
            if self._check(password, value):
                return value
        for _turn in range(count - len(hashes)):
            self._check(password, b"$2b$%02d$" % cost + b"." * 53)
        return b""

    def _digest(self, request: Request) -> bytes:
        return hmac.digest(self._key, request.authorization.encode("utf-8", "surrogateescape"), "sha256")


def _unknown(users: Users) -> Verdict:
    return Verdict(401, challenge="bearer" if users.anonymous_pull else "")


def _sign(payload: str, hashed: bytes) -> bytes:
    return hmac.new(hashed, payload.encode("utf-8"), "sha256").hexdigest().encode("ascii")


REASONS = {200: "OK", 204: "No Content", 401: "Unauthorized", 403: "Forbidden", 500: "Internal Server Error"}


def answer(verdict: Verdict, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {verdict.status} {REASONS[verdict.status]}"]
    body = ""
    if verdict.token:
        fields = {"token": verdict.token, "access_token": verdict.token, "expires_in": TOKEN_SECONDS}
        body = json.dumps(fields)
        lines += ["Content-Type: application/json", "Cache-Control: no-store"]
    if verdict.status != 204:
        lines.append(f"Content-Length: {len(body)}")
    if verdict.user:
        lines.append(f"X-Dockmirror-User: {verdict.user}")
    if verdict.reason:
        lines.append(f"X-Dockmirror-Reason: {verdict.reason}")
    if verdict.challenge:
        lines.append(f"X-Dockmirror-Challenge: {verdict.challenge}")
    lines.append("Connection: keep-alive" if keep else "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("ascii")


def parse(head: bytes) -> tuple[Request, bool] | None:
    """A request without a body, and whether the connection stays; None where it is not understood."""
    line, *rest = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        return None
    headers: dict[str, str] = {}
    for item in rest:
        name, colon, value = item.partition(":")
        if not colon or name.strip() != name or name.lower() in headers:
            return None
        headers[name.lower()] = value.strip()
    if headers.get("content-length", "0") not in ("", "0") or "transfer-encoding" in headers:
        return None
    connection = headers.get("connection", "").lower()
    keep = connection != "close" if words[2] == "HTTP/1.1" else connection == "keep-alive"
    request = Request(
        headers.get("x-original-method", ""),
        headers.get("x-original-uri", ""),
        headers.get("authorization", ""),
        headers.get("x-real-ip", ""),
        words[1].partition("?")[0] == "/token",
    )
    return request, keep


class Connection(asyncio.Protocol):
    """One connection of the gateway: one request after the other."""

    def __init__(self, auth: Auth, open_connections: set[Connection]) -> None:
        self._auth, self._open = auth, open_connections
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._work: asyncio.Future[None] | None = None
        self._last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._transport = None
        self._open.discard(self)

    def finish(self) -> None:
        """Close as soon as the request that runs is answered."""
        self._last = True
        if self._work is None and self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        while self._work is None and self._transport is not None and not self._transport.is_closing():
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                if len(self._buffer) > HEAD_BYTES:
                    self._send(Verdict(401), keep=False)
                return
            self._buffer = rest
            parsed = parse(head)
            if parsed is None:
                self._send(Verdict(401), keep=False)
                return
            request, keep = parsed
            verdict = self._auth.remembered(request)
            if verdict is not None:
                self._send(verdict, keep)
            else:
                self._work = asyncio.ensure_future(self._later(request, keep))

    async def _later(self, request: Request, keep: bool) -> None:
        try:
            verdict = await self._auth.decide(request)
        except Exception as error:  # a request that fails must be answered, and must not let anybody in
            log(f"a check has failed: {type(error).__name__}")
            verdict = Verdict(500)
        self._work = None
        self._send(verdict, keep)
        self._next()

    def _send(self, verdict: Verdict, keep: bool) -> None:
        if self._transport is None:
            return
        keep = keep and not self._last
        self._transport.write(answer(verdict, keep))
        if not keep:
            self._transport.close()


def log(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


async def serve(auth: Auth, listener: socket.socket) -> None:
    """Answer until SIGTERM; then what has begun is finished."""
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    server = await loop.create_unix_server(lambda: Connection(auth, connections), sock=listener, backlog=4096)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()
    for connection in list(connections):
        connection.finish()
    end = loop.time() + STOP_SECONDS
    while connections and loop.time() < end:
        await asyncio.sleep(0.02)
    auth.close()


def listen(path: str, environment: Mapping[str, str]) -> socket.socket:
    """The socket that systemd hands over, else one of our own at *path*."""
    if environment.get("LISTEN_PID") == str(os.getpid()) and environment.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=3)
    if not path:
        raise SystemExit("dockmirror-auth: neither a socket of systemd nor --socket")
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    return listener


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Says who may use the registry.")
    parser.add_argument("--users", required=True, type=Path, help="the file with the users")
    parser.add_argument("--socket", default="", help="listen here where systemd hands over no socket")
    options = parser.parse_args(arguments)
    import bcrypt  # noqa: PLC0415 - the tests of the rest do without

    check: Any = bcrypt.checkpw
    asyncio.run(serve(Auth(UsersFile(options.users), check), listen(options.socket, os.environ)))


if __name__ == "__main__":
    main()
