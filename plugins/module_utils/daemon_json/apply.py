# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of it: merge, check, write, apply, prove, and roll back if that fails."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import (
    checks,
    engine,
    files,
    plan,
    running,
    secrets,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.document import Document, DocumentError, same
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.keys import KEYS, is_live
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.merge import Layer, Merged, merge
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.plan import NONE, RELOAD, RESTART
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.state import (
    DIRECTORY,
    Original,
    OwnerState,
    StateError,
    Store,
    Transaction,
    Waiting,
    digest,
)

PREPEND = "prepend"
APPEND = "append"
REPLACE = "replace"

_NO_FILE = "absent"


@dataclass(frozen=True)
class Request:
    """What the operator asked for; see the module's documentation."""

    config: Mapping[str, Any]
    present: bool = True
    owner: str = "dockmirror.fleet"
    list_strategy: Mapping[str, str] = field(default_factory=dict)
    apply: str = "auto"
    allow_restart: bool = False
    path: str = "/etc/docker/daemon.json"
    service: str = "docker.service"
    validate: bool = True
    rollback: bool = True
    backup: Callable[[str], str] | None = None
    timeout: float = 60.0
    check_mode: bool = False
    state_directory: str = DIRECTORY


@dataclass
class Result:
    """What happened, or in check mode would happen. Nothing in it shows a secret."""

    changed: bool = False
    action: str = NONE
    restart_required: bool = False
    keys: dict[str, Any] = field(default_factory=dict)
    before: str = ""
    after: str = ""
    effective: dict[str, Any] = field(default_factory=dict)
    engine_version: str = ""
    rolled_back: bool = False
    backup_file: str = ""
    warnings: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)


class ApplyError(Exception):
    """The configuration is not in effect; the message says why and what is left.

    :ivar result: what is known of it.
    """

    def __init__(self, message: str, result: Result | None = None) -> None:
        self.result = result or Result()
        super().__init__(secrets.scrub(message, self.result.secrets))


def strategy_for(name: str, chosen: Mapping[str, str]) -> str:
    """How the list of a key is merged: ours first for mirrors, ours last for other sets, else replaced."""
    if name in chosen:
        return chosen[name]
    if name == "registry-mirrors":
        return PREPEND
    key = KEYS.get(name)
    return APPEND if key is not None and key.unordered else REPLACE


def run(request: Request) -> Result:
    """Do it.

    :raises ApplyError: nothing was changed, or everything was put back, unless the message says otherwise.
    """
    return _Run(request).run()


