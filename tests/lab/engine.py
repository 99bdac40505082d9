# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's Docker Engine: used when one answers, else installed and started, and only then ever removed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.lab import apt, leftovers, limits, paths, preflight, state
from tests.lab.preflight import NotPossible
from tests.lab.run import LabError, docker, run, say, step, wait_until

DATA_ROOT = Path("/var/lib/docker")
RUN = Path("/run/dockmirror-lab")
PID_FILE = RUN / "dockerd.pid"
LOG = paths.CACHE / "dockerd.log"
START_TIMEOUT = 60.0

__all__ = ["NotPossible", "answers", "down", "up"]


def answers() -> bool:
    """True when an engine can be used, wherever ``DOCKER_HOST`` or the client's context point to."""
    if not shutil.which("docker"):
        return False
    return run("docker", "version", "-f", "{{.Server.Version}}", timeout=30, check=False).returncode == 0


def up() -> None:
    """Make sure that an engine answers. One that does is used as it is."""
    if answers():
        return
    preflight.check()
    record = state.load()
    if not record.engine:  # else this is a later start, and the first one's findings count
        record.data_root_made = not DATA_ROOT.exists()
        record.bridge_made = not leftovers.bridge()
        record.forwarded_before = leftovers.forwarding()
        state.save(record)
    # Debian 13 split the client off. iptables and certificates are recommendations, without which no engine works.
    client = ["docker-cli"] if apt.available("docker-cli") else []
    apt.install("docker.io", *client, "iptables", "ca-certificates")
    if answers():  # its package started it
        _record(engine="service")
    elif Path("/run/systemd/system").is_dir():
        _record(engine="service")
        run("systemctl", "start", "docker")
    else:
        _spawn()
    if not answers():
        raise LabError("the Docker Engine was started but does not answer")


def _spawn() -> None:
    RUN.mkdir(parents=True, exist_ok=True)
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    # A pid file that a dead engine left (restored disk, killed machine) keeps the next one from starting.
    for stale in (PID_FILE, Path("/var/run/docker.pid")):
        if stale.exists() and not _is_engine(int(stale.read_text().strip() or 0)):
            stale.unlink()
    with step("starting the Docker Engine"), LOG.open("ab") as log:
        # Its own session: the end of make, or of a terminal, must not take it along.
        process = subprocess.Popen(
            ["dockerd", "--pidfile", str(PID_FILE)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
        )  # fmt: skip
        _record(engine="process", pid=process.pid)

        def ready() -> bool:
            if process.poll() is not None:
                tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
                raise LabError(f"the Docker Engine ended at once; its last words:\n{tail}")
            return answers()

        wait_until(ready, START_TIMEOUT, f"the Docker Engine's first answer (its log is {LOG})")


def _record(engine: str, pid: int = 0) -> None:
    record = state.load()
    record.engine, record.engine_pid = engine, pid
    state.save(record)


def _is_engine(pid: int) -> bool:
    """True while *pid* is a living dockerd; one that ended and that nobody waits for has no command line any more."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0].endswith(b"dockerd")
    except OSError:
        return False


def down() -> None:
    """Stop the engine the lab started and remove what it installed; anything in use by others stays."""
    limits.restore()
    record = state.load()
    if record.engine and answers() and (foreign := _foreign()):
        say(f"the Docker Engine stays, because others use it by now: {foreign}")
        return
    if record.engine == "process" and _is_engine(record.engine_pid):
        os.kill(record.engine_pid, signal.SIGTERM)
        wait_until(lambda: not _is_engine(record.engine_pid), 60, "end of the Docker Engine")
        say("Docker Engine stopped")
    elif record.engine == "service" and Path("/run/systemd/system").is_dir():
        run("systemctl", "stop", "docker.service", "docker.socket")
        say("Docker Engine stopped")
    shutil.rmtree(RUN, ignore_errors=True)
    if record.engine and record.bridge_made:
        leftovers.remove(record.forwarded_before)
    if not apt.remove(record.packages):
        return
    if record.data_root_made and not shutil.which("dockerd"):
        shutil.rmtree(DATA_ROOT)
    state.save(state.State())


def _foreign() -> str:
    """What is in the engine now that the lab did not put there; the lab's own things are gone when this is asked."""
    containers = docker("ps", "-aq").split()
    images = docker("image", "ls", "-q").split()
    volumes = docker("volume", "ls", "-q").split()
    counted = {"containers": len(containers), "images": len(images), "volumes": len(volumes)}
    return ", ".join(f"{number} {what}" for what, number in counted.items() if number)
