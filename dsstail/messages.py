"""The wire format of the Datastream Service, without I/O: text messages in, values out.

A text message is one unit `LENGTH|PAYLOAD`, or several in a row. PAYLOAD is `Z` (heartbeat),
`X` (keep-alive), an event as JSON text, or an array of such events. LENGTH counts the payload;
the service's documentation shows it, and public clients ignore it, so a length that does not fit
around an event that does parse is reported and costs nothing.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import orjson

from dsstail import json_text
from dsstail.json_pieces import PIECE, decodes, skip_blank, value_end

HEARTBEAT = b"1|Z"
"""Sent by the service every 30 s on every connection; it closes those that do not answer."""

HEARTBEAT_ANSWER = "Z"
"""What the service's own clients answer. Its mobile SDKs answer `1|Z`."""

KEEP_ALIVE = b"1|X"

BODIES = {
    "connectivity": "connection",
    "datapoint": "datapoint",
    "datapointack": "datapoint",
    "location": "location_event",
    "registration": "registration_event",
}
"""The documented event types, and the member that holds the body of each."""

TIMES = ("event_time", "acked_at", "updated_at", "created_at", "registered_at", "unregistered_at")
"""Members of a body that say when the event happened, the most telling first."""

LARGEST_BATCH = 1 << 17
"""Units, or events of an array, in one message at most: one with more is no real one."""

MAX_SEQ = 10**18
"""A seq from here on is no count of events, and is treated as if it were absent."""


class Event:
    """One event: its JSON text exactly as received, decoded when a field is first asked for.

    Every field is there for every event: text that is missing or of an unexpected kind reads
    as `""`, a missing object as `{}`, so an unknown event is shown like any other.
    """

    __slots__ = ("_data", "_is_whole", "text")

    def __init__(
        self, text: bytes, data: dict[str, Any] | None = None, *, is_whole: bool = True
    ) -> None:
        """`data` is the decoded text, where that is known already; all of it if it `is_whole`."""
        self.text = text
        self._data = data
        self._is_whole = is_whole

    def __repr__(self) -> str:
        return f"Event({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def data(self) -> dict[str, Any]:
        """The decoded JSON object; of one too deep or too rich for that only how it begins."""
        if self._data is None:
            self._data = json_text.whole_object(self.text)
        if self._data is None:
            self._data, self._is_whole = json_text.beginning(self.text), False
        return self._data

    @property
    def is_whole(self) -> bool:
        """Whether `data` is all of the event; else it has no body."""
        return self.data is not None and self._is_whole

    @property
    def seq(self) -> int | None:
        """The number of this event in its subscription, from 0 or 1 on; None when it has none.

        Where a text names several, the one at its beginning counts.
        """
        return seq_of(json_text.leading_seq(self.text) or self.data)

    @property
    def metadata(self) -> dict[str, Any]:
        return _object(self.data.get("metadata"))

    @property
    def event_type(self) -> str:
        return _string(self.metadata.get("event_type"))

    @property
    def dsn(self) -> str:
        """The device serial number; several can be joined with commas (see `dsns`)."""
        return _string(self.metadata.get("dsn"))

    @property
    def dsns(self) -> list[str]:
        return [dsn.strip() for dsn in self.dsn.split(",")]

    @property
    def oem_model(self) -> str:
        return _string(self.metadata.get("oem_model"))

    @property
    def property_name(self) -> str:
        return _string(self.metadata.get("property_name"))

    @property
    def display_name(self) -> str:
        return _string(self.metadata.get("display_name"))

    @property
    def base_type(self) -> str:
        return _string(self.metadata.get("base_type"))

    @property
    def body(self) -> dict[str, Any]:
        """The member beside `metadata` that says what happened; unknown types have one too."""
        data = self.data
        try:
            body = data[BODIES[data["metadata"]["event_type"]]]
        except (KeyError, TypeError):
            body = None
        if isinstance(body, dict):
            return body
        for name, member in data.items():
            if isinstance(member, dict) and name != "metadata" and not name.startswith("_"):
                return member
        return {}

    @property
    def value(self) -> Any:
        """The datapoint's value as decoded, None where there is none."""
        return self.body.get("value")

    @property
    def time(self) -> str:
        """When it happened, as the service wrote it: UTC, to the second, RFC 3339; else `""`."""
        return time_of(self.body)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`1|Z`: to be answered at once with `HEARTBEAT_ANSWER`."""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """`1|X`: a sign of life that wants no answer."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message, or the rest of one, that is nothing this protocol knows."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class WrongLength:
    """The next event's declared length fits neither its bytes nor its characters."""

    declared: int
    actual: int


