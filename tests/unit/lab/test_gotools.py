# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that only a Go toolchain can provide: built once, and left out with a word where they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import gotools
from tests.lab.run import LabError


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gotools.paths, "TOOLS", tmp_path)
    monkeypatch.setattr(gotools.paths, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(gotools, "go", lambda: "")
    return tmp_path


def built(folder: Path, name: str, source: str = "") -> Path:
    (folder / name).write_text("a program")
    (folder / f"{name}.source").write_text(source or gotools.source(name))
    return folder / name


def test_what_is_there_needs_no_toolchain(tools: Path) -> None:
    file = built(tools, "pebble")
    assert gotools.program("pebble") == file
    assert gotools.missing({"acme", "hub"}) == []


def test_what_is_not_there_is_named(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gotools.missing({"acme", "s3", "docker_clients"}) == ["pebble", "versitygw"]
    gotools.build()
    assert (
        "there is no Go toolchain on this machine, so these are left out: pebble, versitygw" in capsys.readouterr().out
    )
    with pytest.raises(LabError, match="no Go toolchain"):
        gotools.program("pebble")


def test_another_version_is_built_anew(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(tools, "pebble", "an older version")
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(gotools, "install", lambda package, version, _folder: asked.append((package, version)))
    gotools.program("pebble")
    gotools.program("pebble")
    assert asked == [(gotools.TOOLS["pebble"].package, gotools.TOOLS["pebble"].version)]
