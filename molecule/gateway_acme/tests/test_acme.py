# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate from a real ACME server: what clients see, how it is renewed, and what is said when there is none."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.run import wait_until

from .conftest import ACME, CLIENT, MIRROR, converge

UNIT = "dockmirror-gateway-certificate"
TLS = "/etc/dockmirror/gateway/tls"


@pytest.fixture
def mirror() -> Any:
    return testing.host(MIRROR)


@pytest.fixture
def client() -> Any:
    return testing.host(CLIENT)


def on_the_wire(client: Any, *fields: str, name: str = MIRROR) -> str:
    """What the certificate says that the gateway presents at this moment to who asks for *name*."""
    text = client.check_output(
        f"openssl s_client -connect {name}:443 -servername {name} </dev/null 2>/dev/null "
        f"| openssl x509 -noout {' '.join(f'-{field}' for field in fields)}"
    )
    return str(text)


def ask(host: Any, path: str, *options: str) -> str:
    """HTTP status that port 80 of the gateway answers with."""
    return str(host.check_output(f"curl -s -o /dev/null -w '%{{http_code}}' {' '.join(options)} http://{MIRROR}{path}"))


def test_the_certificate_is_the_acme_servers_and_has_all_names(client: Any) -> None:
    shown = on_the_wire(client, "issuer", "ext subjectAltName")
    assert "Pebble Intermediate CA" in shown
    assert {f"DNS:{name}" for name in (MIRROR, "cache.example.test")} == set(re.findall(r"DNS:[a-z0-9.]+", shown))


@pytest.mark.parametrize("name", [MIRROR, "cache.example.test"])
def test_a_client_can_verify_it_with_the_root_alone(client: Any, name: str) -> None:
    ca_file = f"/etc/docker/certs.d/{MIRROR}/dockmirror-ca.crt"
    assert client.check_output(f"curl -sS --cacert {ca_file} https://{name}/v2/") == "{}"
    client.check_output("docker pull -q dockmirror/probe:acme && docker image rm dockmirror/probe:acme")


def test_only_root_can_read_the_private_key(mirror: Any) -> None:
    keys = mirror.check_output("find /etc/dockmirror/gateway -name '*key*' -type f -exec stat -c '%a %U %n' {} +")
    assert keys
    assert [line for line in keys.splitlines() if not line.startswith(("600 root", "400 root"))] == []
    assert mirror.check_output(f"stat -c %a {TLS}") == "700"


def test_port_80_is_for_the_challenge_and_nothing_else(mirror: Any, client: Any) -> None:
    webroot = "/var/lib/dockmirror/gateway/acme/.well-known/acme-challenge"
    mirror.check_output(f"mkdir -p {webroot} && echo answer > {webroot}/token")
    for host in (client, testing.host(ACME)):  # the second one is not in the allow-list
        assert ask(host, "/.well-known/acme-challenge/token") == "200"
        assert ask(host, "/.well-known/acme-challenge/token", "-X POST", "-d x") == "403"
        assert ask(host, "/.well-known/acme-challenge/") in ("403", "404")
        assert ask(host, "/.well-known/acme-challenge/../../probe/index.json", "--path-as-is") in ("400", "404")
        for path in ("/", "/v2/", "/v2/dockmirror/probe/manifests/x"):
            assert ask(host, path) == "404"
    mirror.check_output(f"rm {webroot}/token")


def test_the_timer_renews_and_the_new_certificate_is_on_the_wire(mirror: Any, client: Any) -> None:
    assert mirror.check_output(f"systemctl is-enabled {UNIT}.timer") == "enabled"
    assert mirror.check_output(f"systemctl is-active {UNIT}.timer") == "active"
    assert mirror.check_output(f"systemctl show --property Unit --value {UNIT}.timer") == f"{UNIT}.service"
    before = on_the_wire(client, "serial")
    pid = mirror.check_output("systemctl show --property MainPID dockmirror-gateway")

    mirror.check_output(f"systemctl start {UNIT}.service")
    assert on_the_wire(client, "serial") == before, "it was not due"

    settings = mirror.check_output("ls /etc/dockmirror/gateway/acme/renewal/*.conf")
    mirror.check_output(f"cp -p {settings} /var/tmp/renewal && sed -i '1i renew_before_expiry = 3650 days' {settings}")
    mirror.check_output(f"systemctl start {UNIT}.service")
    wait_until(lambda: on_the_wire(client, "serial") != before, 10, "another certificate on the wire")
    mirror.check_output(f"sed -i /^renew_before_expiry/d {settings}")

    assert "Pebble Intermediate CA" in on_the_wire(client, "issuer")
    assert mirror.check_output("systemctl show --property MainPID dockmirror-gateway") == pid, "reloaded, not restarted"
    assert "The gateway has a new certificate" in mirror.check_output(f"journalctl -q -o cat -u {UNIT}.service")


