# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept on the host about each owner."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.merge import Layer
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.state import (
    OWNER,
    Original,
    OwnerState,
    StateError,
    Store,
    Transaction,
    Waiting,
)

PATH = "/etc/docker/daemon.json"


def example(owner: str = "a", sequence: int = 1) -> OwnerState:
    return OwnerState(
        layer=Layer(owner, {"debug": True}, {"debug": "replace"}, {"debug": {"kind": "value", "value": True}}),
        sequence=sequence,
        original=Original(b"\xef\xbb\xbf{}\xff"),
        written=["abc"],
        waiting=Waiting(["mtu", "debug"], ["mtu"], "1:2"),
        transaction=Transaction(None, ["absent"]),
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = Store(PATH, str(tmp_path / "state"))
    with store.locked():
        store.save({}, {"b": example("b", 1), "a": example("a", 2)})
    assert Store(PATH, str(tmp_path / "state")).load() == {"b": example("b", 1), "a": example("a", 2)}
    assert list(store.load()) == ["b", "a"]


def test_it_is_private_as_a_configuration_may_hold_secrets(tmp_path: Path) -> None:
    store = Store(PATH, str(tmp_path / "state"))
    with store.locked():
        store.save({}, {"a": example()})
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "a.json").stat().st_mode) == 0o600


def test_the_last_owner_leaves_nothing(tmp_path: Path) -> None:
    store = Store(PATH, str(tmp_path / "lib" / "dockmirror" / "daemon_json"))
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "other").mkdir()
    with store.locked():
        store.save({}, {"a": example()})
    with store.locked():
        store.save({"a": example()}, {})
    assert [entry.name for entry in (tmp_path / "lib").iterdir()] == ["other"]


def test_documents_are_kept_apart(tmp_path: Path) -> None:
    one, two = Store(PATH, str(tmp_path)), Store("/etc/other.json", str(tmp_path))
    one.save({}, {"a": example()})
    two.save({}, {"a": example(sequence=7)})
    one.save({"a": example()}, {})
    assert one.load() == {}
    assert two.load() == {"a": example(sequence=7)}


def test_nothing_is_there_at_first(tmp_path: Path) -> None:
    assert Store(PATH, str(tmp_path / "none")).load() == {}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 99}', '{"format": 1, "documents": {"/etc/docker/daemon.json": {}}}']
)
def test_damaged_state_is_not_guessed_at(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(StateError, match=r"a\.json|owner a"):
        Store(PATH, str(tmp_path)).load()


def test_only_one_run_at_a_time(tmp_path: Path) -> None:
    store = Store(PATH, str(tmp_path / "state"))
    inside: list[str] = []
    second_waits = threading.Event()

    def second() -> None:
        second_waits.set()
        with Store(PATH, str(tmp_path / "state")).locked():
            inside.append("second")

    thread = threading.Thread(target=second)
    with store.locked():
        thread.start()
        assert second_waits.wait(5)
        thread.join(0.2)
        inside.append("first")
    thread.join(5)
    assert inside == ["first", "second"]


@pytest.mark.parametrize("name", ["../x", ".x", "", "a/b", "a b", "-x", "x" * 200])
def test_an_owners_name_is_a_safe_file_name(name: str) -> None:
    assert OWNER.fullmatch(name) is None
