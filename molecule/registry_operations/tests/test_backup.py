# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup, and the drill: all of a registry host's data is lost, and every digest comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.registry_fleet import CLIENTS, HOST, USERS_FILE, green, image, login, play
from tests.lab.run import wait_until

from .maintenance import COMMAND, STATE, Storm, digests, in_service, result, storm

REPOSITORY = "/srv/backup/registry"
PASSWORD = "backup-Pa55word"
CERTIFICATE = "/etc/dockmirror/gateway/tls/server.crt"
DATA = "/var/lib/dockmirror/registry"


def restic(server: Any, *arguments: str) -> Any:
    """Run restic as an operator does."""
    return server.check_output(f"{COMMAND} restic {' '.join(arguments)}")


@pytest.fixture(scope="module")
def raged(server: Any, trust: None) -> Storm:
    """A storm during which a backup was made."""
    with storm("backup") as found:
        assert green("backup").changed == 1
    return found


def test_a_backup_disturbs_no_pull_and_loses_no_push(server: Any, raged: Storm) -> None:
    assert raged.report["bad_pulls"] == []
    assert raged.lost() == []
    found = result("backup")
    assert found["ok"] is True
    assert found["tags"] > 0
    assert in_service(server)


def test_the_backup_is_complete_encrypted_and_has_no_key_to_itself(server: Any, raged: Storm) -> None:
    listed = restic(server, "ls", "latest")
    for path in (USERS_FILE, "/etc/dockmirror/registry/http_secret", CERTIFICATE, f"{STATE}/contents.json"):
        assert path in listed.splitlines()
    assert "backup-password" not in listed
    assert "_uploads" not in listed
    assert server.run(f"grep -rl team/app {REPOSITORY}").stdout == ""


def test_every_link_in_the_backup_has_its_blob(server: Any, raged: Storm) -> None:
    """A torn copy would have links that lead nowhere."""
    server.check_output(f"rm -rf /var/tmp/copy && {COMMAND} restic restore latest --target /var/tmp/copy")
    root = f"/var/tmp/copy{DATA}/docker/registry/v2"
    missing = server.check_output(
        f"cd {root} && find repositories -name link | while read link; do "
        'h=$(sed s/sha256:// "$link"); test -s "blobs/sha256/$(echo $h | cut -c1-2)/$h/data" || echo "$link"; done'
    )
    links = int(server.check_output(f"find {root}/repositories -name link | wc -l"))
    server.check_output("rm -r /var/tmp/copy")
    # Links to layers whose manifest was deleted stay behind when their blobs are collected.
    assert [link for link in missing.splitlines() if "/_layers/" not in link] == []
    assert links > 0


def test_secrets_are_for_root_alone(server: Any) -> None:
    for name in ("backup-password", "restic.json", "settings.json", "compose.yaml"):
        file = server.file(f"/etc/dockmirror/registry/maintenance/{name}")
        assert (file.mode, file.user) == (0o600, "root"), name


def test_a_second_backup_adds_next_to_nothing_and_takes_no_full_copy(server: Any, ci: Any, raged: Storm) -> None:
    ci.check_output(f"docker push -q {image(ci, 'team/increment:1', kib=2048)}")
    green("backup")
    assert result("backup")["bytes_added"] > 2_000_000
    green("backup")
    assert result("backup")["bytes_added"] < 500_000
    assert len(json.loads(restic(server, "snapshots", "--json"))) == result("backup")["snapshots"]


def test_a_backup_that_fails_says_why_and_is_seen(server: Any, raged: Storm) -> None:
    server.check_output(f"mv {REPOSITORY}/keys /srv/backup/keys && mkdir {REPOSITORY}/keys")
    try:
        done = play("backup")
    finally:
        server.check_output(f"rmdir {REPOSITORY}/keys && mv /srv/backup/keys {REPOSITORY}/keys")
    assert done.code != 0
    assert "The backup repository cannot be used" in done.output
    assert PASSWORD not in done.output
    assert result("backup")["ok"] is False
    assert result("backup")["last_success"]
    assert in_service(server)


def test_a_registry_with_images_is_not_overwritten(server: Any, raged: Storm) -> None:
    done = play("restore")
    assert done.code != 0
    assert "is not empty" in done.output
    assert "registry_restore_overwrite: true" in done.output
    assert done.changed == 0
    assert in_service(server)


def test_the_drill(server: Any, ci: Any, app: str, raged: Storm) -> None:
    client = testing.host(CLIENTS[0])
    ci.check_output(f"docker push -q {image(ci, 'team/big:1', kib=100 * 1024)}")
    green("backup")
    before = digests(ci)
    certificate, users = server.file(CERTIFICATE).md5sum, server.file(USERS_FILE).md5sum

    server.check_output("docker rm --force dockmirror-registry")
    server.check_output("systemctl stop dockmirror-gateway dockmirror-auth.socket")
    server.check_output("rm -rf /etc/dockmirror /var/lib/dockmirror /usr/local/lib/dockmirror")
    done = green("restore")
    assert PASSWORD not in done.output

    assert digests(ci) == before
    assert server.file(CERTIFICATE).md5sum == certificate
    assert server.file(USERS_FILE).md5sum == users
    assert login(client, "production", "production-Pa55word").succeeded
    client.check_output(f"docker image rm -f {app}; docker pull -q {app}")
    found = result("restore")
    assert (found["ok"], found["tags"]) == (True, len(before))
    assert green("registry").changed == 0


def test_a_restore_that_is_killed_changes_nothing_and_can_be_run_again(server: Any, ci: Any, raged: Storm) -> None:
    before = digests(ci)
    server.check_output(f"docker stop dockmirror-registry && rm -r {DATA}/docker && docker start dockmirror-registry")
    server.check_output(f"systemd-run --quiet --unit try-restore {COMMAND} restore latest")
    wait_until(lambda: server.file(f"{DATA}/.restore").exists, 60, "a restore under way")
    server.check_output("systemctl kill --signal KILL try-restore; systemctl reset-failed try-restore || true")
    server.check_output(f"{COMMAND} repair")
    assert in_service(server)
    assert result("restore")["error"] == "It was killed."
    green("restore")
    assert digests(ci) == before
    assert server.check_output(f"ls -A {DATA}") == "docker"


def test_a_snapshot_that_does_not_exist(raged: Storm) -> None:
    done = play("restore", "-e", "registry_restore_snapshot=deadbeef", "-e", "registry_restore_overwrite=true")
    assert done.code != 0
    assert "There is no snapshot deadbeef of this registry. The last ones are:" in done.output


def test_the_host_is_named_by_the_registry(server: Any, raged: Storm) -> None:
    hosts = {snapshot["hostname"] for snapshot in json.loads(restic(server, "snapshots", "--json"))}
    assert hosts == {HOST}
