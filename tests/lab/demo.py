# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a real fleet that pulls through its own mirror, with proof. ``python -m tests.lab.demo [down]``."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import sys
import time

from tests.lab import artefacts, deployment, engine, fleet, hostimage, paths, preflight, state
from tests.lab.platforms import Platform
from tests.lab.run import LabError, docker, say, wait_until
from tests.lab.summary import Proof, askers, served_lines, table

NAME = "m-demo"
HUB, MIRROR = "hub.example.test", "mirror.example.test"
PLATFORMS = [
    Platform(HUB, "trixie-full", ("hub",)),
    Platform(MIRROR, "trixie-full", ("mirrors",)),
    Platform("client1.example.test", "trixie-full", ("docker_clients",)),
    Platform("client2.example.test", "bookworm-full", ("docker_clients",)),
]
IMAGE = "alpine"
REPOSITORY = "library/alpine"
HUB_LOG = "/var/log/nginx/hub.log"
MIRROR_LOG = "/var/log/dockmirror/access.json"


def prove(client: fleet.Host, mirror: fleet.Host, hub: fleet.Host, known: dict[str, str]) -> Proof:
    """Pull the image on *client* and read in both servers' logs how it got there."""
    docker("exec", client.container, "docker", "image", "rm", "-f", IMAGE, check=False)
    before = {host: _lines(host, log) for host, log in ((hub, HUB_LOG), (mirror, MIRROR_LOG))}
    docker("exec", client.container, "docker", "pull", "-q", IMAGE)
    served: list[str] = []

    def logged() -> bool:
        served[:] = served_lines(_tail(mirror, MIRROR_LOG, before[mirror]), client.address, REPOSITORY)
        return any("/manifests/" in line for line in served) and any("/blobs/" in line for line in served)

    try:
        wait_until(logged, 10, f"entries for {client.name} in the access log of {mirror.name}")
    except LabError as error:
        say(str(error))
    return Proof(
        client=client.name,
        image=IMAGE,
        mirror=mirror.name,
        tls=_tls(client, mirror),
        served=tuple(served),
        askers=tuple(askers(_tail(hub, HUB_LOG, before[hub]), known)),
    )


def _tls(client: fleet.Host, mirror: fleet.Host) -> str:
    """TLS version that the mirror speaks, verified by the fleet's CA; empty for a client that uses http.

    The client's engine names its mirrors by URL, and what is https there is never tried without TLS.
    """
    urls = json.loads(docker("exec", client.container, "docker", "info", "-f", "{{json .RegistryConfig.Mirrors}}"))
    if not urls or not all(url.startswith("https://") for url in urls):
        return ""
    context = ssl.create_default_context(cafile=str(paths.fleet_dir(NAME) / "inventory" / "fleet-ca" / "ca.crt"))
    try:
        with (
            socket.create_connection((mirror.address, 443), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=mirror.name) as connection,
        ):
            return connection.version() or ""
    except OSError as error:
        say(f"{mirror.name}: no verified TLS: {error}")
        return ""


def _lines(host: fleet.Host, log: str) -> int:
    return int(docker("exec", host.container, "sh", "-c", f"cat {log} 2>/dev/null | wc -l"))


def _tail(host: fleet.Host, log: str, after: int) -> str:
    return docker("exec", host.container, "tail", "-n", f"+{after + 1}", log)


def up() -> None:
    """Bring the demo up from whatever is there, and prove it."""
    start = time.monotonic()
    engine.up()
    artefacts.build(dict.fromkeys(platform.image for platform in PLATFORMS))
    hosts = fleet.up(NAME, PLATFORMS)
    deployment.deploy(NAME, hosts)
    hub, mirror, *clients = hosts
    known = {host.address: host.name for host in hosts}
    proofs = [prove(client, mirror, hub, known) for client in clients]
    print(f"\nWhat {MIRROR} has in its access log, the last answer to each client:")
    for proof in proofs:
        print("\n".join(f"  {line}" for line in proof.served[-1:]))
    print(f"\n{table(proofs)}\n")
    problems = [problem for proof in proofs for problem in proof.problems]
    if problems:
        raise LabError("not proven:\n" + "\n".join(f"  - {problem}" for problem in problems))
    shell = f"docker exec -it {clients[0].container} bash"
    say(f"proven in {time.monotonic() - start:.0f} s. Look around: {shell}. Take it away: make demo-down")


def down() -> None:
    """Take away all that the demo made; what other fleets of this checkout use stays until they are gone."""
    if os.geteuid() != 0:
        raise LabError("root is needed to take the demo away: run it with sudo")
    record = state.load()
    if not engine.answers():
        if not record.engine and paths.FLEETS.exists():
            raise LabError("the Docker Engine does not answer; start it, so that the demo's hosts can be removed")
        if record.engine and paths.FLEETS.exists():
            engine.up()
    if engine.answers():
        say("fleet removed" if fleet.down(NAME) else "there is no demo fleet")
        if others := fleet.running():
            say(f"images and caches stay, other fleets use them: {', '.join(sorted(others))}")
            return
        _remove_images([*record.images, *(hostimage.name(flavour) for flavour in hostimage.PACKAGES)])
    engine.down()
    shutil.rmtree(paths.CACHE, ignore_errors=True)
    say("everything the demo made is gone")


def _remove_images(images: list[str]) -> None:
    for image in images:
        if docker("image", "inspect", "-f", "{{.Id}}", image, check=False):
            try:
                docker("image", "rm", image)
            except LabError:
                say(f"image {image} stays: something else uses it")


def main() -> int:
    """Exit code 0 for a proven demo, 2 when the machine lacks something, 1 for every other failure."""
    try:
        if sys.argv[1:] == ["down"]:
            down()
        else:
            preflight.check()
            up()
    except preflight.NotPossible as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
