# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes are held, pulls go on, and the registry always comes back."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry_maintenance.errors import BusyError, MaintenanceError
from registry_maintenance.lock import locked
from registry_maintenance.run import Done, run
from registry_maintenance.service import Service, guarded
from tests.unit.roles.registry_maintenance.host import Host, free_port


def nothing() -> None:
    pass


def test_while_writes_are_held_only_the_stand_in_answers(host: Host) -> None:
    with Service(host.settings, host.run).writes_held(nothing):
        assert not host.answers(host.port)
        assert host.answers(host.stand_in_port)
        assert host.settings.hold_file.exists()
    assert host.normal()


def test_the_stand_in_answers_before_the_registry_is_stopped(host: Host) -> None:
    with Service(host.settings, host.run).writes_held(nothing):
        pass
    texts = [" ".join(command) for command in host.commands]
    assert next(index for index, text in enumerate(texts) if "read-only" in text) < texts.index(
        "docker stop --time 30 dockmirror-registry"
    )


def test_the_proof_comes_when_the_registry_is_back_and_before_writes_are_let_in(host: Host) -> None:
    seen: list[tuple[bool, bool]] = []
    with Service(host.settings, host.run).writes_held(
        lambda: seen.append((host.answers(host.port), host.settings.hold_file.exists()))
    ):
        pass
    assert seen == [(True, True)]


@pytest.mark.parametrize("error", [MaintenanceError("broken"), KeyboardInterrupt(), RuntimeError("bug")])
def test_the_registry_comes_back_whatever_happens(host: Host, error: BaseException) -> None:
    with pytest.raises(type(error)), Service(host.settings, host.run).writes_held(nothing):
        raise error
    assert host.normal()


def test_a_failed_proof_is_an_error_and_the_registry_is_back(host: Host) -> None:
    def fail() -> None:
        raise MaintenanceError("a blob is missing")

    with (
        pytest.raises(MaintenanceError, match="a blob is missing"),
        Service(host.settings, host.run).writes_held(fail),
    ):
        pass
    assert host.normal()


def test_a_stand_in_that_does_not_start_leaves_the_registry_alone(host: Host) -> None:
    host.replies["force-recreate"] = Done(1, "", "no such image")
    with (
        pytest.raises(MaintenanceError, match="no such image"),
        Service(host.settings, host.run).writes_held(nothing),
    ):
        pytest.fail("nothing may be done to the content")
    assert host.normal()
    assert not any(command[:2] == ["docker", "stop"] for command in host.commands)


def test_after_a_kill_the_registry_is_repaired_and_the_collection_ended_first(host: Host) -> None:
    service = Service(host.settings, host.run)
    for path in (host.settings.state_dir / "active", host.settings.hold_file):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    host.stop(host.port)
    host.start(host.stand_in_port)
    assert service.interrupted
    service.repair()
    assert host.normal()
    ended = host.commands.index(["docker", "rm", "--force", "dockmirror-registry-collect"])
    assert ended < host.commands.index(["docker", "start", "dockmirror-registry"])


def test_a_container_that_is_gone_is_made_again(host: Host) -> None:
    host.replies["docker start"] = Done(1, "", "No such container")
    with Service(host.settings, host.run).writes_held(nothing):
        pass
    assert any(command[-2:] == ["up", "--detach"] for command in host.commands)
    assert host.normal()


def test_repair_of_a_registry_in_order_does_nothing(host: Host) -> None:
    Service(host.settings, host.run).repair()
    assert host.commands == []


def test_a_guarded_port_refuses_connections_and_cannot_be_listened_on() -> None:
    port = free_port()
    with guarded(f"127.0.0.1:{port}"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)
        with socket.socket() as registry:
            registry.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Go's listeners do
            with pytest.raises(OSError, match="Address already in use"):
                _listen(registry, port)
    with socket.socket() as registry:
        registry.bind(("127.0.0.1", port))


def _listen(registry: socket.socket, port: int) -> None:
    registry.bind(("127.0.0.1", port))
    registry.listen()


def test_connections_of_a_moment_ago_do_not_keep_a_port_from_being_guarded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as registry:
        port = registry.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _address = registry.accept()
            accepted.close()  # the side that closes first keeps the port for a minute
            assert client.recv(1) == b""
    with guarded(f"127.0.0.1:{port}"), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_a_registry_that_runs_on_is_an_error() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as registry,
        pytest.raises(MaintenanceError, match="is in use although the registry is stopped"),
        guarded(f"127.0.0.1:{registry.getsockname()[1]}"),
    ):
        pass


def test_a_lock_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        locked(path, 0),
        pytest.raises(BusyError, match="Another maintenance of the registry has been running for more than 1 s"),
        locked(path, 1),
    ):
        pass
    with locked(path, 0):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from registry_maintenance.lock import locked\n"
        "with locked(Path(sys.argv[1]), 0):\n"
        "    print('locked', flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {"PYTHONPATH": str(Path(sys.modules["registry_maintenance"].__path__[0]).parent)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, env=environment
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(BusyError), locked(path, 0):
            pass
        holder.kill()
        begin = time.monotonic()
        with locked(path, 10):
            assert time.monotonic() - begin < 10


def test_a_program_that_fails_is_quoted_without_its_environment() -> None:
    with pytest.raises(MaintenanceError, match="exit code 3: it is broken") as caught:
        run(["sh", "-c", "echo it is broken >&2; exit 3"], {"SECRET": "s3cret"})
    assert "s3cret" not in str(caught.value)


def test_a_program_that_does_not_exist() -> None:
    with pytest.raises(MaintenanceError, match="no-such-program cannot be run"):
        run(["no-such-program"])
