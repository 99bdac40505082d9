# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running daemon says about its own configuration.

Two sources: ``/info`` at any time, and the attributes of the ``reload`` event, which name the value of every reloadable
key after the reload.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.document import same
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.keys import KEYS, unset_value

UNKNOWN: Any = object()

# Always there, or never told apart: nothing can be concluded from these.
_NOT_TOLD = ("127.0.0.0/8", "::1/128", "docker.io", "index.docker.io")
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4, "p": 1024**5}


def effective(info: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the running configuration that ``/info`` tells, by key of daemon.json."""
    return {name: value for name in KEYS for value in [from_info(name, info)] if value is not UNKNOWN}


def from_info(name: str, info: Mapping[str, Any]) -> Any:
    """The running value of a key, or UNKNOWN if ``/info`` does not tell."""
    registry = info.get("RegistryConfig") or {}
    if name == "registry-mirrors":
        return [mirror.rstrip("/") for mirror in registry.get("Mirrors") or []]
    if name == "insecure-registries":
        networks = registry.get("InsecureRegistryCIDRs") or []
        indexes = registry.get("IndexConfigs") or {}
        hosts = [host for host, index in indexes.items() if index and index.get("Secure") is False]
        return sorted({entry.lower() for entry in networks + hosts}.difference(_NOT_TOLD))
    if name == "labels":
        return sorted(info.get("Labels") or [])
    simple = {"debug": "Debug", "live-restore": "LiveRestoreEnabled", "default-runtime": "DefaultRuntime"}
    if name in simple:
        return info.get(simple[name], UNKNOWN)
    if name == "runtimes":
        return sorted(
            runtime
            for runtime in info.get("Runtimes") or {}
            if runtime != "runc" and not runtime.startswith("io.containerd.")
        )
    return UNKNOWN


def expected(name: str, values: Mapping[str, Any], info: Mapping[str, Any]) -> Any:
    """What a running daemon would have for a key if it had read ``values``, in the form of :func:`from_info`."""
    default = unset_value(name, str(info.get("CgroupVersion", "")))
    value = values.get(name, default)
    return _form(name, default if value is None else value)


def drifted(names: list[str], values: Mapping[str, Any], info: Mapping[str, Any]) -> list[str]:
    """The keys of ``names`` in which the running daemon does not do what the file says."""
    found = []
    for name in names:
        running = from_info(name, info)
        if running is not UNKNOWN and not _agree(name, running, expected(name, values, info)):
            found.append(name)
    return found


def unlike(
    names: list[str], values: Mapping[str, Any], attributes: Mapping[str, str], info: Mapping[str, Any]
) -> list[str]:
    """The keys of ``names`` for which a reload event names another value than ``values``."""
    found = []
    for name in names:
        text = attributes.get(name)
        default = unset_value(name, str(info.get("CgroupVersion", "")))
        value = values.get(name, default)
        if text is None or value is None:
            continue
        if not _reads(name, text, value):
            found.append(name)
    return found


def _form(name: str, value: Any) -> Any:
    if name == "registry-mirrors" and isinstance(value, list):
        return list(dict.fromkeys(str(mirror).rstrip("/") for mirror in value))
    if name == "insecure-registries" and isinstance(value, list):
        return sorted({_registry(str(entry)) for entry in value}.difference(_NOT_TOLD))
    if name == "labels" and isinstance(value, list):
        return sorted(set(map(str, value)))
    if name == "runtimes" and isinstance(value, Mapping):
        return sorted(runtime for runtime in value if runtime != "runc" and not runtime.startswith("io.containerd."))
    return value


def _agree(name: str, running: Any, wanted: Any) -> bool:
    if name == "runtimes" and isinstance(wanted, list):
        # More of them may come from flags: the only key that may be both.
        return set(wanted) <= set(running)
    return same(running, wanted)


def _reads(name: str, text: str, value: Any) -> bool:
    """Whether the attribute of a reload event says the same as the value in the file."""
    if isinstance(value, Mapping):
        return _reads_object(name, text, value)
    if isinstance(value, list):
        return same(_form(name, _json_list(text)), _form(name, value))
    if isinstance(value, bool):
        return text == str(value).lower()
    if name == "default-shm-size":
        return text == str(size(str(value)))
    # dockerd takes an empty value for "the default" in some keys, by version: both are what the file says.
    return text == str(value) or value in (0, "")


def _reads_object(name: str, text: str, value: Mapping[str, Any]) -> bool:
    if name == "runtimes":
        named = {part.split(":", 1)[0] for part in text.split()}
        return _agree(name, named, _form(name, value))
    listed = re.fullmatch(r"map\[(.*)\]", text)
    words = listed.group(1).split() if listed else []
    return sorted(words) == sorted(f"{part}:{str(setting).lower()}" for part, setting in value.items())


def _json_list(text: str) -> list[Any]:
    try:
        items = json.loads(text)
    except ValueError:
        items = None
    return items if isinstance(items, list) else []


def size(text: str) -> int:
    """Bytes of a size like ``64M``; the units are powers of 1024, as dockerd counts."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kKmMgGtTpP]?)(?:[iI]?[bB])?", text)
    if match is None:
        return -1
    return int(float(match.group(1)) * _UNITS[match.group(2).lower()])


def _registry(entry: str) -> str:
    """An entry of insecure-registries the way ``/info`` shows it."""
    bare = re.sub(r"^https?://", "", entry.lower())
    if "/" in bare:
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_network(bare, strict=False))
    return bare
