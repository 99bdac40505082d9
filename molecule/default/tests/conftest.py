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
from typing import Any, NamedTuple

import pytest

from tests.lab import testing

ROOT = Path(__file__).resolve().parents[3]
MIRROR = "mirror.example.test"
GATEWAY = "dockmirror-gateway"
CLIENTS = ["client1.example.test", "client2.example.test"]
DAEMON_JSON = "/etc/docker/daemon.json"


class Play(NamedTuple):
    """What came of a playbook run: its exit code, its output, and for each host the failure message, if any."""

    code: int
    output: str
    failures: dict[str, str]

    @property
    def changed(self) -> int:
        return sum(map(int, re.findall(r"^\S+ +: ok=.* changed=(\d+)", self.output, re.MULTILINE)))


def play(name: str, *options: str) -> Play:
    """Run the collection's playbook *name* over the fleet, as an operator would."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent), f"dockmirror.fleet.{name}", *options),
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
    output = done.stdout + done.stderr
    failures = re.findall(r"^fatal: \[(\S+)\]: \S+ => (.*(?:\n .*)*)", output, re.MULTILINE)
    return Play(done.returncode, output, dict(failures))


def green(name: str, *options: str) -> Play:
    """Run a playbook that has to succeed."""
    done = play(name, *options)
    assert done.code == 0, done.output
    return done


def running_mirrors(client: Any) -> str:
    """The mirrors of the client's running engine."""
    return str(client.check_output("docker info --format '{{json .RegistryConfig.Mirrors}}'"))


def can_pull_probe(client: Any) -> bool:
    """Whether the client's engine gets the probe image at this moment."""
    return bool(
        client.run(
            'image="dockmirror/probe:wait-$(cat /proc/sys/kernel/random/uuid)"; '
            'docker pull -q "$image" && docker image rm "$image"'
        ).succeeded
    )


@pytest.fixture(params=CLIENTS)
def client_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(client_name: str) -> Any:
    """Each client in turn."""
    return testing.host(client_name)
