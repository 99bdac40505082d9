# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the private registry: checks before anything on a host is touched, and its storage.

No sentence about a problem ever holds a password or a key, so the sentences may be shown.
"""

from __future__ import annotations

import re
from typing import Any, Mapping
from urllib.parse import urlsplit

from ansible_collections.dockmirror.fleet.plugins.module_utils.gateway_settings import is_dns_name
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import registry_major
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_schema import (
    CONFIGURATION,
    DRIVERS,
    at,
    nearest,
    unknown_keys,
)

BCRYPT_BYTES = 72
"""What bcrypt looks at: a longer password would be as good as its beginning."""

ROLES = ("push", "pull")
USER_KEYS = ("name", "password", "role")

_USER = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")


def problems(settings: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with the settings of the role ``registry``, each as one sentence.

    :param settings: the role's variables by their names without the prefix ``registry_``.
    """
    found = []
    if not is_dns_name(settings["server_name"]):
        found.append(f"registry_server_name: '{settings['server_name']}' is not a DNS name.")
    major = registry_major(settings["version"])
    if major is None:
        found.append(
            f"registry_version '{settings['version']}' is not known: it must begin with 2 or 3, as in '3' or '2.8.3'."
        )
    if not 1 <= int(settings["port"]) <= 65534:
        found.append("registry_port must be between 1 and 65534; the port after it is used for metrics.")
    found.extend(_storage_problems(settings, major or 3))
    found.extend(_override_problems(settings["config_override"], major or 3))
    found.extend(_user_problems(settings["users"]))
    if not 4 <= int(settings["bcrypt_cost"]) <= 16:
        found.append(
            f"registry_bcrypt_cost is {settings['bcrypt_cost']}: it must be between 4 and 16 (each step doubles the"
            " time of a check; 10 takes about a tenth of a second)."
        )
    found.extend(_replica_problems(settings))
    return found


def storage(name: str, s3: Mapping[str, Any], azure: Mapping[str, Any], version: Any) -> dict[str, Any]:
    """The driver's part of ``storage`` in the registry's configuration.

    :param name: ``filesystem``, ``s3`` or ``azure``.
    :param s3: the driver's settings, by its own names, and ``ca_file``, which is ours.
    """
    if name == "filesystem":
        return {"filesystem": {"rootdirectory": "/var/lib/registry"}}
    settings = {key: value for key, value in (s3 if name == "s3" else azure).items() if key != "ca_file"}
    if name == "s3":
        # The driver wants a region even where the endpoint decides; every S3-compatible server takes this one.
        settings.setdefault("region", "us-east-1")
        if settings.get("regionendpoint") and registry_major(version) == 3:
            # Registry 2 addressed the bucket by path wherever an endpoint was named; registry 3 wants to be told.
            settings.setdefault("forcepathstyle", True)
    # One look at object storage is one request: without the cache each layer costs several. It is safe because garbage
    # collection restarts the registry.
    return {name: settings, "cache": {"blobdescriptor": "inmemory"}}


def _storage_problems(settings: Mapping[str, Any], major: int) -> list[str]:
    name = settings["storage"]
    found = []
    for driver in DRIVERS:
        given = settings[driver]
        if not isinstance(given, Mapping):
            found.append(f"registry_{driver} must be a mapping.")
        elif given and name != driver:
            found.append(f"registry_{driver} is set, but registry_storage is {name}.")
        elif name == driver:
            found.extend(_driver_problems(driver, given, major))
    return found


def _driver_problems(driver: str, given: Mapping[str, Any], major: int) -> list[str]:
    label = f"registry_{driver}"
    needed = {"s3": ["bucket"], "azure": ["accountname", "container", *(["accountkey"] if major == 2 else [])]}[driver]
    found = [f"{label}.{key} is needed with registry_storage {driver}." for key in needed if not given.get(key)]
    known = DRIVERS[driver][major] | ({"ca_file"} if driver == "s3" else frozenset())
    for key in given:
        if key in known:
            continue
        if key in DRIVERS[driver][3]:
            found.append(f"{label}.{key}: registry 2 does not have it; it needs registry_version '3'.")
        else:
            found.append(f"{label}.{key}: the registry has no such setting.{nearest(str(key), known)}")
    if driver == "s3":
        if bool(given.get("accesskey")) != bool(given.get("secretkey")):
            found.append(f"{label}: accesskey and secretkey belong together; only one of them is set.")
        if not given.get("region") and not given.get("regionendpoint"):
            found.append(f"{label}.region is needed, unless regionendpoint names a server of your own.")
    return found


