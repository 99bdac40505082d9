# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of the collection on this machine, by Ansible or as Ansible does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.tools.ansible import ansible


def run_module(name: str, arguments: dict[str, Any], *options: str) -> dict[str, Any]:
    """Run module *name* with further *options* of ``ansible``; gives its result with the key ``failed``."""
    return ansible(
        *("localhost", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"),
        *("-m", f"dockmirror.fleet.{name}", "-a", json.dumps(arguments), *options),
        program="ansible",
    ).results["localhost"]


def call_module(name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Run module *name* with diff mode in a process of its own, in a fraction of the time that Ansible takes.

    Gives its result, with the diff and warnings in it, and everything it printed.
    """
    script = (
        "import json, sys\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        f"from ansible_collections.dockmirror.fleet.plugins.modules.{name} import main\n"
        "with patch_module_args(json.load(sys.stdin)): main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps({"_ansible_diff": True, **arguments}),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PATH": ""},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr
    return json.loads(lines[-1]), done.stdout + done.stderr
