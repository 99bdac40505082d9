# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bundle for a closed network says of itself, and whether a mirror can be deployed from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def bundle_problems(text: str, upstreams: Sequence[str], registry_version: Any, registry_image: str) -> list[str]:
    """What is in the way of a mirror from a bundle, each as one sentence; empty if nothing is.

    ``text`` is the bundle's ``bundle.json``.
    """
    try:
        bundle = json.loads(text)
        image = str(bundle["registry_image"])
        needed = sorted({str(item["name"]).partition("/")[0] for item in bundle["images"]})
    except (ValueError, KeyError, TypeError):
        return ["mirror_bundle: its bundle.json was not written by the playbook bundle."]
    problems: list[str] = []
    if str(registry_version).startswith("2"):
        problems.append(
            "mirror_bundle: registry 2 does not start while its upstream is out of reach; a mirror in a"
            " closed network needs mirror_registry_version 3."
        )
    elif image != registry_image:
        problems.append(
            f"mirror_bundle: the bundle has the image {image}, and mirror_registry_image is {registry_image}."
        )
    lost = [name for name in needed if name not in upstreams]
    if lost:
        problems.append(f"mirror_bundle: the bundle has images of {', '.join(lost)}; add them to mirror_upstreams.")
    return problems
