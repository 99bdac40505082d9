# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins in the configuration file of the docker command, ``~/.docker/config.json``.

Only the entry of one registry below ``auths`` is ever edited. Where the file names a credential helper for a registry,
the docker command asks that and not the file, so the file is not the place for a login then.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.document import Document, DocumentError

HUB_KEY = "https://index.docker.io/v1/"
_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
_REGISTRY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)(:[0-9]{1,5})?")
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class LoginError(Exception):
    """A login cannot be used or stored; the message says why and holds no secret."""


@dataclass(frozen=True)
class Credentials:
    """A user name and a password. The password is in no representation."""

    username: str
    password: str = field(repr=False)

    @classmethod
    def checked(cls, username: str, password: str) -> Credentials:
        """Credentials that can be sent and stored.

        :raises LoginError: they cannot. HTTP's Basic scheme knows no colon in a name.
        """
        if not username or ":" in username or _CONTROL.search(username):
            raise LoginError(f"{username!r} is not a user name: it is empty, or has a colon or a control character")
        if not password or _CONTROL.search(password):
            raise LoginError(f"the password of {username} is empty, or has a control character (a line end?)")
        return cls(username, password)


def check_registry(name: str) -> str:
    """Return ``name`` if it is a registry as images name it.

    :raises LoginError: it is anything else.
    """
    if not _REGISTRY.fullmatch(name) or ".." in name:
        raise LoginError(
            f"{name!r} is not a registry: give its name, or name:port, as it stands before an image's name"
        )
    return name


def key_of(registry: str) -> str:
    """The name under which the docker command keeps the login of a registry."""
    return HUB_KEY if registry in _HUB_NAMES else registry


def encode(credentials: Credentials) -> dict[str, Any]:
    """An entry of ``auths`` as ``docker login`` writes it."""
    text = f"{credentials.username}:{credentials.password}"
    return {"auth": base64.b64encode(text.encode("utf-8")).decode("ascii")}


def decode(entry: Any) -> Credentials | None:
    """The credentials of an entry of ``auths``; None where there are none, or a token instead of a password."""
    if not isinstance(entry, dict) or entry.get("identitytoken") or entry.get("registrytoken"):
        return None
    if entry.get("auth"):
        try:
            text = base64.b64decode(str(entry["auth"]), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return None
        username, colon, password = text.partition(":")
        # The docker command drops NUL at the end as well.
        return Credentials(username, password.rstrip("\0")) if colon else None
    if entry.get("username"):
        return Credentials(str(entry["username"]), str(entry.get("password") or ""))
    return None


@dataclass(frozen=True)
class ConfigFile:
    """The content of a ``config.json``. Whatever is not a login is kept as it is written."""

    document: Document

    @classmethod
    def parse(cls, data: bytes) -> ConfigFile:
        """Read the content of a file; an empty one has no settings.

        :raises LoginError: it cannot be understood, and so must not be overwritten.
        """
        try:
            document = Document.parse(data)
        except DocumentError as error:
            raise LoginError(str(error)) from error
        for name in ("auths", "credHelpers"):
            if not isinstance(document.values.get(name), (dict, type(None))):
                raise LoginError(f'"{name}" in it is not an object')
        return cls(document)

    def encode(self) -> bytes:
        """The content for the file."""
        return self.document.encode()

    @property
    def values(self) -> dict[str, Any]:
        """What the file says."""
        return self.document.values

    def entry(self, key: str) -> Any:
        """What stands below ``auths`` for a registry, None where nothing does."""
        return (self.values.get("auths") or {}).get(key)

    def helper(self, key: str) -> str:
        """The credential helper that keeps the login of a registry; empty where the file itself does.

        :raises LoginError: what is configured is not the name of a helper.
        """
        name = (self.values.get("credHelpers") or {}).get(key) or self.values.get("credsStore") or ""
        if name and not (isinstance(name, str) and _HELPER.fullmatch(name)):
            raise LoginError("the credential helper in it is not a name")
        return str(name)

    def with_entry(self, key: str, entry: Any, drop_empty: bool = False) -> ConfigFile:
        """The same file with another entry below ``auths``, or without it where ``entry`` is None.

        :param drop_empty: whether ``auths`` goes too when nothing is left in it.
        """
        auths = dict(self.values.get("auths") or {})
        if entry is None:
            auths.pop(key, None)
        else:
            auths[key] = entry
        values = {**self.values, "auths": auths}
        if not auths and (drop_empty or "auths" not in self.values):
            del values["auths"]
        return ConfigFile(self.document.edited(values))
