# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of upstreams a mirror host serves: checks, defaults, and where each one's instance listens.

An upstream is a mapping as documented for ``mirror_upstreams`` of the role ``mirror``. No problem text ever holds a
password or a URL with credentials, so the texts may be shown.
"""

from __future__ import annotations

import re
import zlib
from typing import Any, Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

DOCKER_HUB = "docker.io"
DEFAULT_REMOTES = {DOCKER_HUB: "https://registry-1.docker.io"}
"""Where an upstream is reached when that is not ``https://<its name>``."""

DEFAULT_PROBES = {
    DOCKER_HUB: ("library/alpine", "latest"),
    "gcr.io": ("distroless/static-debian12", "latest"),
    "mcr.microsoft.com": ("hello-world", "latest"),
    "public.ecr.aws": ("docker/library/alpine", "latest"),
    "quay.io": ("prometheus/busybox", "latest"),
    "registry.k8s.io": ("pause", "3.9"),
}
"""Small public images (repository, tag) by which a mirror of a well-known upstream is proven."""

PORT_SLOTS = 500
"""An upstream's two ports are one of this many pairs, counted from the port base."""

KEYS = frozenset(
    [
        "name",
        "remote_url",
        "allow_http",
        "username",
        "password",
        "ttl",
        "port",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "ca_file",
        "probe_repository",
        "probe_tag",
        "allow",
        "deny",
        "quota_share",
    ]
)

_HOST = re.compile(
    r"^(?=.{1,255}$)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::[0-9]{1,5})?$"
)
_GO_DURATION = re.compile(r"^\+?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+)$")
REPOSITORY = re.compile(r"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$")
_PATTERN = re.compile(r"^[a-z0-9*][a-z0-9._*-]*(?:/[a-z0-9*][a-z0-9._*-]*)*$")
_TAG = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")


class UpstreamError(ValueError):
    """The list of upstreams cannot be used; the text says why."""


