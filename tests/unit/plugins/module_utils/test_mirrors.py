# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of mirrors, how clients reach them, and the check of URLs."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import (
    order_mirrors,
    server_of,
    url_problems,
    without_credentials,
)

MIRRORS = [f"https://mirror{number}.example.com" for number in range(5)]
CLIENTS = [f"app-{number:04d}" for number in range(2000)]
ORDER_OF_APP_0007 = [0, 4, 2, 3, 1]
names = st.lists(st.text(min_size=1, max_size=12), unique=True, min_size=1, max_size=8)


def first(mirrors: list[str]) -> dict[str, str]:
    return {client: order_mirrors(mirrors, client)[0] for client in CLIENTS}


@given(names, st.text(max_size=12))
def test_order_is_a_permutation_and_ignores_the_order_of_the_input(mirrors: list[str], client: str) -> None:
    ordered = order_mirrors(mirrors, client)
    assert sorted(ordered) == sorted(mirrors)
    assert order_mirrors(reversed(mirrors), client) == ordered


@given(names, st.text(max_size=12))
def test_a_mirror_that_leaves_does_not_change_the_order_of_the_others(mirrors: list[str], client: str) -> None:
    ordered = order_mirrors(mirrors, client)
    assert order_mirrors([mirror for mirror in mirrors if mirror != ordered[0]], client) == ordered[1:]


def test_the_order_of_a_release_stays_the_order_of_the_next() -> None:
    # a change of the hash would move every client of every fleet
    assert order_mirrors(MIRRORS, "app-0007") == [MIRRORS[number] for number in ORDER_OF_APP_0007]


def test_duplicates_are_dropped() -> None:
    assert order_mirrors(["a", "b", "a"], "x") == order_mirrors(["a", "b"], "x")


def test_load_spreads_evenly() -> None:
    counts = Counter(first(MIRRORS).values())
    assert set(counts) == set(MIRRORS)
    # 400 each; five standard deviations of a fair draw are 90
    assert all(310 < count < 490 for count in counts.values()), counts


def test_a_new_mirror_moves_its_share_of_clients_only() -> None:
    before, after = first(MIRRORS), first([*MIRRORS, "https://new.example.com"])
    moved = [client for client in CLIENTS if before[client] != after[client]]
    assert all(after[client] == "https://new.example.com" for client in moved)
    # 2000 / 6 = 333; five standard deviations are 84
    assert 249 < len(moved) < 417


def test_the_clients_of_a_mirror_that_leaves_spread_over_all_others() -> None:
    gone = MIRRORS[2]
    before, after = first(MIRRORS), first([mirror for mirror in MIRRORS if mirror != gone])
    assert all(after[client] == before[client] for client in CLIENTS if before[client] != gone)
    assert len({after[client] for client in CLIENTS if before[client] == gone}) == len(MIRRORS) - 1


@pytest.mark.parametrize(
    ("variables", "url", "ca_file"),
    [
        ({}, "https://m1", "/inv/fleet-ca/ca.crt"),
        ({"gateway_server_name": "mirror.example.com"}, "https://mirror.example.com", "/inv/fleet-ca/ca.crt"),
        ({"gateway_https_port": "8443"}, "https://m1:8443", "/inv/fleet-ca/ca.crt"),
        ({"gateway_fleet_ca_dir": "/ca"}, "https://m1", "/ca/ca.crt"),
        ({"gateway_tls": "files"}, "https://m1", ""),
        ({"gateway_tls": "none"}, "http://m1", ""),
        ({"gateway_tls": "none", "gateway_http_port": 5000, "gateway_https_port": 8443}, "http://m1:5000", ""),
        ({"gateway_https_port": 80}, "https://m1:80", "/inv/fleet-ca/ca.crt"),
    ],
)
def test_server_of(variables: dict[str, object], url: str, ca_file: str) -> None:
    server = server_of("m1", {"inventory_dir": "/inv", **variables})
    assert server == {"name": variables.get("gateway_server_name", "m1"), "url": url, "ca_file": ca_file}


@pytest.mark.parametrize(
    "url",
    ["https://mirror.example.com", "https://mirror.example.com:8443/", "https://10.0.0.1", "https://[fd00::1]:8443"],
)
def test_good_urls(url: str) -> None:
    assert url_problems([url], allow_http=False) == []


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mirror.example.com", "starts with https://"),
        ("ftp://mirror.example.com", "starts with https://"),
        ("", "starts with https://"),
        ("https://", "no valid host name"),
        ("https://mirror example.com", "no valid host name"),
        ("https://mirror.example.com:99999", "not a valid URL"),
        ("https://mirror.example.com:https", "not a valid URL"),
        ("https://mirror.example.com:0", "port 0"),
        ("https://[fd00::1", "not a valid URL"),
        ("https://mirror.example.com?a=b", "query or fragment"),
        ("https://mirror.example.com/#", "query or fragment"),
        ("http://mirror.example.com", "docker_client_allow_http"),
    ],
)
def test_bad_urls(url: str, problem: str) -> None:
    problems = url_problems([url], allow_http=False)
    assert len(problems) == 1
    assert problem in problems[0]


def test_http_is_good_where_it_is_allowed() -> None:
    assert url_problems(["http://mirror.example.com"], allow_http=True) == []


def test_credentials_are_refused_and_not_repeated() -> None:
    problems = url_problems(["https://user:s3cret@mirror.example.com/x"], allow_http=False)
    assert len(problems) == 1
    assert "credentials are not allowed" in problems[0]
    assert "s3cret" not in problems[0]
    assert "https://***@mirror.example.com/x" in problems[0]


def test_a_mirror_listed_twice() -> None:
    problems = url_problems(["https://mirror.example.com", "https://MIRROR.example.com/"], allow_http=False)
    assert problems == ["https://MIRROR.example.com/: it is listed twice."]


def test_something_else_than_text() -> None:
    assert url_problems([{"name": "mirror"}], allow_http=False) == ["{'name': 'mirror'} is not a URL but dict."]


@pytest.mark.parametrize(
    ("url", "shown"),
    [("https://a@b/c@d", "https://***@b/c@d"), ("https://b/c@d", "https://b/c@d"), ("https://b", "https://b")],
)
def test_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
