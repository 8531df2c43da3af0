"""What happened, for each type of event, painted on a given number of cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dsstail.escaping import cut, visible, width
from dsstail.messages import Event
from dsstail.render.ink import Ink
from dsstail.render.values import LONGEST, shown, value_text

Members = dict[str, Any]

Painted = tuple[str, int]
"""Visible text with its escape sequences, and the cells that it takes."""


Last = tuple[str, int, int, float | None]
"""The last value of a datapoint: as shown, its cells, what tells it from others, its number."""


class Subject:
    """What all events of one stream, type, device and property share, and their last value."""

    __slots__ = ("body", "head", "last", "paint", "room")

    def __init__(self, head: str, body: str, paint: Painter, room: int) -> None:
        self.head = head
        """The beginning of its lines, behind the time."""
        self.body = body
        """The member of its events that says what happened."""
        self.paint = paint
        self.room = room
        """Cells for what happened."""
        self.last: Last | None = None


Painter = Callable[[Subject, bytes, Members, Members, int], Painted]
"""Paints an event, given its subject, JSON text, metadata and body, and the room in cells."""

LONGEST_REMEMBERED = 100
"""Characters of an old value, and of the names of a subject that is remembered."""

_NUMBERS = (int, float)
_SUCCESS = (200, 0, "200", "0")
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

    def __init__(self, ink: Ink, *, unicode: bool, first_column: int) -> None:
        """Where an event has no property, what happened takes at least `first_column` cells."""
        self._ink = ink
        self._unicode = unicode
        self._signs = _UNICODE if unicode else _ASCII
        self._first_column = first_column
        self._faint, self._reset = ink.faint, ink.reset
        self._arrow = f"{self._signs.arrow}{ink.reset} {ink.strong}"
        self._arrow_cells = len(self._signs.arrow) + 1
        self._echo = f"  {ink.faint}echo{ink.reset}"

    def painter(self, event_type: str) -> Painter:
        """How to paint the bodies of this type, documented or not."""
        return {
            "datapoint": self._datapoint,
            "datapointack": self._ack,
            "connectivity": self._connectivity,
            "location": self._location,
            "registration": self._registration,
        }.get(event_type, self._other)

    def _datapoint(
        self, subject: Subject, text: bytes, metadata: Members, body: Members, room: int
    ) -> Painted:
        """`old → new` once the old value is known, and by how much a number changed."""
        value = body.get("value")
        base_type = metadata.get("base_type")
        new = value_text(value, base_type, text, unicode=self._unicode)
        cells = width(new)
        kind = type(value)
        identity = hash(value if kind is str else new)
        number = value if kind in _NUMBERS and base_type != "boolean" else None
        last = subject.last
        subject.last = (new, cells, identity, number)
        if len(new) > LONGEST_REMEMBERED:
            beginning = self._alone(new[:LONGEST_REMEMBERED], LONGEST_REMEMBERED - 1)
            subject.last = (*beginning, identity, number)

        if last is None or last[2] == identity:
            painted, cells = self._alone(new, room)
        else:
            painted, cells = self._change(last, new, cells, room)
            painted, cells = self._beside(painted, cells, room, _difference(last[3], number))
        if body.get("echo") is True and cells + 6 <= room:
            painted += self._echo
            cells += 6
        alias = metadata.get("display_name")
        name = metadata.get("property_name")
        if alias != name and name:
            painted, cells = self._beside(painted, cells, room, self._text(alias))
        return painted, cells

    def _change(self, last: Last, new: str, cells: int, room: int) -> Painted:
        """Both values, or without the old one where it does not fit."""
        old, old_cells = last[0], last[1]
        needed = old_cells + 1 + self._arrow_cells + cells
        if needed <= room:
            return f"{self._faint}{old} {self._arrow}{new}{self._reset}", needed
        new, cells = self._alone(new, room - self._arrow_cells)
        return f"{self._faint}{self._arrow}{new}{self._reset}", self._arrow_cells + cells

    def _alone(self, text: str, room: int) -> Painted:
        if text.isascii() and len(text) <= room:
            return text, len(text)
        text = cut(text, room, unicode=self._unicode)
        return text, width(text)

    def _ack(
        self, subject: Subject, text: bytes, metadata: Members, body: Members, room: int
    ) -> Painted:
        """The value and, as long as there is room at all, whether the device took it."""
        value = value_text(
            body.get("value"), metadata.get("base_type"), text, unicode=self._unicode
        )
        status = body.get("ack_status")
        if status is None:
            return self._alone(value, room)
        success = type(status) in (int, str) and status in _SUCCESS
        sign = self._signs.success if success else self._signs.failure
        color = self._ink.good if success else self._ink.bad
        result = value_text(status, "integer", text, unicode=self._unicode)
        result, result_cells = self._alone(f"{sign} {result}", room - 6)
        value, cells = self._alone(value, room - result_cells - 1)
        painted = f"{value} {color}{result}{self._reset}"
        cells += 1 + result_cells
        message = body.get("ack_message")
        if message in (None, 0, "", "0") or room - cells < 2:
            return painted, cells
        told, told_cells = self._alone(self._text(message), room - cells - 1)
        return f"{painted} {color}{told}{self._reset}", cells + 1 + told_cells

    def _connectivity(
        self, subject: Subject, text: bytes, metadata: Members, body: Members, room: int
    ) -> Painted:
        status = self._text(body.get("status"))
        match status.lower():
            case "online":
                status = f"{self._signs.online} {status}"
                color = self._ink.good
            case "offline":
                status = f"{self._signs.offline} {status}"
                color = self._ink.bad
            case _:
                color = self._ink.strong
        return self._statement(color, status, room, [self._text(metadata.get("oem_model"))])

    def _location(
        self, subject: Subject, text: bytes, metadata: Members, body: Members, room: int
    ) -> Painted:
        place = f"{self._coordinate(body.get('lat'))}, {self._coordinate(body.get('long'))}"
        details = [self._text(body.get(name)) for name in ("provider", "ip")]
        return self._statement("", place, room, details)

    def _registration(
        self, subject: Subject, text: bytes, metadata: Members, body: Members, room: int
    ) -> Painted:
        registered = body.get("registered")
        if isinstance(registered, bool):
            what = "registered" if registered else "unregistered"
        else:
            what = f"registered: {self._text(registered)}"
        details = [self._text(body.get("registration_type")), self._text(metadata.get("oem_model"))]
        return self._statement(self._ink.strong, what, room, details)

    def _other(
        self, subject: Subject, text: bytes, metadata: Members, body: Members, room: int
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

    def _statement(self, color: str, text: str, room: int, details: Iterable[str]) -> Painted:
        """What happened in a few words, and the details in a column of their own."""
        text, cells = self._alone(text, room)
        blanks = max(min(self._first_column, room) - cells - 1, 0)
        painted = f"{color}{text}{self._reset if color else ''}{' ' * blanks}"
        cells += blanks
        for detail in details:
            painted, cells = self._beside(painted, cells, room, detail)
        return painted, cells

    def _beside(self, painted: str, cells: int, room: int, detail: str) -> Painted:
        """Add a detail if it fits in whole."""
        needed = 2 + width(detail)
        if not detail or cells + needed > room:
            return painted, cells
        return f"{painted}  {self._faint}{detail}{self._reset}", cells + needed

    def _text(self, member: Any) -> str:
        return "" if member is None else shown(member, unicode=self._unicode)

    def _coordinate(self, member: Any) -> str:
        """Degrees to five decimals, a metre or so; anything else as it is."""
        found = _COORDINATE.match(member) if isinstance(member, str) else None
        return f"{float(found[1]):.5f}" if found else self._text(member)


def _difference(old: float | None, new: float | None) -> str:
    if old is None or new is None or old == new:
        return ""
    difference = new - old
    return f"{difference:+d}" if isinstance(difference, int) else f"{difference:+.6g}"
