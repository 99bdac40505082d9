# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the gateway's settings."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.gateway_settings import (
    certificate_problems,
    is_dns_name,
    problems,
)

GOOD: dict[str, Any] = {
    "server_name": "mirror1.example.com",
    "server_aliases": ["cache.example.com"],
    "server_addresses": ["10.0.0.1", "fd00::1"],
    "tls": "fleet_ca",
    "allow_http": False,
    "https_port": 443,
    "http_port": 80,
    "tls_certificate_file": "",
    "tls_private_key_file": "",
    "allowed_networks": ["10.0.0.0/8", "fd00::/8", "192.168.1.7"],
    "certificate_days": 90,
    "certificate_renew_before_days": 30,
    "upstreams": [{"name": "docker.io", "address": "127.0.0.1:21638", "allow": ["library/*"], "deny": []}],
    "connect_timeout": 3,
    "manifest_timeout": 10,
    "blob_timeout": 60,
    "cache_dir": "/var/lib/dockmirror/gateway/cache",
    "cache_size": "20g",
    "cache_min_free": "2g",
    "cache_manifest_size": "1g",
    "cache_keep_days": 30,
    "cache_tag_time": 60,
    "cache_lock_timeout": 240,
    "cache_lock_age": 3600,
    "acme": {},
}
REGISTRY: dict[str, Any] = {
    "server_name": "registry.example.com",
    "address": "127.0.0.1:20500",
    "auth_socket": "/run/dockmirror-auth/auth.sock",
}
KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
CERTIFICATE: dict[str, Any] = {
    "public_key": KEY,
    "expired": False,
    "not_after": "20270101000000Z",
    "subject_alt_name": ["DNS:mirror1.example.com"],
}


