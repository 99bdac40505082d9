# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the input to the file of a real home, and back."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins import manage
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import Credentials, LoginError
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.manage import (
    carry_out,
    plan_all,
    prove_all,
    prove_stored,
    wanted_logins,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.proof import Verdict
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.state import Store
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.users import User, find_user

REGISTRY = "r.example"
HELPER = """#!/bin/sh
case "$1" in
  store) cat > ~/kept ;;
  get) cat > /dev/null; cat ~/kept 2> /dev/null || { echo credentials not found in native keychain; exit 1; } ;;
  erase) rm -f ~/kept ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of whoever runs the tests; other names are unknown."""
    path = tmp_path / "home"
    path.mkdir()

    def found(name: str) -> User:
        if name not in ("me", "you"):
            raise LoginError(f"there is no user {name} on this host")
        return User(name, os.getuid(), os.getgid(), str(path))

    monkeypatch.setattr(manage, "find_user", found)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lib" / "docker_logins"))


def login(**changes: Any) -> dict[str, Any]:
    return {"registry": REGISTRY, "username": "app", "password": "s3cret", "users": ["me"], **changes}


def apply(store: Store, *logins: dict[str, Any]) -> bool:
    with store.locked():
        plans = plan_all(wanted_logins(logins), store, 10)
        carry_out(plans, store, 10)
    return any(each.plan.changed for each in plans)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"registry": "https://r.example"}, "is not a registry"),
        ({"username": "a:b"}, "is not a user name"),
        ({"password": ""}, "the password of app is empty"),
        ({"users": []}, "users is empty"),
        ({"users": ["me", "me"]}, "the user me has two logins to r.example"),
    ],
)
def test_logins_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LoginError, match=message):
        wanted_logins([login(**changes)])


def test_two_names_of_docker_hub_are_one_registry() -> None:
    with pytest.raises(LoginError, match="two logins"):
        wanted_logins([login(registry="docker.io"), login(registry="index.docker.io")])


def test_a_login_comes_and_goes(home: Path, store: Store, tmp_path: Path) -> None:
    path = home / ".docker" / "config.json"
    assert apply(store, login())
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    state = tmp_path / "lib" / "docker_logins" / "state.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert "s3cret" not in state.read_text()
    assert not apply(store, login())
    assert apply(store)
    assert list(home.iterdir()) == []
    assert not (tmp_path / "lib").exists()


def test_what_else_is_in_the_directory_stays(home: Path, store: Store) -> None:
    apply(store, login())
    (home / ".docker" / "other").write_text("x")
    apply(store)
    assert [path.name for path in (home / ".docker").iterdir()] == ["other"]


def test_a_file_that_is_not_understood_stays_and_is_named(home: Path, store: Store) -> None:
    (home / ".docker").mkdir()
    path = home / ".docker" / "config.json"
    path.write_text("{")
    with pytest.raises(LoginError, match=rf"^{path}: it is not valid JSON"):
        apply(store, login())
    assert path.read_text() == "{"


def test_a_dangling_link_is_refused_and_a_good_one_is_followed(home: Path, store: Store) -> None:
    (home / ".docker").mkdir(mode=0o700)
    link = home / ".docker" / "config.json"
    link.symlink_to(home / "real.json")
    with pytest.raises(LoginError, match="does not exist"):
        apply(store, login())
    (home / "real.json").write_text("{}")
    apply(store, login())
    assert REGISTRY in (home / "real.json").read_text()
    apply(store)
    assert link.is_symlink()
    assert (home / "real.json").read_text() == "{}"


def test_every_problem_is_told_and_nothing_is_touched(home: Path, store: Store) -> None:
    with pytest.raises(LoginError, match="no user he on this host; there is no user she on"):
        apply(store, login(users=["me", "she", "he"]))
    assert list(home.iterdir()) == []


def test_a_user_who_is_gone_took_the_logins_along(
    home: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(store, login())
    monkeypatch.setattr(manage, "find_user", find_user)
    monkeypatch.setattr("pwd.getpwnam", lambda name: {}[name])
    apply(store)
    assert not (tmp_path / "lib").exists()


def test_a_damaged_state_is_never_guessed(home: Path, store: Store, tmp_path: Path) -> None:
    (tmp_path / "lib" / "docker_logins").mkdir(parents=True)
    (tmp_path / "lib" / "docker_logins" / "state.json").write_text("{")
    with pytest.raises(LoginError, match=r"state\.json is damaged"):
        apply(store, login())


def test_what_changes_is_tried_once_and_what_stays_is_not(home: Path, store: Store) -> None:
    tried = []

    def prove(registry: str, credentials: Credentials) -> Verdict:
        tried.append((registry, credentials.username))
        return Verdict("ok")

    wanted = wanted_logins([login(users=["me", "you"]), login(registry="s.example")])
    assert prove_all(plan_all(wanted, store, 10), wanted, prove).cause == "ok"
    assert tried == [(REGISTRY, "app"), ("s.example", "app")]
    apply(store, login(), login(registry="s.example"))
    tried.clear()
    wanted = wanted_logins([login(), login(registry="s.example", password="n3w")])
    prove_all(plan_all(wanted, store, 10), wanted, prove)
    assert tried == [("s.example", "app")]


def test_a_helper_is_run_with_secrets_on_its_input_alone(home: Path, store: Store) -> None:
    (home / "bin").mkdir()
    program = home / "bin" / "docker-credential-lab"
    program.write_text(HELPER)
    program.chmod(0o755)
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text('{"credsStore": "lab"}')
    assert apply(store, login())
    kept = json.loads((home / "kept").read_text())
    assert kept == {"ServerURL": REGISTRY, "Username": "app", "Secret": "s3cret"}
    assert not apply(store, login())
    assert prove_stored([login()], lambda *_: Verdict("ok"), 10) == (["me: app at r.example"], Verdict("ok"))
    program.write_text("#!/bin/sh\necho locked\nexit 1\n")
    with pytest.raises(LoginError, match="failed to get a login; it says: locked"):
        apply(store, login())
    program.unlink()
    with pytest.raises(LoginError, match="docker-credential-lab, which is not installed"):
        apply(store, login())


def test_the_stored_login_is_what_is_tried(home: Path, store: Store) -> None:
    seen: list[Credentials] = []

    def prove(_registry: str, credentials: Credentials) -> Verdict:
        seen.append(credentials)
        return Verdict("refused", "no")

    assert prove_stored([login()], prove, 10)[1].cause == "no_login"
    apply(store, login(username="other"))
    assert prove_stored([login()], prove, 10)[1].cause == "other_login"
    assert prove_stored([login(username="other", users=["me", "you"])], prove, 10)[1] == Verdict("refused", "no")
    assert seen == [Credentials("other", "s3cret")]
    assert prove_stored([login(users=["she"])], prove, 10)[1].cause == "unreadable"


def test_users_of_this_machine() -> None:
    with pytest.raises(LoginError, match="there is no user nobody-here"):
        find_user("nobody-here")
