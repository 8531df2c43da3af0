"""The last member `"_dsstail"` of an event's JSON: which stream it came from, and when.

It is added to an event's text and taken off again without touching the rest of it.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from dsstail.json_text import as_lines, have_line_breaks

_NAME = b'"_dsstail":'

MEMBER = _NAME + b'{"stream":'
"""How the member begins."""

_BLANKS = b" \t\r\n"
_ENDING = re.compile(  # also as other programs write JSON, with blanks between its tokens
    re.escape(_NAME) + rb'\s*\{\s*"stream":\s*("(?:[^"\\]|\\.)*+")'
    rb'(?:\s*,\s*"received_at":\s*"([0-9T:.-]+Z)")?\s*\}\s*\}\s*'
)
_EMPTY = re.compile(rb"[ \t\r\n]*+\{[ \t\r\n]*+\}")
_BEGINNING, _ENDS = itemgetter(slice(-1)), itemgetter(slice(-2, None))  # all but the last brace

_LONG = 1 << 16
"""Bytes of a text that should not be copied twice."""

_SHORT = 200
"""Bytes of a member that is remembered."""

About = tuple[str, str]
"""What the member tells: a stream's name, and when the event came, as written, or `""`."""

UNTOLD: About = "", ""


def annotated(texts: list[bytes], stream: str, received_at: float | None) -> list[bytes]:
    """Events' texts with the member added: the stream's name, and the time unless it is None."""
    last = _whole_member(stream, received_at)
    return [_with_last(text, last) for text in texts]


def annotated_lines(texts: list[bytes], stream: str, received_at: float | None) -> bytes:
    """The same, one on a line."""
    last = _whole_member(stream, received_at)
    beginnings = list(map(_BEGINNING, texts))
    are_usual = b"".join(map(_ENDS, texts)) == b"}}" * len(texts)
    if are_usual and max(map(len, texts), default=0) < _LONG and not have_line_breaks(beginnings):
        return (b",%b\n" % last).join([*beginnings, b""])
    return as_lines([_with_last(text, last) for text in texts])


class Annotation:
    """Adds the member where it is wanted, and the time to it where that is."""

    def __init__(self, *, wanted: bool, with_time: bool) -> None:
        self._wanted = wanted
        self._with_time = with_time

    def texts(self, texts: list[bytes], stream: str, received_at: float) -> list[bytes]:
        if not self._wanted:
            return texts
        return annotated(texts, stream, received_at if self._with_time else None)

    def lines(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        """The texts, one on a line."""
        if not self._wanted:
            return as_lines(texts)
        return annotated_lines(texts, stream, received_at if self._with_time else None)


def member(stream: str) -> bytes:
    """How the member of an event of this stream begins."""
    return MEMBER + json.dumps(stream).encode()


def may_be_annotated(lines: list[bytes]) -> bool:
    """Whether any of these lines, stripped of blanks, may have the member."""
    return _NAME in b"".join([line for line in lines if line.endswith((b'"}}', b"\n}"))])


def told_apart(line: bytes) -> tuple[bytes, About | None]:
    """The event's own text, and what the member tells, if it is there."""
    at = line.rfind(_NAME)
    if at < 0:
        return line, None
    ending = line[at:]
    about = _remembered(ending) if len(ending) <= _SHORT else _about(ending)
    if about is None:
        return line, None
    before = line[:at].rstrip(_BLANKS)
    if not before.endswith((b",", b"{")):
        return line, None
    return before.removesuffix(b",") + b"}", about


def unannotated(line: bytes) -> tuple[bytes, str | None]:
    """The event's own text, and the name of the stream that the member tells, if it is there."""
    text, about = told_apart(line)
    return text, about and about[0]


def received_at(event: dict[str, Any]) -> str:
    """When a decoded event was received, as the member tells it in any form; empty if not."""
    about = event.get("_dsstail")
    written = about.get("received_at") if isinstance(about, dict) else None
    return written if isinstance(written, str) else ""


def brief(lines: bytes, start: int, end: int) -> bytes:
    """A line, and of a long one the two ends, which tell the event's number and its stream."""
    if end - start <= 2 * _LONG:
        return lines[start:end]
    return lines[start : start + _LONG] + lines[end - _LONG : end]


def instant(seconds: float) -> str:
    """A time in seconds since the epoch as RFC 3339, in UTC, to the microsecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _whole_member(stream: str, received_at: float | None) -> bytes:
    if received_at is None:
        return member(stream) + b"}}"
    return b'%b,"received_at":"%b"}}' % (member(stream), instant(received_at).encode())


def _about(ending: bytes) -> About | None:
    """What a line tells that ends like this; None where that is not the member."""
    member = _ENDING.fullmatch(ending)
    if member is None:
        return None
    return _name(member[1]), (member[2] or b"").decode()


def _name(text: bytes) -> str:
    return _remembered_name(text) if len(text) <= _SHORT else str(json.loads(text))


@lru_cache(maxsize=1024)
def _remembered_name(text: bytes) -> str:
    return str(json.loads(text))


_remembered = lru_cache(maxsize=1024)(_about)


def _with_last(text: bytes, member: bytes) -> bytes:
    if _EMPTY.match(text):
        return b"{" + member
    return b"".join((memoryview(text)[: text.rindex(b"}")], b",", member))
