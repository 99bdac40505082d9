# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet with a private registry as its tests see it: constants, what they do over and over, and fixtures.

The scenarios `registry` and `registry_operations` run on such a fleet; their conftest.py imports the fixtures.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.lab import playbooks, testing
from tests.lab.run import wait_until
from tests.tools.ansible import Done

ROOT = Path(__file__).resolve().parents[2]
HOST = "registry.example.test"
REGISTRY = f"{HOST}:8443"
URL = f"https://{REGISTRY}"
CI = "ci.example.test"
CLIENTS = ["client1.example.test", "client2.example.test"]
CA = f"/etc/docker/certs.d/{REGISTRY}/ca.crt"
LOG = "/var/log/dockmirror/access.json"
USERS_FILE = "/etc/dockmirror/registry/users.json"

CI_PASSWORD = 'ci-Pa55:word $HOME "quoted" ü'
PRODUCTION_PASSWORD = "production-Pa55word"
CI_USER = {"name": "ci", "password": CI_PASSWORD, "role": "push"}
PRODUCTION_USER = {"name": "production", "password": PRODUCTION_PASSWORD, "role": "pull"}


def play(name: str, *options: str) -> Done:
    """Run a playbook over the fleet; results are printed as an operator sees them."""
    return playbooks.play(name, *options, results="yaml")


def green(name: str, *options: str) -> Done:
    """Run a playbook that has to succeed."""
    return playbooks.green(name, *options, results="yaml")


def set_users(*users: dict[str, str], **settings: Any) -> Done:
    """Let the registry have these users, and nobody else."""
    variables = {"registry_users": list(users), **settings}
    return green(str(ROOT / "molecule/shared/registry_users.yml"), "--diff", "-e", json.dumps(variables))


@contextmanager
def users(*users: dict[str, str], **settings: Any) -> Iterator[Done]:
    """While it lasts, the registry has these users."""
    done = set_users(*users, **settings)
    try:
        yield done
    finally:
        set_users(CI_USER, PRODUCTION_USER)


def login(host: Any, name: str, password: str) -> Any:
    """Log the engine's client in, as CI does."""
    return host.run(f"printf %s {shlex.quote(password)} | docker login -u {name} --password-stdin {REGISTRY}")


class Answer(NamedTuple):
    """What curl got."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def code(self) -> str:
        """The code of the registry's error."""
        return str(json.loads(self.body)["errors"][0]["code"])


def curl_config(user: dict[str, str] | None) -> str:
    """What curl reads as its configuration, so that no password stands on a command line for long."""
    lines = [f'cacert = "{CA}"', "silent"]
    if user:
        password = user["password"].replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'user = "{user["name"]}:{password}"')
    return "\n".join(lines) + "\n"


def ask(host: Any, path: str, user: dict[str, str] | None = None, *options: str) -> Answer:
    """Ask the registry from *host*."""
    words = " ".join(map(shlex.quote, options))
    text = host.check_output(
        f"printf %s {shlex.quote(curl_config(user))} | curl --include --config - {words} {shlex.quote(URL + path)}"
    ).replace("\r\n", "\n")
    while re.match(r"HTTP/\S+ 1\d\d", text):
        text = text.partition("\n\n")[2]
    head, _blank, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    headers = {key.lower(): value.strip() for key, _colon, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


@contextmanager
def asking(host: Any, path: str, user: dict[str, str]) -> Iterator[Callable[[], list[tuple[str, float]]]]:
    """While it lasts, *host* asks on and on; gives the statuses so far, each with the time of its end (of the host)."""
    script = f"""
        umask 077
        printf %s {shlex.quote(curl_config(user))} > /tmp/asking.conf
        rm -f /tmp/asking.stop; : > /tmp/asking.log
        while ! test -e /tmp/asking.stop; do
            echo "$(curl -o /dev/null -w '%{{http_code}}' --config /tmp/asking.conf '{URL}{path}') $(date +%s.%N)"
        done >> /tmp/asking.log
        rm /tmp/asking.conf
    """
    host.check_output(f"setsid sh -c {shlex.quote(script)} > /dev/null 2>&1 < /dev/null &")

    def log() -> list[tuple[str, float]]:
        lines = [line.split() for line in host.run("cat /tmp/asking.log").stdout.splitlines()]
        return [(words[0], float(words[1])) for words in lines if len(words) == 2]

    try:
        wait_until(lambda: bool(log()), 20, "a first answer")
        yield log
    finally:
        host.check_output("touch /tmp/asking.stop")
        wait_until(lambda: not host.file("/tmp/asking.conf").exists, 20, "the end of asking")


def image(host: Any, name: str, kib: int = 64) -> str:
    """Make an image of random content; gives its full name in the registry."""
    full = f"{REGISTRY}/{name}"
    host.check_output(
        f"d=$(mktemp -d) && head -c {kib}K /dev/urandom > $d/content && "
        f"tar -C $d -cf - content | docker import - {full} && rm -r $d"
    )
    return full


def registry_log() -> testing.Log:
    """The gateway's access log."""
    return testing.Log(HOST, LOG)


@pytest.fixture(scope="session")
def server() -> Any:
    return testing.host(HOST)


@pytest.fixture(scope="session", autouse=True)
def trust(server: Any) -> None:
    """Every host trusts the fleet's CA for the registry."""
    certificate = server.file("/etc/dockmirror/gateway/tls/ca.crt").content_string
    for name in (HOST, CI, *CLIENTS):
        testing.host(name).check_output(f"mkdir -p $(dirname {CA}) && printf %s {shlex.quote(certificate)} > {CA}")


@pytest.fixture(scope="session")
def ci(trust: None) -> Any:
    """The CI host, logged in."""
    host = testing.host(CI)
    assert login(host, "ci", CI_PASSWORD).succeeded
    return host


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, trust: None) -> Any:
    """Each production host in turn, logged in."""
    host = testing.host(str(request.param))
    assert login(host, "production", PRODUCTION_PASSWORD).succeeded
    return host


@pytest.fixture(scope="session")
def app(ci: Any) -> str:
    """An image that CI has pushed."""
    name = image(ci, "team/app:1.0")
    ci.check_output(f"docker push -q {name}")
    return name
