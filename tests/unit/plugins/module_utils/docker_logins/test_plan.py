# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a config.json says, and what is planned for it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import (
    HUB_KEY,
    ConfigFile,
    Credentials,
    LoginError,
    check_registry,
    decode,
    encode,
    key_of,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.plan import (
    Found,
    HelperStep,
    Plan,
    plan_user,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.state import Record

REGISTRY = "registry.example.test"
OURS = Credentials("app", "s3cret")
NEW = Credentials("app", "n3w")
THEIRS = Credentials("joe", "joes")


class Keeper:
    """A credential helper in memory."""

    def __init__(self, kept: dict[str, Credentials]) -> None:
        self.kept = kept

    def get(self, key: str) -> Credentials | None:
        return self.kept.get(key)

    def store(self, key: str, credentials: Credentials) -> None:
        self.kept[key] = credentials

    def erase(self, key: str) -> None:
        self.kept.pop(key, None)


class Home:
    """The file, the helper and the record of one user."""

    def __init__(self, data: bytes | None = None, mode: int = 0o600, directory_mode: int | None = None) -> None:
        self.found = Found(data, mode, 0o700 if data is not None and directory_mode is None else directory_mode)
        self.record = Record()
        self.helper = Keeper({})

    def plan(self, **wanted: Credentials) -> Plan:
        return plan_user(
            self.found, {name.replace("_", "."): value for name, value in wanted.items()}, self.record, self._helper
        )

    def apply(self, **wanted: Credentials) -> Plan:
        plan = self.plan(**wanted)
        for step in plan.steps:
            if step.credentials:
                self.helper.store(step.key, step.credentials)
            else:
                self.helper.erase(step.key)
        self.found = Found(plan.data, plan.mode, plan.directory_mode)
        self.record = plan.after
        return plan

    def _helper(self, _name: str) -> Keeper:
        return self.helper

    @property
    def values(self) -> Any:
        return json.loads(self.found.data or b"{}")

    def login(self, key: str = "r.x") -> Credentials | None:
        return decode(self.values.get("auths", {}).get(key))


def document(**values: Any) -> bytes:
    return json.dumps(values).encode()


@pytest.mark.parametrize("name", ["r", "r.example.com", "r.example.com:5000", "10.0.0.1:5000", "[fd00::1]:443"])
def test_good_registries(name: str) -> None:
    assert check_registry(name) == name


@pytest.mark.parametrize("name", ["", "https://r", "r/team", "R.example.com", "r:", "r:port", "a..b", "u@r", "r\n"])
def test_bad_registries(name: str) -> None:
    with pytest.raises(LoginError, match="is not a registry"):
        check_registry(name)


@pytest.mark.parametrize(
    ("username", "password", "message"),
    [
        ("", "x", "is not a user name"),
        ("a:b", "x", "is not a user name"),
        ("a\n", "x", "is not a user name"),
        ("a", "", "the password of a is empty"),
        ("a", "geheim\n", "a control character"),
    ],
)
def test_bad_credentials(username: str, password: str, message: str) -> None:
    with pytest.raises(LoginError, match=message) as caught:
        Credentials.checked(username, password)
    assert "geheim" not in str(caught.value)


def test_a_password_is_in_no_representation() -> None:
    assert "s3cret" not in repr(OURS)


@given(st.text(min_size=1).filter(lambda text: ":" not in text), st.text(min_size=1))
def test_what_is_encoded_can_be_read_again(username: str, password: str) -> None:
    password = password.rstrip("\0")
    assert decode(encode(Credentials(username, password))) == Credentials(username, password)


def test_entries_of_others() -> None:
    assert decode({"username": "a", "password": "b"}) == Credentials("a", "b")
    assert decode({"auth": base64.b64encode(b"a:b:c\0").decode()}) == Credentials("a", "b:c")
    nothing: list[Any] = [None, {}, [], {"auth": "%"}, {"auth": "YQ=="}, {"auth": "YTpi", "identitytoken": "t"}]
    assert [decode(entry) for entry in nothing] == [None] * len(nothing)


def test_docker_hub_has_a_name_of_its_own() -> None:
    assert key_of("docker.io") == key_of("registry-1.docker.io") == HUB_KEY
    assert key_of(REGISTRY) == REGISTRY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b'{"auths": []}', '"auths" in it is not an object'),
        (b'{"credHelpers": "x"}', '"credHelpers" in it is not an object'),
        (b'{"a": 1, "a": 2}', "given twice"),
        (b"// no\n{}", "the file is strict JSON"),
    ],
)
def test_files_that_are_not_understood(text: bytes, message: str) -> None:
    with pytest.raises(LoginError, match=message):
        ConfigFile.parse(text)


