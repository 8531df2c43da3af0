"""Streams on the screen: a row each, above whatever else is looked at or all for themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dsstail.escaping import cut_apart, visible, width
from dsstail.watching.brush import Brush
from dsstail.watching.cells import Row, age, sparkline
from dsstail.watching.streams import (
    ENDED,
    LIVE,
    LOST,
    READING,
    SECONDS,
    SLOW,
    WAITING,
    Streams,
    StreamState,
)
from dsstail.wording import rate

PACE_SECONDS = 5
"""Seconds over which the events a second are taken."""

OVERDUE = 45
"""Seconds after which the next heartbeat should have come: the service sends one every 30."""

SHORTEST_SPARKLINE = 4

_SIGNS = {LIVE: "●", READING: "●", LOST: "○", SLOW: "◐", WAITING: "◌", ENDED: "■"}
_ASCII_SIGNS = {LIVE: "+", READING: "+", LOST: "-", SLOW: "~", WAITING: ".", ENDED: "="}

_NUMBERS = (
    ("BEATS", 9, 72),
    ("SEQ", 10, 64),
    ("RECONN", 7, 80),
    ("LOST", 6, 56),
    ("BAD", 5, 80),
    ("RESETS", 7, 100),
)
"""The columns behind the sparkline: title, cells, and the columns of the screen from which on."""

_BEFORE = 2 + 1 + 8 + 10 + 7 + 1
"""Cells before the sparkline, but for the name."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """The names as they fit, their cells and those of the sparkline, the numbers that fit."""

    names: dict[str, str]
    name: int
    spark: int
    numbers: list[tuple[str, int]]


class StreamRows:
    """Draws streams; `now` is the time by the clock of what was taken, in seconds."""

    def __init__(self, brush: Brush) -> None:
        self._brush = brush
        self._ink = brush.ink

    def panel(self, columns: int, room: int, streams: Streams, now: float) -> list[str]:
        """A row each, on `room` lines, two at least; if they do not fit, those in trouble first."""
        shown, rest = list(streams.values()), []
        if len(shown) >= room:
            shown.sort(key=lambda stream: not stream.troubled)
            shown, rest = shown[: room - 2], shown[room - 2 :]
        shape = self._shape(columns, streams)
        lines = [self._titles(columns, shape)]
        lines += [self._row(columns, shape, stream, now) for stream in shown]
        if rest:
            states = Counter(stream.state for stream in rest)
            told = ", ".join(f"{count} {state}" for state, count in states.items())
            lines.append(self._brush.remark(columns, f"{len(rest)} more: {told}"))
        return lines

    def page(self, columns: int, streams: Streams, now: float) -> list[str]:
        """All of each, on two lines; before them the titles."""
        shape = self._shape(columns, streams)
        lines = [self._titles(columns, shape)]
        for stream in streams.values():
            told = f"{stream.state} for {age(now - stream.since)}"
            if stream.troubled:
                told += f"; {self._trouble(stream, now)}"
            elif stream.trouble:
                told += f"; {age(now - stream.trouble_at)} ago: {stream.trouble}"
            told = self._brush.seen(told, columns)
            lines += [
                self._row(columns, shape, stream, now, numbers=True),
                self._brush.remark(columns, told),
            ]
        return lines

    def _titles(self, columns: int, shape: _Shape) -> str:
        head = self._brush.row(columns)
        head.add("  STREAM", 2 + shape.name + 1 + 8, ink=self._ink.faint)
        head.add("EVENTS", 10, ink=self._ink.faint, right=True)
        head.add("/S", 7, ink=self._ink.faint, right=True)
        head.space(1 + shape.spark)
        for title, cells in shape.numbers:
            head.add(title, cells, ink=self._ink.faint, right=True)
        return str(head)

    def _shape(self, columns: int, streams: Streams) -> _Shape:
        names = {self._name(stream) for stream in streams.values()}
        longest = max(map(width, names), default=0)
        name = max(min(longest, max(columns // 6, 10)), len("STREAM"))
        shown = cut_apart(names, name, unicode=self._brush.unicode)
        numbers = [(title, cells) for title, cells, least in _NUMBERS if columns >= least]
        spark = min(columns - _BEFORE - name - sum(cells for _, cells in numbers), SECONDS - 1)
        return _Shape(shown, name, spark if spark >= SHORTEST_SPARKLINE else 0, numbers)

    def _name(self, stream: StreamState) -> str:
        return visible(stream.name, unicode=self._brush.unicode) or "recording"

    def _row(
        self,
        columns: int,
        shape: _Shape,
        stream: StreamState,
        now: float,
        *,
        numbers: bool = False,
    ) -> str:
        """What there is to know of a stream; of one in trouble that first, unless `numbers`."""
        row = self._brush.row(columns)
        signs = _SIGNS if self._brush.unicode else _ASCII_SIGNS
        color = {LIVE: self._ink.good, READING: self._ink.good}.get(stream.state, self._ink.faint)
        color = self._ink.bad if stream.troubled else color
        row.add(signs.get(stream.state, "✗" if self._brush.unicode else "x"), 2, ink=color)
        row.add(shape.names[self._name(stream)], shape.name)
        row.space()
        row.add(stream.state, 8, ink=color)
        row.add(f"{stream.events:,}", 10, right=True)
        if stream.troubled and not numbers:
            row.space(2)
            row.add(self._trouble(stream, now), ink=self._ink.bad)
            return str(row)
        each = stream.pace.each(now)
        row.add(_rate(each), 7, right=True)
        row.space()
        spark = sparkline(each, shape.spark, unicode=self._brush.unicode)
        row.add(spark, shape.spark, ink=self._ink.number)
        for title, cells in shape.numbers:
            self._number(row, stream, title, cells, now)
        return str(row)

    def _number(self, row: Row, stream: StreamState, title: str, cells: int, now: float) -> None:
        told = color = ""
        match title:
            case "BEATS" if stream.heartbeats:
                ago = None if stream.heartbeat_at is None else now - stream.heartbeat_at
                told = f"{stream.heartbeats} {age(ago):>4}"
                color = self._ink.doubt if ago is not None and ago > OVERDUE else ""
            case "SEQ" if stream.last is not None:
                told = f"#{stream.last}"
            case "RECONN" | "LOST" | "RESETS" if stream.missing is None:
                pass  # a recording is not checked
            case "RECONN":
                told = f"{stream.reconnects}"
            case "LOST" | "BAD" | "RESETS":
                faults = {"LOST": stream.missing, "BAD": stream.malformed, "RESETS": stream.resets}
                told = f"{faults[title]}"
                color = self._ink.bad if faults[title] else ""
        row.add(told, cells, right=True, ink=color)

    def _trouble(self, stream: StreamState, now: float) -> str:
        trouble = visible(stream.trouble, unicode=self._brush.unicode)
        if stream.retry_at is None:
            return trouble
        left = stream.retry_at - now
        return f"{f'retry in {age(left)}' if left > 0 else 'retrying'}: {trouble}"


def _rate(each: list[int]) -> str:
    """Events a second, from the counts of the last seconds."""
    recent = each[-PACE_SECONDS:]
    return rate(sum(recent) / max(len(recent), 1))
