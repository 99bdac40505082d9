# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients of this scenario, each with its own way to pull."""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

from tests.lab import testing

MIRRORS = ("mirror1.example.test", "mirror2.example.test")
FIRST, SECOND = MIRRORS  # of every client here, by rendezvous hashing; a test makes sure
GATEWAY = "dockmirror-gateway"
UPSTREAMS = ("docker.io", "ghcr.io", "quay.io")
REPOSITORY = "example/app"
HUB_HOSTS = {"docker.io": "registry-1.docker.io"}
ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"


class Client(NamedTuple):
    """A runtime on a host."""

    runtime: str
    name: str
    upstreams: tuple[str, ...] = UPSTREAMS

    @property
    def host(self) -> Any:
        return testing.host(self.name)

    @property
    def address(self) -> str:
        return testing.address(self.name)

    def pull(self, image: str) -> None:
        """Pull what is not there."""
        self.host.run(self._command("remove", image))
        self.host.check_output(self._command("pull", image))

    def try_to_pull(self, image: str) -> Any:
        """Pull what may not be there; gives the outcome."""
        return self.host.run(self._command("pull", image))

    def digest(self, image: str) -> str:
        """The digest of the manifest that was pulled."""
        text = str(self.host.check_output(self._command("digest", image)))
        return "sha256:" + text.partition("sha256:")[2][:64]

    def _command(self, what: str, image: str) -> str:
        return COMMANDS[self.runtime][what].format(image=image)


COMMANDS = {
    "docker": {
        "pull": "docker pull -q {image}",
        "remove": "docker image rm -f {image}",
        "digest": "docker image inspect -f '{{{{json .RepoDigests}}}}' {image}",
    },
    "containerd": {
        "pull": "ctr images pull --hosts-dir /etc/containerd/certs.d {image}",
        "remove": "ctr images rm --sync {image}",
        "digest": "ctr images ls name=={image}",
    },
    "podman": {
        "pull": "podman pull -q {image}",
        "remove": "podman image rm -f {image}",
        "digest": "podman image inspect -f '{{{{.Digest}}}}' {image}",
    },
}
CLIENTS = (
    # registry-mirrors is for Docker Hub alone, and Engine 26 has nothing else.
    Client("docker", "docker.example.test", ("docker.io",)),
    Client("docker", "ctd.example.test"),
    Client("containerd", "ctd.example.test"),
    Client("containerd", "containerd.example.test"),
    Client("podman", "podman.example.test"),
)
WAYS = [
    (client, upstream) for client, upstream in itertools.product(CLIENTS, UPSTREAMS) if upstream in client.upstreams
]


def way_id(value: Any) -> str:
    """How a client or an upstream is called in the name of a test."""
    return f"{value.runtime}-{value.name.split('.')[0]}" if isinstance(value, Client) else str(value)


def image(upstream: str) -> str:
    return f"{upstream}/{REPOSITORY}:1.0"


def content_of(upstream: str) -> str:
    """The digest that the image has at its upstream, asked of the registry behind the simulated ones."""
    folder = "" if upstream == "docker.io" else f"{upstream}/"
    headers = testing.first("hub").check_output(
        f"curl -fsS -I -H 'Accept: {ACCEPT}' http://127.0.0.1:5000/v2/{folder}{REPOSITORY}/manifests/1.0"
    )
    found = [line.split()[1] for line in headers.splitlines() if line.lower().startswith("docker-content-digest")]
    return str(found[0])


def ask(host: Any, url: str) -> tuple[str, dict[str, Any]]:
    """Ask a mirror from *host*; gives the HTTP status and the JSON body."""
    text = host.check_output(f"curl -sk -w '\\n%{{http_code}}' '{url}'")
    body, status = text.rsplit("\n", 1)
    return status, json.loads(body)
