# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing TOML, and finding things in it, against Python's own reader."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dockmirror.fleet.plugins.module_utils.toml_text import (
    Entry,
    Table,
    TomlError,
    dumps,
    scan,
    string_list,
    string_value,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALAR = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1)
VALUE = SCALAR | st.lists(SCALAR, max_size=3)
DOCUMENT = st.recursive(
    st.dictionaries(TEXT, VALUE, max_size=4),
    lambda inner: st.dictionaries(TEXT, VALUE | inner | st.lists(inner, min_size=1, max_size=3), max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(DOCUMENT)
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    assert tomllib.loads(dumps(document)) == document


@settings(max_examples=60, deadline=None)
@given(DOCUMENT)
def test_every_value_is_found_where_it_stands(document: dict[str, Any]) -> None:
    text = dumps(document)
    for item in scan(text):
        if isinstance(item, Entry):
            alone = tomllib.loads(f"x = {text[slice(*item.value)]}")["x"]
            assert string_value(text[slice(*item.value)]) == (alone if isinstance(alone, str) else None)
            assert text[item.start : item.end].endswith("\n")


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_a_text_is_either_read_like_python_does_or_refused(text: str) -> None:
    try:
        tomllib.loads(text)
    except ValueError:
        return
    scan(text)


def test_what_hosts_toml_looks_like() -> None:
    host = {"capabilities": ["pull", "resolve"], "ca": "/etc/ca.pem"}
    assert dumps({"server": "https://ghcr.io", "host": {"https://m.example.com:8443": host}}) == (
        'server = "https://ghcr.io"\n'
        "\n"
        '[host."https://m.example.com:8443"]\n'
        'capabilities = ["pull", "resolve"]\n'
        'ca = "/etc/ca.pem"\n'
    )


@pytest.mark.parametrize("value", [None, 1.5, [{"a": 1}, "b"], 2**63, "\ud800", {"a": None}])
def test_what_cannot_be_written(value: Any) -> None:
    with pytest.raises(TomlError):
        dumps({"x": value})


def test_a_key_must_be_a_string() -> None:
    with pytest.raises(TomlError, match="the key 1 is not a string"):
        dumps({1: "x"})  # type: ignore[dict-item]


HARD = '''\
# [comment]
version = 2 # trailing
list = [ "]", # a ] in a comment
  '#', [1, 2],
]
'quoted key'."and more" = """
[not.a.table]
"""
inline = { a = { b = "}" }, c = [1] }
when = 1979-05-27 07:32:00Z
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = ''
[[array]]\r
x = \'\'\'it\'s\'\'\'\r
'''


def test_a_document_with_everything_that_could_mislead() -> None:
    tomllib.loads(HARD)
    found = [(item.path, type(item)) for item in scan(HARD)]
    assert found == [
        (("version",), Entry),
        (("list",), Entry),
        (("quoted key", "and more"), Entry),
        (("inline",), Entry),
        (("when",), Entry),
        (("plugins", "io.containerd.grpc.v1.cri", "registry"), Table),
        (("plugins", "io.containerd.grpc.v1.cri", "registry", "config_path"), Entry),
        (("array",), Table),
        (("array", "x"), Entry),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb", "line 2: = is missing"),
        ("a =", "line 1: a value is expected"),
        ("a = 1 2x y", "behind the end"),
        ("[a", "] is missing"),
        ('a = "b', "a value is expected"),
        ("a = [1 2]", "missing"),
        ("= 1", "a key is expected"),
    ],
)
def test_what_is_not_toml(text: str, message: str) -> None:
    with pytest.raises(TomlError, match=message.replace("[", r"\[")):
        scan(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a\\b'", "a\\b"),
        ('"a\\u0041\\n"', "aA\n"),
        ('"\\q"', None),
        ("1", None),
        ('"""a"""', None),
    ],
)
def test_strings(text: str, value: str | None) -> None:
    assert string_value(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("[]", []), ("[ 'a', # b\n \"c\",\n]", ["a", "c"]), ("[1]", None), ("'a'", None)],
)
def test_lists_of_strings(text: str, value: list[str] | None) -> None:
    assert string_list(text) == value
