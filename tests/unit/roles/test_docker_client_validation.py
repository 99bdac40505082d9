# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input for the role docker_client: a clear message, and no connection to the client is ever made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.tools.ansible import ansible
from tests.unit.plugins.module_utils.tls import Authority

ROOT = Path(__file__).resolve().parents[3]
MIRROR = "https://mirror.example.com"

PLAYBOOK = """\
---
- hosts: docker_clients
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: dockmirror.fleet.docker_client
        tasks_from: {entry}
        public: true
    - ansible.builtin.debug:
        msg: "ORDER={{{{ __docker_client_order | to_json }}}} CONFIG={{{{ __docker_client_config | to_json }}}}"
"""


BAD_INPUT: dict[str, tuple[dict[str, Any], str]] = {
    "no-group": (
        {"docker_client_mirrors_group": "no_such_group"},
        "the inventory group no_such_group is empty or missing",
    ),
    "no-mirror": ({"docker_client_mirrors": []}, "There is no mirror for no-mirror"),
    "http": ({"docker_client_mirrors": ["http://mirror.example.com"]}, "set docker_client_allow_http to true"),
    "no-scheme": ({"docker_client_mirrors": ["m.example.com"]}, "m.example.com: a mirror URL starts with https://"),
    "query": ({"docker_client_mirrors": [MIRROR + "?a=b"]}, "a query or fragment is not allowed"),
    "twice": ({"docker_client_mirrors": [MIRROR, MIRROR + "/"]}, "it is listed twice"),
    "credentials": ({"docker_client_mirrors": ["https://user:s3cret@m.example.com"]}, "credentials are not allowed"),
    "other-http": (
        {"docker_client_upstreams": [{"name": "ghcr.io", "mirrors": ["http://m.example.com"]}]},
        "ghcr.io: http://m.example.com: plain http",
    ),
    "other-none": ({"docker_client_upstreams": [{"name": "ghcr.io", "mirrors": []}]}, "ghcr.io has no mirrors"),
    "reserved": ({"docker_client_daemon_config": {"registry-mirrors": []}}, "must not contain registry-mirrors"),
    "list": ({"docker_client_daemon_config": ["debug"]}, "docker_client_daemon_config"),
    "not-bool": ({"docker_client_allow_restart": "perhaps"}, "docker_client_allow_restart"),
    "login-nobody": (
        {"docker_client_logins": [{"username": "joe", "registry": "r.example.com"}]},
        "r.example.com has no user of that name in registry_users",
    ),
    "login-url": (
        {"docker_client_logins": [{"username": "joe", "registry": "https://r.example.com", "password": "s3cret"}]},
        "is not a registry: give its name",
    ),
    "login-no-registry": (
        {"docker_client_logins": [{"username": "joe", "password": "s3cret"}]},
        "names no registry, and the inventory has none",
    ),
    "login-insecure": (
        {
            "docker_client_logins": [{"username": "joe", "registry": "r.example.com", "password": "s3cret"}],
            "docker_client_insecure_registries": ["r.example.com"],
        },
        "r.example.com has no verified TLS",
    ),
    "login-twice": (
        {"docker_client_logins": 2 * [{"username": "joe", "registry": "r.example.com", "password": "s3cret"}]},
        "The user root has two logins to r.example.com",
    ),
    "login-no-name": ({"docker_client_logins": [{"password": "s3cret"}]}, "username"),
    "login-no-list": ({"docker_client_logins": [{"username": "joe", "users": {"a": 1}}]}, "docker_client_logins"),
    "registry-ca": (
        {"docker_client_registries": ["r.example.com"], "docker_client_registry_ca_file": "/nonexistent/r.crt"},
        "The CA file /nonexistent/r.crt is not a file on the controller",
    ),
    "no-ca": ({"docker_client_ca_file": "/nonexistent/ca.crt"}, "The CA file /nonexistent/ca.crt is not a file"),
    "relative-ca": ({"docker_client_ca_file": "ca.crt"}, "give an absolute path"),
}


def play(
    directory: Path,
    variables: dict[str, Any],
    *options: str,
    entry: str = "validate",
    clients: dict[str, dict[str, Any]] | None = None,
    playbook: str | None = None,
) -> tuple[bool, str]:
    """Run an entry point of the role, or a playbook, for clients that cannot be reached; gives success and output."""
    inventory = {
        "docker_clients": {
            "hosts": clients or {"app-07": {}},
            "vars": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
        },
        "mirrors": {"hosts": {"mirror.example.com": {}}},
    }
    (directory / "hosts.yml").write_text(json.dumps(inventory))
    (directory / "play.yml").write_text(PLAYBOOK.format(entry=entry))
    (directory / "variables.json").write_text(json.dumps(variables))
    done = ansible(
        *("-i", str(directory / "hosts.yml"), "-e", f"@{directory}/variables.json", *options),
        playbook or str(directory / "play.yml"),
    )
    return done.code == 0, done.output


