# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the gateway's settings for ACME."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.acme_settings import acme_problems

ACME: dict[str, Any] = {
    "directory_url": "https://acme.example.com:14000/dir",
    "email": "ops@example.com",
    "agree_terms": True,
    "eab_key_id": "kid-1",
    "eab_hmac_key": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
    "schedule": "*-*-* 00,12:00:00",
}
GOOD: dict[str, Any] = {"server_addresses": [], "http_port": 80, "https_port": 443, "acme": ACME}


@pytest.mark.parametrize(
    "acme",
    [
        {},
        {"email": "", "eab_key_id": "", "eab_hmac_key": ""},
        {"schedule": "daily"},
        {"schedule": "Mon..Fri *-*-* 02:30"},
    ],
)
def test_good_settings(acme: dict[str, Any]) -> None:
    assert acme_problems({**GOOD, "acme": {**ACME, **acme}}) == []


@pytest.mark.parametrize(
    ("acme", "message"),
    [
        ({"directory_url": "http://acme.example.com/dir"}, "is not the https URL of an ACME directory"),
        ({"directory_url": "acme.example.com"}, "'acme.example.com' is not the https URL"),
        ({"directory_url": "https://acme.example.com/a b"}, "is not the https URL"),
        ({"directory_url": "https://[::1/dir"}, "is not a URL"),
        ({"agree_terms": False}, "terms of service of https://acme.example.com:14000/dir"),
        ({"email": "ops"}, "'ops' is not an email address"),
        ({"email": "a@example.com,b@example.com"}, "is not an email address"),
        ({"eab_key_id": ""}, "gateway_acme_eab_key_id and gateway_acme_eab_hmac_key belong together"),
        ({"eab_key_id": "a\nb"}, "gateway_acme_eab_key_id must be one word"),
        ({"schedule": ""}, "is not a calendar event of systemd"),
        ({"schedule": "daily\nOnBootSec=1"}, "is not a calendar event of systemd"),
    ],
)
def test_bad_settings(acme: dict[str, Any], message: str) -> None:
    (found,) = acme_problems({**GOOD, "acme": {**ACME, **acme}})
    assert message in found


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"server_addresses": ["10.0.0.1"]}, "gateway_server_addresses must be empty with gateway_tls: acme"),
        ({"http_port": 443}, "gateway_http_port and gateway_https_port must differ"),
    ],
)
def test_settings_that_do_not_go_with_acme(settings: dict[str, Any], message: str) -> None:
    (found,) = acme_problems({**GOOD, **settings})
    assert message in found


@pytest.mark.parametrize(
    "acme", [{"directory_url": "https://ops:s3cret-key@acme.example.com/dir"}, {"eab_hmac_key": "s3cret-key!"}]
)
def test_no_message_repeats_a_secret(acme: dict[str, Any]) -> None:
    (found,) = acme_problems({**GOOD, "acme": {**ACME, **acme}})
    assert "s3cret-key" not in found
