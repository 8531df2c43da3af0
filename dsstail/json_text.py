"""JSON as text: whether it is JSON, and where its parts are, without changing a byte of it.

orjson answers nearly every question here. It refuses some texts that are JSON by RFC 8259
(nesting beyond 1024, `1e400`, lone surrogates), so its "no" is checked again with care.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson

_BLANK = rb"[ \t\r\n]*+"
_STRING = rb'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_MEMBER = _STRING + _BLANK + rb":" + _BLANK
_SCALAR = rb"(?:%s|%s|true|false|null|\[%s\]|\{%s\})%s" % (
    _STRING,
    _NUMBER,
    _BLANK,
    _BLANK,
    _BLANK,
)

# A run of openings, closings or scalars counts as one token: deep and long cost no Python loop.
_VALUE = re.compile(
    rb"(?P<scalar>%s)|(?P<array>(?:\[%s(?!\]))++)|(?P<object>(?:\{%s%s)++)"
    % (_SCALAR, _BLANK, _BLANK, _MEMBER)
)
_AFTER = {
    ord(opening): re.compile(
        rb"(?P<next>,%s(?:%s,%s)*+)|(?P<close>(?:%s%s)++)" % (start, _SCALAR, start, end, _BLANK)
    )
    for opening, start, end in (("[", _BLANK, rb"\]"), ("{", _BLANK + _MEMBER, rb"\}"))
}
_OPENING_OBJECT = re.compile(rb"\{%s%s" % (_BLANK, _MEMBER))

# A string that does not end takes the rest, or the search would begin again at each quote in it.
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_LEADING_SEQ = re.compile(rb'\s*\{\s*"seq"\s*:\s*"([0-9]+)"')

LONGEST_SCAN = 1 << 20
"""Bytes that `value_end` looks through: a longer scan would keep a heartbeat waiting."""


MOST_DECODED = 1 << 19
"""Values in a text that is decoded: some bytes of text can make fifty of memory each."""


def is_json(text: bytes) -> bool:
    """Whether `text` is JSON by RFC 8259, however deep it nests and however large its numbers."""
    if _is_rich(text):
        return is_large_json(text)
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return _is_json_beyond_orjson(text)
    return True


def is_large_json(text: bytes) -> bool:
    """`is_json` for a text that is too large to be decoded: slower, and in little memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(text), LONGEST_SCAN):
            decoder.decode(text[at : at + LONGEST_SCAN])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return _is_deep_json(text)


def decode_object(text: bytes) -> dict[str, Any]:
    """Decode an object; of one too deep or too rich to decode, only a leading `seq` is told."""
    if _is_rich(text):
        return _leading_seq(text)
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        data = _decode_beyond_orjson(text)
    return data if isinstance(data, dict) else {}


def as_lines(texts: list[bytes]) -> bytes:
    """The texts, one on a line."""
    joined = b"".join(texts)  # looking for a byte is much faster than counting it
    if b"\n" in joined or b"\r" in joined:
        texts = list(map(on_one_line, texts))
    return b"\n".join([*texts, b""])


def on_one_line(text: bytes) -> bytes:
    """The text with its line breaks, which can only be white space in JSON, as blanks."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def elements(array: bytes) -> Iterator[bytes]:
    """The texts of a JSON array's elements, untouched but for the blanks around them."""
    depth = 0
    start = 0
    for token in _STRUCTURE.finditer(array):
        kind = token[0]
        if kind in (b"[", b"{"):
            depth += 1
            if depth == 1:
                start = token.end()
        elif kind in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and kind == b",") or depth == 0:
            if element := array[start : token.start()].strip(b" \t\r\n"):
                yield element
            start = token.end()


def value_end(text: bytes, start: int) -> int | None:
    """Where the object or array that opens at `start` closes; None where it does not."""
    depth = 0
    for token in _STRUCTURE.finditer(text, start, start + LONGEST_SCAN):
        kind = token[0]
        if kind in (b"[", b"{"):
            depth += 1
        elif kind in (b"]", b"}"):
            depth -= 1
        if depth <= 0:
            return token.end() if depth == 0 and kind in (b"]", b"}") else None
    return None


def _is_rich(text: bytes) -> bool:
    """Whether the text may hold more values than `MOST_DECODED`."""
    return len(text) > MOST_DECODED and sum(map(text.count, (b",", b"[", b"{"))) > MOST_DECODED


def _leading_seq(text: bytes) -> dict[str, Any]:
    seq = _LEADING_SEQ.match(text)
    return {"seq": seq[1].decode()} if seq else {}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Numbers stay text: int() of 4,300 digits and more raises, and nobody asked for the value.
_CHECKER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)


def _is_json_beyond_orjson(text: bytes) -> bool:
    try:
        _CHECKER.decode(text.decode())
    except RecursionError:
        return _is_deep_json(text)
    except ValueError:
        return False
    return True


def _decode_beyond_orjson(text: bytes) -> Any:
    try:
        return _CHECKER.decode(text.decode())
    except (RecursionError, ValueError):
        return _leading_seq(text)


def _is_deep_json(text: bytes) -> bool:
    """The grammar of JSON with a stack of our own: depth costs memory and never the process."""
    levels = bytearray()  # what is open: a byte for each array and object
    at = len(text) - len(text.lstrip(b" \t\r\n"))
    wants_value = True
    while wants_value or levels:
        token = (_VALUE if wants_value else _AFTER[levels[-1]]).match(text, at)
        if token is None:
            return False
        at = token.end()
        what = token.lastgroup
        if what == "array":
            levels += b"[" * token[0].count(b"[")
        elif what == "object":
            levels += b"{" * sum(1 for _ in _OPENING_OBJECT.finditer(token[0]))
        elif what == "close":
            run = token[0]
            closed = levels[-1:] * (run.count(b"]") + run.count(b"}"))
            if not levels.endswith(closed):
                return False
            del levels[-len(closed) :]
        wants_value = what in ("array", "object", "next")
    return at == len(text)
