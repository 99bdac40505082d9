# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logins of a client as the inventory has them: what is left out is found at the registries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import (
    Credentials,
    LoginError,
    check_registry,
    key_of,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import registry_of

DEFAULT_USERS = ("root",)


class Registries:
    """The private registries of the inventory.

    :param hosts: inventory names.
    :param hostvars: the variables of each host.
    """

    def __init__(self, hosts: Iterable[str], hostvars: Mapping[str, Any]) -> None:
        self.servers = [registry_of(str(host), hostvars[host]) for host in hosts]
        self._users = {
            server["address"]: hostvars[host].get("registry_users") or [] for server, host in zip(self.servers, hosts)
        }

    @property
    def addresses(self) -> list[str]:
        """The registries as images name them."""
        return [server["address"] for server in self.servers]

    def password(self, registry: str, username: str) -> str | None:
        """The password that a user is given in C(registry_users) of a registry, None where there is no such user."""
        for user in self._users.get(registry, []):
            if isinstance(user, Mapping) and user.get("name") == username:
                return str(user.get("password") or "")
        return None

    def without_tls(self, registry: str) -> bool:
        """Whether this is a registry of the inventory that is served over plain HTTP."""
        return any(server["address"] == registry and server["url"].startswith("http:") for server in self.servers)


def expand(logins: Iterable[Mapping[str, Any]], registries: Registries) -> list[dict[str, Any]]:
    """One login for each registry, with everything that M(dockmirror.fleet.docker_logins) needs.

    :param logins: as in C(docker_client_logins).
    """
    return [
        {
            "registry": registry,
            "username": str(login["username"]),
            "password": str(login.get("password") or registries.password(registry, str(login["username"])) or ""),
            "users": [str(user) for user in login.get("users") or DEFAULT_USERS],
        }
        for login in logins
        for registry in _registries_of(login, registries)
    ]


def problems(logins: Sequence[Any], registries: Registries, insecure: Iterable[str]) -> list[str]:
    """What is wrong with the logins of a client; one sentence for each problem, none with a password in it.

    :param insecure: registries whose certificates the client does not verify.
    """
    found: list[str] = []
    seen: set[tuple[str, str]] = set()
    for number, login in enumerate(logins, 1):
        if not isinstance(login, Mapping) or not login.get("username"):
            found.append(f"Login {number} has no username.")
            continue
        username = str(login["username"])
        targets = _registries_of(login, registries)
        if not targets:
            found.append(f"The login of {username} names no registry, and the inventory has none.")
        for registry in targets:
            found.extend(_problems_of(login, username, registry, registries, set(insecure)))
            for user in login.get("users") or DEFAULT_USERS:
                if (str(user), key_of(registry)) in seen:
                    found.append(f"The user {user} has two logins to {registry}: an engine can use one only.")
                seen.add((str(user), key_of(registry)))
    return found


def _registries_of(login: Mapping[str, Any], registries: Registries) -> list[str]:
    return [str(login["registry"])] if login.get("registry") else registries.addresses


def _problems_of(
    login: Mapping[str, Any], username: str, registry: str, registries: Registries, insecure: set[str]
) -> list[str]:
    try:
        check_registry(registry)
    except LoginError as error:
        return [f"The login of {username}: {error}."]
    if registries.without_tls(registry) or registry in insecure:
        return [
            f"The login of {username}: the registry {registry} has no verified TLS, so anybody could read the password."
        ]
    password = login.get("password") or registries.password(registry, username)
    if password is None:
        return [
            f"The login of {username} has no password, and {registry} has no user of that name in registry_users. Add"
            " the user there, or give the password."
        ]
    try:
        Credentials.checked(username, str(password))
    except LoginError as error:
        return [f"The login of {username} to {registry}: {error}."]
    return []
