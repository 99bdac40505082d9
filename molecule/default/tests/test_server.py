# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror's host over its life: renewal, other settings, a dead upstream, broken files; each ends as it began."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab import paths, testing
from tests.lab.playbooks import green, play
from tests.lab.run import docker, wait_until
from tests.tools.stage import ROOT
from tests.unit.plugins.module_utils.tls import Authority

from .conftest import CLIENTS, GATEWAY, MIRROR, can_pull_probe

CLIENT = CLIENTS[0]
CONTAINER = "dockmirror-mirror-docker-io"
DATA = "/var/lib/dockmirror/mirror/docker.io"
GATEWAY_ALONE = str(ROOT / "molecule/default/gateway.yml")
INSTANCES_ALONE = str(ROOT / "molecule/default/instances.yml")
REGISTRIES = json.loads((paths.IMAGES / "versions.json").read_text())["registry"]


def extra(**variables: Any) -> tuple[str, str]:
    """Variables for one run of a playbook."""
    return "-e", json.dumps(variables)


def hub_upstream(**settings: str) -> list[dict[str, str]]:
    """The upstream of this scenario with further settings."""
    return [
        {
            "name": "docker.io",
            "ca_file": str(paths.fleet_dir(os.environ["DOCKMIRROR_LAB_FLEET"]) / "pki/ca.crt"),
            **settings,
        }
    ]


def certificate() -> dict[str, str]:
    """Serial number and issuer of the certificate that a client sees."""
    text = testing.host(CLIENT).check_output(
        f"openssl s_client -connect {MIRROR}:443 -servername {MIRROR} </dev/null 2>/dev/null "
        "| openssl x509 -noout -serial -issuer"
    )
    return dict(line.split("=", 1) for line in text.splitlines())


def pull(image: str) -> None:
    """Pull *image* on a client and see in the mirror's log that it came from there; its layers may be on the client."""
    client, log = testing.host(CLIENT), testing.mirror_log(MIRROR)
    client.run(f"docker image rm -f {image}")
    mark = log.mark()
    client.check_output(f"docker pull -q {image}")
    log.wait(mark, lambda entry: entry["kind"] == "manifest" and entry["status"] == 200)


@contextmanager
def temporarily(playbook: str, *options: str) -> Iterator[None]:
    """Deploy with other settings, and as the inventory says afterwards."""
    green(playbook, *options)
    try:
        yield
    finally:
        green(playbook)


def test_a_certificate_is_renewed_before_it_expires() -> None:
    before = certificate()
    longer = extra(gateway_certificate_days=200, gateway_certificate_renew_before_days=100)
    assert green(GATEWAY_ALONE, *longer).changed > 0
    renewed = certificate()
    assert renewed["serial"] != before["serial"]
    assert renewed["issuer"] == before["issuer"], "clients trust it already"
    assert "2 of 2 clients proven" in green("verify").output


def test_the_ca_is_replaced_and_no_pull_fails() -> None:
    """In spite of two runs that fail on the way: before all trust the new one, and before the mirror uses it."""
    client, folder = testing.host(CLIENT), Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "fleet-ca"
    trusted = f"/etc/docker/certs.d/{MIRROR}/dockmirror-ca.crt"
    before, issued = client.check_output(f"cat {trusted}"), certificate()
    with testing.meanwhile(lambda: can_pull_probe(client)) as pulls:
        with in_the_way(CLIENTS[1], trusted):
            failed = play("rotate_ca")
        assert trusted in failed.failures[CLIENTS[1]]
        assert (folder / "ca.crt").read_text().startswith(before), "the old one signs until all trust both"
        assert (folder / "next").exists()
        with testing.stopped(testing.names("hub")[0], "nginx"):
            failed = play("rotate_ca")
        assert "cannot be reached from this host" in failed.failures[MIRROR]
        assert (folder / "previous").exists()
        assert certificate() == issued
        done = green("rotate_ca")
    assert len(pulls) > 20
    assert all(pulls)
    assert certificate()["serial"] != issued["serial"]
    after = client.check_output(f"cat {trusted}")
    assert after.strip() == (folder / "ca.crt").read_text().strip()
    assert after.count("BEGIN") == 1
    assert after != before, "the old one is trusted no more"
    assert not (folder / "previous").exists()
    assert not (folder / "next").exists()
    assert "2 of 2 clients proven" in done.output
    assert re.search(rf"The certificate of {re.escape(MIRROR)} is valid for (89|90) days", done.output)
    assert green("onboard").changed == 0


@contextmanager
def in_the_way(name: str, path: str) -> Iterator[None]:
    """While it lasts, a directory is where that file should be."""
    host = testing.host(name)
    host.check_output(f"mv {path} /var/tmp/file && mkdir {path}")
    try:
        yield
    finally:
        host.check_output(f"rmdir {path} && mv /var/tmp/file {path}")


