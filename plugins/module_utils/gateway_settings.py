# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what the gateway is told, before anything on a host is touched."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Mapping

from ansible_collections.dockmirror.fleet.plugins.module_utils.acme_settings import acme_problems
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import REPOSITORY, pattern_problems

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"^(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*$", re.IGNORECASE)
_UPSTREAM_NAME = re.compile(rf"^{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?$")
_SIZE = re.compile(r"^[1-9][0-9]*[kmgKMG]$")
# It stands in the configuration of Nginx and of systemd, each of which has quotes of its own.
_DIRECTORY = re.compile(r"^(?:/[A-Za-z0-9._:-]+)+/?$")
_DIRECTORY_RULE = "must be an absolute path of letters, digits and . _ : -, and not /."
_URL = re.compile(r"^https?://[A-Za-z0-9.:\[\]-]+/?$")
_ADDRESS = re.compile(r"^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$")


def problems(settings: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with the settings of the role ``gateway``, each as one sentence.

    :param settings: the role's variables by their names without the prefix ``gateway_``; those that begin with
        ``gateway_acme_`` are in a mapping ``acme`` of their own.
    """
    found: list[str] = []
    names = [settings["server_name"], *settings["server_aliases"]]
    found.extend(
        f"gateway_server_name or gateway_server_aliases: '{name}' is not a DNS name."
        for name in names
        if not is_dns_name(name)
    )
    found.extend(
        f"gateway_server_addresses: '{address}' is not an IP address."
        for address in settings["server_addresses"]
        if not _is_address(address)
    )
    found.extend(_tls_problems(settings))
    found.extend(_port_problems(settings))
    found.extend(_network_problems(settings["allowed_networks"]))
    found.extend(_upstream_problems(settings["upstreams"]))
    found.extend(_registry_problems(settings))
    found.extend(_time_problems(settings))
    found.extend(_cache_problems(settings))
    return found


def is_dns_name(name: Any) -> bool:
    """Whether this can be a DNS name in a certificate (and is not an IP address)."""
    return isinstance(name, str) and bool(_DNS_NAME.match(name)) and not _is_address(name)


def certificate_problems(certificate: Mapping[str, Any], key_public_key: str, server_name: str) -> list[str]:
    """What keeps a certificate from being used, each as one sentence.

    :param certificate: what the filter ``community.crypto.x509_certificate_info`` says of it.
    :param key_public_key: the public key (PEM) that belongs to the private key.
    :param server_name: the DNS name clients use.
    """
    found = []
    if certificate["public_key"].strip() != key_public_key.strip():
        found.append("It does not belong to the private key in gateway_tls_private_key_file.")
    if certificate["expired"]:
        found.append("It has expired ({}).".format(certificate["not_after"]))
    names = certificate["subject_alt_name"] or []
    if not any(_covers(name, server_name) for name in names):
        what = ", ".join(names) if names else "none, and a common name alone is refused by engines"
        found.append(f"It is not for the name {server_name} (subject alternative names: {what}).")
    return found


def _tls_problems(settings: Mapping[str, Any]) -> list[str]:
    found = []
    if settings["tls"] == "none" and not settings["allow_http"]:
        found.append(
            "gateway_tls is none: engines send Docker Hub credentials to a mirror, and over plain HTTP anybody on"
            " the way can read"
            " them and change images. Set gateway_allow_http: true if that is meant."
        )
    if settings["tls"] == "files":
        for name in ("tls_certificate_file", "tls_private_key_file"):
            if not settings[name]:
                found.append(f"gateway_tls is files, but gateway_{name} is not set.")
    if settings["tls"] == "acme":
        found.extend(acme_problems(settings))
    days = int(settings["certificate_days"])
    before = int(settings["certificate_renew_before_days"])
    if not 0 < before < days:
        found.append(
            f"gateway_certificate_renew_before_days ({before}) must be more than 0 and less than"
            " gateway_certificate_days"
            f" ({days})."
        )
    return found


def _port_problems(settings: Mapping[str, Any]) -> list[str]:
    return [
        f"gateway_{name} must be between 1 and 65535."
        for name in ("https_port", "http_port")
        if not 1 <= int(settings[name]) <= 65535
    ]


def _network_problems(networks: list[Any]) -> list[str]:
    if not networks:
        return ["gateway_allowed_networks is empty: no client could use the gateway."]
    found = []
    for network in networks:
        try:
            ipaddress.ip_network(str(network))
        except ValueError as error:
            found.append(f"gateway_allowed_networks: '{network}' is not a network such as 10.0.0.0/8 ({error}).")
    return found


def _upstream_problems(upstreams: list[Mapping[str, Any]]) -> list[str]:
    found = []
    seen = set()
    for upstream in upstreams:
        name, address = str(upstream.get("name")), str(upstream.get("address"))
        if not _UPSTREAM_NAME.match(name):
            found.append(f"gateway_upstreams: '{name}' is not the host name of a registry in lower case.")
        if not _ADDRESS.match(address):
            found.append(f"gateway_upstreams: '{address}' is not an address such as 127.0.0.1:5000.")
        data_dir = str(upstream.get("data_dir") or "")
        if data_dir and not _DIRECTORY.match(data_dir):
            found.append(f"gateway_upstreams: {name}: data_dir '{data_dir}' {_DIRECTORY_RULE}")
        for key in ("allow", "deny"):
            found.extend(
                f"gateway_upstreams: {name}: {text}" for text in pattern_problems(name, key, upstream.get(key))
            )
        repository = str(upstream.get("probe_repository") or "")
        if repository and not REPOSITORY.match(repository):
            found.append(f"gateway_upstreams: {name}: '{repository}' is not a repository name such as library/alpine.")
        if name in seen:
            found.append(f"gateway_upstreams: {name} is there twice.")
        seen.add(name)
    return found


def _registry_problems(settings: Mapping[str, Any]) -> list[str]:
    registry = settings.get("registry")
    if not registry:
        return []
    found = []
    name = str(registry.get("server_name"))
    if not is_dns_name(name):
        found.append(f"gateway_registry: '{name}' is not a DNS name.")
    taken = [settings["server_name"], *settings["server_aliases"]]
    if settings["upstreams"] and name.lower() in [str(other).lower() for other in taken]:
        found.append(
            f"The private registry and the mirror on this host have the same name, {name}: set registry_server_name to"
            " another one."
        )
    if not _ADDRESS.match(str(registry.get("address"))):
        found.append(f"gateway_registry: '{registry.get('address')}' is not an address such as 127.0.0.1:20500.")
    if not str(registry.get("auth_socket")).startswith("/"):
        found.append("gateway_registry: auth_socket must be the path of a socket: without it anybody could come in.")
    replica_of = str(registry.get("replica_of") or "")
    if replica_of and not _URL.match(replica_of):
        found.append(f"gateway_registry: '{replica_of}' is not a URL such as https://registry.example.com.")
    return found


def _time_problems(settings: Mapping[str, Any]) -> list[str]:
    found = [
        f"gateway_{name} must be at least 1."
        for name in ("connect_timeout", "manifest_timeout", "blob_timeout", "cache_keep_days", "cache_tag_time")
        if int(settings[name]) < 1
    ]
    timeout, age = int(settings["cache_lock_timeout"]), int(settings["cache_lock_age"])
    if not int(settings["blob_timeout"]) <= timeout <= age:
        found.append(
            f"gateway_cache_lock_timeout ({timeout}) must be at least gateway_blob_timeout ({settings['blob_timeout']})"
            f" and at most gateway_cache_lock_age ({age})."
        )
    return found


def _cache_problems(settings: Mapping[str, Any]) -> list[str]:
    found = [
        f"gateway_{name} '{settings[name]}' is not a size such as 500m or 20g."
        for name in ("cache_size", "cache_min_free", "cache_manifest_size")
        if not _SIZE.match(str(settings[name]))
    ]
    if not _DIRECTORY.match(str(settings["cache_dir"])):
        found.append(f"gateway_cache_dir '{settings['cache_dir']}' {_DIRECTORY_RULE}")
    return found


def _is_address(value: Any) -> bool:
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return False
    return True


def _covers(subject: str, server_name: str) -> bool:
    kind, _colon, name = subject.partition(":")
    if kind != "DNS":
        return False
    name, wanted = name.lower(), server_name.lower()
    # A wildcard stands for exactly one label.
    return name == wanted or (name.startswith("*.") and "." in wanted and wanted.split(".", 1)[1] == name[2:])
