# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks and defaults of a mirror's upstreams."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_upstreams import (
    DEFAULT_PROBES,
    UpstreamError,
    default_port,
    endpoints,
    instances,
    override_problems,
    problems,
    registry_major,
    slug,
)

BASE = 21000
HUB: dict[str, Any] = {"name": "docker.io"}
OTHER: dict[str, Any] = {"name": "registry.example.com:5000", "probe_repository": "team/app"}
WELL_KNOWN = [
    *DEFAULT_PROBES,
    "docker.elastic.co",
    "ghcr.io",
    "lscr.io",
    "nvcr.io",
    "registry.gitlab.com",
]


def only_problem(upstream: dict[str, Any], version: str = "3") -> str:
    found = problems([{**HUB, **upstream}], version, BASE)
    assert len(found) == 1, found
    return found[0]


def test_docker_hub_needs_only_its_name() -> None:
    assert problems([HUB], "3", BASE) == []
    (hub,) = instances([HUB], BASE)
    assert hub["remote_url"] == "https://registry-1.docker.io"
    assert (hub["probe_repository"], hub["probe_tag"]) == ("library/alpine", "latest")
    assert hub["debug_port"] == hub["port"] + 1
    assert hub["slug"] == "docker-io"


def test_another_registry_is_reached_under_its_own_name() -> None:
    (other,) = instances([OTHER], BASE)
    assert other["remote_url"] == "https://registry.example.com:5000"
    assert other["probe_tag"] == "latest"


def test_proxies_become_environment_variables() -> None:
    (hub,) = instances([{**HUB, "https_proxy": "http://proxy:3128", "no_proxy": ".internal"}], BASE)
    assert hub["environment"] == {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".internal"}


def test_a_number_is_taken_as_a_string_where_a_string_is_meant() -> None:
    (hub,) = instances([{**HUB, "ttl": 0, "probe_tag": 3.9, "username": "joe", "password": 1234}], BASE)
    assert (hub["ttl"], hub["probe_tag"], hub["password"]) == ("0", "3.9", "1234")


def test_the_gateway_is_told_where_each_mirror_listens() -> None:
    hub = {**HUB, "port": 5000, "allow": ["library/*"], "deny": ["library/mysql"]}
    assert endpoints([hub, OTHER], BASE, "/srv/mirror/") == [
        {
            "name": "docker.io",
            "address": "127.0.0.1:5000",
            "data_dir": "/srv/mirror/docker.io",
            "allow": ["library/*"],
            "deny": ["library/mysql"],
            "probe_repository": "library/alpine",
        },
        {
            "name": "registry.example.com:5000",
            "address": f"127.0.0.1:{default_port('registry.example.com:5000', BASE)}",
            "data_dir": "/srv/mirror/registry.example.com:5000",
            "allow": [],
            "deny": [],
            "probe_repository": OTHER["probe_repository"],
        },
    ]
    assert endpoints([HUB], BASE)[0]["data_dir"] == ""


def test_well_known_registries_get_ports_of_their_own() -> None:
    ports = [default_port(name, BASE) for name in WELL_KNOWN]
    assert len(set(ports)) == len(WELL_KNOWN)


@given(st.lists(st.sampled_from(WELL_KNOWN), unique=True), st.sampled_from(WELL_KNOWN))
def test_a_new_upstream_moves_no_other_one(names: list[str], new: str) -> None:
    def ports(some: list[str]) -> dict[str, int]:
        upstreams = [{"name": name, "probe_repository": ""} for name in some]
        return {item["name"]: item["port"] for item in instances(upstreams, BASE)}

    before = ports(names) if names else {}
    after = ports([new, *[name for name in names if name != new]])
    assert {name: after[name] for name in before} == before


@given(st.text(min_size=1))
def test_default_ports_stay_in_their_range(name: str) -> None:
    port = default_port(name, BASE)
    assert BASE <= port < BASE + 1000
    assert port % 2 == 0


def test_a_list_with_problems_is_not_used() -> None:
    with pytest.raises(UpstreamError, match="there twice"):
        instances([HUB, HUB], BASE)


@pytest.mark.parametrize(
    ("upstream", "message"),
    [
        ({"name": "Docker.io"}, "Upstream 'Docker.io': the name must be the registry's host name in lower case"),
        ({"name": "dockerhub"}, "such as docker.io or registry.example.com:5000"),
        ({"name": "https://quay.io"}, "the name must be the registry's host name"),
        ({"name": None}, "Upstream 'None'"),
        ({"remote_url": "registry-1.docker.io"}, "remote_url must be a URL such as https://registry-1.docker.io"),
        ({"remote_url": "ftp://registry-1.docker.io"}, "remote_url must be a URL"),
        ({"remote_url": "https://registry-1.docker.io:port"}, "remote_url must be a URL"),
        ({"remote_url": "http://registry.example.com"}, "set allow_http: true if that is meant"),
        ({"remote_url": "https://joe:pw@registry-1.docker.io"}, "must not hold credentials"),
        ({"remote_url": "https://registry-1.docker.io/?a=b"}, "must not have a query or a fragment"),
        ({"username": "joe"}, "username and password belong together"),
        ({"password": "x"}, "username and password belong together"),
        ({"username": ["joe"], "password": "x"}, "username must be a string, not a list"),
        ({"username": "joe", "password": {"a": "b"}}, "password must be a string, not a mapping"),
        ({"ttl": "7d"}, "There is no unit for days: write 168h."),
        ({"ttl": "soon"}, "ttl 'soon' is not a duration"),
        ({"ttl": "-1h"}, "ttl '-1h' is not a duration"),
        ({"ttl": True}, "ttl 'True' is not a duration"),
        ({"https_proxy": "proxy.example.com:3128"}, "https_proxy must be a URL such as http://proxy.example.com:3128"),
        ({"probe_repository": "Library/Alpine"}, "'Library/Alpine' is not a repository name"),
        ({"probe_tag": "not a tag"}, "'not a tag' is not a tag"),
        ({"allow": "library/*"}, "allow must be a list of patterns such as library/*, not a str"),
        ({"deny": ["Library/x"]}, "deny: 'Library/x' is not a pattern of repositories"),
        ({"deny": ["^library/.+$"]}, "deny: '^library/.+$' is not a pattern of repositories"),
        ({"deny": ["mysql"]}, "fits no repository of Docker Hub, where all have a namespace; write library/mysql"),
        ({"port": "high"}, "port must be a number"),
        ({"port": 70000}, "port must be between 1 and 65534"),
        ({"remote": "https://x.example"}, "unknown settings remote. Known are"),
    ],
)
def test_bad_upstreams(upstream: dict[str, Any], message: str) -> None:
    assert message in only_problem(upstream)


