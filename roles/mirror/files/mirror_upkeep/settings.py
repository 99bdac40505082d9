# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ``mirror`` wrote down for this host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from .errors import UpkeepError


class Gateway(NamedTuple):
    """The gateway of this host, which is asked over loopback."""

    server_name: str
    """Its name, for which its certificate has to be good."""

    port: int

    tls: bool

    ca_file: str
    """File with the certificates that are trusted; empty for those of the system."""


class Upstream(NamedTuple):
    """A registry that this host mirrors."""

    name: str

    url: str
    """Where it is reached, without a slash at the end."""

    container: str
    """Name of its instance's container."""

    repository: str
    """A repository it has, by which it is asked; empty if none is known."""

    tag: str

    data_dir: Path
    """What its instance has stored."""

    credentials_file: Path
    """JSON object with ``Username`` and ``Secret``; it may be missing."""

    ca_file: Path
    """Certificates to trust besides the system's; it may be missing."""

    environment: dict[str, str]
    """``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``, as far as they are set."""


class Wish(NamedTuple):
    """Images of one repository to keep warm."""

    upstream: str
    repository: str

    tags: list[str]
    """Tags, and patterns of tags."""

    newest: int
    """How many of the tags that a pattern fits are wanted, the highest versions first."""

    platforms: list[str]
    """Such as ``linux/amd64`` or ``linux/arm/v7``."""

    @property
    def name(self) -> str:
        """The repository as the gateway knows it."""
        return f"{self.upstream}/{self.repository}"


class Settings(NamedTuple):
    """One mirror host."""

    state_dir: Path
    gateway: Gateway
    upstreams: list[Upstream]
    wishes: list[Wish]

    reserve_percent: int
    """Prefetching stops when less than this part of an upstream's rate limit remains."""


def parse(document: dict[str, Any]) -> Settings:
    """Turn the parsed file into settings; raises KeyError or TypeError for one that is missing or too much."""
    paths = ("data_dir", "credentials_file", "ca_file")
    upstreams = [Upstream(**{**item, **{name: Path(item[name]) for name in paths}}) for item in document["upstreams"]]
    return Settings(
        state_dir=Path(document["state_dir"]),
        gateway=Gateway(**document["gateway"]),
        upstreams=upstreams,
        wishes=[Wish(**item) for item in document["prefetch"]],
        reserve_percent=document["reserve_percent"],
    )


def read(path: Path) -> Settings:
    """Read the settings; raises UpkeepError where they are missing or not as the role writes them."""
    try:
        return parse(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UpkeepError(f"{path} cannot be used: {error!r}. Run the playbook mirror again.") from error
