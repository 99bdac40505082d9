# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``dockmirror-mirror``; see docs/server.md, and docs/moving.md for the images of a bundle."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from . import bundle, limits, settings, state
from .errors import UpkeepError
from .gateway import Client
from .prefetch import Run


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 if an image could not be pulled, and 2 if nothing could be done."""
    options = _parser().parse_args(arguments)
    try:
        return _run(settings.read(options.settings), options)
    except UpkeepError as error:
        state.log(str(error))
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dockmirror-mirror", description="Look after the mirrors of this host.")
    parser.add_argument("--settings", type=Path, required=True, help="the file that the role mirror wrote")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("limits", help="ask the upstreams for their rate limits, and print them as JSON")
    commands.add_parser("prefetch", help="pull the images that are to be kept warm")
    export = commands.add_parser("export", help="write the images that are kept warm to a file, and print their list")
    export.add_argument("file", type=Path, help="an OCI image layout in a tar")
    load = commands.add_parser(
        "load", help="store the images of such a file, and print the names of those that were missing"
    )
    load.add_argument("file", type=Path)
    commands.add_parser("missing", help="print which images of a list on standard input are not stored as a whole")
    return parser


def _run(known: settings.Settings, options: argparse.Namespace) -> int:
    if options.command == "limits":
        _print(limits.update(known))
    elif options.command == "load":
        _print([item.name for item in bundle.load(known, options.file)])
    elif options.command == "missing":
        _print(bundle.missing(known, _listed()))
    else:
        client = Client(known.gateway)
        try:
            if options.command == "prefetch":
                return _prefetch(known, client)
            _print([item._asdict() for item in bundle.export(known, client, options.file)])
        finally:
            client.close()
    return 0


def _prefetch(known: settings.Settings, client: Client) -> int:
    report = Run(known, client).all()
    warm = sum(entry["state"] == "warm" for entry in report["images"])
    state.log(f"{warm} warm, {report['postponed']} postponed, {report['failed']} failed; {report['bytes']} bytes read.")
    return 0 if report["ok"] else 1


def _listed() -> list[bundle.Item]:
    try:
        return bundle.parse(json.load(sys.stdin))
    except ValueError as error:
        raise UpkeepError(f"this is no JSON: {error}") from error


def _print(document: Any) -> None:
    sys.stdout.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    sys.exit(main())
