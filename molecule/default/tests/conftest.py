# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet of this scenario as its tests see it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab import testing

MIRROR = "mirror.example.test"
GATEWAY = "dockmirror-gateway"
CLIENTS = ["client1.example.test", "client2.example.test"]
DAEMON_JSON = "/etc/docker/daemon.json"


def running_mirrors(client: Any) -> str:
    """The mirrors of the client's running engine."""
    return str(client.check_output("docker info --format '{{json .RegistryConfig.Mirrors}}'"))


def can_pull_probe(client: Any) -> bool:
    """Whether the client's engine gets the probe image at this moment."""
    return bool(
        client.run(
            'image="dockmirror/probe:wait-$(cat /proc/sys/kernel/random/uuid)"; '
            'docker pull -q "$image" && docker image rm "$image"'
        ).succeeded
    )


@pytest.fixture(params=CLIENTS)
def client_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(client_name: str) -> Any:
    """Each client in turn."""
    return testing.host(client_name)
