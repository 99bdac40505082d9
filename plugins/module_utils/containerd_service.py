# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd as it runs on this host: what it makes of a configuration, and its restart.

A restart of containerd leaves containers alone: each has a shim of its own, which the new process finds again
(docs/facts.md C5).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time

POLL_SECONDS = 0.2
SEARCH_PATH = os.pathsep.join(["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"])


class ServiceError(Exception):
    """containerd, or systemd, does not do what it should; the message says what."""


def program(name: str) -> str | None:
    """Where a program is, None where it is not installed."""
    return shutil.which(name) or shutil.which(name, path=SEARCH_PATH)


def run(words: list[str], timeout: float) -> tuple[int, str, str]:
    """Run a command to its end; gives exit code, output and errors. Exit code 124 stands for no end in time."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"no end within {timeout:g} seconds"
    except OSError as error:
        return 127, "", error.strerror or str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


class Containerd:
    """The containerd of this host.

    :param unit: its systemd unit.
    :param timeout: seconds for each command, and for a restart until it answers.
    :raises ServiceError: containerd is not installed.
    """

    def __init__(self, unit: str, timeout: float) -> None:
        found = program("containerd")
        if found is None:
            raise ServiceError("containerd is not installed on this host (there is no program containerd)")
        self._binary = found
        self._unit = unit
        self._timeout = timeout

    def dump(self, config_file: str) -> str:
        """What containerd makes of a configuration file, or of none where there is no such file."""
        words = ["--config", config_file, "config", "dump"] if os.path.exists(config_file) else ["config", "default"]
        code, output, errors = run([self._binary, *words], self._timeout)
        if code != 0:
            raise ServiceError(f"containerd cannot use {config_file}: {_last_line(errors)}")
        return output

    def dump_text(self, text: str, beside: str) -> str:
        """:meth:`dump` for a text that is not in place yet. It lies beside the real file, so that imports are found."""
        directory = os.path.dirname(beside)
        while not os.path.isdir(directory):
            directory = os.path.dirname(directory)
        # Not .toml at its end: a pattern in `imports` must not find it.
        handle, path = tempfile.mkstemp(prefix=".dockmirror-", suffix=".new", dir=directory)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
            return self.dump(path)
        finally:
            os.unlink(path)

    def identity(self) -> str:
        """The running process, so that another one can be told from it; empty where containerd does not run."""
        code, output, errors = run(["systemctl", "show", "--property=MainPID", "--value", self._unit], self._timeout)
        if code != 0:
            raise ServiceError(f"systemd does not answer about {self._unit}: {_last_line(errors)}")
        pid = output.strip()
        if pid in ("", "0"):
            return ""
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return f"{pid}:{stream.read().rpartition(')')[2].split()[19]}"
        return ""

    def broken_plugins(self) -> list[str]:
        """The CRI plugins that the running containerd could not start."""
        code, output, errors = run([program("ctr") or "ctr", "plugins", "ls"], self._timeout)
        if code != 0:
            raise ServiceError(f"containerd does not answer: {_last_line(errors)}")
        rows = [line.split() for line in output.splitlines()]
        return [
            f"{row[0]}.{row[1]}" for row in rows if len(row) >= 4 and "cri" in row[0] + row[1] and row[-1] == "error"
        ]

    def restart(self) -> None:
        """Restart containerd and wait until it answers.

        :raises ServiceError: it does not come up.
        """
        run(["systemctl", "reset-failed", self._unit], self._timeout)
        code, _output, errors = run(["systemctl", "restart", self._unit], self._timeout)
        if code != 0:
            raise ServiceError(f"containerd does not start: {_last_line(errors)}")
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                self.broken_plugins()
                return
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "without a word"
