# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on a real file, run by Ansible, with something in place of bcrypt."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .running import run_module

SECRET = "s3cret-password"
CI = {"name": "ci", "password": SECRET, "role": "push"}
BCRYPT = """
import hashlib, os

def gensalt(cost):
    return b"$2b$%02d$%s." % (cost, os.urandom(4).hex().encode())

def hashpw(password, salt):
    return salt + hashlib.sha256(password + salt).hexdigest().encode()

def checkpw(password, hashed):
    salt = hashed.rpartition(b".")[0] + b"."
    return hashpw(password, salt) == hashed
"""


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / "python").mkdir()
    (tmp_path / "python/bcrypt.py").write_text(BCRYPT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "python"))
    return {"path": str(tmp_path / "users.json"), "users": [CI], "mode": "0640"}


def test_check_apply_and_again(arguments: dict[str, Any]) -> None:
    path = Path(arguments["path"])
    checked = run_module("registry_users", arguments, "--check", "--diff")
    assert (checked["changed"], checked["users"]) == (True, {"ci": "added"})
    assert not path.exists()

    applied = run_module("registry_users", arguments, "--diff")
    assert applied["changed"]
    assert path.stat().st_mode & 0o777 == 0o640
    [user] = json.loads(path.read_text())["users"]
    assert (user["name"], user["role"], len(user["hashes"])) == ("ci", "push", 1)
    assert user["hashes"][0].startswith("$2b$10$")

    before = path.stat()
    for options in ([], ["--check"]):
        again = run_module("registry_users", arguments, *options)
        assert (again["changed"], again["users"]) == (False, {"ci": "kept"})
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_change_replaces_the_file(arguments: dict[str, Any]) -> None:
    """The service takes it for a new one by its identity."""
    path = Path(arguments["path"])
    run_module("registry_users", arguments)
    inode = path.stat().st_ino
    with path.open() as _held:  # so that the number is not given to the new file
        changed = run_module("registry_users", {**arguments, "users": [{**CI, "password": "new"}]})
        assert (changed["changed"], changed["users"]) == (True, {"ci": "password"})
        assert path.stat().st_ino != inode


def test_neither_passwords_nor_hashes_are_shown(arguments: dict[str, Any]) -> None:
    shown = [run_module("registry_users", arguments, *options) for options in (["--check", "--diff"], ["--diff"])]
    text = json.dumps(shown)
    assert SECRET not in text
    assert "$2b$" not in text
    assert SECRET not in Path(arguments["path"]).read_text()


def test_a_wrong_mode_is_mended(arguments: dict[str, Any]) -> None:
    run_module("registry_users", arguments)
    os.chmod(arguments["path"], 0o644)
    assert run_module("registry_users", arguments)["changed"]
    assert os.stat(arguments["path"]).st_mode & 0o777 == 0o640


def test_without_bcrypt(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """In check mode before the first run it is not there yet."""
    monkeypatch.delenv("PYTHONPATH")
    assert run_module("registry_users", arguments, "--check")["users"] == {"ci": "added"}


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([{"name": "ci", "role": "push"}], "missing required arguments: password"),
        ([{**CI, "role": "admin"}], "value of role must be one of: push, pull"),
    ],
)
def test_bad_input(arguments: dict[str, Any], users: list[Any], message: str) -> None:
    result = run_module("registry_users", {**arguments, "users": users})
    assert result["failed"]
    assert message in result["msg"]
    assert SECRET not in json.dumps(result)
