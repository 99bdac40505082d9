# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""config_path on a host with a scripted containerd: set, put back when it fails, and taken out again."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_apply import Apply, ApplyError
from ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_service import ServiceError
from ansible_collections.dockmirror.fleet.plugins.module_utils.toml_text import dumps

CERTS = "/etc/containerd/certs.d"
CRI = "io.containerd.grpc.v1.cri"
TEXT = f'# mine\nversion = 2\n[plugins."{CRI}".cni]\n  bin_dir = "/opt"\n'


class Scripted:
    """A containerd 1.x. *takes* is False for one on which the value has no effect."""

    def __init__(self, running: bool = True, takes: bool = True) -> None:
        self.process = "1:1" if running else ""
        self.takes = takes
        self.restarts = 0
        self.fails = ""

    def dump(self, config_file: str) -> str:
        path = Path(config_file)
        return self.dump_text(path.read_text() if path.exists() else "version = 2\n", config_file)

    def dump_text(self, text: str, beside: str) -> str:
        document: dict[str, Any] = {"disabled_plugins": [], "version": 2, **tomllib.loads(text)}
        registry = document.setdefault("plugins", {}).setdefault(CRI, {}).setdefault("registry", {})
        registry["config_path"] = registry.get("config_path", "") if self.takes else ""
        return dumps(document)

    def identity(self) -> str:
        return self.process

    def broken_plugins(self) -> list[str]:
        return [f"{CRI}.cri"] if self.fails == "plugin" and self.restarts == 1 else []

    def restart(self) -> None:
        self.restarts += 1
        self.process = f"1:{self.restarts + 1}"
        if self.fails == "start" and self.restarts == 1:
            raise ServiceError("containerd does not start: broken")


def apply(folder: Path, containerd: Scripted, allow: bool = True, check: bool = False) -> Apply:
    return Apply(containerd, str(folder / "config.toml"), CERTS, allow, check, str(folder / "state"))  # type: ignore[arg-type]


def config(folder: Path, text: str | None = TEXT) -> Path:
    path = folder / "config.toml"
    if text is not None:
        path.write_text(text)
        path.chmod(0o640)
    return path


@pytest.mark.parametrize("text", [TEXT, None])
def test_set_once_and_given_back_to_the_byte(tmp_path: Path, text: str | None) -> None:
    path, containerd = config(tmp_path, text), Scripted()
    outcome = apply(tmp_path, containerd).present()
    assert (outcome.changed, outcome.restarted, containerd.restarts) == (True, True, 1)
    assert tomllib.loads(path.read_text())["plugins"][CRI]["registry"] == {"config_path": CERTS}
    assert path.stat().st_mode & 0o777 == (0o644 if text is None else 0o640)
    assert not apply(tmp_path, containerd, allow=False).present().changed

    outcome = apply(tmp_path, containerd, allow=False).absent()
    assert (outcome.changed, outcome.restart_required, containerd.restarts) == (True, True, 1)
    assert (path.read_text() if path.exists() else None) == text
    assert not apply(tmp_path, containerd).absent().changed


def test_without_leave_to_restart_nothing_is_touched(tmp_path: Path) -> None:
    path = config(tmp_path)
    with pytest.raises(ApplyError, match="containerd_client_allow_restart") as caught:
        apply(tmp_path, Scripted(), allow=False).present()
    assert caught.value.restart_required
    assert path.read_text() == TEXT


def test_a_containerd_that_does_not_run_needs_no_restart(tmp_path: Path) -> None:
    config(tmp_path)
    containerd = Scripted(running=False)
    assert apply(tmp_path, containerd, allow=False).present().changed
    assert containerd.restarts == 0


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    path = config(tmp_path)
    assert apply(tmp_path, Scripted(), check=True).present().changed
    assert path.read_text() == TEXT
    assert [file.name for file in tmp_path.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(("fails", "reason"), [("start", "does not start: broken"), ("plugin", "does not start any")])
def test_what_does_not_work_is_put_back(tmp_path: Path, fails: str, reason: str) -> None:
    path, containerd = config(tmp_path), Scripted()
    containerd.fails = fails
    with pytest.raises(ApplyError, match=f"{reason}.*was put back"):
        apply(tmp_path, containerd).present()
    assert path.read_text() == TEXT
    assert containerd.restarts == 2
    assert not apply(tmp_path, containerd).absent().changed


def test_a_value_without_effect_is_not_written(tmp_path: Path) -> None:
    path = config(tmp_path)
    with pytest.raises(ApplyError, match="has no effect on this containerd"):
        apply(tmp_path, Scripted(takes=False)).present()
    assert path.read_text() == TEXT


@pytest.mark.parametrize(
    ("added", "message"),
    [
        (f'[plugins."{CRI}".registry]\nconfig_path = "/etc/mine"\n', "another config_path"),
        (f'[plugins."{CRI}".registry.mirrors."docker.io"]\nendpoint = ["x"]\n', "registry.mirrors.*docker.io"),
    ],
)
def test_what_others_configured_is_refused(tmp_path: Path, added: str, message: str) -> None:
    path = config(tmp_path, TEXT + added)
    with pytest.raises(ApplyError, match=message):
        apply(tmp_path, Scripted()).present()
    assert path.read_text() == TEXT + added


def test_nothing_is_needed_where_the_cri_is_off(tmp_path: Path) -> None:
    config(tmp_path, 'disabled_plugins = ["cri"]\n')
    outcome = apply(tmp_path, Scripted(), allow=False).present()
    assert (outcome.changed, outcome.cri) == (False, False)


def test_a_run_that_ended_before_the_restart_is_finished_by_the_next(tmp_path: Path) -> None:
    config(tmp_path)
    containerd = Scripted()

    def interrupted() -> None:
        raise KeyboardInterrupt

    containerd.restart = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        apply(tmp_path, containerd).present()
    del containerd.restart
    with pytest.raises(ApplyError, match="has not read it"):
        apply(tmp_path, containerd, allow=False).present()
    outcome = apply(tmp_path, containerd).present()
    assert (outcome.changed, containerd.restarts) == (True, 1)
    assert not apply(tmp_path, containerd).present().changed
