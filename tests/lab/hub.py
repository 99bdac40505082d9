# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Docker Hub: what is put into its host before that starts."""

from __future__ import annotations

from pathlib import Path

from tests.lab import paths
from tests.lab.mkimage import Entry, File, Link

# The Hub needs no engine, and an engine costs time at boot.
BOOT_ARGUMENTS = ("systemd.mask=docker.service", "systemd.mask=docker.socket", "systemd.mask=containerd.service")
WANTS = "etc/systemd/system/multi-user.target.wants"


def files(pki: Path) -> dict[str, Entry]:
    """Configuration of the Hub's host, by path."""
    assets = paths.ASSETS / "hub"
    return {
        "etc/nginx/conf.d/hub.conf": File((assets / "nginx.conf").read_bytes()),
        "etc/nginx/hub.crt": File((pki / "hub.crt").read_bytes()),
        "etc/nginx/hub.key": File((pki / "hub.key").read_bytes(), 0o600),
        "etc/hub-registry.yml": File((assets / "registry.yml").read_bytes()),
        "etc/systemd/system/hub-registry.service": File((assets / "hub-registry.service").read_bytes()),
        f"{WANTS}/hub-registry.service": Link("/etc/systemd/system/hub-registry.service"),
    }
