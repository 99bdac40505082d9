# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New passwords under running pulls: none of them fails, and the old ones go when the last client has changed over."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.registry_fleet import (
    CI,
    CI_USER,
    CLIENTS,
    HOST,
    PRODUCTION_USER,
    USERS_FILE,
    ask,
    green,
    play,
    set_users,
)
from tests.lab.run import wait_until
from tests.tools.ansible import Done

VARIABLES = {"docker_clients_group": "registry_clients", "rollout_batches": [1, "100%"]}
GROUP = ("-e", json.dumps(VARIABLES))
NEW = [{**CI_USER, "password": "new-ci-Pa55word"}, {**PRODUCTION_USER, "password": "new-production-Pa55word"}]


def rotate(*options: str) -> Done:
    return play("rotate_credentials", *GROUP, *options)


def given(users: list[dict[str, str]]) -> tuple[str, ...]:
    """As if these users stood in the inventory."""
    return ("-e", json.dumps({"registry_users": users}))


def accepts(user: dict[str, str]) -> bool:
    """Whether the registry lets a user in."""
    status = ask(testing.host(CI), "/v2/", user).status
    assert status in (200, 401)
    return status == 200


def passwords() -> dict[str, int]:
    """How many passwords each user has at the registry."""
    document = json.loads(testing.host(HOST).file(USERS_FILE).content_string)
    return {user["name"]: len(user["hashes"]) for user in document["users"]}


@contextmanager
def pulling(name: str, image: str) -> Iterator[Callable[[], list[str]]]:
    """While it lasts, the user deploy of a client pulls an image on and on; gives what came of each pull."""
    host = testing.host(name)
    script = f"""
        rm -f /tmp/pull.stop /tmp/pull.done; : > /tmp/pull.log; chmod 666 /tmp/pull.log
        while ! test -e /tmp/pull.stop; do
            docker image rm {image} > /dev/null 2>&1
            out=$(su deploy -c 'docker pull -q {image}' 2>&1) && echo ok || echo "$out" | tr '\\n' ' '
            echo
        done >> /tmp/pull.log
        touch /tmp/pull.done
    """
    host.check_output(f"setsid sh -c {shlex.quote(script)} > /dev/null 2>&1 < /dev/null &")

    def log() -> list[str]:
        return [line for line in host.check_output("cat /tmp/pull.log").splitlines() if line.strip()]

    try:
        wait_until(lambda: bool(log()), 20, "a first pull")
        yield log
    finally:
        host.check_output("touch /tmp/pull.stop")
        wait_until(lambda: host.file("/tmp/pull.done").exists, 30, "the end of pulling")


def onboard() -> None:
    """Everybody has the passwords of the inventory."""
    set_users(CI_USER, PRODUCTION_USER)
    green("onboard", *GROUP)


@pytest.fixture(scope="module", autouse=True)
def onboarded(app: str) -> None:
    """Clients that are logged in."""
    onboard()


@pytest.fixture
def changed() -> Iterator[None]:
    """For a test that changes passwords: the others find those of the inventory."""
    yield
    onboard()


@pytest.mark.usefixtures("changed")
def test_no_pull_fails_while_passwords_change(app: str) -> None:
    with ExitStack() as stack:
        logs = [stack.enter_context(pulling(name, app)) for name in CLIENTS]
        before = [len(log()) for log in logs]
        done = rotate(*given(NEW), "--diff", "-vvv")
        assert done.code == 0, done.output
        for log, count in zip(logs, before, strict=True):
            after = len(log())
            assert after > count + 3
            wait_until(lambda log=log, after=after: len(log()) > after + 1, 30, "pulls with the new password")
    for log in logs:
        assert set(log()) == {"ok"}
    assert "Pa55word" not in done.output
    assert passwords() == {"ci": 1, "production": 1}
    assert [accepts(user) for user in (*NEW, CI_USER, PRODUCTION_USER)] == [True, True, False, False]
    assert rotate(*given(NEW)).changed == 0


