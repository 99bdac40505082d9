# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hosts.toml files on a real directory: ours come and go, those of others stay."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_trust import TrustError, carry_out
from ansible_collections.dockmirror.fleet.plugins.module_utils.podman_registries import document as podman_document
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_hosts import (
    Plan,
    authorities_in,
    document,
    mirrors_in,
    plan,
    wanted_files,
)

A, B = "https://a.example.com", "https://b.example.com:8443"
REGISTRIES = {"docker.io": [A, B], "registry.example.com:5000": [B]}


def apply(base: Path, registries: dict[str, list[str]], ca: str = "CA\n") -> Plan:
    planned = plan(str(base), wanted_files(str(base), registries, ca))
    carry_out(str(base), planned.changes)
    return planned


def tree(base: Path) -> set[str]:
    return {str(path.relative_to(base)) for path in base.rglob("*") if path.is_file()}


def test_a_document_names_mirrors_in_order_and_the_registry_itself_last() -> None:
    read = tomllib.loads(document("docker.io", [B, A + "/", "http://c"], "/ca.pem"))
    assert read["server"] == "https://registry-1.docker.io"
    assert list(read["host"]) == [B, A, "http://c"]
    assert read["host"][A] == {"capabilities": ["pull", "resolve"], "dial_timeout": "5s", "ca": "/ca.pem"}
    assert "ca" not in read["host"]["http://c"]
    assert tomllib.loads(document("ghcr.io", [A], ""))["server"] == "https://ghcr.io"


def test_verification_is_never_switched_off() -> None:
    assert "skip_verify" not in document("docker.io", [A, "http://c"], "")


def test_what_is_written_can_be_looked_up_again() -> None:
    text = document("docker.io", [B, A], "/ca.pem")
    assert mirrors_in(text) == [B, A]
    assert authorities_in(text, A) == ["/ca.pem"]
    assert authorities_in(text, "https://other") == []
    assert mirrors_in("not toml") == authorities_in("not toml", A) == []


def test_files_come_stay_and_go(tmp_path: Path) -> None:
    base = tmp_path / "etc" / "certs.d"
    assert apply(base, REGISTRIES).changes
    names = {f"{name}/{file}" for name in REGISTRIES for file in ("hosts.toml", "dockmirror-ca.pem")}
    assert tree(base) == names
    again = apply(base, REGISTRIES)
    assert again.changes == []
    assert len(again.files) == 4
    apply(base, {"docker.io": [A]})
    assert tree(base) == {"docker.io/hosts.toml", "docker.io/dockmirror-ca.pem"}
    apply(base, {}, "")
    assert not base.exists()


def test_the_ca_is_there_before_it_is_named_and_goes_after(tmp_path: Path) -> None:
    written = [Path(change.path).name for change in apply(tmp_path, {"docker.io": [A]}).changes]
    assert written == ["dockmirror-ca.pem", "hosts.toml"]
    removed = [Path(change.path).name for change in apply(tmp_path, {}).changes]
    assert removed == ["hosts.toml", "dockmirror-ca.pem"]


def test_a_file_of_somebody_else_is_reported_and_stays(tmp_path: Path) -> None:
    theirs = tmp_path / "docker.io" / "hosts.toml"
    theirs.parent.mkdir()
    theirs.write_text('server = "https://mine"\n')
    planned = apply(tmp_path, {"docker.io": [A], "ghcr.io": [A]})
    assert planned.foreign == [str(theirs)]
    assert tree(tmp_path) == {"docker.io/hosts.toml", "ghcr.io/hosts.toml", "ghcr.io/dockmirror-ca.pem"}
    apply(tmp_path, {}, "")
    assert tree(tmp_path) == {"docker.io/hosts.toml"}
    assert theirs.read_text() == 'server = "https://mine"\n'


def test_what_others_changed_in_ours_is_put_right(tmp_path: Path) -> None:
    apply(tmp_path, {"docker.io": [A]})
    ours = tmp_path / "docker.io" / "hosts.toml"
    ours.write_text(ours.read_text() + "# more\n")
    ours.chmod(0o600)
    assert len(apply(tmp_path, {"docker.io": [A]}).changes) == 1
    assert ours.stat().st_mode & 0o777 == 0o644


def test_a_registry_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrustError):
        wanted_files(str(tmp_path), {"../etc": [A]}, "")


def test_podman_gets_the_registry_as_part_of_the_path() -> None:
    read = tomllib.loads(podman_document({"docker.io": [B, A], "ghcr.io": ["http://c"]}))
    assert read == {
        "registry": [
            {
                "prefix": "docker.io",
                "location": "docker.io",
                "mirror": [{"location": "b.example.com:8443/docker.io"}, {"location": "a.example.com/docker.io"}],
            },
            {"prefix": "ghcr.io", "location": "ghcr.io", "mirror": [{"location": "c/ghcr.io", "insecure": True}]},
        ]
    }
