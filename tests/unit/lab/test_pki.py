# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Hub's certificate is one that engines accept for the Hub's real names."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from tests.lab import pki

NAMES = ["hub.example.test", "registry-1.docker.io"]


def test_certificate_has_the_names_and_is_signed_by_the_authority(tmp_path: Path) -> None:
    pki.make(tmp_path, NAMES)
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    certificate = x509.load_pem_x509_certificate((tmp_path / "hub.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == NAMES


def test_keys_are_private_and_the_authority_keeps_none(tmp_path: Path) -> None:
    pki.make(tmp_path, NAMES)
    assert (tmp_path / "hub.key").stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ca.crt", "hub.crt", "hub.key"]


def test_a_valid_authority_is_kept(tmp_path: Path) -> None:
    pki.make(tmp_path, NAMES)
    before = (tmp_path / "ca.crt").read_bytes()
    pki.make(tmp_path, NAMES)
    assert (tmp_path / "ca.crt").read_bytes() == before
