# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping secrets out of diffs, returns and messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "********"

# Anything shorter would take ordinary words out of messages, and keeps no secret.
SHORTEST = 4

# Names of log options, of driver and storage options and of environment-like settings whose value gives access.
_SECRET_NAME = re.compile(
    r"(token|password|passwd|passphrase|secret|api-?key|access-?key|credential|auth-?key)", re.IGNORECASE
)
_NOT_SECRET = ("credentials-endpoint",)  # awslogs-credentials-endpoint is a URL path
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?(?P<info>[^\s/@\"'?#]+(?::[^\s/@\"'?#]*)?)@(?=[\w\[])")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)=(?P<value>.+)", re.DOTALL)


def mask(value: Any, name: str = "") -> Any:
    """The value as it may be shown.

    :param name: the key it is the value of.
    """
    if isinstance(value, Mapping):
        return {key: mask(part, str(key)) for key, part in value.items()}
    if isinstance(value, list):
        return [mask(part, name) for part in value]
    if not isinstance(value, str):
        return MASK if _is_secret(name) and value is not None and not isinstance(value, bool) else value
    if _is_secret(name):
        return MASK if value else value
    assignment = _ASSIGNMENT.fullmatch(value)
    if assignment and _is_secret(assignment.group("name")):
        return f"{assignment.group('name')}={MASK}"
    return (
        _USERINFO.sub(lambda found: f"{found.group('scheme') or ''}{MASK}@", value)
        if _may_have_userinfo(value)
        else value
    )


def collect(value: Any, name: str = "") -> set[str]:
    """The secret strings in a value, for taking them out of messages of other programs."""
    found: set[str] = set()
    if isinstance(value, Mapping):
        for key, part in value.items():
            found |= collect(part, str(key))
    elif isinstance(value, list):
        for part in value:
            found |= collect(part, name)
    elif isinstance(value, str) and value:
        assignment = _ASSIGNMENT.fullmatch(value)
        if _is_secret(name):
            found.add(value)
        elif assignment and _is_secret(assignment.group("name")):
            found.add(assignment.group("value"))
        elif _may_have_userinfo(value):
            for match in _USERINFO.finditer(value):
                found.add(match.group("info"))
                found.update(part for part in match.group("info").split(":", 1)[1:] if part)
    return found


def scrub(text: str, secrets: set[str]) -> str:
    """A message of another program without the secrets it may repeat."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, MASK)
    return text


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not name.endswith(_NOT_SECRET)


def _may_have_userinfo(value: str) -> bool:
    return "@" in value and ("://" in value or ":" in value.split("@", 1)[0])
