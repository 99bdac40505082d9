# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's configuration on hosts with a private registry, alone or beside mirrors."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.tools.ansible import ansible
from tests.unit.roles.test_gateway_templates import PLAY

REGISTRY = {
    "server_name": "registry.example.com",
    "address": "127.0.0.1:20500",
    "auth_socket": "/run/dockmirror-auth/auth.sock",
}
MIRROR = [{"name": "docker.io", "address": "127.0.0.1:1"}]
HOSTS: dict[str, dict[str, Any]] = {
    "mirror": {"upstreams": MIRROR},
    "registry": {"registry": REGISTRY},
    "both": {"upstreams": MIRROR, "registry": REGISTRY},
    "plain": {"registry": REGISTRY, "tls": "none"},
}
EXTRA = {
    "nginx": "1.26.3",
    "gateway_upstreams": "{{ upstreams | default([]) }}",
    "gateway_registry": "{{ registry | default({}) }}",
    "gateway_tls": "{{ tls | default('fleet_ca') }}",
    "gateway_server_name": "mirror.example.com",
    "gateway_https_port": 8443,
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The configuration for each of HOSTS."""
    directory = tmp_path_factory.mktemp("gateway")
    (directory / "play.yml").write_text(json.dumps(PLAY))
    (directory / "hosts.yml").write_text(json.dumps({"all": {"hosts": HOSTS, "vars": {"output": str(directory)}}}))
    done = ansible("-i", str(directory / "hosts.yml"), "-e", json.dumps(EXTRA), str(directory / "play.yml"))
    assert done.code == 0, done.output
    return {name: (directory / name).read_text() for name in HOSTS}


def servers(text: str) -> dict[str, str]:
    """The text of each server, by the first of its names."""
    blocks = re.findall(r"^    server \{\n(.*?)^    \}", text, re.MULTILINE | re.DOTALL)
    names = [re.search(r"^ +server_name (\S+?)[ ;]", block, re.MULTILINE) for block in blocks]
    return {name[1]: block for name, block in zip(names, blocks, strict=True) if name}


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("mirror", ["mirror.example.com"]),
        ("registry", ["registry.example.com"]),
        ("both", ["registry.example.com", "mirror.example.com"]),
        ("plain", ["registry.example.com"]),
    ],
)
def test_a_host_serves_what_it_has(rendered: dict[str, str], host: str, names: list[str]) -> None:
    assert list(servers(rendered[host])) == names


def test_one_server_answers_for_unknown_names(rendered: dict[str, str]) -> None:
    for text in rendered.values():
        assert len(re.findall(r"listen \d+(?: ssl)? default_server", text)) == 1
    assert "default_server" not in servers(rendered["both"])["registry.example.com"]


def test_nothing_of_the_registry_is_open(rendered: dict[str, str]) -> None:
    for host in ("registry", "both", "plain"):
        server = servers(rendered[host])["registry.example.com"]
        assert re.search(r"^        auth_request /_dockmirror_auth;", server, re.MULTILINE)
        [closed] = re.findall(r"location (\S+ \S+|\S+) \{[^}]*auth_request off;", server)
        assert closed == "= /dockmirror/token"
        assert server.index("if ($gateway_allowed = 0)") < server.index("auth_request ")
        # Passwords go to the service that checks them, and not to the registry.
        assert 'proxy_set_header Authorization "";' in server.partition("location /v2/ {")[2].partition("}")[0]


def test_a_mirror_knows_nothing_of_the_registry(rendered: dict[str, str]) -> None:
    assert "auth" not in servers(rendered["mirror"])["mirror.example.com"].replace("Authorization", "")
    assert servers(rendered["mirror"]) == {
        name: text for name, text in servers(rendered["both"]).items() if name == "mirror.example.com"
    }


def test_layers_have_no_limit_and_stream_through(rendered: dict[str, str]) -> None:
    server = servers(rendered["registry"])["registry.example.com"]
    for line in ("client_max_body_size 0;", "proxy_request_buffering off;", "proxy_max_temp_file_size 0;"):
        assert line in server
    assert "proxy_set_header Host $http_host;" in server
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in server


def test_only_tls_is_promised_to_stay(rendered: dict[str, str]) -> None:
    assert "Strict-Transport-Security" in rendered["registry"]
    assert "Strict-Transport-Security" not in rendered["plain"]
    assert "ssl" not in servers(rendered["plain"])["registry.example.com"]
