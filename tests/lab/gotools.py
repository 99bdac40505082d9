# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that only a Go toolchain can provide: a registry 3 and servers that the product is tested against.

Each is built once, from a fixed version of its Go module. Where there is no toolchain, what needs one is left out, and
says so.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.lab import paths
from tests.lab.run import LabError, run, say, step


@dataclass(frozen=True)
class Tool:
    """A program: the package it is built from, the module's version, and the group of lab hosts that run it, if any."""

    package: str
    version: str
    group: str = ""


TOOLS = {
    "pebble": Tool("github.com/letsencrypt/pebble/v2/cmd/pebble", "v2.10.1", group="acme"),
    "versitygw": Tool("github.com/versity/versitygw/cmd/versitygw", "v1.8.0", group="s3"),
    "conformance": Tool(
        "github.com/opencontainers/distribution-spec/conformance", "v0.0.0-20260831232431-97274622c111"
    ),
}


def go() -> str:
    """The Go toolchain; empty where there is none."""
    return shutil.which("go") or shutil.which("/usr/local/go/bin/go") or ""


def possible(name: str) -> bool:
    """Whether tool *name* is there or can be built on this machine."""
    return bool(go()) or _is_built(name, paths.TOOLS / name)


def missing(groups: set[str]) -> list[str]:
    """The tools that hosts of these groups run and that cannot be had on this machine."""
    return [name for name, tool in TOOLS.items() if tool.group in groups and not possible(name)]


def program(name: str) -> Path:
    """The executable of tool *name*, built if it is not there yet; ``LabError`` where that cannot be done."""
    file = paths.TOOLS / name
    if not _is_built(name, file):
        tool = TOOLS[name]
        install(tool.package, tool.version, paths.TOOLS)
        _stamp(file).write_text(source(name))
    return file


def build() -> None:
    """Make all tools, or say that they cannot be had."""
    if not go():
        say(f"there is no Go toolchain on this machine, so these are left out: {', '.join(TOOLS)}")
        return
    for name in TOOLS:
        program(name)


def source(name: str) -> str:
    """What tool *name* is made from, as documents and logs say it."""
    return f"{TOOLS[name].package} {TOOLS[name].version}"


def install(package: str, version: str, folder: Path, flags: str = "") -> None:
    """Put the program of the Go package *package* into *folder*, linked statically.

    :param flags: flags for the linker besides those that leave out symbols.
    """
    if not go():
        raise LabError(f"{package}: there is no Go toolchain on this machine")
    folder.mkdir(parents=True, exist_ok=True)
    # The tool's own cache folders are below the lab's, so that nothing stays behind in the user's home.
    work = paths.CACHE / "go"
    environment = {
        "CGO_ENABLED": "0",
        "GOBIN": str(folder),
        "GOPATH": str(work),
        "GOMODCACHE": str(work / "mod"),
        "GOCACHE": str(work / "build"),
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
    }
    try:
        with step(f"{package.rpartition('/')[2]} from the Go package {package} {version}"):
            command = (go(), "install", "-trimpath", "-ldflags", f"-s -w {flags}".strip(), f"{package}@{version}")
            run(*command, env=environment, timeout=900, cwd=str(folder))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _stamp(file: Path) -> Path:
    return file.with_name(f"{file.name}.source")


def _is_built(name: str, file: Path) -> bool:
    stamp = _stamp(file)
    return file.exists() and stamp.exists() and stamp.read_text() == source(name)
