# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits of the upstreams: what remains, and how often one was hit."""

from __future__ import annotations

import re
import subprocess
import time
from typing import Any, Callable, NamedTuple

from . import state
from .errors import UpkeepError
from .settings import Settings, Upstream
from .upstream import Answer, head_manifest

FILE = "limits.json"
# How the registries' logs name a 429 of the upstream; the number may be a tag or a part of one, too.
_REFUSED = re.compile(r"toomanyrequests|(?<![\w./@-])(?<!\w:)(?<!reference=)429(?![\w-]|\.\w)", re.IGNORECASE)

Ask = Callable[[Upstream], Answer]
ReadLog = Callable[[str, float, float], str]


class Limit(NamedTuple):
    """A rate limit as an upstream tells it; None for what it does not tell."""

    limit: int | None = None
    """Pulls that are allowed in a window."""

    remaining: int | None = None
    """Pulls that remain at this moment."""

    window_seconds: int | None = None

    source: str = ""
    """Whom it counts: an address, or an id of a user."""

    def percent(self) -> int | None:
        """What remains of the limit."""
        if self.remaining is None or not self.limit:
            return None
        return 100 * self.remaining // self.limit


def parse(answer: Answer) -> Limit:
    """Read the limit from an answer's headers: ``ratelimit-limit: 100;w=21600``."""
    headers = answer.headers
    limit, window = _count(headers.get("ratelimit-limit"))
    remaining, other_window = _count(headers.get("ratelimit-remaining"))
    if answer.status == 429:
        remaining = 0
    return Limit(limit, remaining, window or other_window, str(headers.get("docker-ratelimit-source") or ""))


def _count(text: Any) -> tuple[int | None, int | None]:
    found = re.match(r"\s*(\d+)\s*(?:;\s*w=(\d+))?", str(text or ""))
    if not found:
        return None, None
    return int(found.group(1)), int(found.group(2)) if found.group(2) else None


def instance_log(container: str, since: float, until: float) -> str:
    """What the instance has logged between two times, as ``time.time()`` gives them."""
    done = subprocess.run(
        ["docker", "logs", "--since", f"{since:.6f}", "--until", f"{until:.6f}", container],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=60,
    )
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def refusals(log: str) -> int:
    """How many of its lines tell of a 429."""
    return sum(bool(_REFUSED.search(line)) for line in log.splitlines())


def update(settings: Settings, ask: Ask = head_manifest, read_log: ReadLog = instance_log) -> dict[str, Any]:
    """Ask each upstream, count what its instance was refused since the last time, and write both down."""
    path = settings.state_dir / FILE
    before = state.load(path)
    after = {
        upstream.name: _entry(upstream, before.get(upstream.name, {}), ask, read_log) for upstream in settings.upstreams
    }
    state.save(path, after)
    return after


def _entry(upstream: Upstream, before: dict[str, Any], ask: Ask, read_log: ReadLog) -> dict[str, Any]:
    now, until = state.now(), time.time()
    # The log may turn over, so its lines are counted once and the sum is kept. It begins with the first look.
    since = before.get("log_read_until")
    new = refusals(read_log(upstream.container, since, until)) if since else 0
    entry: dict[str, Any] = {
        "time": now,
        "log_read_until": until,
        "refused": before.get("refused", 0) + new,
        "refused_last": now if new else before.get("refused_last"),
        "error": None,
        **Limit()._asdict(),
    }
    if not upstream.repository:
        return entry
    try:
        entry.update(parse(ask(upstream))._asdict())
    except UpkeepError as error:
        entry["error"] = str(error)
    return entry


def remaining_percent(upstream: Upstream, ask: Ask = head_manifest) -> int | None:
    """What remains of an upstream's limit at this moment; None if it has none, or does not tell."""
    if not upstream.repository:
        return None
    try:
        return parse(ask(upstream)).percent()
    except UpkeepError:
        return None  # what is pulled then fails by itself, and says why
