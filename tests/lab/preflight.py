# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Can the lab run here? Everything is checked before anything is touched, with the system's own Python alone.

``python3 -m tests.lab.preflight`` ends with exit code 2 when it cannot.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.lab import apt, paths
from tests.lab.run import LabError

GIB = 1024**3
DISK = 8 * GIB
DISK_WHEN_BUILT = 2 * GIB
MEMORY = 3 * GIB
PYTHON = (3, 11)


class NotPossible(LabError):
    """The machine lacks something; the message lists all of it."""


def memory_available() -> int:
    """Memory in bytes that programs can still have."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def disk_free(folder: Path) -> int:
    """Free disk space in bytes where *folder* is or would be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def missing() -> list[str]:
    """What this machine lacks, as sentences that say what to do."""
    if not sys.platform.startswith("linux"):
        return [f"Linux is needed, this is {sys.platform}"]
    found = []
    if sys.version_info < PYTHON:
        found.append(f"Python {PYTHON[0]}.{PYTHON[1]} or newer is needed, this is {sys.version.split()[0]}")
    if os.geteuid() != 0:
        found.append("root is needed (system containers, file system images, packages): run it with sudo")
    if not all(shutil.which(program) for program in ("apt-get", "dpkg")):
        found.append("a Debian system is needed: apt-get and dpkg are not here")
    else:
        try:
            apt.debian_mirror()
        except LabError as error:
            found.append(str(error))
        if apt.architecture() not in ("amd64", "arm64"):
            found.append(f"the architecture must be amd64 or arm64, this is {apt.architecture()}")
    free = disk_free(paths.CACHE)
    disk = DISK_WHEN_BUILT if paths.HUB_STORAGE.exists() else DISK
    if free < disk:
        found.append(f"{disk // GIB} GiB of free disk are needed at {paths.CHECKOUT}, there are {free / GIB:.1f}")
    memory = memory_available()
    if memory < MEMORY:
        found.append(f"{MEMORY // GIB} GiB of free memory are needed, there are {memory / GIB:.1f}")
    return found


def check() -> None:
    """Raise ``NotPossible`` with the whole list when something is missing."""
    found = missing()
    if found:
        raise NotPossible("this machine cannot run the lab:\n" + "\n".join(f"  - {item}" for item in found))


if __name__ == "__main__":
    try:
        check()
    except NotPossible as problem:
        print(f"lab: {problem}", file=sys.stderr)
        sys.exit(2)
