# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup: a snapshot of a registry at rest, for which pushes wait only as long as it takes to find what is new.

Content is read while the registry is in use; that snapshot may be torn, and it is thrown away. With writes held, a
second one then reads only what came in between. In one pass over a registry in use, a link could get into the backup
without the blob that it leads to.
"""

from __future__ import annotations

import json
from typing import Any

from . import contents
from .errors import MaintenanceError
from .restic import TAG, WARM_UP, Restic
from .result import Result, log, write
from .service import Service
from .settings import Backup, Settings

CONTENTS = "contents.json"


def configured(settings: Settings) -> Backup:
    """The settings of the backup; raises MaintenanceError where there is none."""
    if settings.backup is None:
        raise MaintenanceError("This registry has no backup: registry_backup_repository is empty.")
    return settings.backup


def paths(settings: Settings) -> list[str]:
    """What is backed up. The content of an object store is not."""
    found = [settings.state_dir / CONTENTS, *configured(settings).configuration]
    if settings.storage == "filesystem":
        found.append(settings.data_dir)
    return [str(path) for path in found if path.exists()]


def excludes(settings: Settings) -> list[str]:
    """What stays out: secrets of the backup itself, parts of uploads, and what restores have left."""
    data = str(settings.data_dir)
    return [
        *configured(settings).exclude,
        f"{data}/{contents.REPOSITORIES}/**/_uploads",
        f"{data}/.restore",
        f"{data}/.replaced",
    ]


def _describe(settings: Settings) -> dict[str, Any]:
    at_hand = settings.storage == "filesystem"
    return {
        "storage": settings.storage,
        "data_dir": str(settings.data_dir),
        "tags": contents.read(settings.data_dir) if at_hand else {},
    }


def back_up(settings: Settings, service: Service, result: Result) -> None:
    """Make a snapshot, keep the wanted ones, and check the repository."""
    backup, file = configured(settings), settings.state_dir / CONTENTS
    restic = Restic(backup)
    restic.prepare()
    write(file, _describe(settings))
    added = 0
    if settings.storage == "filesystem":
        added = restic.backup(paths(settings), excludes(settings), WARM_UP).bytes_added
        with service.writes_held(lambda: None) as held:
            write(file, _describe(settings))
            snapshot = restic.backup(paths(settings), excludes(settings), TAG)
        result.note(writes_held_seconds=held.seconds)
    else:
        log(f"The content is in an object store ({settings.storage}); only configuration and users are backed up.")
        snapshot = restic.backup(paths(settings), excludes(settings), TAG)
    tags = json.loads(file.read_text())["tags"]
    result.note(
        snapshot=snapshot.id,
        files=snapshot.files,
        bytes_added=added + snapshot.bytes_added,
        repositories=len(tags),
        tags=sum(len(names) for names in tags.values()),
        content=settings.storage == "filesystem",
    )
    restic.forget(backup.keep)
    restic.check(backup.check_subset)
    result.note(snapshots=len(restic.snapshots()))
    log(f"Snapshot {snapshot.id[:8]} has {snapshot.files} files. The repository has been checked.")
