# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role wrote down for the registries that it runs on this host."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

_PROXY = re.compile(r"^proxy:\n(?:[ #].*\n)*?  remoteurl: ", re.MULTILINE)


class ScrubError(Exception):
    """Something keeps the data from being looked at; the text says what."""


class Store(NamedTuple):
    """The data of one registry."""

    name: str
    data_dir: Path

    config_file: Path
    """Configuration of the registry."""

    refetch: bool
    """Whether the registry fetches again what it lacks; then damaged content is removed."""


class Settings(NamedTuple):
    """The registries of one role."""

    state_dir: Path

    days: float
    """In how many days everything is read once."""

    stores: list[Store]


def read(path: Path) -> Settings:
    """Read the settings; raises ScrubError where they are missing or not as the role writes them."""
    try:
        document = json.loads(path.read_text())
        stores = [
            Store(item["name"], Path(item["data_dir"]), Path(item["config_file"]), bool(item["refetch"]))
            for item in document["stores"]
        ]
        return Settings(Path(document["state_dir"]), float(document["days"]), stores)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ScrubError(f"{path} cannot be used: {error!r}. Run the playbook again that wrote it.") from error


def check(store: Store) -> None:
    """Raise ScrubError if content would be removed from a registry that is no mirror: there it exists nowhere else."""
    if not store.refetch:
        return
    try:
        text = store.config_file.read_text()
    except OSError as error:
        raise ScrubError(f"{store.name}: whether it is a mirror cannot be seen: {error}") from error
    if not _PROXY.search(text):
        raise ScrubError(f"{store.name}: {store.config_file} is not that of a mirror; its data is left alone.")
