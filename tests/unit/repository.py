# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the repository as a whole read: its files, and the argument specifications of its roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.tools.stage import ROOT, files

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())


def load(path: Path) -> Any:
    """A YAML file of the repository; {} where it is missing or empty."""
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def specs(role: str) -> dict[str, Any]:
    """The entry points of a role as ``meta/argument_specs.yml`` has them."""
    entry_points: dict[str, Any] = load(ROOT / "roles" / role / "meta/argument_specs.yml").get("argument_specs", {})
    return entry_points


def options(role: str) -> dict[str, dict[str, Any]]:
    """Every variable that some entry point of a role documents."""
    return {name: option for point in specs(role).values() for name, option in point.get("options", {}).items()}


def role_variables() -> set[str]:
    """The names of all documented variables of all roles."""
    return {name for role in ROLES for name in options(role)}


def text_files() -> list[Path]:
    """Tracked files (and new ones) that are text."""
    return [name for name in files() if b"\0" not in (ROOT / name).read_bytes()[:8192]]
