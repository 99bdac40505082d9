# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that each major version of the registry has.

The registry ignores a key that it does not know without a word, so that a limit with a typing mistake seems to work.
The names are those in the sources of 2.8 and 3.1.
"""

from __future__ import annotations

import difflib
from typing import Any, Mapping

Schema = Mapping[str, Any]
"""Names of keys; the value is the schema below, or :data:`ANY` where whatever is there is up to the user."""

ANY: Any = None

STORAGE_KEYS = ("cache", "delete", "maintenance", "redirect", "tag")
"""What stands beside the one driver in ``storage``."""

_BOTH: dict[str, Any] = {
    "version": ANY,
    "log": {
        "accesslog": {"disabled": ANY},
        "level": ANY,
        "formatter": ANY,
        "fields": ANY,
        "hooks": ANY,
    },
    "auth": ANY,
    "middleware": ANY,
    "http": {
        "addr": ANY,
        "net": ANY,
        "host": ANY,
        "prefix": ANY,
        "secret": ANY,
        "relativeurls": ANY,
        "draintimeout": ANY,
        "tls": ANY,
        "headers": ANY,
        "debug": {"addr": ANY, "prometheus": {"enabled": ANY, "path": ANY}},
        "http2": {"disabled": ANY},
    },
    "notifications": {"events": {"includereferences": ANY}, "endpoints": ANY},
    "health": {
        "file": ANY,
        "http": ANY,
        "tcp": ANY,
        "storagedriver": {"enabled": ANY, "interval": ANY, "threshold": ANY},
    },
    "catalog": {"maxentries": ANY},
    "proxy": ANY,
    "policy": {"repository": {"classes": ANY}},
}
_STORAGE: dict[str, Any] = {
    "cache": {"blobdescriptor": ANY},
    "delete": {"enabled": ANY},
    "redirect": {"disable": ANY},
    "maintenance": {
        "uploadpurging": {"enabled": ANY, "age": ANY, "interval": ANY, "dryrun": ANY},
        "readonly": {"enabled": ANY},
    },
}
_REDIS_2 = {
    **dict.fromkeys(("addr", "password", "db", "dialtimeout", "readtimeout", "writetimeout"), ANY),
    "pool": dict.fromkeys(("maxidle", "maxactive", "idletimeout"), ANY),
}
_REDIS_3 = {
    **dict.fromkeys(
        (
            *("addrs", "clientname", "db", "protocol", "username", "password", "sentinelusername", "sentinelpassword"),
            *("maxretries", "minretrybackoff", "maxretrybackoff", "dialtimeout", "readtimeout", "writetimeout"),
            *("contexttimeoutenabled", "poolfifo", "poolsize", "pooltimeout", "minidleconns", "maxidleconns"),
            *("maxactiveconns", "connmaxidletime", "connmaxlifetime", "maxredirects", "readonly", "routebylatency"),
            *("routerandomly", "mastername", "disableidentity", "identitysuffix", "unstableresp3"),
        ),
        ANY,
    ),
    "tls": {"certificate": ANY, "key": ANY, "rootcas": ANY},
}
_URLS = {"urls": {"allow": ANY, "deny": ANY}}

CONFIGURATION: dict[int, dict[str, Any]] = {
    2: {
        **_BOTH,
        "storage": {**_STORAGE, "filesystem": {"rootdirectory": ANY, "maxthreads": ANY}},
        "redis": _REDIS_2,
        "validation": {"enabled": ANY, "disabled": ANY, "manifests": _URLS},
        "compatibility": {"schema1": {"enabled": ANY, "signingkeyfile": ANY}},
        "reporting": ANY,
    },
    3: {
        **_BOTH,
        "log": {**_BOTH["log"], "reportcaller": ANY},
        "http": {**_BOTH["http"], "h2c": {"enabled": ANY}},
        "storage": {
            **_STORAGE,
            "filesystem": {"rootdirectory": ANY, "maxthreads": ANY},
            "cache": {"blobdescriptor": ANY, "blobdescriptorsize": ANY},
            "tag": {"concurrencylimit": ANY},
        },
        "redis": _REDIS_3,
        "validation": {
            "enabled": ANY,
            "disabled": ANY,
            "manifests": {**_URLS, "indexes": {"platforms": ANY, "platformlist": ANY}},
        },
        "tags": {"maxtags": ANY},
    },
}
"""The whole configuration by major version, without the drivers of object storage, which have :data:`DRIVERS`."""

_S3 = frozenset(
    (
        *("accesskey", "secretkey", "bucket", "region", "regionendpoint", "encrypt", "keyid", "secure", "skipverify"),
        *("v4auth", "chunksize", "multipartcopychunksize", "multipartcopymaxconcurrency", "multipartcopythresholdsize"),
        *("rootdirectory", "storageclass", "useragent", "objectacl"),
    )
)
_AZURE = frozenset(("accountname", "accountkey", "container", "realm"))

DRIVERS: dict[str, dict[int, frozenset[str]]] = {
    "s3": {2: _S3, 3: _S3 | {"forcepathstyle", "usedualstack", "accelerate", "usefipsendpoint", "loglevel"}},
    "azure": {
        2: _AZURE,
        3: _AZURE
        | {
            "credentials",
            "connectionstring",
            "rootdirectory",
            "serviceurl",
            "max_retries",
            "retry_delay",
            "skipverify",
        },
    },
}
"""The settings of a driver of object storage by major version."""


def unknown_keys(tree: Any, schema: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of keys that the schema does not have, each as a tuple. Below one there is no second one."""
    if schema is ANY or not isinstance(tree, Mapping):
        return []
    found = []
    for key, value in tree.items():
        here = (*path, str(key))
        if key in schema:
            found.extend(unknown_keys(value, schema[key], here))
        else:
            found.append(here)
    return found


def at(schema: Any, path: tuple[str, ...]) -> Schema:
    """The part of a schema at *path*; an empty one where there is none."""
    for key in path:
        schema = schema.get(key) if isinstance(schema, Mapping) else None
    return schema if isinstance(schema, Mapping) else {}


def nearest(name: str, known: Any) -> str:
    """What somebody who wrote *name* may have meant, as a hint to append to a sentence; else the empty string."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f" Do you mean {close[0]}?" if close else ""
