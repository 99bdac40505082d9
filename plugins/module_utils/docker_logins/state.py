# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was logged in on a host, so that exactly that can be taken away again.

One file, mode 0600, below ``/var/lib/dockmirror/docker_logins``. It has no password that this collection manages, only
a salted digest to recognise it by. It does have what was there before: the original file, and replaced logins.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import Credentials, LoginError

DIRECTORY = "/var/lib/dockmirror/docker_logins"
_NAME = "state.json"
_FORMAT = 1


@dataclass(frozen=True)
class Login:
    """A login that we put somewhere.

    :ivar helper: the credential helper that has it, the empty string for the file.
    :ivar marks: salted digests of what we wrote: one, or two while a change is under way.
    :ivar before: what was there before us, an entry of ``auths``; None for nothing.
    """

    helper: str
    marks: list[str]
    before: dict[str, Any] | None = None

    def is_ours(self, credentials: Credentials | None) -> bool:
        """Whether these are the credentials that we wrote."""
        return credentials is not None and any(_same(mark, credentials) for mark in self.marks)


@dataclass(frozen=True)
class Original:
    """The file and its directory before we came.

    :ivar content: base64; None: there was no file.
    :ivar directory_mode: None: there was no directory.
    """

    content: str | None
    mode: int
    directory_mode: int | None

    @classmethod
    def of(cls, data: bytes | None, mode: int, directory_mode: int | None) -> Original:
        return cls(None if data is None else base64.b64encode(data).decode("ascii"), mode, directory_mode)

    @property
    def data(self) -> bytes | None:
        """The content of the file, None where there was none."""
        return None if self.content is None else base64.b64decode(self.content)


@dataclass(frozen=True)
class Record:
    """What we did in the home of one user.

    :ivar original: the file before us; None once somebody else has changed it since, or if it was never written.
    :ivar created_auths: the file had no ``auths`` before us.
    :ivar created_file: there was no file before us.
    :ivar written: SHA-256 of contents that we wrote: one, or two while a change is under way.
    """

    logins: dict[str, Login] = field(default_factory=dict)
    original: Original | None = None
    created_auths: bool = False
    created_file: bool = False
    written: list[str] = field(default_factory=list)


def mark_of(credentials: Credentials) -> str:
    """A digest with a salt by which credentials are recognised and not read."""
    salt = secrets.token_hex(16)
    return f"{salt}${_digest(salt, credentials)}"


def _same(mark: str, credentials: Credentials) -> bool:
    salt, _dollar, digest = mark.partition("$")
    return hmac.compare_digest(digest, _digest(salt, credentials))


def _digest(salt: str, credentials: Credentials) -> str:
    text = f"{credentials.username}:{credentials.password}".encode()
    return hashlib.pbkdf2_hmac("sha256", text, salt.encode(), 1000).hex()


def digest(data: bytes) -> str:
    """A name for a content."""
    return hashlib.sha256(data).hexdigest()


class Store:
    """The records of all users of a host."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self._directory = directory
        self._path = os.path.join(directory, _NAME)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs on this host out; leaves no directory behind that has no records."""
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise LoginError(f"{self._directory} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            with contextlib.suppress(OSError):
                os.removedirs(self._directory)  # Only where it is empty.
            os.close(descriptor)

    def load(self) -> dict[str, Record]:
        """The record of each user.

        :raises LoginError: the file is damaged; nothing is guessed then.
        """
        try:
            with open(self._path, encoding="utf-8") as stream:
                content = json.load(stream)
            if content["format"] != _FORMAT:
                raise LoginError(f"{self._path} was not written by this version of the module: move it away")
            return {name: _record(record) for name, record in content["users"].items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise LoginError(f"{self._path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LoginError(
                f"{self._path} is damaged: restore it, or move it away; without it what was logged in before is taken"
                " for somebody else's and stays"
            ) from None

    def save(self, records: dict[str, Record]) -> None:
        """Replace all records in one step.

        :raises LoginError: the disk does not take it; the old ones are still there.
        """
        kept = {name: asdict(record) for name, record in sorted(records.items()) if record.logins}
        temporary = ""
        try:
            if not kept:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)
                return
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".", dir=self._directory)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump({"format": _FORMAT, "users": kept}, stream, indent=1)
                stream.write("\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, self._path)
            temporary = ""
        except OSError as error:
            raise LoginError(f"{self._path} cannot be written: {error.strerror}") from error
        finally:
            if temporary:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)


def _record(document: dict[str, Any]) -> Record:
    original = document["original"]
    return Record(
        logins={key: Login(**login) for key, login in document["logins"].items()},
        original=Original(**original) if original is not None else None,
        created_auths=document["created_auths"],
        created_file=document["created_file"],
        written=document["written"],
    )
