# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pull-through cache's expiry list."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.scheduler_state import is_broken, move_aside


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": {"Expiry"', b"[]", b"null", b"\xff\xfe"])
def test_a_file_the_registry_could_not_start_with(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scheduler-state.json"
    path.write_bytes(content)
    assert is_broken(str(path), settle=0)
    moved = Path(move_aside(str(path)))
    assert moved.read_bytes() == content
    assert not path.exists()


@pytest.mark.parametrize("content", [b"{}", b'{"library/alpine@sha256:00": {"Expiry": "2026-01-01T00:00:00Z"}}\n'])
def test_a_sound_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scheduler-state.json"
    path.write_bytes(content)
    assert not is_broken(str(path), settle=0)


def test_no_file(tmp_path: Path) -> None:
    assert not is_broken(str(tmp_path / "scheduler-state.json"), settle=0)
