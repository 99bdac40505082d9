# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a client proves to a registry who it is: Basic authentication, and tokens from a token service."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import urlencode, urlsplit


def basic(username: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def wants_basic(challenge: str) -> bool:
    """Whether the WWW-Authenticate header asks for Basic authentication."""
    return challenge.lower().startswith("basic")


def realm_of(challenge: str) -> str:
    """URL of the token service, without its query, that the WWW-Authenticate header names; empty if it names none."""
    return _parameters(challenge).get("realm", "")


def token_url(challenge: str, scope: str) -> str:
    """What to ask the token service for, by the WWW-Authenticate header; empty if it names no token service.

    :param scope: what the token is to allow, such as ``repository:team/app:pull``; empty to only log in.
    """
    parameters = _parameters(challenge)
    realm = parameters.get("realm", "")
    if not realm:
        return ""
    query = {"service": parameters.get("service", "")}
    if scope:
        query["scope"] = scope
    return "{}{}{}".format(realm, "&" if urlsplit(realm).query else "?", urlencode(query))


def bearer(body: bytes) -> str:
    """The Authorization header for the answer of a token service.

    :raises ValueError: the answer is not what a token service says.
    """
    document = json.loads(body.decode("utf-8"))
    if not isinstance(document, dict):
        raise ValueError("no token")
    return "Bearer {}".format(document.get("token") or document.get("access_token") or "")


def _parameters(challenge: str) -> dict[str, str]:
    return dict(re.findall(r'([a-z]+)="([^"]*)"', challenge))
