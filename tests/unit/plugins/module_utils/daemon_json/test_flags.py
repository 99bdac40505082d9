# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dockerd's command line, of a process and of a unit (docs/facts.md D6)."""

from __future__ import annotations

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.flags import (
    expand,
    parse,
    parse_environment,
    proxy_flags,
    spelled,
)


def test_the_command_line_of_debian() -> None:
    found = parse(["/usr/sbin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock"])
    assert found == {"hosts": [("-H", "fd://")], "containerd": [("--containerd", "/run/containerd/containerd.sock")]}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-D", "--icc", "false"], {"debug": [("-D", "")], "icc": [("--icc", "")]}),
        (["-DH", "unix:///a"], {"debug": [("-D", "")], "hosts": [("-H", "unix:///a")]}),
        (["-D=false"], {"debug": [("-D", "false")]}),
        (["--label", "--odd=1", "-l", "warn"], {"labels": [("--label", "--odd=1")], "log-level": [("-l", "warn")]}),
        (["--config-file", "/x.json"], {"config-file": [("--config-file", "/x.json")]}),
        (["-H", "a", "-H", "b"], {"hosts": [("-H", "a"), ("-H", "b")]}),
        (["--", "-D"], {}),
        (["-H"], {"hosts": [("-H", "")]}),
    ],
)
def test_spellings(words: list[str], expected: dict[str, list[tuple[str, str]]]) -> None:
    assert parse(["dockerd", *words]) == expected


def test_no_command_line_has_no_flags() -> None:
    assert parse([]) == {}


def test_one_flag_may_stand_for_two_keys() -> None:
    found = parse(["dockerd", "--host-gateway-ip", "10.0.0.1"])
    assert spelled(found, "host-gateway-ip") == spelled(found, "host-gateway-ips") == "--host-gateway-ip"
    assert spelled(found, "hosts") == ""


def test_proxy_flags() -> None:
    assert proxy_flags(parse(["dockerd", "--no-proxy=x", "--https-proxy", "y"])) == {
        "https-proxy": "--https-proxy",
        "no-proxy": "--no-proxy",
    }


def test_variables_in_a_units_command_line() -> None:
    words = expand(
        "/usr/sbin/dockerd -H fd:// $DOCKER_OPTS --data-root=${ROOT} $NONE",
        {"DOCKER_OPTS": "-D --label 'a=b c'", "ROOT": "/srv/x y"},
    )
    assert words == ["/usr/sbin/dockerd", "-H", "fd://", "-D", "--label", "a=b c", "--data-root=/srv/x y"]


def test_an_environment_file() -> None:
    text = '# comment\n; too\n\nDOCKER_OPTS="--debug --label a=b"\nPLAIN=x\nQUOTED=\'y z\'\nnonsense\nBROKEN="x\n'
    assert parse_environment(text) == {
        "DOCKER_OPTS": "--debug --label a=b",
        "PLAIN": "x",
        "QUOTED": "y z",
        "BROKEN": '"x',
    }
