"""Events on the screen: the latest as the tail shows them, or one as JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from dsstail.clock import Clock
from dsstail.layout import skimmed
from dsstail.render import Style
from dsstail.render.pretty import Pretty
from dsstail.render.text import TextLines
from dsstail.watching.browsing import Browser
from dsstail.watching.brush import Brush
from dsstail.watching.cells import wrapped
from dsstail.watching.devices import MOST_EVENTS, Kept, Latest

LONGEST_JSON = 1 << 18
"""Bytes of an event that are shown as JSON."""


class EventPages:
    """Draws events; what has been drawn before is remembered."""

    def __init__(self, brush: Brush, browser: Browser) -> None:
        self._brush = brush
        self._browser = browser
        self._clock = Clock(utc=brush.style.utc)
        self._tail = _Tail(brush.style, Latest(), 0)
        self._json_of: tuple[Kept | None, int, list[str]] = (None, 0, [])

    def latest(self, columns: int, room: int) -> list[str]:
        """The events of which one is chosen, on `room` lines."""
        browser = self._browser
        if not self._tail.shows(self._brush.style, browser.kept, columns - 2):
            self._tail = _Tail(self._brush.style, browser.kept, columns - 2)
        lines = self._tail.lines()
        browser.events.at = browser.event_number
        seen = browser.events.seen(len(lines), room)
        shown = []
        for number, line in zip(seen, islice(lines, seen.start, seen.stop), strict=True):
            row = self._brush.row(min(columns, 2))
            self._brush.mark(row, chosen=number == browser.events.at)
            shown.append(f"{row}{wrapped(line, columns - 2)[0]}")
        return shown

    def head(self, columns: int) -> str:
        """How many events these are, and of which day the one that is chosen."""
        kept = self._browser.kept
        told = f"last {len(kept):,} of {kept.total:,} events"
        day = self._day(kept[self._browser.event_number]) if kept else ""
        return self._brush.rule(columns, left=told, right=day)

    def one(self, columns: int, room: int) -> list[str]:
        """The event that is chosen, as JSON on `room` lines."""
        browser, event = self._browser, self._browser.event
        assert event is not None
        number = f"event {browser.event_number + 1:,} of the last {len(browser.kept):,}"
        rule = self._brush.rule(columns, left=self._origin(event, columns // 2), right=number)
        lines = self._json(event, columns - 1)
        return [rule, *(f" {lines[at]}" for at in browser.text.seen(len(lines), room - 1))]

    def _origin(self, kept: Kept, cells: int) -> str:
        """Which device and stream an event is of, and when it came."""
        text, stream, received_at = kept
        event = skimmed(text)
        words = [event.dsn or "(none)"]
        if stream:
            words.append(stream)
        if received_at:
            words.append(f"received {self._brush.clock_time(received_at)}")
        return self._brush.seen("  ".join(words), cells)

    def _day(self, kept: Kept) -> str:
        text, _, received_at = kept
        reading = self._clock.read(skimmed(text).time)
        if reading is None and received_at:
            reading = self._clock.at(int(received_at))
        return reading[0] if reading else ""

    def _json(self, kept: Kept, columns: int) -> Sequence[str]:
        remembered, cells, lines = self._json_of
        if remembered is not kept or cells != columns:
            text, stream, received_at = kept
            shown = Pretty(self._brush.style).render([text[:LONGEST_JSON]], stream, received_at)
            told = shown.decode().splitlines()
            if len(text) > LONGEST_JSON:
                told.append(f"{len(text) - LONGEST_JSON:,} bytes more")
            lines = [part for line in told for part in wrapped(line, columns)]
            self._json_of = kept, columns, lines
        return lines


class _Tail:
    """The lines of a device's events, or of all; each is made once."""

    def __init__(self, style: Style, events: Latest, columns: int) -> None:
        self._style = style
        self._events = events
        self._columns = columns
        self._renderer = TextLines(replace(style, width=columns, fold=False))
        self._lines: deque[str] = deque(maxlen=MOST_EVENTS)
        self._total = 0

    def shows(self, style: Style, events: Latest, columns: int) -> bool:
        return self._style is style and self._events is events and self._columns == columns

    def lines(self) -> deque[str]:
        """A line for each event."""
        new = min(self._events.total - self._total, len(self._events))
        for text, stream, received_at in islice(self._events, len(self._events) - new, None):
            line = self._renderer.render([text], stream, received_at).decode()
            self._lines.append(line.removesuffix("\n").rpartition("\n")[2])
        self._total = self._events.total
        while len(self._lines) > len(self._events):
            self._lines.popleft()
        return self._lines
