# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the gateway's settings for ACME, before anything on a host is touched."""

from __future__ import annotations

import re
from typing import Any, Mapping
from urllib.parse import urlsplit

_EMAIL = re.compile(r"^[^@\s,]+@[^@\s,]+\.[^@\s,]+$")
_BASE64URL = re.compile(r"^[A-Za-z0-9_-]+=*$")
_ONE_WORD = re.compile(r"^[!-~]+$")
# What systemd.time(7) has in calendar events; systemd itself checks the rest when the timer is started.
_CALENDAR = re.compile(r"^[A-Za-z0-9*:,./~ _+-]*[A-Za-z0-9*][A-Za-z0-9*:,./~ _+-]*$")


def acme_problems(settings: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with the settings for ``gateway_tls: acme``, each as one sentence.

    :param settings: the role's variables by their names without the prefix ``gateway_``, those for ACME in a mapping
        ``acme`` by their names without the prefix ``gateway_acme_``. Secrets are not repeated in a message.
    """
    acme = settings["acme"]
    found = _directory_problems(str(acme["directory_url"]))
    if not acme["agree_terms"]:
        found.append(
            "gateway_tls is acme: read the terms of service of {} and set gateway_acme_agree_terms: true.".format(
                acme["directory_url"]
            )
        )
    if acme["email"] and not _EMAIL.match(str(acme["email"])):
        found.append(f"gateway_acme_email: '{acme['email']}' is not an email address.")
    if settings["server_addresses"]:
        found.append(
            "gateway_server_addresses must be empty with gateway_tls: acme: certificates are asked for DNS names only."
        )
    if int(settings["http_port"]) == int(settings["https_port"]):
        found.append("gateway_http_port and gateway_https_port must differ with gateway_tls: acme, which needs both.")
    found.extend(_account_problems(str(acme["eab_key_id"]), str(acme["eab_hmac_key"])))
    if not _CALENDAR.match(str(acme["schedule"])):
        found.append(f"gateway_acme_schedule: '{acme['schedule']}' is not a calendar event of systemd such as daily.")
    return found


def _directory_problems(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host, user, _port = parts.hostname, parts.username or parts.password, parts.port
    except ValueError:
        return ["gateway_acme_directory_url is not a URL."]
    if user:
        return ["gateway_acme_directory_url must not hold credentials."]
    if parts.scheme != "https" or not host or not _ONE_WORD.match(url):
        return [f"gateway_acme_directory_url: '{url}' is not the https URL of an ACME directory."]
    return []


def _account_problems(key_id: str, hmac_key: str) -> list[str]:
    if bool(key_id) != bool(hmac_key):
        return ["gateway_acme_eab_key_id and gateway_acme_eab_hmac_key belong together."]
    found = []
    if key_id and not _ONE_WORD.match(key_id):
        found.append("gateway_acme_eab_key_id must be one word.")
    if hmac_key and not _BASE64URL.match(hmac_key):
        found.append("gateway_acme_eab_hmac_key is not base64url.")
    return found
