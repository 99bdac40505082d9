# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that the product talks to, besides the Hub: an ACME server and an S3-compatible one, by group of the host."""

from __future__ import annotations

from pathlib import Path

from tests.lab import gotools, paths, pki
from tests.lab.mkimage import Entry, File, Folder, Link
from tests.lab.platforms import Platform

ACME_GROUP = "acme"
S3_GROUP = "s3"
S3_ACCESS_KEY = "lab-access-key"
S3_SECRET_KEY = "lab-secret-key"
S3_BUCKET = "registry"
S3_REGION = "us-east-1"
WANTS = "etc/systemd/system/multi-user.target.wants"


def files(platform: Platform, authority: Path) -> dict[str, Entry]:
    """What such a host gets before it starts; nothing for every other one.

    :param authority: folder of the fleet's PKI.
    """
    found: dict[str, Entry] = {}
    if ACME_GROUP in platform.groups:
        found |= _acme(platform, authority)
    if S3_GROUP in platform.groups:
        found |= _s3()
    return found


def is_server(platform: Platform) -> bool:
    """True for a host that runs one of these servers. It needs no engine, and an engine costs time at boot."""
    return bool({ACME_GROUP, S3_GROUP} & set(platform.groups))


def _acme(platform: Platform, authority: Path) -> dict[str, Entry]:
    """Pebble. Its own certificate is trusted by nobody but who is told to: ``pki/<host name>.crt`` of the fleet."""
    assets = paths.ASSETS / "acme"
    pki.self_signed(authority, platform.name)
    return {
        "usr/local/bin/pebble": File(gotools.program("pebble").read_bytes(), 0o755),
        "etc/pebble": Folder(),
        "etc/pebble/pebble.json": File((assets / "pebble.json").read_bytes()),
        "etc/pebble/server.crt": File((authority / f"{platform.name}.crt").read_bytes()),
        "etc/pebble/server.key": File((authority / f"{platform.name}.key").read_bytes(), 0o600),
        **_service("pebble", assets / "pebble.service"),
    }


def _s3() -> dict[str, Entry]:
    assets = paths.ASSETS / "s3"
    environment = f"ROOT_ACCESS_KEY={S3_ACCESS_KEY}\nROOT_SECRET_KEY={S3_SECRET_KEY}\nVGW_REGION={S3_REGION}\n"
    return {
        "usr/local/bin/versitygw": File(gotools.program("versitygw").read_bytes(), 0o755),
        "etc/s3-server.env": File(environment.encode(), 0o600),
        "var/lib/s3": Folder(),
        "var/lib/s3/meta": Folder(),
        "var/lib/s3/data": Folder(),
        f"var/lib/s3/data/{S3_BUCKET}": Folder(),
        **_service("s3", assets / "s3.service"),
    }


def _service(name: str, unit: Path) -> dict[str, Entry]:
    return {
        f"etc/systemd/system/{name}.service": File(unit.read_bytes()),
        f"{WANTS}/{name}.service": Link(f"/etc/systemd/system/{name}.service"),
    }
