# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet of this scenario as its tests see it: a registry on S3, a read replica of it, and a host that uses both."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from tests.lab import testing

PRIMARY = "registry.example.test"
REPLICA = "replica.example.test"
S3 = "s3.example.test"
CI = "ci.example.test"
USERS = {"ci": "ci-Pa55word", "production": "production-Pa55word"}
BUCKET = "/var/lib/s3/data/registry"
CA = f"/etc/docker/certs.d/{PRIMARY}/ca.crt"
ACCEPT = ",".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


@pytest.fixture(scope="session")
def s3() -> Any:
    return testing.host(S3)


@pytest.fixture(scope="session")
def primary() -> Any:
    return testing.host(PRIMARY)


@pytest.fixture(scope="session")
def replica() -> Any:
    return testing.host(REPLICA)


@pytest.fixture(scope="session")
def ci(primary: Any) -> Any:
    """A host that trusts the fleet's CA and is logged in at both registries."""
    host = testing.host(CI)
    certificate = primary.file("/etc/dockmirror/gateway/tls/ca.crt").content_string
    for name in (PRIMARY, REPLICA):
        path = f"/etc/docker/certs.d/{name}/ca.crt"
        host.check_output(f"mkdir -p $(dirname {path}) && printf %s {shlex.quote(certificate)} > {path}")
        host.check_output(f"printf %s {USERS['ci']} | docker login -u ci --password-stdin {name}")
    return host


def push(host: Any, name: str, mib: int = 1) -> str:
    """Push an image of random content to the primary; gives its digest."""
    full = f"{PRIMARY}/{name}"
    host.check_output(
        f"d=$(mktemp -d) && head -c {mib}M /dev/urandom > $d/content && "
        f"tar -C $d -cf - content | docker import - {full} && rm -r $d"
    )
    said = host.check_output(f"docker push {full}")
    host.check_output(f"docker image rm {full}")
    found = re.search(r"digest: (sha256:[0-9a-f]{64})", said)
    assert found, said
    return found.group(1)


def pull(host: Any, reference: str) -> Any:
    """Pull with an engine that has nothing of it; whatever came is removed again."""
    ident = f"$(docker image inspect -f '{{{{.Id}}}}' {reference})"
    return host.run(f"docker pull -q {reference} && docker image rm -f {ident}")


def ask(host: Any, server: str, path: str, *options: str, user: str = "ci") -> tuple[str, str]:
    """Ask a registry; gives the HTTP status and the body."""
    words = " ".join(map(shlex.quote, (*options, "-H", f"Accept: {ACCEPT}", "-u", f"{user}:{USERS[user]}")))
    text = host.check_output(f"curl -s --cacert {CA} -w '\\n%{{http_code}}' {words} 'https://{server}{path}'")
    body, _newline, status = text.rpartition("\n")
    return status, body
