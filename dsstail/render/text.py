"""The live tail's lines: one event each, in columns that stay where they are.

    10:25:14 datapoint    AC000W005606115 Blue_LED        false → true           #13

This runs for every event, so it builds strings with ready escape sequences and remembers what
it has built before. Whatever it remembers is bounded in number and in size.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from sys import intern

import orjson

from dsstail.clock import Clock
from dsstail.escaping import cut, cut_apart, fit, visible, width
from dsstail.json_text import MOST_DECODED
from dsstail.layout import LARGE, divided, metadata_of, skimmed
from dsstail.messages import BODIES, TIMES, Event
from dsstail.render import Renderer, Style
from dsstail.render.bodies import Bodies, Members, Source, Subject
from dsstail.render.folding import Folding, repetitions
from dsstail.render.highlight import Highlight
from dsstail.render.ink import ink, of_device
from dsstail.render.recent import Recent
from dsstail.values import LONGEST

NARROW, VERY_NARROW, NARROWEST = 72, 56, 48
"""Columns below which types are shortened, and numbers left out; below the last, lines wrap."""

_SHORT = {
    "connectivity": "conn",
    "datapoint": "data",
    "datapointack": "ack",
    "location": "loc",
    "registration": "reg",
}

_TYPE_CELLS = max(map(len, BODIES))
_DSN_CELLS = 15
_SEQ_CELLS = 6
_STREAM_CELLS = 10  # at most; the name of a property has at least and at most:
_NAME_CELLS = 8, 28
_VALUE_CELLS = 3  # at least, after a name of the least length
_SPARE_CELLS = 1  # for a character that the terminal takes to be wider than it is

REMEMBERED = 20_000
"""Sources that are remembered, and subjects with their last values: so many of the latest, each."""

LONGEST_NAME = 100
"""Characters of a name of a subject that is remembered."""

LONGEST_METADATA = 1000
"""Bytes of the metadata of a source that is remembered."""

FEW = 50
"""Events of one read whose time of arrival is worth something: many have been waiting for it."""

_UNDIVIDED = b"", b"", b""
_UNREADABLE = object()  # equals no time


class TextLines(Renderer):
    """Remembers the day that it showed last, to mark a new one."""

    def __init__(self, style: Style) -> None:
        self._style = style
        colors = ink(style.color)
        self._faint, self._reset = colors.faint, colors.reset
        self._clock = Clock(utc=style.utc)
        self._streams: dict[str, Recent[bytes, Source]] = {}
        self._subjects: Recent[tuple[str, ...], Subject] = Recent(REMEMBERED)
        self._written: object = _UNREADABLE  # the time of the last event, ...
        self._time = ""  # ... and how it is shown
        self._day = ""
        self._highlight = Highlight.of(style)
        self._folding = Folding() if style.fold else None
        self._bodies = Bodies(colors, self._clock, unicode=style.unicode)
        self.resize(style.width)

    def resize(self, columns: int) -> None:
        """Share the columns out: what the fixed ones leave is for the name and the value."""
        self._columns = columns
        self._width = max(columns, NARROWEST)
        self._numbers = columns >= VERY_NARROW
        self._type_cells = _TYPE_CELLS if columns >= NARROW else max(map(len, _SHORT.values()))
        self._streams.clear()
        self._plain = self._numbers and self._highlight is None and self._folding is None
        style = self._style
        names = {name: visible(name, unicode=style.unicode) for name in style.streams}
        least, most = _NAME_CELLS
        fixed = len("HH:MM:SS ") + self._type_cells + 1 + _DSN_CELLS + 1 + _SPARE_CELLS
        fixed += 1 + _SEQ_CELLS if self._numbers else 0
        self._room = self._width - fixed
        self._stream_cells, self._stream_names = 0, {}
        if len(names) > 1:
            spare = self._room - (least + 1 + _VALUE_CELLS) - 1
            self._stream_cells = min(max(map(width, names.values())), _STREAM_CELLS, spare)
            self._room -= self._stream_cells + 1
            shown = cut_apart(names.values(), self._stream_cells, unicode=style.unicode)
            self._stream_names = {name: shown[seen] for name, seen in names.items()}
        self._name_cells = min(max(self._room * 5 // 11, least), most)
        self._bodies.first_column = self._name_cells

    def tell_apart(self, streams: tuple[str, ...]) -> None:
        self._style = replace(self._style, streams=streams)
        self.resize(self._columns)

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        sources = self._sources(stream)
        faint, reset, numbers, plain = self._faint, self._reset, self._numbers, self._plain
        self._bodies.notes_arrivals = received_at > 0 and len(texts) <= FEW
        loads, lines = orjson.loads, []
        for text, usual in zip(texts, map(divided, texts), strict=True):
            try:  # what has been seen before is not decoded again
                small = usual if len(text) <= MOST_DECODED else None
                digits, between, happened = small.groups() if small else _UNDIVIDED
                source = sources[between]
                body = loads(happened)
                seq = f"#{digits.decode()}"
            except (KeyError, orjson.JSONDecodeError):
                source, body, seq = self._decoded(text, sources, stream, between)
            room = source.room
            end = room + _SEQ_CELLS - len(seq)  # where the blank before the number is, at least
            if end < room and numbers:
                if end < 0:
                    seq, end = cut(seq, len(seq) + end, unicode=self._style.unicode), 0
                room = end
            what, cells = source.paint(source, text, body, room, received_at)
            written = body.get("updated_at")
            if written != self._written or "event_time" in body or "acked_at" in body:
                start = self._start(body, received_at)
            else:
                start = self._time
            if plain and seq:
                lines.append(
                    f"{start}{source.label}{source.device}{source.name}{what}"
                    f"{' ' * (end - cells)} {faint}{seq}{reset}\n"
                )
            else:
                said = f"{source.label}{source.device}{source.name}{what}"
                number = seq if numbers else ""
                lines.append(self._finished(start, said, end - cells, number, received_at))
        return "".join(lines).encode() + self.rest(received_at)

    def rest(self, now: float | None = None) -> bytes:
        return b"" if self._folding is None else self._folding.told(now).encode()

    def _sources(self, stream: str) -> Recent[bytes, Source]:
        if stream not in self._streams:
            if len(self._streams) > len(self._style.streams):
                self._streams.clear()
            self._streams[stream] = Recent(REMEMBERED // max(len(self._style.streams), 1))
        return self._streams[stream]

    def _finished(self, start: str, said: str, free: int, seq: str, received_at: float) -> str:
        """A line with what is highlighted in it, or none if it is folded.

        Between what it says and the number are so many `free` cells, and one.
        """
        rule, new_day, time = start.rpartition("\n")
        end = f"{self._faint}{seq}{self._reset}" if seq else ""
        line = f"{time}{said}{' ' * free} {end}" if seq else f"{time}{said}"
        if self._highlight is not None:
            line = self._highlight.mark(line)
        line = f"{rule}{new_day}{line}\n"
        if self._folding is None:
            return line

        def row(count: int) -> str:
            """So many lines, at the time and with the number of the last of them."""
            cells = self._width - _SPARE_CELLS - len("HH:MM:SS ") - len(seq)
            return f"{time}{repetitions(count, self._style.unicode).ljust(cells)}{end}\n"

        return self._folding.add(self._day + said, line, row, received_at)

    def _decoded(
        self, text: bytes, sources: Recent[bytes, Source], stream: str, between: bytes
    ) -> tuple[Source, Members, str]:
        """The source, body and seq of an event, however written; no body if it is not whole."""
        event = skimmed(text)
        source = self._source(sources, stream, event, between)
        body = event.data.get(source.member)
        if type(body) is not dict:
            body = event.body
        if not event.is_whole and (event.metadata or len(text) > LARGE):
            source = replace(source, paint=self._bodies.large)
        seq = event.seq
        return source, body, "" if seq is None else f"#{seq}"

    def _start(self, body: Members, received_at: float) -> str:
        """The time of an event, behind a rule that names the day where a new one begins."""
        for name in TIMES:
            if name in body and type(body[name]) is str:
                written = body[name]
                break
        else:
            written = ""
        if written == self._written:
            return self._time
        reading = self._clock.read(written)
        self._written = written if reading else _UNREADABLE
        if reading is None and received_at:
            reading = self._clock.at(int(received_at))
        day, time, _ = reading or (self._day, "--:--:--", 0)
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

    def _source(
        self, sources: Recent[bytes, Source], stream: str, event: Event, between: bytes
    ) -> Source:
        """What the lines of events with this metadata share, remembered unless it is very long."""
        metadata = event.metadata
        texts = {name: member for name, member in metadata.items() if type(member) is str}
        kind = texts.get("event_type", "")
        member = BODIES.get(kind, "")
        key = between if _is_json(metadata_of(between, member)) else _compact(metadata)
        try:
            return sources[key]
        except KeyError:
            pass
        shown = kind if self._type_cells == _TYPE_CELLS else _SHORT.get(kind, kind)
        label = f"{self._faint}{self._column(shown or '?', self._type_cells)}{self._reset}"
        if self._stream_cells:
            stream_name = self._stream_names.get(stream, stream)
            label = self._column(stream_name, self._stream_cells) + label
        name = texts.get("property_name") or texts.get("display_name", "")
        alias, base_type = metadata.get("display_name"), texts.get("base_type", "")
        if not metadata.get("property_name") or alias == metadata["property_name"]:
            alias = None
        source = Source(
            label=intern(label),
            device=intern(self._device(texts.get("dsn", ""))),
            name=intern(self._column(name, self._name_cells) if name else ""),
            room=self._room - self._name_cells - 1 if name else self._room,
            member=member,
            paint=self._bodies.painter(kind),
            subject=self._subject(stream, metadata),
            base_type=intern(base_type),
            alias=self._bodies.detail(alias),
            model=self._bodies.detail(metadata.get("oem_model")),
        )
        if 0 < len(key) <= LONGEST_METADATA:
            sources[b"%b" % key] = source  # a new text: orjson's own holds a buffer of 4 KiB
        return source

    def _subject(self, stream: str, metadata: Members) -> Subject:
        name = metadata.get("property_name") or metadata.get("display_name")
        names = (stream, metadata.get("event_type") or "", metadata.get("dsn") or "", name or "")
        for name in names:
            if type(name) is not str or len(name) > LONGEST_NAME:
                return Subject()
        key = tuple(map(intern, names))
        try:
            return self._subjects[key]
        except KeyError:
            subject = self._subjects[key] = Subject()
            return subject

    def _column(self, text: str, cells: int) -> str:
        return _column(text[:LONGEST], cells, self._style.unicode)

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


@lru_cache(maxsize=1000)
def _column(text: str, cells: int, unicode: bool) -> str:
    """A column with a text, which thousands of sources may have in common."""
    return fit(visible(text, unicode=unicode), cells, unicode=unicode) + " "


def _is_json(text: bytes | None) -> bool:
    try:
        return text is not None and orjson.loads(text) is not None
    except orjson.JSONDecodeError:
        return False


def _compact(metadata: Members) -> bytes:
    """The metadata as text again, for events of an unusual layout; empty where that fails."""
    try:
        return orjson.dumps(metadata)
    except TypeError:
        return b""
