# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ``registry`` wrote down for this host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from .errors import MaintenanceError


class Backup(NamedTuple):
    """Where backups go and how long they stay. Secrets are in files of their own."""

    environment_file: Path
    """JSON object with the environment of restic: ``RESTIC_REPOSITORY``, ``RESTIC_PASSWORD_FILE``, and so on."""

    keep: dict[str, int]
    """Number of snapshots to keep by period: ``last``, ``hourly``, ``daily``, ``weekly``, ``monthly``, ``yearly``."""

    host: str
    """Name under which snapshots are kept: that of the registry, which outlives the machine."""

    configuration: list[Path]
    """Files and directories besides the content that belong to the registry."""

    exclude: list[str]
    """What of them stays out: the key has no place in the safe."""

    seeds: list[Path]
    """Those of them that a new host gets back before the role configures it."""

    check_subset: str
    """Part of the data that each check reads, such as ``2%``; empty for none."""


class Settings(NamedTuple):
    """One registry and the way it is maintained."""

    container: str
    """Name of the registry's container."""

    instance_dir: Path
    """Directory with the Compose file of the registry."""

    maintenance_dir: Path
    """Directory with the Compose file of the maintenance, which extends the registry's."""

    data_dir: Path
    """Directory with the registry's content; empty where that is in an object store."""

    storage: str
    """``filesystem``, ``s3`` or ``azure``."""

    address: str
    """Host and port on which the registry listens."""

    read_only_address: str
    """Host and port of the stand-in that serves pulls meanwhile."""

    delete_untagged: bool
    """Whether a collection also removes manifests that no tag leads to."""

    stop_timeout: int
    """Seconds that requests in progress have before the registry is stopped."""

    state_dir: Path
    """Directory for results and for the mark of a maintenance in progress."""

    lock_file: Path
    """File whose lock keeps one maintenance from another."""

    hold_file: Path
    """While it is there, the gateway turns writes away."""

    backup: Backup | None


def parse(document: dict[str, Any]) -> Settings:
    """Turn the parsed file into settings; raises KeyError for one that is missing."""
    backup = document.get("backup")
    return Settings(
        container=document["container"],
        instance_dir=Path(document["instance_dir"]),
        maintenance_dir=Path(document["maintenance_dir"]),
        data_dir=Path(document["data_dir"]),
        storage=document["storage"],
        address=document["address"],
        read_only_address=document["read_only_address"],
        delete_untagged=document["delete_untagged"],
        stop_timeout=document["stop_timeout"],
        state_dir=Path(document["state_dir"]),
        lock_file=Path(document["lock_file"]),
        hold_file=Path(document["hold_file"]),
        backup=Backup(
            environment_file=Path(backup["environment_file"]),
            keep=backup["keep"],
            host=backup["host"],
            configuration=[Path(path) for path in backup["configuration"]],
            exclude=backup["exclude"],
            seeds=[Path(path) for path in backup["seeds"]],
            check_subset=backup["check_subset"],
        )
        if backup
        else None,
    )


def read(path: Path) -> Settings:
    """Read the settings; raises MaintenanceError where they are missing or not as the role writes them."""
    try:
        return parse(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MaintenanceError(f"{path} cannot be used: {error!r}. Run the playbook registry again.") from error
