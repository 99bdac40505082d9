# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make `.venv` with the pinned requirements, and the link that gives the checkout its collection name.

Run by `make setup` with whatever `python3` the machine has, so: standard library only, and nothing that an older Python
cannot parse. A stamp in `.venv` holds the path it was made for (its scripts name that path) and the hash of everything
that went in; a second call compares both and is done.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "dockmirror-requirements.sha256"
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "constraints.txt")
LINK = ROOT / ".cache/collections/ansible_collections/dockmirror/fleet"
# ansible-core 2.19 runs its controller on these.
PYTHONS = ((3, 11), (3, 12), (3, 13))


class SetupError(Exception):
    """Something is missing that this script cannot provide."""


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def version_of(python: str) -> tuple[int, ...]:
    """The (major, minor) of an interpreter; () for one that does not run, such as a pyenv shim without a version."""
    try:
        done = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(part) for part in done.stdout.split())


def find_python() -> str:
    """The first interpreter that ansible-core supports: the one that runs this, then those on PATH."""
    names = [f"python{major}.{minor}" for major, minor in PYTHONS]
    for python in (sys.executable, "/usr/bin/python3", *names):
        if version_of(python) in PYTHONS:
            return python
    wanted = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    raise SetupError(
        f"No Python of the versions {wanted} was found (python3 is {sys.version.split()[0]}). Install one."
    )


def can_make_venv(python: str) -> bool:
    return subprocess.run([python, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0


def install_venv_package(python: str) -> None:
    """Debian ships ensurepip in a package of its own: install it when we may, say so when we may not."""
    if can_make_venv(python):
        return
    package = "python3-venv"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SetupError(f"{python} cannot make virtual environments. Install {package} (apt-get install {package}).")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=True)
    command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", package]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    if not can_make_venv(python):
        raise SetupError(f"{python} still has no ensurepip after installing {package}: is it the distribution's own?")


def fingerprint() -> str:
    digest = hashlib.sha256()
    for name in REQUIREMENTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def make_venv(place: str, wanted: str) -> None:
    """Install what the requirements say; start from nothing when the environment is missing, moved or broken."""
    known = STAMP.read_text().splitlines() if STAMP.exists() else []
    if known == [place, wanted]:
        return
    interpreter = VENV / "bin/python"
    if known[:1] != [place] or version_of(str(interpreter)) not in PYTHONS:
        python = find_python()
        install_venv_package(python)
        print(f"setup: making .venv with {python}", flush=True)
        run(python, "-m", "venv", "--clear", str(VENV))
    print("setup: installing the pinned requirements into .venv", flush=True)
    pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "install", "--no-compile", "--quiet"]
    run(*pip, "-r", str(ROOT / "requirements-dev.txt"), "-c", str(ROOT / "constraints.txt"))
    STAMP.write_text(f"{place}\n{wanted}\n")


def make_link() -> None:
    """Ansible finds a collection by its path only: .../ansible_collections/<namespace>/<name>."""
    LINK.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(ROOT, LINK.parent)
    if LINK.is_symlink() and os.readlink(LINK) == target:
        return
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(target)


def main() -> int:
    try:
        make_venv(str(ROOT), fingerprint())
        make_link()
    except (SetupError, subprocess.CalledProcessError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
