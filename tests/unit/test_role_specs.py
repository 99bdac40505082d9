# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role documents is what it takes: no linter compares argument specifications with defaults."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.tools.stage import ROOT
from tests.unit.repository import ROLES, load, options, specs

PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "bool": bool,
    "dict": dict,
    "float": (int, float),
    "int": int,
    "list": list,
    "path": str,
    "raw": object,
    "str": str,
}


def defaults(role: str) -> dict[str, Any]:
    values: dict[str, Any] = load(ROOT / "roles" / role / "defaults/main.yml")
    return values


def comparable(value: Any) -> Any:
    """Folded templates may be wrapped differently in the two files."""
    return " ".join(value.split()) if isinstance(value, str) else value


def is_template(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_documented_with_the_same_value(role: str) -> None:
    documented = {name: comparable(option.get("default")) for name, option in options(role).items()}
    actual = {name: comparable(value) for name, value in defaults(role).items()}
    assert actual == {name: documented.get(name, "(not documented)") for name in actual}


@pytest.mark.parametrize("role", ROLES)
def test_every_documented_default_exists(role: str) -> None:
    promised = {name for name, option in options(role).items() if "default" in option}
    assert promised <= set(defaults(role))


@pytest.mark.parametrize("role", ROLES)
def test_a_variable_is_required_or_has_a_default(role: str) -> None:
    assert [
        name for name, option in options(role).items() if ("default" in option) == option.get("required", False)
    ] == []


@pytest.mark.parametrize("role", ROLES)
def test_entry_points_agree_about_a_variable(role: str) -> None:
    seen: dict[str, dict[str, Any]] = {}
    for point in specs(role).values():
        for name, option in point.get("options", {}).items():
            facts = {key: option.get(key) for key in ("type", "elements", "default", "choices", "required")}
            assert seen.setdefault(name, facts) == facts, name


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_says_its_type_and_what_it_is_for(role: str) -> None:
    for name, option in options(role).items():
        assert option.get("type") in PYTHON_TYPES, name
        assert option.get("description"), name
        if option["type"] == "list":
            assert option.get("elements"), name


@pytest.mark.parametrize("role", ROLES)
def test_defaults_have_the_documented_type_and_choice(role: str) -> None:
    for name, option in options(role).items():
        default = option.get("default")
        if default is None or is_template(default):
            continue
        assert isinstance(default, PYTHON_TYPES[option["type"]]), name
        assert isinstance(default, bool) == (option["type"] == "bool") or option["type"] == "raw", name
        if "choices" in option:
            assert default in option["choices"], name


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_name_of_their_role(role: str) -> None:
    assert [name for name in {*options(role), *defaults(role)} if not name.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", ROLES)
def test_vars_hold_no_inputs(role: str) -> None:
    """What stands in vars outranks the inventory, so a user could not set it."""
    for path in (ROOT / "roles" / role / "vars").glob("**/*.yml"):
        assert [name for name in load(path) if not name.startswith(f"__{role}_")] == [], path.name


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_has_tasks_and_a_description(role: str) -> None:
    assert specs(role), "the role documents no entry point"
    for name, point in specs(role).items():
        assert point.get("short_description"), name
        assert (ROOT / "roles" / role / "tasks" / f"{name}.yml").is_file(), name


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_that_is_called_is_documented(role: str) -> None:
    """Whoever calls a role from outside names a file of its tasks: that file is an interface."""
    called = re.compile(r"name:\s*dockmirror\.fleet\." + role + r"\n(?:\s+\w+:.*\n)*?\s+tasks_from:\s*([\w.]+)")
    callers = [*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")]
    outside = [path for path in callers if path.parts[-3:-1] != (role, "tasks")]
    points = {point.removesuffix(".yml") for path in outside for point in called.findall(path.read_text())}
    assert points <= set(specs(role))


@pytest.mark.parametrize("role", ROLES)
def test_a_secret_is_marked_as_one(role: str) -> None:
    """Ansible shows the value of an argument that fails its check unless the specification says that it must not."""

    def walk(named: dict[str, dict[str, Any]]) -> None:
        for name, option in named.items():
            if option.get("type") == "str" and re.search(r"(?<!_)(password|passphrase|secret|token)$", name):
                assert option.get("no_log") is True, name
            walk(option.get("options", {}))

    walk(options(role))
