# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of the collection on this machine, by Ansible."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]


def run_module(name: str, arguments: dict[str, Any], *options: str) -> dict[str, Any]:
    """Run module *name* with further *options* of ``ansible``; gives its result with the key ``failed``."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible")),
            *("localhost", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"),
            *("-m", f"dockmirror.fleet.{name}", "-a", json.dumps(arguments), *options),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_FORCE_COLOR": "false",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^localhost \| (\S+) => (\{.*\})", done.stdout, re.DOTALL | re.MULTILINE)
    assert found, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(found[2])
    return {**result, "failed": found[1] == "FAILED!"}
