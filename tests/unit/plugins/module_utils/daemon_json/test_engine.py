# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a daemon and reading what systemd, the journal and dockerd say of it.

The answers of systemctl are as systemd 252 gives them. Reload and restart are tested with real daemons in
molecule/daemon_json.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import engine
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.engine import Daemon, DaemonError

STOPPED = """MainPID=0
ExecStart={ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS ; ignore_errors=no ; pid=0 }
Environment=PROXY=x "DOCKER_OPTS=--debug --label=a=b"
EnvironmentFiles=/nonexistent/docker (ignore_errors=yes)
EnvironmentFiles={file} (ignore_errors=yes)
LoadState=loaded
ActiveState=inactive
SubState=dead
"""


def say(monkeypatch: pytest.MonkeyPatch, **outputs: tuple[int, str]) -> list[list[str]]:
    """Have programs answer this, by the program's name; the calls that were made."""
    calls: list[list[str]] = []

    def answer(words: Sequence[str], _timeout: float) -> tuple[int, str]:
        calls.append(list(words))
        return outputs.get(Path(words[0]).name, (127, f"{words[0]}: No such file or directory"))

    monkeypatch.setattr(engine, "_run", answer)
    return calls


def test_a_unit_that_does_not_run_is_only_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "docker"
    file.write_text('DOCKER_OPTS="--icc=false -D"\n')
    calls = say(
        monkeypatch,
        systemctl=(0, STOPPED.replace("{file}", str(file))),
        dockerd=(0, "Docker version 20.10.24+dfsg1, build 297e128"),
    )
    monkeypatch.setattr(engine, "binary", lambda _daemon: "/usr/sbin/dockerd")
    daemon = engine.find("docker", 1)
    assert (daemon.unit, daemon.exists, daemon.running, daemon.state, daemon.version) == (
        "docker.service",
        True,
        False,
        "inactive",
        (20, 10),
    )
    assert daemon.argv == ["/usr/sbin/dockerd", "-H", "fd://", "--icc=false", "-D"]
    assert [call[:2] for call in calls] == [["systemctl", "show"], ["/usr/sbin/dockerd", "--version"]]


def test_a_unit_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, systemctl=(0, "LoadState=not-found\nMainPID=0\n"))
    assert not engine.find("docker.service", 1).exists


def test_no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, systemctl=(1, "System has not been booted with systemd as init system"))
    with pytest.raises(DaemonError, match="not been booted with systemd.*apply=none"):
        engine.find("docker.service", 1)


def running(monkeypatch: pytest.MonkeyPatch, argv: list[str], version: object) -> None:
    say(monkeypatch, systemctl=(0, "LoadState=loaded\nActiveState=active\nMainPID=42\n"))
    monkeypatch.setattr(engine, "_process_argv", lambda _pid: argv)
    monkeypatch.setattr(engine, "_alive", lambda _pid: True)

    def get_json(self: engine.EngineApi, path: str) -> object:
        if isinstance(version, Exception):
            raise version
        return version if path == "/version" else {"Driver": "overlay2", "DriverStatus": None}

    monkeypatch.setattr(engine.EngineApi, "get_json", get_json)


