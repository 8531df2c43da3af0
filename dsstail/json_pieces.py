"""JSON of any size, checked piece by piece: no piece takes long, nor much memory.

Decoded, a text can take fifty times its own memory, and no other thread gets a turn meanwhile. So
it is cut behind brackets, commas and colons, and each piece is checked with what stands for the
rest: `2},{"a":3,` is fine within `[{"b":`, because `[{"":2},{"a":3,"":0}]` is JSON.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator, Iterator
from math import isfinite
from typing import Any, NoReturn

import orjson

PIECE = 1 << 16
"""Bytes that are checked at once, in a millisecond or two."""

_SMALL = 1 << 12
"""Bytes in which the end of a value is looked for before it is cut into pieces."""

_DEEPEST = 900
"""Levels of what is checked at once: Python's parser takes a thousand, orjson a few more."""

_SMALLEST = 800
"""Bytes of a piece, which hold fewer levels."""


def value_end(text: bytes, start: int) -> Iterator[int | None]:
    """Where the value that begins at `start` ends: the last that is yielded, -1 for no JSON.

    Before that comes None, again and again: a chance to do something else.
    """
    if text[start : start + 1] not in (b"[", b"{"):
        yield from _scalar_end(text, start)
        return
    end = _closing(text, start, start + _SMALL, 0)
    fits = None if end is None else decodes(text[start:end])
    if fits is None:
        yield from _Pieces(text, start).end()
    else:
        yield end if fits else -1


def decodes(text: bytes) -> bool | None:
    """Whether a text, decoded at once, is JSON by RFC 8259; None where it is too deep for that."""
    try:
        decode(text)
    except RecursionError:
        return None
    except ValueError:
        return False
    return True


def decode(text: bytes) -> Any:
    """Decode by orjson, and what it refuses (`1e400`, lone surrogates) by Python's own parser.

    A number that no double holds is its text.

    Raises ValueError for what is not JSON, RecursionError for what is too deep.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _THOROUGH.decode(text.decode())


def skip_blank(text: bytes, at: int) -> int:
    """Where the white space ends that is at `at`, if any."""
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()


class _Pieces:
    """An array or object that is checked from its opening on."""

    def __init__(self, text: bytes, start: int) -> None:
        self._text = text
        self._at = start + 1
        self._levels = bytearray(text[start : start + 1])  # what is open, from outside to inside
        self._before = bytes(self._levels)  # stands for all that there is in the innermost
        self._size = PIECE

    def end(self) -> Iterator[int | None]:
        """Where it closes, as `value_end` yields it."""
        while self._levels:
            cut = _CUT.match(self._text, self._at, self._at + self._size)
            if not (self._take(cut[0]) if cut else (yield from self._take_long())):
                yield -1
                return
            yield None
        yield self._at

    def _take(self, piece: bytes) -> bool:
        """Go on behind a piece, or with a smaller one; False where it is not JSON."""
        unmatched = _unmatched(piece)
        if unmatched is None or len(unmatched[0]) >= len(self._levels):
            closing = _closing(piece, 0, len(piece), len(self._levels))
            piece = piece[:closing]
            unmatched = _unmatched(piece)
        if unmatched is None:
            return False
        closings, openings = unmatched
        kept = len(self._levels) - len(closings)
        if kept < 0 or self._levels[kept:] != _mirrored(closings):
            return False
        if max(len(closings), len(openings)) > _DEEPEST:
            return self._take_less()
        # What closes is a value of what it is within.
        around = bytes(self._levels[max(kept - 1, 0) : -1]) if closings else b""
        inside = bytes(self._levels[max(kept - 1, 0) : kept]) + openings
        rest, before = _SEAMS[inside[-1:], piece[-1:]] if inside else (b"", b"")
        opened = around.replace(b"{", b'{"":') + self._before
        fits = decodes(opened + piece + rest + _mirrored(inside))
        if fits is None:
            return self._take_less()
        self._at += len(piece)
        self._levels[kept:] = openings
        self._before = before
        if len(closings) + len(openings) < _SMALLEST // 2:
            self._size = min(2 * self._size, PIECE)
        return fits

    def _take_less(self) -> bool:
        self._size = max(self._size // 4, _SMALLEST)
        return True

    def _take_long(self) -> Generator[None, None, bool]:
        """Go on behind what is longer than a piece: blanks, or a value without parts."""
        start, self._at = self._at, skip_blank(self._text, self._at)
        if self._at > start:
            return True
        if self._before[-1:] not in (b"[", b"{", b",", b":"):
            return False
        for end in _scalar_end(self._text, start):
            if end is None:
                yield
            else:
                self._at = end
        self._before += b'""' if self._text[start : start + 1] == b'"' else b"null"
        return self._at >= 0


def _scalar_end(text: bytes, start: int) -> Iterator[int | None]:
    """`value_end` for a string, a number or a literal."""
    if text[start : start + 1] != b'"':
        found = _PLAIN.match(text, start)
        yield -1 if found is None else found.end()
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    at, end = start, start + 1
    try:
        while end > at:
            at = end
            inside = _IN_STRING.match(text, at, at + PIECE)
            end = at if inside is None else inside.end()
            decoder.decode(text[at:end])
            yield None
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        yield -1
    else:
        yield end + 1 if text[end : end + 1] == b'"' else -1


def _closing(text: bytes, start: int, limit: int, depth: int) -> int | None:
    """Where the last of `depth` levels that are open at `start` closes; for 0, the next to open.

    None where it does not before `limit`.
    """
    at = start
    while (found := _BRACKET.match(text, at, limit)) is not None:
        at = found.end()
        if text[at - 1] in _OPENINGS:
            depth += 1
        elif depth > 1:
            depth -= 1
        else:
            return at
    return None


def _unmatched(piece: bytes) -> tuple[bytes, bytes] | None:
    """The brackets that close what is open before the piece, and those that stay open behind it.

    None where brackets of different kinds meet.
    """
    brackets = _STRING.sub(b"", piece).translate(None, _NO_BRACKETS)
    for _ in range(_PASSES):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if (all_unmatched := _CLOSINGS_OPENINGS.fullmatch(brackets)) is not None:
        return all_unmatched[1], all_unmatched[2]
    closings, openings = bytearray(), bytearray()
    for bracket in brackets:
        if bracket in _OPENINGS:
            openings.append(bracket)
        elif not openings:
            closings.append(bracket)
        elif openings.pop() != bracket - 2:  # what closes comes two behind what opens, in ASCII
            return None
    return bytes(closings), bytes(openings)


def _mirrored(brackets: bytes) -> bytes:
    """What closes these openings, or what these close."""
    return brackets[::-1].translate(_MIRROR)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _whole_number(text: str) -> float | str:
    if len(text) <= _DIGITS and _LEAST <= (number := int(text)) <= _MOST:
        return number
    return _real_number(text)


def _real_number(text: str) -> float | str:
    number = float(text)
    return number if isfinite(number) else text


_LEAST, _MOST = -(1 << 63), (1 << 64) - 1
"""The integers that orjson decodes as such, ..."""
_DIGITS = 20
"""... and how many characters they have at most."""

DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)
"""Python's parser, as strict as RFC 8259. Numbers stay text: int() refuses very long ones."""