@pytest.fixture
def fleet_ca(tmp_path: Path) -> Path:
    (tmp_path / "fleet-ca").mkdir()
    path = tmp_path / "fleet-ca" / "ca.crt"
    path.write_text(Authority("Fleet CA").certificate)
    return path


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """One run with a client for each kind of bad input; gives the output and the failure of each client."""
    directory = tmp_path_factory.mktemp("refusals")
    (directory / "fleet-ca").mkdir()
    (directory / "fleet-ca" / "ca.crt").write_text(Authority("Fleet CA").certificate)
    clients = {name: variables for name, (variables, _message) in BAD_INPUT.items()}
    _code, output = play(directory, {}, clients=clients)
    return output, dict(re.findall(r"^fatal: \[([a-z-]+)\]: FAILED! => (.*(?:\n .*)*)", output, re.MULTILINE))


@pytest.mark.parametrize("client", BAD_INPUT)
def test_bad_input(refusals: tuple[str, dict[str, str]], client: str) -> None:
    assert BAD_INPUT[client][1] in refusals[1][client]


def test_nothing_is_tried_on_a_client_with_bad_input(refusals: tuple[str, dict[str, str]]) -> None:
    assert "UNREACHABLE" not in refusals[0]


def test_registries_alone_are_enough(tmp_path: Path, fleet_ca: Path) -> None:
    logins = [{"username": "joe", "registry": "r.example.com", "password": "s3cret"}]
    good, output = play(tmp_path, {"docker_client_mirrors": [], "docker_client_logins": logins}, "-vvv", "--diff")
    assert good, output
    assert "CONFIG={}" in output
    assert "s3cret" not in output.replace("/variables.json", "")


def test_credentials_are_refused_without_showing_them(refusals: tuple[str, dict[str, str]]) -> None:
    assert "s3cret" not in refusals[0]


def test_the_fleet_ca_is_missing(tmp_path: Path) -> None:
    good, output = play(tmp_path, {})
    assert not good
    assert f"The CA file {tmp_path}/fleet-ca/ca.crt is not a file on the controller" in output
    assert "run the mirror playbook first" in output


def test_the_fleet_ca_may_be_missing_in_check_mode(tmp_path: Path) -> None:
    good, output = play(tmp_path, {}, "--check")
    assert good, output


def test_good_input_needs_no_connection(tmp_path: Path, fleet_ca: Path) -> None:
    good, output = play(tmp_path, {"docker_client_daemon_config": {"debug": True}})
    assert good, output
    assert 'ORDER=[\\"https://mirror.example.com\\"]' in output
    assert 'CONFIG={\\"debug\\": true, \\"registry-mirrors\\": [\\"https://mirror.example.com\\"]}' in output
    assert "WARNING: app-07 will not verify" not in output


def test_an_http_mirror_by_request_is_insecure_and_warned_about(tmp_path: Path) -> None:
    good, output = play(tmp_path, {"gateway_tls": "none", "gateway_http_port": 8080, "docker_client_allow_http": True})
    assert good, output
    assert '\\"insecure-registries\\": [\\"mirror.example.com:8080\\"]' in output
    assert "WARNING: app-07 will not verify the registry mirror.example.com:8080" in output


def test_a_client_of_the_limit_finds_mirrors_outside_of_it(tmp_path: Path, fleet_ca: Path) -> None:
    good, output = play(tmp_path, {}, "-l", "app-07")
    assert good, output
    assert "https://mirror.example.com" in output


def test_the_first_step_on_the_client_comes_after_the_checks(tmp_path: Path, fleet_ca: Path) -> None:
    """The counterpart of the tests above: with good input the role does try to reach the client."""
    good, output = play(
        tmp_path, {"ansible_ssh_timeout": 1, "ansible_host": "127.0.0.1", "ansible_port": 1}, entry="main"
    )
    assert not good
    assert "UNREACHABLE" in output


def test_a_rollout_stops_at_the_first_bad_batch(tmp_path: Path, fleet_ca: Path) -> None:
    clients: dict[str, dict[str, object]] = {"app-1": {}, "app-2": {"docker_client_mirrors": []}, "app-3": {}}
    good, output = play(tmp_path, {"rollout_batches": [2, 1]}, clients=clients, playbook="dockmirror.fleet.onboard")
    assert not good
    assert "There is no mirror for app-2" in output
    assert "UNREACHABLE" not in output, "app-1 is in the same batch: nothing more is done to it"
    assert "app-3" not in output
