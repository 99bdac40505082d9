# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ``mirror`` wrote down for this host."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from .errors import QuotaError

_PROXY = re.compile(r"^proxy:\n(?:[ #].*\n)*?  remoteurl: ", re.MULTILINE)


class Size(NamedTuple):
    """A number of bytes, or a part of the filesystem."""

    bytes: int = 0
    percent: float = 0

    def of(self, filesystem: int) -> int:
        """The bytes that it means on a filesystem of that size."""
        return self.bytes or int(filesystem * self.percent / 100)


class Upstream(NamedTuple):
    """A registry that this host mirrors."""

    name: str

    data_dir: Path
    """Directory with the data of its instance."""

    config_file: Path
    """Configuration of its instance."""

    share: float | None
    """Percent of the quota that it has for itself; None if it shares with the others what remains."""


class Settings(NamedTuple):
    """One mirror host."""

    state_dir: Path

    data_dir: Path
    """Directory with the data of all mirrors."""

    access_log: Path
    """Log of the gateway, one JSON object per line."""

    quota: Size | None
    min_free: Size | None
    upstreams: list[Upstream]


def parse(document: dict[str, Any]) -> Settings:
    """Turn the parsed file into settings; raises KeyError or TypeError for one that is missing or too much."""
    return Settings(
        state_dir=Path(document["state_dir"]),
        data_dir=Path(document["data_dir"]),
        access_log=Path(document["access_log"]),
        quota=Size(**document["quota"]) if document["quota"] else None,
        min_free=Size(**document["min_free"]) if document["min_free"] else None,
        upstreams=[
            Upstream(item["name"], Path(item["data_dir"]), Path(item["config_file"]), item["share"])
            for item in document["upstreams"]
        ],
    )


def read(path: Path) -> Settings:
    """Read the settings; raises QuotaError where they are missing or not as the role writes them."""
    try:
        return parse(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise QuotaError(f"{path} cannot be used: {error!r}. Run the playbook mirror again.") from error


def check_mirror(upstream: Upstream) -> None:
    """Raise QuotaError unless the data belongs to a mirror: in any other registry it exists nowhere else."""
    try:
        text = upstream.config_file.read_text()
    except OSError as error:
        raise QuotaError(f"{upstream.name}: whether its instance is a mirror cannot be seen: {error}") from error
    if not _PROXY.search(text):
        raise QuotaError(f"{upstream.name}: {upstream.config_file} is not that of a mirror; its data is left alone.")
