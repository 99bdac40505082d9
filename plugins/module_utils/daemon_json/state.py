# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each owner last put into a document, kept on the host.

One file per owner, below ``/var/lib/dockmirror/daemon_json``, mode 0600 because a configuration may hold secrets.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.merge import Layer

DIRECTORY = "/var/lib/dockmirror/daemon_json"
OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")
_FORMAT = 1


class StateError(Exception):
    """The state cannot be read or written."""


@dataclass
class OwnerState:
    """What one owner did to one document.

    :ivar layer: its wish and its record.
    :ivar sequence: layers are stacked in this order.
    :ivar original: the content before the first owner came, with the lowest layer only: None inside means no file.
    :ivar written: digests of contents this module wrote.
    :ivar waiting: keys that were written and still wait for a restart (or, with apply=none, a reload) of a daemon.
    :ivar transaction: a change that was begun: the content before, and digests of what may have been written.
    """

    layer: Layer
    sequence: int
    original: Original | None = None
    written: list[str] = field(default_factory=list)
    waiting: Waiting | None = None
    transaction: Transaction | None = None


@dataclass(frozen=True)
class Original:
    """The content of the document before this module; None: there was no file."""

    data: bytes | None


@dataclass(frozen=True)
class Waiting:
    """Keys that the daemon process ``identity`` has not read yet; those in ``restart`` wait for its next start."""

    keys: list[str]
    restart: list[str]
    identity: str


@dataclass(frozen=True)
class Transaction:
    """A change of the document that is under way; None: there was no file."""

    before: bytes | None
    contents: list[str]


class Store:
    """The state of all owners of one document.

    :param path: the document.
    :param directory: where the state is kept.
    """

    def __init__(self, path: str, directory: str = DIRECTORY) -> None:
        self._path = path
        self._directory = directory

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs of this module on this host out."""
        path = os.path.join(self._directory, ".lock")
        while True:
            try:
                os.makedirs(self._directory, mode=0o700, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise StateError(f"{self._directory} cannot be used: {error.strerror}") from error
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                    break
            os.close(descriptor)
        try:
            yield
        finally:
            if not self._names():
                # The last owner is gone: leave nothing. Whoever waits for this lock sees that the file is another.
                with contextlib.suppress(OSError):
                    os.unlink(path)
                    os.removedirs(self._directory)
            os.close(descriptor)

    def load(self) -> dict[str, OwnerState]:
        """All owners of the document, lowest layer first.

        :raises StateError: a file of the state is damaged; nothing is guessed then.
        """
        found = {}
        for name in self._names():
            document = self._read(name).get("documents", {}).get(self._path)
            if document is not None:
                found[name] = _decode(name, document)
        return dict(sorted(found.items(), key=lambda pair: (pair[1].sequence, pair[0])))

    def save(self, before: dict[str, OwnerState], after: dict[str, OwnerState]) -> None:
        """Write what differs, and forget owners that are gone.

        :raises StateError: the disk does not take it.
        """
        for owner in sorted(set(before) | set(after)):
            old = _encode(before[owner]) if owner in before else None
            new = _encode(after[owner]) if owner in after else None
            if old != new:
                self._write(owner, new)

    def _names(self) -> list[str]:
        try:
            names = os.listdir(self._directory)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateError(f"{self._directory} cannot be read: {error.strerror}") from error
        return sorted(
            name[: -len(".json")] for name in names if name.endswith(".json") and OWNER.fullmatch(name[: -len(".json")])
        )

    def _file(self, owner: str) -> str:
        return os.path.join(self._directory, f"{owner}.json")

    def _read(self, owner: str) -> dict[str, Any]:
        path = self._file(owner)
        try:
            with open(path, encoding="utf-8") as stream:
                content = json.load(stream)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StateError(
                f"{path} is damaged ({error}): restore it, or move it away; without it the settings of owner "
                f"{owner} are taken for somebody else's and stay"
            ) from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise StateError(f"{path} was not written by this version of the module: move it away")
        return content

    def _write(self, owner: str, document: dict[str, Any] | None) -> None:
        path = self._file(owner)
        content = self._read(owner) or {"format": _FORMAT, "owner": owner, "documents": {}}
        if document is None:
            content["documents"].pop(self._path, None)
        else:
            content["documents"][self._path] = document
        text = json.dumps(content, indent=1) + "\n"
        temporary = ""
        try:
            if not content["documents"]:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                return
            descriptor, temporary = tempfile.mkstemp(prefix=".", dir=self._directory)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            temporary = ""
        except OSError as error:
            raise StateError(f"{path} cannot be written: {error.strerror}") from error
        finally:
            if temporary:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)


def digest(data: bytes) -> str:
    """A name for a content."""
    return hashlib.sha256(data).hexdigest()


def _encode(state: OwnerState) -> dict[str, Any]:
    document: dict[str, Any] = {
        "sequence": state.sequence,
        "config": dict(state.layer.config),
        "strategies": dict(state.layer.strategies),
        "record": dict(state.layer.record),
        "written": state.written,
    }
    if state.original is not None:
        document["original"] = _bytes_out(state.original.data)
    if state.waiting is not None:
        document["waiting"] = {
            "keys": state.waiting.keys,
            "restart": state.waiting.restart,
            "identity": state.waiting.identity,
        }
    if state.transaction is not None:
        document["transaction"] = {
            "before": _bytes_out(state.transaction.before),
            "contents": state.transaction.contents,
        }
    return document


def _decode(owner: str, document: dict[str, Any]) -> OwnerState:
    try:
        waiting, transaction = document.get("waiting"), document.get("transaction")
        return OwnerState(
            layer=Layer(owner, document["config"], document["strategies"], document["record"]),
            sequence=document["sequence"],
            written=document["written"],
            original=Original(_bytes_in(document["original"])) if "original" in document else None,
            waiting=Waiting(waiting["keys"], waiting["restart"], waiting["identity"]) if waiting else None,
            transaction=Transaction(_bytes_in(transaction["before"]), transaction["contents"]) if transaction else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"the state of owner {owner} is damaged: {error!r}") from error


def _bytes_out(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _bytes_in(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