def test_a_password_is_in_no_message() -> None:
    upstream = {**HUB, "username": ["a"], "password": "s3cret", "ttl": "7d", "remote_url": "https://u:s3cret@x.example"}
    assert "s3cret" not in " ".join(problems([upstream], "3", BASE))


@pytest.mark.parametrize("ttl", ["168h", "90m", "1h30m", "1.5h", "0", 0, "", None])
def test_good_ttl(ttl: Any) -> None:
    assert problems([{**HUB, "ttl": ttl}], "3", BASE) == []


def test_registry_2_has_no_ttl() -> None:
    assert "always keeps content for 168h" in only_problem({"ttl": "24h"}, version="2")


def test_an_http_upstream_by_request() -> None:
    assert problems([{**HUB, "remote_url": "http://10.0.0.1:5000", "allow_http": True}], "3", BASE) == []


def test_an_unknown_registry_must_say_how_it_is_proven() -> None:
    assert "probe_repository is needed" in problems([{"name": "registry.example.com"}], "3", BASE)[0]
    assert problems([{"name": "registry.example.com", "probe_repository": ""}], "3", BASE) == []


@pytest.mark.parametrize(
    ("upstreams", "message"),
    [
        ([], "mirror_upstreams is empty"),
        ("docker.io", "must be a list of mappings"),
        (["docker.io"], "must be a list of mappings"),
        ([HUB, HUB], "Upstream docker.io: it is there twice"),
        (
            [{"name": "a.example", "probe_repository": ""}, {"name": "a-example.", "probe_repository": ""}],
            "the name must be the registry's host name",
        ),
        (
            [{"name": "a.b.example", "probe_repository": ""}, {"name": "a-b.example", "probe_repository": ""}],
            "its name is too much like a.b.example: both make a-b-example",
        ),
        ([{**HUB, "port": 5000}, {**OTHER, "port": 5001}], "port 5001 is used by docker.io too"),
    ],
)
def test_bad_lists(upstreams: Any, message: str) -> None:
    (found,) = problems(upstreams, "3", BASE)
    assert message in found


@pytest.mark.parametrize(("version", "major"), [("3", 3), ("3.1.1", 3), (2, 2), ("2.8.3", 2), ("3-alpine", 3)])
def test_registry_major(version: Any, major: int) -> None:
    assert registry_major(version) == major


@pytest.mark.parametrize("version", ["latest", "1", "4", "30", ""])
def test_unknown_registry_versions(version: str) -> None:
    assert registry_major(version) is None
    assert f"mirror_registry_version '{version}' is not known" in problems([HUB], version, BASE)[0]


def test_slug() -> None:
    assert slug("registry.example.com:5000") == "registry-example-com-5000"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            {"storage": {"filesystem": {"maxsize": "1G"}}},
            "storage.filesystem.maxsize: the registry has no such setting",
        ),
        ({"storage": {"filesystem": {"maxblobsize": 1}}}, "storage.filesystem.maxblobsize"),
        ({"storage": {"cache": {"blobdescriptor": "inmemory"}}}, "200 with an empty body after content has expired"),
        ({"storage": {"delete": {"enabled": False}}}, "without it nothing in a mirror ever expires"),
        ({"storage": {"redirect": {"disable": False}}}, "clients must not be sent past the gateway"),
        ({"http": {"addr": ":5000"}}, "set port in the upstream's entry"),
        ({"http": {"tls": {"certificate": "x"}}}, "TLS is the gateway's"),
        ({"http": {"debug": {"addr": ":5001"}}}, "http.debug.addr"),
        ({"proxy": {"remoteurl": "https://x"}}, "set remote_url"),
        ({"proxy": {"username": ["x"]}}, "set username"),
        ({"proxy": {"ttl": "1h"}}, "set ttl"),
        ({"auth": {"htpasswd": {}}}, "a password belongs to the gateway"),
        (["x"], "must be a mapping"),
    ],
)
def test_bad_overrides(override: Any, message: str) -> None:
    (found,) = override_problems(override)
    assert message in found


def test_good_overrides() -> None:
    assert override_problems({}) == []
    override = {"log": {"level": "debug"}, "storage": {"delete": {"enabled": True}}, "http": {"drain": "1s"}}
    assert override_problems(override) == []
