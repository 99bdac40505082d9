# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dockmirror-mirror-scrub`` and ``dockmirror-registry-scrub``; see docs/server.md and docs/registry.md."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from . import settings, state
from .scrub import Scrub


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 if there is damage that somebody has to see to, and 2 if nothing could be done."""
    parser = argparse.ArgumentParser(description="Compare what registries of this host have stored with its digests.")
    parser.add_argument("--settings", type=Path, required=True, help="the file that the role wrote")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("part", help="look at what is new, and at the next part of everything, as the timer does")
    commands.add_parser("all", help="look at everything")
    aside = commands.add_parser("set-aside", help="rename a damaged blob, so that it can be pushed again")
    aside.add_argument("digest")
    options = parser.parse_args(arguments)
    ended: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        ended.append(number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        scrub = Scrub(settings.read(options.settings), stopped=lambda: bool(ended))
        if options.command == "set-aside":
            names = scrub.set_aside(options.digest)
            sys.stdout.write("".join(f"{name}\n" for name in names))
            return 0
        return 0 if scrub.run(options.command == "all") else 1
    except (settings.ScrubError, OSError) as error:
        state.log(f"ERROR: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
