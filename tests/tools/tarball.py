# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection, install the tarball far from the checkout, and use what a user would use from there.

The playbook that is run asks for something that the client role refuses. So the proof is a sentence of the product's
own, reached through playbook, role and filter of the installed copy, with nothing changed on this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.tools.stage import CACHE, ROOT, copy_to

WORK = CACHE / "build"
COLLECTION = "dockmirror.fleet"
# Nobody who installs the collection needs these.
NOT_SHIPPED = ("tests/", "molecule/", ".ci/", ".cache/", ".venv/", "Makefile", "pyproject.toml")
SHIPPED = ("README.md", "LICENSE", "CHANGELOG.rst", "meta/runtime.yml", "inventory.example/hosts.yml", "docs/")
INVENTORY = """\
---
all:
  children:
    docker_clients:
      hosts:
        client.example.test:
          ansible_connection: local
          ansible_python_interpreter: "{{ ansible_playbook_python }}"
          docker_client_mirrors: ["ftp://mirror.example.test"]
"""


def run(command: list[str], cwd: Path, env: Mapping[str, str], expect: int | None = 0) -> str:
    """Run *command*, show and return its output; end the gate when the exit code is not the expected one."""
    done = subprocess.run(
        command, cwd=cwd, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(f"$ {' '.join(command)}\n{done.stdout}", flush=True)
    if expect is not None and done.returncode != expect:
        raise SystemExit(f"build: exit code {done.returncode} where {expect} was expected: {' '.join(command)}")
    return done.stdout


def build(env: Mapping[str, str]) -> Path:
    source = WORK / "source"
    copy_to(source)
    run(["ansible-galaxy", "collection", "build", "--force", "--output-path", str(WORK), str(source)], ROOT, env)
    (tarball,) = WORK.glob("dockmirror-fleet-*.tar.gz")
    return tarball


def check_content(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    for unwanted in NOT_SHIPPED:
        found = [name for name in names if name == unwanted or name.startswith(unwanted)]
        if found:
            raise SystemExit(f"build: {tarball.name} holds what only a developer needs: {', '.join(found[:5])}")
    for wanted in SHIPPED:
        if not any(name == wanted or name.startswith(wanted) for name in names):
            raise SystemExit(f"build: {tarball.name} lacks {wanted}")


def use(place: Path, tarball: Path, env: Mapping[str, str]) -> None:
    """Install into *place* and run from there by full name, with no setting of the checkout."""
    collections = place / "collections"
    settings = place / "ansible.cfg"
    settings.write_text("[defaults]\nnocows = true\n")
    env = {**env, "ANSIBLE_CONFIG": str(settings), "ANSIBLE_COLLECTIONS_PATH": str(collections), "HOME": str(place)}
    run(["ansible-galaxy", "collection", "install", "--offline", "-p", str(collections), str(tarball)], place, env)
    home = collections / "ansible_collections/dockmirror/fleet"

    for playbook in sorted((home / "playbooks").glob("*.yml")):
        command = ["ansible-playbook", "--syntax-check", "-i", str(home / "inventory.example")]
        run([*command, f"{COLLECTION}.{playbook.stem}"], place, env)
    for module in sorted((home / "plugins/modules").glob("*.py")):
        shown = run(["ansible-doc", "--type", "module", f"{COLLECTION}.{module.stem}"], place, env)
        if str(module) not in shown:
            raise SystemExit(f"build: ansible-doc shows another {module.stem} than the installed {module}")

    inventory = place / "hosts.yml"
    inventory.write_text(INVENTORY)
    shown = run(["ansible-playbook", "-i", str(inventory), f"{COLLECTION}.onboard"], place, env, expect=2)
    if "ftp://mirror.example.test" not in shown or "failed=1" not in shown:
        raise SystemExit("build: the installed playbook did not refuse the mirror address ftp://mirror.example.test")


def main() -> int:
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    tarball = build(env)
    check_content(tarball)
    with tempfile.TemporaryDirectory(prefix="dockmirror-build-") as place:
        use(Path(place), tarball, env)
    print(f"build: {tarball.relative_to(ROOT)} installs and runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
