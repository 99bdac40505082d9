# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logins of the inventory: what is left out, and what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.filter.client_logins import client_logins
from ansible_collections.dockmirror.fleet.plugins.filter.clients_without import clients_without
from ansible_collections.dockmirror.fleet.plugins.module_utils.client_logins import Registries, expand, problems

HOSTVARS: dict[str, dict[str, Any]] = {
    "r1": {"registry_users": [{"name": "app", "password": "s3cret"}, {"name": "bad", "password": "geheim\n"}]},
    "r2": {"registry_server_name": "two.example", "gateway_https_port": "8443", "registry_users": []},
    "r3": {"gateway_tls": "none"},
}


def registries(*hosts: str) -> Registries:
    return Registries(hosts, HOSTVARS)


def test_a_login_is_for_every_registry_and_takes_its_password_from_there() -> None:
    logins: list[dict[str, Any]] = [
        {"username": "app", "password": "x"},
        {"username": "app", "registry": "r1", "users": ["deploy"]},
    ]
    assert expand(logins, registries("r1", "r2")) == [
        {"registry": "r1", "username": "app", "password": "x", "users": ["root"]},
        {"registry": "two.example:8443", "username": "app", "password": "x", "users": ["root"]},
        {"registry": "r1", "username": "app", "password": "s3cret", "users": ["deploy"]},
    ]


def test_passwords_can_be_left_out() -> None:
    found = client_logins([{"username": "app"}], ["r1"], HOSTVARS, passwords=False)
    assert found == [{"registry": "r1", "username": "app", "users": ["root"]}]


@pytest.mark.parametrize(
    ("logins", "hosts", "message"),
    [
        ([{"password": "geheim"}], ["r1"], "Login 1 has no username"),
        (["geheim"], ["r1"], "Login 1 has no username"),
        ([{"username": "app"}], [], "names no registry, and the inventory has none"),
        ([{"username": "app", "registry": "https://r", "password": "geheim"}], [], "is not a registry"),
        ([{"username": "app", "password": "geheim"}], ["r3"], "r3 has no verified TLS"),
        ([{"username": "app", "registry": "i.example", "password": "geheim"}], [], "i.example has no verified TLS"),
        ([{"username": "joe"}], ["r1"], "r1 has no user of that name in registry_users"),
        ([{"username": "bad"}], ["r1"], "a control character"),
        ([{"username": "a:b", "password": "geheim"}], ["r1"], "is not a user name"),
        ([{"username": "app"}, {"username": "app"}], ["r1"], "The user root has two logins to r1"),
    ],
)
def test_problems(logins: list[Any], hosts: list[str], message: str) -> None:
    found = problems(logins, registries(*hosts), ["i.example"])
    assert len(found) == 1
    assert message in found[0]
    assert "geheim" not in found[0]


def test_no_problem() -> None:
    assert problems([{"username": "app", "users": ["root", "deploy"]}], registries("r1"), []) == []


def test_clients_that_have_not_changed_over() -> None:
    hostvars = {"a": {"logins": [1]}, "b": {"logins": [1], "done": True}, "c": {"logins": []}, "d": {}}
    assert clients_without("abcd", hostvars, "logins", "done") == ["a"]
