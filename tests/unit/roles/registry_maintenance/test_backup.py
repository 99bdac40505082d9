# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore, with a restic that copies files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry_maintenance import backup as backup_module
from registry_maintenance import contents
from registry_maintenance import restore as restore_module
from registry_maintenance.api import Api
from registry_maintenance.errors import MaintenanceError
from registry_maintenance.restic import Restic
from registry_maintenance.result import Result, load
from registry_maintenance.run import Done
from registry_maintenance.service import Service
from registry_maintenance.settings import Backup, read
from tests.unit.roles.registry_maintenance.host import REPOSITORIES, Host


@pytest.fixture(autouse=True)
def _restic(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all of restic be the one of the host."""

    def restic(backup: Backup) -> Restic:
        return Restic(backup, host.run)

    monkeypatch.setattr(backup_module, "Restic", restic)
    monkeypatch.setattr(restore_module, "Restic", restic)


def back_up(host: Host) -> dict[str, Any]:
    result = Result(host.settings.state_dir / "backup.json")
    backup_module.back_up(host.settings, Service(host.settings, host.run), result)
    result.finish()
    return load(host.settings.state_dir / "backup.json")


def restore(host: Host, wanted: str = "latest", overwrite: bool = False) -> dict[str, Any]:
    result = Result(host.settings.state_dir / "restore.json")
    restore_module.restore(host.settings, Service(host.settings, host.run), result, wanted, overwrite)
    result.finish()
    return load(host.settings.state_dir / "restore.json")


def lose_content(host: Host) -> None:
    (host.data / "docker").rename(host.root / "lost")


def test_the_last_snapshot_is_made_of_a_registry_at_rest(host: Host) -> None:
    host.registry.push("team/app", "1", b"layer")
    at_rest: list[bool] = []
    host.collecting = lambda: at_rest.append(not host.answers(host.port) and host.answers(host.stand_in_port))
    written = back_up(host)
    assert at_rest == [True]
    assert (written["ok"], written["repositories"], written["tags"], written["content"]) == (True, 1, 1, True)
    assert host.normal()


def test_the_snapshot_of_a_registry_in_use_does_not_stay(host: Host) -> None:
    back_up(host)
    assert [snapshot["tag"] for snapshot in host.snapshots] == ["dockmirror-registry"]


def test_what_is_kept_and_checked(host: Host) -> None:
    back_up(host)
    texts = [" ".join(command) for command in host.commands]
    assert (
        "restic forget --tag dockmirror-registry --host registry.example.com --group-by host,tags "
        "--keep-daily 7 --keep-weekly 4 --prune"
    ) in texts
    assert texts.index("restic check --read-data-subset 2%") > texts.index("docker start dockmirror-registry")


def test_secrets_of_the_backup_are_in_the_environment_and_not_in_the_backup(host: Host) -> None:
    back_up(host)
    assert not any("s3cret" in " ".join(command) for command in host.commands)
    for command, environment in zip(host.commands, host.environments, strict=True):
        assert (environment.get("SECRET") == "s3cret") == (command[0] == "restic")
    made = [command for command in host.commands if command[:2] == ["restic", "backup"]]
    assert made
    assert all(str(host.root / "etc/maintenance") in command for command in made)


def test_a_snapshot_that_is_not_complete_is_an_error_and_one_in_use_is_not(host: Host) -> None:
    summary = '{"message_type": "summary", "snapshot_id": "aa", "total_files_processed": 1}'
    host.replies["backup --json --quiet --tag dockmirror-registry-warm-up"] = Done(3, summary, "a file has vanished")
    back_up(host)
    host.replies["backup --json --quiet --tag dockmirror-registry --host"] = Done(3, summary, "a file has vanished")
    with pytest.raises(MaintenanceError, match=r"could not back up all \(exit code 3\): a file has vanished"):
        back_up(host)
    assert host.normal()


def test_the_content_of_an_object_store_is_not_backed_up(tmp_path: Path, host: Host) -> None:
    other = Host(tmp_path / "other", storage="s3", data_dir=str(host.data))
    host.settings = other.settings
    written = back_up(host)
    assert written["content"] is False
    assert not any(str(host.data) in command[command.index("--") :] for command in host.commands if "--" in command)
    assert not any(command[:2] == ["docker", "stop"] for command in host.commands)
    with pytest.raises(MaintenanceError, match=r"in an object store \(s3\); it is not backed up"):
        restore(host)


@pytest.mark.parametrize(
    ("code", "errors"),
    [
        (10, "Fatal: repository does not exist: unable to open config file: stat: no such file"),
        (1, "unable to open config file"),
    ],
)
def test_a_repository_is_made_where_there_is_none(host: Host, code: int, errors: str) -> None:
    host.replies["cat config"] = Done(code, "", errors)
    Restic(backup_module.configured(host.settings), host.run).prepare()
    assert ["restic", "init"] in host.commands


@pytest.mark.parametrize(
    "errors", ["Fatal: wrong password or no key found", "Fatal: unable to open repository: connection refused"]
)
def test_no_repository_is_made_where_one_cannot_be_used(host: Host, errors: str) -> None:
    host.replies["cat config"] = Done(1, "", errors)
    with pytest.raises(MaintenanceError, match=r"cannot be used: .*" + errors.rpartition(": ")[2]):
        Restic(backup_module.configured(host.settings), host.run).prepare()
    assert ["restic", "init"] not in host.commands


def test_a_lost_registry_comes_back_with_all_digests(host: Host) -> None:
    pushed = {tag: host.registry.push("team/app", tag, tag.encode()) for tag in ("1", "2")}
    back_up(host)
    lose_content(host)
    assert restore(host)["tags"] == 2
    assert {tag: Api(host.settings.address).check("team/app", tag) for tag in pushed} == pushed
    assert host.normal()
    assert sorted(path.name for path in host.data.iterdir()) == ["docker"]


def test_a_registry_with_content_is_not_overwritten_unless_asked_to(host: Host) -> None:
    old = host.registry.push("team/app", "1", b"old")
    back_up(host)
    host.registry.push("team/app", "1", b"new")
    with pytest.raises(MaintenanceError, match="is not empty. Set registry_restore_overwrite: true"):
        restore(host)
    restore(host, overwrite=True)
    assert Api(host.settings.address).check("team/app", "1") == old


def test_a_push_during_a_restore_is_not_overwritten(host: Host) -> None:
    host.registry.push("team/app", "1", b"old")
    back_up(host)
    lose_content(host)
    plain = host._restic

    def with_push(command: list[str]) -> Done:
        if command[0] == "restore":
            host.registry.push("team/app", "new", b"new")
        return plain(command)

    host._restic = with_push  # type: ignore[method-assign]
    with pytest.raises(MaintenanceError, match="is not empty"):
        restore(host)
    assert Api(host.settings.address).check("team/app", "new")
    assert host.normal()


def test_a_restore_that_was_killed_between_two_steps_lost_nothing(host: Host) -> None:
    address = host.registry.push("team/app", "1", b"old")
    back_up(host)
    (host.data / "docker").rename(host.data / ".replaced")
    with pytest.raises(MaintenanceError, match="is not empty"):
        restore(host)
    assert Api(host.settings.address).check("team/app", "1") == address


def test_a_chosen_snapshot(host: Host) -> None:
    first = host.registry.push("team/app", "1", b"first")
    chosen = back_up(host)["snapshot"]
    host.registry.push("team/app", "1", b"second")
    back_up(host)
    restore(host, chosen, overwrite=True)
    assert Api(host.settings.address).check("team/app", "1") == first


def test_an_unknown_snapshot_is_an_error_that_names_the_known_ones(host: Host) -> None:
    name = back_up(host)["snapshot"]
    with pytest.raises(MaintenanceError, match=f"no snapshot deadbeef of this registry. The last ones are: {name[:8]}"):
        restore(host, "deadbeef")


def test_a_restore_that_differs_from_the_backup_is_an_error(host: Host) -> None:
    address = host.registry.push("team/app", "1", b"layer")
    back_up(host)
    for copy in (host.root / "repository").glob(
        f"*/{str(host.data).lstrip('/')}/{REPOSITORIES}/team/app/_manifests/tags/1"
    ):
        copy.rename(copy.with_name("2"))
    lose_content(host)
    with pytest.raises(MaintenanceError, match=r"team/app:2 is there, and was not. team/app:1 is answered with 404"):
        restore(host)
    assert address
    assert host.normal()


def test_a_new_host_gets_back_what_it_lacks(host: Host) -> None:
    users = host.root / "etc/users.json"
    users.write_text("[1]")
    back_up(host)
    users.unlink()
    assert restore_module.restore_configuration(host.settings, "latest") == [str(users)]
    assert users.read_text() == "[1]"
    assert users.stat().st_mode & 0o777 == 0o600
    users.write_text("[2]")
    assert restore_module.restore_configuration(host.settings, "latest") == []
    assert users.read_text() == "[2]"


def test_tags_are_read_from_the_files(host: Host) -> None:
    address = host.registry.push("team/nested/app", "1", b"layer")
    (host.data / REPOSITORIES / "team/nested/app/_manifests/tags/gone").mkdir()
    (host.data / REPOSITORIES / "team/_uploads/x").mkdir(parents=True)
    assert contents.read(host.data) == {"team/nested/app": {"1": address}}


def test_a_registry_whose_images_were_deleted_is_empty(host: Host) -> None:
    assert contents.is_empty(host.data)
    address = host.registry.push("team/app", "1", b"layer")
    assert not contents.is_empty(host.data)
    host.registry.revision("team/app", address).unlink()  # as the API does
    assert contents.is_empty(host.data)


def test_settings_that_cannot_be_read(tmp_path: Path, host: Host) -> None:
    path = tmp_path / "settings.json"
    with pytest.raises(MaintenanceError, match="Run the playbook registry again"):
        read(path)
    path.write_text(json.dumps({**host.document, "backup": None}))
    with pytest.raises(MaintenanceError, match="registry_backup_repository is empty"):
        backup_module.configured(read(path))