Message = Event | Heartbeat | KeepAlive | Malformed | WrongLength


def encode(payload: bytes) -> bytes:
    """The unit `LENGTH|PAYLOAD` of a payload, its length in bytes.

    >>> encode(b"Z")
    b'1|Z'
    """
    return b"%d|%s" % (len(payload), payload)


def parse(message: bytes) -> list[Message]:
    """Everything that one text message says, in order. Never raises, never drops a byte."""
    return list(chain.from_iterable(parse_in_turns(message)))


def parse_in_turns(message: bytes) -> Iterator[list[Message]]:
    """`parse` part by part: each takes a few milliseconds to find, and may be empty.

    A large message loses its first LENGTH before the rest is parsed, so that the text of its event
    is that rest and no copy of it. Who calls should not keep the message meanwhile.
    """
    start = skip_blank(message, 0)
    if start == len(message):
        yield [Malformed(message, "empty message")]
        return
    head = _head(message, start)
    at = start + len(head) if head else 0
    if len(message) > PIECE:
        message, at = message[at:], 0
    for _ in range(LARGEST_BATCH):
        at = yield from _parse_unit(message, head, at)
        if at == len(message):
            return
        head = _head(message, at)
        at += len(head)
    yield [Malformed(head + message[at:], "too many units")]


def seq_of(data: dict[str, Any]) -> int | None:
    """The `seq` of a decoded event: a decimal string by the documentation, a number if need be."""
    seq = data.get("seq")
    if isinstance(seq, str) and seq.isdecimal() and seq.isascii() and len(seq) <= 18:
        return int(seq)
    if type(seq) is int and 0 <= seq < MAX_SEQ:
        return seq
    return None


def time_of(body: dict[str, Any]) -> str:
    """When it happened by the body of an event; see `Event.time`."""
    for name in TIMES:
        if name in body and isinstance(body[name], str):
            return str(body[name])
    return ""


def numbered_from(texts: Sequence[bytes], first: int) -> bool:
    """Whether events' texts begin with `{"seq":"` and a number: `first`, and then one by one."""
    begin = b'{"seq":"%d"' % first
    if len(texts) == 1:
        return texts[0].startswith(begin)
    numbers = orjson.dumps(list(range(first, first + len(texts))))[1:-1]  # the fastest way to write
    expected = b'{"seq":"%b"' % numbers.replace(b",", b'"{"seq":"')
    return b"".join(map(itemgetter(slice(len(begin))), texts)) == expected


def _object(member: Any) -> dict[str, Any]:
    return member if isinstance(member, dict) else {}


def _string(member: Any) -> str:
    return member if isinstance(member, str) else ""


_HEAD = re.compile(rb"[0-9]{1,18}\|")
_NEXT = re.compile(rb"[ \t\r\n]*+(?:[0-9]{1,18}\||\Z)")
_SIGNS: dict[bytes, Message] = {b"Z": Heartbeat(), b"X": KeepAlive()}
_CONTINUING = bytes(range(0x80, 0xC0))  # the bytes of UTF-8 that begin no character
_BEYOND = bytes(range(0xF0, 0xF5))  # and those that begin one beyond U+FFFF
_SPANS_A_TURN = 512


def _head(message: bytes, at: int) -> bytes:
    """`LENGTH|` at this place, or nothing."""
    found = _HEAD.match(message, at)
    return b"" if found is None else found[0]


