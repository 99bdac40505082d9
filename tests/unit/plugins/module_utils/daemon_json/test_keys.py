# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys are live and how they are undone (docs/facts.md D1, D2)."""

from __future__ import annotations

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.keys import (
    KEYS,
    is_live,
    live_change,
    unset_value,
)

LIVE = {
    "debug",
    "labels",
    "live-restore",
    "shutdown-timeout",
    "features",
    "registry-mirrors",
    "insecure-registries",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "runtimes",
    "default-runtime",
    "default-shm-size",
    "default-ipc-mode",
    "default-cgroupns-mode",
    "network-diagnostic-port",
    "allow-nondistributable-artifacts",
}


def test_d1_the_reloadable_keys() -> None:
    assert {name for name in KEYS if is_live(name)} == LIVE


def test_d1_an_authorization_plugin_counts_as_restart_only() -> None:
    assert not is_live("authorization-plugins")


def test_d1_the_image_store_is_chosen_at_the_start() -> None:
    assert live_change("features", None, {"buildkit": True})
    assert live_change("features", {"containerd-snapshotter": True}, {"containerd-snapshotter": True, "buildkit": True})
    assert not live_change("features", None, {"containerd-snapshotter": True})
    assert not live_change("features", {"containerd-snapshotter": True}, None)


def test_an_unknown_key_needs_a_restart() -> None:
    assert not live_change("something-new", None, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("debug", False),
        ("labels", []),
        ("live-restore", False),
        ("registry-mirrors", []),
        ("insecure-registries", []),
        ("runtimes", {}),
        ("default-runtime", "runc"),
        ("default-shm-size", "64M"),
        ("default-ipc-mode", "private"),
        ("shutdown-timeout", 15),
        ("max-concurrent-downloads", 3),
        ("max-concurrent-uploads", 5),
        ("max-download-attempts", 5),
    ],
)
def test_d2_the_explicit_value_that_undoes_a_key(name: str, value: object) -> None:
    assert unset_value(name, "2") == value


def test_d2_the_cgroup_namespaces_default_depends_on_the_host() -> None:
    assert unset_value("default-cgroupns-mode", "1") == "host"
    assert unset_value("default-cgroupns-mode", "2") == "private"


def test_a_restart_only_key_has_none() -> None:
    assert unset_value("mtu", "2") is None
    assert unset_value("something-new", "2") is None
