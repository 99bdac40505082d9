# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input for a private registry: a clear message from the playbook, and no connection to the server is ever made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.module_utils.tls import Authority
from tests.unit.roles.test_mirror_validation import play

SECRET = "s3cret-password"
CI = {"name": "ci", "password": SECRET, "role": "push"}
S3 = {"bucket": "images", "region": "eu-central-1", "accesskey": "key", "secretkey": SECRET}
MIRROR = [{"name": "docker.io"}]

BAD_INPUT: dict[str, tuple[dict[str, Any], str]] = {
    "no-password": (
        {"registry_users": [{"name": "ci", "role": "push"}]},
        "missing required arguments: password found in registry_users",
    ),
    "empty-password": ({"registry_users": [{**CI, "password": ""}]}, "ci: the password is missing"),
    "long-password": ({"registry_users": [{**CI, "password": 6 * SECRET}]}, "longer than 72 bytes"),
    "line-feed": ({"registry_users": [{**CI, "password": SECRET + "\n"}]}, "holds a control character"),
    "unknown-role": ({"registry_users": [{**CI, "role": "admin"}]}, "value of role must be one of: push, pull"),
    "no-role": ({"registry_users": [{"name": "ci", "password": SECRET}]}, "missing required arguments: role"),
    "twice": ({"registry_users": [CI, CI]}, "registry_users: ci is there twice"),
    "bad-user": ({"registry_users": [{**CI, "name": "c:i"}]}, "registry_users: 'c:i' is not a name"),
    "unknown-key": ({"registry_users": [{**CI, "rights": "x"}]}, "registry_users.rights. Supported parameters include"),
    "cost": ({"registry_bcrypt_cost": 20}, "registry_bcrypt_cost is 20: it must be between 4 and 16"),
    "storage": ({"registry_storage": "swift"}, "value of registry_storage must be one of: filesystem, s3, azure"),
    "no-bucket": ({"registry_storage": "s3", "registry_s3": {"region": "x"}}, "registry_s3.bucket is needed"),
    "half-s3": (
        {"registry_storage": "s3", "registry_s3": {**S3, "accesskey": ""}},
        "accesskey and secretkey belong together",
    ),
    "s3-typo": (
        {"registry_storage": "s3", "registry_s3": {**S3, "secret_key": SECRET}},
        "registry_s3.secret_key: the registry has no such setting. Do you mean secretkey?",
    ),
    "s3-unused": ({"registry_s3": S3}, "registry_s3 is set, but registry_storage is filesystem"),
    "no-container": ({"registry_storage": "azure", "registry_azure": {"accountname": "a"}}, "registry_azure.container"),
    "override-secret": (
        {"registry_config_override": {"http": {"secret": SECRET}}},
        "must not set http.secret: it is generated on the host",
    ),
    "override-auth": (
        {"registry_config_override": {"auth": {"htpasswd": {"realm": "x"}}}},
        "must not set auth: who may come in is decided at the gateway",
    ),
    "override-port": ({"registry_config_override": {"http": {"addr": ":5000"}}}, "set registry_port instead"),
    "override-typo": (
        {"registry_config_override": {"storage": {"filesystem": {"maxsize": "10G"}}}},
        "the registry has no such setting and ignores it without a word",
    ),
    "override-redis": (
        {"registry_config_override": {"redis": {"addr": "127.0.0.1:6379"}}},
        "registry 3 does not have it, registry 2 has",
    ),
    "version": ({"registry_version": "latest"}, "registry_version 'latest' is not known"),
    "log-level": ({"registry_log_level": "loud"}, "value of registry_log_level must be one of"),
    "server-name": ({"registry_server_name": "10.0.0.1"}, "'10.0.0.1' is not a DNS name"),
    "port": ({"registry_port": 65535}, "registry_port must be between 1 and 65534"),
    "no-archive": ({"registry_image_archive": "/nonexistent/r.tar"}, "/nonexistent/r.tar is not on the controller"),
    "no-ca": (
        {"registry_storage": "s3", "registry_s3": {**S3, "ca_file": "/nonexistent/ca.crt"}},
        "/nonexistent/ca.crt is not on the controller",
    ),
    "replica-url": ({"registry_replica_of": f"https://u:{SECRET}@x.example"}, "must not hold credentials"),
    "replica-half": (
        {"registry_replica_of": "https://x.example", "registry_replica_password": SECRET},
        "registry_replica_username and registry_replica_password belong together",
    ),
    "plain-http": ({"gateway_tls": "none"}, "Set gateway_allow_http: true if that is meant"),
    # On a host that is a mirror too.
    "same-name": ({"mirror_upstreams": MIRROR}, "have the same name, same-name: set registry_server_name to another"),
    "alias-name": (
        {"mirror_upstreams": MIRROR, "registry_server_name": "r.example", "gateway_server_aliases": ["R.example"]},
        "have the same name, r.example",
    ),
    "bad-mirror": (
        {"mirror_upstreams": [{"name": "Hub"}], "registry_server_name": "r.example"},
        "the name must be the registry's host name",
    ),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """One run with a server for each kind of bad input; gives the output and the failure of each server."""
    directory = tmp_path_factory.mktemp("refusals")
    hosts = {host: variables for host, (variables, _message) in BAD_INPUT.items()}
    Authority().issue("x", ["mirror.example.com"]).write(directory, "mirror")
    hosts["other-certificate"] = {
        "registry_server_name": "registry.example.com",
        "gateway_tls": "files",
        "gateway_tls_certificate_file": str(directory / "mirror.crt"),
        "gateway_tls_private_key_file": str(directory / "mirror.key"),
    }
    return play(directory, hosts, playbook="registry", groups=("registries", "mirrors"))


@pytest.mark.parametrize("host", BAD_INPUT)
def test_bad_input(refusals: tuple[str, dict[str, str]], host: str) -> None:
    assert BAD_INPUT[host][1] in refusals[1][host]


def test_a_certificate_without_the_name_of_the_registry(refusals: tuple[str, dict[str, str]]) -> None:
    assert "It is not for the name registry.example.com" in refusals[1]["other-certificate"]


def test_nothing_is_tried_on_a_server_with_bad_input(refusals: tuple[str, dict[str, str]]) -> None:
    assert "UNREACHABLE" not in refusals[0]


def test_no_password_is_shown(refusals: tuple[str, dict[str, str]]) -> None:
    assert SECRET not in refusals[0]


GOOD: dict[str, dict[str, Any]] = {
    "alone": {"registry_users": [CI], "registry_storage": "s3", "registry_s3": S3},
    "with-mirror": {"registry_users": [CI], "registry_server_name": "r.example", "mirror_upstreams": MIRROR},
}


@pytest.mark.parametrize("playbook", ["registry", "mirror"])
def test_good_input_reaches_for_the_server_and_shows_no_password(tmp_path: Path, playbook: str) -> None:
    """The counterpart of the tests above, to the most curious."""
    groups = ("registries", "mirrors")
    output, failures = play(tmp_path, GOOD, "-vvv", "--diff", playbook=playbook, groups=groups)
    assert output.count("UNREACHABLE!") == (2 if playbook == "registry" else 1)
    assert failures.keys() <= GOOD.keys()
    assert SECRET not in output


def test_a_mirror_host_that_is_a_registry_too_is_checked_for_both(tmp_path: Path) -> None:
    hosts = {"both": {"mirror_upstreams": MIRROR, "registry_users": [{**CI, "password": ""}]}}
    _output, failures = play(tmp_path, hosts, groups=("registries", "mirrors"))
    assert "ci: the password is missing" in failures["both"]
