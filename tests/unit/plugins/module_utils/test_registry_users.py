# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users file of the private registry: what is written anew, and what stays."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_users import (
    KEPT_PASSWORDS,
    Plan,
    cost_of,
    describe,
    plan,
    read,
    render,
)

CI = {"name": "ci", "password": "one", "role": "push"}
PROD = {"name": "production", "password": "two", "role": "pull"}
NOTHING = read("")


class Hashes:
    """In place of bcrypt: every hash is another one, and the password can be read off it."""

    def __init__(self) -> None:
        self.salts = itertools.count()
        self.made = 0

    def make(self, cost: int, password: str) -> str:
        self.made += 1
        return f"$2b${cost:02d}${next(self.salts)}-{password}"

    @staticmethod
    def check(password: str, value: str) -> bool:
        return value.endswith(f"-{password}")

    def plan(self, before: Any, *users: Any, cost: int = 10, keep: bool = False, anonymous: bool = False) -> Plan:
        return plan(before, users, anonymous, cost, keep, self.check, lambda password: self.make(cost, password))


@pytest.fixture
def hashes() -> Hashes:
    return Hashes()


def passwords(planned: Plan, name: str) -> list[str]:
    """The passwords that are valid for a user."""
    user = next(item for item in planned.document["users"] if item["name"] == name)
    return [value.rpartition("-")[2] for value in user["hashes"]]


def test_first_run(hashes: Hashes) -> None:
    planned = hashes.plan(NOTHING, PROD, CI)
    assert planned.actions == {"ci": "added", "production": "added"}
    assert [user["name"] for user in planned.document["users"]] == ["ci", "production"], "the order never matters"
    assert "one" not in {*planned.document["users"][0]}


def test_a_second_run_changes_nothing(hashes: Hashes) -> None:
    first = hashes.plan(NOTHING, CI, PROD)
    again = hashes.plan(read(render(first.document)), PROD, CI)
    assert again.document == first.document
    assert set(again.actions.values()) == {"kept"}
    assert hashes.made == 2


def test_a_changed_password_a_role_and_a_user_that_goes(hashes: Hashes) -> None:
    first = hashes.plan(NOTHING, CI, PROD)
    second = hashes.plan(first.document, {**CI, "password": "new"})
    assert second.actions == {"ci": "password", "production": "removed"}
    assert passwords(second, "ci") == ["new"]
    third = hashes.plan(second.document, {**CI, "password": "new", "role": "pull"})
    assert third.actions == {"ci": "role"}
    assert third.document["users"][0]["hashes"] == second.document["users"][0]["hashes"]
    assert hashes.plan(third.document, CI).actions == {"ci": "password and role"}


def test_previous_passwords_stay_as_long_as_asked(hashes: Hashes) -> None:
    first = hashes.plan(NOTHING, CI)
    new = {**CI, "password": "new"}
    both = hashes.plan(first.document, new, keep=True)
    assert passwords(both, "ci") == ["new", "one"]
    assert hashes.plan(both.document, new, keep=True).document == both.document
    last = hashes.plan(both.document, new)
    assert passwords(last, "ci") == ["new"]
    assert last.actions == {"ci": "previous passwords removed"}


def test_back_to_the_password_before(hashes: Hashes) -> None:
    both = hashes.plan(hashes.plan(NOTHING, CI).document, {**CI, "password": "new"}, keep=True)
    back = hashes.plan(both.document, CI, keep=True)
    assert sorted(passwords(back, "ci")) == ["new", "one"]
    assert passwords(hashes.plan(back.document, CI), "ci") == ["one"]


def test_passwords_do_not_pile_up(hashes: Hashes) -> None:
    planned = hashes.plan(NOTHING, CI)
    for number in range(6):
        planned = hashes.plan(planned.document, {**CI, "password": f"n{number}"}, keep=True)
    assert passwords(planned, "ci") == ["n5", "n4", "n3"]
    assert KEPT_PASSWORDS == 3


def test_another_cost_makes_the_hash_anew(hashes: Hashes) -> None:
    first = hashes.plan(NOTHING, CI)
    second = hashes.plan(first.document, CI, cost=12)
    assert [cost_of(value) for value in second.document["users"][0]["hashes"]] == [12]
    assert second.actions == {"ci": "hash of another cost"}
    assert hashes.plan(second.document, CI, cost=12).document == second.document


def test_anonymous_pull_is_part_of_the_file(hashes: Hashes) -> None:
    first = hashes.plan(NOTHING, CI)
    assert hashes.plan(first.document, CI, anonymous=True).document != first.document


@pytest.mark.parametrize("text", ["", "{", "[]", '{"users": 1}', '{"users": [{}], "anonymous_pull": true}'])
def test_a_file_that_is_not_understood_counts_as_none(text: str) -> None:
    assert read(text) == {"anonymous_pull": False, "users": []}


def test_what_is_shown_holds_no_hash(hashes: Hashes) -> None:
    both = hashes.plan(hashes.plan(NOTHING, CI, PROD).document, {**CI, "password": "new"}, PROD, keep=True)
    assert describe(both.document) == "anonymous pull: no\nci: push, 2 passwords\nproduction: pull, 1 password\n"


@pytest.mark.parametrize(("value", "cost"), [("$2b$10$abc", 10), ("$2y$05$abc", 5), ("x", 0), ("$2b$xx$abc", 0)])
def test_cost(value: str, cost: int) -> None:
    assert cost_of(value) == cost
