# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deciding how a change reaches the daemon. Pure: no file and no daemon is touched here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import flags as cmdline
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.document import Document, same
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.keys import live_change, unset_value

NONE, RELOAD, RESTART = "none", "reload", "restart"
LIVE_RESTORE = "live-restore"


@dataclass(frozen=True)
class Stage:
    """One step: a content for the file (None: no file), and what is done to the daemon then.

    :ivar values: what the daemon has to be running with afterwards.
    """

    content: bytes | None
    act: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Needs:
    """Keys that the running daemon has to be told about, by what it takes."""

    live: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        return sorted({*self.live, *self.restart})


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The top-level keys whose value differs."""
    return [
        name
        for name in {**before, **after}
        if (name in before) != (name in after) or not same(before.get(name), after.get(name))
    ]


def needs(before: Mapping[str, Any], after: Mapping[str, Any], live: list[str], restart: list[str]) -> Needs:
    """What has to be applied: what changes now, and what is left from before (``live``, ``restart``)."""
    changed = changed_keys(before, after)
    live_now = {name for name in changed if live_change(name, before.get(name), after.get(name))}
    restart_all = (set(changed) - live_now) | set(restart)
    return Needs(sorted((live_now | set(live)) - restart_all), sorted(restart_all))


def choose(apply: str, wanted: Needs, running: bool, writes: bool) -> str:
    """The action for a wanted change.

    :param apply: the module's parameter.
    :param writes: the file changes.
    """
    if apply == NONE:
        return NONE
    if not running:
        return RESTART if apply == RESTART and writes else NONE
    if apply == RESTART:
        return RESTART if wanted.all else NONE
    if apply == "auto" and wanted.restart:
        return RESTART
    return RELOAD if wanted.live else NONE


def explicit(document: Document, keys: list[str], info: Mapping[str, Any], flags: Mapping[str, Any]) -> Document:
    """The document with an explicit empty value for each of ``keys`` that it does not have.

    Leaving a key out and reloading does not undo it (docs/facts.md D2). A key that a flag sets cannot be in the file.
    """
    values = dict(document.values)
    for name in keys:
        value = unset_value(name, str(info.get("CgroupVersion", "")))
        if name not in values and value is not None and not cmdline.spelled(flags, name):
            values[name] = value
    return document.edited(values)


def reload_stages(
    document: Document, content: bytes | None, keys: list[str], info: Mapping[str, Any], flags: Mapping[str, Any]
) -> list[Stage]:
    """Bring the running daemon to a document by reload.

    Keys that go away are first written with an explicit empty value; the content without them follows, and does not
    need a reload of its own: it says the same as what the daemon then runs with.
    """
    spelled_out = explicit(document, keys, info, flags)
    if spelled_out.values == document.values:
        return [Stage(content, RELOAD, document.values)]
    return [Stage(spelled_out.encode(), RELOAD, spelled_out.values), Stage(content, NONE, document.values)]


def restart_stages(
    before: Document, document: Document, content: bytes | None, info: Mapping[str, Any], flags: Mapping[str, Any]
) -> list[Stage]:
    """Bring the daemon to a document by restart, with its containers alive where live-restore can do that.

    live-restore is itself reloadable (docs/facts.md D8): where it comes, it is reloaded first; where it goes, it goes
    after the restart.
    """
    runs = bool(info.get("LiveRestoreEnabled"))
    wanted = document.values.get(LIVE_RESTORE) is True
    if cmdline.spelled(flags, LIVE_RESTORE):
        return [Stage(content, RESTART, document.values)]
    if wanted and not runs and info:
        protected = before.edited({**before.values, LIVE_RESTORE: True})
        return [Stage(protected.encode(), RELOAD, protected.values), Stage(content, RESTART, document.values)]
    if runs and not wanted:
        kept = document.edited({**document.values, LIVE_RESTORE: True})
        dropped = document.edited({**document.values, LIVE_RESTORE: False})
        return [
            Stage(kept.encode(), RESTART, kept.values),
            Stage(dropped.encode(), RELOAD, dropped.values),
            Stage(content, NONE, document.values),
        ]
    return [Stage(content, RESTART, document.values)]


def containers_survive(document: Document, info: Mapping[str, Any]) -> bool:
    """Whether :func:`restart_stages` keeps running containers alive."""
    if not info.get("ContainersRunning"):
        return True
    return bool(info.get("LiveRestoreEnabled")) or document.values.get(LIVE_RESTORE) is True
