# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Garbage collection: it frees what no image needs, loses nothing, and always gives the registry back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.registry_fleet import CI_USER, ROOT, ask, green, image
from tests.lab.run import wait_until

from .maintenance import GC, HOLD, LOCK, STATE, Storm, in_service, result, storm

PLAYBOOK = str(ROOT / "molecule/registry_operations/gc.yml")


def delete(host: Any, repository: str, tag: str) -> dict[str, Any]:
    """Delete an image; gives its manifest."""
    accept = "Accept: application/vnd.docker.distribution.manifest.v2+json"
    answer = ask(host, f"/v2/{repository}/manifests/{tag}", CI_USER, "--header", accept)
    address = answer.headers["docker-content-digest"]
    assert ask(host, f"/v2/{repository}/manifests/{address}", CI_USER, "--request", "DELETE").status == 202
    manifest: dict[str, Any] = json.loads(answer.body)
    return manifest


def state(server: Any) -> str:
    """What systemd says of the collection."""
    return str(server.run(f"systemctl is-active {GC}").stdout.strip())


def test_the_timer_is_set(server: Any) -> None:
    assert server.check_output("systemctl is-active dockmirror-registry-gc.timer") == "active"
    assert server.check_output("systemctl is-enabled dockmirror-registry-gc.timer") == "enabled"
    shown = server.check_output("systemctl show dockmirror-registry-gc.timer -p TimersCalendar -p Persistent")
    assert "OnCalendar=Sun *-*-* 03:00:00" in shown
    assert "Persistent=yes" in shown


def test_what_a_deleted_image_had_alone_is_freed_and_its_neighbour_stays(server: Any, ci: Any, app: str) -> None:
    name = image(ci, "team/garbage:1", kib=512)
    ci.check_output(f"docker push -q {name}")
    layer = delete(ci, "team/garbage", "1")["layers"][0]
    value = layer["digest"].removeprefix("sha256:")
    path = f"/var/lib/dockmirror/registry/docker/registry/v2/blobs/sha256/{value[:2]}/{value}/data"
    assert server.file(path).size == layer["size"]

    predicted = green(PLAYBOOK, "--check")
    assert predicted.changed == 1
    assert layer["digest"] in predicted.output
    assert server.file(path).exists

    assert green(PLAYBOOK).changed == 1
    assert not server.file(path).exists
    found = result("gc")
    assert found["ok"] is True
    assert found["bytes_freed"] >= layer["size"]
    assert found["blobs_deleted"] >= 2
    ci.check_output(f"docker image rm {app} && docker pull -q {app}")
    assert in_service(server)

    assert green(PLAYBOOK, "--check").changed == 0
    assert green(PLAYBOOK).changed == 0
    # What was collected can be pushed again: the registry does not think that it still has it.
    ci.check_output(f"docker push -q {name}")
    ci.check_output(f"docker image rm {name} && docker pull -q {name}")


@pytest.fixture(scope="module")
def raged(server: Any, trust: None) -> Storm:
    """A storm during which garbage was collected twice."""
    with storm("gc") as found:
        for _time in range(2):
            server.check_output(f"systemctl start {GC}")
            assert result("gc")["ok"] is True
            wait_until(lambda: in_service(server), 30, "a registry in service")
    return found


def test_a_storm_of_pushes_loses_nothing(raged: Storm) -> None:
    assert raged.report["pushed"]
    assert raged.lost() == []


def test_no_pull_fails_meanwhile(raged: Storm) -> None:
    assert raged.report["pulls"] > 0
    assert raged.report["bad_pulls"] == []


def test_pushes_that_are_turned_away_are_told_to_come_again(raged: Storm) -> None:
    held = [refused for refused in raged.report["refused"] if refused["status"] == 503]
    assert held
    for refused in held:
        assert refused["retry_after"] == "30"
        assert json.loads(refused["body"])["errors"][0]["code"] == "UNAVAILABLE"
    # Its layers were collected between their upload and that of the manifest: it was not acknowledged, and says so.
    for refused in raged.report["refused"]:
        if refused not in held:
            assert refused["step"] == "manifest", refused
            assert json.loads(refused["body"])["errors"][0]["code"] in ("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN")


def test_a_collection_waits_for_who_has_the_lock(server: Any, trust: None) -> None:
    before = result("gc")["end"]
    wait = "while ! test -e /run/go-on; do sleep 0.2; done"
    server.check_output(f"setsid flock {LOCK} sh -c '{wait}' > /dev/null 2>&1 &")
    wait_until(lambda: server.run(f"flock --nonblock {LOCK} true").rc == 1, 10, "a lock")
    server.check_output(f"systemctl start --no-block {GC}")
    wait_until(lambda: state(server) == "activating", 10, "a waiting collection")
    assert in_service(server)
    assert result("gc")["end"] == before
    server.check_output("touch /run/go-on")
    wait_until(lambda: result("gc")["end"] not in (before, None), 60, "the end of the collection")
    server.check_output("rm /run/go-on")
    assert result("gc")["ok"] is True


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_a_collection_that_is_killed_gives_the_registry_back(server: Any, ci: Any, signal: str) -> None:
    wait_until(lambda: state(server) in ("inactive", "failed"), 30, "rest")
    server.check_output(f"systemctl start --no-block {GC}")
    wait_until(lambda: server.file(HOLD).exists, 60, "held writes")
    server.check_output(f"systemctl kill --signal {signal} {GC}")
    wait_until(lambda: in_service(server), 90, "a registry in service")
    wait_until(lambda: result("gc")["end"] is not None, 30, "a result")
    assert result("gc")["ok"] is False
    assert result("gc")["last_success"]
    ci.check_output(f"docker push -q {image(ci, 'team/after-kill:1')}")


def test_a_host_that_goes_down_in_the_middle_comes_up_with_its_registry(server: Any, trust: None) -> None:
    """What is left then: a registry that was stopped by hand, which the engine does not start, and the mark."""
    server.check_output(f"docker stop dockmirror-registry && touch {STATE}/active")
    server.check_output("systemctl start dockmirror-registry-repair.service")
    wait_until(lambda: in_service(server), 60, "a registry in service")
    assert server.check_output("systemctl is-enabled dockmirror-registry-repair.service") == "enabled"
