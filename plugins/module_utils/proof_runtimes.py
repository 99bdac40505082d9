# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container runtimes of a host, as the proof of its mirrors needs them: what is set, and a pull of the probe image.

Each runtime has ``views``: for every registry that is to be proven, what the runtime has for it; and ``pull``.
"""

from __future__ import annotations

import glob
import json
import os
import time
from typing import Any, Callable, Mapping
from urllib.parse import urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils import registry_hosts
from ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_service import program, run
from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import EngineApi
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_diagnosis import (
    PROBE_REPOSITORY,
    EngineView,
    RuntimeView,
    View,
    engine_view,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_proof import (
    DOCKER_HUB,
    SERVED_BY_LABEL,
    Pull,
    pull_probe,
)

NAMESPACE = "dockmirror-proof"
COMMAND_TIMEOUT = 30.0


class RuntimeMissing(Exception):
    """The runtime is not on this host or does not answer; the message says which."""


class Docker:
    """A Docker Engine: C(registry-mirrors) for Docker Hub, C(hosts.toml) for others where it reads them."""

    def __init__(self, socket_path: str, certs_dir: str) -> None:
        self._api = EngineApi(socket_path)
        self._certs_dir = certs_dir
        self.engine: EngineView = engine_view(self._api.get_json("/info"))

    def views(self, registries: list[str]) -> dict[str, View]:
        """What the engine has for Docker Hub, and for ``registries`` as far as it can have mirrors for them."""
        found: dict[str, View] = {DOCKER_HUB: self.engine}
        if self.engine.reads_hosts_files:
            for registry in registries:
                if registry != DOCKER_HUB:
                    found[registry] = hosts_view("Docker Engine", "docker_client_upstreams", self._certs_dir, registry)
        return found

    def pull(self, registry: str, tag: str, timeout: float) -> Pull:
        """Pull the probe image of a registry."""
        return pull_probe(self._api, tag, timeout, registry)


class Containerd:
    """containerd: by its CRI, as Kubernetes pulls, where that is on and C(crictl) is there; else by C(ctr)."""

    def __init__(self, certs_dir: str) -> None:
        if program("ctr") is None:
            raise RuntimeMissing("containerd's program ctr is not on this host")
        code, output, errors = run(["ctr", "plugins", "ls"], COMMAND_TIMEOUT)
        if code != 0:
            raise RuntimeMissing(f"containerd does not answer ({errors.strip()})")
        self._certs_dir = certs_dir
        rows = [line.split() for line in output.splitlines()]
        cri = any(row[1:2] == ["cri"] and row[-1] == "ok" for row in rows)
        self._crictl = program("crictl") if cri else None

    @property
    def way(self) -> str:
        """The program by which images are pulled: C(crictl) or C(ctr)."""
        return "crictl" if self._crictl else "ctr"

    def views(self, registries: list[str]) -> dict[str, View]:
        """What C(hosts.toml) says of each registry."""
        return {
            name: hosts_view("containerd", "containerd_client_upstreams", self._certs_dir, name) for name in registries
        }

    def pull(self, registry: str, tag: str, timeout: float) -> Pull:
        """Pull the probe image of a registry, and leave nothing of it behind."""
        image = f"{registry}/{PROBE_REPOSITORY}:{tag}"
        if self._crictl:
            words = [self._crictl, "--runtime-endpoint", _cri_endpoint(), "--timeout", f"{timeout:g}s"]
            return _pull(
                [*words, "pull", image], timeout, lambda: self._cri_label(words, image), [*words, "rmi", image]
            )
        words = ["ctr", "--namespace", NAMESPACE]
        pulled = _pull(
            [*words, "content", "fetch", "--hosts-dir", self._certs_dir, image],
            timeout,
            lambda: self._content_label(words, image),
            [*words, "images", "rm", "--sync", image],
        )
        run(["ctr", "namespaces", "rm", NAMESPACE], COMMAND_TIMEOUT)
        return pulled

    def _cri_label(self, words: list[str], image: str) -> str | None:
        document = _json([*words, "inspecti", "--output", "json", image])
        config = ((document.get("info") or {}).get("imageSpec") or {}).get("config") or {}
        return _label(config)

    def _content_label(self, words: list[str], image: str) -> str | None:
        _code, listing, _errors = run([*words, "images", "ls", f"name=={image}"], COMMAND_TIMEOUT)
        digests = [word for word in listing.split() if word.startswith("sha256:")]
        for digest in digests[:1]:
            index = _json([*words, "content", "get", digest])
            for entry in index.get("manifests") or []:
                # Only the platform of this host was fetched.
                manifest = _json([*words, "content", "get", entry["digest"]])
                if manifest:
                    return _label(_json([*words, "content", "get", manifest["config"]["digest"]]).get("config") or {})
        return None


class Podman:
    """Podman, as root: C(registries.conf) and its drop-ins."""

    def __init__(self, certs_dir: str) -> None:
        if program("podman") is None:
            raise RuntimeMissing("Podman is not installed on this host")
        self._certs_dir = certs_dir
        info = _json(["podman", "info", "--format", "json"])
        if not info:
            raise RuntimeMissing("Podman does not work on this host (podman info fails)")
        self._registries: Mapping[str, Any] = info.get("registries") or {}

    def views(self, registries: list[str]) -> dict[str, View]:
        """What Podman itself says of each registry, by all its configuration files."""
        return {name: self._view(name) for name in registries}

    def pull(self, registry: str, tag: str, timeout: float) -> Pull:
        """Pull the probe image of a registry, and remove it."""
        image = f"{registry}/{PROBE_REPOSITORY}:{tag}"
        return _pull(
            ["podman", "pull", "--quiet", image],
            timeout,
            lambda: _podman_label(image),
            ["podman", "image", "rm", image],
        )

    def _view(self, registry: str) -> RuntimeView:
        settings = self._registries.get(registry)
        mirrors = []
        for mirror in (settings.get("Mirrors") if isinstance(settings, Mapping) else None) or []:
            scheme = "http" if mirror.get("Insecure") else "https"
            mirrors.append("{}://{}".format(scheme, str(mirror.get("Location")).partition("/")[0]))
        authorities = {}
        for url in mirrors:
            directory = os.path.join(self._certs_dir, urlsplit(url).netloc)
            authorities[urlsplit(url).netloc] = sorted(glob.glob(os.path.join(glob.escape(directory), "*.crt")))
        return RuntimeView("Podman", "podman_client_upstreams", mirrors, self._certs_dir, authorities)


def hosts_view(title: str, setting: str, certs_dir: str, registry: str) -> RuntimeView:
    """What a C(hosts.toml) says of a registry; no mirrors where there is none."""
    path = os.path.join(certs_dir, registry, registry_hosts.HOSTS_FILE_NAME)
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except OSError:
        text = ""
    mirrors = registry_hosts.mirrors_in(text)
    authorities = {urlsplit(url).netloc: registry_hosts.authorities_in(text, url) for url in mirrors}
    return RuntimeView(f"configuration of {title} for {registry}", setting, mirrors, path, authorities)


def _pull(words: list[str], timeout: float, label: Callable[[], str | None], remove: list[str]) -> Pull:
    start = time.monotonic()
    code, output, errors = run(words, timeout)
    elapsed = round((time.monotonic() - start) * 1000)
    served_by = label() if code == 0 else None
    run(remove, COMMAND_TIMEOUT)
    return Pull(served_by, "" if code == 0 else _said(errors or output), elapsed)


def _said(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it fails without a word"


def _json(words: list[str]) -> dict[str, Any]:
    """The document that a command prints, empty where it fails."""
    code, output, _errors = run(words, COMMAND_TIMEOUT)
    try:
        document = json.loads(output) if code == 0 else {}
    except ValueError:
        return {}
    if isinstance(document, list):
        document = document[0] if document else {}
    return document if isinstance(document, dict) else {}


def _label(config: Mapping[str, Any]) -> str | None:
    value = (config.get("Labels") or {}).get(SERVED_BY_LABEL)
    return None if value is None else str(value)


def _podman_label(image: str) -> str | None:
    document = _json(["podman", "image", "inspect", image])
    return _label({"Labels": document.get("Labels")})


def _cri_endpoint() -> str:
    """crictl's own configuration may name another runtime than containerd."""
    return "unix:///run/containerd/containerd.sock"
