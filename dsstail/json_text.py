"""JSON as text: whether it is JSON, and what it says, without changing a byte of it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, overload

from dsstail.json_pieces import PIECE, decode, decodes, skip_blank, value_end

MOST_DECODED = 1 << 16
"""Values in a text that is decoded: some bytes of text can make fifty of memory each."""


def is_json(text: bytes) -> bool:
    """Whether `text` is JSON by RFC 8259, however deep it nests and however large its numbers."""
    fits = decodes(text) if len(text) <= PIECE else None
    return is_large_json(text) if fits is None else fits


def is_large_json(text: bytes) -> bool:
    """`is_json` for a text that is too large to be decoded: slower, and in little memory."""
    [end] = deque(value_end(text, skip_blank(text, 0)), maxlen=1)
    return end is not None and end > 0 and skip_blank(text, end) == len(text)


def decode_object(text: bytes) -> dict[str, Any]:
    """Decode an object; of one too deep or too rich to decode, only a leading `seq` is told."""
    if _is_rich(text):
        return leading_seq(text)
    try:
        data = decode(text)
    except (RecursionError, ValueError):
        return leading_seq(text)
    return data if isinstance(data, dict) else {}


def leading_seq(text: bytes) -> dict[str, Any]:
    """Of an object only its `seq`, if that comes first; however long the text, at once."""
    seq = _LEADING_SEQ.match(text)
    return {"seq": seq[1].decode()} if seq else {}


class Run(Sequence[bytes]):
    """Texts in a row, held as the lines that they will most likely be written as.

    One large object goes from thread to thread, and from cache to cache, with less work than many
    small ones.
    """

    __slots__ = ("_count", "_lines", "_texts")

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._count = len(texts)
        self._texts: Sequence[bytes] | None = None
        self._lines: bytes | None = b"\n".join((*texts, b""))
        if self._lines.count(b"\n") != self._count or b"\r" in self._lines:
            self._texts, self._lines = texts, None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.texts == other.texts

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | Sequence[bytes]:
        return self.texts[at]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.texts)

    @property
    def size(self) -> int:
        """Bytes of all texts, about."""
        return sum(map(len, self._texts or ())) if self._lines is None else len(self._lines)

    @property
    def texts(self) -> Sequence[bytes]:
        """The texts as they are."""
        if self._texts is None:
            assert self._lines is not None
            self._texts = self._lines[:-1].split(b"\n")
        return self._texts

    @property
    def lines(self) -> bytes:
        """The texts, one on a line."""
        if self._lines is None:
            return b"\n".join((*map(on_one_line, self.texts), b""))
        return self._lines


def as_lines(texts: Sequence[bytes]) -> bytes:
    """The texts, one on a line."""
    return (texts if isinstance(texts, Run) else Run(texts)).lines


def on_one_line(text: bytes) -> bytes:
    """The text with its line breaks, which can only be white space in JSON, as blanks."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def _is_rich(text: bytes) -> bool:
    """Whether the text may hold more values than `MOST_DECODED`."""
    return len(text) > MOST_DECODED and sum(map(text.count, (b",", b"[", b"{"))) > MOST_DECODED


_LEADING_SEQ = re.compile(rb'\s*\{\s*"seq"\s*:\s*"([0-9]+)"')
