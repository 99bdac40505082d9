# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment in which every gate runs, whoever calls it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.tools.stage import CACHE, ROOT


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what would change a gate's verdict.

    Settings of Ansible, Molecule and pytest go, and so do pyenv's shims: they stand in front of the virtual
    environment's own python3.X and refuse to run without a version chosen.
    """
    kept = {
        name: value for name, value in inherited.items() if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTEST_"))
    }
    path = [part for part in kept.get("PATH", "").split(os.pathsep) if not part.endswith("pyenv/shims")]
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), *path])
    kept["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
    kept["ANSIBLE_COLLECTIONS_PATH"] = str(CACHE / "collections")
    kept["NO_COLOR"] = "1"
    kept["PY_COLORS"] = "0"
    kept["PYTHONUNBUFFERED"] = "1"
    return kept
