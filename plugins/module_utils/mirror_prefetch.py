# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that a mirror keeps warm, as the inventory names them, and rate limits as a mirror host reports them."""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import DOCKER_HUB, REPOSITORY
from ansible_collections.dockmirror.fleet.plugins.module_utils.name_patterns import pattern_problem

KEYS = ("name", "tags", "newest", "platforms")
NEWEST = 3
"""How many tags a pattern brings where nothing else is said."""

_PLATFORM = re.compile(r"^[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?$")
_SCHEDULE = re.compile(r"^[A-Za-z0-9*:,./~ -]+$")


def split(name: str) -> tuple[str, str]:
    """Upstream and repository of a full name: ``docker.io/alpine`` is ``library/alpine`` on Docker Hub."""
    upstream, _slash, repository = name.partition("/")
    if upstream == DOCKER_HUB and repository and "/" not in repository:
        repository = f"library/{repository}"
    return upstream, repository


def wishes(prefetch: Iterable[Mapping[str, Any]], platforms: list[str]) -> list[dict[str, Any]]:
    """Each entry with its defaults, as the program on the mirror host reads it."""
    found = []
    for entry in prefetch:
        upstream, repository = split(str(entry["name"]))
        found.append(
            {
                "upstream": upstream,
                "repository": repository,
                "tags": [str(tag) for tag in entry.get("tags") or ["latest"]],
                "newest": int(entry.get("newest") or NEWEST),
                "platforms": list(entry.get("platforms") or platforms),
            }
        )
    return found


def problems(
    prefetch: Any, upstreams: Iterable[str], platforms: Any, schedule: Any, percents: Mapping[str, Any]
) -> list[str]:
    """Everything that is wrong with the settings, each as one sentence.

    :param upstreams: names of the upstreams that the host mirrors.
    :param percents: variables that are parts of a rate limit, with their values.
    """
    found = [f"mirror_prefetch_platforms: {text}" for text in _platform_problems(platforms)]
    if not isinstance(schedule, str) or not _SCHEDULE.match(schedule):
        found.append(
            f"mirror_prefetch_schedule: '{schedule}' is not a time as systemd writes it, such as daily or *-*-* 04:00."
        )
    for name, value in percents.items():
        if isinstance(value, bool) or not str(value).isdigit() or not 0 <= int(value) <= 100:
            found.append(f"{name}: '{value}' is not a percentage from 0 to 100.")
    if not isinstance(prefetch, (list, tuple)) or not all(isinstance(entry, Mapping) for entry in prefetch):
        return [*found, "mirror_prefetch must be a list of mappings, each with at least 'name'."]
    known = sorted(upstreams)
    for entry in prefetch:
        found += [f"mirror_prefetch: {entry.get('name')}: {text}" for text in _entry_problems(entry, known)]
    return found


def _entry_problems(entry: Mapping[str, Any], known: list[str]) -> list[str]:
    found = []
    unknown = sorted(str(key) for key in set(entry) - set(KEYS))
    if unknown:
        found.append(f"unknown settings {', '.join(unknown)}. Known are {', '.join(KEYS)}.")
    upstream, repository = split(str(entry.get("name") or ""))
    if upstream not in known:
        found.append(
            "the name must begin with an upstream of this mirror, as in docker.io/library/alpine. Its upstreams are"
            f" {', '.join(known)}."
        )
    elif ":" in repository or "@" in repository:
        found.append("the name is that of a repository; tags go into tags.")
    elif not REPOSITORY.match(repository):
        found.append(f"'{repository}' is not a repository.")
    tags = entry.get("tags") or ["latest"]
    if not isinstance(tags, (list, tuple)):
        found.append("tags must be a list.")
    else:
        found += [f"tags: {text}." for text in map(pattern_problem, tags) if text]
    newest = entry.get("newest", NEWEST)
    if isinstance(newest, bool) or not str(newest).isdigit() or int(newest) < 1:
        found.append(f"newest: '{newest}' is not a number from 1 on.")
    if entry.get("platforms") is not None:
        found += [f"platforms: {text}" for text in _platform_problems(entry["platforms"])]
    return found


def _platform_problems(platforms: Any) -> list[str]:
    if not isinstance(platforms, (list, tuple)) or not platforms:
        return ["it must be a list of platforms such as linux/amd64."]
    return [f"'{item}' is not a platform such as linux/amd64." for item in platforms if not _PLATFORM.match(str(item))]


def limits_summary(limits: Mapping[str, Mapping[str, Any]], warn_percent: int) -> list[str]:
    """One line for each upstream, with a warning where little is left.

    :param limits: what ``dockmirror-mirror limits`` prints.
    :param warn_percent: a warning is due when less than this part of the limit remains.
    """
    return [f"{name}: {_limit(entry, warn_percent)}" for name, entry in sorted(limits.items())]


def _limit(entry: Mapping[str, Any], warn_percent: int) -> str:
    limit, remaining = entry.get("limit"), entry.get("remaining")
    if entry.get("error"):
        text = f"not known, {entry['error']}"
    elif remaining is None:
        text = "no rate limit is told"
    elif not limit:
        text = f"{remaining} pulls left"
    else:
        window = entry.get("window_seconds")
        text = f"{remaining} of {limit} pulls left" + (f" in {window / 3600:g} h" if window else "")
        if 100 * remaining < warn_percent * limit:
            text += (
                f"; WARNING: less than {warn_percent} %, set username and password of this upstream or prefetch less"
            )
    if entry.get("refused"):
        text += f"; {entry['refused']} requests refused (429), the last before {entry['refused_last']}"
    return text
