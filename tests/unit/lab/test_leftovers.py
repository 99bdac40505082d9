# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only the engine's own packet filter rules are taken away."""

from __future__ import annotations

from tests.lab.leftovers import cleanup_commands

SAVED = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A INPUT -p tcp --dport 22 -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i eth0 -m comment --comment "not dockerised" -j DROP
-A DOCKER-USER -j RETURN
COMMIT
*nat
:DOCKER - [0:0]
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 10.1.0.0/16 -j MASQUERADE
COMMIT
"""


def test_rules_go_first_then_chains_are_emptied_and_removed() -> None:
    assert [" ".join(arguments) for arguments in cleanup_commands(SAVED)] == [
        "-t filter -D FORWARD -j DOCKER-USER",
        "-t filter -D FORWARD -i docker0 ! -o docker0 -j ACCEPT",
        "-t filter -D DOCKER-USER -j RETURN",
        "-t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        "-t filter -F DOCKER",
        "-t filter -F DOCKER-USER",
        "-t nat -F DOCKER",
        "-t filter -X DOCKER",
        "-t filter -X DOCKER-USER",
        "-t nat -X DOCKER",
    ]


def test_nothing_is_done_where_no_engine_was() -> None:
    assert cleanup_commands("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n") == []
