# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: reading one such as daemon.json as it is, and replacing it in one step."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass


class FileError(Exception):
    """A file cannot be read or written."""


@dataclass(frozen=True)
class Snapshot:
    """A file as it was found.

    :ivar path: as asked for.
    :ivar target: where its content is: behind symbolic links.
    :ivar existed: there is a file.
    :ivar data: its content.
    """

    path: str
    target: str
    existed: bool
    data: bytes = b""
    mode: int = 0o644
    uid: int = -1
    gid: int = -1


def read(path: str) -> Snapshot:
    """Read a file, or find that there is none.

    :raises FileError: it is no regular file, a dangling link, or cannot be read.
    """
    target = os.path.realpath(path)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise FileError(f"{path} is a symbolic link to {target}, which does not exist") from None
        return Snapshot(path, target, False)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise FileError(f"{path} is not a regular file")
    try:
        with open(target, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    return Snapshot(path, target, True, data, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def write(snapshot: Snapshot, data: bytes, mode: int) -> None:
    """Replace the content in one step, keeping owner, mode, extended attributes and the symbolic link.

    :param snapshot: the file as it was; ``mode`` is for a file that did not exist.
    :raises FileError: nothing was changed.
    """
    directory = os.path.dirname(snapshot.target)
    temporary = ""
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(snapshot.target)}.", dir=directory)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            if snapshot.existed:
                os.fchown(stream.fileno(), snapshot.uid, snapshot.gid)
                _copy_attributes(snapshot.target, temporary)
            os.fchmod(stream.fileno(), snapshot.mode if snapshot.existed else mode)
            os.fsync(stream.fileno())
        os.replace(temporary, snapshot.target)
        temporary = ""
        _sync(directory)
    except OSError as error:
        raise FileError(f"{snapshot.path} cannot be written: {error.strerror}") from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def remove(snapshot: Snapshot) -> None:
    """Take the file away.

    :raises FileError: it is still there.
    """
    try:
        os.unlink(snapshot.target)
        _sync(os.path.dirname(snapshot.target))
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError(f"{snapshot.path} cannot be removed: {error.strerror}") from error


def _copy_attributes(source: str, target: str) -> None:
    """SELinux label and access list, where the file system has them."""
    with contextlib.suppress(OSError):
        for name in os.listxattr(source):
            with contextlib.suppress(OSError):
                os.setxattr(target, name, os.getxattr(source, name))


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
