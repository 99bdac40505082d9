# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program, and say clearly what went wrong when it fails."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


class LabError(Exception):
    """Something the user must know about; the message says what to do."""


def run(
    *argv: str,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 900,
    check: bool = True,
    cwd: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run *argv* to its end and return its text output; ``LabError`` when it fails and *check* is set."""
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env={**os.environ, **(env or {})},
            timeout=timeout,
            check=False,
            cwd=cwd,
        )
    except FileNotFoundError as error:
        raise LabError(f"program not found: {argv[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout:.0f} s: {shlex.join(argv)}") from error
    result = subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
    if check and result.returncode != 0:
        tail = "\n".join((result.stderr or result.stdout).strip().splitlines()[-15:])
        raise LabError(f"exit code {result.returncode}: {shlex.join(argv)}\n{tail}")
    return result


def docker(*args: str, stdin: bytes | None = None, timeout: float = 300, check: bool = True) -> str:
    """Run the Docker command line client and return what it printed, without the last newline."""
    return run("docker", *args, stdin=stdin, timeout=timeout, check=check).stdout.rstrip("\n")


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Ask *condition* until it is true; ``LabError`` when that takes longer than *timeout* seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {timeout:.0f} s")
        time.sleep(0.1)


def say(text: str) -> None:
    """Tell the user what happens."""
    print(f"lab: {text}", flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step and say how long it took."""
    say(f"{text} ...")
    start = time.monotonic()
    yield
    say(f"{text}: done in {time.monotonic() - start:.1f} s")
