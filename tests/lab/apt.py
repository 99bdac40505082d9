# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages: what the machine gets (recorded), and what is unpacked into images (never installed)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab import state
from tests.lab.run import LabError, run, say

# Snapshots and unstable are served with old "Valid-Until" dates.
OLD_OK = ("-o", "Acquire::Check-Valid-Until=false")
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
SUITE = "trixie"


def debian_mirror() -> str:
    """Address of the Debian package mirror this machine itself uses; ``DOCKMIRROR_LAB_DEBIAN_MIRROR`` overrides it."""
    given = os.environ.get("DOCKMIRROR_LAB_DEBIAN_MIRROR", "")
    if given:
        return given
    found = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages").stdout
    for line in found.splitlines():
        origin, _separator, uri = line.partition(" ")
        if origin == "Debian" and "security" not in uri:
            return uri
    raise LabError(
        "this machine's apt knows no Debian package mirror; run `apt-get update`, "
        "or put the address of one into DOCKMIRROR_LAB_DEBIAN_MIRROR"
    )


def architecture() -> str:
    """Architecture of the machine; Debian and container images have the same names for those the lab supports."""
    return run("dpkg", "--print-architecture").stdout.strip()


def installed() -> set[str]:
    """Names of the packages that are installed now."""
    text = run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\n").stdout
    return {line[3:].strip() for line in text.splitlines() if line.startswith("ii")}


def available(package: str) -> bool:
    """True when apt can install *package* on this machine."""
    text = run("apt-cache", "policy", package).stdout
    return "Candidate:" in text and "Candidate: (none)" not in text


def install(*packages: str) -> None:
    """Install *packages* without recommendations and record what came new to the machine."""
    before = installed()
    missing = [name for name in packages if name not in before]
    if not missing:
        return
    say(f"installing from apt: {' '.join(missing)}")
    if not all(available(name) for name in missing):
        run("apt-get", "update", "-qq", env=QUIET)
    try:
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=QUIET)
    finally:
        known = state.load()
        known.packages = sorted({*known.packages, *(installed() - before)})
        state.save(known)


def remove(packages: list[str]) -> bool:
    """Take recorded *packages* away; leave them when that would take something else along. True when done."""
    present = [name for name in packages if name in installed()]
    if not present:
        return True
    plan = run("apt-get", "purge", "-s", *present, env=QUIET, check=False).stdout
    leaving = {line.split()[1].split(":")[0] for line in plan.splitlines() if line.startswith(("Purg ", "Remv "))}
    if leaving - set(packages):
        say(f"left installed, because other packages need them by now: {' '.join(present)}")
        return False
    run("apt-get", "purge", "-y", "-qq", *present, env=QUIET)
    say(f"packages removed: {' '.join(present)}")
    return True


def unpack(into: Path, *packages: str) -> Path:
    """Download *packages* of Debian's current stable release and unpack them below *into*, touching no apt state."""
    root, lists = into / "root", into / "lists"
    (lists / "partial").mkdir(parents=True)
    root.mkdir()
    sources = into / "sources.list"
    sources.write_text(f"deb {debian_mirror()} {SUITE} main\n")
    options = (
        "-qq", *OLD_OK, "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-",
        "-o", f"Dir::State::lists={lists}", "-o", "Dir::State::status=/dev/null",
        "-o", f"Dir::Cache::pkgcache={into}/pkgcache.bin", "-o", f"Dir::Cache::srcpkgcache={into}/srcpkgcache.bin",
        "-o", "APT::Sandbox::User=root",
    )  # fmt: skip
    run("apt-get", *options, "update")
    run("apt-get", *options, "download", *packages, cwd=str(into))
    for deb in sorted(into.glob("*.deb")):
        run("dpkg-deb", "-x", str(deb), str(root))
    shutil.rmtree(lists)
    return root
