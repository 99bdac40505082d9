# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that cannot run the lab is told all that it lacks, before anything is touched."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.lab import apt, paths, preflight


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make this a machine that has everything."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(apt, "debian_mirror", lambda: "http://packages.example.test/debian/")
    monkeypatch.setattr(apt, "architecture", lambda: "amd64")
    monkeypatch.setattr(paths, "HUB_STORAGE", Path("/nowhere"))
    monkeypatch.setattr(preflight, "disk_free", lambda folder: preflight.DISK)
    monkeypatch.setattr(preflight, "memory_available", lambda: preflight.MEMORY)
    return monkeypatch


@pytest.mark.usefixtures("machine")
def test_a_fit_machine_lacks_nothing() -> None:
    assert preflight.missing() == []
    preflight.check()


def test_everything_that_is_missing_is_said_at_once(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(os, "geteuid", lambda: 1000)
    machine.setattr(apt, "architecture", lambda: "s390x")
    machine.setattr(preflight, "disk_free", lambda folder: 0)
    machine.setattr(preflight, "memory_available", lambda: 0)
    with pytest.raises(preflight.NotPossible) as caught:
        preflight.check()
    text = str(caught.value)
    assert all(part in text for part in ("root is needed", "s390x", "GiB of free disk", "GiB of free memory"))


def test_a_system_without_apt_is_said_to_be_no_debian(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(shutil, "which", lambda name: None)
    assert preflight.missing() == ["a Debian system is needed: apt-get and dpkg are not here"]


def test_another_operating_system_is_not_looked_at_further(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(sys, "platform", "darwin")
    assert preflight.missing() == ["Linux is needed, this is darwin"]


def test_less_disk_is_enough_once_everything_is_built(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setattr(preflight, "disk_free", lambda folder: preflight.DISK_WHEN_BUILT)
    assert len(preflight.missing()) == 1
    machine.setattr(paths, "HUB_STORAGE", tmp_path)
    assert preflight.missing() == []


def test_free_disk_is_asked_where_the_folder_will_be(tmp_path: Path) -> None:
    assert preflight.disk_free(tmp_path / "not" / "yet") > 0
