# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module where there is no engine; with engines and mirrors it is tested by the molecule scenario default."""

from __future__ import annotations

from pathlib import Path

from .running import run_module


def test_no_engine_is_said_of_the_client_by_its_name(tmp_path: Path) -> None:
    result = run_module("mirror_proof", {"client": "app-07", "docker_socket": str(tmp_path / "docker.sock")}, "--check")
    assert result["failed"]
    assert result["cause"] == "no_engine"
    assert result["msg"].startswith("app-07: the Docker Engine does not work as it should: no engine answers on")
    assert "systemctl status docker" in result["msg"]
