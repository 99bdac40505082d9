# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dockmirror-mirror-quota``; see docs/server.md."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mirror_upkeep import state

from . import settings
from .errors import QuotaError
from .evictor import Evictor
from .look import filesystem
from .watch import watch


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 if a limit cannot be kept, and 2 if nothing could be done."""
    parser = argparse.ArgumentParser(
        prog="dockmirror-mirror-quota", description="Keep the data of this host's mirrors within their quota."
    )
    parser.add_argument("--settings", type=Path, required=True, help="the file that the role mirror wrote")
    commands = parser.add_subparsers(dest="command", required=True)
    evicting = commands.add_parser("evict", help="look once, and remove what has to go")
    evicting.add_argument("--dry-run", action="store_true", help="only print as JSON how much that would be")
    commands.add_parser("watch", help="look whenever space falls fast")
    options = parser.parse_args(arguments)
    try:
        known = settings.read(options.settings)
        evictor = Evictor(known)
        if options.command == "watch":
            watch(evictor, lambda: filesystem(known.data_dir))
        look = evictor.look(getattr(options, "dry_run", False))
    except (QuotaError, OSError) as error:
        state.log(f"ERROR: {error}")
        return 2
    if options.dry_run:
        sys.stdout.write(json.dumps(look.freed._asdict()) + "\n")
        return 0
    return 1 if look.problem else 0


if __name__ == "__main__":
    sys.exit(main())
