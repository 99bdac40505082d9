# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that clients need, as they are called from templates."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.dockmirror.fleet.plugins.filter.mirror_order import mirror_order
from ansible_collections.dockmirror.fleet.plugins.filter.mirror_servers import mirror_servers
from ansible_collections.dockmirror.fleet.plugins.filter.mirror_url_problems import mirror_url_problems
from ansible_collections.dockmirror.fleet.plugins.filter.proof_summary import proof_summary


@pytest.mark.parametrize("mirrors", ["https://m1", [1], [["https://m1"]]])
def test_only_lists_of_urls_have_an_order(mirrors: object) -> None:
    with pytest.raises(AnsibleFilterError, match="needs a list of URLs"):
        mirror_order(mirrors, "app-07")


def test_servers_are_found_by_their_variables() -> None:
    hostvars = {
        "m1": {"inventory_dir": "/inv"},
        "m2": {"gateway_server_name": "two.example.com", "gateway_tls": "files"},
    }
    assert mirror_servers(["m1", "m2"], hostvars) == [
        {"name": "m1", "url": "https://m1", "ca_file": "/inv/fleet-ca/ca.crt"},
        {"name": "two.example.com", "url": "https://two.example.com", "ca_file": ""},
    ]


def test_a_port_that_is_none_names_the_mirror() -> None:
    with pytest.raises(AnsibleFilterError, match="port of the mirror m1 is not a number"):
        mirror_servers(["m1"], {"m1": {"gateway_https_port": "https"}})


def test_one_url_instead_of_a_list() -> None:
    assert len(mirror_url_problems("http://m1")) == 1
    assert mirror_url_problems("http://m1", allow_http=True) == []


def test_summary() -> None:
    hostvars = {
        "app-1": {"proof": {"cause": "ok", "served_by": "m1", "elapsed_ms": 183}},
        "app-2": {"proof": {"cause": "name_resolution"}},
        "app-3": {},
        "app-4": {"proof": {"msg": "unreachable"}},
    }
    assert proof_summary(list(hostvars), hostvars, "proof") == [
        "1 of 4 clients proven",
        "app-1 -> m1, 183 ms",
        "app-2 -> FAILED (name_resolution)",
        "2 without a result: app-3, app-4",
    ]


def test_summary_names_only_some_of_many_hosts_without_a_result() -> None:
    hosts = [f"app-{number:02}" for number in range(12)]
    lines = proof_summary(hosts, {host: {} for host in hosts}, "proof")
    assert lines == ["0 of 12 clients proven", "12 without a result: " + ", ".join(hosts[:10]) + ", ..."]
