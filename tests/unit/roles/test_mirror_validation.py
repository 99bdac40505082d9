# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input for the servers: a clear message from the playbook, and no connection to the server is ever made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.ansible import ansible
from tests.unit.plugins.module_utils.tls import Authority

ROOT = Path(__file__).resolve().parents[3]
HUB = {"name": "docker.io"}
SECRET = "s3cret-password"

BAD_INPUT: dict[str, tuple[dict[str, Any], str]] = {
    "no-upstream": ({"mirror_upstreams": []}, "mirror_upstreams is empty"),
    "bad-name": ({"mirror_upstreams": [{"name": "Hub"}]}, "the name must be the registry's host name"),
    "twice": ({"mirror_upstreams": [HUB, HUB]}, "Upstream docker.io: it is there twice"),
    "http": ({"mirror_upstreams": [{**HUB, "remote_url": "http://x.example"}]}, "set allow_http: true"),
    "no-probe": ({"mirror_upstreams": [{"name": "x.example"}]}, "probe_repository is needed"),
    "days": ({"mirror_upstreams": [{**HUB, "ttl": "7d"}]}, "There is no unit for days: write 168h."),
    "ttl-on-2": (
        {"mirror_upstreams": [{**HUB, "ttl": "24h"}], "mirror_registry_version": "2"},
        "ttl cannot be set with registry 2",
    ),
    "user-list": (
        {"mirror_upstreams": [{**HUB, "username": ["joe"], "password": SECRET}]},
        "username must be a string, not a list",
    ),
    "half-credentials": ({"mirror_upstreams": [{**HUB, "password": SECRET}]}, "username and password belong together"),
    "url-credentials": (
        {"mirror_upstreams": [{**HUB, "remote_url": f"https://joe:{SECRET}@x.example"}]},
        "remote_url must not hold credentials",
    ),
    "port-clash": (
        {"mirror_upstreams": [{**HUB, "port": 5000}, {"name": "quay.io", "port": 5001}]},
        "port 5001 is used by docker.io too",
    ),
    "unknown-key": (
        {"mirror_upstreams": [{**HUB, "user": "joe"}]},
        "mirror_upstreams.user. Supported parameters include",
    ),
    "version": ({"mirror_registry_version": "latest"}, "mirror_registry_version 'latest' is not known"),
    "maxsize": (
        {"mirror_config_override": {"storage": {"filesystem": {"maxsize": "100G"}}}},
        "ignores it without a word, so the disk would not be bounded; mirror_storage_quota bounds it",
    ),
    "quota": ({"mirror_storage_quota": "200"}, "mirror_storage_quota: '200' is not a size such as 200G"),
    "shares": (
        {
            "mirror_upstreams": [{**HUB, "quota_share": 60}, {"name": "quay.io", "quota_share": 60}],
            "mirror_storage_quota": "1G",
        },
        "The quota_share of docker.io, quay.io are 120 % together",
    ),
    "blobdescriptor": (
        {"mirror_config_override": {"storage": {"cache": {"blobdescriptor": "inmemory"}}}},
        "answer 200 with an empty body after content has expired",
    ),
    "pattern": ({"mirror_upstreams": [{**HUB, "deny": ["mysql"]}]}, "write library/mysql for official images"),
    "cache-size": ({"gateway_cache_size": "20 GB"}, "gateway_cache_size '20 GB' is not a size such as 500m or 20g"),
    "lock": ({"gateway_cache_lock_timeout": 10}, "must be at least gateway_blob_timeout (60)"),
    "no-archive": (
        {"mirror_registry_image_archive": "/nonexistent/registry.tar"},
        "/nonexistent/registry.tar is not on the controller",
    ),
    "no-bundle": ({"mirror_bundle": "/nonexistent"}, "/nonexistent/bundle.json is not on the controller"),
    "no-ca": ({"mirror_upstreams": [{**HUB, "ca_file": "/nonexistent/ca.crt"}]}, "/nonexistent/ca.crt is not on"),
    "plain-http": ({"gateway_tls": "none"}, "Set gateway_allow_http: true if that is meant"),
    "server-name": ({"gateway_server_name": "10.0.0.1"}, "'10.0.0.1' is not a DNS name"),
    "network": ({"gateway_allowed_networks": ["10.0.0.0/40"]}, "'10.0.0.0/40' is not a network such as 10.0.0.0/8"),
    "no-network": ({"gateway_allowed_networks": []}, "gateway_allowed_networks is empty"),
    "renewal": ({"gateway_certificate_days": 20}, "must be more than 0 and less than gateway_certificate_days (20)"),
    "no-files": ({"gateway_tls": "files"}, "gateway_tls_certificate_file is not set"),
    "lost-files": (
        {
            "gateway_tls": "files",
            "gateway_tls_certificate_file": "/nonexistent/a.crt",
            "gateway_tls_private_key_file": "/nonexistent/a.key",
        },
        "The file /nonexistent/a.crt",
    ),
}

