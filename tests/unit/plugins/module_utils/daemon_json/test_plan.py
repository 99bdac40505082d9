# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a change reaches the daemon (docs/facts.md D1, D2, D8)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.document import Document
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.plan import (
    NONE,
    RELOAD,
    RESTART,
    Needs,
    choose,
    containers_survive,
    explicit,
    needs,
    reload_stages,
    restart_stages,
)


def doc(values: dict[str, Any]) -> Document:
    return Document().edited(values)


def test_needs_are_sorted_by_what_it_takes() -> None:
    assert needs({"debug": True, "mtu": 1500}, {"debug": False, "mtu": 1400, "labels": []}, [], []) == Needs(
        ["debug", "labels"], ["mtu"]
    )
    assert needs({}, {}, ["debug"], ["mtu"]) == Needs(["debug"], ["mtu"])
    assert needs({}, {"features": {"containerd-snapshotter": True}}, [], []) == Needs([], ["features"])
    assert needs({"debug": True}, {"debug": True}, [], []).all == []


@pytest.mark.parametrize(
    ("apply", "wanted", "running", "action"),
    [
        ("auto", Needs(["debug"]), True, RELOAD),
        ("auto", Needs(["debug"], ["mtu"]), True, RESTART),
        ("auto", Needs(), True, NONE),
        ("reload", Needs(["debug"], ["mtu"]), True, RELOAD),
        ("reload", Needs([], ["mtu"]), True, NONE),
        ("restart", Needs(["debug"]), True, RESTART),
        ("restart", Needs(), True, NONE),
        ("restart", Needs(), False, RESTART),
        ("none", Needs(["debug"], ["mtu"]), True, NONE),
        ("auto", Needs(), False, NONE),
        ("reload", Needs(), False, NONE),
    ],
)
def test_the_action(apply: str, wanted: Needs, running: bool, action: str) -> None:
    assert choose(apply, wanted, running, writes=True) == action


def test_a_daemon_that_does_not_run_is_not_started_for_nothing() -> None:
    assert choose("restart", Needs(), running=False, writes=False) == NONE


def test_d2_a_key_that_goes_is_written_empty_reloaded_and_then_left_out() -> None:
    stages = reload_stages(doc({"icc": False}), b"final", ["registry-mirrors", "debug"], {}, {})
    assert [stage.act for stage in stages] == [RELOAD, NONE]
    assert Document.parse(stages[0].content or b"").values == {"icc": False, "registry-mirrors": [], "debug": False}
    assert stages[1].content == b"final"


def test_what_only_comes_takes_one_reload() -> None:
    stages = reload_stages(doc({"debug": True}), b"final", ["debug"], {}, {})
    assert [(stage.content, stage.act) for stage in stages] == [(b"final", RELOAD)]


def test_a_key_that_a_flag_sets_is_not_written_empty() -> None:
    assert explicit(doc({}), ["debug"], {}, {"debug": [("-D", "")]}).values == {}


def test_d8_live_restore_that_comes_is_reloaded_before_the_restart() -> None:
    stages = restart_stages(
        doc({"icc": False}), doc({"icc": True, "live-restore": True}), b"final", {"LiveRestoreEnabled": False}, {}
    )
    assert [stage.act for stage in stages] == [RELOAD, RESTART]
    assert Document.parse(stages[0].content or b"").values == {"icc": False, "live-restore": True}
    assert stages[1].content == b"final"


@pytest.mark.parametrize("wanted", [{"mtu": 1400}, {"mtu": 1400, "live-restore": False}])
def test_d8_live_restore_that_goes_goes_after_the_restart(wanted: dict[str, Any]) -> None:
    stages = restart_stages(doc({"live-restore": True}), doc(wanted), b"final", {"LiveRestoreEnabled": True}, {})
    assert [stage.act for stage in stages] == [RESTART, RELOAD, NONE]
    assert Document.parse(stages[0].content or b"").values == {"mtu": 1400, "live-restore": True}
    assert Document.parse(stages[1].content or b"").values == {"mtu": 1400, "live-restore": False}
    assert stages[2].content == b"final"


def test_live_restore_that_stays_or_never_was_takes_one_restart() -> None:
    for info, values in (({"LiveRestoreEnabled": True}, {"live-restore": True}), ({"LiveRestoreEnabled": False}, {})):
        stages = restart_stages(doc(values), doc({**values, "mtu": 1400}), b"final", info, {})
        assert [(stage.content, stage.act) for stage in stages] == [(b"final", RESTART)]


def test_live_restore_as_a_flag_is_never_written_to_the_file() -> None:
    flags = {"live-restore": [("--live-restore", "")]}
    assert len(restart_stages(doc({}), doc({"mtu": 1400}), b"final", {"LiveRestoreEnabled": True}, flags)) == 1


@pytest.mark.parametrize(
    ("info", "values", "survive"),
    [
        ({"ContainersRunning": 0}, {}, True),
        ({"ContainersRunning": 2}, {}, False),
        ({"ContainersRunning": 2, "LiveRestoreEnabled": True}, {}, True),
        ({"ContainersRunning": 2}, {"live-restore": True}, True),
    ],
)
def test_d8_which_containers_survive(info: dict[str, Any], values: dict[str, Any], survive: bool) -> None:
    assert containers_survive(doc(values), info) is survive
