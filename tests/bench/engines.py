# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real engines that pull a cold image at once: through a mirror that `site.yml` deployed, and through a plain one.

The plain one is registry 3 in proxy mode with TLS on another port of the same host.
"""

from __future__ import annotations

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.lab import artefacts, deployment, fleet, paths, platforms
from tests.lab.run import docker, run, wait_until

FLEET = "bench-engines"
CLIENTS = 4
HOSTS = platforms.parse(
    [
        {"name": "hub.example.test", "image": "trixie-full", "groups": ["hub"]},
        {"name": "mirror.example.test", "image": "trixie-full", "groups": ["mirrors"]},
        *(
            {"name": f"client{number}.example.test", "image": image, "groups": ["docker_clients"]}
            for number, image in enumerate(("trixie-full", "bookworm-full") * (CLIENTS // 2), 1)
        ),
    ]
)
IMAGE = "medium:1"
REPOSITORY = "library/medium"
PLAIN_PORT = 8443
TURNS = 5
HUB_LOG = "/var/log/nginx/hub.log"
PLAIN_CONFIG = f"""\
version: 0.1
storage: {{filesystem: {{rootdirectory: /srv/plain/data}}, delete: {{enabled: true}}}}
http:
  addr: :{PLAIN_PORT}
  tls: {{certificate: /etc/dockmirror/gateway/tls/server.crt, key: /etc/dockmirror/gateway/tls/server.key}}
proxy: {{remoteurl: https://registry-1.docker.io}}
"""


class Fleet:
    """The running fleet: a simulated Docker Hub, a mirror host with both mirrors, and the clients."""

    def __init__(self, hosts: list[fleet.Host]) -> None:
        self.hub, self.mirror, *self.clients = hosts

    def sh(self, host: fleet.Host, script: str) -> str:
        return docker("exec", host.container, "sh", "-ec", script)

    def everywhere(self, script: str) -> None:
        """Run a script on all clients at once."""
        with ThreadPoolExecutor(len(self.clients)) as pool:
            list(pool.map(lambda client: self.sh(client, script), self.clients))

    def start_plain(self) -> None:
        """Start the plain mirror, and let the clients trust it."""
        box = self.mirror.container
        self.sh(self.mirror, "mkdir -p /srv/plain")
        docker("cp", str(paths.REGISTRY / "3/registry"), f"{box}:/srv/plain/registry")
        docker("cp", str(paths.fleet_dir(FLEET) / "pki/ca.crt"), f"{box}:/srv/plain/ca.crt")
        docker("exec", "-i", box, "sh", "-c", "cat > /srv/plain/config.yml", stdin=PLAIN_CONFIG.encode())
        self.sh(
            self.mirror,
            "systemd-run --quiet --unit plain --setenv SSL_CERT_FILE=/srv/plain/ca.crt "
            "--setenv OTEL_TRACES_EXPORTER=none /srv/plain/registry serve /srv/plain/config.yml",
        )
        name = self.mirror.name
        self.everywhere(f"cp -r /etc/docker/certs.d/{name} /etc/docker/certs.d/{name}:{PLAIN_PORT}")

    def use(self, url: str) -> None:
        """Let all clients pull through the mirror at *url*, and from nowhere else."""
        content = json.dumps({"registry-mirrors": [url]})
        self.everywhere(
            f"echo '{content}' > /etc/docker/daemon.json && systemctl reload docker && "
            f"until docker info | grep -qF '  {url}/'; do sleep 0.1; done"
        )

    def forget(self) -> None:
        """Neither mirror and no client has anything."""
        self.sh(
            self.mirror,
            "systemctl stop dockmirror-gateway; docker stop dockmirror-mirror-docker-io; "
            "rm -rf /var/lib/dockmirror/gateway/cache/* /var/lib/dockmirror/mirror/docker.io/* /srv/plain/data; "
            "docker start dockmirror-mirror-docker-io; systemctl start dockmirror-gateway",
        )
        self.everywhere(f"docker image rm -f {IMAGE}; docker image prune -af > /dev/null")
        for port in (443, PLAIN_PORT):
            wait_until(lambda port=port: self._serves(port), 30, f"a mirror that serves on port {port}")  # type: ignore[misc]

    def _serves(self, port: int) -> bool:
        """Whether a manifest of another image comes from the mirror."""
        url = f"https://{self.mirror.name}:{port}/v2/library/alpine/manifests/latest"
        accept = "Accept: application/vnd.docker.distribution.manifest.v2+json"
        ask = run("docker", "exec", self.clients[0].container, "curl", "-skf", "-H", accept, url, check=False)
        return ask.returncode == 0

    def pull(self) -> tuple[float, int]:
        """Let all clients pull the image at once; gives the seconds until the last has it, and upstream's bytes."""
        before = int(self.sh(self.hub, f"cat {HUB_LOG} | wc -l"))
        start = time.monotonic()
        self.everywhere(f"docker pull -q {IMAGE}")
        seconds = time.monotonic() - start
        lines = self.sh(self.hub, f"tail -n +{before + 1} {HUB_LOG}").splitlines()
        entries = [json.loads(line) for line in lines]
        blobs = [entry for entry in entries if f"/v2/{REPOSITORY}/blobs/" in entry["uri"] and entry["method"] == "GET"]
        return seconds, sum(int(entry["bytes_sent"]) for entry in blobs)

    def image_size(self) -> int:
        """Bytes of all blobs of the image, as its manifest names them."""
        url = f"https://{self.mirror.name}/v2/{REPOSITORY}/manifests/1"
        accept = "Accept: application/vnd.docker.distribution.manifest.v2+json"
        found = json.loads(docker("exec", self.clients[0].container, "curl", "-skf", "-H", accept, url))
        return sum(int(blob["size"]) for blob in (found["config"], *found["layers"]))


def measure() -> dict[str, Any]:
    """Medians of cold pulls by all clients at once, by turns through ours and through the plain mirror."""
    artefacts.build(dict.fromkeys(host.image for host in HOSTS))
    hosts = fleet.up(FLEET, HOSTS)
    try:
        deployment.deploy(FLEET, hosts)
        world = Fleet(hosts)
        world.start_plain()
        size = world.image_size()
        turns: list[dict[str, tuple[float, int]]] = []
        for _number in range(TURNS):
            turn = {}
            for name, port in (("ours", ""), ("plain", f":{PLAIN_PORT}")):
                world.use(f"https://{world.mirror.name}{port}")
                world.forget()
                turn[name] = world.pull()
            turns.append(turn)
    finally:
        fleet.down(FLEET)
    return {
        "clients": len(world.clients),
        "image_size": size,
        **{
            name: {
                "copies": statistics.median(turn[name][1] / size for turn in turns),
                "seconds": statistics.median(turn[name][0] for turn in turns),
            }
            for name in ("ours", "plain")
        },
        "ratio": statistics.median(turn["ours"][0] / turn["plain"][0] for turn in turns),
    }