def slug(name: str) -> str:
    """An upstream's name as it may stand in names of containers and Compose projects: ``docker.io`` ->"
    " ``docker-io``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def default_port(name: str, port_base: int) -> int:
    """The port an upstream's instance listens on when the inventory names none.

    It follows from the name alone, so that adding or removing an upstream never moves another one to a new port.
    The port after it is the instance's metrics port.
    """
    return port_base + 2 * (zlib.crc32(name.encode("utf-8")) % PORT_SLOTS)


def registry_major(version: Any) -> int | None:
    """The major version of a registry image tag: 3 for ``3``, ``3.1`` and ``3.1.1``; None for anything but 2 and 3."""
    match = re.match(r"^([23])(?:[.\-].*)?$", str(version))
    return int(match.group(1)) if match else None


def instances(upstreams: Iterable[Mapping[str, Any]], port_base: int) -> list[dict[str, Any]]:
    """Each upstream with all its defaults filled in, as the roles use it.

    :raises UpstreamError: the list has a problem that :func:`problems` would have reported.
    """
    found = problems(upstreams, "3", port_base)
    if found:
        raise UpstreamError("; ".join(found))
    result = []
    for upstream in upstreams:
        name = str(upstream["name"])
        repository, tag = DEFAULT_PROBES.get(name, ("", ""))
        port = int(upstream.get("port") or default_port(name, port_base))
        proxies = {
            key.upper(): str(upstream[key]) for key in ("http_proxy", "https_proxy", "no_proxy") if upstream.get(key)
        }
        result.append(
            {
                "name": name,
                "slug": slug(name),
                "remote_url": str(upstream.get("remote_url") or _default_remote(name)).rstrip("/"),
                "username": str(upstream.get("username") or ""),
                "password": str(upstream.get("password") or ""),
                "ttl": "" if upstream.get("ttl") is None else str(upstream["ttl"]),
                "port": port,
                "debug_port": port + 1,
                "environment": proxies,
                "ca_file": str(upstream.get("ca_file") or ""),
                "probe_repository": str(
                    repository if upstream.get("probe_repository") is None else upstream["probe_repository"]
                ),
                "probe_tag": str(upstream.get("probe_tag") or tag or "latest"),
                "allow": [str(pattern) for pattern in upstream.get("allow") or []],
                "deny": [str(pattern) for pattern in upstream.get("deny") or []],
                "quota_share": float(upstream["quota_share"]) if upstream.get("quota_share") else None,
            }
        )
    return result


def endpoints(upstreams: Iterable[Mapping[str, Any]], port_base: int, data_dir: str = "") -> list[dict[str, Any]]:
    """What the gateway must know of each upstream: name, its instance's loopback address and data, what may be pulled.

    :param data_dir: the directory with the data of all instances; empty leaves it out.
    """
    return [
        {
            "name": item["name"],
            "address": f"127.0.0.1:{item['port']}",
            "data_dir": f"{data_dir.rstrip('/')}/{item['name']}" if data_dir else "",
            "allow": item["allow"],
            "deny": item["deny"],
            "probe_repository": item["probe_repository"],
        }
        for item in instances(upstreams, port_base)
    ]


def pattern_problems(name: str, key: str, patterns: Any) -> list[str]:
    """What is wrong with a list of patterns of repositories, each as one sentence.

    :param name: the upstream's name; on Docker Hub every repository has a namespace.
    :param key: what the list is called, ``allow`` or ``deny``.
    """
    if patterns is None:
        return []
    if not isinstance(patterns, (list, tuple)):
        return [f"{key} must be a list of patterns such as library/*, not a {_kind(patterns)}."]
    found = []
    for pattern in patterns:
        if not isinstance(pattern, str) or not _PATTERN.match(pattern):
            found.append(
                f"{key}: '{pattern}' is not a pattern of repositories such as library/alpine, library/* or example/**."
            )
        elif name == DOCKER_HUB and "/" not in pattern and "**" not in pattern:
            found.append(
                f"{key}: '{pattern}' fits no repository of Docker Hub, where all have a namespace; write"
                f" library/{pattern} for official images."
            )
    return found


def problems(upstreams: Any, version: Any, port_base: int) -> list[str]:
    """Everything that is wrong with the list, each as one sentence; empty if it can be deployed.

    :param version: the registry's version, since what is possible depends on it.
    :param port_base: first port of the range from which ports are chosen.
    """
    if not isinstance(upstreams, (list, tuple)) or not all(isinstance(item, Mapping) for item in upstreams):
        return ["mirror_upstreams must be a list of mappings, each with at least 'name'."]
    if not upstreams:
        return ["mirror_upstreams is empty: a mirror needs at least one upstream."]
    major = registry_major(version)
    found: list[str] = []
    if major is None:
        found.append(
            f"mirror_registry_version '{version}' is not known: it must begin with 2 or 3, as in '3' or '2.8.3'."
        )
    seen: dict[str, str] = {}
    ports: dict[int, str] = {}
    for item in upstreams:
        name = item.get("name")
        if not isinstance(name, str) or not _is_registry_host(name):
            found.append(
                f"Upstream '{name}': the name must be the registry's host name in lower case as it stands in image"
                " names, such as"
                " docker.io or registry.example.com:5000."
            )
            continue
        if slug(name) in seen:
            other = seen[slug(name)]
            what = (
                "it is there twice" if other == name else f"its name is too much like {other}: both make {slug(name)}"
            )
            found.append(f"Upstream {name}: {what}.")
            continue
        seen[slug(name)] = name
        found.extend(f"Upstream {name}: {text}" for text in _problems_of(name, item, major))
        found.extend(f"Upstream {name}: {text}" for text in _port_problems(name, item, port_base, ports))
    return found


def _problems_of(name: str, item: Mapping[str, Any], major: int | None) -> list[str]:
    found = []
    unknown = sorted(str(key) for key in set(item) - KEYS)
    if unknown:
        found.append("unknown settings {}. Known are {}.".format(", ".join(unknown), ", ".join(sorted(KEYS))))
    for key in sorted(KEYS - {"allow", "allow_http", "deny", "port", "quota_share", "ttl"}):
        if item.get(key) is not None and not isinstance(item[key], (str, int, float)):
            found.append(f"{key} must be a string, not a {_kind(item[key])}.")
    if isinstance(item.get("remote_url", ""), str):
        found.extend(
            _url_problems(str(item.get("remote_url") or _default_remote(name)), _truth(item.get("allow_http")))
        )
    if bool(item.get("username")) != bool(item.get("password")):
        found.append("username and password belong together; only one of them is set.")
    found.extend(_ttl_problems(item.get("ttl"), major))
    for key in ("http_proxy", "https_proxy"):
        if item.get(key) and isinstance(item[key], str) and _split(item[key]) is None:
            found.append(f"{key} must be a URL such as http://proxy.example.com:3128.")
    found.extend(_probe_problems(name, item))
    for key in ("allow", "deny"):
        found.extend(pattern_problems(name, key, item.get(key)))
    return found


def _url_problems(url: str, allow_http: bool) -> list[str]:
    parts = _split(url)
    if parts is None:
        return ["remote_url must be a URL such as https://registry-1.docker.io."]
    if parts.username is not None or parts.password is not None:
        return ["remote_url must not hold credentials; they belong into username and password."]
    if parts.query or parts.fragment:
        return ["remote_url must not have a query or a fragment."]
    if parts.scheme == "http" and not allow_http:
        return [
            "remote_url is not encrypted (http), so credentials and images could be read and changed on the way;"
            " set allow_http: true if that is meant."
        ]
    return []


def _ttl_problems(ttl: Any, major: int | None) -> list[str]:
    if ttl is None or ttl == "":
        return []
    if major == 2:
        return [
            "ttl cannot be set with registry 2, which always keeps content for 168h; remove it or use"
            " mirror_registry_version '3'."
        ]
    text = str(ttl)
    if isinstance(ttl, bool) or not _GO_DURATION.match(text):
        hint = ""
        days = re.match(r"^([0-9]+)d$", text)
        if days:
            hint = f" There is no unit for days: write {int(days.group(1)) * 24}h."
        return [
            f"ttl '{text}' is not a duration that the registry understands, such as 168h, 90m or 0 (never"
            f" expires).{hint}"
        ]
    return []


def _probe_problems(name: str, item: Mapping[str, Any]) -> list[str]:
    found = []
    repository = item.get("probe_repository")
    if repository is None and name not in DEFAULT_PROBES:
        found.append(
            "probe_repository is needed: a small repository there by which the mirror is proven after each deployment"
            " ('' deploys without that proof)."
        )
    elif isinstance(repository, str) and repository and not REPOSITORY.match(repository):
        found.append(f"probe_repository '{repository}' is not a repository name such as library/alpine.")
    tag = item.get("probe_tag")
    if tag is not None and not isinstance(tag, (list, dict)) and not _TAG.match(str(tag)):
        found.append(f"probe_tag '{tag}' is not a tag.")
    return found


def _port_problems(name: str, item: Mapping[str, Any], port_base: int, taken: dict[int, str]) -> list[str]:
    value = item.get("port")
    try:
        port = default_port(name, port_base) if value in (None, "") else int(value)
    except (TypeError, ValueError):
        return ["port must be a number."]
    if isinstance(value, bool) or not 1 <= port <= 65534:
        return ["port must be between 1 and 65534; the port after it is used for metrics."]
    for candidate in (port, port + 1):
        if candidate in taken:
            return [
                f"port {candidate} is used by {taken[candidate]} too (each takes two, the second for metrics); set"
                " port for one"
                " of them."
            ]
    taken[port] = taken[port + 1] = name
    return []


def _is_registry_host(name: str) -> bool:
    return bool(_HOST.match(name)) and ("." in name or ":" in name or name == "localhost")


def _default_remote(name: str) -> str:
    return DEFAULT_REMOTES.get(name, "https://" + name)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it raises ValueError for a bad one
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url):
        return None
    return parts


def _truth(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "yes", "1", "on")


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "mapping"
    if isinstance(value, (list, tuple)):
        return "list"
    return type(value).__name__


_OVERRIDE_RULES: list[tuple[tuple[str, ...], str]] = [
    (("version",), "the format version is the role's"),
    (("auth",), "a password belongs to the gateway, not behind its cache"),
    (
        ("storage", "cache"),
        "a blob descriptor cache makes a mirror answer 200 with an empty body after content has expired",
    ),
    (("storage", "redirect"), "clients must not be sent past the gateway"),
    (("http", "addr"), "set port in the upstream's entry of mirror_upstreams instead"),
    (("http", "net"), "the gateway reaches the instance over TCP on loopback"),
    (("http", "tls"), "TLS is the gateway's"),
    (("http", "prefix"), "the gateway expects the registry at /"),
    (("http", "debug", "addr"), "it is the port after the instance's own"),
    (("proxy", "remoteurl"), "set remote_url in the upstream's entry of mirror_upstreams instead"),
    (("proxy", "username"), "set username in the upstream's entry of mirror_upstreams instead"),
    (("proxy", "password"), "set password in the upstream's entry of mirror_upstreams instead"),
    (("proxy", "exec"), "set username and password in the upstream's entry of mirror_upstreams instead"),
    (("proxy", "ttl"), "set ttl in the upstream's entry of mirror_upstreams instead"),
]


def override_problems(override: Any) -> list[str]:
    """What an override of the registry's configuration must not contain, each as one sentence.

    The registry ignores what it does not know under a storage driver, so that a limit written there would seem to
    work; other keys would break what the roles and the gateway rely on.
    """
    if not isinstance(override, Mapping):
        return ["mirror_config_override must be a mapping."]
    found = []
    for path, reason in _OVERRIDE_RULES:
        if _lookup(override, path) is not None:
            found.append("mirror_config_override must not set {}: {}.".format(".".join(path), reason))
    delete = _lookup(override, ("storage", "delete", "enabled"))
    if delete is not None and not _truth(delete):
        found.append(
            "mirror_config_override must not set storage.delete.enabled to false: without it nothing in a mirror"
            " ever expires."
        )
    storage = override.get("storage")
    for driver, settings in sorted((storage if isinstance(storage, Mapping) else {}).items()):
        for key in ("maxsize", "maxblobsize"):
            if isinstance(settings, Mapping) and key in settings:
                found.append(
                    f"mirror_config_override must not set storage.{driver}.{key}: the registry has no such setting"
                    " and ignores it"
                    " without a word, so the disk would not be bounded; mirror_storage_quota bounds it."
                )
    return found


def _lookup(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree
