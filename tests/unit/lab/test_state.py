# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab did to the machine is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import apt, paths, state


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the state in a folder of the test's own."""
    monkeypatch.setattr(paths, "CACHE", tmp_path / "lab")
    monkeypatch.setattr(paths, "STATE", tmp_path / "lab" / "state.json")


def test_nothing_was_done_before_the_first_record() -> None:
    assert state.load() == state.State()


def test_what_was_saved_is_loaded() -> None:
    known = state.State(packages=["docker.io"], engine="process", engine_pid=7, data_root_made=True)
    state.save(known)
    assert state.load() == known


def test_packages_that_came_along_are_recorded_even_when_the_installation_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = {"bash"}

    def run(*argv: str, **_: object) -> None:
        if "install" in argv:
            here.update({"zstd", "libzstd1"})
            raise OSError("interrupted")

    monkeypatch.setattr(apt, "installed", lambda: set(here))
    monkeypatch.setattr(apt, "available", lambda name: True)
    monkeypatch.setattr(apt, "run", run)
    with pytest.raises(OSError, match="interrupted"):
        apt.install("zstd", "bash")
    assert state.load().packages == ["libzstd1", "zstd"]


def test_packages_that_others_need_by_now_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    class Plan:
        stdout = "Purg zstd [1.5]\nPurg other:amd64 [2]\n"

    def run(*argv: str, **_: object) -> Plan:
        asked.append(argv)
        return Plan()

    monkeypatch.setattr(apt, "installed", lambda: {"zstd", "other"})
    monkeypatch.setattr(apt, "run", run)
    assert apt.remove(["zstd"]) is False
    assert [argv for argv in asked if "-s" not in argv] == []
    assert apt.remove(["zstd", "other"]) is True
    assert asked[-1] == ("apt-get", "purge", "-y", "-qq", "zstd", "other")
