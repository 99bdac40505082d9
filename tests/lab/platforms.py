# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a fleet, as ``platforms`` of a molecule.yml lists them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.lab.run import LabError

HUB_GROUP = "hub"
HUB_NAMES = ("registry-1.docker.io", "auth.docker.io", "index.docker.io", "ghcr.io", "quay.io")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


@dataclass(frozen=True)
class Platform:
    """One host: its name in DNS and in the inventory, the image flavour, its groups and further DNS names."""

    name: str
    image: str
    groups: tuple[str, ...] = ()
    aliases: tuple[str, ...] = field(default=())

    @property
    def is_hub(self) -> bool:
        """True for the simulated Docker Hub, which plays ghcr.io and quay.io as well."""
        return HUB_GROUP in self.groups

    @property
    def names(self) -> tuple[str, ...]:
        """All DNS names of the host, its own first."""
        extra = HUB_NAMES if self.is_hub else ()
        return tuple(dict.fromkeys((self.name, *extra, *self.aliases)))


def parse(document: Any) -> list[Platform]:
    """Read a list of platforms, or a molecule.yml that has one; ``LabError`` says what is wrong with it."""
    if isinstance(document, Mapping):
        document = document.get("platforms")
    if not isinstance(document, list) or not document:
        raise LabError("platforms: a list of hosts with `name` and `image` is needed")
    hosts = [_one(item) for item in document]
    for what, values in (("name", [host.name for host in hosts]), ("DNS name", [n for h in hosts for n in h.names])):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise LabError(f"platforms: {what} used more than once: {', '.join(twice)}")
    if sum(host.is_hub for host in hosts) > 1:
        raise LabError("platforms: only one host can be in group `hub`")
    return hosts


def _one(item: Any) -> Platform:
    if not isinstance(item, Mapping):
        raise LabError(f"platforms: not a mapping: {item!r}")
    unknown = sorted(set(item) - {"name", "image", "groups", "aliases"})
    if unknown:
        raise LabError(f"platforms: unknown key: {', '.join(unknown)}")
    name, image = item.get("name"), item.get("image")
    if not isinstance(name, str) or not HOST_NAME.fullmatch(name):
        raise LabError(f"platforms: `name` is not a host name: {name!r}")
    if not isinstance(image, str):
        raise LabError(f"platforms: {name}: `image` is missing")
    lists = {}
    for key in ("groups", "aliases"):
        value = item.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise LabError(f"platforms: {name}: `{key}` is not a list of names")
        lists[key] = tuple(value)
    return Platform(name, image, lists["groups"], lists["aliases"])
