# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings for garbage collection and backup of a private registry.

Settings are those of the role ``registry`` without their prefix. No problem text ever holds a secret.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping
from urllib.parse import urlsplit

PERIODS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
"""By what restic keeps snapshots."""

SCHEMES = ("sftp", "rest", "s3", "swift", "b2", "azure", "gs", "rclone")
"""Kinds of restic repositories, besides a directory."""

RESERVED = ("RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE", "RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE")
"""Environment of restic that has variables of its own."""

_WORDS = "minutely|hourly|daily|monthly|weekly|yearly|annually|quarterly|semiannually"
_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*"
_SCHEDULE = re.compile(
    rf"^(?:(?:{_WORDS})"
    rf"|{_DAY}(?:(?:\.\.|,|-){_DAY})*"
    rf"|(?:{_DAY}(?:(?:\.\.|,|-){_DAY})*\s+)?"
    r"(?:[0-9*][0-9*/,.]*(?:[-~][0-9*][0-9*/,.]*){1,2})?\s*"
    r"(?:[0-9*][0-9*/,.]*(?::[0-9*][0-9*/,.]*){1,2})?)"
    r"(?:\s+(?:UTC|[a-z]+(?:/[a-z_+-]+)+))?$",
    re.IGNORECASE,
)
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def schedule_problem(name: str, schedule: Any) -> Iterator[str]:
    """Say if *schedule* has not the form of systemd's OnCalendar. Whether such a day exists is for systemd to say."""
    if not isinstance(schedule, str) or not schedule.strip() or not _SCHEDULE.match(schedule.strip()):
        yield (
            f"{name} {schedule!r} is not a time as OnCalendar of systemd takes it. Examples are daily, Sun 03:00 and "
            "Mon..Fri 02:30; `systemd-analyze calendar` tries one."
        )


def gc_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the garbage collection."""
    if settings["gc_schedule"]:
        yield from schedule_problem("registry_gc_schedule", settings["gc_schedule"])
    if settings["gc_delete_untagged"] and str(settings["version"]).startswith("2"):
        yield (
            "registry_gc_delete_untagged cannot be used with registry 2: it would remove the images that a "
            "multi-architecture index leads to. Set registry_version to 3, or delete tags by registry_retention."
        )
    cache = ((settings["config_override"] or {}).get("storage") or {}).get("cache") or {}
    if isinstance(cache, Mapping) and cache.get("blobdescriptor") == "redis":
        yield (
            "registry_config_override.storage.cache.blobdescriptor must not be redis: it would go on to know blobs "
            "that a garbage collection has removed, and pushes would leave them out. Use inmemory, or none."
        )
    if not isinstance(settings["port"], int) or settings["port"] > 65532:
        yield "registry_port must be at most 65532: maintenance uses the two ports after the one for metrics."


def backup_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of the backup, if there is one."""
    if not settings["backup_repository"]:
        return
    yield from _repository_problems(settings["backup_repository"], settings["data_dir"])
    if not settings["backup_password"]:
        yield (
            "registry_backup_password is not set: restic encrypts every repository. Keep it in a vault and in a second "
            "place; without it a backup is worth nothing."
        )
    yield from schedule_problem("registry_backup_schedule", settings["backup_schedule"])
    yield from _keep_problems(settings["backup_keep"])
    for name, value in settings["backup_environment"].items():
        if not _NAME.match(str(name)):
            yield f"registry_backup_environment: {name!r} cannot be the name of an environment variable."
        elif name in RESERVED:
            yield f"registry_backup_environment must not hold {name}: use registry_backup_repository and _password."
        elif not isinstance(value, str):
            yield f"registry_backup_environment: {name} must be a string, in quotes."
    if not re.match(r"^(?:[0-9]+(?:\.[0-9]+)?%|[1-9][0-9]*[KMGT]|)$", str(settings["backup_check_subset"])):
        yield "registry_backup_check_subset must be a share such as 2%, a size such as 500M, or empty."


def _repository_problems(repository: str, data_dir: str) -> Iterator[str]:
    scheme, separator, rest = repository.partition(":")
    if repository.startswith("/"):
        if f"{repository}/".startswith(f"{data_dir.rstrip('/')}/"):
            yield f"registry_backup_repository must not be in registry_data_dir ({data_dir}): it would back itself up."
        return
    if not separator or scheme not in SCHEMES:
        yield (
            "registry_backup_repository must be an absolute path on the host, or begin with one of "
            f"{', '.join(f'{name}:' for name in SCHEMES)} as restic's documentation has it."
        )
    elif scheme in ("rest", "s3") and "@" in urlsplit(rest if "//" in rest else f"//{rest}").netloc:
        yield (
            "registry_backup_repository must not hold credentials. Put them into registry_backup_environment, for a "
            "REST server as RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD."
        )


def _keep_problems(keep: Mapping[str, Any]) -> Iterator[str]:
    for period, number in keep.items():
        if period not in PERIODS:
            yield f"registry_backup_keep: {period!r} is not a period; there are {', '.join(PERIODS)}."
        elif isinstance(number, bool) or not isinstance(number, int) or number < 0:
            yield f"registry_backup_keep: {period} must be a number of backups, not {number!r}."
    if not any(isinstance(number, int) and number > 0 for number in keep.values()):
        yield "registry_backup_keep keeps nothing: at least one period needs a number above 0."


def restore_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Problems of a restore."""
    if not settings["backup_repository"]:
        yield "registry_backup_repository is empty: there is nothing to restore from."
    if not re.match(r"^(?:latest|[0-9a-f]{8,64})$", str(settings["restore_snapshot"])):
        yield (
            f"registry_restore_snapshot {settings['restore_snapshot']!r} is neither latest nor the id of a snapshot, "
            "which has at least 8 hexadecimal digits."
        )


def problems(settings: Mapping[str, Any]) -> list[str]:
    """One sentence for each problem of garbage collection and backup; with ``restore_snapshot``, of a restore too."""
    found = [*gc_problems(settings), *backup_problems(settings)]
    return found + list(restore_problems(settings)) if "restore_snapshot" in settings else found
