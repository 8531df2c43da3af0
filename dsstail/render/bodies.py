"""What happened, for each type of event, painted on a given number of cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dsstail.acks import Arrivals, latency, says_something, succeeded
from dsstail.clock import Clock
from dsstail.escaping import cut, visible, width
from dsstail.messages import Event
from dsstail.render.ink import Ink
from dsstail.values import LONGEST, number_as_written, shown, value_text
from dsstail.wording import brief, brief_to_the_second, not_shown, to_the_second

Members = dict[str, Any]

Painted = tuple[str, int]
"""Visible text with its escape sequences, and the cells that it takes."""


class Subject:
    """What is remembered of one stream, type, device and property: the last value, if any."""

    __slots__ = ("away_since", "cells", "identity", "number", "shown")

    def __init__(self) -> None:
        self.away_since: float | None = None
        """When the device went offline, in seconds since the epoch, as long as it is."""
        self.identity: str | int | None = None
        """What tells the value from others; None before the first one."""
        self.shown = ""
        self.cells = 0
        self.number: float | None = None


@dataclass(slots=True)
class Source:
    """What the lines of all events with the same metadata share.

    Strings that sources have in common are the same objects, which keeps them in the processor's
    cache where there are thousands of sources.
    """

    label: str
    """The beginning of its lines, behind the time: with the type of the event, ..."""
    device: str
    """... the device ..."""
    name: str
    """... and the name of the property, if there is one."""
    room: int
    """Cells for what happened."""
    member: str
    """The member of its events that says what happened."""
    paint: Painter
    subject: Subject
    base_type: str
    alias: Painted | None
    """What people call the property, where that is another name; a detail like the model."""
    model: Painted | None


Painter = Callable[[Source, bytes, Members, int, float], Painted]
"""Paints an event, given its source, JSON text, body, the room in cells, and when it came.

