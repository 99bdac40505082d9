# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input for the roles of containerd and Podman: a clear message, and no connection to the client is ever made."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.module_utils.tls import Authority

ROOT = Path(__file__).resolve().parents[3]
ROLES = ["containerd_client", "podman_client"]
MIRROR = "https://mirror.example.com"

PLAYBOOK = """\
---
- hosts: clients
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: dockmirror.fleet.{role}
        tasks_from: {entry}
        public: true
    - ansible.builtin.debug:
        msg: "ORDER={{{{ __{role}_order | to_json }}}}"
"""


def upstream(*mirrors: Any, name: str = "ghcr.io") -> list[dict[str, Any]]:
    return [{"name": name, "mirrors": list(mirrors)}]


BAD_INPUT: dict[str, tuple[dict[str, Any], str]] = {
    "no-group": ({"mirrors_group": "no_such_group"}, "the inventory group no_such_group is empty or missing"),
    "no-mirror": ({"upstreams": []}, "There is no mirror for no-mirror"),
    "no-urls": ({"upstreams": upstream()}, "ghcr.io has no mirrors"),
    "no-name": ({"upstreams": [{"mirrors": [MIRROR]}]}, "missing required arguments: name"),
    "bad-name": ({"upstreams": upstream(MIRROR, name="../etc")}, "'../etc' is not the host name of a registry"),
    "twice": ({"upstreams": upstream(MIRROR) * 2}, "ghcr.io is listed twice"),
    "mirror-twice": ({"upstreams": upstream(MIRROR, MIRROR + "/")}, "it is listed twice"),
    "http": ({"upstreams": upstream("http://m.example.com")}, "_client_allow_http to true"),
    "no-scheme": ({"upstreams": upstream("m.example.com")}, "m.example.com: a mirror URL starts with https://"),
    "query": ({"upstreams": upstream(MIRROR + "?a=b")}, "a query or fragment is not allowed"),
    "path": ({"upstreams": upstream(MIRROR + "/path")}, "a path is not allowed"),
    "credentials": ({"upstreams": upstream("https://user:s3cret@m.example.com")}, "credentials are not allowed"),
    "not-bool": ({"allow_http": "perhaps"}, "_client_allow_http"),
    "no-ca": ({"ca_file": "/nonexistent/ca.crt"}, "The CA file /nonexistent/ca.crt is not a file"),
    "relative-ca": ({"ca_file": "ca.crt"}, "give an absolute path"),
}


def play(
    directory: Path, role: str, clients: dict[str, dict[str, Any]], *options: str, entry: str = "validate"
) -> tuple[bool, str]:
    """Run an entry point of a role for clients that cannot be reached; gives success and output."""
    inventory = {
        "clients": {
            "hosts": {
                name: {f"{role}_{key}": value for key, value in given.items()} for name, given in clients.items()
            },
            "vars": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
        },
        "mirrors": {
            "hosts": {"mirror.example.com": {"mirror_upstreams": [{"name": "docker.io"}, {"name": "ghcr.io"}]}}
        },
    }
    (directory / "hosts.yml").write_text(json.dumps(inventory))
    (directory / "play.yml").write_text(PLAYBOOK.format(role=role, entry=entry))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(directory / "hosts.yml"), *options, str(directory / "play.yml")),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def fleet_ca(tmp_path: Path) -> Path:
    (tmp_path / "fleet-ca").mkdir()
    path = tmp_path / "fleet-ca" / "ca.crt"
    path.write_text(Authority("Fleet CA").certificate)
    return path


@pytest.fixture(scope="module", params=ROLES)
def refusals(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """One run of each role with a client for each kind of bad input: the output, and the failure of each client."""
    directory = tmp_path_factory.mktemp("refusals")
    (directory / "fleet-ca").mkdir()
    (directory / "fleet-ca" / "ca.crt").write_text(Authority("Fleet CA").certificate)
    _good, output = play(
        directory, request.param, {name: variables for name, (variables, _message) in BAD_INPUT.items()}
    )
    return output, dict(re.findall(r"^fatal: \[([a-z-]+)\]: FAILED! => (.*(?:\n .*)*)", output, re.MULTILINE))


@pytest.mark.parametrize("client", BAD_INPUT)
def test_bad_input(refusals: tuple[str, dict[str, str]], client: str) -> None:
    assert BAD_INPUT[client][1] in refusals[1][client]


def test_nothing_is_tried_on_a_client_with_bad_input_and_no_secret_is_shown(
    refusals: tuple[str, dict[str, str]],
) -> None:
    assert "UNREACHABLE" not in refusals[0]
    assert "s3cret" not in refusals[0]


@pytest.mark.parametrize("role", ROLES)
def test_the_fleet_ca_may_be_missing_in_check_mode_alone(role: str, tmp_path: Path) -> None:
    good, output = play(tmp_path, role, {"app-07": {}})
    assert not good
    assert "run the mirror playbook first" in output
    good, output = play(tmp_path, role, {"app-07": {}}, "--check")
    assert good, output


@pytest.mark.parametrize("role", ROLES)
def test_a_client_of_the_limit_finds_the_upstreams_of_mirrors_outside_of_it(
    role: str, tmp_path: Path, fleet_ca: Path
) -> None:
    good, output = play(tmp_path, role, {"app-07": {}}, "--limit", "app-07")
    assert good, output
    order = [{"name": name, "mirrors": [MIRROR]} for name in ("docker.io", "ghcr.io")]
    assert json.dumps(json.dumps(order))[1:-1] in output


@pytest.mark.parametrize("role", ROLES)
def test_the_first_step_on_the_client_comes_after_the_checks(role: str, tmp_path: Path, fleet_ca: Path) -> None:
    """The counterpart of the tests above: with good input the role does try to reach the client."""
    good, output = play(tmp_path, role, {"app-07": {}}, entry="main")
    assert not good
    assert "UNREACHABLE" in output