def test_a_helper_for_one_registry_comes_before_that_for_all() -> None:
    config = ConfigFile.parse(document(credsStore="all", credHelpers={"r.x": "one"}))
    assert (config.helper("r.x"), config.helper("s.x")) == ("one", "all")
    with pytest.raises(LoginError, match="is not a name"):
        ConfigFile.parse(document(credsStore="../x")).helper("r.x")


def test_a_new_file_and_away_again() -> None:
    home = Home()
    plan = home.apply(r_x=OURS)
    assert (home.values, plan.mode, plan.directory_mode) == ({"auths": {"r.x": encode(OURS)}}, 0o600, 0o700)
    assert plan.news == {"r.x": OURS}
    again = home.apply(r_x=OURS)
    assert (again.changed, again.news) == (False, {})
    gone = home.apply()
    assert (gone.data, gone.directory_mode, gone.removed) == (None, None, ["r.x"])
    assert not home.record.logins


def test_a_changed_password_and_the_first_file_still_comes_back() -> None:
    first = document(auths={"r.x": encode(THEIRS)})
    home = Home(first, 0o640, 0o755)
    home.apply(r_x=OURS)
    assert home.apply(r_x=NEW).news == {"r.x": NEW}
    assert home.login() == NEW
    assert (home.found.mode, home.found.directory_mode) == (0o600, 0o700)
    home.apply()
    assert home.found == Found(first, 0o640, 0o755)


def test_a_login_that_was_there_before_is_nobody_of_ours() -> None:
    home = Home(document(auths={"r.x": encode(OURS)}))
    assert not home.apply(r_x=OURS).changed
    assert not home.apply().changed
    assert home.login() == OURS


def test_a_mode_that_is_too_wide_is_put_right_for_a_login_that_was_there() -> None:
    home = Home(document(auths={"r.x": encode(OURS)}), 0o644)
    assert home.apply(r_x=OURS).mode == 0o600


def test_a_login_that_somebody_changed_stays_and_is_replaced_while_it_is_asked_for() -> None:
    home = Home()
    home.apply(r_x=OURS)
    home.found = Found(document(auths={"r.x": encode(THEIRS)}), 0o600, 0o700)
    kept = Home()
    kept.found, kept.record = home.found, home.record
    assert kept.apply().kept == ["r.x"]
    assert kept.login() == THEIRS
    home.apply(r_x=OURS)
    assert home.login() == OURS
    home.apply()
    assert home.login() == THEIRS


def test_a_token_is_somebody_elses_and_comes_back() -> None:
    token = {"auth": "YTo=", "identitytoken": "t"}
    home = Home(document(auths={"r.x": token}))
    home.apply(r_x=OURS)
    home.found = Found(json.dumps({**home.values, "x": 1}).encode(), 0o600, 0o700)
    home.apply()
    assert home.values == {"auths": {"r.x": token}, "x": 1}


def test_one_of_two_logins_goes() -> None:
    home = Home(b"")
    home.apply(r_x=OURS, s_x=OURS)
    assert home.apply(s_x=OURS).removed == ["r.x"]
    assert (home.login("r.x"), home.login("s.x")) == (None, OURS)
    home.apply()
    assert home.found.data == b""


def test_an_interruption_at_any_moment_leaves_nothing_unknown() -> None:
    """The record is written before the file; whichever of the two is old, the next run finds its way."""
    first = document(auths={"o.x": encode(THEIRS)}, other=1)
    for steps in ([OURS], [OURS, NEW]):
        for file_is_new in (False, True):
            home = Home(first)
            for credentials in steps[:-1]:
                home.apply(r_x=credentials)
            plan = home.plan(r_x=steps[-1])
            home.record = plan.during
            if file_is_new:
                home.found = Found(plan.data, plan.mode, plan.directory_mode)
            resumed = Home()
            resumed.found, resumed.record = home.found, home.record
            resumed.apply(r_x=steps[-1])
            resumed.apply()
            assert resumed.found.data == first
            home.apply()
            assert home.found.data == first


