# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of fleet hosts: Debian with systemd, made with mmdebstrap from the machine's own package mirror."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import apt, paths
from tests.lab.run import LabError, docker, run, step

REPOSITORY = f"dockmirror-lab/host-{paths.CHECKOUT_ID}"
KEY_LABEL = "dockmirror-lab.key"

BARE = (
    "systemd", "systemd-sysv", "dbus", "python3", "python3-apt", "ca-certificates", "iproute2", "iptables", "curl",
    "procps", "openssl", "kmod",
)  # fmt: skip
# Engine 20.10 of Debian 12 has its client inside and only Compose 1; later releases have both as own packages.
# With them comes all that the roles for servers install, so that only `bare` hosts ask the package mirror.
SERVER = ("docker-compose", "nginx", "logrotate", "python3-cryptography")
OLD_ENGINE = ("docker.io", *SERVER)
ENGINE = ("docker.io", "docker-cli", *SERVER)
PACKAGES: dict[str, tuple[str, ...]] = {
    "trixie-full": (*BARE, *ENGINE),
    "bookworm-full": (*BARE, *OLD_ENGINE),
    "sid-full": (*BARE, *ENGINE),
    "trixie-bare": BARE,
    # Clients without Docker.
    "trixie-runtimes": (*BARE, "containerd", "podman"),
}
# Units that make no sense in a container or that act at a time of their own.
MASKED = (
    "getty.target", "console-getty.service", "systemd-logind.service", "systemd-udevd.service",
    "systemd-timesyncd.service", "systemd-networkd.service", "systemd-networkd-wait-online.service",
    "systemd-modules-load.service", "systemd-remount-fs.service", "systemd-firstboot.service", "apt-daily.timer",
    "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "dpkg-db-backup.timer",
)  # fmt: skip


def name(flavour: str) -> str:
    """Image name of a host flavour such as ``trixie-full``."""
    if flavour not in PACKAGES:
        raise LabError(f"unknown host image {flavour!r}; there are {', '.join(PACKAGES)}")
    return f"{REPOSITORY}:{flavour}"


def key(flavour: str) -> str:
    """What the image is made of, as a short hash: an image or cached file with another key is stale."""
    whole = hashlib.sha256(repr((flavour, PACKAGES[flavour], MASKED)).encode())
    for file in sorted((paths.ASSETS / "host").iterdir()):
        whole.update(file.read_bytes())
    return whole.hexdigest()[:12]


def build(flavour: str) -> None:
    """Make the image unless the engine has it; the root file system is kept in the cache."""
    image, wanted = name(flavour), key(flavour)
    if docker("image", "inspect", "-f", f'{{{{index .Config.Labels "{KEY_LABEL}"}}}}', image, check=False) == wanted:
        return
    file = paths.ROOTFS / f"{flavour}-{wanted}.tar.zst"
    apt.install("zstd")
    if not file.exists():
        apt.install("mmdebstrap")
        with step(f"host image {flavour}: root file system from Debian packages"):
            _rootfs(flavour, file)
    with step(f"host image {flavour}: import"):
        _load(file, image, wanted)


def _rootfs(flavour: str, file: Path) -> None:
    paths.ROOTFS.mkdir(parents=True, exist_ok=True)
    for stale in paths.ROOTFS.glob(f"{flavour}-*"):
        stale.unlink()
    assets = paths.ASSETS / "host"
    masks = "; ".join(f'ln -sf /dev/null "$1/etc/systemd/system/{unit}"' for unit in MASKED)
    part = file.with_name(f"{flavour}-part.tar.zst")
    with _scratch() as scratch:
        run(
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES[flavour])}",
            '--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Languages "none"',
            '--aptopt=APT::Install-Recommends "false"',
            "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            '--customize-hook=rm -f "$1/var/lib/dbus/machine-id"; : > "$1/etc/machine-id"',
            f"--customize-hook={masks}",
            '--customize-hook=mkdir -p "$1/etc/systemd/journald.conf.d"',
            f"--customize-hook=copy-in {assets / 'fleet-init'} /usr/sbin",
            f"--customize-hook=copy-in {assets / 'journald.conf'} /etc/systemd/journald.conf.d",
            flavour.partition("-")[0], str(part), apt.debian_mirror(),
            env={"TMPDIR": scratch},
        )  # fmt: skip
    part.rename(file)


@contextmanager
def _scratch() -> Iterator[str]:
    """A folder in memory: on disk, dpkg's waiting for every file makes the build two to four times slower."""
    folder = tempfile.mkdtemp(prefix="dockmirror-lab-")
    try:
        run("mount", "-t", "tmpfs", "-o", "size=4g,mode=1777", "dockmirror-lab", folder)
        try:
            yield folder
        finally:
            run("umount", folder)
    finally:
        shutil.rmtree(folder)


def _load(file: Path, image: str, wanted: str) -> None:
    changes = (
        'CMD ["/usr/sbin/fleet-init"]',
        "ENV container=docker",
        # The nested engine needs a file system that is not an overlay below its data folder.
        "VOLUME /var/lib/docker",
        f"LABEL {KEY_LABEL}={wanted}",
    )
    arguments = [part for change in changes for part in ("--change", change)]
    with subprocess.Popen(["zstd", "-qdc", str(file)], stdout=subprocess.PIPE) as unpacked:
        done = subprocess.run(
            ["docker", "import", *arguments, "-", image], stdin=unpacked.stdout, capture_output=True, check=False
        )
    if done.returncode != 0 or unpacked.returncode != 0:
        raise LabError(f"import of {image} failed: {done.stderr.decode(errors='replace').strip()}")
