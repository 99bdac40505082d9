# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client needs to know about its mirrors: their URLs, their order, and what is wrong with a URL."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

HTTPS_PORT = 443
HTTP_PORT = 80

_REGISTRY = re.compile(r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?\Z")


def order_mirrors(mirrors: Iterable[str], client: str) -> list[str]:
    """Order ``mirrors`` for ``client`` by rendezvous (highest random weight) hashing.

    Each client gets its own order, the same in every run and whatever the order of the input. Over many clients every
    mirror is first equally often, and the clients of a mirror that fails spread over all the others. A mirror that is
    added takes about 1/n of the clients and moves no other one; one that is removed moves only its own clients.

    :param mirrors: URLs or names; duplicates are dropped.
    :param client: the client's name.
    """

    def weight(mirror: str) -> bytes:
        return hashlib.sha256((f"{mirror}\0{client}").encode()).digest()

    return sorted(set(mirrors), key=weight, reverse=True)


def server_of(name: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """How clients reach the mirror ``name``.

    :param name: inventory name of the mirror.
    :param variables: the mirror's variables; read are the gateway role's C(gateway_server_name), C(gateway_tls),
        C(gateway_https_port), C(gateway_http_port), C(gateway_fleet_ca_dir), and C(inventory_dir).
    :returns: ``name`` (what the probe image says), ``url``, and ``ca_file``: the path on the controller of the fleet CA
        where that signs the mirror's certificate, else the empty string.
    """
    return _server(str(variables.get("gateway_server_name") or name), variables)


def registry_of(name: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """How clients reach the private registry of the host ``name``: as :func:`server_of`, and C(address).

    :param variables: as for :func:`server_of`, with the registry role's C(registry_server_name) for the name.
    :returns: the same, and ``address``: the registry as images name it.
    """
    server = _server(str(variables.get("registry_server_name") or name), variables)
    return {**server, "address": server["url"].partition("://")[2]}


def _server(server_name: str, variables: Mapping[str, Any]) -> dict[str, str]:
    tls = variables.get("gateway_tls") or "fleet_ca"
    if tls == "none":
        scheme, port, default_port = "http", int(variables.get("gateway_http_port") or HTTP_PORT), HTTP_PORT
    else:
        scheme, port, default_port = "https", int(variables.get("gateway_https_port") or HTTPS_PORT), HTTPS_PORT
    ca_file = ""
    if tls == "fleet_ca":
        ca_dir = variables.get("gateway_fleet_ca_dir") or f"{variables.get('inventory_dir') or '.'}/fleet-ca"
        ca_file = f"{ca_dir}/ca.crt"
    # One spelling only: for https://name dockerd reads certs.d/name, for https://name:443 it reads certs.d/name:443.
    authority = server_name if port == default_port else f"{server_name}:{port}"
    return {"name": server_name, "url": f"{scheme}://{authority}", "ca_file": ca_file}


def mirrored_upstreams(mirrors: Iterable[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The registries that the fleet's mirrors serve, each with the URLs of those that do.

    :param mirrors: inventory name and variables of each mirror; besides those of :func:`server_of`,
        C(mirror_upstreams) is read, which is docker.io alone where it is not set.
    :returns: C(name) and C(mirrors) of each registry, in the order in which they were first seen.
    """
    found: dict[str, list[str]] = {}
    for name, variables in mirrors:
        url = server_of(name, variables)["url"]
        for upstream in variables.get("mirror_upstreams") or [{"name": "docker.io"}]:
            urls = found.setdefault(str(upstream["name"]), [])
            if url not in urls:
                urls.append(url)
    return [{"name": name, "mirrors": urls} for name, urls in found.items()]


def mirrored_upstream_problems(upstreams: Any, allow_http: bool, role: str) -> list[str]:
    """What is wrong with a list as :func:`mirrored_upstreams` makes it; one sentence for each problem.

    :param role: the role whose variables the messages name.
    """
    setting = f"{role}_upstreams"
    if not isinstance(upstreams, (list, tuple)) or not all(isinstance(item, Mapping) for item in upstreams):
        return [f"{setting} must be a list of mappings with 'name' and 'mirrors'."]
    problems: list[str] = []
    names: set[str] = set()
    for upstream in upstreams:
        name, urls = upstream.get("name"), upstream.get("mirrors")
        if not isinstance(name, str) or not _REGISTRY.match(name):
            problems.append(f"{setting}: {name!r} is not the host name of a registry in lower case, such as ghcr.io.")
            continue
        if name in names:
            problems.append(f"{setting}: {name} is listed twice.")
        names.add(name)
        if not isinstance(urls, (list, tuple)) or not urls:
            problems.append(f"{setting}: {name} has no mirrors.")
            continue
        problems.extend(f"{name}: {problem}" for problem in url_problems(urls, allow_http, f"{role}_allow_http"))
        problems.extend(
            f"{name}: {without_credentials(url)}: a path is not allowed."
            for url in urls
            if isinstance(url, str) and url.partition("://")[2].rstrip("/").count("/")
        )
    return problems


def url_problems(urls: Iterable[Any], allow_http: bool, setting: str = "docker_client_allow_http") -> list[str]:
    """What dockerd, or this collection's own policy, has against these mirror URLs; one sentence for each problem.

    No message repeats credentials that were found in a URL.

    :param setting: the variable that allows plain http.
    """
    problems: list[str] = []
    seen: dict[str, str] = {}
    for url in urls:
        if not isinstance(url, str):
            problems.append(f"{url!r} is not a URL but {type(url).__name__}.")
            continue
        shown = without_credentials(url)
        problems.extend(f"{shown}: {problem}" for problem in _problems_of(url, allow_http, setting))
        key = url.rstrip("/").lower()
        if key in seen:
            problems.append(f"{shown}: it is listed twice.")
        seen[key] = url
    return problems


def _problems_of(url: str, allow_http: bool, setting: str) -> list[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return [f"it is not a valid URL ({error})."]
    if parts.scheme not in ("http", "https"):
        return ["a mirror URL starts with https:// (or http://)."]
    problems = []
    if not parts.hostname or any(character.isspace() for character in url):
        problems.append("there is no valid host name in it.")
    if port == 0:
        problems.append("port 0 is not a port.")
    if parts.username is not None or parts.password is not None:
        problems.append("credentials are not allowed in a mirror URL.")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        problems.append("a query or fragment is not allowed in a mirror URL.")
    if parts.scheme == "http" and not allow_http:
        problems.append(
            "plain http sends image pulls, and Docker Hub credentials where the engine has some, unprotected over the "
            f"network; use https, or set {setting} to true to accept that."
        )
    return problems


def without_credentials(url: str) -> str:
    """``url`` as it may be shown."""
    head, separator, tail = url.partition("://")
    authority, slash, path = tail.partition("/")
    if "@" not in authority:
        return url
    return head + separator + "***@" + authority.rpartition("@")[2] + slash + path


def split(url: str) -> SplitResult:
    """Parse a mirror URL as dockerd reports it."""
    return urlsplit(url.rstrip("/"))


def port_of(parts: SplitResult) -> int:
    """The port of a parsed mirror URL, by its scheme where it names none."""
    return parts.port or (HTTPS_PORT if parts.scheme == "https" else HTTP_PORT)
