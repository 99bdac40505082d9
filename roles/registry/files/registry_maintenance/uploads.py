# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads that were never finished: what a push leaves behind that broke off, or that met a full disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from .contents import REPOSITORIES

IDLE_SECONDS = 24 * 3600
"""An upload that got nothing for so long is not going on. The registry itself waits for a week."""


class Upload(NamedTuple):
    """An upload in a registry's files."""

    path: Path
    size: int
    """Bytes."""


def abandoned(data_dir: Path, now: float) -> list[Upload]:
    """The uploads that nobody goes on with, of a registry that keeps its content in a file system.

    *now* is a time as ``time.time()`` gives it.
    """
    found: list[Upload] = []
    for folder, folders, _files in os.walk(data_dir / REPOSITORIES):
        if os.path.basename(folder) == "_uploads":
            found += [upload for name in sorted(folders) for upload in _idle(Path(folder) / name, now)]
            folders.clear()
        # Names of repositories never begin with an underscore.
        folders[:] = [name for name in folders if name == "_uploads" or not name.startswith("_")]
    return found


def _idle(path: Path, now: float) -> list[Upload]:
    size, newest = 0, path.stat().st_mtime
    for folder, _folders, files in os.walk(path):
        for name in files:
            try:
                about = os.stat(os.path.join(folder, name))
            except OSError:  # finished at this moment
                return []
            size, newest = size + about.st_size, max(newest, about.st_mtime)
    return [Upload(path, size)] if now - newest > IDLE_SECONDS else []


def remove(uploads: list[Upload]) -> None:
    """Remove them."""
    for upload in uploads:
        shutil.rmtree(upload.path)