_OVERRIDE_RULES: list[tuple[tuple[str, ...], str]] = [
    (("version",), "the format version is the role's"),
    (("auth",), "who may come in is decided at the gateway; set registry_users instead"),
    (("proxy",), "set registry_replica_of instead"),
    (("log", "level"), "set registry_log_level instead"),
    (("log", "formatter"), "set registry_log_formatter instead"),
    (("storage", "filesystem", "rootdirectory"), "set registry_data_dir instead"),
    (("storage", "redirect"), "clients must not be sent past the gateway"),
    (("storage", "maintenance", "readonly"), "garbage collection and backup switch it"),
    (("http", "addr"), "set registry_port instead"),
    (("http", "net"), "the gateway reaches the registry over TCP on loopback"),
    (("http", "host"), "relative URLs are right at every name and port"),
    (("http", "relativeurls"), "relative URLs are right at every name and port"),
    (("http", "tls"), "TLS is the gateway's"),
    (("http", "prefix"), "the gateway expects the registry at /"),
    (("http", "secret"), "it is generated on the host"),
    (("http", "debug", "addr"), "it is the port after registry_port"),
]


def _override_problems(override: Any, major: int) -> list[str]:
    """What an override of the configuration must not contain.

    The registry ignores what it does not know, so that a limit with a typing mistake would seem to work; other keys
    would break what the roles and the gateway rely on.
    """
    if not isinstance(override, Mapping):
        return ["registry_config_override must be a mapping."]
    label = "registry_config_override must not set"
    found = [
        f"{label} {'.'.join(path)}: {reason}."
        for path, reason in _OVERRIDE_RULES
        if _lookup(override, path) is not None
    ]
    delete = _lookup(override, ("storage", "delete", "enabled"))
    if delete is not None and str(delete).lower() not in ("true", "yes", "1", "on"):
        found.append(f"{label} storage.delete.enabled to false: nothing could ever be deleted.")
    schema = CONFIGURATION[major]
    for path in unknown_keys(override, schema):
        name = ".".join(path)
        if path[:1] == ("storage",) and len(path) == 2 and path[1] in DRIVERS:
            found.append(f"{label} {name}: set registry_storage and registry_{path[1]} instead.")
        elif path[-1] in at(CONFIGURATION[5 - major], path[:-1]):
            found.append(f"{label} {name}: registry {major} does not have it, registry {5 - major} has.")
        else:
            hint = nearest(path[-1], at(schema, path[:-1]))
            found.append(f"{label} {name}: the registry has no such setting and ignores it without a word.{hint}")
    return found


def _user_problems(users: Any) -> list[str]:
    if not isinstance(users, (list, tuple)) or not all(isinstance(user, Mapping) for user in users):
        return ["registry_users must be a list of mappings, each with name, password and role."]
    found = []
    seen: set[str] = set()
    for user in users:
        name = user.get("name")
        if not isinstance(name, str) or not _USER.match(name):
            found.append(
                f"registry_users: '{name}' is not a name of 1 to 64 letters, digits, '.', '_', '-' and '@' that begins"
                " with a letter or digit."
            )
            continue
        if name in seen:
            found.append(f"registry_users: {name} is there twice.")
        seen.add(name)
        found.extend(f"registry_users: {name}: {text}" for text in _problems_of_user(user))
    return found


def _problems_of_user(user: Mapping[str, Any]) -> list[str]:
    found = []
    unknown = sorted(str(key) for key in set(user) - set(USER_KEYS))
    if unknown:
        found.append(f"unknown settings {', '.join(unknown)}. Known are {', '.join(USER_KEYS)}.")
    password = user.get("password")
    if not isinstance(password, str) or not password:
        found.append("the password is missing.")
    elif len(password.encode("utf-8")) > BCRYPT_BYTES:
        found.append(f"the password is longer than {BCRYPT_BYTES} bytes, and bcrypt would look at no more.")
    elif any(ord(character) < 32 or ord(character) == 127 for character in password):
        found.append("the password holds a control character, such as a line feed at its end.")
    if user.get("role") not in ROLES:
        found.append(f"the role '{user.get('role')}' is not known; it is push or pull.")
    return found


def _replica_problems(settings: Mapping[str, Any]) -> list[str]:
    rest = [name for name in ("username", "password", "ca_file") if settings[f"replica_{name}"]]
    if not settings["replica_of"]:
        return [f"registry_replica_{name} is set, but registry_replica_of is not." for name in rest]
    found = _primary_problems(settings)
    if registry_major(settings["version"]) == 2:
        found.append("registry_replica_of needs registry_version '3': registry 2 cannot log in at its primary.")
    if settings["storage"] != "filesystem":
        found.append(f"registry_storage is {settings['storage']}: a replica keeps copies on its own disk (filesystem).")
    if bool(settings["replica_username"]) != bool(settings["replica_password"]):
        found.append("registry_replica_username and registry_replica_password belong together; only one is set.")
    return found


def _primary_problems(settings: Mapping[str, Any]) -> list[str]:
    try:
        parts = urlsplit(str(settings["replica_of"]))
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        return ["registry_replica_of must be a URL such as https://registry1.example.com."]
    if parts.username is not None or parts.password is not None:
        return [
            "registry_replica_of must not hold credentials; they belong into registry_replica_username and"
            " registry_replica_password."
        ]
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return ["registry_replica_of must end with the host, or its port: a registry has no path."]
    if parts.scheme == "http" and settings["replica_password"]:
        return ["registry_replica_of must be https: the password would travel in the clear."]
    if str(parts.hostname) == str(settings["server_name"]).lower():
        return ["registry_replica_of names this registry itself."]
    return []


def _lookup(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree
