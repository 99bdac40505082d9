# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and replacing files: what is kept, and what is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import files
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.files import FileError


def test_a_file_keeps_mode_and_owner_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_bytes(b"{}")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
    before = path.stat()
    files.write(files.read(str(path)), b'{"a": 1}', 0o600)
    after = path.stat()
    assert path.read_bytes() == b'{"a": 1}'
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (0o640, before.st_uid, before.st_gid)
    assert [entry.name for entry in tmp_path.iterdir()] == ["daemon.json"]


def test_the_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_bytes(b"{}")
    with path.open("rb") as reader:
        files.write(files.read(str(path)), b'{"a": 1}', 0o600)
        assert reader.read() == b"{}"


def test_a_symbolic_link_stays_and_its_target_changes(tmp_path: Path) -> None:
    target = tmp_path / "real" / "config.json"
    target.parent.mkdir()
    target.write_bytes(b"{}")
    link = tmp_path / "daemon.json"
    link.symlink_to(target)
    files.write(files.read(str(link)), b'{"a": 1}', 0o600)
    assert link.is_symlink()
    assert target.read_bytes() == b'{"a": 1}'


def test_a_new_file_gets_its_directory_and_the_mode_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "docker" / "daemon.json"
    snapshot = files.read(str(path))
    assert not snapshot.existed
    files.write(snapshot, b"{}", 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files.remove(files.read(str(path)))
    assert not path.exists()
    files.remove(snapshot)


def test_extended_attributes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_bytes(b"{}")
    try:
        os.setxattr(path, "user.note", b"kept")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    files.write(files.read(str(path)), b'{"a": 1}', 0o600)
    assert os.getxattr(path, "user.note") == b"kept"


def test_what_is_not_a_readable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(FileError, match="symbolic link to .*nowhere, which does not exist"):
        files.read(str(tmp_path / "dangling"))
    with pytest.raises(FileError, match="cannot be read"):
        files.read(str(tmp_path / "loop"))
    with pytest.raises(FileError, match="not a regular file"):
        files.read(str(tmp_path))


def test_a_failed_write_changes_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "daemon.json"
    path.write_bytes(b"{}")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"daemon\.json cannot be written: No space left"):
        files.write(files.read(str(path)), b'{"a": 1}', 0o600)
    assert path.read_bytes() == b"{}"
    assert [entry.name for entry in tmp_path.iterdir()] == ["daemon.json"]
