# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted logins of a host: read from the input, planned for every user, proven, and only then carried out."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import files
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import (
    ConfigFile,
    Credentials,
    LoginError,
    check_registry,
    decode,
    key_of,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.helper import Helper
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.plan import (
    DIRECTORY_MODE,
    FILE_MODE,
    Found,
    Plan,
    plan_user,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.proof import Verdict
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.state import Store
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.users import User, acting_as, find_user

Prove = Callable[[str, Credentials], Verdict]


@dataclass(frozen=True)
class UserPlan:
    """A plan and whom it is for; without ``user`` there is nothing left on the host to change."""

    name: str
    plan: Plan
    user: User | None = None
    snapshot: files.Snapshot | None = None


def wanted_logins(logins: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Credentials]]:
    """The credentials of each user by registry.

    :param logins: each with C(registry), C(username), C(password), C(users).
    :raises LoginError: a login that cannot be, or two for one user and registry.
    """
    wanted: dict[str, dict[str, Credentials]] = {}
    for login in logins:
        registry = check_registry(login["registry"])
        credentials = Credentials.checked(login["username"], login["password"])
        if not login["users"]:
            raise LoginError(f"the login of {credentials.username} to {registry} is for no local user: users is empty")
        for name in login["users"]:
            mine = wanted.setdefault(name, {})
            if any(key_of(registry) == key_of(other) for other in mine):
                raise LoginError(f"the user {name} has two logins to {registry}: an engine can use one only")
            mine[registry] = credentials
    return wanted


def config_path(user: User) -> str:
    """Where the docker command of a user keeps its logins."""
    return os.path.join(user.home, ".docker", "config.json")


def read_file(user: User) -> tuple[files.Snapshot, Found]:
    """Read the user's file with the user's rights.

    :raises LoginError: it cannot be read, or belongs to somebody else.
    """
    path = config_path(user)
    try:
        with acting_as(user):
            snapshot = files.read(path)
            directory = os.path.dirname(path)
            status = os.stat(directory) if os.path.lexists(directory) else None
    except files.FileError as error:
        raise LoginError(f"{error} (user {user.name})") from error
    except OSError as error:
        raise LoginError(f"{path} of {user.name} cannot be used: {error.strerror}") from error
    for what, uid in ((path, snapshot.uid if snapshot.existed else -1), (directory, status.st_uid if status else -1)):
        if uid not in (-1, user.uid):
            raise LoginError(f"{what} does not belong to {user.name}: give it to its user (chown), or move it away")
    return snapshot, Found(
        snapshot.data if snapshot.existed else None,
        snapshot.mode,
        stat.S_IMODE(status.st_mode) if status else None,
    )


def plan_all(wanted: Mapping[str, Mapping[str, Credentials]], store: Store, timeout: float) -> list[UserPlan]:
    """Decide for every user who is to have a login or has one of ours.

    :param timeout: seconds for one call of a credential helper.
    :raises LoginError: for at least one user something is in the way; all of it is in the message.
    """
    records = store.load()
    plans, problems = [], []
    for name in sorted(set(wanted) | set(records)):
        try:
            user = find_user(name)
        except LoginError as error:
            if name in wanted:
                problems.append(str(error))
            else:  # A user who is gone has taken the logins along.
                plans.append(UserPlan(name, Plan(Found())))
            continue
        try:
            snapshot, found = read_file(user)
            plan = plan_user(
                found,
                {key_of(registry): credentials for registry, credentials in wanted.get(name, {}).items()},
                records.get(name),
                lambda helper, user=user: Helper(user, helper, timeout),  # type: ignore[misc]
            )
        except LoginError as error:
            text = str(error)
            problems.append(text if text.startswith(("/", "the ")) else f"{config_path(user)}: {text}")
            continue
        plans.append(UserPlan(name, plan, user, snapshot))
    if problems:
        raise LoginError("; ".join(problems))
    return plans


def prove_all(plans: Iterable[UserPlan], wanted: Mapping[str, Mapping[str, Credentials]], prove: Prove) -> Verdict:
    """Try what is going to be stored, each pair of registry and credentials once; the first that fails, or C(ok)."""
    tried = set()
    for each in plans:
        for registry, credentials in sorted(wanted.get(each.name, {}).items()):
            if key_of(registry) not in each.plan.news or (registry, credentials) in tried:
                continue
            tried.add((registry, credentials))
            verdict = prove(registry, credentials)
            if verdict.cause != "ok":
                return verdict
    return Verdict("ok")


def carry_out(plans: Iterable[UserPlan], store: Store, timeout: float) -> None:
    """Do what was planned, one user after the other. What was done is on record at every moment.

    :raises LoginError: the disk or a credential helper fails; users before that one are done.
    """
    records = store.load()
    for each in plans:
        if each.user is None or each.snapshot is None:
            records.pop(each.name, None)
            store.save(records)
            continue
        if each.plan.changed:
            store.save({**records, each.name: each.plan.during})
            for step in each.plan.steps:
                helper = Helper(each.user, step.helper, timeout)
                if step.credentials is None:
                    helper.erase(step.key)
                else:
                    helper.store(step.key, step.credentials)
            if each.plan.writes_file:
                _write_file(each.user, each.snapshot, each.plan)
        if records.get(each.name) != each.plan.after or each.plan.changed:
            records[each.name] = each.plan.after
            store.save(records)


def _write_file(user: User, snapshot: files.Snapshot, plan: Plan) -> None:
    directory = os.path.dirname(config_path(user))
    try:
        with acting_as(user):
            if plan.data is None:
                files.remove(snapshot)
                if plan.directory_mode is None:
                    with contextlib.suppress(OSError):  # The user keeps something else in it.
                        os.rmdir(directory)
                return
            if not os.path.isdir(directory):
                os.mkdir(directory, DIRECTORY_MODE)
            if plan.directory_mode is not None:
                os.chmod(directory, plan.directory_mode)
            if plan.data != plan.found.data:
                # A group that the user is not in is none that the user could give the new file.
                group = snapshot.gid if snapshot.gid in (os.getegid(), *os.getgroups()) else os.getegid()
                files.write(replace(snapshot, mode=plan.mode, gid=group), plan.data, FILE_MODE)
            else:
                os.chmod(snapshot.target, plan.mode)
    except files.FileError as error:
        raise LoginError(f"{error} (user {user.name})") from error
    except OSError as error:
        raise LoginError(f"{directory} of {user.name} cannot be changed: {error.strerror}") from error


def stored_login(user: User, registry: str, timeout: float) -> Credentials | None:
    """The login that the docker command of a user would send to a registry, None for none.

    :param timeout: seconds for a call of a credential helper.
    :raises LoginError: the file or the helper cannot be read.
    """
    _snapshot, found = read_file(user)
    try:
        config = ConfigFile.parse(found.data or b"")
        helper = config.helper(key_of(registry))
    except LoginError as error:
        raise LoginError(f"{config_path(user)}: {error}") from error
    if helper:
        return Helper(user, helper, timeout).get(key_of(registry))
    return decode(config.entry(key_of(registry)))


def prove_stored(logins: Iterable[Mapping[str, Any]], prove: Prove, timeout: float) -> tuple[list[str], Verdict]:
    """Try the logins that users have, each pair of registry and credentials once.

    :param logins: each with C(registry), C(username), C(users).
    :param timeout: seconds for a call of a credential helper.
    :returns: those that work, and the verdict on the first that does not, C(ok) if all do.
    """
    tried: dict[tuple[str, Credentials], Verdict] = {}
    proven: list[str] = []
    for login in logins:
        registry, username = login["registry"], login["username"]
        for name in login["users"]:
            try:
                user = find_user(name)
                found = stored_login(user, check_registry(registry), timeout)
            except LoginError as error:
                return proven, Verdict("unreadable", f"{str(error)[:1].upper()}{str(error)[1:]}.")
            if found is None:
                return proven, Verdict(
                    "no_login", f"The user {name} has no login to {registry}. Run the onboard playbook."
                )
            if found.username != username:
                return proven, Verdict(
                    "other_login",
                    f"The user {name} is logged in to {registry} as {found.username}, not as {username}. Run the"
                    " onboard playbook.",
                )
            if (registry, found) not in tried:
                tried[registry, found] = prove(registry, found)
            if tried[registry, found].cause != "ok":
                return proven, tried[registry, found]
            proven.append(f"{name}: {username} at {registry}")
    return proven, Verdict("ok")