def test_a_credential_helper_keeps_the_login() -> None:
    first = document(credsStore="lab", auths={"r.x": {}})
    home = Home(first)
    home.helper.kept["r.x"] = THEIRS
    plan = home.apply(r_x=OURS)
    assert (plan.steps, plan.writes_file) == ([HelperStep("lab", "r.x", OURS)], False)
    assert not home.apply(r_x=OURS).changed
    home.apply()
    assert home.helper.kept == {"r.x": THEIRS}
    assert home.found.data == first


def test_a_helper_that_comes_later_takes_the_login_out_of_the_file() -> None:
    home = Home()
    home.apply(r_x=OURS)
    home.found = Found(json.dumps({**home.values, "credsStore": "lab"}).encode(), 0o600, 0o700)
    home.apply(r_x=OURS)
    assert (home.login(), home.helper.kept) == (None, {"r.x": OURS})
    assert not home.apply(r_x=OURS).changed
    home.apply()
    assert (home.helper.kept, home.values) == ({}, {"credsStore": "lab"})


def test_a_diff_has_no_password() -> None:
    home = Home(document(auths={"r.x": encode(THEIRS)}))
    plan = home.apply(r_x=OURS)
    assert (plan.before, plan.then) == (["r.x: joe, old password"], ["r.x: app, new password"])


NAMES = st.sampled_from(["HttpHeaders", "psFormat", "plugins", "credHelpers", "currentContext", "x y", "ü"])
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)
FOREIGN = st.dictionaries(NAMES.filter(lambda name: name != "credHelpers"), VALUES)
LOGINS = st.dictionaries(st.sampled_from(["r.x", "s.x", "o.x"]), st.sampled_from([encode(THEIRS), encode(OURS), {}]))


def written(values: dict[str, Any], indent: Any, tail: str) -> bytes:
    return (json.dumps(values, indent=indent, ensure_ascii=False) + tail).encode("utf-8", "surrogatepass")


@settings(deadline=None)
@given(
    FOREIGN,
    st.none() | LOGINS,
    st.sampled_from([None, 0, 2, "\t"]),
    st.sampled_from(["", "\n", "\r\n"]),
    st.lists(st.sampled_from([{"r.x": OURS}, {"r.x": NEW, "s.x": OURS}, {"s.x": NEW}]), min_size=1, max_size=3),
)
def test_foreign_content_is_untouched_and_absent_gives_back_every_byte(
    foreign: dict[str, Any],
    logins: dict[str, Any] | None,
    indent: Any,
    tail: str,
    runs: list[dict[str, Credentials]],
) -> None:
    values = {**foreign, **({"auths": logins} if logins is not None else {})}
    first = written(values, indent, tail)
    home = Home(first)
    for wanted in runs:
        home.apply(**{name.replace(".", "_"): value for name, value in wanted.items()})
        now = home.values
        assert {name: home.login(name) for name in wanted} == wanted
        auths = {**now.pop("auths")}
        for name in ("r.x", "s.x"):
            if name not in wanted:
                assert auths.get(name) == (logins or {}).get(name)
            auths.pop(name, None)
        assert auths == {name: entry for name, entry in (logins or {}).items() if name == "o.x"}
        assert now == foreign
    home.apply()
    assert home.found.data == first


@settings(deadline=None)
@given(FOREIGN, FOREIGN, st.none() | LOGINS)
def test_what_others_change_in_the_meantime_stays(
    before: dict[str, Any], later: dict[str, Any], logins: dict[str, Any] | None
) -> None:
    home = Home(written({**before, **({"auths": logins} if logins is not None else {})}, 2, "\n"))
    home.apply(r_x=NEW)
    home.found = Found(written({**later, "auths": {**home.values["auths"], "new.x": {}}}, 2, "\n"), 0o600, 0o700)
    home.apply(r_x=OURS)
    home.apply()
    assert home.values == {**later, "auths": {**(logins or {}), "new.x": {}}}
