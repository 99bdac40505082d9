# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One dockerd on this host: its unit, its process and its API."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import flags as cmdline
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.keys import Version
from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import (
    DEFAULT_SOCKET,
    EngineApi,
    EngineError,
    EngineTimeout,
)

# A restarted daemon has to stay the same process, and answer, for this long: one that dies on its configuration after
# it has told systemd that it is ready does so within a second.
SETTLE_SECONDS = 3.0
# After its reload event a daemon swaps settings in memory; this bounds the wait on a machine that is very busy.
RELOAD_SETTLE_SECONDS = 5.0
POLL_SECONDS = 0.2

_PROPERTIES = ("LoadState", "ActiveState", "SubState", "MainPID", "ExecStart", "Environment", "EnvironmentFiles")
_FAILED_RELOAD = re.compile(
    r"Error reconfiguring the daemon|Error reloading configuration|unable to configure the Docker daemon"
    r"|file configuration validation failed",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"level=(error|fatal)|failed to start daemon|unable to configure|panic|invalid|the following directives",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"^(systemd|docker\.service: )|Failed with result|Start request repeated|Scheduled restart job|Main process exited"
)


class DaemonError(Exception):
    """The daemon is not what this module can work with, or did not do what it was told."""


@dataclass
class Daemon:
    """What was found out about the daemon of a unit.

    :ivar exists: systemd knows the unit.
    :ivar pid: main process, 0 if it does not run.
    :ivar state: ActiveState of the unit.
    :ivar argv: the command line, of the process or, when it does not run, of the unit.
    :ivar version: as in ``(26, 1)``; None if it cannot be known.
    :ivar identity: names this very process; every start of the daemon makes another.
    :ivar info: the answer of ``/info``, empty when it does not run.
    """

    unit: str
    exists: bool = False
    pid: int = 0
    identity: str = ""
    state: str = ""
    argv: list[str] = field(default_factory=list)
    version: Version | None = None
    version_text: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    api: EngineApi = field(default_factory=EngineApi)

    @property
    def running(self) -> bool:
        return self.pid > 0

    @property
    def flags(self) -> dict[str, list[tuple[str, str]]]:
        return cmdline.parse(self.argv)

    @property
    def snapshotter(self) -> bool:
        """It has the containerd image store."""
        status = self.info.get("DriverStatus") or []
        return ["driver-type", "io.containerd.snapshotter.v1"] in [list(pair) for pair in status]

    @property
    def swarm(self) -> bool:
        return (self.info.get("Swarm") or {}).get("LocalNodeState", "inactive") not in ("inactive", "")


def find(service: str, timeout: float) -> Daemon:
    """Look at the daemon of a unit, without starting anything.

    The API is asked only when the unit has a process: a mere connection to the socket of a stopped one would start it.

    :raises DaemonError: no systemd; something else than dockerd; or a running daemon that does not answer.
    """
    unit = service if "." in service else f"{service}.service"
    properties = _show(unit)
    daemon = Daemon(
        unit=unit,
        exists=properties.get("LoadState") not in ("not-found", None),
        state=properties.get("ActiveState", ""),
    )
    if not daemon.exists:
        return daemon
    pid = int(properties.get("MainPID") or 0)
    if pid > 0:
        daemon.argv = _process_argv(pid)
    if daemon.argv:
        daemon.pid, daemon.identity = pid, _identity(pid)
        if os.path.basename(daemon.argv[0]) != "dockerd":
            raise DaemonError(f"{unit} runs {daemon.argv[0]}, not dockerd")
        daemon.api = EngineApi(_socket(daemon.flags), timeout)
        _ask(daemon, timeout)
    else:
        daemon.argv = _unit_argv(properties)
        daemon.version_text, daemon.version = _installed_version(daemon.argv)
    return daemon


def binary(daemon: Daemon) -> str | None:
    """The program of the daemon, or None if there is none."""
    if daemon.argv and os.path.isabs(daemon.argv[0]) and os.access(daemon.argv[0], os.X_OK):
        return daemon.argv[0]
    return shutil.which("dockerd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/usr/local/bin:/sbin")


def validate(daemon: Daemon, content: bytes, path: str, timeout: float) -> str:
    """Let dockerd itself check a document together with the flags it runs with.

    :returns: what it has against it, or an empty string; also where dockerd cannot check (before 23.0).
    """
    program = binary(daemon)
    if program is None or (daemon.version is not None and daemon.version < (23, 0)):
        return ""
    with tempfile.TemporaryDirectory(prefix="daemon_json-") as directory:
        copy = os.path.join(directory, "daemon.json")
        with open(copy, "wb") as stream:
            stream.write(content)
        words = [*_without_config_file(daemon.argv[1:]), "--validate", "--config-file", copy]
        code, output = _run([program, *words], timeout)
    if code == 0 or "unknown flag: --validate" in output:
        return ""
    output = output.replace(copy, path)
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {code}"


