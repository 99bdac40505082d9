# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever calls a gate does not change its verdict."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.tools import scenario
from tests.tools.environment import environment
from tests.tools.stage import CACHE


def test_settings_of_the_caller_do_not_reach_a_gate() -> None:
    env = environment(
        {
            "ANSIBLE_INVENTORY": "/x",
            "MOLECULE_NO_LOG": "0",
            "PYTEST_ADDOPTS": "-x",
            "HOME": "/h",
            "PATH": "/p/.pyenv/shims:/bin",
        }
    )
    assert not {"ANSIBLE_INVENTORY", "MOLECULE_NO_LOG", "PYTEST_ADDOPTS"} & set(env)
    assert env["HOME"] == "/h"
    assert env["PATH"] == os.pathsep.join([str(Path(sys.executable).parent), "/bin"])


def test_a_scenario_keeps_its_state_in_its_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(os, "execvpe", lambda *arguments: called.append(arguments))
    monkeypatch.setattr(os, "chdir", lambda _folder: None)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--junitxml=/report.xml")
    scenario.main(["converge", "default"])
    ((program, command, env),) = called
    assert (program, command) == ("molecule", ["molecule", "converge", "--scenario-name", "default"])
    assert env["PYTEST_ADDOPTS"] == "--junitxml=/report.xml", "the gates count the tests by it"
    assert env["MOLECULE_EPHEMERAL_DIRECTORY"] == str(CACHE / "molecule" / "default")


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(SystemExit, match="default"):
        scenario.main(["test", "no-such"])
