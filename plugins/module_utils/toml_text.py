# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TOML as far as configuration files of container runtimes need it.

Managed hosts may have Python 3.8, and the standard library reads TOML from 3.11 on and never writes it. Here are a
writer for mappings (:func:`dumps`), and a reader that only says where things stand in a text (:func:`scan`), so that
one value can be changed and everything else, comments included, stays as it is.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, NamedTuple, Tuple, Union

Path = Tuple[str, ...]


class TomlError(ValueError):
    """A value cannot be written as TOML, or a text is not TOML; the message says which or in which line."""


class Table(NamedTuple):
    """A header such as C([a.b]).

    :ivar path: its name, one entry for each part.
    :ivar array: it is an element of an array of tables, C([[a.b]]).
    :ivar start: offset of the beginning of its line; ``end`` is that of the next line.
    """

    path: Path
    array: bool
    start: int
    end: int


class Entry(NamedTuple):
    """A key with its value, outside of inline tables.

    :ivar table: path of the table in which it stands.
    :ivar key: the key; several parts where it is dotted.
    :ivar value: offsets of the value's text.
    :ivar start: offset of the beginning of its first line; ``end`` is that of the line after its last.
    """

    table: Path
    key: Path
    value: tuple[int, int]
    start: int
    end: int

    @property
    def path(self) -> Path:
        """The whole way to the value."""
        return self.table + self.key


Item = Union[Table, Entry]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_COMMENT = re.compile(r"#[^\n]*")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_MULTI_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")', re.DOTALL)
_MULTI_LITERAL = re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL)
_SCALAR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9][0-9:.+Zz-]*|[A-Za-z0-9_+.:-]+")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_OUTPUT_ESCAPES = {character: "\\" + letter for letter, character in _ESCAPES.items()}


def dumps(value: Mapping[str, Any]) -> str:
    """Write a mapping as a TOML document.

    Strings, booleans, integers, lists of these, mappings (tables) and lists of mappings (arrays of tables) can be
    written. The order of keys is kept, with values before tables, as TOML wants it.

    :raises TomlError: there is something else in it.
    """
    return "\n".join(_table_lines(value, ())).lstrip("\n") + "\n"


def quoted(text: str) -> str:
    """A basic string."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TomlError(f"{text!r} is not valid Unicode") from error
    return '"{}"'.format("".join(_escaped(character) for character in text))


def scan(text: str) -> list[Item]:
    """Find every table and key of a document, in order.

    :raises TomlError: it is not TOML.
    """
    return list(_Reader(text).items())


def string_value(text: str) -> str | None:
    """What a value's text means if it is a string on one line, else None."""
    if _LITERAL.fullmatch(text):
        return text[1:-1]
    if _BASIC.fullmatch(text):
        return _unescaped(text[1:-1])
    return None


def string_list(text: str) -> list[str] | None:
    """What a value's text means if it is a list of strings on one line each, else None."""
    if not text.startswith("["):
        return None
    found: list[str] = []
    rest = re.sub(r"^[\s,]+", "", text[1:])
    while rest and rest[0] != "]":
        comment = _COMMENT.match(rest)
        if not comment:
            match = _BASIC.match(rest) or _LITERAL.match(rest)
            value = string_value(match[0]) if match else None
            if match is None or value is None:
                return None
            found.append(value)
        rest = re.sub(r"^[\s,]+", "", rest[(comment or match).end() :])  # type: ignore[union-attr]
    return found


def _table_lines(table: Mapping[str, Any], path: Path) -> Iterator[str]:
    tables = []
    for key, value in table.items():
        if not isinstance(key, str):
            raise TomlError(f"the key {key!r} is not a string")
        if _is_table(value):
            tables.append((key, value))
        else:
            yield f"{_key(key)} = {_value(value, (*path, key))}"
    for key, value in tables:
        below = (*path, key)
        name = ".".join(_key(part) for part in below)
        for element in [value] if isinstance(value, Mapping) else value:
            if not isinstance(value, Mapping):
                yield from ("", f"[[{name}]]")
            elif not element or any(not _is_table(item) for item in element.values()):
                # a table that only holds tables is there by their names
                yield from ("", f"[{name}]")
            yield from _table_lines(element, below)


