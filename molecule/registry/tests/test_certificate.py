# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that has expired: pushes fail and say so, verify says so, and the playbook issues another one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.registry_fleet import CI, HOST, REGISTRY, green, play
from tests.lab.run import docker, wait_until
from tests.unit.plugins.module_utils.tls import Authority

TLS = "/etc/dockmirror/gateway/tls"
OTHER_CA = f"/etc/docker/certs.d/{REGISTRY}/other-ca.crt"
VARIABLES = ("-e", json.dumps({"docker_clients_group": "registry_clients", "rollout_batches": ["100%"]}))


def put(name: str, path: str, text: str) -> None:
    """Write a file on a host, in place."""
    docker("exec", "-i", testing.container(name), "sh", "-c", f"cat > {path}", stdin=text.encode())


@pytest.fixture
def expired(server: Any, ci: Any) -> Iterator[None]:
    """The registry has a certificate of a CA that clients know; it expired yesterday."""
    authority = Authority("Other CA")
    issued = authority.issue(HOST, [HOST], first_day=-5, last_day=-1)
    server.check_output(f"cp -a {TLS} /var/tmp/tls")
    put(CI, OTHER_CA, authority.certificate)
    put(HOST, f"{TLS}/server.crt", issued.certificate)
    put(HOST, f"{TLS}/server.key", issued.key)
    server.check_output("systemctl reload dockmirror-gateway")
    served = f"openssl s_client -connect {REGISTRY} -servername {HOST} </dev/null 2>&1 | grep 'issuer.*Other CA'"
    wait_until(lambda: bool(ci.run(served).succeeded), 10, "the certificate of the other CA")
    yield
    ci.check_output(f"rm {OTHER_CA}")
    server.check_output(f"cp -a /var/tmp/tls/. {TLS}/ && rm -r /var/tmp/tls && systemctl reload dockmirror-gateway")


@pytest.mark.usefixtures("expired")
def test_an_expired_certificate(app: str, server: Any, ci: Any) -> None:
    pushed = ci.run(f"docker push {app}")
    assert pushed.failed
    assert "certificate has expired" in pushed.stderr
    done = play("verify", *VARIABLES, "--limit", CI)
    assert done.code != 0
    assert "expired" in done.output

    # As an operator would: the playbook sees that it is not a certificate to keep.
    assert green("registry").changed > 0
    server.check_output(f"openssl x509 -noout -checkend 86400 -in {TLS}/server.crt")
    ci.check_output(f"docker push -q {app}")
