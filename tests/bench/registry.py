# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a password costs at the private registry: pulls with it, and the same pulls where nobody is asked for one.

Needs python3-bcrypt, otherwise the standard library only: it runs on a host of the lab.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.bench.load import Client, Failed, together
from tests.bench.services import BENCH, Place, services
from tests.bench.upstream import MANIFEST_TYPE, image

REGISTRY, WITH, WITHOUT = 20500, 9443, 9444
CLIENTS, RUNS = 50, 7
REPOSITORY, LAYERS, LAYER_SIZE = "team/app", 10, 2 << 20
USER, PASSWORD, COST = "production", "production-Pa55word", 10
USERS = BENCH / "users.json"
RUN = Path("/run/dockmirror-without")
SOCKET = Path("/run/dockmirror-auth/auth.sock")
PROGRAM = BENCH / "dockmirror_auth.py"


def without_a_question(text: str) -> str:
    """The same configuration of the gateway, which asks nobody who he is; for a process of its own."""
    changes = {
        "auth_request /_dockmirror_auth;": "auth_request off;",
        f"listen {WITH} ssl": f"listen {WITHOUT} ssl",
        "/run/dockmirror-gateway/": f"{RUN}/",
    }
    for old, new in changes.items():
        if old not in text:
            raise SystemExit(f"the gateway's configuration has no {old!r}")
        text = text.replace(old, new)
    return text


def write_users() -> None:
    """Replace the file with the users, so that the service forgets what it knows: the next password is checked."""
    import bcrypt  # noqa: PLC0415 - the controller, which imports this module for its constants, need not have it

    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST)).decode()
    users = [{"name": USER, "role": "pull", "hashes": [hashed]}]
    new = USERS.with_suffix(".new")
    new.write_text(json.dumps({"users": users, "anonymous_pull": False}))
    os.replace(new, USERS)


def push() -> None:
    """Push the image to the registry itself."""
    base = f"http://127.0.0.1:{REGISTRY}"
    pushed = image(REPOSITORY, LAYERS, LAYER_SIZE)
    for digest, content in pushed.blobs.items():
        begin = urllib.request.Request(f"{base}/v2/{REPOSITORY}/blobs/uploads/", b"", method="POST")
        with urllib.request.urlopen(begin) as answer:
            place = answer.headers["Location"]
        kind = {"Content-Type": "application/octet-stream"}
        urllib.request.urlopen(urllib.request.Request(f"{base}{place}&digest={digest}", content, kind, method="PUT"))
    kind = {"Content-Type": MANIFEST_TYPE}
    place = f"{base}/v2/{REPOSITORY}/manifests/1"
    urllib.request.urlopen(urllib.request.Request(place, pushed.manifest, kind, method="PUT"))


def pull(client: Client) -> None:
    """Pull the image, without a look at the bytes: the clients share the processors with what is measured."""
    manifest = client.manifest(REPOSITORY)
    for blob in (manifest["config"], *manifest["layers"]):
        client.get(f"/v2/{REPOSITORY}/blobs/{blob['digest']}")


def check() -> None:
    """Only on one side is anybody asked for a password, and there a wrong one does not do."""
    for port, password, answer in (
        (WITH, None, 401),
        (WITH, (USER, "another-Pa55word"), 401),
        (WITH, (USER, PASSWORD), 200),
        (WITHOUT, None, 200),
    ):
        status = 200
        try:
            Client(port, password).manifest(REPOSITORY)
        except Failed as problem:
            status = problem.status
        if status != answer:
            raise SystemExit(f"port {port} answers {status} instead of {answer}: the comparison would mean nothing")


def turn(port: int) -> float:
    """Seconds until the last client has the image."""
    write_users()
    password = (USER, PASSWORD) if port == WITH else None
    return together(CLIENTS, port, pull, password)


def measure() -> dict[str, Any]:
    """Bytes a second for all clients together, with a password and without, by turns."""
    (BENCH / "without.conf").write_text(without_a_question((BENCH / "registry.conf").read_text()))
    for directory in (SOCKET.parent, RUN):
        directory.mkdir(exist_ok=True)
    write_users()
    os.umask(0)  # the workers of Nginx have to reach the socket
    commands: dict[Place, list[str]] = {
        REGISTRY: [str(BENCH / "registry"), "serve", str(BENCH / "registry.yml")],
        SOCKET: [sys.executable, str(PROGRAM), "--users", str(USERS), "--socket", str(SOCKET)],
        WITH: ["nginx", "-g", "daemon off;", "-c", str(BENCH / "registry.conf")],
        WITHOUT: ["nginx", "-g", "daemon off;", "-c", str(BENCH / "without.conf")],
    }
    with services(commands):
        push()
        check()
        size = Client(WITH, (USER, PASSWORD)).pull(REPOSITORY)
        runs = [
            {port: turn(port) for port in (WITH, WITHOUT)[:: 1 if number % 2 else -1]} for number in range(RUNS + 1)
        ]
    del runs[0]  # the first one is to get everything going
    return {
        "clients": CLIENTS,
        "layers": LAYERS,
        "image_size": size,
        "bcrypt_cost": COST,
        "with": CLIENTS * size / statistics.median(run[WITH] for run in runs),
        "without": CLIENTS * size / statistics.median(run[WITHOUT] for run in runs),
        "ratio": statistics.median(run[WITHOUT] / run[WITH] for run in runs),
    }