def test_a_configuration_that_nginx_refuses_never_replaces_the_one_that_works() -> None:
    mirror = testing.host(MIRROR)
    look = f"sha256sum /etc/dockmirror/gateway/nginx.conf; systemctl show --property MainPID {GATEWAY}"
    before = mirror.check_output(look)
    done = play(GATEWAY_ALONE, *extra(gateway_upstreams=[{"name": "docker.io", "address": "nowhere.invalid:1"}]))
    for word in ("failed to validate", "host not found in upstream", "nowhere.invalid:1"):
        assert word in done.failures[MIRROR]
    assert mirror.check_output(look) == before
    pull("alpine")


def refusal(host: str) -> str:
    """How the mirror keeps that host out."""
    return str(
        testing.host(host).run(f"curl -sSk -m 3 -o /dev/null -w '%{{http_code}}' https://{MIRROR}/v2/ 2>&1").stdout
    )


def test_a_certificate_of_ones_own_and_a_firewall(tmp_path: Path) -> None:
    authority = Authority("Corporate CA")
    crt, key = authority.issue(MIRROR, [MIRROR]).write(tmp_path, "own")
    client = testing.host(CLIENT)
    docker(
        "exec",
        "-i",
        testing.container(CLIENT),
        "sh",
        "-c",
        "cat > /var/tmp/corporate.crt",
        stdin=authority.certificate.encode(),
    )
    mirror, outsider = testing.host(MIRROR), testing.names("hub")[0]
    mirror.check_output(
        "apt-get install -qqy nftables > /dev/null; nft add table inet others; nft add chain inet others mine"
    )
    others = mirror.check_output("nft list table inet others")
    assert refusal(outsider) == "403"
    with temporarily(
        GATEWAY_ALONE,
        *extra(
            gateway_tls="files",
            gateway_tls_certificate_file=str(crt),
            gateway_tls_private_key_file=str(key),
            gateway_firewall="nftables",
        ),
    ):
        assert "000" in refusal(outsider), "no connection"
        assert refusal(CLIENT) == "200"
        assert mirror.check_output("systemctl is-enabled dockmirror-firewall") == "enabled"
        assert mirror.check_output("nft list table inet others") == others
        assert "Corporate CA" in certificate()["issuer"]
        assert client.check_output(f"curl -sS --cacert /var/tmp/corporate.crt https://{MIRROR}/v2/") == "{}"
        assert testing.host(MIRROR).check_output("stat -c %a /etc/dockmirror/gateway/tls/server.key") == "600"
    assert "dockmirror fleet CA" in certificate()["issuer"]
    assert refusal(outsider) == "403"
    assert mirror.check_output("nft list tables | grep -v ' docker-\\| nat\\| filter\\| raw'") == "table inet others"
    mirror.check_output("nft delete table inet others")
    assert "2 of 2 clients proven" in green("verify").output


@pytest.mark.skipif(set(REGISTRIES) != {"2", "3"}, reason="the lab has only one version of the registry")
def test_registry_2_serves_and_goes_again() -> None:
    mirror = testing.host(MIRROR)
    old = extra(
        mirror_registry_version="2",
        mirror_registry_image_archive=str(paths.IMAGES / REGISTRIES["2"]["archive"]),
        mirror_prefetch=[],
        mirror_storage_quota="",
        mirror_storage_min_free="",
        mirror_scrub_days=0,
    )
    with temporarily("mirror", *old):
        assert mirror.run("systemctl list-unit-files | grep -E 'mirror-(quota|scrub)'").stdout == ""
        assert not mirror.file("/usr/local/sbin/dockmirror-mirror-quota").exists
        assert not mirror.file("/usr/local/sbin/dockmirror-mirror-scrub").exists
        assert mirror.run("systemctl cat dockmirror-mirror-prefetch.timer").failed, "nothing is to be kept warm"
        assert not mirror.file("/var/lib/dockmirror/mirror-upkeep/prefetch.json").exists
        assert REGISTRIES["2"]["version"] in mirror.check_output(f"docker exec {CONTAINER} registry --version")
        pull("multi:1")
    assert REGISTRIES["3"]["version"] in mirror.check_output(f"docker exec {CONTAINER} registry --version")
    for unit in ("prefetch.timer", "quota-watch.service", "quota.timer", "scrub.timer"):
        assert mirror.check_output(f"systemctl is-active dockmirror-mirror-{unit}") == "active"
    pull("medium:1")


