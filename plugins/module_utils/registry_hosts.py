# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(certs.d/<registry>/hosts.toml): which mirrors containerd asks for the images of a registry.

containerd, and a Docker Engine from 28 on that keeps its images in containerd, read such a file for each registry. They
ask the hosts in the order in which these stand there, then the registry itself.

A file of ours begins with :data:`MARKER`. Any other is somebody else's: it is never changed, and reported.
"""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping, NamedTuple

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_trust import Change, check_host
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import DEFAULT_REMOTES
from ansible_collections.dockmirror.fleet.plugins.module_utils.toml_text import (
    Entry,
    TomlError,
    dumps,
    scan,
    string_value,
)

HOSTS_FILE_NAME = "hosts.toml"
CA_FILE_NAME = "dockmirror-ca.pem"
"""Not C(.crt): a Docker Engine with another image store would take that as a root for the registry itself."""
MARKER = "# Managed by dockmirror.fleet"
HEADER = MARKER + ": changes are overwritten, and offboarding takes the file away.\n\n"
CAPABILITIES = ("pull", "resolve")
DIAL_TIMEOUT = "5s"
"""How long a mirror has to take a connection, in place of containerd's 30 seconds. From 2.1 on; 1.7 ignores it (C8)."""


class Plan(NamedTuple):
    """What has to happen.

    :ivar changes: files to write and to remove.
    :ivar files: our files after that.
    :ivar foreign: files of others that stand where ours would.
    """

    changes: list[Change]
    files: list[str]
    foreign: list[str]


def own_url(registry: str) -> str:
    """Where a runtime without any mirror finds a registry."""
    return DEFAULT_REMOTES.get(registry, f"https://{registry}")


def document(registry: str, mirrors: Iterable[str], ca_file: str) -> str:
    """The content of a C(hosts.toml).

    :param mirrors: URLs in the order in which they are to be asked.
    :param ca_file: absolute path on the host of the CA for mirrors with TLS, or the empty string.
    """
    hosts: dict[str, Any] = {}
    for url in mirrors:
        settings: dict[str, Any] = {"capabilities": list(CAPABILITIES), "dial_timeout": DIAL_TIMEOUT}
        if ca_file and url.startswith("https://"):
            settings["ca"] = ca_file
        hosts[url.rstrip("/")] = settings
    return HEADER + dumps({"server": own_url(registry), "host": hosts})


def wanted_files(base: str, registries: Mapping[str, Iterable[str]], ca: str) -> dict[str, str]:
    """Path and content of every file that ought to be there.

    :param registries: the mirrors of each registry, in order.
    :param ca: certificates in PEM, or the empty string.
    :raises TrustError: the name of a registry cannot be that of a directory.
    """
    wanted = {}
    for registry, mirrors in registries.items():
        directory = os.path.join(base, check_host(registry))
        ca_file = os.path.join(directory, CA_FILE_NAME) if ca else ""
        if ca_file:
            wanted[ca_file] = ca
        wanted[os.path.join(directory, HOSTS_FILE_NAME)] = document(registry, mirrors, ca_file)
    return wanted


def plan(base: str, wanted: Mapping[str, str]) -> Plan:
    """What has to happen so that exactly ``wanted`` are our files below ``base``, as far as nobody else has his there.

    :raises OSError: something cannot be read.
    """
    present = _present(base)
    foreign = {os.path.dirname(path) for path, text in present.items() if _is_hosts(path) and not is_ours(text)}
    ours = {path for path in present if not _is_hosts(path) or os.path.dirname(path) not in foreign}
    mine = {path: text for path, text in wanted.items() if os.path.dirname(path) not in foreign}
    changes = []
    # The CA is there before the file that names it, and goes after it.
    for path in sorted(set(mine) | ours, key=lambda path: (path not in mine, _is_hosts(path) == (path in mine), path)):
        before, after = present.get(path), mine.get(path)
        wrong_mode = after is not None and before is not None and os.stat(path).st_mode & 0o777 != 0o644
        if before != after or wrong_mode:
            changes.append(Change(path, before, after, wrong_mode))
    blocked = sorted({os.path.dirname(path) for path in wanted} & foreign)
    return Plan(changes, sorted(mine), [os.path.join(directory, HOSTS_FILE_NAME) for directory in blocked])


def is_ours(text: str) -> bool:
    """Whether this collection wrote the file."""
    return text.startswith(MARKER)


def mirrors_in(text: str) -> list[str]:
    """The hosts that a C(hosts.toml) names, in order; none where it cannot be understood."""
    try:
        found = [item.path[1] for item in scan(text) if len(item.path) >= 2 and item.path[0] == "host"]
    except TomlError:
        return []
    return list(dict.fromkeys(found))


def authorities_in(text: str, mirror: str) -> list[str]:
    """The CA files that a C(hosts.toml) gives for a mirror, where it names one as a string."""
    try:
        entries = [item for item in scan(text) if isinstance(item, Entry) and item.path == ("host", mirror, "ca")]
    except TomlError:
        return []
    values = (string_value(text[slice(*item.value)]) for item in entries)
    return [value for value in values if value]


def _is_hosts(path: str) -> bool:
    return os.path.basename(path) == HOSTS_FILE_NAME


def _present(base: str) -> dict[str, str]:
    """Content of every file below ``base`` that may be ours."""
    found = {}
    try:
        directories = sorted(os.listdir(base))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    for directory in directories:
        for name in (HOSTS_FILE_NAME, CA_FILE_NAME):
            path = os.path.join(base, directory, name)
            try:
                with open(path, encoding="utf-8", errors="replace") as stream:
                    found[path] = stream.read()
            except (FileNotFoundError, NotADirectoryError):
                continue
    return found
