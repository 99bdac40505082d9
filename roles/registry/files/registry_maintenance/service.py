# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's container: writes held while something is done to its content, pulls served all the time."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator

from .api import Api
from .errors import MaintenanceError
from .result import log
from .run import Runner, run
from .settings import Settings

START_TIMEOUT = 60
ENGINE_TIMEOUT = 120
COLLECTOR = "collect"
STAND_IN = "read-only"


class Held:
    """A time in which nobody writes."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self.seconds = 0.0
        """How long it was, from the first write that was turned away; known when it is over."""

    def end(self) -> None:
        self.seconds = round(time.monotonic() - self._begin, 1)


class Service:
    """Takes the registry out of service for writes, and brings it back."""

    def __init__(self, settings: Settings, runner: Runner = run) -> None:
        self._settings, self._run = settings, runner
        self._mark = settings.state_dir / "active"

    @property
    def interrupted(self) -> bool:
        """Whether some maintenance began and did not end."""
        return self._mark.exists()

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run Docker Compose for the containers of the maintenance; gives its output."""
        file = self._settings.maintenance_dir / "compose.yaml"
        return str(self._run(["docker", "compose", "--file", str(file), *arguments], check=check).output)

    def collector(self, *arguments: str) -> str:
        """Run the registry's program once, with the configuration, image and content of the registry."""
        name = f"{self._settings.container}-{COLLECTOR}"
        return self.compose("run", "--rm", "--no-TTY", "--quiet-pull", "--name", name, COLLECTOR, *arguments)

    def repair(self) -> None:
        """Bring the registry back to normal, wherever it was left. Costs nothing where all is well."""
        if not self.interrupted and not self._settings.hold_file.exists():
            return
        log("Bringing the registry back to normal.")
        self._start()
        self._release()

    def _start(self) -> None:
        """Start the registry, once nobody works on its content any more, and wait until it answers."""
        settings = self._settings
        self._wait_for_engine()
        # A collection goes on in its container when the program that started it has been killed.
        self._run(["docker", "rm", "--force", f"{settings.container}-{COLLECTOR}"], check=False)
        if self._run(["docker", "start", settings.container], check=False).code != 0:
            compose = str(settings.instance_dir / "compose.yaml")
            self._run(["docker", "compose", "--file", compose, "up", "--detach"])
        Api(settings.address).wait(START_TIMEOUT)

    def _wait_for_engine(self) -> None:
        """Wait for an engine that is being restarted."""
        deadline = time.monotonic() + ENGINE_TIMEOUT
        command = ["docker", "version", "--format", "{{.Server.Version}}"]
        while self._run(command, check=False).code != 0 and time.monotonic() < deadline:
            time.sleep(1)

    def _release(self) -> None:
        """Let writes in again, and take the stand-in away."""
        settings = self._settings
        _remove(settings.hold_file)
        self.compose("down", "--timeout", str(settings.stop_timeout))
        _remove(self._mark)

    @contextmanager
    def writes_held(self, prove: Callable[[], None]) -> Iterator[Held]:
        """While it lasts, the registry is stopped, so that its content is at rest; a stand-in serves pulls from it.

        *prove* is called when all went well, the registry is back, and no writes are let in yet. Whatever happens, the
        registry is back afterwards; `repair` does the same for a process that was killed.
        """
        settings = self._settings
        self.repair()
        self._mark.parent.mkdir(parents=True, exist_ok=True)
        self._mark.touch()
        held, done = Held(), False
        try:
            self.compose("up", "--detach", "--force-recreate", STAND_IN)
            Api(settings.read_only_address).wait(START_TIMEOUT)
            held = Held()
            settings.hold_file.parent.mkdir(parents=True, exist_ok=True)
            settings.hold_file.touch()
            self._run(["docker", "stop", "--time", str(settings.stop_timeout), settings.container])
            with guarded(settings.address):
                yield held
            done = True
        finally:
            self._start()
            try:
                if done:
                    prove()
            finally:
                held.end()
                self._release()


@contextmanager
def guarded(address: str) -> Iterator[None]:
    """Keep a stopped registry from being started: its port is taken by a socket that accepts nothing.

    Otherwise a playbook, a restart of the engine or an operator could start it while its content is being collected.
    Connections are refused as those to a stopped registry are, so that the gateway goes to the stand-in.
    """
    host, _separator, port = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as guard:
        # Connections that were just closed keep the port for a minute from who does not ask to reuse it. Once it is
        # bound, others must not reuse it in turn.
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            guard.bind((host, int(port)))
        except OSError as error:
            raise MaintenanceError(f"Port {address} is in use although the registry is stopped: {error}") from error
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        yield


def _remove(path: Path) -> None:
    """Remove a file that may be gone already."""
    with suppress(FileNotFoundError):
        path.unlink()
