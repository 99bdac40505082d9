# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input for garbage collection, backup and restore: a clear message, and no connection to the server is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.test_mirror_validation import play

SECRET = "s3cret-password"
BACKUP = {"registry_backup_repository": "/srv/backup", "registry_backup_password": SECRET}

BAD_INPUT: dict[str, tuple[dict[str, Any], str]] = {
    "gc-schedule": (
        {"registry_gc_schedule": "Sun 3am"},
        "registry_gc_schedule 'Sun 3am' is not a time as OnCalendar of systemd takes it",
    ),
    "gc-cron": ({"registry_gc_schedule": "0 3 * * 0"}, "Examples are daily, Sun 03:00"),
    "untagged-on-2": (
        {"registry_gc_delete_untagged": True, "registry_version": "2"},
        "registry_gc_delete_untagged cannot be used with registry 2",
    ),
    "redis": (
        {"registry_config_override": {"storage": {"cache": {"blobdescriptor": "redis"}}}},
        "it would go on to know blobs that a garbage collection has removed",
    ),
    "high-port": ({"registry_port": 65533}, "registry_port must be at most 65532"),
    "relative": ({**BACKUP, "registry_backup_repository": "backup"}, "must be an absolute path on the host, or begin"),
    "scheme": ({**BACKUP, "registry_backup_repository": "ftp://x.example/y"}, "or begin with one of sftp:, rest:"),
    "inside": (
        {**BACKUP, "registry_backup_repository": "/var/lib/dockmirror/registry/backup"},
        "must not be in registry_data_dir (/var/lib/dockmirror/registry)",
    ),
    "url-credentials": (
        {**BACKUP, "registry_backup_repository": f"rest:https://u:{SECRET}@x.example/"},
        "registry_backup_repository must not hold credentials",
    ),
    "no-backup-password": (
        {"registry_backup_repository": "/srv/backup"},
        "registry_backup_password is not set: restic encrypts every repository",
    ),
    "backup-schedule": ({**BACKUP, "registry_backup_schedule": "nightly"}, "registry_backup_schedule 'nightly'"),
    "no-backup-schedule": ({**BACKUP, "registry_backup_schedule": ""}, "registry_backup_schedule '' is not a time"),
    "period": ({**BACKUP, "registry_backup_keep": {"days": 7}}, "'days' is not a period; there are last, hourly"),
    "number": ({**BACKUP, "registry_backup_keep": {"daily": "7"}}, "daily must be a number of backups, not '7'"),
    "nothing-kept": ({**BACKUP, "registry_backup_keep": {"daily": 0}}, "registry_backup_keep keeps nothing"),
    "environment-name": ({**BACKUP, "registry_backup_environment": {"A-B": "x"}}, "'A-B' cannot be the name of"),
    "environment-type": ({**BACKUP, "registry_backup_environment": {"A": 1}}, "A must be a string, in quotes"),
    "environment-reserved": (
        {**BACKUP, "registry_backup_environment": {"RESTIC_PASSWORD": SECRET}},
        "registry_backup_environment must not hold RESTIC_PASSWORD",
    ),
    "subset": ({**BACKUP, "registry_backup_check_subset": "a bit"}, "must be a share such as 2%"),
}
BAD_RESTORE: dict[str, tuple[dict[str, Any], str]] = {
    "no-repository": ({}, "registry_backup_repository is empty: there is nothing to restore from"),
    "snapshot": ({**BACKUP, "registry_restore_snapshot": "newest"}, "'newest' is neither latest nor the id"),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """One run with a server for each kind of bad input; gives the output and the failure of each server."""
    hosts = {host: variables for host, (variables, _message) in BAD_INPUT.items()}
    return play(tmp_path_factory.mktemp("refusals"), hosts, playbook="registry", groups=("registries",))


@pytest.mark.parametrize("host", BAD_INPUT)
def test_bad_input(refusals: tuple[str, dict[str, str]], host: str) -> None:
    assert BAD_INPUT[host][1] in refusals[1][host]


def test_nothing_is_tried_on_a_server_with_bad_input_and_no_password_is_shown(
    refusals: tuple[str, dict[str, str]],
) -> None:
    assert "UNREACHABLE" not in refusals[0]
    assert SECRET not in refusals[0]


def test_bad_input_for_a_restore(tmp_path: Path) -> None:
    hosts = {host: variables for host, (variables, _message) in BAD_RESTORE.items()}
    output, failures = play(tmp_path, hosts, playbook="restore", groups=("registries",))
    for host, (_variables, message) in BAD_RESTORE.items():
        assert message in failures[host]
    assert "UNREACHABLE" not in output


def test_a_backup_without_a_repository(tmp_path: Path) -> None:
    output, failures = play(tmp_path, {"server": {}}, playbook="backup", groups=("registries",))
    assert "registry_backup_repository is not set for server, so there is no place for a backup" in failures["server"]
    assert "UNREACHABLE" not in output


GOOD: dict[str, dict[str, Any]] = {
    "no-timer": {"registry_gc_schedule": ""},
    "days": {"registry_gc_schedule": "Mon..Fri *-*-* 02:30:00 Europe/Berlin", "registry_gc_delete_untagged": True},
    "directory": {**BACKUP, "registry_backup_keep": {"last": 3, "daily": 0}},
    "sftp": {**BACKUP, "registry_backup_repository": "sftp:backup@host.example:/srv/registry"},
    "s3": {
        **BACKUP,
        "registry_backup_repository": "s3:https://s3.example.com/bucket",
        "registry_backup_environment": {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": SECRET},
        "registry_backup_check_subset": "",
    },
}


@pytest.mark.parametrize("playbook", ["registry", "restore"])
def test_good_input_reaches_for_the_server_and_shows_no_password(tmp_path: Path, playbook: str) -> None:
    """The counterpart of the tests above, to the most curious."""
    hosts = {name: {**BACKUP, **settings} for name, settings in GOOD.items()}
    output, failures = play(tmp_path, hosts, "-vvv", "--diff", playbook=playbook, groups=("registries",))
    assert output.count("UNREACHABLE!") == len(GOOD)
    assert failures.keys() <= GOOD.keys()
    assert SECRET not in output
