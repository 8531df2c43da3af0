"""JSON as text: whether it is JSON, and what it says, without changing a byte of it."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Sequence
from typing import Any

import orjson

from dsstail.json_pieces import PIECE, decode, decodes, skip_blank, value_end

_TEXTS_AT_ONCE = 64
"""So few that orjson finds the memory for them in the heap, and asks the system for none."""

MOST_DECODED = 1 << 16
"""Values in a text that is decoded: some bytes of text can make fifty of memory each."""

_LONGEST_METADATA = 1 << 16
"""Bytes of metadata that `beginning` looks at."""


def is_json(text: bytes) -> bool:
    """Whether `text` is JSON by RFC 8259, however deep it nests and however large its numbers."""
    fits = decodes(text) if len(text) <= PIECE else None
    return is_large_json(text) if fits is None else fits


def are_json(texts: Sequence[bytes]) -> bool:
    """Whether each of these texts is JSON by itself; False where that takes a closer look.

    orjson parses a whole document before it makes Python objects, which takes most of its time.
    So the document that holds all texts ends in a byte too many: where that is the first error,
    all before it is JSON. It holds them twice, in an array and in an object: a text that leaves
    brackets or quotes open, closes those around it, or is several values, fits into one at most.
    """
    if len(texts) == 1:
        return bool(decodes(texts[0]))
    return all(
        _are_json(texts[at : at + _TEXTS_AT_ONCE]) for at in range(0, len(texts), _TEXTS_AT_ONCE)
    )


def _are_json(texts: Sequence[bytes]) -> bool:
    parts = (b"[[", b",".join(texts), b'],{"":', b',"":'.join(texts), b"}]!")
    try:
        orjson.loads(b"".join(parts))
    except orjson.JSONDecodeError as error:
        return error.pos == len(error.doc) - 1
    return False


def count_no_lines() -> None:
    """Have orjson's errors count no lines to say where they are, for as long as the process runs.

    Nobody here asks them, and it takes half the time of `are_json`. It is for a process that is
    ours alone: other programs may want to know.
    """
    orjson.JSONDecodeError.__init__ = _know_the_place  # type: ignore[assignment]


def _know_the_place(error: orjson.JSONDecodeError, message: str, doc: str, pos: int) -> None:
    ValueError.__init__(error, message)
    error.msg, error.doc, error.pos = message, doc, pos


def is_large_json(text: bytes) -> bool:
    """`is_json` for a text that is too large to be decoded: slower, and in little memory."""
    [end] = deque(value_end(text, skip_blank(text, 0)), maxlen=1)
    return end is not None and end > 0 and skip_blank(text, end) == len(text)


def decode_object(text: bytes) -> dict[str, Any]:
    """Decode an object; of one that is too deep or too rich for that, only the `beginning`."""
    data = whole_object(text)
    return beginning(text) if data is None else data


def whole_object(text: bytes) -> dict[str, Any] | None:
    """Decode an object; None for one that is too deep or too rich for that, {} for what is none."""
    if _is_rich(text):
        return None
    try:
        data = decode(text)
    except RecursionError:
        return None
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def beginning(text: bytes) -> dict[str, Any]:
    """What an event begins with, decoded: its `seq` and then its `metadata`.

    It takes the same time however long the text is. What is not there in this order is left out.
    """
    head = _HEAD.match(text)
    if head is None:
        return leading_seq(text)
    leading = text[head.end() : head.end() + _LONGEST_METADATA].decode(errors="replace")
    try:
        metadata, _ = json.JSONDecoder().raw_decode(leading)
    except (ValueError, RecursionError):
        return {"seq": head[1].decode()}
    return {"seq": head[1].decode(), "metadata": metadata}


def leading_seq(text: bytes) -> dict[str, Any]:
    """Of an object only its `seq`, if that comes first; however long the text, at once."""
    seq = _LEADING_SEQ.match(text)
    return {"seq": seq[1].decode()} if seq else {}


def as_lines(texts: list[bytes]) -> bytes:
    """The texts, one on a line."""
    if have_line_breaks(texts):
        texts = list(map(on_one_line, texts))
    return b"\n".join([*texts, b""])


def have_line_breaks(texts: list[bytes]) -> bool:
    """Whether one of the texts is on more than one line."""
    joined = b"".join(texts)  # looking for a byte is much faster than counting it
    return b"\n" in joined or b"\r" in joined


def on_one_line(text: bytes) -> bytes:
    """The text with its line breaks, which can only be white space in JSON, as blanks."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def _is_rich(text: bytes) -> bool:
    """Whether the text may hold more values than `MOST_DECODED`."""
    if len(text) <= MOST_DECODED or _parts(text) <= MOST_DECODED:
        return False
    found = 0
    for piece in _SOME_STRINGS.finditer(text):
        found += _parts(_STRING.sub(b"", piece[0]))
        if found > MOST_DECODED:
            return True
    return False


def _parts(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SOME_STRINGS = re.compile(rb'(?:[^"]*+"(?:[^"\\]++|\\.)*+"?){1,512}|[^"]++', re.DOTALL)
"""Strings and what is before them, so many that it takes little memory; or what is behind them."""

_BLANK = rb"[ \t\r\n]*+"
_HEAD = re.compile(  # with blanks or without
    _BLANK.join(
        [b"", rb"\{", b'"seq"', b":", b'"([0-9]{1,18})"', b",", b'"metadata"', b":", rb"(?=\{)"]
    )
)
_LEADING_SEQ = re.compile(rb'\s*\{\s*"seq"\s*:\s*"([0-9]+)"')
