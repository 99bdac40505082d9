# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents tell a user to type exists, and the example inventory works when a line is uncommented."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tests.tools.stage import CACHE, ROOT, files
from tests.unit.repository import ROLES, options, role_variables

READMES = ["README.md", "README.zh-CN.md"]
DOCUMENTS = sorted(str(name) for name in files() if name.suffix == ".md")
EXAMPLES = sorted(path.name for path in (ROOT / "inventory.example/group_vars").glob("*.yml"))
PLAYBOOKS = sorted(path.name for path in (ROOT / "playbooks").glob("*.yml"))


def text_of(document: str) -> str:
    return (ROOT / document).read_text()


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document: str) -> None:
    lines = [*re.findall(r"`([^`\n]+)`", text_of(document)), *text_of(document).splitlines()]
    commands = [line.split("#")[0].split() for line in lines if line.startswith("make ")]
    named = {word for command in commands for word in command[1:] if "=" not in word}
    assert named <= make_targets()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_files_exist(document: str) -> None:
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", text_of(document))
    assert [name for name in linked if not (ROOT / document).parent.joinpath(name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_playbooks_exist(document: str) -> None:
    named = set(re.findall(r"playbooks/([a-z_]+)\.yml", text_of(document)))
    named |= set(re.findall(r"ansible-playbook dockmirror\.fleet\.([a-z_]+)", text_of(document)))
    assert {f"{name}.yml" for name in named} <= set(PLAYBOOKS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_variables_exist(document: str) -> None:
    """A word in code style that carries the prefix of a role is one of its variables, unless it is a module."""
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
    known = role_variables() | {f"{role}_" for role in ROLES} | set(ROLES) | modules
    prefix = "|".join(ROLES)
    named = set(re.findall(rf"`((?:{prefix})_[a-z0-9_]*[a-z0-9])(?::[^`]*)?`", text_of(document)))
    assert sorted(named - known) == []


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "docs/facts.md"])
def test_cited_facts_exist(document: str) -> None:
    rows = set(re.findall(r"^\| ([RNDC]\d+) \|", text_of("docs/facts.md"), re.MULTILINE))
    assert set(re.findall(r"\b([RNDC]\d{1,2})\b", text_of(document))) <= rows


def test_facts_cited_in_code_exist() -> None:
    rows = set(re.findall(r"^\| ([RNDC]\d+) \|", text_of("docs/facts.md"), re.MULTILINE))
    sources = [
        name for name in files() if name.parts[0] in ("plugins", "roles", "playbooks", "molecule", "tests", "mk")
    ]
    for name in sources:
        for ids in re.findall(r"facts\.md((?:,? (?:and )?[RNDC]\d+)+)", (ROOT / name).read_text(errors="replace")):
            assert set(re.findall(r"[RNDC]\d+", ids)) <= rows, name


def test_both_readmes_say_the_same() -> None:
    """The same commands, files and variables in the same order; only the sentences between them are translated."""

    def skeleton(document: str) -> list[str]:
        blocks = re.findall(r"^ *```shell\n(.*?)```", text_of(document), re.MULTILINE | re.DOTALL)
        commands = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
        inline = sorted(re.findall(r"`([a-z_][^`\n]*)`", re.sub(r"```.*?```", "", text_of(document), flags=re.DOTALL)))
        headings = ["#" * len(level) for level in re.findall(r"^(#+) ", text_of(document), re.MULTILINE)]
        return [*commands, *inline, *headings]

    first, second = (skeleton(document) for document in READMES)
    assert first == second


def uncommented(example: str) -> dict[str, Any]:
    """The variables of an example file once every `#` before one is taken away; `# ` begins a sentence."""
    text = text_of(f"inventory.example/group_vars/{example}")
    values: dict[str, Any] = yaml.safe_load(re.sub(r"^#(?! \S|$)", "", text, flags=re.MULTILINE))
    return values


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_variables_are_role_variables(example: str) -> None:
    ours = {name for name in uncommented(example) if not name.startswith("ansible_")}
    assert ours
    assert sorted(ours - role_variables()) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_values_are_accepted(example: str) -> None:
    every_option = {name: option for role in ROLES for name, option in options(role).items()}
    for name, value in uncommented(example).items():
        if name in every_option:
            result = ArgumentSpecValidator({name: every_option[name]}).validate({name: value})
            assert result.error_messages == [], name


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbooks_are_valid_with_the_example_inventory(playbook: str) -> None:
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [str(program), "--syntax-check", "-i", "inventory.example", f"playbooks/{playbook}"],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": "ansible.cfg", "ANSIBLE_COLLECTIONS_PATH": str(CACHE / "collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
