# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns for the names of repositories and tags.

``*`` stands for any characters but a slash, ``**`` for any characters, ``?`` for one character but a slash, ``[abc]``
and ``[a-z]`` for one of these, ``[!abc]`` for one but these. A pattern has to match the whole name.
"""

from __future__ import annotations

import re
from typing import Any, Iterable

_ALLOWED = re.compile(r"^(?:[A-Za-z0-9._/*?-]|\[!?[A-Za-z0-9._-]+\])+$")
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|.")


def pattern_problem(pattern: Any) -> str:
    """What is wrong with a pattern, as the end of a sentence; empty if nothing is."""
    if not isinstance(pattern, str):
        return f"'{pattern}' is not a string; put it into quotes"
    if not _ALLOWED.match(pattern):
        return (
            f"'{pattern}' is not a pattern: names consist of letters, digits and . _ - /, and * ** ? [a-z] stand for"
            " others"
        )
    try:
        re.compile(_expression(pattern))
    except re.error:
        return f"'{pattern}' is not a pattern: the range in its brackets is the wrong way round"
    return ""


def is_name(pattern: str) -> bool:
    """Whether only one name matches, the pattern itself."""
    return not re.search(r"[*?\[]", pattern)


def first_match(name: str, patterns: Iterable[str]) -> str | None:
    """The first pattern that matches a name; None if none does."""
    return next((pattern for pattern in patterns if re.fullmatch(_expression(pattern), name)), None)


def _expression(pattern: str) -> str:
    return "".join(_part(token) for token in _TOKEN.findall(pattern))


def _part(token: str) -> str:
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if token in known:
        return known[token]
    if token.startswith("["):
        return token.replace("[!", "[^/")
    return re.escape(token)
