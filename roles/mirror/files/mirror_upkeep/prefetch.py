# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep images warm: pull each of them through the gateway, within the rate limit of its upstream."""

from __future__ import annotations

import fnmatch
import functools
import http.client
import re
from typing import Any, Callable, Iterator

from . import state
from .errors import UpkeepError
from .gateway import Client, Manifest
from .limits import remaining_percent
from .settings import Settings, Upstream, Wish

FILE = "prefetch.json"

Budget = Callable[[Upstream], "int | None"]

_BROKEN = (OSError, http.client.HTTPException, AttributeError, KeyError, TypeError, ValueError)
"""What comes of an answer that ends too early, or that is not what it should be."""


class _Postponed(Exception):
    """The rate limit of the upstream has to last for the clients."""


def is_pattern(tag: str) -> bool:
    """Whether it stands for several tags."""
    return bool(re.search(r"[*?\[]", tag))


def version_key(tag: str) -> list[tuple[int, int, str]]:
    """By this, ``1.10`` comes after ``1.9``, and a pre-release before its release."""
    words = re.findall(r"\d+|[a-zA-Z]+", tag)
    return [(2, int(word), "") if word.isdigit() else (0, 0, word) for word in words] + [(1, 0, "")]


def choose(wish: Wish, tags: list[str]) -> list[str]:
    """The tags that are wanted, of those that there are: as they are named, and the newest that a pattern fits."""
    chosen: list[str] = []
    for wanted in wish.tags:
        if is_pattern(wanted):
            fitting = sorted(fnmatch.filter(tags, wanted), key=version_key, reverse=True)
            chosen += fitting[: wish.newest]
        else:
            chosen.append(wanted)
    return list(dict.fromkeys(chosen))


def platform_of(entry: dict[str, Any]) -> str:
    """The platform of an entry of an index, as ``linux/arm/v7``; the usual variant of arm64 is left out."""
    platform = entry.get("platform") or {}
    return _spelled("/".join(str(platform[key]) for key in ("os", "architecture", "variant") if platform.get(key)))


def _spelled(platform: str) -> str:
    return platform[: -len("/v8")] if platform.endswith("/arm64/v8") else platform


def children(index: Manifest, platforms: list[str]) -> list[str]:
    """Digests of the images in an index for these platforms; raises UpkeepError for one that it does not have."""
    there = {platform_of(entry): str(entry["digest"]) for entry in index.document["manifests"]}
    wanted = list(dict.fromkeys(map(_spelled, platforms)))
    missing = [platform for platform in wanted if platform not in there]
    if missing:
        known = ", ".join(sorted(name for name in there if not name.startswith("unknown")))
        raise UpkeepError(f"there is no image for {', '.join(missing)}, only for {known}")
    return [there[platform] for platform in wanted]


def pull(client: Client, name: str, tag: str, platforms: list[str]) -> dict[str, Any]:
    """Pull an image with all that the platforms need; gives its digest and the bytes that were read."""
    top = client.manifest(name, tag)
    images = [top]
    if "manifests" in top.document:
        images = [client.manifest(name, digest) for digest in children(top, platforms)]
    blobs: dict[str, None] = {}
    for image in images:
        layers = [layer for layer in image.document["layers"] if not layer.get("urls")]
        blobs.update(dict.fromkeys(str(blob["digest"]) for blob in (image.document["config"], *layers)))
    return {"digest": top.digest, "bytes": sum(client.read_blob(name, digest) for digest in blobs)}


class Run:
    """One pass over all wishes."""

    def __init__(self, settings: Settings, client: Client, budget: Budget = remaining_percent) -> None:
        self._settings, self._client, self._budget = settings, client, budget
        self._upstreams = {upstream.name: upstream for upstream in settings.upstreams}
        self._path = settings.state_dir / FILE
        last = state.load(self._path)
        self._report: dict[str, Any] = {
            "start": state.now(),
            "end": None,
            "ok": None,
            "last_success": last.get("last_success"),
            "images": [],
            "bytes": 0,
            "failed": 0,
            "postponed": 0,
        }

    def all(self) -> dict[str, Any]:
        """Pull everything; gives the report, which is also in a file, up to date after each image."""
        self._write()
        for wish in self._settings.wishes:
            for image, outcome in self._pull(wish):
                self._note(image, outcome)
        report = self._report
        report["end"] = state.now()
        report["ok"] = not report["failed"]
        if report["ok"]:
            report["last_success"] = report["end"]
        self._write()
        return report

    def _pull(self, wish: Wish) -> Iterator[tuple[str, Any]]:
        name = f"{wish.upstream}/{wish.repository}"
        tags = self._attempt(functools.partial(self._tags, wish, name))
        if isinstance(tags, Exception):
            yield f"{name}:{wish.tags[0]}", tags
            return
        for tag in tags:
            yield f"{name}:{tag}", self._attempt(functools.partial(self._image, wish, name, tag))

    def _attempt(self, work: Callable[[], Any]) -> Any:
        """What it gives, or the error for which this image, and no other one, is not warm."""
        failure: Exception
        try:
            return work()
        except (_Postponed, UpkeepError) as error:
            failure = error
        except _BROKEN as error:
            failure = UpkeepError(f"it broke off: {error!r}")
        # The rest of an answer may still be on its way: the next request needs another connection.
        self._client.close()
        return failure

    def _tags(self, wish: Wish, name: str) -> list[str]:
        self._check_budget(wish)
        patterns = any(map(is_pattern, wish.tags))
        tags = choose(wish, self._client.tags(name) if patterns else [])
        if not tags:
            raise UpkeepError(f"no tag fits {', '.join(wish.tags)}")
        return tags

    def _image(self, wish: Wish, name: str, tag: str) -> dict[str, Any]:
        self._check_budget(wish)
        return pull(self._client, name, tag, wish.platforms)

    def _check_budget(self, wish: Wish) -> None:
        percent = self._budget(self._upstreams[wish.upstream])
        if percent is not None and percent < self._settings.reserve_percent:
            raise _Postponed(
                f"{percent} % of the rate limit of {wish.upstream} remain; {self._settings.reserve_percent} % are for"
                " the clients"
            )

    def _note(self, image: str, outcome: dict[str, Any] | Exception) -> None:
        report = self._report
        entry: dict[str, Any] = {"image": image, "time": state.now(), "state": "warm", "reason": None}
        if isinstance(outcome, _Postponed):
            entry.update(state="postponed", reason=str(outcome))
            report["postponed"] += 1
        elif isinstance(outcome, Exception):
            entry.update(state="failed", reason=str(outcome))
            report["failed"] += 1
        else:
            entry.update(outcome)
            report["bytes"] += outcome["bytes"]
        report["images"].append(entry)
        reason = f": {entry['reason']}" if entry["reason"] else f", {entry['bytes']} bytes"
        state.log(f"{image} {entry['state']}{reason}")
        self._write()

    def _write(self) -> None:
        state.save(self._path, self._report)
