# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Platforms are read strictly: a slip in a scenario is an error with a name, not a host that is missing something."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.platforms import HUB_NAMES, Platform, parse
from tests.lab.run import LabError

CLIENT = {"name": "client1.example.test", "image": "trixie-full", "groups": ["docker_clients"]}


def test_list_and_molecule_document_mean_the_same() -> None:
    assert parse([CLIENT]) == parse({"platforms": [CLIENT], "driver": {"name": "default"}})
    assert parse([CLIENT]) == [Platform("client1.example.test", "trixie-full", ("docker_clients",))]


def test_hub_has_the_names_of_docker_hub_and_its_own_aliases() -> None:
    (hub,) = parse([{"name": "hub.example.test", "image": "trixie-full", "groups": ["hub"], "aliases": ["other.test"]}])
    assert hub.is_hub
    assert hub.names == ("hub.example.test", *HUB_NAMES, "other.test")


def test_other_hosts_have_no_name_of_docker_hub() -> None:
    (client,) = parse([{**CLIENT, "aliases": ["c.test", "c.test"]}])
    assert not client.is_hub
    assert client.names == ("client1.example.test", "c.test")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "a list of hosts"),
        ([], "a list of hosts"),
        ({"driver": {}}, "a list of hosts"),
        (["client1"], "not a mapping"),
        ([{**CLIENT, "imgae": "x"}], "unknown key: imgae"),
        ([{"image": "trixie-full"}], "not a host name: None"),
        ([{**CLIENT, "name": "Client_1"}], "not a host name: 'Client_1'"),
        ([{"name": "client1"}], "client1: `image` is missing"),
        ([{**CLIENT, "groups": "docker_clients"}], "`groups` is not a list"),
        ([CLIENT, CLIENT], "name used more than once: client1.example.test"),
        ([CLIENT, {"name": "b", "image": "x", "aliases": [CLIENT["name"]]}], "DNS name used more than once"),
        ([{"name": "a", "image": "x", "groups": ["hub"]}, {"name": "b", "image": "x", "groups": ["hub"]}], "DNS name"),
    ],
)
def test_slips_are_named(document: Any, message: str) -> None:
    with pytest.raises(LabError, match=message):
        parse(document)
