# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup repository, by way of restic."""

from __future__ import annotations

import json
import os
from typing import Any, Iterable, NamedTuple

from .errors import MaintenanceError
from .run import Done, Runner, run
from .settings import Backup

TAG = "dockmirror-registry"
WARM_UP = "dockmirror-registry-warm-up"
CACHE = "/var/cache/dockmirror-registry-backup"
INCOMPLETE = 3
"""Exit code of a backup that could not read all files: on a registry that is in use, files come and go."""

MISSING = 10
"""Exit code of restic 0.17 and later for a repository that does not exist; earlier ones exit with 1."""


class Snapshot(NamedTuple):
    """What a backup made."""

    id: str
    files: int
    bytes_added: int


class Restic:
    """One repository."""

    def __init__(self, backup: Backup, runner: Runner = run) -> None:
        """Use the repository of *backup*; raises MaintenanceError where its secrets cannot be read."""
        try:
            secrets: dict[str, str] = json.loads(backup.environment_file.read_text())
        except (OSError, ValueError) as error:
            raise MaintenanceError(f"{backup.environment_file} cannot be used: {error}") from error
        self.environment = {"RESTIC_CACHE_DIR": CACHE, **os.environ, **secrets}
        self._host = ("--host", backup.host)
        self._run = runner

    def call(self, *arguments: str, check: bool = True) -> Done:
        """Run restic. The repository and all secrets are in its environment."""
        done: Done = self._run(["restic", *arguments], environment=self.environment, check=check)
        return done

    def prepare(self) -> None:
        """Make the repository unless it exists, and remove locks that killed processes have left."""
        probe = self.call("cat", "config", check=False)
        if probe.code != 0:
            # Neither a wrong password nor a server that is down may lead to a new repository; `init` refuses both.
            missing = probe.code == MISSING or "unable to open config file" in probe.errors
            if not missing or "wrong password" in probe.errors:
                words = " ".join(probe.errors.strip().splitlines()[-2:])
                raise MaintenanceError(f"The backup repository cannot be used: {words}")
            self.call("init")
        self.call("unlock")

    def backup(self, paths: Iterable[str], excludes: Iterable[str], tag: str) -> Snapshot:
        """Make a snapshot; only the one tagged `WARM_UP` may be incomplete.

        What the last snapshot of the same paths has and what did not change since is not read again.
        """
        arguments = ["backup", "--json", "--quiet", "--tag", tag, *self._host]
        for pattern in excludes:
            arguments += ["--exclude", pattern]
        done = self.call(*arguments, "--", *paths, check=False)
        if done.code != 0 and not (tag == WARM_UP and done.code == INCOMPLETE):
            words = " ".join((done.errors.strip() or done.output.strip()).splitlines()[-3:])
            raise MaintenanceError(f"restic could not back up all (exit code {done.code}): {words}")
        summary = _summary(done.output)
        return Snapshot(summary["snapshot_id"], summary["total_files_processed"], summary.get("data_added", 0))

    def forget(self, keep: dict[str, int]) -> None:
        """Remove warm-ups, the snapshots of this registry that are not to be kept, and the data only they need."""
        # A warm-up serves as parent of the snapshot after it, and for nothing else.
        warm_ups = [snapshot["id"] for snapshot in self.snapshots(WARM_UP)]
        if warm_ups:
            self.call("forget", *warm_ups)
        periods: list[str] = []
        for period, number in sorted(keep.items()):
            periods += [f"--keep-{period}", str(number)]
        self.call("forget", "--tag", TAG, *self._host, "--group-by", "host,tags", *periods, "--prune")

    def snapshots(self, tag: str = TAG) -> list[dict[str, Any]]:
        """Snapshots of this registry, oldest first, as restic describes them."""
        found: list[dict[str, Any]] = json.loads(self.call("snapshots", "--json", "--tag", tag, *self._host).output)
        return found or []

    def snapshot(self, wanted: str) -> dict[str, Any]:
        """The snapshot with this id, or ``latest``; raises MaintenanceError where there is none."""
        known = self.snapshots()
        if wanted == "latest":
            fitting = known[-1:]
        else:
            fitting = [snapshot for snapshot in known if snapshot["id"].startswith(wanted)]
        if len(fitting) != 1:
            names = ", ".join(f"{snapshot['short_id']} ({snapshot['time'][:19]})" for snapshot in known[-10:])
            raise MaintenanceError(
                f"There is no snapshot {wanted} of this registry. The last ones are: {names or 'none'}."
            )
        return fitting[0]

    def check(self, subset: str) -> None:
        """Check the structure of the repository, and read a part of its data."""
        self.call("check", *(["--read-data-subset", subset] if subset else []))

    def dump(self, snapshot: str, path: str) -> str:
        """Content of a file of a snapshot."""
        return self.call("dump", snapshot, path).output

    def restore(self, snapshot: str, paths: Iterable[str], target: str) -> None:
        """Restore *paths* below *target* and compare what was written with the snapshot."""
        includes = [part for path in paths for part in ("--include", path)]
        self.call("restore", snapshot, "--target", target, "--verify", *includes)


def _summary(output: str) -> dict[str, Any]:
    for line in reversed(output.splitlines()):
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and message.get("message_type") == "summary":
            return message
    raise MaintenanceError("restic said nothing of the snapshot that it made.")
