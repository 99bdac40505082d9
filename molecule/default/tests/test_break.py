# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each link of the way to a mirror is broken in turn: verify is red, says why, and is green again after the repair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab import testing
from tests.lab.playbooks import green, play
from tests.lab.run import wait_until

from .conftest import CLIENTS, DAEMON_JSON, GATEWAY, MIRROR, can_pull_probe, running_mirrors

WELL, SICK = CLIENTS
OURS = f"https://{MIRROR}/"


@contextmanager
def saved(host: Any, path: str, after: str = "true") -> Iterator[None]:
    """Give the file its content back afterwards, in place (a bind-mounted one cannot be replaced), and run *after*."""
    host.check_output(f"cp -p {path} /var/tmp/saved")
    try:
        yield
    finally:
        host.check_output(f"cat /var/tmp/saved > {path} && {after}")


def use_mirrors(host: Any, mirrors: list[str]) -> None:
    """Let somebody else write daemon.json."""
    host.check_output(f"echo '{json.dumps({'registry-mirrors': mirrors})}' > {DAEMON_JSON} && systemctl reload docker")
    wait_until(lambda: OURS not in running_mirrors(host), 10, "a running engine without the mirror of the inventory")


def assert_red(*words: str, sick: tuple[str, ...] = (SICK,)) -> None:
    """Verify fails for the sick hosts alone, with these words in the message that names the host."""
    done = play("verify")
    assert done.code != 0
    assert set(done.failures) == set(sick), done.output
    for name in sick:
        for word in (f"{name} does not pull through a mirror of the fleet", *words):
            assert word in done.failures[name], done.failures[name]
    assert f"{2 - len(sick)} of 2 clients proven" in done.output


def assert_green() -> None:
    assert "2 of 2 clients proven" in green("verify").output


def test_broken_dns() -> None:
    host = testing.host(SICK)
    with saved(host, "/etc/resolv.conf"):
        host.check_output("echo nameserver 127.0.0.1 > /etc/resolv.conf")
        # dockerd looks at the file again after some seconds only
        wait_until(lambda: not can_pull_probe(host), 20, "an engine that does not resolve the mirror")
        assert_red(f"the name {MIRROR} does not resolve on this host", "Add it to the DNS")
    wait_until(lambda: can_pull_probe(host), 20, "an engine that resolves the mirror")
    assert_green()


def test_missing_ca() -> None:
    host = testing.host(SICK)
    host.check_output(f"rm -r /etc/docker/certs.d/{MIRROR}")
    assert_red("certificate is not trusted", f"/etc/docker/certs.d/{MIRROR}", "there is no CA file there", "onboard")
    assert green("onboard", "--limit", SICK).changed == 1
    assert_green()


def test_wrong_ca() -> None:
    host = testing.host(SICK)
    path = f"/etc/docker/certs.d/{MIRROR}/dockmirror-ca.crt"
    host.check_output(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj '/CN=Other CA' -days 1 "
        f"-addext basicConstraints=critical,CA:TRUE -out {path} 2>/dev/null"
    )
    assert_red("certificate is not trusted", "of the CA files there (dockmirror-ca.crt) none fits")
    assert green("onboard", "--limit", SICK).changed == 1
    assert_green()


def test_no_mirror_in_the_list() -> None:
    host = testing.host(SICK)
    with saved(host, DAEMON_JSON, "systemctl reload docker"):
        use_mirrors(host, [])
        assert_red("The running Docker daemon has no registry mirror", "Run the onboard playbook")
    wait_until(lambda: OURS in running_mirrors(host), 10, "the mirror of the inventory in the running engine")
    assert_green()


def test_another_mirror_in_the_list() -> None:
    host = testing.host(SICK)
    with saved(host, DAEMON_JSON, "systemctl reload docker"):
        use_mirrors(host, ["https://other.example.test"])
        assert_red(
            f"has other mirrors (https://other.example.test) than the inventory asks for (https://{MIRROR})",
            "the name other.example.test does not resolve",
        )
    wait_until(lambda: OURS in running_mirrors(host), 10, "the mirror of the inventory in the running engine")
    assert_green()


def test_a_mirror_that_is_down() -> None:
    with testing.stopped(MIRROR, GATEWAY):
        assert_red("connection to", "port 443 is refused", "dockmirror-gateway", sick=(WELL, SICK))
    assert_green()


def test_a_client_that_is_not_in_the_allow_list() -> None:
    mirror, path = testing.host(MIRROR), "/etc/dockmirror/gateway/nginx.conf"
    address = testing.address(SICK)
    with saved(mirror, path, f"systemctl reload {GATEWAY}"):
        mirror.check_output(f"sed -i '/{address}/d' {path}")
        mirror.check_output(f"systemctl reload {GATEWAY}")
        wait_until(lambda: not can_pull_probe(testing.host(SICK)), 10, "a gateway that refuses the client")
        assert_red("HTTP 403", f"the address {address} is not in its allow-list", "gateway_allowed_networks")
    wait_until(lambda: can_pull_probe(testing.host(SICK)), 10, "a gateway that lets the client in")
    assert_green()
