# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of its disk a mirror may use, as the inventory says it."""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"^([0-9]+(?:\.[0-9]+)?) ?([kmgt])(?:i?b)?$", re.IGNORECASE)
_PERCENT = re.compile(r"^([0-9]+(?:\.[0-9]+)?) ?%$")


def size(text: Any) -> dict[str, Any]:
    """What ``200G`` or ``80%`` means, as ``bytes`` or ``percent`` of the filesystem; empty if there is no limit.

    Units are powers of 1024, as those of Nginx and systemd are.

    :raises ValueError: it is neither.
    """
    value = str(text).strip()
    if not value:
        return {}
    percent, absolute = _PERCENT.match(value), _SIZE.match(value)
    if percent and 0 < float(percent.group(1)) <= 100:
        return {"percent": float(percent.group(1))}
    if absolute and float(absolute.group(1)) > 0:
        return {"bytes": int(float(absolute.group(1)) * _UNITS[absolute.group(2).lower()])}
    raise ValueError(f"'{value}' is not a size such as 200G, or a part of the filesystem such as 80%.")


def problems(quota: Any, min_free: Any, upstreams: Any, filesystem: int = 0) -> list[str]:
    """Everything that is wrong with the limits, each as one sentence.

    :param upstreams: the list ``mirror_upstreams``, of which the shares matter.
    :param filesystem: size in bytes of that on which the data will be; 0 if it is not known yet.
    """
    found: list[str] = []
    limits: dict[str, dict[str, Any]] = {}
    for name, text in (("mirror_storage_quota", quota), ("mirror_storage_min_free", min_free)):
        try:
            limits[name] = size(text)
        except ValueError as error:
            found.append(f"{name}: {error}")
    found += _share_problems(upstreams, bool(limits.get("mirror_storage_quota", True)))
    if found:
        return found
    return _together(limits["mirror_storage_quota"], limits["mirror_storage_min_free"], quota, min_free, filesystem)


def _share_problems(upstreams: Any, quota: bool) -> list[str]:
    if not isinstance(upstreams, (list, tuple)):
        return []
    shares: dict[str, float] = {}
    found = []
    known = [item for item in upstreams if isinstance(item, Mapping)]
    for item in known:
        value = item.get("quota_share")
        if value is None or value == "":
            continue
        share = _number(value)
        if share is None or not 0 < share <= 100:
            found.append(f"Upstream {item.get('name')}: quota_share '{value}' is not a percentage from 1 to 100.")
        else:
            shares[str(item.get("name"))] = share
    if shares and not quota:
        found.append("quota_share is a part of mirror_storage_quota, which is not set.")
    total = sum(shares.values())
    if total > 100:
        found.append(f"The quota_share of {', '.join(shares)} are {total:g} % together, more than there is.")
    elif total == 100 and len(shares) < len(known):
        found.append(
            f"The quota_share of {', '.join(shares)} are all of the quota, so that nothing remains for"
            f" {_rest(known, shares)}."
        )
    return found


def _rest(upstreams: Iterable[Mapping[str, Any]], shares: Mapping[str, float]) -> str:
    return ", ".join(str(item.get("name")) for item in upstreams if str(item.get("name")) not in shares)


def _together(
    quota: Mapping[str, Any], min_free: Mapping[str, Any], quota_text: Any, min_free_text: Any, filesystem: int
) -> list[str]:
    both = f"mirror_storage_quota ({quota_text}) and mirror_storage_min_free ({min_free_text})"
    if quota.get("percent", 0) + min_free.get("percent", 0) > 100:
        return [f"{both} are more than the filesystem together."]
    if not filesystem:
        return []
    wanted, free = _bytes(quota, filesystem), _bytes(min_free, filesystem)
    have = f"that of mirror_data_dir has {filesystem / (1 << 30):.1f} GiB"
    if wanted > filesystem:
        return [f"mirror_storage_quota ({quota_text}) is more than the filesystem: {have}."]
    if free >= filesystem:
        return [f"mirror_storage_min_free ({min_free_text}) is more than the filesystem: {have}."]
    if wanted + free > filesystem:
        return [f"{both} are more than the filesystem together: {have}."]
    return []


def _bytes(limit: Mapping[str, Any], filesystem: int) -> int:
    return int(limit.get("bytes") or filesystem * limit.get("percent", 0) / 100)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
