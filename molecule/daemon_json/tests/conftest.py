# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All engines at once: every module call and every command runs on the three hosts in parallel."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.run import wait_until
from tests.tools.ansible import ansible

DAEMON_JSON = "/etc/docker/daemon.json"
INFO = "curl --silent --unix-socket /run/docker.sock http://localhost/info"
Results = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Container:
    """A container on one host, as the engine sees it; two are equal only if it never stopped."""

    pid: int
    started: str
    running: bool


class Engines:
    """The hosts under test."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self._hosts = {name: testing.host(name) for name in names}

    def sh(self, script: str, check: bool = True) -> dict[str, str]:
        """What a shell script prints on each host."""

        def on(name: str) -> str:
            done = self._hosts[name].run(script)
            assert not check or done.rc == 0, f"{name}: {script}\n{done.stdout}{done.stderr}"
            return str(done.stdout).rstrip("\n")

        with ThreadPoolExecutor(len(self.names)) as pool:
            return dict(zip(self.names, pool.map(on, self.names), strict=True))

    def module(self, *, check: bool = False, verbose: bool = False, **arguments: Any) -> Results:
        """The result of daemon_json on each host; a failure is a result too, with ``failed``."""
        return self.raw(check=check, verbose=verbose, **arguments)[0]

    def raw(self, *, check: bool = False, verbose: bool = False, **arguments: Any) -> tuple[Results, str]:
        """Also everything that ansible printed."""
        options = [*(["--check"] if check else []), *(["-vvv"] if verbose else [])]
        done = ansible(
            *("-i", os.environ["MOLECULE_INVENTORY_FILE"], "engines", "--diff", *options),
            *("-m", "dockmirror.fleet.daemon_json", "-a", json.dumps(arguments)),
            program="ansible",
        )
        assert set(done.results) == set(self.names), done.output
        return done.results, done.output

    def ok(self, **arguments: Any) -> Results:
        """Results of a call that has to succeed everywhere."""
        results = self.module(**arguments)
        assert not [f"{name}: {result['msg']}" for name, result in results.items() if result.get("failed")]
        return results

    def failed(self, message: str, **arguments: Any) -> Results:
        """Results of a call that has to fail everywhere, with this in the message."""
        results = self.module(**arguments)
        for name, result in results.items():
            assert result.get("failed"), f"{name}: {result}"
            assert message in result["msg"], f"{name}: {result['msg']}"
            assert result["changed"] is False
        return results

    def read(self) -> dict[str, str]:
        """The file on each host; empty where there is none."""
        return self.sh(f"cat {DAEMON_JSON} 2>/dev/null || true")

    def write(self, text: str | dict[str, str]) -> None:
        """Write the file, as somebody else would: the same everywhere, or a text for each host."""
        for name in self.names:
            content = text if isinstance(text, str) else text[name]
            self._hosts[name].check_output(f"mkdir -p /etc/docker && printf '%s' {shlex.quote(content)} >{DAEMON_JSON}")

    def info(self) -> Results:
        """What each daemon says of itself."""
        return {name: json.loads(text) for name, text in self.sh(INFO).items()}

    def mirrors(self) -> dict[str, list[str]]:
        """The mirrors each daemon uses."""
        return {name: info["RegistryConfig"]["Mirrors"] or [] for name, info in self.info().items()}

    def daemons(self) -> dict[str, str]:
        """The process of each daemon: another one after a restart, empty if it does not run."""
        return self.sh("systemctl show --property=MainPID --value docker.service | sed 's/^0$//'")

    def states(self) -> dict[str, str]:
        """ActiveState of each daemon's unit."""
        return self.sh("systemctl show --property=ActiveState --value docker.service")

    def container(self, name: str = "stays") -> dict[str, Container]:
        """A running container on each host, made if there is none."""
        self.sh(f"docker inspect {name} >/dev/null 2>&1 || docker run --detach --name {name} busybox sleep 3600")
        found = self.sh(f"docker inspect --format '{{{{json .State}}}}' {name}")
        states = {host: json.loads(text) for host, text in found.items()}
        return {host: Container(state["Pid"], state["StartedAt"], state["Running"]) for host, state in states.items()}

    def restart(self) -> None:
        """Restart the daemons by hand."""
        self.sh("systemctl reset-failed docker.service docker.socket; systemctl restart docker.service")

    def reset(self) -> None:
        """Nobody's configuration, nobody's memory, no container, a daemon with its defaults."""
        self.sh(
            f"docker rm --force stays >/dev/null 2>&1; rm -rf {DAEMON_JSON}* /srv/daemon.json* /var/lib/dockmirror "
            "/etc/systemd/system/docker.service.d/test.conf; systemctl daemon-reload",
            check=False,
        )
        self.restart()

    def wait(self, script: str, timeout: float = 30) -> None:
        """Wait until a command succeeds on every host."""
        wait_until(
            lambda: "no" not in self.sh(f"{script} >/dev/null 2>&1 && echo yes || echo no").values(), timeout, script
        )


def every(results: Mapping[str, Any], **expected: Any) -> None:
    """Each host's result has these values."""
    for name, result in results.items():
        assert {key: result.get(key) for key in expected} == expected, f"{name}: {result}"


@pytest.fixture(scope="session")
def converged() -> Engines:
    """The engines as converge left them: for the tests that come first."""
    return Engines(testing.names("engines"))


@pytest.fixture(scope="module")
def fresh(converged: Engines) -> Engines:
    """The engines, once taken back to their defaults for all tests of a file."""
    converged.reset()
    return converged


@pytest.fixture
def engines(fresh: Engines) -> Iterator[Engines]:
    """The engines without a configuration; a test takes back what it did by ``state: absent``."""
    yield fresh
    left = fresh.read()
    running = fresh.states()
    if any(left.values()) or set(running.values()) != {"active"} or any(fresh.mirrors().values()):
        fresh.reset()


@pytest.fixture
def disturbed(fresh: Engines) -> Iterator[Engines]:
    """The engines for a test that restarts or breaks them: set back afterwards, whatever it left."""
    yield fresh
    fresh.reset()
