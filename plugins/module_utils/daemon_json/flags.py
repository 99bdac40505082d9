# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags of a dockerd command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Dict, List, Tuple

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.keys import BOOL, KEYS, PROXY_KEYS

_BY_FLAG = {key.flag_name(): key for key in KEYS.values() if key.name != "host-gateway-ips"}
_BY_SHORT = {key.short: key for key in KEYS.values() if key.short}
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


Flags = Dict[str, List[Tuple[str, str]]]

_WITHOUT_VALUE = ("validate", "help", "version")


def parse(argv: Iterable[str]) -> Flags:
    """The flags by the key of daemon.json that means the same, each with its spelling and value.

    Flags that no key stands for are there under their own long name (``config-file``).

    :param argv: the whole command line, program first.
    """
    found: Flags = {}
    words = list(argv)[1:]
    while words:
        word = words.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            _long(word, words, found)
        elif word.startswith("-"):
            _short(word[1:], words, found)
    return found


def _long(word: str, words: list[str], found: Flags) -> None:
    name, equals, value = word[2:].partition("=")
    key = _BY_FLAG.get(name)
    alone = name in _WITHOUT_VALUE or (key is not None and key.kind == BOOL)
    if not equals and not alone and words:
        value = words.pop(0)
    found.setdefault(key.name if key else name, []).append((f"--{name}", value))


def _short(letters: str, words: list[str], found: Flags) -> None:
    """One word of short flags: ``-D``, ``-Ds overlay2``, ``-Hfd://``."""
    while letters:
        letter, letters = letters[0], letters[1:]
        key = _BY_SHORT.get(letter)
        if key is None:
            return
        value = ""
        if key.kind != BOOL or letters.startswith("="):
            value, letters = letters, ""
            if value.startswith("="):
                value = value[1:]
            elif not value and words:
                value = words.pop(0)
        found.setdefault(key.name, []).append((f"-{letter}", value))


def spelled(flags: Mapping[str, list[tuple[str, str]]], name: str) -> str:
    """The way the command line spells the flag for a key, or an empty string."""
    entries = flags.get(name)
    if entries is None and name == "host-gateway-ips":
        entries = flags.get("host-gateway-ip")
    return entries[0][0] if entries else ""


def proxy_flags(flags: Mapping[str, list[tuple[str, str]]]) -> dict[str, str]:
    """The proxy flags that are set, by their key below ``proxies``."""
    return {name: spelled(flags, name) for name in PROXY_KEYS if name in flags}


def expand(exec_start: str, environment: Mapping[str, str]) -> list[str]:
    """The words of a unit's command line, the way systemd expands variables in it.

    ``$NAME`` as a word of its own is split into words, ``${NAME}`` is not; an unset variable is nothing.
    """
    words: list[str] = []
    for word in shlex.split(exec_start):
        match = re.fullmatch(r"\$([A-Za-z_][A-Za-z0-9_]*)", word)
        if match:
            words.extend(shlex.split(environment.get(match.group(1), "")))
        else:
            words.append(_VARIABLE.sub(lambda found: environment.get(found.group(1) or found.group(2), ""), word))
    return words


def parse_environment(text: str) -> dict[str, str]:
    """The assignments in an environment file of systemd."""
    values = {}
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;" or "=" not in stripped:
            continue
        name, _equals, value = stripped.partition("=")
        try:
            parts = shlex.split(value)
        except ValueError:
            parts = [value]
        values[name.strip()] = " ".join(parts)
    return values
