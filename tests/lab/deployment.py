# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploy the collection on a fleet outside of molecule, as an operator would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.lab import fleet, paths, registryimage
from tests.lab.run import LabError, say, step


def inventory(hosts: list[fleet.Host], ca_file: Path, archive: Path, version: str) -> dict[str, object]:
    """The inventory an operator would write, plus how to reach the hosts and where the lab's images are."""
    groups: dict[str, object] = {}
    for group in dict.fromkeys(name for host in hosts for name in host.groups):
        members = {host.name: {"ansible_host": host.container} for host in hosts if group in host.groups}
        groups[group] = {"hosts": members}
    reach = {"ansible_connection": "community.docker.docker", "ansible_python_interpreter": "/usr/bin/python3"}
    mirrors = {
        "mirror_registry_version": version,
        "mirror_registry_image_archive": str(archive),
        "mirror_upstreams": [{"name": "docker.io", "ca_file": str(ca_file)}],
    }
    groups["mirrors"] = {**groups["mirrors"], "vars": mirrors}  # type: ignore[dict-item]
    return {"all": {"vars": reach, "children": groups}}


def deploy(name: str, hosts: list[fleet.Host]) -> None:
    """Run the collection's own site playbook over fleet *name*; ``LabError`` when it fails."""
    folder = paths.fleet_dir(name)
    version = registryimage.newest()
    archive = paths.IMAGES / registryimage.versions()[version]["archive"]
    file = folder / "inventory" / "hosts.yml"
    file.parent.mkdir(exist_ok=True)
    content = inventory(hosts, folder / "pki" / "ca.crt", archive, version)
    file.write_text(yaml.safe_dump(content, explicit_start=True, sort_keys=False))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(file), "playbooks/site.yml"]
    say(f"registry {version} ({registryimage.versions()[version]['source']}), inventory {file}")
    with step("ansible-playbook playbooks/site.yml"):
        done = subprocess.run(
            command,
            cwd=paths.CHECKOUT,
            env={**os.environ, "ANSIBLE_CONFIG": str(paths.CHECKOUT / "ansible.cfg")},
            check=False,
        )
    if done.returncode != 0:
        raise LabError(f"the deployment failed (exit code {done.returncode}); its messages are above")
