# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``dockmirror-registry-maintenance``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Callable

from .backup import back_up, configured
from .collect import collect, predict
from .errors import BusyError, MaintenanceError
from .lock import locked
from .restic import Restic
from .restore import restore, restore_configuration
from .result import Result, close, log
from .service import Service
from .settings import Settings, read

LOCK_TIMEOUT = 6 * 3600
"""Seconds to wait for another maintenance: two timers may well meet, and both should have their turn."""

OPERATIONS = ("gc", "backup", "restore")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dockmirror-registry-maintenance", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="file that the role registry has written")
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("gc", help="remove what no image needs")
    collecting.add_argument("--dry-run", action="store_true", help="only print as JSON what would be removed")
    commands.add_parser("backup", help="make a snapshot")
    restoring = commands.add_parser("restore", help="put the content of a snapshot in place")
    restoring.add_argument("snapshot", nargs="?", default="latest", help="id of a snapshot")
    restoring.add_argument("--overwrite", action="store_true", help="also where the registry is not empty")
    seeding = commands.add_parser("restore-configuration", help="give a new host back what it lacks; prints the paths")
    seeding.add_argument("snapshot", nargs="?", default="latest", help="id of a snapshot")
    commands.add_parser("repair", help="bring the registry back to normal after a maintenance that was killed")
    passing = commands.add_parser("restic", help="run restic with the repository of this registry")
    passing.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args(arguments)


def _operate(settings: Settings, name: str, work: Callable[[Service, Result], None]) -> None:
    """Do a piece of work alone, from a registry in its normal state to one in its normal state, and note the result."""
    with locked(settings.lock_file, LOCK_TIMEOUT):
        service = Service(settings)
        result = Result(settings.state_dir / f"{name}.json")
        error = "It was interrupted."
        try:
            service.repair()
            work(service, result)
            error = ""
        except MaintenanceError as problem:
            error = str(problem)
            raise
        finally:
            result.finish(error)


def _repair(settings: Settings) -> None:
    """Repair at once, or not at all: whoever has the lock repairs by itself before it does anything."""
    try:
        with locked(settings.lock_file, 0):
            Service(settings).repair()
            for name in OPERATIONS:
                close(settings.state_dir / f"{name}.json")
    except BusyError:
        log("Another maintenance of the registry is running.")


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Leave by way of all that brings the registry back, which another signal must not interrupt."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise MaintenanceError("It was stopped by a signal.")


def main(arguments: list[str]) -> int:
    """Run the command; gives the exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        settings = read(options.settings)
        if options.command == "gc" and options.dry_run:
            sys.stdout.write(json.dumps(predict(settings, Service(settings))) + "\n")
        elif options.command == "gc":
            _operate(settings, "gc", lambda service, result: collect(settings, service, result))
        elif options.command == "backup":
            _operate(settings, "backup", lambda service, result: back_up(settings, service, result))
        elif options.command == "restore":
            wanted, overwrite = options.snapshot, options.overwrite
            _operate(settings, "restore", lambda service, result: restore(settings, service, result, wanted, overwrite))
        elif options.command == "restore-configuration":
            sys.stdout.write(json.dumps(restore_configuration(settings, options.snapshot)) + "\n")
        elif options.command == "repair":
            _repair(settings)
        else:
            restic = Restic(configured(settings))
            os.execvpe("restic", ["restic", *options.arguments], restic.environment)  # noqa: S606
    except MaintenanceError as error:
        log(f"ERROR: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
