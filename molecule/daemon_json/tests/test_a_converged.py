# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What converge left behind, and that it can be taken back.

These tests come first: they look before anything else acts.
"""

from __future__ import annotations

import json

from .conftest import Engines, every

ORIGINAL = '{ "labels":["rack=7"],  "log-opts": {"max-size":"5m"} }'
OURS = {"registry-mirrors": ["https://mirror.example.test"], "max-concurrent-downloads": 6}
THEIRS = {"labels": ["team=build"], "insecure-registries": ["registry.lab.example.test:5000"]}


def test_the_file_has_what_both_owners_want_and_what_was_there(converged: Engines) -> None:
    for text in converged.read().values():
        assert json.loads(text) == {
            "labels": ["rack=7", "team=build"],
            "log-opts": {"max-size": "5m"},
            **OURS,
            "insecure-registries": THEIRS["insecure-registries"],
        }
        assert '"log-opts": {"max-size":"5m"}' in text, "what nobody changed is written as it was"


def test_the_daemons_run_with_it(converged: Engines) -> None:
    for info in converged.info().values():
        assert info["RegistryConfig"]["Mirrors"] == ["https://mirror.example.test/"]
        assert info["RegistryConfig"]["IndexConfigs"]["registry.lab.example.test:5000"]["Secure"] is False
        assert sorted(info["Labels"]) == ["rack=7", "team=build"]


def test_an_unchanged_run_does_nothing(converged: Engines) -> None:
    before = converged.sh(
        "stat --format '%i %Y %a' /etc/docker/daemon.json; "
        "find /var/lib/dockmirror -type f -printf '%p %i %T@\\n' | sort"
    )
    mark = converged.sh("date +%s.%N")
    every(converged.ok(config=OURS), changed=False, action="none", keys={}, restart_required=False, rolled_back=False)
    assert before == converged.sh(
        "stat --format '%i %Y %a' /etc/docker/daemon.json; "
        "find /var/lib/dockmirror -type f -printf '%p %i %T@\\n' | sort"
    )
    reloads = converged.sh(
        "curl --silent --get --unix-socket /run/docker.sock http://localhost/events --data-urlencode "
        f'\'filters={{"event":["reload"]}}\' --data since={mark[converged.names[0]]} --data until=$(date +%s.%N)'
    )
    assert set(reloads.values()) == {""}


def test_both_owners_go_and_every_byte_is_back(converged: Engines) -> None:
    every(converged.ok(state="absent"), changed=True, action="reload")
    for name, text in converged.read().items():
        assert json.loads(text)["labels"] == ["rack=7", "team=build"], name
    assert set(map(len, converged.mirrors().values())) == {0}
    every(converged.ok(state="absent", owner="build-team"), changed=True, action="reload")
    assert set(converged.read().values()) == {ORIGINAL}
    assert set(converged.sh("stat --format %a /etc/docker/daemon.json").values()) == {"640"}
    for info in converged.info().values():
        assert info["Labels"] == ["rack=7"]
        assert "registry.lab.example.test:5000" not in info["RegistryConfig"]["IndexConfigs"]
    assert set(converged.sh("ls /var/lib/dockmirror 2>/dev/null || echo gone").values()) == {"gone"}
    every(converged.ok(state="absent"), changed=False, action="none")
