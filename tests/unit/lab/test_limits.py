# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's limit is raised when it is needed, by what is needed, and put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import limits, paths, state


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in for the kernel's file."""
    file = tmp_path / "max_user_instances"
    file.write_text("128\n")
    monkeypatch.setattr(limits, "LIMIT", file)
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    monkeypatch.setattr(paths, "STATE", tmp_path / "state.json")
    monkeypatch.setattr(limits, "used", lambda: 100)
    return file


def test_enough_is_left_alone(limit: Path) -> None:
    limits.make_room(2)
    assert limit.read_text() == "128\n"
    assert not paths.STATE.exists()


def test_it_is_raised_and_the_first_value_comes_back(limit: Path) -> None:
    limits.make_room(4)
    assert limit.read_text() == "140\n"
    limits.make_room(8)
    assert limit.read_text() == "180\n"
    assert state.load().inotify_instances == 128
    limits.restore()
    assert limit.read_text() == "128\n"
    assert state.load().inotify_instances == 0
