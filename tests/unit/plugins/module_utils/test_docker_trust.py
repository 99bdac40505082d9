# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CA files for dockerd, on a real directory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_trust import (
    CA_FILE_NAME,
    TrustError,
    carry_out,
    check_host,
    plan,
    read_certificates,
    wanted_files,
)

from .tls import Authority


@pytest.fixture(scope="module")
def ca() -> str:
    return Authority("Fleet CA").certificate


def apply(base: Path, hosts: list[str], text: str) -> bool:
    changes = plan(str(base), wanted_files(str(base), hosts, text))
    carry_out(str(base), changes)
    return bool(changes)


def remove(base: Path) -> bool:
    changes = plan(str(base), {})
    carry_out(str(base), changes)
    return bool(changes)


def tree(base: Path) -> set[str]:
    return {str(path.relative_to(base)) for path in base.rglob("*") if path.is_file()}


def test_every_place_is_written_and_a_second_run_changes_nothing(tmp_path: Path, ca: str) -> None:
    base = tmp_path / "docker" / "certs.d"
    assert apply(base, ["m1.example.com", "m2.example.com:8443"], ca)
    assert tree(base) == {f"{name}/{CA_FILE_NAME}" for name in ("docker.io", "m1.example.com", "m2.example.com:8443")}
    assert (base / "docker.io" / CA_FILE_NAME).read_text() == ca
    assert not apply(base, ["m2.example.com:8443", "m1.example.com"], ca)


def test_modes_do_not_depend_on_the_umask(tmp_path: Path, ca: str) -> None:
    base = tmp_path / "certs.d"
    before = os.umask(0o077)
    try:
        apply(base, ["m1"], ca)
    finally:
        os.umask(before)
    assert stat.S_IMODE((base / "m1").stat().st_mode) == 0o755
    assert stat.S_IMODE((base / "m1" / CA_FILE_NAME).stat().st_mode) == 0o644


def test_a_wrong_mode_is_put_right(tmp_path: Path, ca: str) -> None:
    apply(tmp_path, ["m1"], ca)
    path = tmp_path / "m1" / CA_FILE_NAME
    path.chmod(0o600)
    assert apply(tmp_path, ["m1"], ca)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_mirror_that_left_and_another_ca(tmp_path: Path, ca: str) -> None:
    other = Authority("Other CA").certificate
    apply(tmp_path, ["m1", "m2"], ca)
    assert apply(tmp_path, ["m1"], other)
    assert tree(tmp_path) == {f"docker.io/{CA_FILE_NAME}", f"m1/{CA_FILE_NAME}"}
    assert not (tmp_path / "m2").exists()
    assert (tmp_path / "m1" / CA_FILE_NAME).read_text() == other


def test_what_others_put_there_stays(tmp_path: Path, ca: str) -> None:
    (tmp_path / "m1").mkdir()
    (tmp_path / "m1" / "ca.crt").write_text("theirs")
    (tmp_path / "registry.example.com").mkdir()
    apply(tmp_path, ["m1"], ca)
    assert remove(tmp_path)
    assert tree(tmp_path) == {"m1/ca.crt"}
    assert (tmp_path / "m1" / "ca.crt").read_text() == "theirs"
    assert (tmp_path / "registry.example.com").is_dir()


def test_removal_leaves_nothing_and_a_second_one_changes_nothing(tmp_path: Path, ca: str) -> None:
    base = tmp_path / "certs.d"
    apply(base, ["m1"], ca)
    assert remove(base)
    assert not base.exists()
    assert not remove(base)


def test_removal_where_nothing_is_managed_touches_nothing(tmp_path: Path) -> None:
    base = tmp_path / "certs.d"
    base.mkdir()
    assert not remove(base)
    assert base.is_dir()


def test_a_link_is_replaced_and_its_target_kept(tmp_path: Path, ca: str) -> None:
    target = tmp_path / "target"
    target.write_text("theirs")
    (tmp_path / "certs.d" / "m1").mkdir(parents=True)
    link = tmp_path / "certs.d" / "m1" / CA_FILE_NAME
    link.symlink_to(target)
    assert apply(tmp_path / "certs.d", ["m1"], ca)
    assert not link.is_symlink()
    assert target.read_text() == "theirs"


def test_a_plan_writes_nothing(tmp_path: Path, ca: str) -> None:
    assert plan(str(tmp_path / "certs.d"), wanted_files(str(tmp_path / "certs.d"), ["m1"], ca))
    assert not (tmp_path / "certs.d").exists()


def test_a_file_in_the_place_of_a_directory(tmp_path: Path, ca: str) -> None:
    (tmp_path / "m1").write_text("")
    with pytest.raises(TrustError, match="m1"):
        apply(tmp_path, ["m1"], ca)


@pytest.mark.parametrize("host", ["m1", "m1.example.com:443", "10.0.0.1:8443", "[fd00::1]:443", "a_b.example"])
def test_good_hosts(host: str) -> None:
    assert check_host(host) == host


@pytest.mark.parametrize(
    "host", ["", "..", "../etc", "a/b", "https://m1", "m1:", "m1:port", "m1 ", ".m1", "m1\n", "a..b"]
)
def test_bad_hosts(host: str) -> None:
    with pytest.raises(TrustError, match="is not a host name"):
        check_host(host)


def test_text_around_certificates_is_dropped(ca: str) -> None:
    text = f"subject: x\n{ca.replace(chr(10), chr(13) + chr(10))}\n\n# more\n{ca}"
    assert read_certificates(text).text == ca + ca


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nno base64!\n-----END CERTIFICATE-----\n", "cannot be read"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        ("-----BEGIN EC PRIVATE KEY-----\n", "private key"),
    ],
)
def test_bad_ca_files(text: str, message: str) -> None:
    with pytest.raises(TrustError, match=message):
        read_certificates(text)


def test_an_expired_ca_is_named(ca: str) -> None:
    assert read_certificates(ca).expired == []
    old = Authority("Old CA", first_day=-10, last_day=-1).certificate
    assert read_certificates(ca + old).expired == ["commonName=Old CA"]
