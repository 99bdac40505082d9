# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the private registry's settings, and its storage section."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_settings import problems, storage

CI = {"name": "ci", "password": "s3cret", "role": "push"}
BUCKET = {"bucket": "images", "region": "eu-central-1"}
GOOD: dict[str, Any] = {
    "server_name": "registry.example.com",
    "version": "3",
    "port": 20500,
    "storage": "filesystem",
    "s3": {},
    "azure": {},
    "config_override": {},
    "users": [CI, {"name": "prod@eu-1", "password": "x y:ü", "role": "pull"}],
    "anonymous_pull": False,
    "bcrypt_cost": 10,
    "replica_of": "",
    "replica_username": "",
    "replica_password": "",
    "replica_ca_file": "",
}


def s3(**settings: Any) -> dict[str, Any]:
    return {"storage": "s3", "s3": settings}


def azure(**settings: Any) -> dict[str, Any]:
    return {"storage": "azure", "azure": settings}


def override(**settings: Any) -> dict[str, Any]:
    return {"config_override": settings}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"version": "2.8.3"},
        {"users": []},
        s3(**BUCKET),
        s3(bucket="images", regionendpoint="http://10.0.0.5:9000", accesskey="a", secretkey="b", forcepathstyle=False),
        {"version": "2", **s3(**BUCKET, v4auth=True)},
        azure(accountname="a", container="c", credentials={"type": "default_credentials"}),
        {"version": "2", **azure(accountname="a", container="c", accountkey="k")},
        override(notifications={"endpoints": [{"name": "x", "url": "https://x.example", "anything": 1}]}),
        override(log={"accesslog": {"disabled": False}, "fields": {"site": "eu"}}),
        override(storage={"delete": {"enabled": True}, "cache": {"blobdescriptor": "inmemory"}}),
        override(redis={"addrs": ["127.0.0.1:6379"]}),
        {"version": "2", **override(redis={"addr": "127.0.0.1:6379"})},
        {"replica_of": "https://r1.example.com:8443", "replica_username": "u", "replica_password": "p"},
    ],
)
def test_good_settings(settings: dict[str, Any]) -> None:
    assert problems({**GOOD, **settings}) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"server_name": "10.0.0.1"}, "registry_server_name: '10.0.0.1' is not a DNS name"),
        ({"version": "latest"}, "registry_version 'latest' is not known"),
        ({"port": 65535}, "registry_port must be between 1 and 65534"),
        ({"bcrypt_cost": 3}, "registry_bcrypt_cost is 3: it must be between 4 and 16"),
        ({"bcrypt_cost": 31}, "registry_bcrypt_cost is 31"),
        # storage
        ({"s3": BUCKET}, "registry_s3 is set, but registry_storage is filesystem"),
        ({"azure": {"container": "c"}}, "registry_azure is set, but registry_storage is filesystem"),
        (s3(region="eu-central-1"), "registry_s3.bucket is needed"),
        (s3(bucket="images"), "registry_s3.region is needed, unless regionendpoint"),
        (s3(**BUCKET, accesskey="a"), "accesskey and secretkey belong together"),
        (s3(**BUCKET, endpoint="x"), "registry_s3.endpoint: the registry has no such setting. Do you mean region"),
        (s3(**BUCKET, secret_key="x"), "Do you mean secretkey?"),
        (
            {"version": "2", **s3(**BUCKET, forcepathstyle=True)},
            "registry_s3.forcepathstyle: registry 2 does not have it",
        ),
        (azure(accountname="a"), "registry_azure.container is needed"),
        ({"version": "2", **azure(accountname="a", container="c")}, "registry_azure.accountkey is needed"),
        (azure(accountname="a", container="c", key="k"), "registry_azure.key: the registry has no such setting"),
        ({"s3": [1]}, "registry_s3 must be a mapping"),
        # override
        ({"config_override": []}, "registry_config_override must be a mapping"),
        (override(auth={"htpasswd": {}}), "must not set auth: who may come in is decided at the gateway"),
        (override(http={"secret": "x"}), "must not set http.secret: it is generated on the host"),
        (override(http={"addr": ":5000"}), "must not set http.addr: set registry_port instead"),
        (override(http={"tls": {"key": "x"}}), "must not set http.tls: TLS is the gateway's"),
        (override(http={"host": "https://x.example"}), "must not set http.host: relative URLs are right"),
        (override(http={"relativeurls": False}), "must not set http.relativeurls"),
        (override(http={"debug": {"addr": ":1"}}), "must not set http.debug.addr: it is the port after"),
        (override(proxy={"remoteurl": "x"}), "must not set proxy: set registry_replica_of instead"),
        (override(log={"level": "debug"}), "must not set log.level: set registry_log_level instead"),
        (override(storage={"redirect": {"disable": False}}), "must not set storage.redirect: clients must not be sent"),
        (override(storage={"s3": BUCKET}), "must not set storage.s3: set registry_storage and registry_s3 instead"),
        (override(storage={"delete": {"enabled": False}}), "must not set storage.delete.enabled to false"),
        (
            override(storage={"maintenance": {"readonly": {"enabled": True}}}),
            "must not set storage.maintenance.readonly: garbage collection and backup switch it",
        ),
        (
            override(storage={"filesystem": {"maxsize": "10G"}}),
            "must not set storage.filesystem.maxsize: the registry has no such setting and ignores it without a word",
        ),
        (override(loging={"level": "x"}), "must not set loging: the registry has no such setting"),
        (override(http={"metrics": {}}), "must not set http.metrics: the registry has no such setting"),
        (override(http={"draintimout": "5s"}), "Do you mean draintimeout?"),
        (override(redis={"addr": "x"}), "must not set redis.addr: registry 3 does not have it, registry 2 has"),
        (
            {"version": "2", **override(redis={"addrs": ["x"]})},
            "must not set redis.addrs: registry 2 does not have it, registry 3 has",
        ),
        (override(compatibility={"schema1": {"enabled": True}}), "must not set compatibility: registry 3 does not"),
        # users
        ({"users": "ci"}, "registry_users must be a list of mappings"),
        ({"users": [{"name": "ci", "role": "push"}]}, "registry_users: ci: the password is missing"),
        ({"users": [{**CI, "password": ""}]}, "registry_users: ci: the password is missing"),
        ({"users": [{**CI, "password": 12}]}, "registry_users: ci: the password is missing"),
        ({"users": [{**CI, "password": 40 * "ü"}]}, "ci: the password is longer than 72 bytes"),
        ({"users": [{**CI, "password": "s3cret\n"}]}, "ci: the password holds a control character"),
        ({"users": [{**CI, "role": "admin"}]}, "ci: the role 'admin' is not known; it is push or pull"),
        ({"users": [CI, CI]}, "registry_users: ci is there twice"),
        ({"users": [{**CI, "name": "c:i"}]}, "registry_users: 'c:i' is not a name"),
        ({"users": [{**CI, "name": ""}]}, "registry_users: '' is not a name"),
        ({"users": [{**CI, "name": 65 * "a"}]}, "is not a name of 1 to 64"),
        ({"users": [{**CI, "rights": "all"}]}, "ci: unknown settings rights"),
        # replica
        ({"replica_of": "r1.example.com"}, "registry_replica_of must be a URL"),
        ({"replica_of": "https://u:s3cret@r1.example.com"}, "registry_replica_of must not hold credentials"),
        ({"replica_of": "https://r1.example.com", "replica_username": "u"}, "belong together; only one is set"),
        ({"replica_of": "https://r1.example.com/v2"}, "must end with the host, or its port"),
        (
            {"replica_of": "http://r1.example.com", "replica_username": "u", "replica_password": "s3cret"},
            "the password would travel in the clear",
        ),
        ({"replica_of": "https://registry.example.com"}, "names this registry itself"),
        ({"replica_of": "https://r1.example.com", "version": "2"}, "registry 2 cannot log in at its primary"),
        ({"replica_of": "https://r1.example.com", **s3(**BUCKET)}, "a replica keeps copies on its own disk"),
        ({"replica_password": "s3cret"}, "registry_replica_password is set, but registry_replica_of is not"),
        (
            {"replica_of": "https://r1.example.com", "replica_ca_file": "a", **s3(**BUCKET, ca_file="b")},
            "a replica keeps copies on its own disk",
        ),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    found = problems({**GOOD, **settings})
    assert len(found) == 1, found
    assert message in found[0]
    assert "s3cret" not in found[0]


def test_every_problem_is_told() -> None:
    assert len(problems({**GOOD, "port": 0, "bcrypt_cost": 0, "users": [{"name": "x"}]})) == 4


def test_storage_on_disk() -> None:
    assert storage("filesystem", {}, {}, "3") == {"filesystem": {"rootdirectory": "/var/lib/registry"}}


def test_storage_in_s3() -> None:
    assert storage("s3", {**BUCKET, "ca_file": "/ca.crt"}, {}, "3") == {
        "s3": BUCKET,
        "cache": {"blobdescriptor": "inmemory"},
    }


@pytest.mark.parametrize(
    ("version", "given", "path_style"),
    [("3.1.1", {}, True), ("3", {"forcepathstyle": False}, False), ("2.8.3", {}, None)],
)
def test_an_endpoint_of_ones_own_means_path_style(version: str, given: dict[str, Any], path_style: Any) -> None:
    made = storage("s3", {"bucket": "b", "regionendpoint": "http://10.0.0.5:9000", **given}, {}, version)["s3"]
    assert made.get("forcepathstyle") is path_style
    assert made["region"] == "us-east-1"
