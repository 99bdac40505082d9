# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that has lost the CA of the fleet gets it back from a server, and nobody notices."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tests.lab import testing
from tests.lab.playbooks import green, play

from .conftest import CLIENTS, MIRROR

PASSWORD = "a long one that is kept elsewhere"
WITH = ("-e", json.dumps({"gateway_fleet_ca_backup_password": PASSWORD}))
KEPT = "/var/lib/dockmirror/fleet-ca"


def test_the_drill() -> None:
    folder, mirror = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "fleet-ca", testing.host(MIRROR)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    mirror.check_output(f"rm -rf {KEPT}")
    done = green("backup", *WITH, "-vvv", "--diff")
    assert done.changed == 2, done.output
    assert green("backup", *WITH).changed == 0
    for secret in (PASSWORD, before["ca.key"].decode().splitlines()[1]):
        assert secret not in done.output
        assert mirror.run(f"grep -r '{secret}' {KEPT}").failed
    assert mirror.check_output(f"stat -c %a {KEPT} {KEPT}/*").split() == ["700", "600"]

    done = play("restore_ca", *WITH)
    assert "There is a CA in" in done.failures[MIRROR]
    shutil.rmtree(folder)
    done = play("restore_ca", "-e", json.dumps({"gateway_fleet_ca_backup_password": "wrong"}))
    assert done.code != 0
    assert not (folder / "ca.key").exists()
    green("restore_ca", *WITH)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    assert green("onboard", "--limit", CLIENTS[0]).changed == 0