def _is_table(value: Any) -> bool:
    """A mapping, or a list of mappings."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def _key(key: str) -> str:
    return str(key) if _BARE_KEY.fullmatch(key) else quoted(key)


def _value(value: Any, path: Path) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise TomlError(f"{'.'.join(path)}: {value} does not fit into 64 bits")
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (list, tuple)):
        return "[{}]".format(", ".join(_value(item, path) for item in value))
    raise TomlError(f"{'.'.join(path)}: {type(value).__name__} cannot be written as TOML")


def _escaped(character: str) -> str:
    if character in _OUTPUT_ESCAPES:
        return _OUTPUT_ESCAPES[character]
    return f"\\u{ord(character):04X}" if ord(character) < 0x20 or ord(character) == 0x7F else character


def _unescaped(text: str) -> str | None:
    unknown = False

    def replace(match: re.Match[str]) -> str:
        nonlocal unknown
        code = match[1] or match[2]
        if code:
            number = int(code, 16)
            if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
                return chr(number)
        elif match[3] in _ESCAPES:
            return _ESCAPES[match[3]]
        unknown = True
        return ""

    result = _ESCAPE.sub(replace, text)
    return None if unknown else result


class _Reader:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 1 if text.startswith("\ufeff") else 0

    def items(self) -> Iterator[Item]:
        table: Path = ()
        while self._at < len(self._text):
            start = self._at
            self._blank()
            if self._line_end():
                continue
            if self._peek("["):
                array = self._peek("[[")
                self._at += 2 if array else 1
                table = self._dotted_key()
                self._expect("]]" if array else "]")
                self._end_of_line()
                yield Table(table, array, start, self._at)
            else:
                key = self._dotted_key()
                self._expect("=")
                self._blank()
                value = self._at
                self._value()
                end = self._at
                self._end_of_line()
                yield Entry(table, key, (value, end), start, self._at)

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0]

    def _expect(self, text: str) -> None:
        self._blank()
        if not self._peek(text):
            raise self._error(f"{text} is missing")
        self._at += len(text)

    def _blank(self) -> None:
        self._take(_BLANK)

    def _line_end(self) -> bool:
        """Whether nothing but a comment is left in the line; then it is passed."""
        before = self._at
        self._take(_COMMENT)
        if self._at >= len(self._text):
            return True
        for ending in ("\r\n", "\n"):
            if self._peek(ending):
                self._at += len(ending)
                return True
        self._at = before
        return before >= len(self._text)

    def _end_of_line(self) -> None:
        self._blank()
        if not self._line_end():
            raise self._error("something stands behind the end of the value")

    def _dotted_key(self) -> Path:
        parts: list[str] = []
        while True:
            self._blank()
            raw = self._take(_BARE_KEY) or self._take(_BASIC) or self._take(_LITERAL)
            part = raw if raw is None or _BARE_KEY.fullmatch(raw) else string_value(raw)
            if part is None:
                raise self._error("a key is expected")
            parts.append(part)
            self._blank()
            if not self._peek("."):
                return tuple(parts)
            self._at += 1

    def _value(self) -> None:
        if self._peek("["):
            self._at += 1
            self._sequence("]", with_keys=False)
        elif self._peek("{"):
            self._at += 1
            self._sequence("}", with_keys=True)
        elif not any(self._take(pattern) for pattern in self._string_patterns()):
            raise self._error("a value is expected")

    def _string_patterns(self) -> tuple[re.Pattern[str], ...]:
        if self._peek('"""'):
            return (_MULTI_BASIC,)
        if self._peek("'''"):
            return (_MULTI_LITERAL,)
        return (_BASIC, _LITERAL, _SCALAR)

    def _sequence(self, closing: str, with_keys: bool) -> None:
        while True:
            self._space()
            if self._peek(closing):
                self._at += 1
                return
            if with_keys:
                self._dotted_key()
                self._expect("=")
                self._blank()
            self._value()
            self._space()
            if self._peek(","):
                self._at += 1
            elif not self._peek(closing):
                raise self._error(f", or {closing} is missing")

    def _space(self) -> None:
        """Blanks, line ends and comments, which may stand anywhere within brackets."""
        while True:
            before = self._at
            self._blank()
            if self._at < len(self._text):
                self._line_end()
            if self._at == before:
                return

    def _error(self, problem: str) -> TomlError:
        return TomlError(f"line {self._text.count(chr(10), 0, self._at) + 1}: {problem}")
