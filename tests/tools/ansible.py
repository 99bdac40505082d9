# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Ansible's programs for a test, as an operator would."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.tools.stage import ROOT


class Done(NamedTuple):
    """What came of a run: its exit code, and all that it printed."""

    code: int
    output: str

    @property
    def changed(self) -> int:
        """How many tasks changed something, over all hosts."""
        return sum(map(int, re.findall(r"^\S+ +: ok=.* changed=(\d+)", self.output, re.MULTILINE)))

    @property
    def failures(self) -> dict[str, str]:
        """The failure of each host that has one; a loop fails with one message for each item."""
        found: dict[str, str] = {}
        pattern = r"^(?:fatal|failed): \[([^\] ]+)[^\]]*\].*?=> (.*(?:\n .*)*)"
        for host, message in re.findall(pattern, self.output, re.MULTILINE):
            found[host] = found.get(host, "") + message
        return found

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """What the module returned on each host, for the program ``ansible``; with the key ``failed``."""
        found: dict[str, dict[str, Any]] = {}
        for line in re.finditer(r"^(\S+) \| (\w+!?) => (?={)", self.output, re.MULTILINE):
            result = json.JSONDecoder().raw_decode(self.output[line.end() :])[0]
            found[line[1]] = {**result, "failed": line[2] == "FAILED!"}
        return found


def environment(results: str = "json") -> dict[str, str]:
    """That of Ansible's programs."""
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": results,
        # Each run would look for it on each host again; that this works, the scenarios' own runs show.
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "ANSIBLE_FORCE_COLOR": "false",  # molecule forces it
    }


def killed(at: str, *arguments: str) -> str:
    """Run ``ansible-playbook`` and kill it, with all that it has started, when a task with *at* in its name begins.

    Gives what it printed until then.
    """
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("ansible-playbook")), *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    output = ""
    with process.stdout as lines:
        for line in lines:
            output += line
            if line.startswith("TASK [") and at in line:
                os.killpg(process.pid, signal.SIGKILL)
                break
    assert process.wait() == -signal.SIGKILL, output
    return output


def ansible(*arguments: str, program: str = "ansible-playbook", results: str = "json") -> Done:
    """Run *program* with this checkout's settings and without colours.

    :param results: the form in which they are printed, ``json`` or ``yaml``.
    """
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=ROOT,
        env=environment(results),
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout + done.stderr)
