"""The full-screen view as lines of text: what is known, and where the person is, on paper."""

from __future__ import annotations

from dataclasses import dataclass

from dsstail.escaping import cut, visible, width
from dsstail.watching.browsing import Browser, View
from dsstail.watching.brush import Brush, Moment
from dsstail.watching.cells import paragraph
from dsstail.watching.device_page import DevicePage
from dsstail.watching.device_rows import DeviceRows
from dsstail.watching.event_pages import EventPages
from dsstail.watching.help_page import HelpPage
from dsstail.watching.log import Log, Message
from dsstail.watching.stream_rows import StreamRows
from dsstail.watching.streams import ENDED, Streams

_HINTS = {
    View.DEVICES: "Enter device   Tab events   / find   s order   m messages",
    View.EVENTS: "Enter JSON   Tab streams   m messages",
    View.STREAMS: "Tab devices   m messages",
    View.DEVICE: "Esc back   Enter JSON   m messages",
    View.EVENT: "Esc back   ← older   → newer   m messages",
    View.MESSAGES: "Esc back   ↑ ↓ scroll",
    View.HELP: "Esc back   ↑ ↓ scroll",
}

LEAST_BESIDE = 6
"""Lines in which streams have room above devices or events; else Tab leads to them."""

LEAST_DATED = 60
"""Columns where there is room for a day, too."""

