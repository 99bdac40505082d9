# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets stay out of everything that is shown."""

from __future__ import annotations

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.secrets import MASK, collect, mask, scrub


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        (
            "log-opts",
            {"splunk-token": "abcd1234", "splunk-url": "https://s"},
            {"splunk-token": MASK, "splunk-url": "https://s"},
        ),
        (
            "proxies",
            {"http-proxy": "http://joe:hunter22@p.example:3128"},
            {"http-proxy": f"http://{MASK}@p.example:3128"},
        ),
        ("registry-mirrors", ["https://joe:hunter22@m.example"], [f"https://{MASK}@m.example"]),
        ("storage-opts", ["x.password=geheim", "dm.basesize=10G"], [f"x.password={MASK}", "dm.basesize=10G"]),
        ("labels", ["token=abcd", "a=b"], [f"token={MASK}", "a=b"]),
        (
            "log-opts",
            {"gelf-address": "udp://10.0.0.1:12201", "awslogs-credentials-endpoint": "/creds"},
            {"gelf-address": "udp://10.0.0.1:12201", "awslogs-credentials-endpoint": "/creds"},
        ),
        ("mtu", 1400, 1400),
        ("debug", None, None),
        ("dns-search", ["a@b"], ["a@b"]),
        (
            "log-opts",
            {"tag": "{{.Name}}", "logentries-token": "geheim99"},
            {"tag": "{{.Name}}", "logentries-token": MASK},
        ),
        ("log-opts", {"splunk-token": 12345678}, {"splunk-token": MASK}),
    ],
)
def test_values_are_masked_by_name_and_by_form(name: str, value: object, shown: object) -> None:
    assert mask(value, name) == shown


def test_the_secrets_are_taken_out_of_other_programs_messages() -> None:
    found = collect(
        {
            "log-opts": {"splunk-token": "abcd1234"},
            "proxies": {"https-proxy": "http://joe:hunter22@p.example"},
            "labels": ["password=geheim"],
        }
    )
    message = "bad abcd1234 in http://joe:hunter22@p.example and hunter22, geheim"
    assert scrub(message, found) == f"bad {MASK} in http://{MASK}@p.example and {MASK}, {MASK}"


def test_what_is_too_short_to_be_a_secret_takes_no_words_out_of_messages() -> None:
    assert scrub("a bad thing", collect({"log-opts": {"splunk-token": "a"}})) == "a bad thing"


def test_harmless_values_are_no_secrets() -> None:
    assert collect({"registry-mirrors": ["https://m.example"], "labels": ["a=b"], "debug": True, "mtu": 1}) == set()