CERTIFICATES = {
    "mismatch": ("good", "stranger", "It does not belong to the private key"),
    "expired": ("expired", "expired", "It has expired"),
    "other-name": ("other", "other", "It is not for the name other-name.example.com"),
    "cn-only": ("cn", "cn", "a common name alone is refused by engines"),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """One run with a server for each kind of bad input; gives the output and the failure of each server."""
    directory = tmp_path_factory.mktemp("refusals")
    authority = Authority()
    name = "mismatch.example.com"
    authority.issue(name, [name]).write(directory, "good")
    authority.issue(name, [name]).write(directory, "stranger")
    authority.issue("x", ["expired.example.com"], -5, -1).write(directory, "expired")
    authority.issue("x", ["x.example.com"]).write(directory, "other")
    authority.issue("cn-only.example.com", []).write(directory, "cn")
    hosts = {host: variables for host, (variables, _message) in BAD_INPUT.items()}
    for host, (certificate, key, _message) in CERTIFICATES.items():
        hosts[host] = {
            "gateway_server_name": f"{host}.example.com",
            "gateway_tls": "files",
            "gateway_tls_certificate_file": str(directory / f"{certificate}.crt"),
            "gateway_tls_private_key_file": str(directory / f"{key}.key"),
        }
    return play(directory, hosts)


def play(
    directory: Path,
    hosts: dict[str, dict[str, Any]],
    *options: str,
    playbook: str = "mirror",
    groups: tuple[str, ...] = ("mirrors",),
) -> tuple[str, dict[str, str]]:
    """Run the playbook for servers that cannot be reached; gives the output and the failure of each server.

    Of several groups, ``mirrors`` has only the hosts that set ``mirror_upstreams``.
    """
    unreachable = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    inventory = {
        group: {
            "hosts": {
                name: variables
                for name, variables in hosts.items()
                if len(groups) == 1 or group != "mirrors" or "mirror_upstreams" in variables
            },
            "vars": unreachable,
        }
        for group in groups
    }
    (directory / "hosts.yml").write_text(json.dumps(inventory))
    done = ansible("-i", str(directory / "hosts.yml"), *options, f"dockmirror.fleet.{playbook}")
    return done.output, done.failures


@pytest.mark.parametrize("host", BAD_INPUT)
def test_bad_input(refusals: tuple[str, dict[str, str]], host: str) -> None:
    assert BAD_INPUT[host][1] in refusals[1][host]


@pytest.mark.parametrize("host", CERTIFICATES)
def test_bad_certificates(refusals: tuple[str, dict[str, str]], host: str) -> None:
    assert CERTIFICATES[host][2] in refusals[1][host]


def test_nothing_is_tried_on_a_server_with_bad_input(refusals: tuple[str, dict[str, str]]) -> None:
    assert "UNREACHABLE" not in refusals[0]


def test_no_password_is_shown(refusals: tuple[str, dict[str, str]]) -> None:
    assert SECRET not in refusals[0]


def test_no_password_is_shown_to_the_most_curious_either(tmp_path: Path) -> None:
    upstream = {**HUB, "username": "joe", "password": SECRET, "https_proxy": f"http://u:{SECRET}@proxy.example:3128"}
    output, _failures = play(tmp_path, {"server": {"mirror_upstreams": [upstream]}}, "-vvv", "--diff")
    assert "UNREACHABLE" in output, "the settings are good, so that the server is tried next"
    assert SECRET not in output


def test_good_input_reaches_for_the_server(tmp_path: Path) -> None:
    """The counterpart of the tests above."""
    output, failures = play(tmp_path, {"server": {"mirror_upstreams": [HUB, {"name": "quay.io", "ttl": "24h"}]}})
    assert "UNREACHABLE" in output
    assert failures.keys() <= {"server"}