def _parse_unit(message: bytes, head: bytes, begin: int) -> Generator[list[Message], None, int]:
    """Tell what the unit says whose payload begins here; return where the next unit starts.

    What LENGTH counts, bytes or some kind of characters, is not documented, and it may lie: an
    event ends where its JSON does.
    """
    if not head:
        yield [Malformed(message[begin:], "no LENGTH| at its start")]
        return len(message)
    declared = int(head[:-1])
    sign = _SIGNS.get(message[begin : begin + 1])
    if sign is not None and (declared == 1 or _NEXT.match(message, begin + 1)):
        yield [sign] if declared == 1 else [WrongLength(declared, 1), sign]
        return skip_blank(message, begin + 1)
    first = begin <= len(head)  # in each unit it would take time with the square of many lies
    for end in (begin + declared, len(message)) if first else (begin + declared,):
        if _is_small_event(message, begin, end):
            fits = _fits(message, begin, end, declared)
            event = Event(message[begin:end])
            yield [event] if fits else [WrongLength(declared, end - begin), event]
            return skip_blank(message, end)
    following = yield from _parse_container(message, begin, declared)
    if following is None:
        yield [Malformed(head + message[begin:], "neither an event nor a heartbeat")]
        return len(message)
    return following


def _is_small_event(message: bytes, begin: int, end: int) -> bool:
    """Whether there is an event from `begin` to `end`, and a small one."""
    if end > len(message) or end - begin > PIECE:
        return False
    text = message[begin:end]
    return text[:1] == b"{" and text[-1:] == b"}" and bool(decodes(text))


def _parse_container(
    message: bytes, begin: int, declared: int
) -> Generator[list[Message], None, int | None]:
    """`_parse_unit` for an event or an array of them, wherever they end; None where neither is."""
    opening = skip_blank(message, begin)
    kind, spans = message[opening : opening + 1], array("q")
    closed = None
    if kind == b"{":
        closed = yield from _value_end(message, opening)
    elif kind == b"[":
        closed = yield from _array_end(message, opening, spans)
    if closed is None:
        return None
    counts_blanks = closed < begin + declared <= skip_blank(message, closed)
    end = begin + declared if counts_blanks else closed
    if not _fits(message, begin, end, declared):
        yield [WrongLength(declared, end - begin)]
    if kind == b"{":
        yield [Event(message[begin:end])]
    for at in range(0, len(spans), _SPANS_A_TURN):
        some = iter(spans[at : at + _SPANS_A_TURN])
        yield [_element(message[first:last]) for first, last in zip(some, some, strict=True)]
    return skip_blank(message, end)


def _value_end(message: bytes, start: int) -> Generator[list[Message], None, int | None]:
    """Find where the JSON value at `start` ends; return None where there is none."""
    for end in value_end(message, start):
        if end is None:
            yield []
    return None if end == -1 else end


def _array_end(
    message: bytes, opening: int, spans: array[int]
) -> Generator[list[Message], None, int | None]:
    """Find where the array at `opening` ends, and append where each element starts and ends."""
    at = skip_blank(message, opening + 1)
    if message[at : at + 1] == b"]":
        return at + 1
    while len(spans) < 2 * LARGEST_BATCH:
        end = yield from _value_end(message, at)
        if end is None:
            return None
        spans.extend((at, end))
        at = skip_blank(message, end)
        if message[at : at + 1] == b"]":
            return at + 1
        if message[at : at + 1] != b",":
            return None
        at = skip_blank(message, at + 1)
        yield []
    return None


def _element(text: bytes) -> Message:
    return Event(text) if text[:1] == b"{" else Malformed(text, "not an object in an array")


def _fits(message: bytes, begin: int, end: int, declared: int) -> bool:
    """Whether a length is that from `begin` to `end`, in bytes, in characters, or in UTF-16 units.

    JavaScript counts the last: a character beyond U+FFFF is two.
    """
    size = end - begin
    if declared == size:
        return True

    def without(unwanted: bytes) -> int:
        pieces = (message[at : min(at + PIECE, end)] for at in range(begin, end, PIECE))
        return sum(len(piece.translate(None, unwanted)) for piece in pieces)

    characters = without(_CONTINUING)
    return declared == characters or declared == characters + size - without(_BEYOND)
