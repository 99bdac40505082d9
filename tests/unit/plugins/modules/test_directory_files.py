# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on a real directory."""

from __future__ import annotations

import getpass
import grp
import os
from pathlib import Path
from typing import Any

import pytest

from .running import call_module

FILES = {"__init__.py": "", "a.py": "print('ä')\n", "b.py": "{{ this is no template }}\n"}


def run(path: Path, files: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    mine = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}
    return call_module(
        "directory_files", {"path": str(path), "files": FILES if files is None else files, **mine, **more}
    )[0]


def content(path: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in path.iterdir() if file.is_file()}


def test_predict_write_again_and_without_one(tmp_path: Path) -> None:
    path = tmp_path / "program"
    predicted = run(path, _ansible_check_mode=True)
    assert (predicted["changed"], predicted["written"], path.exists()) == (True, sorted(FILES), False)
    done = run(path)
    assert {**predicted, "invocation": 0} == {**done, "invocation": 0}
    assert content(path) == FILES
    assert (path.stat().st_mode & 0o777, (path / "a.py").stat().st_mode & 0o777) == (0o755, 0o644)
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    again = run(path)
    assert (again["changed"], again["written"], again["removed"], again["diff"]) == (False, [], [], [])
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before
    less = run(path, {"a.py": "x\n"})
    assert (less["written"], less["removed"]) == (["a.py"], ["__init__.py", "b.py"])
    assert [(one["before"], one["after"]) for one in less["diff"]] == [
        ("", ""),
        (FILES["a.py"], "x\n"),
        (FILES["b.py"], ""),
    ]
    assert content(path) == {"a.py": "x\n"}


def test_directories_in_it_stay(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/file").touch()
    assert run(tmp_path)["removed"] == []
    assert (tmp_path / "deeper/file").exists()


def test_a_link_in_the_place_of_a_file_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "program"
    path.mkdir()
    other.write_text("x\n")
    (path / "a.py").symlink_to(other)
    (path / "stale.py").symlink_to(tmp_path / "nowhere")
    done = run(path, {"a.py": "y\n"})
    assert (done["written"], done["removed"]) == (["a.py"], ["stale.py"])
    assert (other.read_text(), content(path), (path / "a.py").is_symlink()) == ("x\n", {"a.py": "y\n"}, False)


def test_a_wrong_mode_is_a_change(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "a.py").chmod(0o666)
    assert run(tmp_path, _ansible_check_mode=True)["changed"]
    assert run(tmp_path)["changed"]
    assert (tmp_path / "a.py").stat().st_mode & 0o777 == 0o644
    assert not run(tmp_path)["changed"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"../a": "x"}, "'../a' is no name of a file."),
        ({"..": "x"}, "'..' is no name of a file."),
        ({"": "x"}, "'' is no name of a file."),
        ({"a": 1}, "The content of a is int, and not text."),
        ({"folder": "x"}, "folder is a directory there."),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, files: dict[str, Any], message: str
) -> None:
    (tmp_path / "folder").mkdir()
    done = run(tmp_path, {"0": "first", **files})
    assert done["failed"]
    assert message in done["msg"]
    assert content(tmp_path) == {}


def test_a_missing_place(tmp_path: Path) -> None:
    done = run(tmp_path / "no/where")
    assert done["failed"]
    assert "No such file or directory" in done["msg"]
