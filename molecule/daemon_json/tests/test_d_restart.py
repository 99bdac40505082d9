# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts: allowed, refused, survived, rolled back (facts D7, D8), and a daemon that does not run."""

from __future__ import annotations

import json

from .conftest import Engines, every

# A setting that needs a restart and that every engine takes.
RESTART = {"log-opts": {"max-size": "10m"}}
# Passes every check, --validate included; with it no daemon starts.
DEADLY = {"seccomp-profile": "/nonexistent/profile.json"}


def test_containers_live_through_restarts_with_live_restore_coming_and_going(disturbed: Engines) -> None:
    before, daemons = disturbed.container(), disturbed.daemons()
    refused = disturbed.failed("would stop 1 running container", config=RESTART, apply="restart")
    every(refused, restart_required=True)
    assert (set(disturbed.read().values()), disturbed.daemons()) == ({""}, daemons)

    wanted = {**RESTART, "live-restore": True}
    every(disturbed.ok(config=wanted, allow_restart=True), changed=True, action="restart", restart_required=False)
    second = disturbed.daemons()
    assert all(second[name] != daemons[name] for name in daemons)
    assert disturbed.container() == before
    # A restart that fails while containers run: they live, and live-restore stays on as it was.
    results = disturbed.failed("put back byte for byte", config={**wanted, **DEADLY}, allow_restart=True)
    every(results, rolled_back=True)
    assert disturbed.container() == before

    every(disturbed.ok(state="absent", allow_restart=True), changed=True, action="restart")
    assert disturbed.container() == before
    assert {info["LiveRestoreEnabled"] for info in disturbed.info().values()} == {False}
    assert set(disturbed.read().values()) == {""}


def test_a_restart_that_fails_puts_every_byte_back_and_the_daemon_up(disturbed: Engines) -> None:
    original = '{"labels":["x=y"] }'
    disturbed.write(original)
    disturbed.restart()
    before = disturbed.container()
    results = disturbed.failed(
        "put back byte for byte, and the daemon runs as before", config=DEADLY, allow_restart=True
    )
    for result in results.values():
        assert "/nonexistent/profile.json" in result["msg"], "the reason is the daemon's own"
    every(results, rolled_back=True, action="none")
    assert set(disturbed.read().values()) == {original}
    assert set(disturbed.states().values()) == {"active"}
    assert set(disturbed.sh("systemctl is-failed docker.service docker.socket || true").values()) == {"active\nactive"}
    for info in disturbed.info().values():
        assert info["Labels"] == ["x=y"]
    # Also with a container that live-restore, new with the same change, keeps alive until it is known again.
    disturbed.sh("docker start stays")
    before = disturbed.container()
    every(
        disturbed.failed("runs as before", config={**DEADLY, "live-restore": True}, allow_restart=True),
        rolled_back=True,
    )
    assert disturbed.container() == before
    assert all(container.running for container in before.values())
    assert set(disturbed.read().values()) == {original}
    assert {info["LiveRestoreEnabled"] for info in disturbed.info().values()} == {False}


def test_systemds_start_limit_stops_neither_restart_nor_rollback(disturbed: Engines) -> None:
    disturbed.sh("for i in 1 2 3; do systemctl restart docker.service || true; done")
    limited = disturbed.sh("systemctl restart docker.service && echo up || echo limited")
    assert set(limited.values()) == {"limited"}, "without reset-failed this host would stay down"
    every(disturbed.ok(config=RESTART, apply="restart"), changed=True, action="restart")
    assert set(disturbed.states().values()) == {"active"}
    every(disturbed.failed("runs as before", config={**RESTART, **DEADLY}, apply="restart"), rolled_back=True)
    assert set(disturbed.states().values()) == {"active"}


def test_a_stopped_daemon_is_not_started_and_finds_the_file_when_it_starts(disturbed: Engines) -> None:
    disturbed.sh("systemctl stop docker.service; systemctl start docker.socket")
    assert set(disturbed.states().values()) == {"inactive"}
    wanted = {**RESTART, "registry-mirrors": ["https://m1.example.test"]}
    results = disturbed.ok(config=wanted)
    every(results, changed=True, action="none", restart_required=False, effective={})
    every(disturbed.ok(config=wanted), changed=False)
    disturbed.failed("registry-mirror", config={"registry-mirror": []})
    assert set(disturbed.states().values()) == {"inactive"}, "a look at its socket would have started it"
    assert set(disturbed.sh("systemctl is-active docker.socket").values()) == {"active"}
    for text in disturbed.read().values():
        assert json.loads(text) == wanted

    # Asked for, it is started; and if it cannot start with that, it is as stopped as before.
    every(disturbed.failed("runs as before", config={**wanted, **DEADLY}, apply="restart"), rolled_back=True)
    assert set(disturbed.states().values()) == {"inactive"}
    assert set(disturbed.sh("systemctl is-active docker.socket").values()) == {"active"}
    every(disturbed.ok(config={**wanted, "debug": True}, apply="restart"), changed=True, action="restart")
    assert set(map(tuple, disturbed.mirrors().values())) == {("https://m1.example.test/",)}


def test_a_failed_daemon_is_repaired_by_what_it_needs(disturbed: Engines) -> None:
    disturbed.write('{"bip": "nonsense"}')
    disturbed.sh("systemctl restart docker.service || true")
    disturbed.wait("systemctl is-failed docker.service", 60)
    wanted = {"bip": "172.31.255.1/24"}
    every(disturbed.ok(config=wanted, apply="restart"), changed=True, action="restart")
    assert set(disturbed.states().values()) == {"active"}
    assert [json.loads(text) for text in disturbed.read().values()] == [wanted] * len(disturbed.names)
