# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep images warm: pull each of them through the gateway, within the rate limit of its upstream."""

from __future__ import annotations

import functools
import http.client
from typing import Any, Callable, Iterator

from . import state
from .errors import UpkeepError
from .gateway import Client
from .images import find, wanted_tags
from .limits import remaining_percent
from .settings import Settings, Upstream, Wish

FILE = "prefetch.json"

Budget = Callable[[Upstream], "int | None"]

_BROKEN = (OSError, http.client.HTTPException, AttributeError, KeyError, TypeError, ValueError)
"""What comes of an answer that ends too early, or that is not what it should be."""


class _Postponed(Exception):
    """The rate limit of the upstream has to last for the clients."""


def pull(client: Client, name: str, tag: str, platforms: list[str]) -> dict[str, Any]:
    """Pull an image with all that the platforms need; gives its digest and the bytes that were read."""
    image = find(client, name, tag, platforms)
    return {"digest": image.top.digest, "bytes": sum(client.read_blob(name, digest) for digest in image.blobs)}


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
        name = wish.name
        tags = self._attempt(functools.partial(self._tags, wish))
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

    def _tags(self, wish: Wish) -> list[str]:
        self._check_budget(wish)
        return wanted_tags(self._client, wish)

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