class _Run:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.store = Store(request.path, request.state_directory)
        self.result = Result(secrets=secrets.collect(request.config))
        self.daemon: engine.Daemon | None = None
        self.found: engine.Daemon | None = None
        self.begun = False

    def run(self) -> Result:
        _check_request(self.request)
        try:
            with contextlib.nullcontext() if self.request.check_mode else self.store.locked():
                self._run()
        except (files.FileError, StateError, engine.DaemonError) as error:
            self._nothing_happened()
            raise ApplyError(f"{error}. Nothing was changed.", self.result) from error
        except ApplyError:
            if not self.begun:
                self._nothing_happened()
            raise
        return self.result

    def _nothing_happened(self) -> None:
        self.result.changed, self.result.action = False, NONE

    def _run(self) -> None:
        request, result = self.request, self.result
        self.snapshot = files.read(request.path)
        self.on_disk = self._parse(self.snapshot.data, request.path)
        self.states = self.store.load()
        self.ground, self.recovered = self._before_interruption()
        self.theirs = self._parse(self.ground or b"", request.path) if self.recovered else self.on_disk
        self.merged = self._merge()
        self.content, self.document = self._content()
        result.secrets |= secrets.collect(self.on_disk.values) | secrets.collect(self.merged.values)
        result.before = _shown(self.on_disk, self.snapshot.data if self.snapshot.existed else None)
        result.after = _shown(self._parse(self.content or b"", request.path), self.content)

        self.daemon = self.found = self._find_daemon()
        writes = self.content != (self.snapshot.data if self.snapshot.existed else None)
        needs = self._needs()
        runs = self.daemon is not None and self.daemon.running
        result.action = plan.choose(request.apply, needs, runs, writes)
        result.restart_required = bool(needs.restart) and runs and result.action != RESTART
        result.keys = self._keys(needs)
        result.changed = writes or result.action != NONE
        if self.daemon is not None:
            result.effective = secrets.mask(running.effective(self.daemon.info)) if runs else {}
            result.engine_version = self.daemon.version_text
        self._warn(needs, runs)
        self._check(writes or result.action != NONE)
        self._refuse(needs, writes)
        if writes and request.validate and self.content is not None and self.daemon is not None and self.daemon.exists:
            self._validate(self.daemon, self.content)
        if request.check_mode:
            return
        after = self._states_after(needs, applied=result.action)
        if result.changed:
            self._execute(needs, after)
        else:
            self.store.save(self.states, after)

    # What is there, and what it becomes

    def _parse(self, data: bytes, path: str) -> Document:
        try:
            return Document.parse(data)
        except DocumentError as error:
            raise ApplyError(
                f"{path} cannot be understood and was left as it is: {error}. Repair it, or move it away.", self.result
            ) from error

    def _before_interruption(self) -> tuple[bytes | None, bool]:
        """The content to start from (None: no file), and whether it is not what the file has now.

        If a run was cut off in the middle, and the file still is what that run wrote, it is what was there before.
        """
        here = digest(self.snapshot.data) if self.snapshot.existed else _NO_FILE
        for state in self.states.values():
            if state.transaction is not None and here in state.transaction.contents:
                return state.transaction.before, True
        return (self.snapshot.data if self.snapshot.existed else None), False

    def _merge(self) -> Merged:
        request = self.request
        wish = None
        if request.present:
            strategies = {name: strategy_for(name, request.list_strategy) for name in request.config}
            wish = Layer(request.owner, request.config, strategies)
        return merge(self.theirs.values, [state.layer for state in self.states.values()], request.owner, wish)

    def _content(self) -> tuple[bytes | None, Document]:
        """The bytes for the file (None: no file) and the document they say."""
        document = self.theirs.edited(self.merged.values)
        if same(self.theirs.values, self.merged.values):
            return self.ground, self.theirs
        original = self._original()
        if original is not None and not any(layer.record for layer in self.merged.layers):
            ours = self.recovered or any(digest(self.snapshot.data) in state.written for state in self.states.values())
            if original.data is None and not self.merged.values:
                return None, document
            if (
                ours
                and original.data is not None
                and same(self._parse(original.data, self.request.path).values, self.merged.values)
            ):
                return original.data, self._parse(original.data, self.request.path)
        return document.encode(), document

    def _original(self) -> Original | None:
        return next((state.original for state in self.states.values() if state.original is not None), None)

    # The daemon, and what it needs

    def _find_daemon(self) -> engine.Daemon | None:
        request = self.request
        try:
            daemon = engine.find(request.service, min(request.timeout, 20.0))
        except engine.DaemonError:
            if request.apply == NONE:
                return None
            raise
        if not daemon.exists and request.apply != NONE:
            missing = (
                f"systemd on this host has no unit {daemon.unit}, so there is no dockerd that daemon.json could be for"
            )
            if not request.check_mode:
                raise engine.DaemonError(
                    f"{missing}; install Docker Engine (the docker command of podman-docker is not it), or "
                    "only write the file with apply=none"
                )
            self.result.warnings.append(
                f"{missing} (yet): what it would have against the configuration was not checked"
            )
        for _spelling, other in daemon.flags.get("config-file", []):
            if os.path.realpath(other) != self.snapshot.target:
                raise engine.DaemonError(
                    f"{daemon.unit} reads {other} (--config-file), not {request.path}: set path to it"
                )
        return daemon

    def _needs(self) -> plan.Needs:
        daemon = self.daemon
        if daemon is None or not daemon.running:
            return plan.Needs()
        live: set[str] = set()
        restart: set[str] = set()
        for state in self.states.values():
            if state.waiting is not None and state.waiting.identity == daemon.identity:
                restart |= set(state.waiting.restart)
                live |= set(state.waiting.keys) - set(state.waiting.restart)
        owned = {name for layer in self.merged.layers for name in layer.record}
        live |= set(running.drifted(sorted(owned), self.merged.values, daemon.info))
        if self.recovered:
            # Which of its steps the run before got to apply is not known.
            live |= {name for name in plan.changed_keys(self.theirs.values, self.on_disk.values) if is_live(name)}
        return plan.needs(self.theirs.values, self.merged.values, sorted(live), sorted(restart))

    def _keys(self, needs: plan.Needs) -> dict[str, Any]:
        before, after = self.on_disk.values, self.merged.values
        names = {*plan.changed_keys(before, after), *needs.all}
        described = {}
        for name in sorted(names):
            how = RESTART if name in needs.restart else RELOAD if name in needs.live else NONE
            if name not in plan.changed_keys(before, after):
                why = "the running daemon does not have it yet"
            elif how == NONE:
                why = "the daemon does not run and reads it when it starts" if needs == plan.Needs() else ""
            elif how == RELOAD:
                why = "dockerd takes it on a reload"
            else:
                why = "dockerd reads it only when it starts"
            described[name] = {
                "before": secrets.mask(before.get(name), name),
                "after": secrets.mask(after.get(name), name),
                "needs": how,
                "why": why,
            }
        return described

    # Second thoughts, before anything is touched

    def _warn(self, needs: plan.Needs, runs: bool) -> None:
        result, daemon = self.result, self.daemon
        for name in self.merged.overruled:
            result.warnings.append(
                f"{name}: another owner wants another value; owner {self.request.owner} came last and wins"
            )
        if self.recovered:
            result.warnings.append(
                "an earlier run was cut off while it changed this file; it is carried on from the state before that run"
            )
        if daemon is None or not daemon.exists:
            return
        if not runs and result.changed and result.action == NONE and self.request.apply != NONE:
            result.warnings.append(
                f"{daemon.unit} is {daemon.state or 'not running'}: the file is written, the daemon was not started"
            )
        if runs and result.action != NONE:
            foreign = [name for name in self.theirs.values if name not in needs.all]
            for name in running.drifted(foreign, self.theirs.values, daemon.info):
                result.warnings.append(f"{name}: what the file already said was not in effect yet; now it is")
        if result.restart_required and self.request.apply != "auto":
            result.warnings.append(f"{', '.join(needs.restart)}: in effect only after a restart of {daemon.unit}")

    def _check(self, acts: bool) -> None:
        daemon = self.daemon
        facts = checks.Engine()
        if daemon is not None:
            facts = checks.Engine(daemon.version, daemon.flags, daemon.snapshotter, daemon.swarm)
        found = checks.check(self.merged.values, facts, self.document.bom)
        errors = [str(problem) for problem in found if problem.severity == checks.ERROR]
        self.result.warnings.extend(str(problem) for problem in found if problem.severity == checks.WARNING)
        if errors and acts:
            raise ApplyError(
                f"{self.request.path} would not work and was left as it is: {'; '.join(errors)}.", self.result
            )
        self.result.warnings.extend(errors)

    def _refuse(self, needs: plan.Needs, writes: bool) -> None:
        request, daemon = self.request, self.daemon
        if self.result.action != RESTART or daemon is None or not daemon.running:
            return
        if request.apply != RESTART and not request.allow_restart:
            self.result.restart_required = True
            raise ApplyError(
                f"{', '.join(needs.restart)}: dockerd reads {'this' if len(needs.restart) == 1 else 'these'} only when "
                f"it starts, and a restart is not allowed; {'nothing was written' if writes else 'the file has it'}. "
                "Set allow_restart=true, or "
                "apply=reload to write it now and have it wait for the next restart.",
                self.result,
            )
        if not request.allow_restart and not plan.containers_survive(self.document, daemon.info):
            count = daemon.info.get("ContainersRunning")
            self.result.restart_required = True
            raise ApplyError(
                f"A restart of dockerd would stop {count} running container{'' if count == 1 else 's'}, as "
                "live-restore is off. Nothing was changed. "
                'Set "live-restore": true in config to keep them running, or allow_restart=true to stop them.',
                self.result,
            )

    def _validate(self, daemon: engine.Daemon, content: bytes) -> None:
        complaint = engine.validate(daemon, content, self.request.path, self.request.timeout)
        if complaint:
            raise ApplyError(
                f"{self.request.path} would not work and was left as it is; dockerd --validate says: {complaint}",
                self.result,
            )

    # Doing it

    def _stages(self, needs: plan.Needs) -> list[plan.Stage]:
        daemon = self.daemon
        if daemon is None or self.result.action == NONE:
            return [plan.Stage(self.content, NONE, self.merged.values)]
        if self.result.action == RELOAD:
            return plan.reload_stages(self.document, self.content, needs.live, daemon.info, daemon.flags)
        return plan.restart_stages(self.on_disk, self.document, self.content, daemon.info, daemon.flags)

    def _execute(self, needs: plan.Needs, after: dict[str, OwnerState]) -> None:
        request, result = self.request, self.result
        before = self.snapshot.data if self.snapshot.existed else None
        stages = self._stages(needs)
        if files.read(request.path) != self.snapshot:
            raise files.FileError(f"{request.path} was changed by somebody else in this very moment: run it again")
        if request.backup is not None and self.snapshot.existed and self.content != before:
            result.backup_file = request.backup(self.snapshot.target)
        self.listened = self.found is not None and result.action == RESTART and engine.socket_listens(self.found.unit)
        begun = self._begin(stages)
        self.begun = True
        try:
            for stage in stages:
                self._write(stage.content)
                self._act(stage, needs)
        except (engine.DaemonError, files.FileError) as error:
            raise self._failed(str(error), needs, begun, after) from error
        self._remember(after)
        try:
            self.store.save(begun, after)
        except StateError as error:
            raise ApplyError(
                f"The configuration is in effect, but what is owner {request.owner}'s could not be noted: {error}. "
                "Run it again.",
                result,
            ) from error
        if self.daemon is not None and self.daemon.running:
            result.effective = secrets.mask(running.effective(self.daemon.info))

    def _begin(self, stages: list[plan.Stage]) -> dict[str, OwnerState]:
        """Note what is about to happen, so that a run that is cut off can be told from somebody else's change."""
        owner = self.request.owner
        contents = [digest(stage.content) if stage.content is not None else _NO_FILE for stage in stages]
        state = self.states.get(owner) or OwnerState(Layer(owner, {}, {}), self._next_sequence())
        begun = {name: replace(other, transaction=None) for name, other in self.states.items()}
        begun[owner] = replace(state, transaction=Transaction(self.ground, contents))
        self.store.save(self.states, begun)
        return begun

    def _write(self, content: bytes | None) -> None:
        current = files.read(self.request.path)
        if content is None:
            if current.existed:
                files.remove(self.snapshot)
        elif not current.existed or current.data != content:
            mode = 0o600 if secrets.collect(self.merged.values) else 0o644
            files.write(self.snapshot if self.snapshot.existed else current, content, mode)

    def _act(self, stage: plan.Stage, needs: plan.Needs) -> None:
        if stage.act == NONE or self.daemon is None:
            return
        names = needs.live
        if stage.act == RESTART:
            self.daemon = engine.restart(self.daemon, self.request.timeout)
            unlike: list[str] = []
            names = needs.all
        else:
            attributes = engine.reload(self.daemon, self.request.timeout)
            # The step that turns live-restore on ahead of a restart promises nothing else.
            names = [plan.LIVE_RESTORE] if self.result.action == RESTART else names
            engine.settle(
                self.daemon, lambda info: not running.drifted(names, stage.values, info), self.request.timeout
            )
            unlike = running.unlike(names, stage.values, attributes, self.daemon.info)
        wrong = sorted({*unlike, *running.drifted(names, stage.values, self.daemon.info)})
        if wrong:
            done = "restarted" if stage.act == RESTART else "reloaded"
            raise engine.DaemonError(f"dockerd {done}, but does not run with what the file says for {', '.join(wrong)}")

    # Putting it back

    def _failed(
        self, reason: str, needs: plan.Needs, begun: dict[str, OwnerState], after: dict[str, OwnerState]
    ) -> ApplyError:
        result = self.result
        if not self.request.rollback:
            self._remember(after)
            after = self._waiting(after, needs)
            self.store.save(begun, after)
            return ApplyError(
                f"{reason}. The new content was left in {self.request.path}, as rollback=false asks for.", result
            )
        try:
            self._roll_back(needs)
        except (engine.DaemonError, files.FileError) as error:
            with contextlib.suppress(files.FileError):
                self._restore()
            self.store.save(begun, self.states)
            return ApplyError(
                f"{reason}. {self.request.path} was put back, but the daemon is not as it was: {error}",
                result,
            )
        self.store.save(begun, self.states)
        result.rolled_back = True
        self._nothing_happened()
        return ApplyError(
            f"{reason}. {self.request.path} was put back byte for byte, and the daemon runs as before.", result
        )

    def _restore(self) -> None:
        self._write(self.snapshot.data if self.snapshot.existed else None)

    def _roll_back(self, needs: plan.Needs) -> None:
        found = self.found
        if found is None or self.result.action == NONE:
            self._restore()
            return
        if not found.running:
            self._restore()
            engine.stop(found.unit, self.listened)
            return
        old = self.snapshot.data if self.snapshot.existed else None
        if engine.same_process(found):
            turned_on = self.result.action == RESTART and not found.info.get("LiveRestoreEnabled")
            keys = [*needs.live, plan.LIVE_RESTORE] if turned_on else needs.live
            stages = plan.reload_stages(self.on_disk, old, keys, found.info, found.flags)
        else:
            # Containers may be alive under a live-restore that only the new content had: keep it until they are found.
            protected = (
                bool(found.info.get("LiveRestoreEnabled")) or self.document.values.get(plan.LIVE_RESTORE) is True
            )
            stages = plan.restart_stages(
                self.on_disk, self.on_disk, old, {**found.info, "LiveRestoreEnabled": protected}, found.flags
            )
        daemon = found
        for stage in stages:
            self._write(stage.content)
            if stage.act == RESTART:
                daemon = engine.restart(daemon, self.request.timeout)
            elif stage.act == RELOAD:
                engine.reload(daemon, self.request.timeout)

    # What is remembered

    def _next_sequence(self) -> int:
        return max((state.sequence for state in self.states.values()), default=0) + 1

    def _states_after(self, needs: plan.Needs, applied: str) -> dict[str, OwnerState]:
        """The state of all owners once everything went well."""
        after: dict[str, OwnerState] = {}
        for layer in self.merged.layers:
            if layer.record:
                old = self.states.get(layer.owner)
                after[layer.owner] = OwnerState(layer, len(after) + 1, written=old.written if old else [])
        owner = self.request.owner
        left = needs.restart if applied == RELOAD else [] if applied == RESTART else needs.all
        if left and self.daemon is not None and self.daemon.running:
            state = after.get(owner) or OwnerState(Layer(owner, {}, {}), len(after) + 1)
            after[owner] = replace(
                state, waiting=Waiting(left, sorted(set(left) & set(needs.restart)), self.daemon.identity)
            )
        if after:
            lowest = next(iter(after))
            original = self._original() or Original(self.ground)
            after[lowest] = replace(after[lowest], original=original)
        return after

    def _waiting(self, states: dict[str, OwnerState], needs: plan.Needs) -> dict[str, OwnerState]:
        if self.daemon is None or self.request.owner not in states:
            return states
        waiting = Waiting(needs.all, needs.restart, self.daemon.identity)
        return {**states, self.request.owner: replace(states[self.request.owner], waiting=waiting)}

    def _remember(self, states: dict[str, OwnerState]) -> None:
        """Remember the content that this run wrote as this module's own."""
        if self.content is not None:
            for state in states.values():
                state.written = [digest(self.content)]


def _check_request(request: Request) -> None:
    problems = [
        f"{name}: null is no value; leave the key out to have it not managed" for name in _nulls(request.config)
    ]
    problems += [
        f"list_strategy names {name}, which is not a list in config"
        for name in request.list_strategy
        if request.present and not isinstance(request.config.get(name), list)
    ]
    if problems:
        raise ApplyError(f"config is wrong: {'; '.join(problems)}.")


def _nulls(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        if value is None:
            yield f"{path}{name}"
        elif isinstance(value, Mapping):
            yield from _nulls(value, f"{path}{name}.")


def _shown(document: Document, content: bytes | None) -> str:
    """The text for a diff: as in the file, with secrets masked."""
    if content is None:
        return ""
    if not secrets.collect(document.values):
        return content.decode("utf-8", "replace")
    return (
        document.edited({name: secrets.mask(value, name) for name, value in document.values.items()})
        .encode()
        .decode("utf-8")
    )
