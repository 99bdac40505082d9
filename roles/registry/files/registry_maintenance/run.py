# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs."""

from __future__ import annotations

import subprocess
from typing import Callable, Iterable, NamedTuple

from .errors import MaintenanceError


class Done(NamedTuple):
    """What came of a program: its exit code, and what it wrote."""

    code: int
    output: str
    errors: str


Runner = Callable[..., Done]
"""Something that is called like `run`; tests put their own in its place."""


def run(arguments: Iterable[str], environment: dict[str, str] | None = None, check: bool = True) -> Done:
    """Run a program to its end; with *check*, anything but exit code 0 raises MaintenanceError with its last words.

    *environment* replaces the program's environment, which is where secrets belong: arguments are visible to everybody.
    """
    command: list[str] = list(arguments)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise MaintenanceError(f"{command[0]} cannot be run: {error}") from error
    if check and done.returncode != 0:
        words = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])
        raise MaintenanceError(f"`{' '.join(command[:4])} ...` failed with exit code {done.returncode}: {words}")
    return Done(done.returncode, done.stdout, done.stderr)
