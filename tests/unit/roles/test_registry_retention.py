# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention of the role registry: bad rules are refused before anything is touched, good ones are applied."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools.ansible import ansible
from tests.unit.plugins.module_utils.fake_registry import FakeRegistry
from tests.unit.plugins.module_utils.http_services import serving

PLAYBOOK = """\
---
- hosts: registries
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: dockmirror.fleet.registry
        tasks_from: retention
"""
ALL = {"repositories": ["**"]}
BAD_RULES: dict[str, tuple[Any, str]] = {
    "no-criterion": ([ALL], "registry_retention[0]: it has no criterion and would delete everything"),
    "no-repositories": ([{"keep_newest": 3}], "missing required arguments: repositories found in registry_retention"),
    "bad-age": ([{**ALL, "keep_within": "1m"}], "keep_within '1m' is not an age such as 12h, 30d or 8w"),
    "bad-number": ([{**ALL, "keep_newest": 0}], "keep_newest '0' is not a number of images from 1 on"),
    "bad-pattern": ([{**ALL, "keep_tags": ["^v1$"]}], "keep_tags: '^v1$' is not a pattern"),
    "number-as-tag": ([{**ALL, "keep_tags": [1.10]}], "keep_tags: '1.1' is not a string; put it into quotes"),
    "unknown-key": ([{**ALL, "keep_last": 3}], "registry_retention.keep_last. Supported parameters include"),
}


def prune(directory: Path, hosts: dict[str, dict[str, Any]], *options: str) -> tuple[str, dict[str, str]]:
    """Apply the rules of each host; gives the output and the failure of each host."""
    (directory / "play.yml").write_text(PLAYBOOK)
    (directory / "hosts.yml").write_text(json.dumps({"registries": {"hosts": hosts}}))
    done = ansible("-i", str(directory / "hosts.yml"), *options, str(directory / "play.yml"))
    return done.output, done.failures


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    unreachable = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    hosts = {host: {"registry_retention": rules, **unreachable} for host, (rules, _message) in BAD_RULES.items()}
    return prune(tmp_path_factory.mktemp("prune"), hosts)


@pytest.mark.parametrize("host", BAD_RULES)
def test_bad_rules(refusals: tuple[str, dict[str, str]], host: str) -> None:
    assert BAD_RULES[host][1] in refusals[1][host]


def test_nothing_is_tried_on_a_host_with_bad_rules(refusals: tuple[str, dict[str, str]]) -> None:
    assert "UNREACHABLE" not in refusals[0]


@pytest.fixture
def registry() -> FakeRegistry:
    filled = FakeRegistry()
    for age in range(3):
        filled.push("team/app", f"b{age}", age=age)
    return filled


def host(directory: Path, port: int, **variables: Any) -> dict[str, dict[str, Any]]:
    """This machine as a registry host."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    rules = [{"repositories": ["team/**"], "keep_newest": 1}]
    return {
        "registry": {
            **local,
            "registry_config_dir": str(directory),
            "registry_port": port,
            "registry_retention": rules,
            **variables,
        }
    }


def deployed(directory: Path) -> Path:
    """What tells that a registry was deployed."""
    (directory / "instance").mkdir()
    (directory / "instance/compose.yaml").touch()
    return directory


def recap(output: str) -> dict[str, int]:
    (line,) = re.findall(r"^registry +: (.*)$", output, re.MULTILINE)
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


def test_rules_are_applied_and_a_second_run_changes_nothing(registry: FakeRegistry, tmp_path: Path) -> None:
    with serving(registry) as port:
        hosts = host(deployed(tmp_path), port)
        output, failures = prune(tmp_path, hosts, "--check", "--diff")
        assert not failures
        assert re.search(r"^-team/app:b2 sha256:", output, re.MULTILINE), output
        assert set(registry.stores["team/app"].tags) == {"b0", "b1", "b2"}
        output, failures = prune(tmp_path, hosts)
        assert not failures
        assert recap(output)["changed"] == 1
        assert set(registry.stores["team/app"].tags) == {"b0"}
        output, failures = prune(tmp_path, hosts)
        assert recap(output)["changed"] == 0


@pytest.mark.parametrize(
    "variables",
    [{"registry_retention": []}, {"registry_replica_of": "https://registry1.example.com"}],
    ids=["no-rules", "replica"],
)
def test_where_there_is_nothing_to_do(registry: FakeRegistry, tmp_path: Path, variables: dict[str, Any]) -> None:
    with serving(registry) as port:
        output, failures = prune(tmp_path, host(deployed(tmp_path), port, **variables))
    assert not failures
    assert recap(output)["changed"] == 0
    assert registry.requests == []


def test_a_host_without_a_registry(tmp_path: Path) -> None:
    _output, failures = prune(tmp_path, host(tmp_path, 1))
    assert "There is no registry on registry. Run the playbook registry first." in failures["registry"]
    _output, failures = prune(tmp_path, host(tmp_path, 1), "--check")
    assert not failures