def reload(daemon: Daemon, timeout: float) -> dict[str, str]:
    """Send SIGHUP and wait for the daemon's own word that it reloaded.

    Neither the exit code of ``systemctl reload`` nor a log line says so (docs/facts.md D3).

    :returns: the attributes of the event: the reloadable keys as they are now.
    :raises DaemonError: no event came; with the reason from the journal.
    """
    since = time.time()
    deadline = time.monotonic() + timeout
    try:
        os.kill(daemon.pid, signal.SIGHUP)
    except OSError as error:
        raise DaemonError(f"SIGHUP could not be sent to dockerd: {error}") from error
    while True:
        # The daemon keeps its latest events: asking again from the same moment on misses none.
        attributes = _reload_event(daemon, since, min(1.0, max(deadline - time.monotonic(), 0.1)))
        if attributes is not None:
            return attributes
        reason = reason_from_journal(daemon.unit, since, _FAILED_RELOAD)
        if not _alive(daemon.pid):
            raise DaemonError(f"dockerd died on the reload: {reason or 'see the journal'}")
        if reason:
            raise DaemonError(f"dockerd refused the reload: {reason}")
        if time.monotonic() >= deadline:
            raise DaemonError(f"dockerd did not report a reload within {timeout:g} seconds")


def restart(daemon: Daemon, timeout: float) -> Daemon:
    """Restart the unit and wait until the daemon answers and stays up.

    :returns: the daemon as it is then.
    :raises DaemonError: it does not come up; with the reason from the journal.
    """
    since = time.time()
    deadline = time.monotonic() + timeout
    reset_failed(daemon.unit)
    code, output = _run(["systemctl", "restart", daemon.unit], timeout)
    if code != 0:
        reason = reason_from_journal(daemon.unit, since)
        raise DaemonError(f"dockerd does not start: {reason or output.strip() or 'no reason in the journal'}")
    return _wait_until_settled(daemon.unit, since, deadline)


def reset_failed(unit: str) -> None:
    """Clear systemd's count of failures and starts: with too many it starts neither the unit nor its socket."""
    name = unit.rpartition(".")[0]
    _run(["systemctl", "reset-failed", unit, f"{name}.socket"], 30)


def socket_listens(unit: str) -> bool:
    """Whether systemd listens on the unit's socket, ready to start the daemon."""
    return _run(["systemctl", "is-active", "--quiet", f"{unit.rpartition('.')[0]}.socket"], 30)[0] == 0


def stop(unit: str, listening: bool) -> None:
    """Put a unit that did not run before a failed start back to rest.

    :param listening: its socket listened before.
    """
    name = unit.rpartition(".")[0]
    _run(["systemctl", "stop", unit], 60)
    reset_failed(unit)
    if listening:
        _run(["systemctl", "start", f"{name}.socket"], 30)


def same_process(daemon: Daemon) -> bool:
    """Whether the process that was found is still there."""
    return bool(daemon.identity) and _identity(daemon.pid) == daemon.identity


def settle(daemon: Daemon, settled: Callable[[Mapping[str, Any]], bool], timeout: float) -> None:
    """Read ``/info`` again until it is *settled*, for as long as a daemon may take after its reload event.

    Engines from 25 on send that event before they swap the settings of registries (moby, daemon/reload.go: the event,
    then ``Commit``), so the first ``/info`` after it may still show the old ones.

    :param timeout: seconds, of which no more than `RELOAD_SETTLE_SECONDS` are spent; ``daemon.info`` is then the last
        answer.
    :raises DaemonError: the daemon does not answer.
    """
    deadline = time.monotonic() + min(timeout, RELOAD_SETTLE_SECONDS)
    while True:
        refresh(daemon)
        if settled(daemon.info) or time.monotonic() >= deadline:
            return
        time.sleep(POLL_SECONDS)


def refresh(daemon: Daemon) -> None:
    """Read ``/info`` again."""
    try:
        daemon.info = daemon.api.get_json("/info")
    except EngineError as error:
        raise DaemonError(f"dockerd does not answer: {error}") from error


def reason_from_journal(unit: str, since: float, pattern: re.Pattern[str] = _REASON) -> str:
    """The last thing the daemon complained about, or an empty string."""
    code, output = _run(
        [
            "journalctl",
            "--no-pager",
            "--quiet",
            "--output=cat",
            f"--unit={unit}",
            f"--since=@{since:.6f}",
            "--lines=200",
        ],
        15,
    )
    if code != 0:
        return ""
    lines = [line for line in output.splitlines() if pattern.search(line) and not _NOISE.search(line)]
    return _message(lines[-1]) if lines else ""


