# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The orchestration, against a daemon that is made up.

What a real daemon can show is shown with real ones in molecule/daemon_json. Made up here is what a real daemon cannot
be brought to do on purpose: to be cut off between two steps, to report a reload and not do it, to apply half of it, to
die at an exact moment, a disk that fills up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import apply, engine, files
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.apply import ApplyError, Request, Result, run
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.keys import is_live
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.state import StateError, Store


class Cut(BaseException):
    """The module is killed at this point."""


class World:
    """A host with a daemon that reads its file like dockerd: a key that is missing on a reload keeps its value."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "docker" / "daemon.json"
        self.path.parent.mkdir()
        self.state = directory / "state"
        self.configuration: dict[str, Any] = {}
        self.starts = 1
        self.runs = True
        self.exists = True
        self.containers = 0
        self.version = (26, 1)
        self.argv = ["/usr/sbin/dockerd", "-H", "fd://"]
        self.actions: list[str] = []
        self.on_reload: Callable[[], None] = lambda: None
        self.on_restart: Callable[[dict[str, Any]], None] = lambda _values: None
        self.complaint = ""
        self.deaf = False
        self.stale_answers = 0

    def write(self, values: dict[str, Any] | None = None, text: str | None = None) -> None:
        self.path.write_text(json.dumps(values) if text is None else text)

    def read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text() or "{}") if self.path.exists() else {}

    def start(self, **values: Any) -> None:
        """Have the daemon run with what the file says."""
        self.write(values)
        self.configuration = dict(values)

    @property
    def info(self) -> dict[str, Any]:
        running = self.configuration
        return {
            "RegistryConfig": {"Mirrors": [url + "/" for url in running.get("registry-mirrors", [])]},
            "Labels": running.get("labels", []),
            "Debug": running.get("debug", False),
            "LiveRestoreEnabled": running.get("live-restore", False),
            "CgroupVersion": "2",
            "ContainersRunning": self.containers,
        }

    def find(self, service: str, timeout: float) -> engine.Daemon:
        if not self.runs:
            return engine.Daemon(
                unit=service, exists=self.exists, state="inactive", argv=self.argv, version=self.version
            )
        return engine.Daemon(
            unit=service,
            exists=True,
            pid=1,
            identity=f"1:{self.starts}",
            state="active",
            argv=self.argv,
            version=self.version,
            version_text="26.1.5",
            info=self.info,
        )

    def reload(self, daemon: engine.Daemon, timeout: float) -> dict[str, str]:
        self.actions.append("reload")
        self.on_reload()
        if not self.deaf:
            self.configuration.update({name: value for name, value in self.read().items() if is_live(name)})
        return {name: json.dumps(value) for name, value in self.configuration.items()}

    def restart(self, daemon: engine.Daemon, timeout: float) -> engine.Daemon:
        self.actions.append("restart")
        if not self.configuration.get("live-restore"):
            self.containers = 0
        self.starts += 1
        values = self.read()
        if not values.get("live-restore"):
            self.containers = 0
        self.on_restart(values)
        self.configuration, self.runs = values, True
        return self.find(daemon.unit, timeout)

    def refresh(self, daemon: engine.Daemon) -> None:
        if self.stale_answers:
            self.stale_answers -= 1
        else:
            daemon.info = self.info

    def request(self, **arguments: Any) -> Request:
        return replace(Request(config={}, path=str(self.path), state_directory=str(self.state), timeout=1), **arguments)

    def run(self, **arguments: Any) -> Result:
        self.actions.clear()
        return run(self.request(**arguments))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(engine, "find", made.find)
    monkeypatch.setattr(engine, "reload", made.reload)
    monkeypatch.setattr(engine, "restart", made.restart)
    monkeypatch.setattr(engine, "refresh", made.refresh)
    monkeypatch.setattr(engine, "validate", lambda *_arguments: made.complaint)
    monkeypatch.setattr(engine, "same_process", lambda daemon: made.runs and daemon.identity == f"1:{made.starts}")
    monkeypatch.setattr(engine, "socket_listens", lambda _unit: True)
    monkeypatch.setattr(engine, "stop", lambda _unit, listening: made.actions.append(f"stop listening={listening}"))
    return made


MIRROR = {"registry-mirrors": ["https://m.example"]}


def test_apply_again_and_absent(world: World) -> None:
    first = world.run(config=MIRROR)
    assert (first.changed, first.action, world.actions) == (True, "reload", ["reload"])
    assert first.effective["registry-mirrors"] == ["https://m.example"]
    again = world.run(config=MIRROR)
    assert (again.changed, again.action, again.keys, world.actions) == (False, "none", {}, [])
    gone = world.run(present=False)
    assert (gone.changed, gone.action) == (True, "reload")
    assert not world.path.exists()
    assert not world.state.exists()
    assert world.configuration["registry-mirrors"] == []
    assert world.run(present=False).changed is False


def test_d2_a_key_that_goes_leaves_no_junk_in_the_file_and_nothing_in_the_daemon(world: World) -> None:
    world.start(icc=False)
    world.run(config=MIRROR)
    world.run(config={"debug": True})
    assert world.read() == {"icc": False, "debug": True}
    assert world.configuration == {"icc": False, "debug": True, "registry-mirrors": []}


@pytest.mark.parametrize(
    "text", ['{ "icc":false }', '{\n\t"icc": false\n}', '{"labels": ["x=y"],\r\n "icc": false}\r\n', "", "{}"]
)
def test_the_original_bytes_come_back(world: World, text: str) -> None:
    world.path.write_bytes(text.encode())
    world.configuration = world.read()
    world.run(config={**MIRROR, "labels": ["a=b"], "icc": True}, apply="restart")
    world.run(config=MIRROR, apply="restart")
    world.run(present=False, apply="restart")
    assert world.path.read_bytes() == text.encode()


@pytest.mark.parametrize("order", [["a", "b"], ["b", "a"]])
def test_the_original_bytes_come_back_when_the_last_of_two_owners_goes(world: World, order: list[str]) -> None:
    world.write(text='{ "labels":["x=y"],  "debug":false }')
    world.configuration = world.read()
    world.run(owner="a", config={"labels": ["a=1"], "debug": True})
    world.run(owner="b", config={"labels": ["b=1"]})
    world.run(owner=order[0], present=False)
    assert set(world.read()["labels"]) == {"x=y", f"{order[1]}=1"}
    world.run(owner=order[1], present=False)
    assert world.path.read_text() == '{ "labels":["x=y"],  "debug":false }'
    assert not world.state.exists()


def test_what_others_wrote_since_is_kept_instead_of_the_original_bytes(world: World) -> None:
    world.start(debug=False)
    world.run(config=MIRROR)
    world.write({**world.read(), "mtu": 1400})
    world.run(present=False)
    assert world.read() == {"debug": False, "mtu": 1400}


def test_check_mode_predicts_and_touches_nothing(world: World) -> None:
    world.start(debug=False)
    before = world.path.read_text()
    predicted = world.run(config=MIRROR, check_mode=True)
    assert (predicted.changed, predicted.action, world.actions, world.path.read_text()) == (True, "reload", [], before)
    assert not world.state.exists()
    done = world.run(config=MIRROR)
    assert (predicted.before, predicted.after, predicted.keys) == (done.before, done.after, done.keys)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_restart_that_is_not_allowed_fails_before_anything_is_written(world: World, check_mode: bool) -> None:
    with pytest.raises(ApplyError, match="mtu: dockerd reads this only when it starts.*nothing was written") as caught:
        world.run(config={**MIRROR, "mtu": 1400}, check_mode=check_mode)
    assert (caught.value.result.restart_required, caught.value.result.changed) == (True, False)
    assert (world.path.exists(), world.actions) == (False, [])


def test_apply_reload_lets_it_wait_and_says_so_every_time(world: World) -> None:
    first = world.run(config={**MIRROR, "mtu": 1400}, apply="reload")
    assert (first.changed, first.action, first.restart_required) == (True, "reload", True)
    second = world.run(config={**MIRROR, "mtu": 1400}, apply="reload")
    assert (second.changed, second.action, second.restart_required, world.actions) == (False, "none", True, [])
    assert "in effect only after a restart" in second.warnings[0]
    with pytest.raises(ApplyError, match="the file has it"):
        world.run(config={**MIRROR, "mtu": 1400})
    done = world.run(config={**MIRROR, "mtu": 1400}, allow_restart=True)
    assert (done.changed, done.action, done.restart_required) == (True, "restart", False)
    assert world.run(config={**MIRROR, "mtu": 1400}).changed is False


def test_what_waits_is_forgotten_once_the_daemon_was_restarted_by_somebody(world: World) -> None:
    world.run(config={"mtu": 1400}, apply="reload")
    world.starts += 1
    assert world.run(config={"mtu": 1400}).changed is False


def test_apply_none_only_writes_and_a_later_run_applies(world: World) -> None:
    first = world.run(config={"shutdown-timeout": 30}, apply="none")
    assert (first.changed, first.action, world.actions) == (True, "none", [])
    assert world.run(config={"shutdown-timeout": 30}, apply="none").changed is False
    later = world.run(config={"shutdown-timeout": 30})
    assert (later.changed, later.action, world.actions) == (True, "reload", ["reload"])
    assert later.keys["shutdown-timeout"]["why"] == "the running daemon does not have it yet"


def test_apply_none_and_absent_then_absent(world: World) -> None:
    world.run(config=MIRROR)
    world.run(present=False, apply="none")
    assert world.configuration == MIRROR
    done = world.run(present=False)
    assert (done.action, world.configuration) == ("reload", {"registry-mirrors": []})
    assert not world.state.exists()


def test_drift_is_healed(world: World) -> None:
    world.run(config=MIRROR)
    world.configuration["registry-mirrors"] = ["https://other.example"]
    done = world.run(config=MIRROR)
    assert (done.changed, done.action, world.configuration) == (True, "reload", MIRROR)


def test_settings_of_others_that_come_into_effect_too_are_named(world: World) -> None:
    world.write({"debug": True})
    done = world.run(config=MIRROR)
    assert done.warnings == ["debug: what the file already said was not in effect yet; now it is"]


def test_a_daemon_that_swaps_its_settings_after_the_event_is_waited_for(world: World) -> None:
    world.stale_answers = 2
    done = world.run(config=MIRROR)
    assert done.changed
    assert done.effective["registry-mirrors"] == MIRROR["registry-mirrors"]


def test_a_reload_that_does_not_take_is_rolled_back(world: World) -> None:
    world.start(debug=True)
    before = world.path.read_bytes()
    world.deaf = True
    with pytest.raises(
        ApplyError, match="reloaded, but does not run with what the file says for registry-mirrors"
    ) as caught:
        world.run(config=MIRROR)
    assert "put back byte for byte" in str(caught.value)
    assert caught.value.result.rolled_back
    assert not caught.value.result.changed
    assert world.path.read_bytes() == before
    world.deaf = False
    assert world.run(config=MIRROR).changed


def test_d4_a_reload_that_is_refused_half_way_is_undone_in_the_daemon_too(world: World) -> None:
    world.start(debug=True)
    before = world.path.read_bytes()

    def half() -> None:
        if "labels" in world.read() and world.read()["labels"]:
            world.configuration["registry-mirrors"] = ["https://m.example"]
            raise engine.DaemonError("dockerd refused the reload: labels")

    world.on_reload = half
    with pytest.raises(ApplyError, match=r"refused the reload: labels.*put back byte for byte"):
        world.run(config={**MIRROR, "labels": ["a=b"]})
    assert world.path.read_bytes() == before
    assert world.configuration == {"debug": True, "registry-mirrors": [], "labels": []}


def test_no_rollback_when_it_is_not_wanted(world: World) -> None:
    world.deaf = True
    with pytest.raises(ApplyError, match="left in .*as rollback=false"):
        world.run(config=MIRROR, rollback=False)
    assert world.read() == MIRROR
    world.deaf = False
    assert world.run(config=MIRROR).action == "reload"


def test_a_restart_that_fails_is_rolled_back_by_a_restart(world: World) -> None:
    world.start(debug=True)

    def refuse(values: dict[str, Any]) -> None:
        if "mtu" in values:
            raise engine.DaemonError("dockerd does not start: mtu")

    world.on_restart = refuse
    with pytest.raises(ApplyError, match=r"does not start: mtu.*the daemon runs as before") as caught:
        world.run(config={"mtu": 1}, allow_restart=True)
    assert caught.value.result.rolled_back
    assert world.actions == ["restart", "restart"]
    assert world.read() == {"debug": True}


def test_a_rollback_that_fails_is_not_called_one(world: World) -> None:
    world.start(debug=True)

    def refuse(values: dict[str, Any]) -> None:
        raise engine.DaemonError("dockerd does not start: the disk is gone")

    world.on_restart = refuse
    with pytest.raises(
        ApplyError, match="was put back, but the daemon is not as it was: dockerd does not start"
    ) as caught:
        world.run(config={"mtu": 1}, allow_restart=True)
    assert not caught.value.result.rolled_back
    assert world.read() == {"debug": True}


def test_a_daemon_that_did_not_run_is_left_as_it_was_when_the_start_fails(world: World) -> None:
    world.runs = False

    def refuse(values: dict[str, Any]) -> None:
        raise engine.DaemonError("dockerd does not start")

    world.on_restart = refuse
    with pytest.raises(ApplyError, match="does not start"):
        world.run(config={"mtu": 1}, apply="restart")
    assert world.actions == ["restart", "stop listening=True"]
    assert not world.path.exists()


def test_d8_containers_survive_when_live_restore_comes_with_the_restart(world: World) -> None:
    world.containers = 2
    done = world.run(config={"mtu": 1400, "live-restore": True}, allow_restart=True)
    assert (done.action, world.actions, world.containers) == ("restart", ["reload", "restart"], 2)


def test_d8_containers_survive_when_live_restore_goes_with_the_restart(world: World) -> None:
    world.run(config={"mtu": 1400, "live-restore": True}, allow_restart=True)
    world.containers = 2
    world.run(present=False, allow_restart=True)
    assert (world.actions, world.containers, world.path.exists()) == (["restart", "reload"], 2, False)
    assert world.configuration["live-restore"] is False


def test_d8_containers_survive_a_rollback(world: World) -> None:
    world.containers = 2

    def refuse(values: dict[str, Any]) -> None:
        if "mtu" in values:
            raise engine.DaemonError("dockerd does not start: mtu")

    world.on_restart = refuse
    with pytest.raises(ApplyError, match="the daemon runs as before"):
        world.run(config={"mtu": 1, "live-restore": True}, allow_restart=True)
    assert (world.containers, world.path.exists(), world.configuration) == (2, False, {"live-restore": False})


def test_d8_containers_survive_when_turning_live_restore_on_fails(world: World) -> None:
    world.containers = 2
    world.deaf = True
    with pytest.raises(ApplyError, match="does not run with what the file says for live-restore"):
        world.run(config={"mtu": 1, "live-restore": True}, allow_restart=True)
    assert (world.containers, "restart" in world.actions, world.path.exists()) == (2, False, False)


@pytest.mark.parametrize("check_mode", [True, False])
def test_d8_a_restart_that_stops_containers_has_to_be_allowed(world: World, check_mode: bool) -> None:
    world.containers = 2
    with pytest.raises(ApplyError, match="would stop 2 running containers"):
        world.run(config={"mtu": 1400}, apply="restart", check_mode=check_mode)
    assert world.actions == []
    assert world.run(config={"mtu": 1400}, apply="restart", allow_restart=True).action == "restart"


def test_a_stopped_daemon_is_not_started(world: World) -> None:
    world.runs = False
    done = world.run(config={**MIRROR, "mtu": 1400})
    assert (done.changed, done.action, done.restart_required, world.actions) == (True, "none", False, [])
    assert "docker.service is inactive: the file is written, the daemon was not started" in done.warnings
    assert world.run(config={**MIRROR, "mtu": 1400}).changed is False


def test_a_stopped_daemon_is_started_by_apply_restart(world: World) -> None:
    world.runs = False
    assert world.run(config={"mtu": 1400}, apply="restart").action == "restart"
    assert world.configuration == {"mtu": 1400}


def test_no_docker_at_all(world: World) -> None:
    world.runs = world.exists = False
    with pytest.raises(ApplyError, match=r"no unit docker\.service.*install Docker Engine"):
        world.run(config=MIRROR)
    predicted = world.run(config=MIRROR, check_mode=True)
    assert (predicted.changed, predicted.action) == (True, "none")
    assert "was not checked" in predicted.warnings[0]
    assert world.run(config=MIRROR, apply="none").changed


def test_a_host_without_systemd_can_only_have_the_file_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_service: str, _timeout: float) -> engine.Daemon:
        raise engine.DaemonError("systemd does not answer on this host")

    monkeypatch.setattr(engine, "find", absent)
    with pytest.raises(ApplyError, match=r"systemd does not answer on this host\. Nothing was changed"):
        world.run(config=MIRROR)
    assert world.run(config=MIRROR, apply="none").changed
    assert world.read() == MIRROR


def test_another_configuration_file_is_noticed(world: World) -> None:
    world.argv = ["/usr/sbin/dockerd", "--config-file=/srv/docker.json"]
    with pytest.raises(ApplyError, match=r"reads /srv/docker\.json.*set path to it"):
        world.run(config=MIRROR)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"registry-mirror": ["https://m"]}, 'did you mean "registry-mirrors"'),
        ({"hosts": ["fd://"]}, "started with -H"),
        ({"registry-mirrors": ["m.example"]}, "has no scheme"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_wrong_configuration_is_refused_before_anything_is_touched(
    world: World, config: dict[str, Any], message: str, check_mode: bool
) -> None:
    with pytest.raises(ApplyError, match=f"would not work and was left as it is: .*{message}"):
        world.run(config=config, check_mode=check_mode)
    assert (world.path.exists(), world.actions) == (False, [])


def test_dockerds_own_complaint_is_passed_on_without_secrets(world: World) -> None:
    world.complaint = "invalid log opt geheim99"
    with pytest.raises(ApplyError, match=r"dockerd --validate says: invalid log opt \*+"):
        world.run(
            config={"log-driver": "splunk", "log-opts": {"splunk-token": "geheim99"}},
            allow_restart=True,
            check_mode=True,
        )


def test_something_wrong_of_others_is_a_warning_when_there_is_nothing_to_do_and_an_error_when_there_is(
    world: World,
) -> None:
    world.start(**MIRROR)
    world.run(config=MIRROR)
    world.write({**MIRROR, "labels": "x"})
    assert world.run(config=MIRROR).warnings == ["labels: it is a string; it has to be a list of strings"]
    with pytest.raises(ApplyError, match="labels: it is a string"):
        world.run(config={"debug": True})


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"a": 1, "a": 2}', "// x\n{}"])
def test_a_file_that_cannot_be_understood_is_left_alone(world: World, text: str) -> None:
    world.write(text=text)
    for arguments in (
        {"config": MIRROR},
        {"present": False},
        {"config": MIRROR, "check_mode": True},
        {"config": MIRROR, "apply": "none"},
    ):
        with pytest.raises(ApplyError, match="cannot be understood and was left as it is"):
            world.run(**arguments)
    assert world.path.read_text() == text


def test_null_and_misplaced_strategies_are_refused(world: World) -> None:
    with pytest.raises(ApplyError, match=r"log-opts\.max-size: null is no value"):
        world.run(config={"log-opts": {"max-size": None}})
    with pytest.raises(ApplyError, match="list_strategy names debug, which is not a list in config"):
        world.run(config={"debug": True}, list_strategy={"debug": "append"})


def test_secrets_are_not_shown_and_the_new_file_is_private(world: World) -> None:
    config = {"log-driver": "splunk", "log-opts": {"splunk-token": "geheim99", "splunk-url": "https://s"}}
    done = world.run(config=config, allow_restart=True)
    assert "geheim99" not in repr({k: v for k, v in vars(done).items() if k != "secrets"})
    assert '"splunk-token": "********"' in done.after
    assert world.path.stat().st_mode & 0o777 == 0o600
    assert world.read() == config


def test_a_backup_is_made_of_a_file_that_changes(world: World, tmp_path: Path) -> None:
    asked: list[str] = []

    def backup(path: str) -> str:
        asked.append(Path(path).read_text())
        return f"{path}.bak"

    world.start(debug=True)
    assert world.run(config=MIRROR, backup=backup).backup_file.endswith("daemon.json.bak")
    assert asked == ['{"debug": true}']
    assert world.run(config=MIRROR, backup=backup).backup_file == ""


def test_two_owners_of_different_minds_are_warned(world: World) -> None:
    world.run(owner="a", config={"debug": True})
    done = world.run(owner="b", config={"debug": False})
    assert done.warnings == ["debug: another owner wants another value; owner b came last and wins"]


def cut_at(world: World, monkeypatch: pytest.MonkeyPatch, step: int, **arguments: Any) -> bool:
    """Kill a run at its n-th effect on the host; whether it came that far."""
    count = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise Cut
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patched:
        for module, name in (
            (files, "write"),
            (files, "remove"),
            (engine, "reload"),
            (engine, "restart"),
            (Store, "save"),
        ):
            patched.setattr(module, name, counted(getattr(module, name)))
        try:
            world.run(**arguments)
        except Cut:
            return True
    return False


FIRST = {**MIRROR, "labels": ["a=b"], "mtu": 1400, "live-restore": True}


# Noting, then kept + restart, dropped + reload, final, and noting again: seven effects on the host.
@pytest.mark.parametrize("second", [{"config": {"debug": True, "labels": ["c=d"]}}, {"present": False}])
@pytest.mark.parametrize("step", range(1, 8))
def test_a_run_that_is_cut_off_is_carried_on_as_if_it_had_not_been(
    world: World, monkeypatch: pytest.MonkeyPatch, step: int, second: dict[str, Any]
) -> None:
    original = '{ "labels":["x=y"] }'
    world.write(text=original)
    world.configuration = world.read()
    world.run(owner="first", config=FIRST, allow_restart=True)
    arguments = {"owner": "first", "allow_restart": True, **second}
    assert cut_at(world, monkeypatch, step, **arguments)
    world.run(**arguments)
    labels = ["x=y", *second.get("config", {}).get("labels", [])]
    if second.get("present", True):
        assert world.read() == {**second["config"], "labels": labels}
    else:
        assert world.path.read_text() == original
    for name, value in world.read().items():
        assert world.configuration[name] == value
    assert world.configuration.get("live-restore", False) is second.get("config", {}).get("live-restore", False)
    assert world.run(**arguments).changed is False
    world.run(owner="first", present=False, allow_restart=True)
    assert world.path.read_text() == original
    assert not world.state.exists()


@pytest.mark.parametrize("step", range(1, 5))
def test_a_very_first_run_that_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    assert cut_at(world, monkeypatch, step, config=MIRROR)
    world.run(config=MIRROR)
    assert world.read() == world.configuration == MIRROR
    world.run(present=False)
    assert not world.path.exists()
    assert not world.state.exists()


def test_a_file_that_changes_in_the_same_moment_is_not_overwritten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*_arguments: Any) -> str:
        world.write({"debug": True})
        return ""

    monkeypatch.setattr(engine, "validate", meanwhile)
    with pytest.raises(ApplyError, match="changed by somebody else in this very moment"):
        world.run(config=MIRROR)
    assert world.read() == {"debug": True}


def test_a_disk_that_is_full_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise files.FileError("daemon.json cannot be written: No space left on device")

    world.start(debug=True)
    with monkeypatch.context() as patched:
        patched.setattr(files, "write", full)
        with pytest.raises(ApplyError, match="No space left"):
            world.run(config=MIRROR)
    assert world.read() == world.configuration == {"debug": True}
    assert world.run(config=MIRROR).changed


def test_state_that_cannot_be_noted_in_the_end_is_said_and_made_up_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, calls = Store.save, 0

    def second_fails(self: Store, before: Any, after: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StateError("the disk is full")
        save(self, before, after)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "save", second_fails)
        with pytest.raises(ApplyError, match=r"is in effect, but .*Run it again"):
            world.run(config=MIRROR)
    world.run(config=MIRROR)
    world.run(present=False)
    assert not world.path.exists()


def test_damaged_state_stops_everything(world: World) -> None:
    world.state.mkdir()
    (world.state / "other.json").write_text("{")
    with pytest.raises(ApplyError, match=r"other\.json is damaged"):
        world.run(config=MIRROR)
    assert not world.path.exists()


def test_the_default_strategies() -> None:
    assert [
        apply.strategy_for(name, {}) for name in ("registry-mirrors", "insecure-registries", "labels", "dns", "new")
    ] == ["prepend", "append", "append", "replace", "replace"]
    assert apply.strategy_for("dns", {"dns": "append"}) == "append"
