"""The wire format of the Datastream Service, without I/O: text messages in, values out.

A text message is one unit `LENGTH|PAYLOAD`, or several in a row. PAYLOAD is `Z` (heartbeat),
`X` (keep-alive), an event as JSON text, or an array of such events. LENGTH counts the payload;
the service's documentation shows it, and public clients ignore it, so a length that does not fit
around an event that does parse is reported and costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dsstail import json_text

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
"""Units, or events of an array, in one message: what has more of them holds no real events."""

MAX_SEQ = 10**18
"""A seq from here on is no count of events, and is treated as if it were absent."""


class Event:
    """One event: its JSON text exactly as received, decoded when a field is first asked for.

    Every field is there for every event: text that is missing or of an unexpected kind reads
    as `""`, a missing object as `{}`, so an unknown event is shown like any other.
    """

    __slots__ = ("_data", "text")

    def __init__(self, text: bytes, data: dict[str, Any] | None = None) -> None:
        """`data` is the decoded text, where that is known already."""
        self.text = text
        self._data = data

    def __repr__(self) -> str:
        return f"Event({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def data(self) -> dict[str, Any]:
        """The decoded JSON object; `{}` for one nested too deep to decode."""
        if self._data is None:
            self._data = json_text.decode_object(self.text)
        return self._data

    @property
    def seq(self) -> int | None:
        """The number of this event in its subscription, from 0 or 1 on; None when it has none."""
        return seq_of(self.data)

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
        name = BODIES.get(self.event_type)
        if name is not None and isinstance(self.data.get(name), dict):
            return _object(self.data[name])
        for name, member in self.data.items():
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
        body = self.body
        for name in TIMES:
            if isinstance(body.get(name), str):
                return str(body[name])
        return ""


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
    found: list[Message] = []
    position = 0
    while position < len(message) and len(found) < LARGEST_BATCH:
        position = _parse_unit(message, position, found)
    if position < len(message):
        found.append(Malformed(message[position:], "too many units"))
    if not message:
        found.append(Malformed(message, "empty message"))
    return found


def parse_payload(payload: bytes) -> list[Message] | None:
    """What the payload of one unit says, or None where it is nothing known."""
    if payload == b"Z":
        return [Heartbeat()]
    if payload == b"X":
        return [KeepAlive()]
    opening = payload.lstrip(b" \t\r\n")[:1]
    if opening not in (b"{", b"[") or not json_text.is_json(payload):
        return None
    if opening == b"{":
        return [Event(payload)]
    texts = list(islice(json_text.elements(payload), LARGEST_BATCH + 1))
    if len(texts) > LARGEST_BATCH:
        return None
    return [
        Event(text) if text[:1] == b"{" else Malformed(text, "not an object in an array")
        for text in texts
    ]


def seq_of(data: dict[str, Any]) -> int | None:
    """The `seq` of a decoded event: a decimal string by the documentation, a number if need be."""
    seq = data.get("seq")
    if isinstance(seq, str) and seq.isdecimal() and seq.isascii() and len(seq) <= 18:
        return int(seq)
    if type(seq) is int and 0 <= seq < MAX_SEQ:
        return seq
    return None


def _object(member: Any) -> dict[str, Any]:
    return member if isinstance(member, dict) else {}


def _string(member: Any) -> str:
    return member if isinstance(member, str) else ""


_UNIT = re.compile(rb"([0-9]{1,18})\|")
_BLANK = re.compile(rb"[ \t\r\n]*")


def _parse_unit(message: bytes, start: int, found: list[Message]) -> int:
    """Append what the unit at `start` says to `found`; return where the next one starts."""
    head = _UNIT.match(message, start)
    if head is None:
        found.append(Malformed(message[start:], "no LENGTH| at its start"))
        return len(message)
    declared = int(head[1])
    tried = set()
    for end in _ends(message, head):
        if end in tried:
            continue
        tried.add(end)
        payload = message[head.end() : end]
        read = parse_payload(payload)
        if read is not None:
            fits = declared in (len(payload), _characters(payload))
            if not fits:
                found.append(WrongLength(declared, len(payload)))
            found.extend(read)
            return _skip_blank(message, end)
    found.append(Malformed(message[start:], "neither an event nor a heartbeat"))
    return len(message)


def _ends(message: bytes, head: re.Match[bytes]) -> Iterator[int]:
    """Where the payload behind `head` may end.

    Whether LENGTH counts bytes or characters is not documented, and it may lie: an event ends
    where its JSON does, and anything else where LENGTH or the message ends it. Of several units,
    none is looked at beyond its own JSON, or many lies would take time with their square.
    """
    start, declared = head.end(), int(head[1])
    if head.start() == 0 and start + declared == len(message):
        yield len(message)
    opening = _skip_blank(message, start)
    if message[opening : opening + 1] in (b"{", b"["):
        closed = json_text.value_end(message, opening)
        if closed is not None:
            counts_blanks = closed < start + declared <= _skip_blank(message, closed)
            yield start + declared if counts_blanks else closed
    if start + declared <= len(message):
        yield start + declared
    widest = message[start : start + 4 * declared]
    if not widest.isascii():
        characters = widest.decode(errors="surrogateescape")[:declared]
        yield start + len(characters.encode(errors="surrogateescape"))
    yield len(message)


def _skip_blank(message: bytes, at: int) -> int:
    blank = _BLANK.match(message, at)
    return at if blank is None else blank.end()


def _characters(payload: bytes) -> int:
    return len(payload.decode(errors="replace"))
