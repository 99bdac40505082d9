# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet of this scenario as its tests see it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
MIRROR = "mirror.example.test"
ACME = "acme.example.test"
CLIENT = "client1.example.test"


class Play(NamedTuple):
    """What came of a run: its exit code, its output, and how many tasks changed something."""

    code: int
    output: str

    @property
    def changed(self) -> int:
        return sum(map(int, re.findall(r"^\S+ +: ok=.* changed=(\d+)", self.output, re.MULTILINE)))


def converge(*options: str) -> Play:
    """Run this scenario's playbook again, as an operator would."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent), *options),
            str(Path(__file__).parents[1] / "converge.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_FORCE_COLOR": "false",  # molecule forces it
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return Play(done.returncode, done.stdout + done.stderr)
