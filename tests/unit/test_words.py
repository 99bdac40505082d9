# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not stand in the repository: traces of one machine, notes to self, and names that move."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tools.stage import ROOT, files
from tests.unit.repository import text_files

# Put together here so that this file passes its own test.
UNWANTED = {
    "a path of one machine": [f"(?<![\\w.}}]){path}\\b" for path in ("/wo" + "rk/", "/fa" + "rm/", "/ro" + "ot/")],
    "a note to self": [rf"\b{word}\b" for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X")],
    "a package host; take it from the machine's own settings": [
        re.escape(host)
        for host in (
            "deb." + "debian.org",
            "security." + "debian.org",
            "archive." + "ubuntu.com",
            "py" + "pi.org",
            "files." + "pythonhosted",
            "registry." + "npmjs",
            "proxy." + "golang",
            "galaxy.ansible" + ".com",
        )
    ],
}
# Licences are not ours to word; the list of packages is what pip wrote.
EXEMPT = {Path("LICENSE"), Path("constraints.txt")}


@pytest.mark.parametrize("what", UNWANTED)
def test_unwanted_words(what: str) -> None:
    pattern = re.compile("|".join(UNWANTED[what]))
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in text_files()
        if name not in EXEMPT
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_roles_name_no_moving_image_tag() -> None:
    """An image called latest is another one tomorrow: what a role deploys has a version."""
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in text_files()
        if name.parts[0] == "roles" and name.parts[2] in ("defaults", "tasks", "templates", "vars")
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if re.search(r":latest\b|\bstate:\s*latest\b", line.split(" # ")[0])
    ]
    assert found == []


def test_plugins_carry_the_licence() -> None:
    header = "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)"
    python = [name for name in files() if name.parts[0] == "plugins" and name.suffix == ".py"]
    python = [name for name in python if (ROOT / name).stat().st_size]
    assert python
    assert [str(name) for name in python if header not in "\n".join((ROOT / name).read_text().splitlines()[:6])] == []


def test_sanity_ignores_nothing() -> None:
    assert [str(name) for name in text_files() if re.search(r"sanity/ignore.*\.txt$", str(name))] == []
