# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the data of one mirror, made by hand or by this collection, can become that of another one."""

from __future__ import annotations

import re
from typing import Any, Mapping, Sequence

_VERSION = re.compile(r"\bv?([0-9]+)\.([0-9]+)")


def problems(seen: Mapping[str, Any]) -> list[str]:
    """Everything that is in the way, each as one sentence.

    :param seen: ``container`` and whether it was ``found``, or was ``adopted`` before; its ``config`` (parsed), its
        ``data_dir`` on the host (empty if that is no directory of the host) and the output of its program as
        ``version``; ``disk``, the numbers of the filesystems of that directory and of ``mirror_data_dir``, and a third
        entry if the place is taken, or ``moved`` alone after a run that was interrupted; the wanted ``upstream``, all
        ``upstreams`` with ``name`` and ``remote_url``, and the ``major`` version that will run.
    """
    name = seen["container"]
    if not seen["found"]:
        return [] if seen["adopted"] else [f"There is no container {name} (mirror_adopt_container)."]
    return [
        *_upstream_problems(seen, name),
        *_data_problems(seen, name),
        *_version_problems(seen, name),
    ]


def clone_problems(versions: Sequence[str], target: str, source: str) -> list[str]:
    """What is in the way of copying the data of *source* to *target*, each as one sentence.

    :param versions: what the programs of both say of their version, the target's first; empty where none runs.
    """
    numbers = [_numbers(text) for text in versions]
    for number, name in zip(numbers, (target, source)):
        if not number:
            return [f"There is no mirror on {name} that runs. Deploy it with the playbook mirror first."]
    ours, theirs = numbers
    if theirs > ours:
        return [
            f"{source} has registry {_dotted(theirs)}, and {target} {_dotted(ours)}: data is not taken back to an older"
            " version."
        ]
    return []


def _numbers(text: str) -> tuple[int, ...]:
    found = _VERSION.search(text)
    return tuple(int(part) for part in found.groups()) if found else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _upstream_problems(seen: Mapping[str, Any], name: str) -> list[str]:
    wanted = [item["remote_url"] for item in seen["upstreams"] if item["name"] == seen["upstream"]]
    if not wanted:
        return [f"mirror_adopt_upstream ({seen['upstream']}) is not in mirror_upstreams."]
    proxy = seen["config"].get("proxy") if isinstance(seen["config"], Mapping) else None
    actual = proxy.get("remoteurl", "") if isinstance(proxy, Mapping) else ""
    if not actual:
        return [f"{name} is no mirror: its configuration has no proxy.remoteurl. What it holds may exist nowhere else."]
    if _plain(actual) != _plain(wanted[0]):
        return [f"{name} mirrors {actual}, and not {wanted[0]} (mirror_adopt_upstream)."]
    return []


def _data_problems(seen: Mapping[str, Any], name: str) -> list[str]:
    disk, target = list(seen["disk"]), f"{seen['mirror_data_dir']}/{seen['upstream']}"
    if not seen["data_dir"]:
        return [f"{name} keeps its data in itself, and not in a directory of the host."]
    if disk == ["moved"]:
        return []
    if len(disk) < 2:
        return [f"{seen['data_dir']}, where {name} keeps its data, is no directory."]
    found = []
    if disk[0] != disk[1]:
        found.append(
            f"{seen['data_dir']} and mirror_data_dir ({seen['mirror_data_dir']}) are on different filesystems, so that"
            " the data would have to be copied. Set mirror_data_dir to a directory beside the former."
        )
    if len(disk) > 2:
        found.append(f"{target} has data already.")
    return found


def _version_problems(seen: Mapping[str, Any], name: str) -> list[str]:
    version = _numbers(seen["version"])
    if version and version[0] > int(seen["major"]):
        return [
            f"{name} runs registry {version[0]}, and mirror_registry_version is {seen['major']}: data is not"
            " taken back to an older version."
        ]
    return []


def _plain(url: str) -> str:
    return url.rstrip("/").lower()
