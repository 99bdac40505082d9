# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stopped Docker Engine leaves in the kernel: its bridge, its packet filter rules, forwarding switched on."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from tests.lab.run import run

BRIDGE = "docker0"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
CHAIN = re.compile(r":(DOCKER[A-Z0-9-]*) ")
RULE = re.compile(r"-A .*\b(DOCKER|docker0\b)")


def cleanup_commands(saved: str) -> list[list[str]]:
    """Arguments for iptables that take the engine's own rules and chains away, from the output of iptables-save."""
    rules, chains, table = [], [], ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif chain := CHAIN.match(line):
            chains.append((table, chain[1]))
        elif RULE.match(line):
            rules.append(["-t", table, "-D", *shlex.split(line)[1:]])
    flushed = [["-t", table, "-F", chain] for table, chain in chains]
    return [*rules, *flushed, *(["-t", table, "-X", chain] for table, chain in chains)]


def bridge() -> bool:
    """True when the engine's default bridge exists."""
    return Path(f"/sys/class/net/{BRIDGE}").exists()


def forwarding() -> bool:
    """True when the kernel forwards IPv4 packets now."""
    return FORWARDING.read_text().strip() == "1"


def remove(forwarded_before: bool) -> None:
    """Take the leftovers away; *forwarded_before* is what `forwarding` was before the engine's first start."""
    for program in ("iptables", "ip6tables"):
        if shutil.which(f"{program}-save"):
            for arguments in cleanup_commands(run(f"{program}-save").stdout):
                run(program, *arguments, check=False)
    if bridge():
        run("ip", "link", "delete", BRIDGE)
    if not forwarded_before:
        # An engine that switches forwarding on closes the FORWARD chain as well.
        if shutil.which("iptables"):
            run("iptables", "-P", "FORWARD", "ACCEPT")
        FORWARDING.write_text("0\n")