def test_check_mode_predicts_and_changes_nothing() -> None:
    done = rotate(*given(NEW), "--check", "--diff")
    assert done.code == 0, done.output
    assert done.changed
    assert passwords() == {"ci": 1, "production": 1}
    assert accepts(PRODUCTION_USER)


@pytest.mark.usefixtures("changed")
def test_a_client_that_fails_keeps_the_old_password_and_another_run_finishes() -> None:
    sick = testing.host(CLIENTS[1])
    sick.check_output("mv /home/deploy /home/deploy.away")
    try:
        done = rotate(*given(NEW))
    finally:
        sick.check_output("mv /home/deploy.away /home/deploy")
    assert done.code != 0
    assert "the home of the user deploy" in " ".join(done.output.split())
    assert passwords() == {"ci": 2, "production": 2}
    assert accepts(PRODUCTION_USER)
    assert accepts(NEW[1])
    done = rotate(*given(NEW))
    assert done.code == 0, done.output
    assert passwords() == {"ci": 1, "production": 1}
    assert not accepts(PRODUCTION_USER)


@pytest.mark.usefixtures("changed")
def test_a_client_outside_of_the_limit_or_out_of_reach_keeps_the_old_password() -> None:
    done = rotate(*given(NEW), "--limit", f"{HOST},{CLIENTS[0]}")
    said = " ".join(done.output.split())
    assert done.code != 0
    assert "The old passwords stay valid:" in said
    assert CLIENTS[1] in said
    assert accepts(PRODUCTION_USER)
    others = ("-e", json.dumps({"registry_rotate_without": ["ci.example.test", CLIENTS[1]]}))
    done = rotate(*given(NEW), "--limit", f"{HOST},{CLIENTS[0]}", *others)
    assert done.code == 0, done.output
    assert not accepts(PRODUCTION_USER)


def generated(directory: Path) -> tuple[str, ...]:
    """An inventory that takes passwords from a directory, and a rotation of the user production."""
    taken = f"{{{{ lookup('ansible.builtin.password', '{directory}/production', length=40) }}}}"
    return (
        "-e",
        json.dumps(
            {
                "registry_users": [CI_USER, {**PRODUCTION_USER, "password": taken}],
                "registry_passwords_dir": str(directory),
                "registry_rotate_users": ["production"],
            }
        ),
    )


def stored(directory: Path) -> dict[str, Any]:
    return {**PRODUCTION_USER, "password": (directory / "production").read_text().strip()}


@pytest.mark.usefixtures("changed")
def test_generated_passwords_are_kept_and_an_interrupted_rotation_goes_on_with_them(tmp_path: Path) -> None:
    directory = tmp_path / "passwords"
    options = generated(directory)
    done = rotate(*options, "--limit", HOST)
    assert "The old passwords stay valid:" in " ".join(done.output.split())
    first = stored(directory)
    assert len(first["password"]) == 40
    assert first["password"] not in done.output
    assert [oct(path.stat().st_mode & 0o777) for path in (directory, directory / "production")] == ["0o700", "0o600"]
    assert [accepts(first), accepts(PRODUCTION_USER)] == [True, True]
    done = rotate(*options)
    assert done.code == 0, done.output
    assert stored(directory) == first
    assert [accepts(first), accepts(PRODUCTION_USER)] == [True, False]
    done = rotate(*options)
    assert done.code == 0, done.output
    assert stored(directory) != first
    assert [accepts(stored(directory)), accepts(first)] == [True, False]


def test_an_inventory_that_does_not_take_the_generated_password(tmp_path: Path) -> None:
    settings = {"registry_rotate_users": ["production"], "registry_passwords_dir": str(tmp_path / "passwords")}
    done = rotate("-e", json.dumps(settings))
    assert done.code != 0
    assert "is not the one in" in " ".join(done.output.split())
    assert passwords() == {"ci": 1, "production": 1}


def test_a_user_who_does_not_exist() -> None:
    done = rotate("-e", json.dumps({"registry_rotate_users": ["nobody"]}))
    assert done.code != 0
    assert "registry_rotate_users names nobody" in " ".join(done.output.split())
