# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry holds, written down at the time of a backup and compared after a restore."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict

from .api import Api
from .errors import MaintenanceError

REPOSITORIES = "docker/registry/v2/repositories"
SHOWN = 5

Tags = Dict[str, Dict[str, str]]
"""Digest by tag by repository."""


def read(data_dir: Path) -> Tags:
    """Read the tags from a registry's files; it must be at rest."""
    root = data_dir / REPOSITORIES
    found: Tags = {}
    for folder, folders, _files in os.walk(root):
        # Names of repositories never begin with an underscore.
        folders[:] = sorted(name for name in folders if not name.startswith("_"))
        tags = Path(folder) / "_manifests/tags"
        if tags.is_dir():
            links = {tag.name: _link(tag / "current/link") for tag in sorted(tags.iterdir())}
            found[Path(folder).relative_to(root).as_posix()] = {tag: link for tag, link in links.items() if link}
    return found


def _link(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:  # the tag was deleted
        return ""


def is_empty(data_dir: Path) -> bool:
    """Whether there is no image in a registry's files, tagged or not; one whose images were deleted is empty."""
    for folder, folders, files in os.walk(data_dir / REPOSITORIES):
        folders[:] = [name for name in folders if name not in ("_layers", "_uploads", "tags")]
        if "link" in files and "/_manifests/revisions/" in folder:
            return False
    return True


def compare(expected: Tags, api: Api) -> int:
    """Pull each tag's manifest and see that its digest and all that it needs are there; gives the number of tags.

    Raises MaintenanceError with what differs.
    """
    differences: list[str] = []
    for repository, tags in sorted(expected.items()):
        for tag in sorted(set(api.tags(repository)) - set(tags)):
            differences.append(f"{repository}:{tag} is there, and was not.")
        for tag, digest in sorted(tags.items()):
            try:
                actual = api.check(repository, tag)
            except MaintenanceError as error:
                differences.append(str(error))
                continue
            if actual != digest:
                differences.append(f"{repository}:{tag} is {actual}, and was {digest}.")
    if differences:
        more = f" And {len(differences) - SHOWN} more." if len(differences) > SHOWN else ""
        raise MaintenanceError("The registry is not what it was. " + " ".join(differences[:SHOWN]) + more)
    return sum(len(tags) for tags in expected.values())
