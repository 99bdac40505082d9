# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and remove a fleet: one network, and one container with systemd for each host."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.lab import hostimage, hub, limits, paths, pki, rights, services
from tests.lab.lock import builder
from tests.lab.mkimage import Entry, File, archive
from tests.lab.platforms import Platform
from tests.lab.run import LabError, docker, run, say, step, wait_until

FLEET_LABEL = "dockmirror-lab.fleet"
CHECKOUT_LABEL = "dockmirror-lab.checkout"
SPEC_LABEL = "dockmirror-lab.spec"
ADDRESSES = ipaddress.ip_network("10.90.0.0/15")
FIRST_HOST = 10
BOOT_TIMEOUT = 120.0

FORM = (
    "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp",
    # systemd ignores SIGTERM; this one makes `docker stop` and `docker restart` a clean shutdown and reboot.
    "--stop-signal", "SIGRTMIN+3", "--log-driver", "json-file",
    # As /var/lib/docker, which the image declares: no image store works on top of an overlay.
    "--volume", "/var/lib/containerd", "--volume", "/var/lib/containers",
)  # fmt: skip


@dataclass(frozen=True)
class Host:
    """A running host."""

    name: str
    container: str
    address: str
    groups: tuple[str, ...]
    image: str


def up(name: str, platforms: list[Platform]) -> list[Host]:
    """Start the fleet *name*; hosts that run as asked are left alone. Returns when every host has booted."""
    folder = paths.fleet_dir(name)
    certified = [dns for platform in platforms if platform.is_hub for dns in (*platform.names, "docker.io")]
    pki.make(folder / "pki", certified or ["hub.example.test"])
    whole = own(name)
    with builder():  # two fleets that start at once must not choose the same network
        network = _network(whole)
    hosts = [
        Host(
            platform.name, f"{whole}-{platform.name}", str(network[FIRST_HOST + index]), platform.groups, platform.image
        )
        for index, platform in enumerate(platforms)
    ]
    limits.make_room(len(hosts))
    with step(f"fleet {name}: {len(hosts)} hosts"), ThreadPoolExecutor() as pool:
        list(pool.map(lambda pair: _start(name, *pair), zip(hosts, platforms, strict=True)))
        list(pool.map(_wait, hosts))
    (folder / "fleet.json").write_text(json.dumps([host.__dict__ for host in hosts], indent=2) + "\n")
    return hosts


def own(name: str) -> str:
    """The name under which the engine keeps this checkout's fleet *name*: other checkouts may have one of that name."""
    return f"{name}-{paths.CHECKOUT_ID}"


def down(name: str) -> bool:
    """Remove the fleet with its volumes, network and PKI. True when there was one."""
    mine = f"label={FLEET_LABEL}={own(name)}"
    found = docker("ps", "-aq", "--filter", mine).split()
    if found:
        docker("rm", "-f", "-v", *found)
    networks = docker("network", "ls", "-q", "--filter", mine).split()
    if networks:
        docker("network", "rm", *networks)
    shutil.rmtree(paths.fleet_dir(name), ignore_errors=True)
    return bool(found or networks)


def running() -> set[str]:
    """Names of all fleets of this checkout, stopped ones as well."""
    template = f'{{{{.Label "{FLEET_LABEL}"}}}}'
    found = docker("ps", "-a", "--filter", f"label={CHECKOUT_LABEL}={paths.CHECKOUT}", "--format", template)
    return set(found.split())


def hosts(name: str) -> list[Host]:
    """The hosts of a fleet as `up` left them."""
    file = paths.fleet_dir(name) / "fleet.json"
    if not file.exists():
        raise LabError(f"there is no fleet {name}")
    return [Host(**{**item, "groups": tuple(item["groups"])}) for item in json.loads(file.read_text())]


def free_subnet(used: Iterable[str]) -> ipaddress.IPv4Network:
    """The first /24 of the lab's address range that none of the networks *used* overlaps."""
    taken = [ipaddress.ip_network(item) for item in used]
    for candidate in ipaddress.IPv4Network(ADDRESSES).subnets(new_prefix=24):
        if not any(candidate.version == other.version and candidate.overlaps(other) for other in taken):
            return candidate
    raise LabError(f"no free network left in {ADDRESSES}; remove fleets that are not needed any more")


def _network(name: str) -> ipaddress.IPv4Network:
    present = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", name, check=False).strip()
    if present:
        return ipaddress.IPv4Network(present)
    ids = docker("network", "ls", "-q").split()
    listed = docker("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}", *ids)
    routes = run("ip", "-o", "route", "show", check=False).stdout.splitlines()
    chosen = free_subnet([*listed.split(), *(first for line in routes if "/" in (first := line.split()[0]))])
    labels = ("--label", f"{FLEET_LABEL}={name}", "--label", f"{CHECKOUT_LABEL}={paths.CHECKOUT}")
    docker("network", "create", "--subnet", str(chosen), *labels, name)
    return chosen


def _start(fleet: str, host: Host, platform: Platform) -> None:
    image = hostimage.name(platform.image)
    options = ["--hostname", host.name, "--network", own(fleet), "--ip", host.address]
    options += [part for dns in platform.names for part in ("--network-alias", dns)]
    boot = hub.BOOT_ARGUMENTS if platform.is_hub or services.is_server(platform) else ()
    folder = paths.fleet_dir(fleet) / "pki"
    authority = (folder / "ca.crt").read_bytes()
    trusted = hashlib.sha256(authority).hexdigest()
    spec = " ".join([docker("image", "inspect", "-f", "{{.Id}}", image), trusted, *options, *boot])
    template = f'{{{{index .Config.Labels "{SPEC_LABEL}"}}}}'
    present = docker("inspect", "--type", "container", "-f", template, host.container, check=False)
    if present == spec:
        docker("start", host.container)
        return
    if present:
        docker("rm", "-f", "-v", host.container)
    labels = {FLEET_LABEL: own(fleet), CHECKOUT_LABEL: str(paths.CHECKOUT), SPEC_LABEL: spec}
    options += [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
    docker(
        "create",
        "--name",
        host.container,
        *options,
        *FORM,
        *rights.for_this_machine(),
        image,
        "/usr/sbin/fleet-init",
        *boot,
    )
    _put(host.container, {"usr/local/share/ca-certificates/dockmirror-lab.crt": File(authority)})
    if platform.is_hub:
        docker("cp", "-", f"{host.container}:/", stdin=paths.HUB_STORAGE.read_bytes())
        _put(host.container, hub.files(folder))
    if served := services.files(platform, folder):
        _put(host.container, served)
    docker("start", host.container)


def _put(container: str, entries: Mapping[str, Entry]) -> None:
    """Copy files into a container that need not run. Folders that exist keep their mode: only the entries are sent."""
    docker("cp", "-", f"{container}:/", stdin=archive(sorted(entries.items())))


def _wait(host: Host) -> None:
    said = ""

    def booted() -> bool:
        nonlocal said
        said = docker("exec", host.container, "systemctl", "is-system-running", check=False)
        return said in ("running", "degraded")

    try:
        wait_until(booted, BOOT_TIMEOUT, f"{host.name}: boot")
    except LabError as error:
        raise LabError(f"{error}\n{docker('logs', '--tail', '20', host.container, check=False)}") from error
    if said == "degraded":
        failed = docker("exec", host.container, "systemctl", "list-units", "--failed", "--plain", "--no-legend")
        say(f"{host.name}: booted, but some units failed:\n{failed}")
