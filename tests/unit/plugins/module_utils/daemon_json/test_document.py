# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and editing daemon.json's text (docs/facts.md D5, D16)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.document import Document, DocumentError, same

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9999, 9999) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=6), JSON, max_size=5)
INDENTS = st.sampled_from([None, 0, 1, 2, 4, "\t"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b"\xfe\xff\x00{\x00}", "UTF-16"),
        (b"{\x00}\x00", "UTF-16"),
        (b'{"a": "\xe9"}', "not UTF-8"),
        (b'{"debug": true, "debug": false}', '"debug" is given twice'),
        (b'{"log-opts": {"max-size": "1m", "max-size": "2m"}}', '"max-size" is given twice'),
        (b'{\n  // mirrors\n  "debug": true\n}', "comment at line 2"),
        (b'{"debug": true /* on */}', "comment at line 1"),
        (b'# mine\n{"debug": true}', "comment at line 1"),
        (b'{"debug": true,}', "a comma too many"),
        (b'{"labels": ["a=b",]}', "a comma too many"),
        (b"{'debug': true}", "single quote"),
        (b'{"debug": true', "not valid JSON"),
        (b'{"debug": true} {}', "not valid JSON"),
        (b'{"mtu": NaN}', "NaN is not JSON"),
        (b"[]", "an array"),
        (b"null", "null"),
        (b"true", "true or false"),
        (b"12", "a number"),
        (b'"x"', "a string"),
        (b"[" * 100000, "nested too deeply|not valid JSON"),
    ],
)
def test_what_is_not_a_strict_json_object_is_refused_with_the_reason(content: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        Document.parse(content)


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\t", b"\xef\xbb\xbf"])
def test_an_empty_file_says_nothing(content: bytes) -> None:
    document = Document.parse(content)
    assert document.values == {}
    assert Document.parse(document.edited({"debug": True}).encode()).values == {"debug": True}


def test_a_byte_order_mark_is_read_and_kept() -> None:
    document = Document.parse(b'\xef\xbb\xbf{"debug": true}')
    assert document.bom
    assert document.edited({"debug": False}).encode() == b'\xef\xbb\xbf{"debug": false}'


def test_a_new_document_is_written_the_usual_way() -> None:
    text = Document().edited({"registry-mirrors": ["https://m.example"], "debug": True}).encode().decode()
    assert text == '{\n  "registry-mirrors": [\n    "https://m.example"\n  ],\n  "debug": true\n}\n'


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        # replaced in place, everything else as it was written
        ('{\n\t"b":   [1,  2],\n\t"a" : 1.50\n}', {"b": [1, 2], "a": 2}, '{\n\t"b":   [1,  2],\n\t"a" : 2\n}'),
        # new ones at the end, with the indentation that is there
        ('{\n    "a": 1\n}\n', {"a": 1, "l": ["x"]}, '{\n    "a": 1,\n    "l": [\n        "x"\n    ]\n}\n'),
        # one line stays one line, minified stays minified
        ('{"a": 1}', {"a": 1, "b": {"c": 2}}, '{"a": 1, "b": {"c": 2}}'),
        ('{"a":1}\n', {"a": 1, "b": [1, 2]}, '{"a":1,"b":[1,2]}\n'),
        # removed with its comma
        ('{\n  "a": 1,\n  "b": 2\n}\n', {"a": 1}, '{\n  "a": 1\n}\n'),
        ('{\n  "a": 1,\n  "b": 2\n}\n', {"b": 2}, '{\n  "b": 2\n}\n'),
        ('{"a": 1, "b": 2, "c": 3}', {"b": 2}, '{"b": 2}'),
        ('{\n  "a": 1\n}\n', {}, "{}\n"),
        # line ends of Windows
        ('{\r\n  "a": 1\r\n}\r\n', {"a": 1, "b": {"c": 1}}, '{\r\n  "a": 1,\r\n  "b": {\r\n    "c": 1\r\n  }\r\n}\r\n'),
        # no newline at the end of the file
        ("{ }", {"a": 1}, '{\n  "a": 1\n}'),
        ('{"ü": "€"}', {"ü": "€", "é": "ß"}, '{"ü": "€", "é": "ß"}'),
    ],
)
def test_an_edit_changes_only_what_it_is_about(before: str, values: dict[str, object], after: str) -> None:
    assert Document.parse(before.encode()).edited(values).encode().decode() == after


@given(OBJECTS, OBJECTS, INDENTS)
def test_an_edited_document_says_what_it_was_told_to(
    before: dict[str, object], after: dict[str, object], indent: int | str | None
) -> None:
    document = Document.parse(json.dumps(before, indent=indent).encode()).edited(after)
    assert Document.parse(document.encode()).values == after
    assert document.values == after


@given(OBJECTS, INDENTS, st.sampled_from(["", "\n", "\n\n"]))
def test_an_edit_that_changes_nothing_keeps_every_byte(
    values: dict[str, object], indent: int | str | None, tail: str
) -> None:
    data = (json.dumps(values, indent=indent) + tail).encode()
    assert Document.parse(data).edited(values).encode() == data


@given(OBJECTS.filter(bool), OBJECTS, INDENTS)
def test_what_was_added_and_is_removed_again_leaves_no_trace(
    values: dict[str, object], more: dict[str, object], indent: int | str | None
) -> None:
    data = json.dumps(values, indent=indent).encode()
    added = Document.parse(data).edited({**values, **{k: v for k, v in more.items() if k not in values}})
    assert Document.parse(added.encode()).edited(values).encode() == data


def test_equality_is_that_of_json() -> None:
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not same(True, 1)
    assert not same(1, 1.0)
    assert not same([1, 2], [2, 1])
