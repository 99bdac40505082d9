# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(config_path) of containerd's CRI plugin, in a C(config.toml) of which nothing else is touched.

A drop-in named by C(imports) is no way to set it: containerd 1.x takes the whole section of a plugin from the drop-in
and forgets what the main file says of that plugin (docs/facts.md C3). So the one value is edited in place. Where it
belongs depends on the version of the file and of containerd; the candidates are tried in turn, and containerd's own
C(config dump) says which one has the effect.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.dockmirror.fleet.plugins.module_utils.toml_text import (
    Entry,
    Path,
    Table,
    TomlError,
    quoted,
    scan,
    string_list,
    string_value,
)

KEY = "config_path"
MARKER = "# Added by dockmirror.fleet"
IMAGES_V3: Path = ("plugins", "io.containerd.cri.v1.images", "registry")
CRI_V2: Path = ("plugins", "io.containerd.grpc.v1.cri", "registry")
CRI_V1: Path = ("plugins", "cri", "registry")
DISABLED = frozenset(["cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images"])


class ConfigError(ValueError):
    """The configuration cannot be understood, or not be changed without touching more; the message says why."""


class Effective(NamedTuple):
    """What containerd makes of its configuration, by C(containerd config dump).

    :ivar version: the newest version of a file that this containerd has.
    :ivar cri: whether the CRI plugin is on.
    :ivar config_path: the directories for C(hosts.toml), empty where there is none.
    :ivar legacy: registries that are configured in the old way, which excludes C(config_path).
    """

    version: int
    cri: bool
    config_path: list[str]
    legacy: list[str]


def effective(dump: str) -> Effective:
    """Read a C(config dump).

    :raises ConfigError: it is not one.
    """
    items = _scan(dump)
    values = {item.path: dump[slice(*item.value)] for item in items if isinstance(item, Entry)}
    homes = [home for home in (IMAGES_V3, CRI_V2) if any(item.path[: len(home)] == home for item in items)]
    paths = [string_value(values.get((*home, KEY), "''")) or "" for home in homes]
    return Effective(
        _version(values) or 2,
        not DISABLED & set(string_list(values.get(("disabled_plugins",), "[]")) or []),
        [part for path in paths for part in path.split(":") if part],
        sorted(
            {
                item.path[len(home) + 1]
                for item in items
                for home in homes
                for kind in ("mirrors", "configs")
                if item.path[: len(home) + 1] == (*home, kind) and len(item.path) > len(home) + 1
            }
        ),
    )


def candidates(text: str) -> list[Path]:
    """The tables in which C(config_path) may belong, the likeliest first."""
    version = _version({item.path: text[slice(*item.value)] for item in _scan(text) if isinstance(item, Entry)})
    if version is None or version < 2:
        return [CRI_V1, CRI_V2]
    return [CRI_V2] if version == 2 else [IMAGES_V3]


def new_file(version: int, directory: str) -> str:
    """A file for a containerd that has none and runs on its defaults."""
    home = CRI_V2 if version < 3 else IMAGES_V3
    return f"version = {version}\n\n{_block(home, directory)}"


def with_config_path(text: str, home: Path, directory: str) -> str:
    """``text`` with C(config_path) in the table ``home``; every other byte is as it was.

    :raises ConfigError: the table is written in a way to which nothing can be added.
    """
    items = _scan(text)
    where = (*home, KEY)
    for item in items:
        if isinstance(item, Entry) and item.path == where:
            return text[: item.value[0]] + quoted(directory) + text[item.value[1] :]
    for item in items:
        if isinstance(item, Table) and item.path == home and not item.array:
            return text[: item.end] + _line(text, items, item, directory) + text[item.end :]
    for item in items:
        if isinstance(item, Entry) and (item.path == home[: len(item.path)] or item.path[: len(home)] == home):
            raise ConfigError(
                f"the table {'.'.join(home)} is written within a line ({'.'.join(item.key)} = ...), to which nothing "
                f"can be added without rewriting it: set {KEY} = {quoted(directory)} there by hand"
            )
        if isinstance(item, Table) and item.array and item.path == home[: len(item.path)]:
            raise ConfigError(f"{'.'.join(item.path)} is a list of tables, which containerd does not understand")
    ending = _ending(text)
    gap = ending if not text or text.endswith("\n") else ending * 2
    return text + gap + _block(home, directory).replace("\n", ending)


def without_config_path(text: str, home: Path, directory: str, before: str | None) -> str:
    """``text`` with our value taken out again, where somebody changed the file after us.

    :param before: the text of the value that ours replaced, None where there was none.
    """
    for ending in ("\n", "\r\n") if before is None else ():
        head, found, tail = text.partition(ending + _block(home, directory).replace("\n", ending))
        if found and (not tail.strip() or tail.lstrip().startswith("[")):
            return head + tail
    for item in _scan(text):
        if isinstance(item, Entry) and item.path == (*home, KEY):
            if string_value(text[slice(*item.value)]) != directory:
                return text
            if before is None:
                return text[: item.start] + text[item.end :]
            return text[: item.value[0]] + before + text[item.value[1] :]
    return text


def value_text(text: str, home: Path) -> str | None:
    """The text of the value of C(config_path), None where there is none."""
    for item in _scan(text):
        if isinstance(item, Entry) and item.path == (*home, KEY):
            return text[slice(*item.value)]
    return None


def _scan(text: str) -> list[Any]:
    try:
        return list(scan(text))
    except TomlError as error:
        raise ConfigError(f"it is not TOML: {error}") from error


def _version(values: dict[Path, str]) -> int | None:
    text = values.get(("version",), "")
    return int(text) if text.isdigit() else None


def _block(home: Path, directory: str) -> str:
    name = ".".join(part if part.isidentifier() else quoted(part) for part in home)
    return f"{MARKER}\n[{name}]\n  {KEY} = {quoted(directory)}\n"


def _line(text: str, items: list[Any], table: Table, directory: str) -> str:
    """The new line, indented like its neighbours."""
    header = text[table.start : table.end]
    indent = header[: len(header) - len(header.lstrip(" \t"))] + "  "
    for item in items:
        if isinstance(item, Entry) and item.table == table.path:
            first = text[item.start : item.value[0]]
            indent = first[: len(first) - len(first.lstrip(" \t"))]
            break
    gap = "" if header.endswith("\n") else _ending(text)
    return f"{gap}{indent}{KEY} = {quoted(directory)}{_ending(text)}"


def _ending(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
