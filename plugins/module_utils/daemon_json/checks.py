# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dockerd will have against a document, said before anything is written.

``dockerd --validate`` exists from 23.0 and lets much pass with which the daemon then does not start or does something
else (docs/facts.md D5). An error here means: dockerd would refuse the document, or take it and not do what it says. A
warning means: dockerd lives with it.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import flags as cmdline
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.keys import (
    BOOL,
    IN_BOTH,
    INT,
    KEYS,
    LIST,
    MAP,
    NEWEST,
    POOLS,
    PROXY_KEYS,
    STR,
    Version,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.secrets import mask

ERROR, WARNING = "error", "warning"

# The storage drivers of graph driver engines; with the containerd image store the name is a snapshotter's.
_STORAGE_DRIVERS = ("aufs", "btrfs", "devicemapper", "fuse-overlayfs", "overlay", "overlay2", "vfs", "zfs")
_FILE_LOG_OPTIONS = {
    "json-file": {"max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"},
    "local": {"max-size", "max-file", "compress"},
}
_COMMON_LOG_OPTIONS = {"mode", "max-buffer-size"}
_SIZE = re.compile(r"[0-9]+(\.[0-9]+)? ?([kKmMgGtTpP]?([iI]?[bB])?)")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")


@dataclass(frozen=True)
class Problem:
    """Something wrong with one key."""

    key: str
    message: str
    severity: str = ERROR

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


@dataclass(frozen=True)
class Engine:
    """What the checks have to know of an engine.

    :ivar version: None if unknown: then the rules that hold for all versions apply.
    :ivar flags: of the command line, by :func:`flags.parse`.
    :ivar snapshotter: it has the containerd image store.
    :ivar swarm: it is part of a swarm.
    """

    version: Version | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    snapshotter: bool = False
    swarm: bool = False


def check(values: Mapping[str, Any], engine: Engine, bom: bool = False) -> list[Problem]:
    """All problems of a document, in its order."""
    problems = []
    if bom and engine.version is not None and engine.version < (23, 0):
        problems.append(Problem("file", "it starts with a byte order mark, which this engine (< 23.0) does not accept"))
    for name, value in values.items():
        problems.extend(_check_key(name, value, values, engine))
    return problems


def _check_key(name: str, value: Any, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    key = KEYS.get(name)
    if key is None:
        yield from _unknown(name, value, engine)
        return
    if engine.version is not None:
        if key.since is not None and engine.version < key.since:
            yield Problem(
                name, f"this engine ({_text(engine.version)}) does not know it; it came with {_text(key.since)}"
            )
            return
        if key.until is not None and engine.version >= key.until:
            yield Problem(
                name, f"this engine ({_text(engine.version)}) no longer knows it; it went away with {_text(key.until)}"
            )
            return
    if key.note:
        yield Problem(name, key.note)
    flag = cmdline.spelled(engine.flags, name)
    if flag and name not in IN_BOTH:
        yield Problem(name, _conflict(name, flag))
    if value is None:
        yield Problem(name, f"it is null; it has to be {key.kind}", WARNING)
        return
    wrong = _wrong_type(key.kind, value)
    if wrong:
        yield Problem(name, f"it is {wrong}; it has to be {key.kind}")
        return
    rule = _RULES.get(name)
    if rule is not None:
        yield from rule(name, value, values, engine)


def _unknown(name: str, value: Any, engine: Engine) -> Iterator[Problem]:
    right = _spelling(name)
    if name in PROXY_KEYS:
        yield Problem(
            name,
            f'it belongs into "proxies": dockerd takes it here and ignores it; write {{"proxies": {{"{name}": ...}}}}',
        )
        return
    if right:
        reason = (
            "that is the spelling of dockerd's flag"
            if any(key.flag == name for key in KEYS.values())
            else "dockerd does not know it"
        )
        yield Problem(name, f'{reason}; did you mean "{right}"?')
        return
    if isinstance(value, Mapping):
        if not value:
            yield Problem(name, "dockerd does not know it, and ignores it because it is empty", WARNING)
            return
        nested = [part for part in value if part in KEYS]
        if nested:
            yield Problem(
                name,
                f'dockerd does not know "{name}" and ignores what is in it: {", ".join(nested)} belong'
                f"{'s' if len(nested) == 1 else ''} at the top of the document",
            )
            return
    if engine.version is not None and engine.version > NEWEST:
        return
    close = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.75)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    yield Problem(name, f"dockerd does not know it and will not start with it{hint}")


def _spelling(name: str) -> str:
    """The key that is meant by a flag's spelling, by camel case, or by underscores."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).replace("_", "-").lstrip("-").lower()
    for key in KEYS.values():
        if plain == key.name or (key.flag and plain == key.flag):
            return key.name
    for candidate in (f"{plain}s", f"{plain[:-1]}ies" if plain.endswith("y") else ""):
        if candidate in KEYS:
            return candidate
    return ""


def _conflict(name: str, flag: str) -> str:
    hint = ""
    if name == "hosts":
        hint = ": override ExecStart of the unit in a drop-in file, without -H, before setting hosts here"
    return f"dockerd is started with {flag}; a setting that is both flag and in the file stops the daemon{hint}"


def _wrong_type(kind: str, value: Any) -> str:
    """What the value is, if it is not of the kind."""
    right = {
        BOOL: isinstance(value, bool),
        INT: isinstance(value, int) and not isinstance(value, bool),
        STR: isinstance(value, str),
        MAP: isinstance(value, Mapping),
        LIST: isinstance(value, list) and all(isinstance(item, str) for item in value),
        POOLS: isinstance(value, list) and all(isinstance(item, Mapping) for item in value),
    }
    if right[kind]:
        return ""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "a list of something else" if kind in (LIST, POOLS) else "a list"
    return "an object" if isinstance(value, Mapping) else "a number"


# Rules for single keys: name, value, whole document, engine.


def mirror_problems(url: str, version: Version | None) -> list[str]:
    """What dockerd has against a mirror's URL (docs/facts.md D15). Never repeats credentials."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return [f"it is not a URL ({error})"]
    if "://" not in url:
        return [f'it has no scheme; did you mean "https://{url}"?']
    problems = []
    if parts.scheme not in ("http", "https"):
        problems.append("a mirror's URL begins with https:// or http://")
    if not parts.hostname or re.search(r"\s", url) or port == 0:
        problems.append("it names no host that can be reached")
    if parts.username is not None or parts.password is not None:
        problems.append("dockerd refuses credentials in a mirror's URL")
    if parts.query:
        problems.append("dockerd refuses a query in a mirror's URL")
    if parts.fragment:
        problems.append("dockerd refuses a fragment in a mirror's URL")
    if parts.path not in ("", "/") and (version is not None and version < (24, 0)):
        problems.append(f"a path in a mirror's URL needs Engine 24.0; this one is {_text(version)}")
    return problems


def insecure_registry_problem(entry: str, version: Version | None = None) -> str:
    """What is wrong with an entry of insecure-registries, or an empty string: ``host``, ``host:port`` or a CIDR."""
    if not entry or re.search(r"\s", entry):
        return "it is empty or has white space in it"
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", entry)
    plain = re.fullmatch(r"([^:/\[\]]+)(?::([^:]*))?", entry)
    problem = ""
    if bracketed and _is_address(bracketed.group(1)):
        problem = _port_problem(bracketed.group(2))
        if bracketed.group(2) is None and version is not None and version < (23, 0):
            problem = "an address in brackets needs a port with this engine (< 23.0)"
    elif plain:
        named = _HOST.fullmatch(plain.group(1))
        problem = _port_problem(plain.group(2)) if named else "that is not a host name"
    elif not _is_network(entry):
        problem = "it is neither host[:port] nor a network like 10.0.0.0/8"
    return problem


def _port_problem(port: str | None) -> str:
    if port is None or (port.isdigit() and 0 < int(port) < 65536):
        return ""
    return f'"{port}" is not a port'


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _registry_mirrors(name: str, value: list[str], values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    insecure = values.get("insecure-registries")
    hosts = insecure if isinstance(insecure, list) else []
    for url in value:
        shown = mask(url)
        problems = mirror_problems(url, engine.version)
        for problem in problems:
            yield Problem(name, f"{shown}: {problem}")
        if problems:
            continue
        plain = urlsplit(url).scheme == "http"
        if (
            engine.snapshotter
            and plain
            and engine.version is not None
            and engine.version < (27, 0)
            and urlsplit(url).netloc not in hosts
        ):
            yield Problem(
                name,
                f"{shown}: with the containerd image store this engine uses an http mirror only if "
                f"insecure-registries has {urlsplit(url).netloc}",
                WARNING,
            )
        if (
            engine.snapshotter
            and engine.version is not None
            and engine.version >= (28, 0)
            and (plain or urlsplit(url).netloc in hosts)
        ):
            yield Problem(
                name,
                f"{shown}: with the containerd image store an insecure mirror weakens this engine's TLS "
                "verification beyond that mirror",
                WARNING,
            )


def _insecure_registries(name: str, value: list[str], values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    for entry in value:
        bare = re.sub(r"(?i)^https?://", "", entry)
        if "://" in bare:
            yield Problem(name, f"{mask(entry)}: it is not a URL but host[:port] or a network like 10.0.0.0/8")
            continue
        if bare != entry:
            yield Problem(name, f'{mask(entry)}: dockerd drops the scheme; write "{mask(bare)}"', WARNING)
        problem = insecure_registry_problem(bare, engine.version)
        if problem:
            yield Problem(name, f"{mask(entry) or '(empty)'}: {problem}")


def _labels(name: str, value: list[str], values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for label in value:
        left, equals, right = label.partition("=")
        if not equals:
            if engine.version is not None and engine.version < (23, 0):
                yield Problem(name, f'"{label}" is not of the form name=value, as this engine (< 23.0) wants it')
        elif seen.setdefault(left, right) != right:
            yield Problem(name, f'"{left}" has two values')


def _log_options(name: str, value: Mapping[str, Any], values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    driver = values.get("log-driver") or "json-file"
    known = _FILE_LOG_OPTIONS.get(driver) if isinstance(driver, str) else None
    if cmdline.spelled(engine.flags, "log-driver"):
        known = None
    for option, setting in value.items():
        if not isinstance(setting, str):
            yield Problem(
                name, f'{option}: every log option is a string; write "{str(mask(setting, option)).lower()}" in quotes'
            )
            continue
        if known is None:
            continue
        if option not in known | _COMMON_LOG_OPTIONS:
            close = difflib.get_close_matches(option, known, n=1, cutoff=0.6)
            yield Problem(
                name,
                f"the log driver {driver} has no option {option}" + (f"; did you mean {close[0]}?" if close else ""),
            )
        elif option in ("max-size", "max-buffer-size") and setting != "-1" and not _SIZE.fullmatch(setting):
            yield Problem(name, f'{option}: "{setting}" is not a size like 10m')
        elif option == "max-file" and not (setting.isdigit() and int(setting) > 0):
            yield Problem(name, f'{option}: "{setting}" is not a number above 0')
        elif option == "compress" and setting not in ("true", "false"):
            yield Problem(name, f'{option}: it is "true" or "false"')


def _default_runtime(name: str, value: str, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    runtimes = values.get("runtimes")
    own = list(runtimes) if isinstance(runtimes, Mapping) else []
    built_in = value in ("", "runc", "io.containerd.runc.v2", "io.containerd.runtime.v1.linux") or value.startswith(
        ("io.containerd.", "/")
    )
    if not built_in and value not in own and not cmdline.spelled(engine.flags, "runtimes"):
        yield Problem(name, f'there is no runtime "{value}" under "runtimes"; the daemon will not start')


def _runtimes(name: str, value: Mapping[str, Any], values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    for runtime, setting in value.items():
        if not isinstance(setting, Mapping):
            yield Problem(name, f'{runtime}: it has to be an object like {{"path": "/usr/bin/{runtime}"}}')
        elif runtime == "runc":
            yield Problem(name, '"runc" is reserved for the engine\'s own runtime')
        elif "path" not in setting and "runtimeType" not in setting:
            yield Problem(name, f'{runtime}: it has neither a "path" nor a "runtimeType"')


def _features(name: str, value: Mapping[str, Any], values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    for feature, setting in value.items():
        if not isinstance(setting, bool):
            yield Problem(name, f"{feature}: it has to be true or false")


def _proxies(name: str, value: Mapping[str, Any], values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    in_flags = cmdline.proxy_flags(engine.flags)
    for setting, text in value.items():
        if setting not in PROXY_KEYS:
            yield Problem(name, f'it has no "{setting}"; there is {", ".join(PROXY_KEYS)}')
        elif not isinstance(text, str):
            yield Problem(name, f"{setting}: it has to be a string")
        if setting in in_flags:
            yield Problem(name, _conflict(setting, in_flags[setting]))


def _storage_driver(name: str, value: str, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    # Engine 29 takes snapshotters' names; before it, only with the containerd image store.
    if (
        value
        and value not in _STORAGE_DRIVERS
        and not engine.snapshotter
        and engine.version is not None
        and engine.version < (29, 0)
    ):
        yield Problem(name, f'there is no storage driver "{value}"; there is {", ".join(_STORAGE_DRIVERS)}')


def _bip(name: str, value: str, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    if not value:
        return
    try:
        interface = ipaddress.ip_interface(value)
    except ValueError:
        interface = None
    if interface is None or "/" not in value:
        yield Problem(name, f'"{value}" is not an address with a prefix length like 192.168.5.1/24')
    elif interface.ip == interface.network.network_address and interface.network.num_addresses > 1:
        yield Problem(
            name,
            f"\"{value}\" is the network's own address; give the bridge one of its hosts', like "
            f"{next(iter(interface.network.hosts()), interface.ip)}/{interface.network.prefixlen}",
        )


def _address(name: str, value: Any, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    for entry in value if isinstance(value, list) else [value]:
        if entry and not _is_address(entry):
            yield Problem(name, f'"{entry}" is not an IP address')


def _network(name: str, value: str, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    try:
        if value:
            ipaddress.ip_network(value, strict=False)
    except ValueError:
        yield Problem(name, f'"{value}" is not a network like 10.1.0.0/16')


def _pools(name: str, value: list[Any], values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    for pool in value:
        base, size = pool.get("base"), pool.get("size")
        try:
            network = ipaddress.ip_network(base)
        except (ValueError, TypeError):
            yield Problem(name, f"base {base!r} is not a network like 10.1.0.0/16")
            continue
        if (
            isinstance(size, bool)
            or not isinstance(size, int)
            or not network.prefixlen <= size <= network.max_prefixlen
        ):
            yield Problem(
                name,
                f"size {size!r} of {base} is not a prefix length from {network.prefixlen} to {network.max_prefixlen}",
            )


def _live_restore(name: str, value: bool, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    if value and engine.swarm:
        yield Problem(name, "it cannot be used on a member of a swarm")


def _not_negative(name: str, value: int, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    if value < 0:
        yield Problem(name, f"{value} is less than 0")
    elif value == 0 and name == "max-download-attempts" and engine.version is not None and engine.version < (23, 0):
        yield Problem(name, "0 is refused by this engine (< 23.0)")


def _shm_size(name: str, value: str, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    if not _SIZE.fullmatch(value):
        yield Problem(name, f'"{value}" is not a size like 64M')


def _seccomp_profile(name: str, value: str, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
    if value == "builtin" and engine.version is not None and engine.version < (23, 0):
        yield Problem(
            name, "this engine (< 23.0) looks for a file of the name builtin; leave the key out for the default"
        )


def _one_of(*allowed: str) -> Any:
    def rule(name: str, value: str, values: Mapping[str, Any], engine: Engine) -> Iterator[Problem]:
        if value and value not in allowed:
            yield Problem(name, f'"{value}" is not one of {", ".join(allowed)}')

    return rule


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_RULES: dict[str, Any] = {
    "registry-mirrors": _registry_mirrors,
    "insecure-registries": _insecure_registries,
    "allow-nondistributable-artifacts": _insecure_registries,
    "labels": _labels,
    "log-opts": _log_options,
    "log-level": _one_of(*_LOG_LEVELS),
    "log-format": _one_of("text", "json"),
    "default-runtime": _default_runtime,
    "runtimes": _runtimes,
    "features": _features,
    "proxies": _proxies,
    "storage-driver": _storage_driver,
    "bip": _bip,
    "dns": _address,
    "ip": _address,
    "default-gateway": _address,
    "default-gateway-v6": _address,
    "fixed-cidr": _network,
    "fixed-cidr-v6": _network,
    "default-address-pools": _pools,
    "live-restore": _live_restore,
    "max-concurrent-downloads": _not_negative,
    "max-concurrent-uploads": _not_negative,
    "max-download-attempts": _not_negative,
    "mtu": _not_negative,
    "default-shm-size": _shm_size,
    "seccomp-profile": _seccomp_profile,
    "default-ipc-mode": _one_of("private", "shareable"),
    "default-cgroupns-mode": _one_of("private", "host"),
    "firewall-backend": _one_of("iptables", "nftables"),
}


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
