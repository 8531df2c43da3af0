"""The last member `"_dsstail"` of an event's JSON: which stream it came from, and when.

It is added to an event's text and taken off again without touching the rest of it.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache

from dsstail.clock import since_epoch

_NAME = b'"_dsstail":'

MEMBER = _NAME + b'{"stream":'
"""How the member begins."""

_MEMBER = re.compile(
    re.escape(MEMBER) + rb'("(?:[^"\\]|\\.)*+")(?:,"received_at":"([0-9T:.-]+Z)")?\}\}[ \t\r]*\Z'
)
_EMPTY = re.compile(rb"[ \t\r\n]*+\{[ \t\r\n]*+\}")
_LONG = 1 << 16
"""Bytes of a text that should not be copied twice."""

_SHORT = 100
"""Bytes of a name that is remembered."""


def annotated(texts: list[bytes], stream: str, received_at: float | None) -> list[bytes]:
    """Events' texts with the member added: the stream's name, and the time unless it is None."""
    last = member(stream)
    if received_at is not None:
        last += b',"received_at":"%s"' % instant(received_at).encode()
    last += b"}}"
    ending = b"," + last
    return [
        text[:-1] + ending if text.endswith(b"}}") and len(text) < _LONG else _with_last(text, last)
        for text in texts
    ]


def member(stream: str) -> bytes:
    """How the member of an event of this stream begins."""
    return MEMBER + json.dumps(stream).encode()


def may_be_annotated(lines: list[bytes]) -> bool:
    """Whether any of these lines, stripped of blanks, may have the member."""
    return _NAME in b"".join([line for line in lines if line.endswith(b'"}}')])


def unannotated(line: bytes) -> tuple[bytes, str | None]:
    """The event's own text, and the name of the stream that the member tells, if it is there."""
    text, member = _divided(line)
    return text, member and _name(member[1])


def told_apart(line: bytes) -> tuple[bytes, str | None, float | None]:
    """`unannotated`, and the time of receipt in seconds since the epoch, if the member tells it."""
    text, member = _divided(line)
    if member is None:
        return text, None, None
    received_at = None if member[2] is None else since_epoch(member[2].decode())
    return text, _name(member[1]), received_at


def brief(lines: bytes, start: int, end: int) -> bytes:
    """A line, and of a long one the two ends, which tell the event's number and its stream."""
    if end - start <= 2 * _LONG:
        return lines[start:end]
    return lines[start : start + _LONG] + lines[end - _LONG : end]


def instant(seconds: float) -> str:
    """A time in seconds since the epoch as RFC 3339, in UTC, to the microsecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _divided(line: bytes) -> tuple[bytes, re.Match[bytes] | None]:
    at = line.rfind(_NAME)
    member = _MEMBER.match(line, at) if at > 0 else None
    return (line if member is None else line[:at].removesuffix(b",") + b"}"), member


def _name(text: bytes) -> str:
    return _short_name(text) if len(text) <= _SHORT else str(json.loads(text))


@lru_cache(maxsize=1024)
def _short_name(text: bytes) -> str:
    return str(json.loads(text))


def _with_last(text: bytes, member: bytes) -> bytes:
    before = memoryview(text)[: text.rindex(b"}")]
    comma = b"" if _EMPTY.match(text) else b","
    return b"".join((before, comma, member))
