# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules registry_info and registry_tags as Ansible runs them, on a registry in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.unit.plugins.module_utils.fake_registry import FakeRegistry, basic
from tests.unit.plugins.module_utils.http_services import serving

from .running import call_module

SECRET = "s3cret-of-joe"


class Served(NamedTuple):
    registry: FakeRegistry
    login: dict[str, Any]


def run_module(name: str, arguments: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    result, output = call_module(name, {**arguments, "_ansible_check_mode": check})
    result.pop("invocation", None)
    assert SECRET not in output
    return {"failed": False, **result}


@pytest.fixture
def served() -> Iterator[Served]:
    registry = FakeRegistry()
    registry.login = basic("joe", SECRET)
    registry.push("team/app", "v1", "stable", age=9)
    registry.push("team/app", "mr-1", age=1)
    with serving(registry) as port:
        yield Served(registry, {"url": f"http://127.0.0.1:{port}", "username": "joe", "password": SECRET})


def test_info(served: Served) -> None:
    result = run_module("registry_info", {**served.login, "repositories": ["team/*"]}, check=True)
    assert not result["failed"]
    assert not result["changed"]
    assert [image["tags"] for image in result["repositories"][0]["images"]] == [["mr-1"], ["stable", "v1"]]
    assert result["unique_bytes"] == result["repositories"][0]["unique_bytes"] > 0


@pytest.mark.parametrize("module", ["registry_info", "registry_tags"])
def test_a_wrong_password(served: Served, module: str) -> None:
    rules = {"rules": [{"repositories": ["**"], "keep_newest": 1}]} if module == "registry_tags" else {}
    result = run_module(module, {**served.login, **rules, "password": "wrong"})
    assert result["failed"]
    assert result["cause"] == "unauthorized"
    assert result["msg"].endswith("wants a login (401): check the password of joe.")


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("registry_info", {"repositories": ["a b"]}, "repositories: 'a b' is not a pattern"),
        ("registry_info", {"tags": ["("]}, "tags: '(' is not a pattern"),
        ("registry_info", {"url": "https://registry.example.com/v2"}, "url must end after the host and port"),
        ("registry_tags", {"rules": [{"repositories": ["**"]}]}, "rules[0]: it has no criterion"),
        ("registry_tags", {"rules": [{"keep_newest": 1}]}, "missing required arguments: repositories found in rules"),
        ("registry_tags", {"rules": [], "url": "http://registry.example.com"}, "url is not encrypted (http)"),
    ],
)
def test_bad_input(module: str, arguments: dict[str, Any], message: str) -> None:
    result = run_module(module, {"url": "http://127.0.0.1:9", "username": "joe", "password": SECRET, **arguments})
    assert result["failed"]
    assert message in result["msg"]


def test_retention_in_check_mode_and_for_real(served: Served) -> None:
    rules = {"rules": [{"repositories": ["team/**"], "keep_tags": ["v*", "stable"]}]}
    planned = run_module("registry_tags", {**served.login, **rules}, check=True)
    assert planned["changed"]
    assert "mr-1" in served.registry.stores["team/app"].tags
    digest = served.registry.stores["team/app"].tags["mr-1"]
    assert f"team/app:mr-1 {digest}\n" in planned["diff"]["before"]
    assert "mr-1" not in planned["diff"]["after"]

    done = run_module("registry_tags", {**served.login, **rules})
    assert done == planned
    assert set(served.registry.stores["team/app"].tags) == {"v1", "stable"}
    assert done["repositories"][0]["deleted"][0]["reason"] == "keep_tags does not match it"
    assert done["repositories"][0]["manifests"] == [digest]

    again = run_module("registry_tags", {**served.login, **rules})
    assert not again["changed"]


def test_no_rule_changes_nothing(served: Served) -> None:
    result = run_module("registry_tags", {**served.login, "rules": []})
    assert (result["changed"], result["repositories"]) == (False, [])


def test_a_refusal_says_what_had_been_done(served: Served) -> None:
    rules = {"rules": [{"repositories": ["**"], "delete_tags": ["**"]}]}
    result = run_module("registry_tags", {**served.login, **rules})
    assert result["failed"]
    assert (result["cause"], result["changed"], result["repositories"]) == ("empty", False, [])
