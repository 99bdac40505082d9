# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to others stays, containers live on, and offboarding gives back what was there."""

from __future__ import annotations

import pytest

from tests.lab import testing
from tests.lab.playbooks import green, play

from .conftest import CLIENTS, UPSTREAMS

CONTAINERD = [client for client in CLIENTS if client.runtime == "containerd"]
CERTS = "/etc/containerd/certs.d"
CONFIG = "/etc/containerd/config.toml"
FOREIGN = f"{CERTS}/registry.example.test/hosts.toml"
DROP_IN = "/etc/containers/registries.conf.d/50-dockmirror.conf"
names = pytest.mark.parametrize("name", [client.name for client in CONTAINERD])


@names
def test_containers_survived_the_restart_of_containerd(name: str) -> None:
    host = testing.host(name)
    assert host.check_output("ctr tasks ls") == host.check_output("cat /var/tmp/tasks")


@names
def test_only_config_path_came_into_the_configuration(name: str) -> None:
    host = testing.host(name)
    added = host.run(f"diff /var/tmp/config.toml {CONFIG}").stdout.splitlines()
    assert [line for line in added if line.startswith("<")] == []
    assert [line.split() for line in added if "config_path" in line] == [[">", "config_path", "=", f'"{CERTS}"']]
    assert f"config_path = '{CERTS}'" in host.check_output("containerd config dump").replace('"', "'")


@names
def test_the_hosts_file_of_somebody_else_stays(name: str) -> None:
    assert testing.host(name).file(FOREIGN).content_string == 'server = "https://registry.example.test"\n'


def test_a_foreign_hosts_file_in_our_place_is_reported_and_stays() -> None:
    host, path = testing.host(CONTAINERD[-1].name), f"{CERTS}/quay.io/hosts.toml"
    host.check_output(f"echo 'server = \"https://quay.io\"' > {path}")
    done = play("onboard", "--limit", CONTAINERD[-1].name)
    assert "was written by somebody else" in done.output
    assert host.file(path).content_string == 'server = "https://quay.io"\n'
    assert (
        "quay.io: The configuration of containerd for quay.io has no registry mirror"
        in done.failures[CONTAINERD[-1].name]
    )
    host.check_output(f"rm {path}")
    green("onboard", "--limit", CONTAINERD[-1].name)


def test_offboard_gives_back_what_was_there_and_onboard_comes_back() -> None:
    assert green("offboard").changed > 0
    for client in CONTAINERD:
        assert client.host.check_output(f"cmp /var/tmp/config.toml {CONFIG} && ls {CERTS}") == "registry.example.test"
    assert not testing.host("ctd.example.test").file("/etc/docker/certs.d").exists
    podman = testing.first("podman_clients")
    assert not podman.file(DROP_IN).exists
    assert not podman.file("/etc/containers/certs.d").exists
    assert green("offboard").changed == 0

    red = play("verify")
    assert red.code != 0
    back = green("onboard")
    assert back.changed > 0
    assert green("onboard", "--check").changed == 0
    for client in CONTAINERD:
        test_containers_survived_the_restart_of_containerd(client.name)
        for upstream in UPSTREAMS:
            assert client.host.file(f"{CERTS}/{upstream}/hosts.toml").exists