def _wait_until_settled(unit: str, since: float, deadline: float) -> Daemon:
    pid, stable_since = 0, 0.0
    while True:
        now = time.monotonic()
        properties = _show(unit)
        current = int(properties.get("MainPID") or 0)
        if properties.get("ActiveState") == "active" and current:
            if current != pid:
                pid, stable_since = current, now
            elif now - stable_since >= SETTLE_SECONDS:
                with contextlib.suppress(DaemonError):
                    return find(unit, max(deadline - now, 1.0))
        else:
            pid = 0
            if properties.get("ActiveState") == "failed":
                raise DaemonError(
                    f"dockerd started and died: {reason_from_journal(unit, since) or 'no reason in the journal'}"
                )
        if now >= deadline:
            raise DaemonError(
                f"dockerd does not stay up: {reason_from_journal(unit, since) or 'no reason in the journal'}"
            )
        time.sleep(POLL_SECONDS)


def _reload_event(daemon: Daemon, since: float, timeout: float) -> dict[str, str] | None:
    try:
        with daemon.api.events({"type": ["daemon"], "event": ["reload"]}, since, timeout) as events:
            for event in events:
                return dict((event.get("Actor") or {}).get("Attributes") or {})
    except EngineTimeout:
        return None
    except EngineError:
        time.sleep(POLL_SECONDS)
    return None


def _show(unit: str) -> dict[str, str]:
    code, output = _run(["systemctl", "show", unit, *[f"--property={name}" for name in _PROPERTIES]], 30)
    if code != 0:
        raise DaemonError(
            f"systemd does not answer on this host ({output.strip() or code}); this module needs it to apply a "
            "configuration, use apply=none to only write the file"
        )
    properties: dict[str, str] = {}
    for line in output.splitlines():
        name, _equals, value = line.partition("=")
        properties[name] = f"{properties[name]}\n{value}" if name in properties else value
    return properties


def _ask(daemon: Daemon, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            version = daemon.api.get_json("/version")
            daemon.info = daemon.api.get_json("/info")
            break
        except EngineError as error:
            # A daemon that is just starting has a process before it answers.
            if time.monotonic() >= deadline or not _alive(daemon.pid):
                raise DaemonError(
                    f"dockerd runs (process {daemon.pid}) but does not answer on {daemon.api.socket_path}: {error}"
                ) from error
            time.sleep(POLL_SECONDS)
    names = [component.get("Name", "") for component in version.get("Components") or []]
    if any("podman" in name.lower() for name in names):
        raise DaemonError(
            f"{daemon.api.socket_path} belongs to Podman, not to dockerd: daemon.json means nothing to it"
        )
    daemon.version_text = str(version.get("Version", ""))
    daemon.version = _version(daemon.version_text)


def _process_argv(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return [word.decode("utf-8", "surrogateescape") for word in stream.read().split(b"\0")[:-1]]
    except OSError:
        return []


def _unit_argv(properties: Mapping[str, str]) -> list[str]:
    match = re.search(r"argv\[\]=(.*?) ; ignore_errors=", properties.get("ExecStart", ""))
    if match is None:
        return []
    environment = {}
    for assignment in cmdline.expand(properties.get("Environment", ""), {}):
        name, _equals, value = assignment.partition("=")
        environment[name] = value
    for line in properties.get("EnvironmentFiles", "").splitlines():
        with contextlib.suppress(OSError), open(line.split(" (", 1)[0], encoding="utf-8", errors="replace") as stream:
            environment.update(cmdline.parse_environment(stream.read()))
    try:
        return cmdline.expand(match.group(1), environment)
    except ValueError:
        return []


def _installed_version(argv: Sequence[str]) -> tuple[str, Version | None]:
    program = binary(Daemon(unit="", argv=list(argv)))
    if program is None:
        return "", None
    _code, output = _run([program, "--version"], 30)
    match = re.search(r"version ([^\s,]+)", output)
    text = match.group(1) if match else ""
    return text, _version(text)


def _version(text: str) -> Version | None:
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match.group(1)), int(match.group(2))) if match else None


def _socket(flags: Mapping[str, list[tuple[str, str]]]) -> str:
    for _spelling, address in flags.get("hosts", []):
        if address.startswith("unix://"):
            return address[len("unix://") :]
    return DEFAULT_SOCKET


def _without_config_file(words: Sequence[str]) -> list[str]:
    kept = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "--config-file":
            skip = True
        elif not word.startswith("--config-file="):
            kept.append(word)
    return kept


def _identity(pid: int) -> str:
    """Process number and start time, as process numbers come around again; an empty string for no process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return f"{pid}:{stream.read().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return ""


def _alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}/cmdline")


def _message(line: str) -> str:
    """The message and error of one line of dockerd's log."""
    fields = dict(re.findall(r'(msg|error)="((?:[^"\\]|\\.)*)"', line))
    parts = [fields[name].replace('\\"', '"') for name in ("msg", "error") if fields.get(name)]
    return ": ".join(parts) if parts else line.strip()


def _run(words: Sequence[str], timeout: float) -> tuple[int, str]:
    """Run a program; its exit code, and both outputs together."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            list(words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return 124, f"{words[0]} did not finish within {timeout:g} seconds"
    except OSError as error:
        return 127, f"{words[0]}: {error.strerror}"
    return done.returncode, done.stdout.decode("utf-8", "replace")
