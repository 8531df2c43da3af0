"""Devices on the screen, a row each."""

from __future__ import annotations

from collections import Counter

from dsstail.escaping import cut, visible, width
from dsstail.watching.browsing import Browser
from dsstail.watching.brush import Brush, Moment
from dsstail.watching.cells import Row
from dsstail.watching.devices import Device, Property

LONGEST_VALUE = 24
"""Cells of a property's name, or of its value, in a device's row."""

_DSN_CELLS = 15
"""Of a serial number at least; more where there are longer ones, and room."""

_COLUMNS = (
    ("STATE", "state", 7, 0),
    ("MODEL", "model", 14, 130),
    ("LAST", "last event", 5, 50),
    ("EVENT", "", 13, 100),
    ("EVENTS", "events", 9, 100),
    ("FAILED", "failed acks", 8, 60),
)
"""The columns between the serial number and the properties: title, the order by which it is
sorted, cells, and the columns of the screen from which on there is room for it."""

_NUMBERS = ("EVENTS", "FAILED")
"""Those that hold numbers, which end below each other."""

LEAST_TITLED = 4
"""Lines in which a rule and titles have room above the devices."""


class DeviceRows:
    """Draws devices as they are at a moment."""

    def __init__(self, brush: Brush, browser: Browser) -> None:
        self._brush = brush
        self._browser = browser
        self._ink = brush.ink
        self._unicode = brush.unicode

    def table(self, columns: int, room: int, moment: Moment, why_none: str) -> list[str]:
        """The devices as they are listed, on `room` lines at most; of none, `why_none`."""
        browser, rows, titled = self._browser, self._browser.rows, room >= LEAST_TITLED
        seen = browser.list.seen(len(rows), room - 2 if titled else room)
        told, order = self._told(), self._order(seen)
        if width(told) + width(order) + 12 > columns:
            told = ""
        rule = self._brush.rule(columns, left=told, right=order)
        lines = [rule, self._titles(columns)] if titled else []
        for number in seen:
            chosen = number == browser.list.at
            lines.append(self._row(columns, rows[number], moment, chosen=chosen))
        if not rows:
            waiting = f'no device has "{browser.needle}"' if browser.needle else why_none
            lines.append(self._brush.remark(columns, visible(waiting, unicode=self._unicode)))
        return lines

    def _told(self) -> str:
        """How many devices there are, and how they are."""
        devices = self._browser.devices
        states = Counter(device.online for device in devices.values())
        online, offline = states[True], states[False]
        told = f"{len(devices):,} device{'' if len(devices) == 1 else 's'}"
        told += f", {online:,} online, {offline:,} offline" if online or offline else ""
        return told + (f", {devices.forgotten:,} forgotten" if devices.forgotten else "")

    def _order(self, seen: range) -> str:
        """How the devices are listed, and which of them are seen."""
        browser = self._browser
        told = f"{len(browser.rows):,}"
        if browser.needle:
            told += f' with "{visible(browser.needle, unicode=self._unicode)}"'
        order = f"by {browser.order.name}{', reversed' if browser.reverse else ''}"
        if len(seen) < len(browser.rows):
            dash = "–" if self._unicode else "-"
            return f"{seen.start + 1:,}{dash}{seen.stop:,} of {told}, {order}"
        return f"{told}, {order}" if browser.needle else order

    def _dsn_cells(self, columns: int) -> int:
        return max(min(self._browser.devices.widest, columns // 5), _DSN_CELLS) + 1

    def _titles(self, columns: int) -> str:
        browser = self._browser
        row = self._brush.row(columns)
        row.space(2)
        first = ("DEVICE", "device", self._dsn_cells(columns), 0)
        for title, order, cells, least in (first, *_COLUMNS):
            if columns >= least:
                strong = order == browser.order.name
                ink = self._ink.strong if strong else self._ink.faint
                self._cell(row, title, title, cells, ink)
        before = f" after {browser.shift}" if browser.shift else ""
        row.add(f"PROPERTIES{before}", ink=self._ink.faint)
        return str(row)

    def _row(self, columns: int, device: Device, moment: Moment, *, chosen: bool) -> str:
        row = self._brush.row(columns)
        self._brush.mark(row, chosen=chosen)
        cells = self._dsn_cells(columns)
        name = self._brush.seen(device.dsn, cells - 1) or "(none)"
        color = self._brush.of_device(device.dsn)
        row.add(name, cells - 1, ink=color + (self._ink.chosen if chosen else ""))
        row.space()
        for title, _, cells, least in _COLUMNS:
            if columns < least:
                continue
            match title:
                case "STATE":
                    self._state(row, device, cells, moment)
                case "MODEL":
                    row.add(self._brush.seen(device.model, cells - 1), cells, ink=self._ink.faint)
                case "LAST":
                    row.add(moment.ago(device.heard_at), cells)
                case "EVENT":
                    kind = self._brush.seen(device.event_type, cells - 1)
                    row.add(kind, cells, ink=self._ink.faint)
                case "EVENTS":
                    self._cell(row, title, f"{device.events.total:,}", cells)
                case "FAILED":
                    failed = f"{device.failed:,}" if device.failed else ""
                    self._cell(row, title, failed, cells, self._ink.bad)
        self._properties(row, list(device.properties.values())[self._browser.shift :], moment)
        return str(row)

    def _cell(self, row: Row, title: str, text: str, cells: int, ink: str = "") -> None:
        """Text in the column of this title."""
        if title in _NUMBERS:
            row.add(text, cells - 2, ink=ink, right=True)
            row.space(2)
        else:
            row.add(text, cells, ink=ink)

    def _state(self, row: Row, device: Device, cells: int, moment: Moment) -> None:
        if device.online is None:
            row.space(cells)
            return
        sign, color = self._brush.of_state(device.online)
        row.add(sign, 2, ink=color)
        row.add(moment.ago(device.since), cells - 2)

    def _properties(self, row: Row, properties: list[Property], moment: Moment) -> None:
        """Names and values, each where it was before as long as nothing to its left is wider."""
        for number, found in enumerate(properties):
            hidden = properties[number:]
            name = cut(found.label, LONGEST_VALUE, unicode=self._unicode)
            value = cut(found.shown, LONGEST_VALUE, unicode=self._unicode)
            found.cells = max(found.cells, width(value))
            rest = len(f"  +{len(hidden) - 1}") if len(hidden) > 1 else 0
            room = row.left - width(name) - 1 - rest
            if number and room < found.cells:
                fresh = any(one.is_fresh(moment.steady) for one in hidden)
                row.add(f"+{len(hidden)}", ink=self._ink.doubt if fresh else self._ink.faint)
                return
            cells = min(found.cells, max(room, 0))
            row.add(name, ink=self._ink.faint)
            row.space()
            row.add(value, cells, ink=self._ink.fresh if found.is_fresh(moment.steady) else "")
            row.space(2)
