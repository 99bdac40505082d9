# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's verdict follows from the two logs alone."""

from __future__ import annotations

import json

import pytest

from tests.lab.run import LabError
from tests.lab.summary import Proof, askers, served_lines, table

CLIENT, MIRROR = "10.0.0.12", "10.0.0.11"


def line(address: str = CLIENT, uri: str = "/v2/library/alpine/manifests/latest", status: object = 200) -> str:
    return json.dumps({"remote_addr": address, "uri": uri, "status": status})


def proof(**change: object) -> Proof:
    values = {
        "client": "client1",
        "image": "alpine",
        "mirror": "mirror",
        "tls": "TLSv1.3",
        "served": (line(),),
        "askers": ("mirror",),
    }
    return Proof(**{**values, **change})  # type: ignore[arg-type]


def test_served_lines_are_those_of_the_client_the_image_and_success() -> None:
    good = [line(), line(uri="/v2/library/alpine/blobs/sha256:0", status="200")]
    bad = [line(address=MIRROR), line(status=502), line(uri="/v2/library/alpine2/manifests/1"), line(uri="/v2/")]
    assert served_lines("\n".join([*bad, *good]), CLIENT, "library/alpine") == good


def test_askers_are_named_once_and_strangers_keep_their_address() -> None:
    log = "\n".join([line(MIRROR), line(MIRROR), line("10.0.0.99")])
    assert askers(log, {MIRROR: "mirror"}) == ["10.0.0.99", "mirror"]
    assert askers("", {}) == []


def test_a_line_that_is_not_json_is_an_error() -> None:
    with pytest.raises(LabError, match="not a line of a JSON log: oops"):
        askers("oops", {})


@pytest.mark.parametrize("seen", [("mirror",), ()])
def test_a_pull_through_the_mirror_alone_is_proven(seen: tuple[str, ...]) -> None:
    assert proof(askers=seen).problems == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"served": ()}, "client1: mirror did not serve alpine to it"),
        ({"tls": ""}, "client1: the connection to mirror was not over verified TLS"),
        ({"askers": ("client1", "mirror")}, "client1: Docker Hub was asked by client1"),
    ],
)
def test_each_flaw_is_a_problem(change: dict[str, object], message: str) -> None:
    assert proof(**change).problems == [message]


def test_table_shows_a_flaw_as_such() -> None:
    text = table([proof(), proof(client="client2.example", served=(), tls="", askers=())])
    assert text.splitlines() == [
        "client           image   served by       over TLS  Docker Hub asked by",
        "---------------  ------  --------------  --------  -------------------",
        "client1          alpine  mirror          TLSv1.3   mirror",
        "client2.example  alpine  NOT the mirror  NO        nobody (cached)",
    ]
