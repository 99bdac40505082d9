# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab did to the machine, so that it can take away exactly that.

Kept in ``.cache/lab/state.json``. A step records before it acts, so that an interrupted step is taken away as well.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from tests.lab import paths


@dataclass
class State:
    """The traces of the lab outside of its own folder."""

    packages: list[str] = field(default_factory=list)
    """Debian packages the lab installed, with their dependencies."""
    engine: str = ""
    """How the lab started the engine: ``service``, ``process`` or empty when it did not."""
    engine_pid: int = 0
    """Process id of the engine the lab started itself."""
    data_root_made: bool = False
    """True when the engine's data folder did not exist before."""
    forwarded_before: bool = True
    """Whether the kernel forwarded IPv4 packets before the engine's start."""
    bridge_made: bool = False
    """True when the engine's default bridge did not exist before its start."""
    inotify_instances: int = 0
    """The kernel limit of that name before the lab raised it; 0 when it did not."""
    images: list[str] = field(default_factory=list)
    """Images the lab pulled into the engine from a registry."""


def load() -> State:
    """Read the state; an absent file means that nothing was done yet."""
    if not paths.STATE.exists():
        return State()
    return State(**json.loads(paths.STATE.read_text()))


def save(state: State) -> None:
    """Write the state in one go: never half a file."""
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    part = paths.STATE.with_suffix(".part")
    part.write_text(json.dumps(asdict(state), indent=2) + "\n")
    part.replace(paths.STATE)