def test_podmans_socket_is_not_taken_for_dockerds(monkeypatch: pytest.MonkeyPatch) -> None:
    running(monkeypatch, ["/usr/bin/dockerd"], {"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]})
    with pytest.raises(DaemonError, match="belongs to Podman"):
        engine.find("docker.service", 0.1)


def test_a_unit_that_runs_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    running(monkeypatch, ["/usr/bin/podman", "system", "service"], {})
    with pytest.raises(DaemonError, match=r"docker\.service runs /usr/bin/podman, not dockerd"):
        engine.find("docker.service", 0.1)


def test_a_daemon_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    running(monkeypatch, ["/usr/bin/dockerd"], engine.EngineError("silence"))
    with pytest.raises(
        DaemonError, match=r"dockerd runs \(process 42\) but does not answer on /var/run/docker.sock: silence"
    ):
        engine.find("docker.service", 0.1)


@pytest.mark.parametrize(("version", "expected"), [("26.1.5+dfsg1", (26, 1)), ("29.0.0-rc.1", (29, 0)), ("dev", None)])
def test_versions(monkeypatch: pytest.MonkeyPatch, version: str, expected: tuple[int, int] | None) -> None:
    running(monkeypatch, ["/usr/bin/dockerd", "-H", "fd://", "-H", "unix:///srv/d.sock"], {"Version": version})
    daemon = engine.find("docker.service", 0.1)
    assert (daemon.version, daemon.api.socket_path, daemon.snapshotter, daemon.swarm) == (
        expected,
        "/srv/d.sock",
        False,
        False,
    )


def test_image_store_and_swarm() -> None:
    info = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "Swarm": {"LocalNodeState": "active"}}
    daemon = Daemon("docker.service", info=info)
    assert daemon.snapshotter
    assert daemon.swarm


def dockerd(directory: Path, text: str) -> list[str]:
    program = directory / "dockerd"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return [str(program), "-H", "fd://", "--config-file", "/old.json", "--config-file=/older.json", "-D"]


def test_d5_validate_runs_with_the_live_flags(tmp_path: Path) -> None:
    argv = dockerd(
        tmp_path,
        f'echo "$@" >{tmp_path}/args\nfor last; do :; done\ncat "$last" >{tmp_path}/seen\n'
        'echo "bad file $last" >&2; exit 1',
    )
    complaint = engine.validate(
        Daemon("docker.service", argv=argv, version=(26, 1)), b'{"a": 1}', "/etc/docker/daemon.json", 10
    )
    assert complaint == "bad file /etc/docker/daemon.json"
    assert (tmp_path / "args").read_text().startswith("-H fd:// -D --validate --config-file /")
    assert (tmp_path / "seen").read_text() == '{"a": 1}'


@pytest.mark.parametrize(
    ("version", "text", "complaint"),
    [
        ((26, 1), "echo configuration OK", ""),
        ((26, 1), "exit 3", "exit code 3"),
        ((20, 10), "echo must not run; exit 1", ""),
        (None, "echo unknown flag: --validate; exit 125", ""),
    ],
)
def test_d5_validate(tmp_path: Path, version: tuple[int, int] | None, text: str, complaint: str) -> None:
    daemon = Daemon("docker.service", argv=dockerd(tmp_path, text), version=version)
    assert engine.validate(daemon, b"{}", "/etc/docker/daemon.json", 10) == complaint


def test_a_program_that_hangs_or_is_not_there(tmp_path: Path) -> None:
    daemon = Daemon("docker.service", argv=dockerd(tmp_path, "exec sleep 5"), version=(26, 1))
    assert "did not finish within 0.2 seconds" in engine.validate(daemon, b"{}", "/etc/docker/daemon.json", 0.2)
    assert engine._run(["/nonexistent"], 1) == (127, "/nonexistent: No such file or directory")


@pytest.mark.parametrize(
    ("journal", "reason"),
    [
        (
            'level=info msg="Starting up"\nfailed to start daemon: invalid bip\ndocker.service: Main process exited\n',
            "failed to start daemon: invalid bip",
        ),
        (
            'time="x" level=error msg="Error reloading configuration" error="invalid mirror: \\"x\\""\n',
            'Error reloading configuration: invalid mirror: "x"',
        ),
        ("docker.service: Failed with result 'exit-code'.\n", ""),
        ("", ""),
    ],
)
def test_the_reason_in_the_journal(monkeypatch: pytest.MonkeyPatch, journal: str, reason: str) -> None:
    say(monkeypatch, journalctl=(0, journal))
    assert engine.reason_from_journal("docker.service", 0) == reason


def test_no_journal_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch)
    assert engine.reason_from_journal("docker.service", 0) == ""


def test_d7_the_counters_of_unit_and_socket_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = say(monkeypatch, systemctl=(0, ""))
    engine.reset_failed("docker.service")
    assert calls == [["systemctl", "reset-failed", "docker.service", "docker.socket"]]


def test_d7_a_restart_clears_them_first_and_tells_why_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = say(
        monkeypatch, systemctl=(1, "Job for docker.service failed"), journalctl=(0, "failed to start daemon: no\n")
    )
    with pytest.raises(DaemonError, match="dockerd does not start: failed to start daemon: no"):
        engine.restart(Daemon("docker.service"), 5)
    assert [call[1] for call in calls[:2]] == ["reset-failed", "restart"]


def test_a_process_is_known_by_its_start_time() -> None:
    pid = os.getpid()
    identity = engine._identity(pid)
    assert identity.startswith(f"{pid}:")
    assert engine.same_process(Daemon("x", pid=pid, identity=identity))
    assert not engine.same_process(Daemon("x", pid=pid, identity=f"{pid}:1"))
    assert not engine.same_process(Daemon("x"))
