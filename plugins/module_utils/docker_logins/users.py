# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Working in the home of another user, as that user.

Whoever owns a home decides what is in it: a symbolic link there may lead anywhere. So files in it are read and written
with that user's rights and never with root's; what is written belongs to the user by itself.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import LoginError

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class User(NamedTuple):
    """A local user as the system's user database has it (LDAP and the like included)."""

    name: str
    uid: int
    gid: int
    home: str

    def environment(self) -> dict[str, str]:
        """What a program of this user's finds in its environment."""
        found = {
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "PATH": f"{self.home}/.local/bin:{self.home}/bin:{_PATH}",
        }
        runtime = f"/run/user/{self.uid}"
        if os.path.isdir(runtime):
            found["XDG_RUNTIME_DIR"] = runtime
            found["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={runtime}/bus"
        return found


def find_user(name: str) -> User:
    """Look a user up.

    :raises LoginError: there is none of that name, or the home is missing.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise LoginError(f"there is no user {name} on this host") from None
    if not os.path.isdir(entry.pw_dir):
        raise LoginError(f"the home of the user {name}, {entry.pw_dir}, does not exist")
    if os.geteuid() not in (0, entry.pw_uid):
        raise LoginError(f"only root can log in for {name}: use become")
    return User(name, entry.pw_uid, entry.pw_gid, entry.pw_dir.rstrip("/") or "/")


@contextlib.contextmanager
def acting_as(user: User) -> Iterator[None]:
    """While it lasts, files are opened with the rights of ``user``. The process must have one thread only."""
    if os.geteuid() == user.uid:
        yield
        return
    groups, gid = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(user.name, user.gid))
    os.setegid(user.gid)
    os.seteuid(user.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def run_as(user: User, command: Sequence[str], text: str, timeout: float) -> tuple[int, str]:
    """Run a program for good as ``user``, in the user's home; gives its exit code and its standard output.

    :param text: its standard input, where a secret is safe: not among its arguments.
    :raises LoginError: it cannot be started, or does not end in time.
    """

    def become() -> None:
        if os.geteuid() != user.uid:
            os.setgroups(os.getgrouplist(user.name, user.gid))
            os.setgid(user.gid)
            os.setuid(user.uid)

    try:
        done = subprocess.run(
            list(command),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=timeout,
            check=False,
            cwd=user.home,
            env=user.environment(),
            preexec_fn=become,  # safe: the module has one thread
        )
    except subprocess.TimeoutExpired:
        raise LoginError(f"{command[0]} did not end within {timeout:g} seconds: does it wait for somebody?") from None
    except OSError as error:
        raise LoginError(f"{command[0]} cannot be run: {error.strerror}") from error
    return done.returncode, done.stdout
