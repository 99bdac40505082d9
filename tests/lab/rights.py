# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rights of a fleet host: those of ``--privileged``, but for one that a machine may lack itself."""

from __future__ import annotations

from pathlib import Path

from tests.lab.run import docker

SYS_RESOURCE = 24
"""Number of the capability CAP_SYS_RESOURCE, as in linux/capability.h."""

BASE = (
    "--cap-add", "ALL", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
    "--cgroupns", "private",
)  # fmt: skip


def has_capability(status: str, number: int) -> bool:
    """True when capability *number* is in the bounding set of a process, by the text of its /proc/PID/status."""
    (bounding,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding, 16) >> number & 1)


def options(status: str, engine_major: int) -> list[str]:
    """Options for ``docker create``.

    Up to 20.10, ALL means all the kernel knows: a machine that is a container itself often lacks SYS_RESOURCE, and then
    no container starts unless it is dropped. Since 23, ALL means all there are, and dropping a missing one is refused.
    """
    if engine_major >= 23 and not has_capability(status, SYS_RESOURCE):
        return [*BASE]
    return [*BASE, "--cap-drop", "SYS_RESOURCE"]


def for_this_machine() -> list[str]:
    """The options that fit this machine and its engine."""
    version = docker("version", "-f", "{{.Server.Version}}")
    return options(Path("/proc/self/status").read_text(), int(version.partition(".")[0]))
