# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore: content of a snapshot takes the place of what the registry holds, in one step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from . import contents
from .api import Api
from .backup import CONTENTS, configured
from .errors import MaintenanceError
from .restic import Restic
from .result import Result, log
from .service import Service
from .settings import Settings

CONTENT = "docker"
"""The one directory in which a registry keeps all of its content."""


def _below(root: Path, path: Path) -> Path:
    """Where restic puts *path* when it restores to *root*."""
    return root / path.relative_to("/")


def _refuse_to_overwrite(settings: Settings, overwrite: bool) -> None:
    if not overwrite and not contents.is_empty(settings.data_dir):
        raise MaintenanceError(
            f"The registry in {settings.data_dir} is not empty. Set registry_restore_overwrite: true to replace what "
            "it holds."
        )


def _describe(settings: Settings, restic: Restic, snapshot: str) -> dict[str, Any]:
    """What the snapshot says of itself; raises MaintenanceError if it has no content for this registry."""
    if settings.storage != "filesystem":
        raise MaintenanceError(
            f"The content of this registry is in an object store ({settings.storage}); it is not backed up, so there "
            "is nothing to restore."
        )
    description: dict[str, Any] = json.loads(restic.dump(snapshot, str(settings.state_dir / CONTENTS)))
    if description["storage"] != "filesystem":
        raise MaintenanceError(
            f"Snapshot {snapshot[:8]} has no content: it was in an object store ({description['storage']})."
        )
    return description


def restore(settings: Settings, service: Service, result: Result, wanted: str, overwrite: bool) -> None:
    """Put the content of a snapshot in place and compare every tag with what was there at the time of the backup.

    What was there before is kept until that has succeeded, so the disk must have room for both.
    """
    restic = Restic(configured(settings))
    content, staging, replaced = (settings.data_dir / name for name in (CONTENT, ".restore", ".replaced"))
    if replaced.exists() and not content.exists():  # an earlier restore was killed between two steps
        replaced.rename(content)
    _refuse_to_overwrite(settings, overwrite)
    restic.call("unlock")
    snapshot = restic.snapshot(wanted)
    description = _describe(settings, restic, snapshot["id"])
    source = Path(description["data_dir"]) / CONTENT
    result.note(snapshot=snapshot["id"], snapshot_time=snapshot["time"])

    # Where an earlier restore was killed, restic writes again only what differs.
    staging.mkdir(mode=0o700, exist_ok=True)
    restic.restore(snapshot["id"], [str(source)], str(staging))

    def prove() -> None:
        result.note(tags=contents.compare(description["tags"], Api(settings.address)))

    with service.writes_held(prove) as held:
        _refuse_to_overwrite(settings, overwrite)  # somebody may have pushed meanwhile
        _remove(replaced)
        if content.exists():
            content.rename(replaced)
        if _below(staging, source).exists():  # a registry without content has no directory either
            _below(staging, source).rename(content)
    result.note(writes_held_seconds=held.seconds, repositories=len(description["tags"]))
    _remove(replaced)
    _remove(staging)
    log(
        f"Snapshot {snapshot['id'][:8]} of {snapshot['time'][:19]} is in place; all tags have the digests of that time."
    )


def restore_configuration(settings: Settings, wanted: str) -> list[str]:
    """Give a new host back what the role would otherwise make anew, such as certificates; gives the paths of files.

    Files that exist stay as they are. Owner and mode are for the role to set.
    """
    backup = configured(settings)
    restic, staging = Restic(backup), settings.state_dir / ".configuration"
    restic.call("unlock")
    snapshot = restic.snapshot(wanted)
    restored: list[str] = []
    _remove(staging)
    staging.mkdir(mode=0o700, parents=True)
    try:
        restic.restore(snapshot["id"], [str(seed) for seed in backup.seeds], str(staging))
        for source in sorted(path for path in staging.rglob("*") if path.is_file() and not path.is_symlink()):
            target = Path("/") / source.relative_to(staging)
            if not target.exists():
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                source.chmod(0o600)
                shutil.move(str(source), str(target))
                shutil.chown(str(target), 0, 0)
                restored.append(str(target))
    finally:
        _remove(staging)
    return restored


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(str(folder))