_THOROUGH = json.JSONDecoder(
    parse_int=_whole_number, parse_float=_real_number, parse_constant=_refuse
)
"""The same with numbers as orjson has them, as far as there are such."""

_BLANK = re.compile(rb"[ \t\r\n]*+")
_PLAIN = re.compile(rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null")

# A string that does not end takes the rest, or the search would begin again at each quote in it.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# Atomic groups, since Python before 3.11.5 does not repeat possessively what has to go back
# within itself.
_IN_STRING = re.compile(rb'(?>(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)')
_BRACKET = re.compile(rb'(?>(?:"(?:[^"\\]++|\\.)*+"|[^"\[\]{}]++)*)[\[\]{}]', re.DOTALL)
_CUT = re.compile(rb'(?>(?:(?>(?:"(?:[^"\\]++|\\.)*+"|[^"\[\]{},:]++)*)[\[\]{},:])+)', re.DOTALL)

_OPENINGS = b"[{"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_MIRROR = bytes.maketrans(b"[]{}", b"][}{")
_CLOSINGS_OPENINGS = re.compile(rb"([\]}]*+)([\[{]*+)")
_PASSES = 4
"""Nested pairs of brackets that are taken away all at once; few texts have more in a piece."""

_SEAMS = {
    (inside, last): (rest, before)
    for inside, value in ((b"[", b""), (b"{", b'"":'))
    for last, rest, before in (
        (b"[", b"", b"["),
        (b"{", b"", b"{"),
        (b",", value + b"0", inside + value + b"0,"),
        (b":", b"0", inside + value),
        (b"]", b"", inside + value + b"null"),
        (b"}", b"", inside + value + b"null"),
    )
}
"""Within `[` or `{`, behind a piece that ends with such a byte: what completes the piece so that it
can be closed, and what stands for all that has been there so far."""
