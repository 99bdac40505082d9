# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to happen so that a user has the wanted logins, decided without changing anything.

The inventory wins over what is there, as long as it asks for a login. What it replaced comes back when the login goes.
A login that somebody changed after us is theirs, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import (
    ConfigFile,
    Credentials,
    decode,
    encode,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.state import (
    Login,
    Original,
    Record,
    digest,
    mark_of,
)

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


class Keeper(Protocol):
    """A credential helper."""

    def get(self, key: str) -> Credentials | None: ...

    def store(self, key: str, credentials: Credentials) -> None: ...

    def erase(self, key: str) -> None: ...


Helpers = Callable[[str], Keeper]


@dataclass(frozen=True)
class Found:
    """The file as it is.

    :ivar data: its content, None where there is no file.
    :ivar directory_mode: None where there is no directory.
    """

    data: bytes | None = None
    mode: int = FILE_MODE
    directory_mode: int | None = None


@dataclass(frozen=True)
class HelperStep:
    """Something to tell a credential helper: to keep credentials, or to forget (None)."""

    helper: str
    key: str
    credentials: Credentials | None


@dataclass
class Plan:
    """What is to be done for one user.

    :ivar found: the file as it is.
    :ivar data: the content to write, None for no file.
    :ivar mode: the mode of the file, ``directory_mode`` that of its directory; None for no directory of ours.
    :ivar steps: what to tell credential helpers.
    :ivar during: the record while the change is under way, ``after`` once it is done.
    :ivar news: credentials that are going to be stored and have to be proven first.
    :ivar removed: logins that go, as names of registries; ``kept`` those that somebody else has changed.
    :ivar before: the logins concerned as a diff may show them, ``then`` the same afterwards.
    """

    found: Found
    data: bytes | None = None
    mode: int = FILE_MODE
    directory_mode: int | None = None
    steps: list[HelperStep] = field(default_factory=list)
    during: Record = field(default_factory=Record)
    after: Record = field(default_factory=Record)
    news: dict[str, Credentials] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    then: list[str] = field(default_factory=list)

    @property
    def writes_file(self) -> bool:
        """Whether the file or a mode changes."""
        found = self.found
        return (self.data, self.mode if self.data is not None else 0, self.directory_mode) != (
            found.data,
            found.mode if found.data is not None else 0,
            found.directory_mode,
        )

    @property
    def changed(self) -> bool:
        """Whether anything changes that a user could notice."""
        return self.writes_file or bool(self.steps)


class _Planner:
    def __init__(self, found: Found, record: Record, helpers: Helpers) -> None:
        self.config = ConfigFile.parse(found.data or b"")
        self.helpers = helpers
        self.record = record
        self.logins: dict[str, Login] = {}
        self.plan = Plan(found)
        # After somebody else's change since our last the way back to the original bytes is gone.
        self.untouched = (found.data is not None and digest(found.data) in record.written) or (
            record.original is not None and found.data == record.original.data
        )
        self.edited = False
        self.in_file = False

    def current(self, helper: str, key: str) -> Credentials | None:
        return self.helpers(helper).get(key) if helper else decode(self.config.entry(key))

    def want(self, key: str, wanted: Credentials) -> None:
        helper = self.config.helper(key)
        self.in_file = self.in_file or not helper
        known = self.record.logins.get(key)
        if known and known.helper != helper:
            self.remove(key, known)
            known = None
        current = self.current(helper, key)
        if current == wanted:
            if known:
                self.logins[key] = known if known.is_ours(wanted) else replace(known, marks=[mark_of(wanted)])
            return
        if current is None:
            before = known.before if known else None
        elif known and known.is_ours(current):
            before = known.before
        else:
            before = encode(current) if helper else self.config.entry(key)
        if current is None and not helper and before is None:
            # What is no login with a password, such as a token or {}, is somebody's too.
            before = self.config.entry(key)
        self.logins[key] = Login(helper, [mark_of(wanted)], before)
        self.plan.news[key] = wanted
        self.show(key, current, wanted)
        self.put(helper, key, wanted)

    def remove(self, key: str, known: Login) -> None:
        current = self.current(known.helper, key)
        if not known.is_ours(current):
            if current is not None or (not known.helper and self.config.entry(key) is not None):
                self.plan.kept.append(key)
            return
        self.plan.removed.append(key)
        back = decode(known.before)
        self.show(key, current, back)
        if known.helper:
            self.plan.steps.append(HelperStep(known.helper, key, back))
        else:
            self.edit(key, known.before)

    def put(self, helper: str, key: str, credentials: Credentials) -> None:
        if helper:
            self.plan.steps.append(HelperStep(helper, key, credentials))
        else:
            self.edit(key, encode(credentials))

    def edit(self, key: str, entry: Any) -> None:
        self.config = self.config.with_entry(key, entry, self.record.created_auths)
        self.edited = True

    def show(self, key: str, before: Credentials | None, after: Credentials | None) -> None:
        """A diff tells whose login it is, and that a password changes, but no password."""
        if before:
            self.plan.before.append(f"{key}: {before.username}, old password")
        if after:
            self.plan.then.append(f"{key}: {after.username}, new password")

    def finish(self) -> Plan:
        plan, found, record = self.plan, self.plan.found, self.record
        plan.data, plan.mode, plan.directory_mode = found.data, found.mode, found.directory_mode
        after = replace(record, logins=self.logins)
        if self.edited and any(not login.helper for login in self.logins.values()):
            plan.data = self.config.encode()
            first = not any(not login.helper for login in record.logins.values())
            if first:
                values = ConfigFile.parse(found.data or b"").values
                after = replace(
                    after,
                    original=Original.of(found.data, found.mode, found.directory_mode),
                    created_auths="auths" not in values,
                    created_file=found.data is None,
                )
            elif not self.untouched:
                after = replace(after, original=None)
            after = replace(after, written=[digest(plan.data)])
        elif self.edited:
            self._give_back(plan)
            after = Record(logins=self.logins)
        if self.in_file and plan.data is not None:
            plan.mode = FILE_MODE
            plan.directory_mode = DIRECTORY_MODE
        plan.after = after
        plan.during = self._during(after)
        return plan

    def _give_back(self, plan: Plan) -> None:
        """Nothing of ours is left in the file."""
        original = self.record.original
        if original is not None and self.untouched:
            plan.data, plan.mode = original.data, original.mode
            plan.directory_mode = original.directory_mode
        elif self.record.created_file and not self.config.values:
            plan.data = None
        else:
            plan.data = self.config.encode()

    def _during(self, after: Record) -> Record:
        """What is on disk before the change: an interruption leaves nothing that is not known as ours."""
        logins = {**self.record.logins, **after.logins}
        for key, login in after.logins.items():
            known = self.record.logins.get(key)
            if known and known.helper == login.helper:
                logins[key] = replace(login, marks=[*known.marks[:1], *login.marks])
        written = [*self.record.written, *(name for name in after.written if name not in self.record.written)]
        return replace(after if after.logins else self.record, logins=logins, written=written)


def plan_user(found: Found, wanted: Mapping[str, Credentials], record: Record | None, helpers: Helpers) -> Plan:
    """Decide what is to be done for one user.

    :param wanted: credentials by the name that the docker command gives a registry (``key_of``).
    :param record: what was done before.
    :param helpers: gives the credential helper of a name.
    :raises LoginError: the file cannot be understood, or a credential helper does not answer.
    """
    planner = _Planner(found, record or Record(), helpers)
    for key, known in sorted(planner.record.logins.items()):
        if key not in wanted:
            planner.remove(key, known)
    for key, credentials in sorted(wanted.items()):
        planner.want(key, credentials)
    return planner.finish()