def test_good_settings() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("registry", "more"),
    [
        ({}, {}),
        (REGISTRY, {}),
        ({**REGISTRY, "server_name": "mirror1.example.com"}, {"upstreams": []}),
    ],
)
def test_good_settings_of_a_registry(registry: dict[str, Any], more: dict[str, Any]) -> None:
    assert problems({**GOOD, "registry": registry, **more}) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"server_name": "registry_1"}, "'registry_1' is not a DNS name"),
        ({"server_name": "mirror1.example.com"}, "the same name, mirror1.example.com"),
        ({"server_name": "Cache.example.com"}, "the same name, Cache.example.com"),
        ({"address": "20500"}, "'20500' is not an address"),
        ({"auth_socket": None}, "without it anybody could come in"),
    ],
)
def test_bad_settings_of_a_registry(settings: dict[str, Any], message: str) -> None:
    found = problems({**GOOD, "registry": {**REGISTRY, **settings}})
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"server_name": "mirror_1"}, "'mirror_1' is not a DNS name"),
        ({"server_name": "10.0.0.1"}, "'10.0.0.1' is not a DNS name"),
        ({"server_aliases": ["a b"]}, "'a b' is not a DNS name"),
        ({"server_addresses": ["mirror1"]}, "'mirror1' is not an IP address"),
        ({"tls": "none"}, "Set gateway_allow_http: true if that is meant"),
        ({"https_port": 0}, "gateway_https_port must be between 1 and 65535"),
        ({"http_port": 65536}, "gateway_http_port must be between 1 and 65535"),
        ({"allowed_networks": []}, "gateway_allowed_networks is empty"),
        ({"allowed_networks": ["10.0.0.0/33"]}, "'10.0.0.0/33' is not a network"),
        ({"allowed_networks": ["10.0.0.1/8"]}, "has host bits set"),
        ({"allowed_networks": ["all"]}, "'all' is not a network"),
        ({"certificate_renew_before_days": 90}, "must be more than 0 and less than gateway_certificate_days (90)"),
        ({"certificate_renew_before_days": 0}, "must be more than 0"),
        ({"upstreams": [{"name": "a b", "address": "127.0.0.1:1"}]}, "'a b' is not the host name of a registry"),
        ({"upstreams": [{"name": "docker.io", "address": "127.0.0.1"}]}, "'127.0.0.1' is not an address"),
        ({"upstreams": [{"name": "docker.io", "address": "x:1; }"}]}, "'x:1; }' is not an address"),
        ({"upstreams": GOOD["upstreams"] * 2}, "docker.io is there twice"),
        (
            {"upstreams": [{"name": "quay.io", "address": "127.0.0.1:1", "deny": ['a" 1; }']}]},
            "gateway_upstreams: quay.io: deny: 'a\" 1; }' is not a pattern",
        ),
        (
            {"upstreams": [{"name": "quay.io", "address": "127.0.0.1:1", "data_dir": "/srv/my data"}]},
            "gateway_upstreams: quay.io: data_dir '/srv/my data' must be an absolute path",
        ),
        (
            {"upstreams": [{"name": "quay.io", "address": "127.0.0.1:1", "probe_repository": "a;b"}]},
            "gateway_upstreams: quay.io: 'a;b' is not a repository name",
        ),
        ({"manifest_timeout": 0}, "gateway_manifest_timeout must be at least 1"),
        ({"cache_tag_time": 0}, "gateway_cache_tag_time must be at least 1"),
        ({"cache_keep_days": 0}, "gateway_cache_keep_days must be at least 1"),
        ({"cache_lock_timeout": 59}, "gateway_cache_lock_timeout (59) must be at least gateway_blob_timeout (60)"),
        ({"cache_lock_age": 239}, "at most gateway_cache_lock_age (239)"),
        ({"cache_size": "20 GB"}, "gateway_cache_size '20 GB' is not a size such as 500m or 20g"),
        ({"cache_min_free": "0"}, "gateway_cache_min_free '0' is not a size"),
        ({"cache_manifest_size": "1t"}, "gateway_cache_manifest_size '1t' is not a size"),
        ({"cache_dir": "/"}, "gateway_cache_dir '/' must be an absolute path"),
        ({"cache_dir": "/var/a b"}, "gateway_cache_dir '/var/a b' must be an absolute path"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    (found,) = problems({**GOOD, **settings})
    assert message in found


def test_files_must_be_named() -> None:
    found = problems({**GOOD, "tls": "files"})
    assert found == [
        "gateway_tls is files, but gateway_tls_certificate_file is not set.",
        "gateway_tls is files, but gateway_tls_private_key_file is not set.",
    ]


def test_acme_has_rules_of_its_own() -> None:
    acme = {"directory_url": "https://acme.example.com/dir", "email": "", "agree_terms": False}
    settings = {**GOOD, "tls": "acme", "acme": {**acme, "eab_key_id": "", "eab_hmac_key": "", "schedule": "daily"}}
    assert [problem.split(":")[0] for problem in problems(settings)] == [
        "gateway_tls is acme",
        "gateway_server_addresses must be empty with gateway_tls",
    ]


def test_http_by_request() -> None:
    assert problems({**GOOD, "tls": "none", "allow_http": True}) == []


def test_dns_names() -> None:
    assert is_dns_name("a-b.example.com")
    assert not is_dns_name("-a.example.com")
    assert not is_dns_name("a" * 64 + ".example.com")
    assert not is_dns_name("::1")


@pytest.mark.parametrize("name", ["DNS:mirror1.example.com", "DNS:MIRROR1.example.com", "DNS:*.example.com"])
def test_a_certificate_for_the_name(name: str) -> None:
    assert certificate_problems({**CERTIFICATE, "subject_alt_name": [name]}, KEY, "mirror1.example.com") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"public_key": "another"}, "does not belong to the private key"),
        ({"expired": True}, "It has expired (20270101000000Z)."),
        ({"subject_alt_name": None}, "none, and a common name alone is refused by engines"),
        ({"subject_alt_name": ["DNS:other.example.com"]}, "names: DNS:other.example.com"),
        ({"subject_alt_name": ["DNS:*.com"]}, "not for the name"),
        ({"subject_alt_name": ["IP:10.0.0.1"]}, "not for the name"),
    ],
)
def test_bad_certificates(change: dict[str, Any], message: str) -> None:
    (found,) = certificate_problems({**CERTIFICATE, **change}, KEY, "mirror1.example.com")
    assert message in found


def test_a_wildcard_stands_for_one_label() -> None:
    certificate = {**CERTIFICATE, "subject_alt_name": ["DNS:*.example.com"]}
    assert len(certificate_problems(certificate, KEY, "a.b.example.com")) == 1
