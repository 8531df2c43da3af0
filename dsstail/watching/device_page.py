"""All that is known of one device, but for its events."""

from __future__ import annotations

from dsstail.escaping import cut, width
from dsstail.watching.brush import Brush, Moment
from dsstail.watching.devices import Device, Property

WIDEST_VALUE = 40
"""Cells of a property's value at most, ..."""

STEP = 8
"""... which are a multiple of this where they fit, so that few values move what is behind them."""


class DevicePage:
    """Draws a device as it is at a moment."""

    def __init__(self, brush: Brush) -> None:
        self._brush = brush
        self._ink = brush.ink
        self._unicode = brush.unicode

    def about(self, columns: int, device: Device, moment: Moment) -> str:
        """What a device is, on one line."""
        row = self._brush.row(columns)
        row.space(2)
        name = self._brush.seen(device.dsn, 40) or "(none)"
        row.add(name, ink=self._brush.of_device(device.dsn) + self._ink.strong)
        row.add(f"  {self._brush.seen(device.model, 30)}", ink=self._ink.faint)
        row.space(2)
        if device.online is not None:
            sign, color = self._brush.of_state(device.online)
            row.add(sign, 2, ink=color)
            row.add(f"{'online' if device.online else 'offline'} for ")
            row.add(f"{moment.ago(device.since)}  ")
        if device.registered is not None:
            row.add("registered  " if device.registered else "unregistered  ")
        row.add(device.place)
        return str(row)

    def properties(
        self, columns: int, room: int, properties: list[Property], moment: Moment
    ) -> list[str]:
        """A row for each property, on `room` lines and one at most."""
        longest = max(width(one.label) for one in properties)
        name = min(max(longest, len("PROPERTY")) + 2, columns // 3)
        rest = min(columns - 2 - name - 9 - 12, 2 * WIDEST_VALUE)
        widest = max(
            width(text) for one in properties for text in (one.shown, one.before, "BEFORE")
        )
        value = min(-(-widest // STEP) * STEP, rest - rest // 2 - 2)
        before = min(value, rest // 2 - 2)
        titles = ("PROPERTY", name), ("VALUE", value + 2), ("BEFORE", before + 2)
        head = self._brush.row(columns)
        head.space(2)
        for title, cells in (*titles, ("CHANGED", 9), ("ACK", 12)):
            head.add(title, cells, ink=self._ink.faint)
        lines = [str(head)]
        for number, found in enumerate(properties):
            if number == room - 1 and len(properties) > room:
                lines.append(self._brush.remark(columns, f"and {len(properties) - number} more"))
                break
            row = self._brush.row(columns)
            row.space(2)
            row.add(cut(found.label, name - 2, unicode=self._unicode), name)
            shown = cut(found.shown, value, unicode=self._unicode)
            row.add(shown, ink=self._ink.fresh if found.is_fresh(moment.steady) else "")
            row.space(value + 2 - width(shown))
            row.add(
                cut(found.before, before, unicode=self._unicode), before + 2, ink=self._ink.faint
            )
            row.add(moment.ago(found.changed_at), 9)
            if found.acknowledged is not None:
                success, status = found.acknowledged
                signs = ("✓", "✗") if self._unicode else ("ok", "x")
                color = self._ink.good if success else self._ink.bad
                row.add(f"{signs[not success]} {status}", 12, ink=color)
            lines.append(str(row))
        return lines
