# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on a real directory, run by Ansible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.module_utils.tls import Authority

from .running import run_module


@pytest.fixture(scope="module")
def ca() -> str:
    return Authority("Fleet CA").certificate


def test_check_apply_again_and_remove(tmp_path: Path, ca: str) -> None:
    base = tmp_path / "certs.d"
    files = [f"{base}/docker.io/dockmirror-ca.crt", f"{base}/m1.example.com:8443/dockmirror-ca.crt"]
    arguments = {"path": str(base), "hosts": ["m1.example.com:8443"], "ca_certificate": ca}

    checked = run_module("docker_trust", arguments, "--check")
    assert checked["changed"]
    assert checked["written"] == files
    assert not base.exists()

    applied = run_module("docker_trust", arguments)
    assert applied["changed"]
    assert applied["written"] == applied["files"] == files
    assert [Path(file).read_text() for file in files] == [ca, ca]

    again = run_module("docker_trust", arguments)
    assert (again["changed"], again["written"], again["files"]) == (False, [], files)

    removed = run_module("docker_trust", {"path": str(base), "state": "absent"})
    assert (removed["changed"], removed["removed"], removed["files"]) == (True, files, [])
    assert not base.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hosts": ["m1"]}, "ca_certificate is missing"),
        ({"registries": ["r1"]}, "registry_ca_certificate is missing"),
        ({"hosts": [], "ca_certificate": "x"}, "no host is given"),
        ({"hosts": ["m1"], "ca_certificate": "x"}, "no certificate in the CA file"),
        ({"hosts": ["m1/../.."], "ca_certificate": "CA"}, "is not a host name"),
    ],
)
def test_bad_input_touches_nothing(tmp_path: Path, ca: str, arguments: dict[str, Any], message: str) -> None:
    if arguments.get("ca_certificate") == "CA":
        arguments = {**arguments, "ca_certificate": ca}
    result = run_module("docker_trust", {**arguments, "path": str(tmp_path / "certs.d")})
    assert result["failed"]
    assert message in result["msg"]
    assert not (tmp_path / "certs.d").exists()