_TIME_CELLS = len("00:00:00 ")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched: a host or recordings, and the filters that hide events, if any."""

    title: str
    filters: str = ""


class Painter:
    """Draws the view that the person is in, for a terminal of any size."""

    def __init__(
        self,
        brush: Brush,
        subject: Subject,
        browser: Browser,
        streams: Streams,
        log: Log,
        *,
        past: bool = False,
    ) -> None:
        """What is `past` is of another day, which is told with the time."""
        self._brush = brush
        self._browser = browser
        self._streams = streams
        self._log = log
        self._ink = brush.ink
        self._unicode = brush.unicode
        self._title = visible(subject.title, unicode=brush.unicode)
        self._filters = visible(subject.filters, unicode=brush.unicode)
        self._past = past
        self._stream_rows = StreamRows(brush)
        self._device_rows = DeviceRows(brush, browser)
        self._device_page = DevicePage(brush)
        self._event_pages = EventPages(brush, browser)
        self._help_page = HelpPage(brush)

    def screen(self, columns: int, rows: int, moment: Moment) -> list[str]:
        """The lines of the screen, `rows` at most."""
        head = [self._heading(columns, moment)]
        foot = [self._message(columns), self._hints(columns)]
        room = max(rows - len(head) - len(foot), 1)
        body: list[str] = []
        if self._browser.view in (View.DEVICES, View.EVENTS) and room >= LEAST_BESIDE:
            most = max(room // 3, 2)
            body += self._stream_rows.panel(columns, most, self._streams, moment.steady)
        body += self._view(columns, room - len(body), moment)
        body = body[:room]
        return [*head, *body, *[""] * (room - len(body)), *foot][-rows:]

    def _view(self, columns: int, room: int, moment: Moment) -> list[str]:
        match self._browser.view:
            case View.DEVICES:
                return self._device_rows.table(columns, room, moment, self._why_none())
            case View.EVENTS:
                rule = self._event_pages.head(columns)
                return [rule, *self._event_pages.latest(columns, room - 1)]
            case View.STREAMS:
                head, *lines = self._stream_rows.page(columns, self._streams, moment.steady)
                return [head, *self._read(lines, room - 1)]
            case View.DEVICE:
                return self._device(columns, room, moment)
            case View.EVENT:
                return self._event_pages.one(columns, room)
            case View.MESSAGES:
                rule = self._brush.rule(columns, left="messages")
                lines = [line for one in self._log for line in self._whole(columns, one)]
                return [rule, *self._read(lines, room - 1)]
            case View.HELP:
                rule = self._brush.rule(columns, left="help")
                lines = self._help_page.lines(columns, self._browser.views[-2])
                return [rule, *self._read(lines, room - 1)]

    def _why_none(self) -> str:
        """Why there is no device."""
        streams = self._streams.values()
        came = sum(stream.events for stream in streams)
        if came:
            return f"0 of {came:,} events pass the filters"
        if any(stream.state != ENDED for stream in streams) or not streams:
            return "no event yet"
        return "no event passes the filters" if self._filters else "no event"

    def _read(self, lines: list[str], room: int) -> list[str]:
        """As many of the lines as there is room for, from where the person has scrolled to."""
        return [lines[number] for number in self._browser.text.seen(len(lines), room)]

    def _device(self, columns: int, room: int, moment: Moment) -> list[str]:
        device = self._browser.device
        assert device is not None
        lines = [self._device_page.about(columns, device, moment)]
        if shown := list(device.properties.values())[self._browser.shift :]:
            most = max((room - 5) // 2, 1)
            lines += ["", *self._device_page.properties(columns, most, shown, moment)]
        lines += ["", self._event_pages.head(columns)]
        return lines + self._event_pages.latest(columns, room - len(lines))

    # Head and foot

    def _heading(self, columns: int, moment: Moment) -> str:
        row = self._brush.row(columns)
        row.add(" dsstail watch ", ink=self._ink.chosen)
        clock = f"{self._clock(columns, moment)} "
        room = row.left - len(clock) - 1
        title = cut(f" {self._title}", room, unicode=self._unicode)
        row.add(title)
        filters = f"  {self._filters}" if self._filters else ""
        row.add(cut(filters, room - width(title), unicode=self._unicode), ink=self._ink.doubt)
        row.fill(clock, ink=self._ink.faint)
        return str(row)

    def _clock(self, columns: int, moment: Moment) -> str:
        """The time; of a recording, where there is room, with its day, and none before an event."""
        if self._past and not moment.wall:
            return ""
        time = self._brush.clock_time(moment.wall)
        dated = self._past and columns >= LEAST_DATED
        zone = " UTC" if self._brush.style.utc else ""
        return f"{self._brush.day(moment.wall)} {time}{zone}" if dated else f"{time}{zone}"

    def _message(self, columns: int) -> str:
        row, browser, log = self._brush.row(columns), self._browser, self._log
        if browser.typing:
            row.add(f" / {visible(browser.needle, unicode=self._unicode)}", ink=self._ink.strong)
            row.add(" ", ink=self._ink.chosen)
        elif log and browser.view != View.MESSAGES:
            unseen = f"  m: {log.unseen} unread " if log.unseen > 1 else ""
            told = cut(log[-1].text, columns - 2 - _TIME_CELLS - len(unseen), unicode=self._unicode)
            row.add(f" {log[-1].at} ", ink=self._ink.faint)
            row.add(told, ink=self._ink_of(log[-1]))
            row.fill(unseen, ink=self._ink.bad)
        return str(row)

    def _hints(self, columns: int) -> str:
        """What keys do here, as many of them as there is room for."""
        hints = f"? help   q quit   {_HINTS[self._browser.view]}"
        if self._browser.typing:
            hints = "Enter keep   Esc all again"
        row = self._brush.row(columns)
        before = " "
        for hint in self._help_page.named(hints).split("   "):
            if row.left < width(before + hint):
                break
            row.add(before + hint, ink=self._ink.faint)
            before = "   "
        return str(row)

    # What is only read

    def _whole(self, columns: int, message: Message) -> list[str]:
        """A message on as many lines as it takes."""
        lines: list[str] = []
        for part in paragraph(message.text, columns - 1 - _TIME_CELLS):
            row = self._brush.row(columns)
            row.add(f" {'' if lines else message.at}", 1 + _TIME_CELLS, ink=self._ink.faint)
            row.add(part, ink=self._ink_of(message))
            lines.append(str(row))
        return lines

    def _ink_of(self, message: Message) -> str:
        return self._ink.bad if message.bad else self._ink.faint
