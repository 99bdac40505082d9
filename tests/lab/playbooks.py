# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks, run by a test over the fleet of its scenario, as an operator would."""

from __future__ import annotations

import os
from pathlib import Path

from tests.tools.ansible import Done, ansible, killed


def _arguments(name: str, options: tuple[str, ...]) -> list[str]:
    playbook = name if "/" in name else f"dockmirror.fleet.{name}"
    return ["-i", str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent), playbook, *options]


def play(name: str, *options: str, results: str = "json") -> Done:
    """Run a playbook over the fleet: one of the collection's by its short name, or a file by its path."""
    return ansible(*_arguments(name, options), results=results)


def kill(at: str, name: str, *options: str) -> str:
    """Run a playbook over the fleet and kill it when a task with *at* in its name begins; gives what it printed."""
    return killed(at, *_arguments(name, options))


def green(name: str, *options: str, results: str = "json") -> Done:
    """Run a playbook that has to succeed."""
    done = play(name, *options, results=results)
    assert done.code == 0, done.output
    return done
