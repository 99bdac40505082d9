# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the programs that are measured, and end them.

Standard library only: it runs on a host of the lab.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

BENCH = Path("/opt/bench")
Place = int | Path
"""A port of loopback, or a unix socket."""


@contextlib.contextmanager
def services(commands: Mapping[Place, Sequence[str]]) -> Iterator[None]:
    """Run each command, which listens at its place, until the measurements are over."""
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    running: list[subprocess.Popen[bytes]] = []
    with (BENCH / "services.log").open("a") as log:
        try:
            for place, command in commands.items():
                process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
                running.append(process)
                wait_for(place, process)
            yield
        finally:
            for process in reversed(running):
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def wait_for(place: Place, process: subprocess.Popen[bytes]) -> None:
    """Wait until something answers there."""
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError):
            _connect(place)
            return
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"nothing answers at {place}; {BENCH}/services.log may say why")
        time.sleep(0.05)


def _connect(place: Place) -> None:
    if isinstance(place, int):
        socket.create_connection(("127.0.0.1", place), 1).close()
        return
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(place))
