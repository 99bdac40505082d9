# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and editing the text of daemon.json.

dockerd wants strict JSON. What it would misread, or what only looks like JSON, is refused here with a message that says
what is wrong and where; nothing that was refused is ever overwritten.

An edit keeps every byte of the members it does not touch: order, indentation, line ends, byte order mark and the way
numbers and lists were written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

UTF8_BOM = b"\xef\xbb\xbf"
_SPACE = re.compile(r"[ \t\r\n]*")


class DocumentError(Exception):
    """The content is not a document this module understands."""


@dataclass(frozen=True)
class _Member:
    """One ``"name": value`` with the white space that belongs to it."""

    name: str
    lead: str
    label: str
    value_text: str
    trail: str

    def text(self) -> str:
        return self.lead + self.label + self.value_text + self.trail


@dataclass(frozen=True)
class Document:
    """A JSON object together with the way it is written.

    :ivar values: what it says.
    :ivar bom: it starts with a UTF-8 byte order mark.
    """

    values: dict[str, Any] = field(default_factory=dict)
    bom: bool = False
    _head: str = ""
    _members: tuple[_Member, ...] = ()
    _inner: str = ""
    _tail: str = "\n"
    _blank: bool = True

    @classmethod
    def parse(cls, data: bytes) -> Document:
        """Read the content of a file.

        An empty file (or one of white space) says the same as ``{}``.

        :raises DocumentError: not UTF-8, not strict JSON, a name given twice, or not an object.
        """
        bom = data.startswith(UTF8_BOM)
        text = _decode(data)
        if not text.strip(" \t\r\n"):
            return cls(bom=bom)
        try:
            values = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            raise DocumentError(_explain(text, error)) from error
        except RecursionError as error:
            raise DocumentError("it is nested too deeply") from error
        if not isinstance(values, dict):
            raise DocumentError(f'it holds {_kind(values)}, not a JSON object like {{"debug": true}}')
        start = _skip(text, 0)
        members, inner, end = _scan(text, start)
        return cls(values, bom, text[:start], members, inner, text[end + 1 :], False)

    def encode(self) -> bytes:
        """The content for the file."""
        if self._blank:
            text = "{}\n"
        else:
            body = ",".join(member.text() for member in self._members) if self._members else self._inner
            text = f"{self._head}{{{body}}}{self._tail}"
        return (UTF8_BOM if self.bom else b"") + text.encode("utf-8")

    def edited(self, values: Mapping[str, Any]) -> Document:
        """The same document saying ``values``: changed members in place, new ones at the end."""
        members = list(self._members)
        for index in reversed(range(len(members))):
            if members[index].name not in values:
                _remove(members, index)
        for index, member in enumerate(members):
            value = values[member.name]
            if not same(value, self.values[member.name]):
                members[index] = replace(member, value_text=self._dump(value, _indent_of(member.lead)))
        for name, value in values.items():
            if name not in self.values:
                self._append(members, name, value)
        return replace(
            self,
            values=dict(values),
            _members=tuple(members),
            _blank=False,
            _inner="" if self._members else self._inner,
        )

    def _append(self, members: list[_Member], name: str, value: Any) -> None:
        if members:
            last = members[-1]
            trail = last.trail
            members[-1] = replace(last, trail="")
            lead = last.lead
            if len(members) == 1 and "\n" not in lead:
                lead = "" if self._minified() else " "
        else:
            lead, trail = f"{self._newline()}  ", self._newline()
            if self._members:
                lead, trail = self._members[0].lead, self._members[-1].trail
        separator = ":" if self._minified() else ": "
        members.append(
            _Member(
                name, lead, json.dumps(name, ensure_ascii=False) + separator, self._dump(value, _indent_of(lead)), trail
            )
        )

    def _dump(self, value: Any, indent: str | None) -> str:
        if indent is None:
            separators = (",", ":") if self._minified() else (", ", ": ")
            return json.dumps(value, ensure_ascii=False, separators=separators)
        text = json.dumps(value, ensure_ascii=False, indent=indent)
        return text.replace("\n", self._newline() + indent)

    def _minified(self) -> bool:
        return bool(self._members) and all(
            "\n" not in member.lead and member.label.endswith(":") for member in self._members
        )

    def _newline(self) -> str:
        return "\r\n" if any("\r\n" in member.lead for member in self._members) or "\r\n" in self._inner else "\n"


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON: unlike Python's ``==``, ``true`` is not ``1`` and ``1`` is not ``1.0``."""
    return canonical(left) == canonical(right)


def canonical(value: Any) -> str:
    """One spelling for equal values; the order of names in an object does not matter."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]:
        raise DocumentError("it is UTF-16 or UTF-32: convert it to UTF-8")
    if data.startswith(UTF8_BOM):
        data = data[len(UTF8_BOM) :]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"it is not UTF-8 (byte {error.start})") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise DocumentError(
                f'the name "{name}" is given twice in the same object: Docker takes the last one '
                "without a word, so decide which one it shall be"
            )
        values[name] = value
    return values


def _no_constant(name: str) -> NoReturn:
    raise DocumentError(f"{name} is not JSON")


def _explain(text: str, error: json.JSONDecodeError) -> str:
    where = f"line {error.lineno} column {error.colno}"
    rest = text[error.pos :].lstrip()
    before = text[: error.pos].rstrip()
    if rest.startswith(("//", "/*", "#")):
        return f"it has a comment at {where}: the file is strict JSON, without comments"
    if (rest.startswith(("}", "]")) and before.endswith(",")) or before.endswith((",}", ",]")):
        return f"it has a comma too many before {where}"
    if error.msg.startswith("Illegal trailing comma"):
        return f"it has a comma too many at {where}"
    if rest.startswith("'"):
        return f"it has a single quote at {where}: JSON strings are in double quotes"
    return f"it is not valid JSON: {error.msg} at {where}"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {list: "an array", str: "a string", bool: "true or false"}.get(type(value), "a number")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _scan(text: str, start: int) -> tuple[tuple[_Member, ...], str, int]:
    """Cut the object that begins at ``start`` into members; the text is known to be valid."""
    decoder = json.JSONDecoder()
    members: list[_Member] = []
    position = start + 1
    while True:
        name_at = _skip(text, position)
        if text[name_at] == "}":
            return tuple(members), text[position:name_at], name_at
        name, name_end = decoder.raw_decode(text, name_at)
        value_at = _skip(text, text.index(":", _skip(text, name_end)) + 1)
        _value, value_end = decoder.raw_decode(text, value_at)
        end = _skip(text, value_end)
        members.append(
            _Member(name, text[position:name_at], text[name_at:value_at], text[value_at:value_end], text[value_end:end])
        )
        if text[end] == "}":
            return tuple(members), "", end
        position = end + 1


def _remove(members: list[_Member], index: int) -> None:
    """Take a member out; its neighbours inherit the white space after ``{`` and before ``}``."""
    gone = members.pop(index)
    if members and index == len(members):
        members[-1] = replace(members[-1], trail=gone.trail)
    if members and index == 0:
        members[0] = replace(members[0], lead=gone.lead)


def _indent_of(lead: str) -> str | None:
    """The indentation of a member that starts a line; None for one that does not."""
    return lead.rpartition("\n")[2] if "\n" in lead else None
