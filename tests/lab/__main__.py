# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab: ``python -m tests.lab COMMAND``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import yaml

from tests.lab import artefacts, engine, fleet, gotools, hostimage, platforms
from tests.lab.run import LabError


def main() -> int:
    """Run one command; the exit code is 2 when the machine lacks something and 1 for every other failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("engine-up", help="make sure that a Docker Engine answers")
    commands.add_parser("engine-down", help="stop the engine that engine-up started, remove what it installed")
    build = commands.add_parser("build", help="build host images, registry archives, the Hub's content and the tools")
    build.add_argument(
        "flavours", nargs="*", metavar="FLAVOUR", help=f"of {', '.join(hostimage.PACKAGES)}; all if none"
    )
    up = commands.add_parser("up", help="start a fleet")
    up.add_argument("--name", required=True, help="name of the fleet and of its network")
    up.add_argument("--platforms", required=True, metavar="FILE", help="molecule.yml or list of hosts; - reads stdin")
    up.add_argument("--instance-config", type=Path, help="file for molecule that says how to reach the hosts")
    down = commands.add_parser("down", help="remove a fleet")
    down.add_argument("--name", required=True)
    arguments = parser.parse_args()
    try:
        if arguments.command == "engine-up":
            engine.up()
        elif arguments.command == "engine-down":
            engine.down()
        elif arguments.command == "build":
            engine.up()
            artefacts.build(arguments.flavours or hostimage.PACKAGES)
            if not arguments.flavours:
                gotools.build()
        elif arguments.command == "up":
            _up(arguments)
        else:
            print("removed" if fleet.down(arguments.name) else "nothing there")
    except engine.NotPossible as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _up(arguments: argparse.Namespace) -> None:
    text = sys.stdin.read() if arguments.platforms == "-" else Path(arguments.platforms).read_text()
    hosts = platforms.parse(yaml.safe_load(text))
    engine.up()
    artefacts.build(dict.fromkeys(host.image for host in hosts))
    started = fleet.up(arguments.name, hosts)
    if arguments.instance_config:
        # Without a user it is root, and Docker is not asked for its version before each task.
        reach = [
            {"instance": host.name, "address": host.container, "connection": "community.docker.docker"}
            for host in started
        ]
        # JSON is YAML: what molecule reads.
        arguments.instance_config.write_text(json.dumps(reach, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