That is in seconds since the epoch, 0 where it is not known.
"""

DETAILS = 1000
"""Details that are remembered, such as models; one has at most a line of `LONGEST` characters."""

LONGEST_REMEMBERED = 100
"""Characters of an old value."""

_NUMBERS = (int, float)
_COORDINATE = re.compile(r" *(-?[0-9]{1,3}(?:\.[0-9]+)?) *\Z")


@dataclass(frozen=True, slots=True)
class Signs:
    """What is drawn beside the text of an event, each character on one cell."""

    arrow: str
    online: str
    offline: str
    success: str
    failure: str


_UNICODE = Signs(arrow="→", online="●", offline="○", success="✓", failure="✗")
_ASCII = Signs(arrow="->", online="+", offline="-", success="ok", failure="x")


class Bodies:
    """Paints bodies: `painter` tells how, for each type."""

    def __init__(self, ink: Ink, clock: Clock, *, unicode: bool) -> None:
        self._ink = ink
        self._clock = clock
        self.notes_arrivals = True
        """Whether to remember when datapoints came, for their acks."""
        self._arrivals: Arrivals[float] = Arrivals()
        self._unicode = unicode
        self._signs = _UNICODE if unicode else _ASCII
        self.first_column = 0
        """Cells that what happened takes at least, where an event has no property."""
        self._faint, self._reset = ink.faint, ink.reset
        self._arrow = f" {self._signs.arrow}{ink.reset} {ink.strong}"
        self._arrow_cells = len(self._signs.arrow) + 2
        self._painters = {
            "datapoint": self._datapoint,
            "datapointack": self._ack,
            "connectivity": self._connectivity,
            "location": self._location,
            "registration": self._registration,
        }
        self._detail = _details(ink)
        self._echo = (f"  {ink.faint}echo{ink.reset}", 6)

    def painter(self, event_type: str) -> Painter:
        """How to paint the bodies of this type, documented or not."""
        return self._painters.get(event_type, self._other)

    def _datapoint(
        self, source: Source, text: bytes, body: Members, room: int, received_at: float
    ) -> Painted:
        """`old → new` once the old value is known, and by how much a number changed."""
        value, base_type = body.get("value"), source.base_type
        number = value if type(value) in _NUMBERS and base_type != "boolean" else None
        if number is None:
            new = value_text(value, base_type, text, self._unicode)
        else:
            new = str(number) if type(number) is int else number_as_written(number, text)
        cells = len(new) if new.isascii() else width(new)
        subject = source.subject
        identity: str | int = new
        if len(new) > LONGEST_REMEMBERED:
            identity = hash(value if type(value) is str else new)
        if subject.identity is None or subject.identity == identity:
            painted, used = (new, cells) if cells <= room else self._alone(new, room)
        else:
            used = subject.cells + self._arrow_cells + cells
            if used <= room:
                painted = f"{self._faint}{subject.shown}{self._arrow}{new}{self._reset}"
            else:
                painted, used = self._after_arrow(new, room)
            if number is not None and subject.number is not None:
                difference = number - subject.number
                told = f"{difference:+d}" if type(difference) is int else f"{difference:+.6g}"
                more = used + 2 + len(told)
                if difference and more <= room:
                    painted, used = f"{painted}  {self._faint}{told}{self._reset}", more
        if self.notes_arrivals:
            self._arrivals.note(body.get("id"), received_at)
        subject.identity, subject.number = identity, number
        if identity is new:
            subject.shown, subject.cells = new, cells
        else:
            beginning = new[:LONGEST_REMEMBERED]
            subject.shown, subject.cells = self._alone(beginning, LONGEST_REMEMBERED - 1)
        if body.get("echo") is True:
            painted, used = _beside(painted, used, room, self._echo)
        if source.alias is not None:
            painted, used = _beside(painted, used, room, source.alias)
        return painted, used

    def _after_arrow(self, new: str, room: int) -> Painted:
        """A new value where the old one does not fit, or not in whole."""
        arrow = self._arrow.lstrip()
        new, cells = self._alone(new, room - self._arrow_cells + 1)
        return f"{self._faint}{arrow}{new}{self._reset}", self._arrow_cells - 1 + cells

    def _alone(self, text: str, room: int) -> Painted:
        if text.isascii() and len(text) <= room:
            return text, len(text)
        text = cut(text, room, unicode=self._unicode)
        return text, width(text)

    def _signed(self, sign: str, text: str, room: int) -> Painted:
        signed = f"{sign} {text}"
        if text.isascii() and len(signed) <= room:
            return signed, len(signed)
        return self._alone(signed, room)

    def _ack(
        self, source: Source, text: bytes, body: Members, room: int, received_at: float
    ) -> Painted:
        """The value and, as long as there is room at all, whether the device took it, and when."""
        value = value_text(body.get("value"), source.base_type, text, self._unicode)
        status = body.get("ack_status")
        if status is None:
            return self._alone(value, room)
        success = succeeded(status)
        sign = self._signs.success if success else self._signs.failure
        color = self._ink.good if success else self._ink.bad
        result = value_text(status, "integer", text, self._unicode)
        result, result_cells = self._signed(sign, result, room - 6)
        value, cells = self._alone(value, room - result_cells - 1)
        painted = f"{value} {color}{result}{self._reset}"
        cells += 1 + result_cells
        message = body.get("ack_message")
        if says_something(message) and room - cells >= 2:
            told, told_cells = self._alone(self._text(message), room - cells - 1)
            painted, cells = f"{painted} {color}{told}{self._reset}", cells + 1 + told_cells
        latency = self._detail(self._latency(body, received_at))
        return _beside(painted, cells, room, latency) if latency else (painted, cells)

    def _latency(self, body: Members, received_at: float) -> str:
        """How long after its datapoint an ack came."""
        created = self._clock.seconds(body.get("created_at"))
        acked = self._clock.seconds(body.get("acked_at"))
        told = None if created is None or acked is None else acked - created
        sent_at = self._arrivals.of(body.get("id")) if received_at else None
        known = latency(told, sent_at, received_at)
        if known is None:
            return ""
        seconds, measured = known
        return brief(seconds) if measured else brief_to_the_second(seconds)

    def _connectivity(
        self, source: Source, text: bytes, body: Members, room: int, received_at: float
    ) -> Painted:
        """Whether the device is there, and for how long it was not."""
        status = self._text(body.get("status"))
        subject = source.subject
        now = self._clock.seconds(body.get("event_time")) or received_at or None
        away = None
        match status.lower():
            case "online":
                stated = self._signed(self._signs.online, status, room)
                color = self._ink.good
                if now and subject.away_since and now >= subject.away_since:
                    away = self._detail(f"after {to_the_second(now - subject.away_since)}")
                subject.away_since = None
            case "offline":
                stated = self._signed(self._signs.offline, status, room)
                color = self._ink.bad
                subject.away_since = subject.away_since or now
            case _:
                stated = self._alone(status, room)
                color = self._ink.strong
        return self._statement(color, stated, room, (away, source.model))

    def _location(
        self, source: Source, text: bytes, body: Members, room: int, received_at: float
    ) -> Painted:
        place = f"{self._coordinate(body.get('lat'))}, {self._coordinate(body.get('long'))}"
        details = [self.detail(body.get(name)) for name in ("provider", "ip")]
        return self._statement("", self._alone(place, room), room, details)

    def _registration(
        self, source: Source, text: bytes, body: Members, room: int, received_at: float
    ) -> Painted:
        registered = body.get("registered")
        if isinstance(registered, bool):
            what = "registered" if registered else "unregistered"
        else:
            what = f"registered: {self._text(registered)}"
        details = [self.detail(body.get("registration_type")), source.model]
        return self._statement(self._ink.strong, self._alone(what, room), room, details)

    def large(
        self, source: Source, text: bytes, body: Members, room: int, received_at: float
    ) -> Painted:
        """An event that is too large to be decoded."""
        source.subject.identity = None
        told, cells = self._alone(not_shown(len(text)), room)
        return f"{self._faint}{told}{self._reset}", cells

    def _other(
        self, source: Source, text: bytes, body: Members, room: int, received_at: float
    ) -> Painted:
        """An undocumented type: its members, or where there are none, its text."""
        members = body or Event(text).data
        statement = ""
        for name, member in members.items():
            if len(statement) > 2 * room:
                break
            if name not in ("seq", "metadata", "dsn"):
                seen = visible(name[:LONGEST], unicode=self._unicode)
                statement += f" {seen}={shown(member, unicode=self._unicode)}"
        if not statement:
            seen = text[:LONGEST].decode(errors="replace")
            return self._alone(visible(seen, unicode=self._unicode), room)
        return self._alone(statement[1:], room)

    def _statement(
        self, color: str, stated: Painted, room: int, details: Iterable[Painted | None]
    ) -> Painted:
        """What happened in a few words, and the details in a column of their own."""
        text, cells = stated
        blanks = max(min(self.first_column, room) - cells - 1, 0)
        painted = f"{color}{text}{self._reset if color else ''}{' ' * blanks}"
        cells += blanks
        for detail in details:
            if detail is not None:
                painted, cells = _beside(painted, cells, room, detail)
        return painted, cells

    def detail(self, member: Any) -> Painted | None:
        """A member of an event as what goes beside something else, if it is there."""
        return self._detail(self._text(member))

    def _text(self, member: Any) -> str:
        return "" if member is None else shown(member, unicode=self._unicode)

    def _coordinate(self, member: Any) -> str:
        """Degrees to five decimals, a metre or so; anything else as it is."""
        found = _COORDINATE.match(member) if isinstance(member, str) else None
        return f"{float(found[1]):.5f}" if found else self._text(member)


def _details(ink: Ink) -> Callable[[str], Painted | None]:
    """Paints what goes beside something else; the same for all sources that have it in common."""

    @lru_cache(maxsize=DETAILS)
    def detail(text: str) -> Painted | None:
        return (f"  {ink.faint}{text}{ink.reset}", 2 + width(text)) if text else None

    return detail


def _beside(painted: str, cells: int, room: int, detail: Painted) -> Painted:
    """Add a detail if it fits in whole."""
    text, needed = detail
    return (painted + text, cells + needed) if cells + needed <= room else (painted, cells)
