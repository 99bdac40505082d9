# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gateway's configuration looks like on hosts with other versions of Nginx than the lab has."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest

from tests.tools.ansible import ansible
from tests.tools.stage import ROOT

ROLE = ROOT / "roles/gateway"
KTLS = "ssl_conf_command Options KTLS;"
OPENSSL = "built with OpenSSL 3.0.2 15 Mar 2022"
UPSTREAMS = [
    {"name": "docker.io", "address": "127.0.0.1:1", "allow": [], "deny": ["library/mysql", "evil/**", "a/*-x"]},
    {"name": "ghcr.io", "address": "127.0.0.1:2", "allow": ["org/*"], "deny": ["org/secret"]},
]
HOSTS: dict[str, dict[str, Any]] = {
    "plain": {"nginx": "1.26.3"},
    "old": {"nginx": "1.22.1"},
    "http2": {"nginx": "1.26.3", "http2": True},
    "old_http2": {"nginx": "1.22.1", "http2": True},
    "ktls": {"nginx": "1.26.3", "ulp": "espintcp mptcp tls"},
    "old_ktls": {"nginx": "1.20.1", "ulp": "espintcp mptcp tls"},
    "no_ktls": {"nginx": "1.26.3", "ulp": "espintcp mptcp tls", "ktls": False},
}
PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
        "vars": {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_facts": {"os_family": "Debian"},
            "__gateway_ipv6": {"stat": {"exists": True}},
            "__gateway_probe_image": {"digest": "sha256:" + "0" * 64},
            "__gateway_nginx_build": {"stderr": "nginx version: nginx/{{ nginx }}\n" + OPENSSL},
            "__gateway_kernel_tls": {"content": "{{ ulp | default('mptcp') | b64encode }}"},
        },
        "tasks": [
            {
                "name": "Render",
                "ansible.builtin.template": {
                    "src": str(ROLE / "templates/nginx.conf.j2"),
                    "dest": "{{ output }}/{{ inventory_hostname }}",
                    "mode": "0644",
                },
            }
        ],
    }
]


# Above the role's defaults, which are read as variables of the play.
EXTRA = {
    "gateway_upstreams": UPSTREAMS,
    "gateway_http2": "{{ http2 | default(false) }}",
    "gateway_ktls": "{{ ktls | default(true) }}",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The configuration for each of HOSTS."""
    directory = tmp_path_factory.mktemp("gateway")
    output = directory / "output"
    output.mkdir()
    (directory / "play.yml").write_text(json.dumps(PLAY))
    (directory / "hosts.yml").write_text(json.dumps({"all": {"hosts": HOSTS, "vars": {"output": str(output)}}}))
    done = ansible("-i", str(directory / "hosts.yml"), "-e", json.dumps(EXTRA), str(directory / "play.yml"))
    assert done.code == 0, done.output
    return {name: (output / name).read_text() for name in HOSTS}


def test_http2_is_offered_on_request_only_and_as_this_nginx_wants_it_written(rendered: dict[str, str]) -> None:
    offers = {name: bool(re.search(r"^ *http2 on;", text, re.MULTILINE)) for name, text in rendered.items()}
    assert [name for name, offered in offers.items() if offered] == ["http2"]
    assert [name for name, text in rendered.items() if "ssl http2 default_server" in text] == ["old_http2"]


def test_the_kernel_encrypts_where_nginx_and_the_kernel_can(rendered: dict[str, str]) -> None:
    assert [name for name, text in rendered.items() if KTLS in text] == ["ktls"]


def test_of_accept_in_several_lines_an_old_nginx_sees_only_one(rendered: dict[str, str]) -> None:
    lenient = [name for name, text in rendered.items() if '"~^application/vnd' in text]
    assert lenient == ["old", "old_http2", "old_ktls"]


@pytest.mark.parametrize(
    ("repository", "forbidden"),
    [
        ("docker.io library/alpine", "0"),
        ("docker.io library/mysql", "1"),
        ("docker.io library/mysql-server", "0"),
        ("docker.io evil/a", "1"),
        ("docker.io evil/a/b", "1"),
        ("docker.io evil", "0"),
        ("docker.io a/b-x", "1"),
        ("docker.io a/b/c-x", "0"),
        ("ghcr.io org/app", "0"),
        ("ghcr.io org/secret", "1"),
        ("ghcr.io org/app/deep", "1"),
        ("ghcr.io other/app", "1"),
        ("ghcr.io library/mysql", "1"),
    ],
)
def test_patterns(rendered: dict[str, str], repository: str, forbidden: str) -> None:
    """Nginx takes the first regular expression that fits, and Python reads these as Nginx does."""
    block = re.search(r"\$gateway_forbidden \{\n(.*?)\n    \}", rendered["plain"], re.DOTALL)
    assert block
    rules = re.findall(r'^ *"~(.+)" ([01]);$', block[1], re.MULTILINE)
    assert next((verdict for pattern, verdict in rules if re.search(pattern, repository)), "0") == forbidden


def test_no_credentials_of_a_client_pass(rendered: dict[str, str]) -> None:
    text = rendered["plain"]
    assert 'proxy_set_header Authorization "";' in text
    assert "$http_authorization" not in text
    assert not re.search(r"proxy_cache_key[^;]*(authorization|cookie|remote_user|args)", text)