def test_a_run_after_a_renewal_changes_nothing() -> None:
    done = converge("--limit", MIRROR)
    assert done.code == 0, done.output
    assert done.changed == 0, done.output


def test_a_certificate_that_did_not_reach_the_gateway_is_brought_there(mirror: Any, client: Any) -> None:
    before = on_the_wire(client, "serial")
    mirror.check_output(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x "
        f"-keyout {TLS}/server.key -out {TLS}/server.crt && systemctl reload dockmirror-gateway"
    )
    wait_until(lambda: on_the_wire(client, "serial") != before, 10, "the wrong certificate on the wire")
    predicted = converge("--limit", MIRROR, "--check")
    assert f"would be asked for at https://{ACME}/dir" in predicted.output
    assert predicted.changed == 1, predicted.output
    assert converge("--limit", MIRROR).code == 0
    assert on_the_wire(client, "serial") == before


def test_a_refusal_says_why_and_the_gateway_goes_on(client: Any, mirror: Any) -> None:
    before = on_the_wire(client, "serial")
    done = converge("--limit", MIRROR, "-e", '{"gateway_server_aliases": ["refused.example.test"]}')
    assert done.code != 0
    for words in (
        f"The ACME server https://{ACME}/dir gave no certificate for {MIRROR}, refused.example.test",
        "issuance is forbidden by policy",
    ):
        assert words in done.output
    assert on_the_wire(client, "serial") == before
    back = converge("--limit", MIRROR)
    assert back.code == 0, back.output


def test_an_acme_server_that_cannot_reach_port_80(client: Any, mirror: Any) -> None:
    before = on_the_wire(client, "serial")
    with testing.unreachable(MIRROR, 80):
        done = converge("--limit", MIRROR, "-e", '{"gateway_server_aliases": []}')
    assert done.code != 0
    assert "the ACME server reaches its port 80" in done.output
    assert f"Domain: {MIRROR}" in done.output
    assert on_the_wire(client, "serial") == before
    assert converge("--limit", MIRROR).code == 0


def test_a_program_on_port_80_is_named_before_anything_is_changed(mirror: Any) -> None:
    with testing.stopped(MIRROR, "dockmirror-gateway"):
        mirror.check_output("systemd-run --quiet --unit other-server python3 -m http.server 80")
        try:
            wait_until(lambda: "python3" in mirror.check_output("ss -Hltnp 'sport = :80'"), 10, "the other program")
            done = converge("--limit", MIRROR)
        finally:
            mirror.check_output("systemctl stop other-server")
    assert done.code != 0
    assert "Port 80 on mirror.example.test is used by another program (python3)" in done.output


def test_back_to_the_fleet_ca_and_forth(mirror: Any, client: Any) -> None:
    done = converge("--limit", MIRROR, "-e", "gateway_tls=fleet_ca", "-e", f"gateway_fleet_ca_dir={_ca_dir()}")
    assert done.code == 0, done.output
    assert "dockmirror fleet CA" in on_the_wire(client, "issuer")
    assert mirror.run(f"systemctl cat {UNIT}.timer").failed
    assert mirror.check_output("ss -Hltn 'sport = :80'") == ""
    assert converge("--limit", MIRROR).code == 0
    assert "Pebble Intermediate CA" in on_the_wire(client, "issuer")


def _ca_dir() -> str:
    return str(testing._runner().get_variables(MIRROR)["lab_fleet_dir"]) + "/fleet-ca"
