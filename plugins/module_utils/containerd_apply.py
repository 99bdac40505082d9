# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing C(config_path) into a host's containerd, and out of it again.

What was there before is kept on the host, mode 0600: offboarding gives it back to the byte if nobody else changed the
file in the meantime, and takes the one value out if somebody did.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import NamedTuple

from ansible_collections.dockmirror.fleet.plugins.module_utils import containerd_config as config
from ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_service import Containerd, ServiceError
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import files

STATE_DIRECTORY = "/var/lib/dockmirror/containerd_config"


class ApplyError(Exception):
    """Nothing was changed, or all of it was put back; the message says why.

    :ivar restart_required: the reason is that a restart is needed and not allowed.
    """

    def __init__(self, message: str, restart_required: bool = False) -> None:
        super().__init__(message)
        self.restart_required = restart_required


class Outcome(NamedTuple):
    """What was done, or in check mode would be.

    :ivar before: the file's text before, None where there was none; ``after`` likewise.
    :ivar cri: whether containerd's CRI plugin is on, which alone needs C(config_path).
    :ivar restarted: containerd was restarted.
    :ivar restart_required: the running containerd does not know of the change yet.
    """

    before: str | None
    after: str | None
    cri: bool
    restarted: bool = False
    restart_required: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was changed."""
        return self.before != self.after or self.restarted


@dataclass
class State:
    """What this module did to one file.

    :ivar home: the table in which it put its value, and ``directory`` that value.
    :ivar previous: the text of the value before, None where there was none.
    :ivar original: the whole file before, base64, None where there was none.
    :ivar written: SHA-256 of what was written.
    :ivar waiting: the process that has not read it, empty where none is known.
    """

    home: list[str]
    directory: str
    previous: str | None
    original: str | None
    written: str
    waiting: str


class Apply:
    """One run over one file.

    :param config_file: containerd's configuration; it need not exist.
    :param directory: the directory for C(hosts.toml).
    """

    def __init__(
        self,
        containerd: Containerd,
        config_file: str,
        directory: str,
        allow_restart: bool,
        check_mode: bool,
        state_directory: str = STATE_DIRECTORY,
    ) -> None:
        self._containerd = containerd
        self._directory = directory.rstrip("/")
        self._allow_restart = allow_restart
        self._check_mode = check_mode
        self._state_file = os.path.join(
            state_directory, hashlib.sha256(config_file.encode()).hexdigest()[:16] + ".json"
        )
        self._snapshot = files.read(config_file)
        try:
            self._text = self._snapshot.data.decode("utf-8") if self._snapshot.existed else None
        except UnicodeDecodeError as error:
            raise ApplyError(f"{config_file} is not UTF-8 text, and stays as it was") from error

    def present(self) -> Outcome:
        """Make containerd's CRI look into the directory.

        :raises ApplyError: it is not possible; nothing was changed, or all was put back.
        """
        now = config.effective(self._containerd.dump(self._snapshot.path))
        if not now.cri:
            return Outcome(self._text, self._text, cri=False)
        identity = self._containerd.identity()
        if self._directory in [path.rstrip("/") for path in now.config_path]:
            return self._catch_up(identity)
        self._refuse(now)
        home, after = self._edit(now)
        if identity and not self._allow_restart:
            raise ApplyError(
                f"containerd's CRI reads no {self._directory} yet: config_path has to be set in {self._snapshot.path}, "
                "and containerd reads that when it starts only. Nothing was changed. Set "
                "containerd_client_allow_restart to true to allow the restart, which containers survive",
                restart_required=True,
            )
        outcome = Outcome(self._text, after, cri=True, restarted=bool(identity))
        if self._check_mode:
            return outcome
        state = State(
            list(home),
            self._directory,
            config.value_text(self._text or "", home),
            base64.b64encode(self._snapshot.data).decode() if self._snapshot.existed else None,
            _digest(after),
            identity,
        )
        self._remember(state)
        self._write(after)
        if identity:
            self._restart_or_put_back()
            self._remember(State(**{**asdict(state), "waiting": ""}))
        return outcome

    def absent(self) -> Outcome:
        """Give back what was there. The running containerd is restarted where that is allowed."""
        state = self._state()
        if state is None:
            return Outcome(self._text, self._text, cri=False)
        after = self._without(state)
        identity = self._containerd.identity()
        restart = bool(identity) and self._allow_restart and after != self._text
        if not self._check_mode:
            self._write(after)
            if restart:
                self._containerd.restart()
            os.unlink(self._state_file)
        left = bool(identity) and after != self._text and not restart
        return Outcome(self._text, after, cri=True, restarted=restart, restart_required=left)

    def _without(self, state: State) -> str | None:
        if self._text is None:
            return None
        if _digest(self._text) == state.written:
            return None if state.original is None else base64.b64decode(state.original).decode("utf-8")
        return config.without_config_path(self._text, tuple(state.home), state.directory, state.previous)

    def _catch_up(self, identity: str) -> Outcome:
        """The file is right; a run before this one may have ended between writing and restarting."""
        state = self._state()
        if state is None or not identity or state.waiting != identity:
            return Outcome(self._text, self._text, cri=True)
        if not self._allow_restart:
            raise ApplyError(
                f"{self._snapshot.path} is right, but the running containerd has not read it. Set "
                "containerd_client_allow_restart to true to allow the restart, which containers survive",
                restart_required=True,
            )
        if not self._check_mode:
            self._containerd.restart()
            self._remember(State(**{**asdict(state), "waiting": ""}))
        return Outcome(self._text, self._text, cri=True, restarted=True)

    def _refuse(self, now: config.Effective) -> None:
        if now.config_path:
            raise ApplyError(
                f"containerd's CRI has another config_path ({':'.join(now.config_path)}) than {self._directory}, which "
                "somebody else set. Nothing was changed. Set containerd_client_certs_dir to it"
            )
        if now.legacy:
            raise ApplyError(
                f"{self._snapshot.path} has registry.mirrors or registry.configs for {', '.join(now.legacy)}, with "
                "which containerd's CRI does not start where config_path is set. Nothing was changed. Take these "
                "tables out, or move what they say to hosts.toml files"
            )

    def _edit(self, now: config.Effective) -> tuple[config.Path, str]:
        """The new text, and the table that was the right one: the one with the effect, and no other."""
        if self._text is None:
            home = config.CRI_V2 if now.version < 3 else config.IMAGES_V3
            return home, config.new_file(now.version, self._directory)
        for home in config.candidates(self._text):
            after = config.with_config_path(self._text, home, self._directory)
            then = config.effective(self._containerd.dump_text(after, self._snapshot.target))
            if then.config_path == [self._directory] and then.cri:
                return home, after
        raise ApplyError(
            f"config_path in {self._snapshot.path} has no effect on this containerd, wherever it is put. Nothing was "
            "changed. Give the file the version that `containerd config default` shows (`containerd config migrate`)"
        )

    def _restart_or_put_back(self) -> None:
        before = self._broken()
        try:
            self._containerd.restart()
            broken = [plugin for plugin in self._containerd.broken_plugins() if plugin not in before]
            if broken:
                raise ServiceError(f"its plugin {', '.join(broken)} does not start any more")
        except ServiceError as error:
            self._write(self._text)
            os.unlink(self._state_file)
            with contextlib.suppress(ServiceError):
                self._containerd.restart()
            raise ApplyError(
                f"containerd does not work with the new configuration: {error}. {self._snapshot.path} was put back"
            ) from error

    def _broken(self) -> list[str]:
        with contextlib.suppress(ServiceError):
            return self._containerd.broken_plugins()
        return []

    def _write(self, text: str | None) -> None:
        if text is None:
            files.remove(self._snapshot)
        else:
            files.write(self._snapshot, text.encode("utf-8"), 0o644)

    def _state(self) -> State | None:
        try:
            with open(self._state_file, encoding="utf-8") as stream:
                return State(**json.load(stream))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise ApplyError(f"{self._state_file} cannot be understood: {error}") from error

    def _remember(self, state: State) -> None:
        os.makedirs(os.path.dirname(self._state_file), mode=0o700, exist_ok=True)
        part = self._state_file + ".part"
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            json.dump(asdict(state), stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, self._state_file)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
