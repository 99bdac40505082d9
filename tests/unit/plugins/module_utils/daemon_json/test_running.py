# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running daemon says, compared with the file (docs/facts.md D3)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.running import (
    UNKNOWN,
    drifted,
    effective,
    from_info,
    size,
    unlike,
)

# As Engine 26.1.5 answers.
INFO: dict[str, Any] = {
    "RegistryConfig": {
        "InsecureRegistryCIDRs": ["10.0.0.0/8", "127.0.0.0/8", "::1/128"],
        "IndexConfigs": {"docker.io": {"Secure": True}, "reg.example:5000": {"Secure": False}},
        "Mirrors": ["https://m1.example/"],
    },
    "Labels": ["b=2", "a=1"],
    "Debug": True,
    "LiveRestoreEnabled": False,
    "DefaultRuntime": "runc",
    "CgroupVersion": "1",
    "Runtimes": {"io.containerd.runc.v2": {}, "runc": {}, "crun": {"path": "/usr/bin/crun"}},
}
VALUES: dict[str, Any] = {
    "registry-mirrors": ["https://m1.example"],
    "insecure-registries": ["http://reg.example:5000", "10.0.0.0/8"],
    "labels": ["a=1", "b=2"],
    "debug": True,
    "runtimes": {"crun": {"path": "/usr/bin/crun"}},
}


def test_the_effective_configuration() -> None:
    assert effective(INFO) == {
        "registry-mirrors": ["https://m1.example"],
        "insecure-registries": ["10.0.0.0/8", "reg.example:5000"],
        "labels": ["a=1", "b=2"],
        "debug": True,
        "live-restore": False,
        "default-runtime": "runc",
        "runtimes": ["crun"],
    }
    assert from_info("mtu", INFO) is UNKNOWN


def test_a_daemon_that_runs_with_the_file_has_no_drift() -> None:
    assert drifted([*VALUES, "live-restore", "default-runtime", "mtu"], VALUES, INFO) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("registry-mirrors", ["https://m2.example"]),
        ("registry-mirrors", []),
        ("insecure-registries", []),
        ("labels", ["a=1"]),
        ("debug", False),
        ("live-restore", True),
        ("default-runtime", "crun"),
        ("runtimes", {"kata": {"path": "/k"}}),
    ],
)
def test_drift_is_seen(name: str, value: object) -> None:
    assert drifted([name], {**VALUES, name: value}, INFO) == [name]


def test_a_key_that_is_gone_from_the_file_but_not_from_the_daemon_is_drift() -> None:
    assert drifted(["registry-mirrors", "debug"], {}, INFO) == ["registry-mirrors", "debug"]


def test_the_order_of_mirrors_matters_that_of_sets_does_not() -> None:
    info = {"RegistryConfig": {"Mirrors": ["https://a/", "https://b/"]}, "Labels": ["a=1", "b=2"]}
    assert drifted(["registry-mirrors"], {"registry-mirrors": ["https://b", "https://a"]}, info) == ["registry-mirrors"]
    assert drifted(["labels"], {"labels": ["b=2", "a=1"]}, info) == []


def test_an_entry_of_insecure_registries_is_compared_the_way_the_daemon_shows_it() -> None:
    info = {
        "RegistryConfig": {
            "InsecureRegistryCIDRs": ["10.0.0.0/8", "127.0.0.0/8"],
            "IndexConfigs": {"REG.example": {"Secure": False}},
        }
    }
    values = {"insecure-registries": ["10.1.2.3/8", "https://REG.example", "127.0.0.0/8", "docker.io"]}
    assert drifted(["insecure-registries"], values, info) == []


def test_a_runtime_that_comes_from_a_flag_is_no_drift() -> None:
    assert drifted(["runtimes"], {"runtimes": {}}, INFO) == []


def test_the_reload_event_is_compared_with_the_file() -> None:
    attributes = {
        "debug": "true",
        "labels": '["a=1"]',
        "registry-mirrors": '["https://m1.example"]',
        "shutdown-timeout": "20",
        "default-shm-size": "134217728",
        "runtimes": "crun:/usr/bin/crun runc:runc",
        "features": "map[a:true b:false]",
        "default-ipc-mode": "private",
        "default-cgroupns-mode": "host",
        "max-concurrent-downloads": "3",
    }
    values: dict[str, Any] = {
        "debug": True,
        "labels": ["a=1"],
        "registry-mirrors": ["https://m1.example/"],
        "shutdown-timeout": 20,
        "default-shm-size": "128M",
        "runtimes": {"crun": {"path": "/usr/bin/crun"}},
        "features": {"b": False, "a": True},
        "max-concurrent-downloads": 0,
    }
    names = [*values, "default-ipc-mode", "default-cgroupns-mode", "network-diagnostic-port"]
    assert unlike(names, values, attributes, INFO) == []
    other: dict[str, Any] = {
        "debug": False,
        "labels": [],
        "registry-mirrors": [],
        "shutdown-timeout": 15,
        "default-shm-size": "64M",
        "runtimes": {"kata": {}},
        "features": {"a": True},
        "max-concurrent-downloads": 9,
    }
    assert unlike([*other], other, attributes, INFO) == [*other]


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("64M", 67108864),
        ("64m", 67108864),
        ("1g", 1073741824),
        ("64MiB", 67108864),
        ("1.5k", 1536),
        ("12", 12),
        ("x", -1),
    ],
)
def test_sizes(text: str, bytes_: int) -> None:
    assert size(text) == bytes_
