"""The live tail's lines: one event each, in columns that stay where they are.

    10:25:14 datapoint    AC000W005606115 Blue_LED        false → true           #13

This runs for every event, so it builds strings with ready escape sequences and remembers what
it has built before. Whatever it remembers is bounded in number and in size.
"""

from __future__ import annotations

from typing import Any

from dsstail.escaping import cut, fit, visible, width
from dsstail.json_text import decode_object
from dsstail.messages import BODIES, TIMES, Event, seq_of
from dsstail.render import Style
from dsstail.render.bodies import LONGEST_REMEMBERED, Bodies, Members, Subject
from dsstail.render.clock import Clock
from dsstail.render.ink import ink, of_device
from dsstail.render.recent import Recent
from dsstail.render.values import LONGEST

NARROWEST = 72
"""Columns that a line needs; on a narrower terminal it wraps."""

_TYPE_CELLS = max(map(len, BODIES))
_DSN_CELLS = 15
_SEQ_CELLS = 6
_STREAM_CELLS = 10  # at most; the name of a property has at least and at most:
_NAME_CELLS = 8, 28
_SPARE_CELLS = 1  # for a character that the terminal takes to be wider than it is

REMEMBERED_SUBJECTS = 10_000
"""Subjects that are remembered with their last values: so many of the latest, at least."""

Key = tuple[str, Any, Any, Any]
"""The names of a subject: the stream, and as in the metadata type, device and property."""


class TextLines:
    """Remembers the day that it showed last, to mark a new one."""

    def __init__(self, style: Style) -> None:
        self._style = style
        colors = ink(style.color)
        self._faint, self._reset = colors.faint, colors.reset
        self._clock = Clock(utc=style.utc)
        self._subjects: Recent[Key, Subject] = Recent(REMEMBERED_SUBJECTS)
        self._written = ""
        self._time = ""
        self._day = ""
        self._lay_out(style)
        self._bodies = Bodies(colors, unicode=style.unicode, first_column=self._name_cells)

    def _lay_out(self, style: Style) -> None:
        """Share the columns out: what the fixed ones leave is for the name and the value."""
        names = [visible(name, unicode=style.unicode) for name in style.streams]
        several = len(names) > 1
        self._stream_cells = min(max(map(width, names)), _STREAM_CELLS) if several else 0
        fixed = len("HH:MM:SS ") + _TYPE_CELLS + 1 + _DSN_CELLS + 1 + 1 + _SEQ_CELLS + _SPARE_CELLS
        fixed += self._stream_cells + 1 if several else 0
        self._width = max(style.width, NARROWEST)
        self._room = self._width - fixed
        least, most = _NAME_CELLS
        self._name_cells = min(max(self._room * 5 // 11, least), most)

    def header(self) -> bytes:
        return b""

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        return "".join([self._line(text, stream, received_at) for text in texts]).encode()

    def _line(self, text: bytes, stream: str, received_at: float) -> str:
        data = decode_object(text)
        metadata = data.get("metadata")
        if type(metadata) is not dict:
            metadata = {}
        name = metadata.get("property_name") or metadata.get("display_name")
        key = (stream, metadata.get("event_type"), metadata.get("dsn"), name)
        try:
            subject = self._subjects[key]
        except (KeyError, TypeError):  # new, or an object where a name should be
            subject = self._subject(key, Event(text))
        body = data.get(subject.body)
        if type(body) is not dict:
            body = Event(text).body
        number = seq_of(data)
        seq = "" if number is None else f"#{number}"
        wider = max(len(seq) - _SEQ_CELLS, 0)
        what, cells = subject.paint(subject, text, metadata, body, subject.room - wider)
        start = self._start(body, received_at) + subject.head + what
        if not seq:
            return start + "\n"
        blanks = " " * (subject.room - cells + 1 + _SEQ_CELLS - len(seq))
        return f"{start}{blanks}{self._faint}{seq}{self._reset}\n"

    def _start(self, body: Members, received_at: float) -> str:
        """The time of an event, behind a rule that names the day where a new one begins."""
        for name in TIMES:
            written = body.get(name)
            if type(written) is str:
                break
        else:
            written = ""
        if written and written == self._written:
            return self._time
        reading = self._clock.read(written)
        self._written = written if reading else ""
        if reading is None and self._style.live:
            reading = self._clock.at(int(received_at))
        day, time = reading or (self._day, "--:--:--")
        self._time = f"{self._faint}{time}{self._reset} "
        if day == self._day:
            return self._time
        self._day = day
        return self._rule(day) + self._time

    def _rule(self, day: str) -> str:
        line = "─" if self._style.unicode else "-"
        name = f"{line * 2} {day} {'UTC ' if self._style.utc else ''}"
        rest = line * (self._width - _SPARE_CELLS - len(name))
        return f"{self._faint}{name}{rest}{self._reset}\n"

    def _subject(self, key: Key, event: Event) -> Subject:
        """A new subject, remembered for the next event unless a name is not or not usual."""
        stream, kind, dsn = key[0], event.event_type, event.dsn
        name = (event.property_name or event.display_name)[:LONGEST]
        label = self._column(kind or "?", _TYPE_CELLS)
        head = f"{self._faint}{label}{self._reset}{self._device(dsn)}"
        room = self._room
        if name:
            head += self._column(name, self._name_cells)
            room -= self._name_cells + 1
        if self._stream_cells:
            head = self._column(stream, self._stream_cells) + head
        subject = Subject(head, BODIES.get(kind, ""), self._bodies.painter(kind), room)
        if all(
            name is None or (type(name) is str and len(name) <= LONGEST_REMEMBERED) for name in key
        ):
            self._subjects[key] = subject
        return subject

    def _column(self, text: str, cells: int) -> str:
        seen = visible(text[:LONGEST], unicode=self._style.unicode)
        return fit(seen, cells, unicode=self._style.unicode) + " "

    def _device(self, dsn: str) -> str:
        """The serial number in the device's colour; of several, the first and how many more."""
        first, *others = dsn.split(",")
        more = f"+{len(others)}" if others else ""
        seen = visible(first.strip()[:LONGEST], unicode=self._style.unicode)
        cells = _DSN_CELLS - len(more)
        text = cut(seen, cells, unicode=self._style.unicode) + more
        color = of_device(dsn) if self._style.color and text else ""
        blanks = " " * (_DSN_CELLS - width(text) + 1)
        return f"{color}{text}{self._reset if color else ''}{blanks}"