@pytest.mark.skipif(set(REGISTRIES) != {"2", "3"}, reason="the lab has only one version of the registry")
def test_another_version_that_does_not_start_is_taken_back() -> None:
    mirror = testing.host(MIRROR)
    folder = "/etc/dockmirror/mirror/docker.io"
    look = (
        f"ls -A {folder} {folder}/registry; cat {folder}/compose.yaml {folder}/registry/*.yml; "
        f"docker exec {CONTAINER} registry --version"
    )
    before = mirror.check_output(look)
    done = play(
        INSTANCES_ALONE,
        *extra(
            mirror_registry_version="2",
            mirror_registry_image_archive=str(paths.IMAGES / REGISTRIES["2"]["archive"]),
            mirror_config_override={"log": {"level": "nonsense"}},
            mirror_probe_timeout=5,
        ),
    )
    assert f"{CONTAINER} does not start with its new settings" in done.failures[MIRROR]
    assert "nonsense" in done.failures[MIRROR], "the registry's own words"
    assert f"{CONTAINER} was put back to what it was before" in done.failures[MIRROR]
    assert mirror.check_output(look) == before
    pull("alpine")
    assert green(INSTANCES_ALONE).changed == 0


def test_a_deployment_that_cannot_use_its_upstream_fails_with_the_cause_and_serves_what_it_has() -> None:
    pull("alpine")
    with testing.stopped(testing.names("hub")[0], "nginx"):
        done = play(INSTANCES_ALONE)
        assert "The upstream https://registry-1.docker.io cannot be reached from this host" in done.failures[MIRROR]
        assert "efused" in done.failures[MIRROR]
        pull("alpine")
        warned = green(INSTANCES_ALONE, *extra(mirror_require_upstream=False))
        assert "cannot be reached from this host" in warned.output
    assert green(INSTANCES_ALONE).changed == 0


def test_a_broken_list_of_what_expires_is_healed() -> None:
    mirror = testing.host(MIRROR)
    aside = f"find {DATA} -name 'scheduler-state.json.broken-*'"
    before = mirror.check_output(aside).split()
    mirror.check_output(f"docker stop {CONTAINER} && : > {DATA}/scheduler-state.json")
    done = green(INSTANCES_ALONE)
    assert done.changed > 0
    assert "scheduler-state.json" in done.output
    assert mirror.check_output(f"docker inspect -f '{{{{.State.Running}}}}' {CONTAINER}") == "true"
    assert len(mirror.check_output(aside).split()) == len(before) + 1
    pull("alpine")


def test_credentials_reach_the_upstream_through_the_corporate_proxy_and_stay_out_of_sight() -> None:
    mirror, hub = testing.host(MIRROR), testing.first("hub")
    user, password = "fleet@example.test", 'p@ss #1: "quoted" $HOME'
    program = (paths.ASSETS / "proxy/connect_proxy.py").read_bytes()
    docker("exec", "-i", testing.container("hub.example.test"), "sh", "-c", "cat > /var/tmp/proxy.py", stdin=program)
    hub.check_output("systemd-run --unit lab-proxy /usr/bin/python3 /var/tmp/proxy.py")
    try:
        wait_until(lambda: hub.run("ss -ltn | grep -q :3128").succeeded, 10, "the proxy")
        proxy = "http://corp:let%20me%20in@hub.example.test:3128"
        # It would ask by the settings of before, until the run has come to them; the run starts it again.
        mirror.check_output("systemctl stop dockmirror-mirror-limits.timer dockmirror-mirror-limits.service")
        mark = testing.hub_log().mark()
        settings = extra(mirror_upstreams=hub_upstream(username=user, password=password, https_proxy=proxy))
        deployed = play("mirror", *settings, "--diff", "-vvv")
        assert deployed.code == 0, deployed.output
        for secret in (password, "let%20me%20in", json.dumps(password)[1:-1]):
            assert secret not in deployed.output
        asked = testing.hub_log().wait(mark, lambda entry: entry["uri"].startswith("/token"))
        assert {entry["user"] for entry in asked} == {user}
        assert {entry["remote_addr"] for entry in testing.hub_log().since(mark)} == {
            testing.address("hub.example.test")
        }
        journal = hub.check_output("journalctl --quiet --output cat --unit lab-proxy")
        assert "registry-1.docker.io:443 allowed" in journal
        assert "refused" not in journal
        for look in ("ps axww", "cat /var/log/dockmirror/*", "journalctl --quiet", f"docker logs {CONTAINER} 2>&1"):
            text = mirror.check_output(look)
            assert password not in text, look
            assert "let%20me" not in text, look
        modes = mirror.check_output("find /etc/dockmirror/mirror -type f -name '[cC]*' -printf '%m %f\\n' | sort")
        assert set(modes.splitlines()) == {
            "600 compose.yaml",
            "600 config.yml",
            "600 credentials.json",
            "700 credential-helper",
        }
    finally:
        green("mirror")
        hub.check_output("systemctl stop lab-proxy")
    pull("example/app:1.0")
