# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps what it makes. Everything is below ``.cache/lab`` of the checkout."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CHECKOUT_ID = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
"""Part of the names of what the engine keeps, so that two checkouts on one machine never share or remove it."""
ASSETS = Path(__file__).resolve().parent / "assets"
CACHE = CHECKOUT / ".cache" / "lab"
ROOTFS = CACHE / "rootfs"
IMAGES = CACHE / "images"
REGISTRY = CACHE / "registry"
TOOLS = CACHE / "tools"
HUB_STORAGE = CACHE / "hub-storage.tar"
FLEETS = CACHE / "fleets"
STATE = CACHE / "state.json"


def fleet_dir(name: str) -> Path:
    """Folder of one fleet: its PKI and the list of its hosts."""
    return FLEETS / name
