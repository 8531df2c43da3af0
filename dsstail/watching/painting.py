"""The full-screen view as lines of text: what is known, and where the person is, on paper."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dsstail.escaping import cut, visible, width
from dsstail.render import Style
from dsstail.render.ink import ink, of_device
from dsstail.render.pretty import Pretty
from dsstail.render.text import TextLines
from dsstail.watching.browsing import (
    DEVICE,
    DEVICES,
    EVENT,
    EVERYWHERE,
    HELP,
    KEYS,
    MESSAGES,
    Browser,
)
from dsstail.watching.cells import Row, age, sparkline, wrapped
from dsstail.watching.devices import Device, Devices, Kept, Property
from dsstail.watching.streams import ENDED, LIVE, LOST, SLOW, WAITING, Streams, StreamState

FRESH = 1.5
"""Seconds that a change is highlighted."""

PACE_SECONDS = 5
"""Seconds over which the events a second are taken."""

LONGEST_VALUE = 24
"""Cells of a property's value in a device's row."""

WIDEST_VALUE = 40
"""The same where a device has the screen for itself."""

LONGEST_JSON = 1 << 18
"""Bytes of an event that are shown as JSON."""

_SIGNS = {LIVE: "●", LOST: "○", SLOW: "◐", WAITING: "◌", ENDED: "■"}
_ASCII_SIGNS = {LIVE: "+", LOST: "-", SLOW: "~", WAITING: ".", ENDED: "x"}


@dataclass(frozen=True, slots=True)
class Moment:
    """The present, on two clocks: `steady` is that of what was taken, `wall` is that of events.

    Both are in seconds, `wall` since the epoch.
    """

    steady: float
    wall: float


class Painter:
    """Draws the view that the person is in, for a terminal of any size."""

    def __init__(self, style: Style, title: str) -> None:
        """`style` as for lines of text; `title` says what is watched."""
        self._style = style
        self._title = visible(title, unicode=style.unicode)
        self._ink = ink(style.color)
        self._unicode = style.unicode
        self._signs = _SIGNS if style.unicode else _ASCII_SIGNS
        self._lines_of: tuple[object, list[str]] = (None, [])

    def screen(
        self,
        columns: int,
        rows: int,
        browser: Browser,
        listed: list[Device],
        devices: Devices,
        streams: Streams,
        messages: Sequence[str],
        moment: Moment,
    ) -> list[str]:
        """The lines of the screen, `rows` at most; `listed` are the devices as they are listed."""
        head = [self._heading(columns, devices, moment)]
        foot = [self._message(columns, browser, messages), self._hints(columns, browser)]
        room = max(rows - len(head) - len(foot), 1)
        match browser.view:
            case "devices":
                body = self._streams(columns, max(room // 3, 1), streams, moment)
                body += self._devices(columns, room - len(body), browser, listed, moment)
            case "device":
                body = self._device(columns, room, browser, moment)
            case "event":
                body = self._event(columns, room, browser)
            case "messages":
                body = self._messages(columns, room, browser, messages)
            case _:
                body = self._help(columns, browser.views[-2])
        body = body[:room]
        return [*head, *body, *[""] * (room - len(body)), *foot][-rows:]

    def _row(self, columns: int) -> Row:
        return Row(columns, unicode=self._unicode)

    def _remark(self, columns: int, text: str) -> str:
        row = self._row(columns)
        row.add(f"  {text}", ink=self._ink.faint)
        return str(row)

    def _heading(self, columns: int, devices: Devices, moment: Moment) -> str:
        row = self._row(columns)
        row.add(" dsstail watch ", ink=self._ink.chosen)
        row.add(f" {self._title}")
        online = sum(device.online is True for device in devices.values())
        offline = sum(device.online is False for device in devices.values())
        told = f"   {len(devices)} device{'' if len(devices) == 1 else 's'}"
        told += f", {online} online, {offline} offline" if online or offline else ""
        told += f", {devices.forgotten} forgotten" if devices.forgotten else ""
        row.add(told, ink=self._ink.faint)
        zone = time.gmtime if self._style.utc else time.localtime
        utc = " UTC" if self._style.utc else ""
        row.fill(f"{time.strftime('%H:%M:%S', zone(moment.wall))}{utc} ", ink=self._ink.faint)
        return str(row)

    # Streams

    def _streams(self, columns: int, room: int, streams: Streams, moment: Moment) -> list[str]:
        spark = max(min(columns - 72, 60), 8)
        head = self._row(columns)
        for title, cells, right in (
            ("  STREAM", 13, False),
            ("", 7, False),
            ("EVENTS", 10, True),
            ("/S", 7, True),
            ("", spark + 1, False),
            ("BEATS", 9, True),
            ("SEQ", 10, True),
            ("BACK", 5, True),
            ("LOST", 5, True),
        ):
            head.add(title, cells, ink=self._ink.faint, right=right)
        lines = [str(head)]
        shown = list(streams.values())[: max(room - 1, 1)]
        lines += [self._stream(columns, spark, stream, moment) for stream in shown]
        if len(shown) < len(streams):
            rest = len(streams) - len(shown)
            lines[-1] = self._remark(columns, f"and {rest + 1} more streams")
        return lines

    def _stream(self, columns: int, spark: int, stream: StreamState, moment: Moment) -> str:
        row = self._row(columns)
        color = {LIVE: self._ink.good, LOST: self._ink.bad, SLOW: self._ink.bad}
        row.add(self._signs[stream.state], 2, ink=color.get(stream.state, ""))
        name = visible(stream.name, unicode=self._unicode) or "recording"
        row.add(name, 10)
        row.space()
        row.add(stream.state, 7, ink=color.get(stream.state, self._ink.faint))
        row.add(f"{stream.events:,}", 10, right=True)
        each = stream.pace.each(moment.steady)
        recent = each[-PACE_SECONDS:]
        row.add(f"{sum(recent) / len(recent):.0f}" if recent else "", 7, right=True)
        row.space()
        row.add(sparkline(each, spark, unicode=self._unicode), spark, ink=self._ink.number)
        since = stream.heartbeat_at
        beat = age(None if since is None else moment.steady - since)
        row.add(f"{stream.heartbeats} {beat:>4}" if stream.heartbeats else "", 9, right=True)
        row.add("" if stream.last is None else f"#{stream.last}", 10, right=True)
        row.add(f"{stream.reconnects}", 5, right=True)
        lost = "" if stream.missing is None else f"{stream.missing}"
        row.add(lost, 5, right=True, ink=self._ink.bad if stream.missing else "")
        return str(row)

    # Devices

    def _devices(
        self, columns: int, room: int, browser: Browser, listed: list[Device], moment: Moment
    ) -> list[str]:
        seen = browser.list.seen(len(listed), room - 2)
        browser.choose()
        rule = self._rule(columns, right=self._order(browser, len(listed)))
        lines = [rule, self._titles(columns, browser)]
        for number in seen:
            chosen = number == browser.list.at
            lines.append(self._device_row(columns, listed[number], browser, moment, chosen=chosen))
        if not listed:
            waiting = f'no device has "{browser.needle}"' if browser.needle else "no event yet"
            lines.append(self._remark(columns, visible(waiting, unicode=self._unicode)))
        return lines

    def _order(self, browser: Browser, count: int) -> str:
        told = f"by {browser.order.name}{', reversed' if browser.reverse else ''}"
        if browser.needle:
            told = f'{count} with "{visible(browser.needle, unicode=self._unicode)}", {told}'
        return told

    def _rule(self, columns: int, *, left: str = "", right: str = "") -> str:
        """A line across the screen with words in it."""
        line = "─" if self._unicode else "-"
        left = f"{line * 2} {left} " if left else ""
        right = f" {right} {line * 2}" if right else ""
        row = self._row(columns)
        between = line * max(columns - width(left) - width(right), 0)
        row.add(left + between + right, ink=self._ink.faint)
        return str(row)

    def _columns(self, columns: int) -> list[tuple[str, str, int]]:
        """The columns before the properties: title, order by which it is sorted, cells."""
        shown = [("DEVICE", "device", 16), ("STATE", "state", 7)]
        if columns >= 130:
            shown.append(("MODEL", "model", 14))
        shown.append(("LAST", "last event", 5))
        if columns >= 100:
            shown += [("EVENT", "", 13), ("EVENTS", "events", 9)]
        shown.append(("FAILED", "failed acks", 7))
        return shown

    def _titles(self, columns: int, browser: Browser) -> str:
        row = self._row(columns)
        row.space(2)
        for title, order, cells in self._columns(columns):
            strong = order == browser.order.name
            row.add(title, cells, ink=self._ink.strong if strong else self._ink.faint)
        row.add("PROPERTIES", ink=self._ink.faint)
        return str(row)

    def _device_row(
        self, columns: int, device: Device, browser: Browser, moment: Moment, *, chosen: bool
    ) -> str:
        row = self._row(columns)
        self._mark(row, chosen=chosen)
        for title, _, cells in self._columns(columns):
            match title:
                case "DEVICE":
                    self._name(row, device, cells, chosen=chosen)
                case "STATE":
                    self._state(row, device, cells, moment)
                case "MODEL":
                    row.add(self._seen(device.model, cells - 1), cells, ink=self._ink.faint)
                case "LAST":
                    row.add(self._ago(device.heard_at, moment), cells)
                case "EVENT":
                    row.add(self._seen(device.event_type, cells - 1), cells, ink=self._ink.faint)
                case "EVENTS":
                    row.add(f"{device.event_count}", cells)
                case "FAILED":
                    failed = f"{device.failed}" if device.failed else ""
                    row.add(failed, cells, ink=self._ink.bad)
        self._properties(row, list(device.properties.values())[browser.shift :], moment)
        return str(row)

    def _mark(self, row: Row, *, chosen: bool) -> None:
        mark = "▸" if self._unicode else ">"
        row.add(mark if chosen else "", 2, ink=self._ink.strong)

    def _name(self, row: Row, device: Device, cells: int, *, chosen: bool) -> None:
        color = of_device(device.dsn) if self._style.color else ""
        color += self._ink.chosen if chosen else ""
        name = self._seen(device.dsn, cells - 1) or "(none)"
        row.add(name, cells - 1, ink=color)
        row.space()

    def _state(self, row: Row, device: Device, cells: int, moment: Moment) -> None:
        if device.online is None:
            row.space(cells)
            return
        color = self._ink.good if device.online else self._ink.bad
        row.add(self._signs[LIVE if device.online else LOST], 2, ink=color)
        row.add(self._ago(device.since, moment), cells - 2)

    def _properties(self, row: Row, properties: list[Property], moment: Moment) -> None:
        """Names and values, each where it was before as long as nothing to its left is wider."""
        for number, found in enumerate(properties):
            value = cut(found.shown, LONGEST_VALUE, unicode=self._unicode)
            found.cells = max(found.cells, width(value))
            cells = width(found.label) + 1 + found.cells
            if number and row.left < cells:
                row.add(f"+{len(properties) - number}", ink=self._ink.faint)
                return
            row.add(found.label, ink=self._ink.faint)
            row.space()
            row.add(value, ink=self._ink.fresh if self._is_fresh(found, moment) else "")
            row.space(found.cells - width(value) + 2)

    # A device

    def _device(self, columns: int, room: int, browser: Browser, moment: Moment) -> list[str]:
        device = browser.device
        assert device is not None
        properties = list(device.properties.values())
        browser.shift = min(browser.shift, max(len(properties) - 1, 0))
        properties = properties[browser.shift :]
        most = max((room - 5) // 2, 1)
        lines = [self._about(columns, device, moment)]
        if properties:
            lines += ["", *self._table(columns, properties, most, moment)]
        told = f"last {len(device.events)} of {device.event_count} events"
        lines += ["", self._rule(columns, left=told)]
        return lines + self._events(columns, room - len(lines), browser, device)

    def _about(self, columns: int, device: Device, moment: Moment) -> str:
        row = self._row(columns)
        row.space(2)
        row.add(
            self._seen(device.dsn, 40) or "(none)",
            ink=(of_device(device.dsn) if self._style.color else "") + self._ink.strong,
        )
        row.add(f"  {self._seen(device.model, 30)}", ink=self._ink.faint)
        row.space(2)
        if device.online is not None:
            color = self._ink.good if device.online else self._ink.bad
            row.add(self._signs[LIVE if device.online else LOST], 2, ink=color)
            row.add(f"{'online' if device.online else 'offline'} for ")
            row.add(f"{self._ago(device.since, moment)}  ")
        if device.registered is not None:
            row.add("registered  " if device.registered else "unregistered  ")
        row.add(device.place)
        return str(row)

    def _table(
        self, columns: int, properties: list[Property], most: int, moment: Moment
    ) -> list[str]:
        longest = max(width(one.label) for one in properties)
        name = min(max(longest, len("PROPERTY")) + 2, columns // 3)
        rest = min(columns - 2 - name - 9 - 12, 2 * WIDEST_VALUE)
        value, before = rest - rest // 2 - 2, rest // 2 - 2
        titles = ("PROPERTY", name), ("VALUE", value + 2), ("BEFORE", before + 2)
        head = self._row(columns)
        head.space(2)
        for title, cells in (*titles, ("CHANGED", 9), ("ACK", 12)):
            head.add(title, cells, ink=self._ink.faint)
        lines = [str(head)]
        for number, found in enumerate(properties):
            if number == most - 1 and len(properties) > most:
                rest = len(properties) - number
                lines.append(self._remark(columns, f"and {rest} more"))
                break
            row = self._row(columns)
            row.space(2)
            row.add(cut(found.label, name - 2, unicode=self._unicode), name)
            shown = cut(found.shown, value, unicode=self._unicode)
            row.add(shown, ink=self._ink.fresh if self._is_fresh(found, moment) else "")
            row.space(value + 2 - width(shown))
            row.add(
                cut(found.before, before, unicode=self._unicode), before + 2, ink=self._ink.faint
            )
            row.add(self._ago(found.changed_at, moment), 9)
            if found.acknowledged is not None:
                success, status = found.acknowledged
                signs = ("✓", "✗") if self._unicode else ("ok", "x")
                sign = signs[0] if success else signs[1]
                row.add(f"{sign} {status}", 12, ink=self._ink.good if success else self._ink.bad)
            lines.append(str(row))
        return lines

    def _events(self, columns: int, room: int, browser: Browser, device: Device) -> list[str]:
        lines = self._lines(columns - 2, device)
        browser.events.at = browser.event_number
        seen = browser.events.seen(len(lines), room)
        shown = []
        for number in seen:
            row = self._row(2)
            self._mark(row, chosen=number == browser.events.at)
            shown.append(f"{row}{wrapped(lines[number], columns - 2)[0]}")
        return shown

    def _lines(self, columns: int, device: Device) -> list[str]:
        """The device's events as the tail shows them."""
        newest = device.events[-1] if device.events else None
        about = (device.dsn, device.event_count, id(newest), columns)
        if self._lines_of[0] != about:
            renderer = TextLines(replace(self._style, width=columns))
            lines = []
            for text, stream, received_at in device.events:
                line = renderer.render([text], stream, received_at).decode()
                lines.append(line.removesuffix("\n").rpartition("\n")[2])
            self._lines_of = about, lines
        return self._lines_of[1]

    # An event

    def _event(self, columns: int, room: int, browser: Browser) -> list[str]:
        event, device = browser.event, browser.device
        assert event is not None
        assert device is not None
        told = f"event {browser.event_number + 1} of the last {len(device.events)}"
        lines = [f" {line}" for line in self._json(event, columns - 1)]
        name = self._seen(device.dsn, columns // 2)
        return [self._rule(columns, left=name, right=told), *self._text(browser, lines, room - 1)]

    def _json(self, event: Kept, columns: int) -> list[str]:
        about = (id(event[0]), columns)
        if self._lines_of[0] != about:
            text, stream, received_at = event
            whole = len(text) <= LONGEST_JSON
            shown = Pretty(self._style).render([text[:LONGEST_JSON]], stream, received_at)
            lines = shown.decode().splitlines()
            if not whole:
                lines.append(f"… {len(text) - LONGEST_JSON:,} bytes more")
            self._lines_of = about, [part for line in lines for part in wrapped(line, columns)]
        return self._lines_of[1]

    def _text(self, browser: Browser, lines: Sequence[str], room: int) -> list[str]:
        return [lines[number] for number in browser.text.seen(len(lines), room)]

    # The rest

    def _messages(
        self, columns: int, room: int, browser: Browser, messages: Sequence[str]
    ) -> list[str]:
        lines = [self._told(part) for one in messages for part in wrapped(one, columns - 1)]
        return [self._rule(columns, left="messages"), *self._text(browser, lines, room - 1)]

    def _help(self, columns: int, view: str) -> list[str]:
        """What keys do in a view."""
        lines = [self._rule(columns, left="keys")]
        for keys in (KEYS[view], EVERYWHERE):
            lines.append("")
            for key, what in keys.items():
                row = self._row(columns)
                row.space(2)
                row.add(key if self._unicode else key.translate(_ASCII_KEYS), 18)
                row.add(what)
                lines.append(str(row))
        return lines

    def _message(self, columns: int, browser: Browser, messages: Sequence[str]) -> str:
        row = self._row(columns)
        if browser.typing:
            row.add(f" / {visible(browser.needle, unicode=self._unicode)}", ink=self._ink.strong)
            row.add(" ", ink=self._ink.chosen)
        elif messages:
            return self._told(cut(messages[-1], columns - 1, unicode=self._unicode))
        return str(row)

    def _told(self, message: str) -> str:
        """A message, or a part of it, with what is bad in it standing out."""
        bad = _BAD.match(message)
        if bad is None:
            return f" {self._ink.faint}{message}{self._ink.reset}"
        time, rest = message[: bad.start(1)], message[bad.start(1) :]
        return f" {self._ink.faint}{time}{self._ink.reset}{self._ink.bad}{rest}{self._ink.reset}"

    def _hints(self, columns: int, browser: Browser) -> str:
        hints = {
            DEVICES: "Enter device   s order   / find   m messages   ? help   q quit",
            DEVICE: "Enter JSON   Esc back   m messages   ? help   q quit",
            EVENT: "← older   → newer   Esc back   ? help   q quit",
            MESSAGES: "Esc back   ? help   q quit",
            HELP: "any key: back",
        }
        hint = "Enter keep   Esc all again" if browser.typing else hints[browser.view]
        row = self._row(columns)
        row.add(f" {hint if self._unicode else hint.translate(_ASCII_KEYS)}", ink=self._ink.faint)
        return str(row)

    def _is_fresh(self, found: Property, moment: Moment) -> bool:
        return bool(found.before) and moment.steady - found.noted_at < FRESH

    def _ago(self, at: float | None, moment: Moment) -> str:
        return age(None if at is None else moment.wall - at)

    def _seen(self, text: str, cells: int) -> str:
        return cut(visible(text, unicode=self._unicode), cells, unicode=self._unicode)


_BAD = re.compile(r"[0-9:]+ ((?:warning|error): )")
_ASCII_KEYS = {ord("↑"): "up", ord("↓"): "down", ord("←"): "left", ord("→"): "right"}
