# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's own part: arguments, and what it lets out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.dockmirror.fleet.plugins.modules import daemon_json

from .running import call_module


def call(arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    return call_module("daemon_json", arguments)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "daemon.json"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"owner": "../x"}, "is not a name"),
        ({"list_strategy": {"dns": "union"}}, "has to be one of append, prepend, replace"),
        ({"nonsense": 1}, "Unsupported parameters"),
        ({"timeout": 0}, "at least 1 second"),
        ({"apply": "maybe"}, "value of apply must be one of"),
        ({"state": "gone"}, "value of state must be one of"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    result, _output = call(arguments)
    assert result["failed"]
    assert message in result["msg"]


def test_a_secret_is_nowhere_in_the_output_and_the_rest_is_readable(path: Path) -> None:
    config = {
        "log-driver": "splunk",
        "log-opts": {"splunk-token": "geheim99"},
        "registry-mirrors": ["https://m.example"],
    }
    result, output = call({"config": config, "path": str(path), "apply": "none", "_ansible_check_mode": True})
    assert result["changed"], result
    assert "geheim99" not in output
    assert result["keys"]["registry-mirrors"]["after"] == ["https://m.example"]
    assert result["invocation"]["module_args"]["config"]["registry-mirrors"] == ["https://m.example"]
    assert '"splunk-token": "********"' in result["diff"]["after"]
    assert not path.exists()


def test_a_secret_in_the_file_is_not_in_the_output_of_a_failure(path: Path) -> None:
    path.write_text('{"proxies": {"http-proxy": "http://joe:hunter22@p"}, "labels": "x"}')
    result, output = call({"config": {"debug": True}, "path": str(path), "apply": "none", "_ansible_check_mode": True})
    assert "labels: it is a string" in result["msg"]
    assert "hunter22" not in output


def test_the_documentation_matches_the_arguments() -> None:
    options = yaml.safe_load(daemon_json.DOCUMENTATION)["options"]
    assert set(options) == {
        "config",
        "state",
        "owner",
        "list_strategy",
        "apply",
        "allow_restart",
        "path",
        "service",
        "validate",
        "rollback",
        "backup",
        "timeout",
    }
    for example in yaml.safe_load(daemon_json.EXAMPLES):
        assert set(example["dockmirror.fleet.daemon_json"]) <= set(options)
