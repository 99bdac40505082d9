# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dockmirror-mirror limits`` and ``dockmirror-mirror prefetch``; see docs/server.md."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import limits, settings, state
from .errors import UpkeepError
from .gateway import Client
from .prefetch import Run


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 if an image could not be pulled, and 2 if nothing could be done."""
    parser = argparse.ArgumentParser(prog="dockmirror-mirror", description="Look after the mirrors of this host.")
    parser.add_argument("--settings", type=Path, required=True, help="the file that the role mirror wrote")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("limits", help="ask the upstreams for their rate limits, and print them as JSON")
    commands.add_parser("prefetch", help="pull the images that are to be kept warm")
    options = parser.parse_args(arguments)
    try:
        known = settings.read(options.settings)
        if options.command == "limits":
            sys.stdout.write(json.dumps(limits.update(known)) + "\n")
            return 0
        client = Client(known.gateway)
        try:
            report = Run(known, client).all()
        finally:
            client.close()
    except UpkeepError as error:
        state.log(str(error))
        return 2
    warm = sum(entry["state"] == "warm" for entry in report["images"])
    state.log(f"{warm} warm, {report['postponed']} postponed, {report['failed']} failed; {report['bytes']} bytes read.")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
