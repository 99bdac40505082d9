# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Garbage collection, backup and restore as tests see them: the results, and a storm of pushes and pulls meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab import testing
from tests.lab.registry_fleet import CA, CI, CI_PASSWORD, CI_USER, HOST, ROOT, URL, ask
from tests.lab.run import docker, wait_until

STATE = "/var/lib/dockmirror/registry-maintenance"
HOLD = "/run/dockmirror/registry-read-only"
LOCK = "/run/lock/dockmirror-registry.lock"
COMMAND = "dockmirror-registry-maintenance"
GC = "dockmirror-registry-gc.service"
ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


def result(name: str) -> dict[str, Any]:
    """The result of the last gc, backup or restore."""
    document: dict[str, Any] = json.loads(testing.host(HOST).check_output(f"cat {STATE}/{name}.json"))
    return document


def in_service(server: Any) -> bool:
    """Whether the registry runs alone, lets pushes in, and nothing is left of a maintenance."""
    names = server.check_output("docker ps --format '{{.Names}}'").split()
    left = [path for path in (HOLD, f"{STATE}/active") if server.file(path).exists]
    return names == ["dockmirror-registry"] and not left and ask(testing.host(CI), "/v2/", CI_USER).status == 200


def digests(host: Any) -> dict[str, str]:
    """Digest of every tag, as a client gets it."""
    found: dict[str, str] = {}
    for repository in json.loads(ask(host, "/v2/_catalog?n=500", CI_USER).body)["repositories"]:
        for tag in json.loads(ask(host, f"/v2/{repository}/tags/list", CI_USER).body).get("tags") or []:
            path = f"/v2/{repository}/manifests/{tag}"
            answer = ask(host, path, CI_USER, "--head", "--header", f"Accept: {ACCEPT}")
            assert answer.status == 200, (repository, tag)
            found[f"{repository}:{tag}"] = answer.headers["docker-content-digest"]
    return found


class Storm:
    """What came of a storm; complete when it is over."""

    report: dict[str, Any]

    def lost(self) -> list[str]:
        """What of the acknowledged images cannot be pulled, by digest and with every byte."""
        done = _storm("verify", URL, input=json.dumps(self.report))
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["verified"] == len(self.report["pushed"])
        lost: list[str] = found["lost"]
        return lost


def _arguments(*arguments: str) -> list[str]:
    settings = ["-e", "STORM_USER=ci", "-e", "STORM_PASSWORD", "-e", f"SSL_CERT_FILE={CA}"]
    return ["docker", "exec", "-i", *settings, testing.container(CI), "python3", "/var/tmp/storm.py", *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "STORM_PASSWORD": CI_PASSWORD}


def _storm(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _arguments(*arguments), env=_environment(), text=True, capture_output=True, check=False, **options
    )


@contextmanager
def storm(name: str) -> Iterator[Storm]:
    """While it lasts, the CI host pushes, deletes and pulls as fast as it can."""
    docker("cp", str(ROOT / "tests/lab/storm.py"), f"{testing.container(CI)}:/var/tmp/storm.py")
    found = Storm()
    with subprocess.Popen(
        _arguments("storm", URL, "--name", name),
        env=_environment(),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        try:
            tags = f"/v2/storm/{name}-0/tags/list"
            wait_until(lambda: ask(testing.host(CI), tags, CI_USER).status == 200, 60, "pushes of the storm")
            yield found
        finally:
            output, _errors = running.communicate(timeout=120)
    found.report = json.loads(output)
