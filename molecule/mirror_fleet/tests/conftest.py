# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients of this scenario, each with its own way to pull."""

from __future__ import annotations

import functools
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

    def forget(self, *images: str) -> None:
        """Remove them, as far as they are there."""
        for image in images:
            self.host.run(self.command("remove", image))

    def pull(self, image: str) -> None:
        """Pull what is not there."""
        self.forget(image)
        self.host.check_output(self.command("pull", image))

    def try_to_pull(self, image: str) -> Any:
        """Pull what may not be there; gives the outcome."""
        return self.host.run(self.command("pull", image))

    def digest(self, image: str) -> str:
        """The digest of the manifest that was pulled."""
        text = str(self.host.check_output(self.command("digest", image)))
        return "sha256:" + text.partition("sha256:")[2][:64]

    def command(self, what: str, image: str) -> str:
        """The command that does it."""
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


def by_digest() -> str:
    """The image of docker.io under another name, with which a client keeps its layers, too."""
    return f"docker.io/{REPOSITORY}@{content_of('docker.io')}"


def _at_the_hub(upstream: str, options: str) -> str:
    """Ask the registry behind the simulated upstreams, which is always up, for the image's manifest."""
    folder = "" if upstream == "docker.io" else f"{upstream}/"
    url = f"http://127.0.0.1:5000/v2/{folder}{REPOSITORY}/manifests/1.0"
    return str(testing.first("hub").check_output(f"curl -fsS {options} -H 'Accept: {ACCEPT}' {url}"))


@functools.cache
def content_of(upstream: str) -> str:
    """The digest that the image has at its upstream."""
    headers = _at_the_hub(upstream, "-I").splitlines()
    found = [line.split()[1] for line in headers if line.lower().startswith("docker-content-digest")]
    return found[0]


@functools.cache
def blobs_of(upstream: str) -> frozenset[str]:
    """The digests of the image's configuration and layers."""
    manifest = json.loads(_at_the_hub(upstream, "-s"))
    return frozenset(blob["digest"] for blob in (manifest["config"], *manifest["layers"]))


def ask(host: Any, url: str) -> tuple[str, dict[str, Any]]:
    """Ask a mirror from *host*; gives the HTTP status and the JSON body."""
    text = host.check_output(f"curl -sk -w '\\n%{{http_code}}' '{url}'")
    body, status = text.rsplit("\n", 1)
    return status, json.loads(body)
