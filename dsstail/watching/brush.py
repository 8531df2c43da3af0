"""What every part of the screen is drawn with: rows, rules, colours, and text from outside."""

from __future__ import annotations

import time
from dataclasses import dataclass

from dsstail.escaping import cut, visible, width
from dsstail.render import Style
from dsstail.render.ink import Ink, ink, of_device
from dsstail.watching.cells import Row, age

# Where no colour is wanted, a change and a mark still have to be seen.
_UNCOLORED = Ink(
    reset="\x1b[0m",
    faint="\x1b[2m",
    strong="\x1b[1m",
    bad="\x1b[1m",
    fresh="\x1b[7m",
    chosen="\x1b[7m",
    doubt="\x1b[1m",
)


@dataclass(frozen=True, slots=True)
class Moment:
    """The present, on two clocks: `steady` is that of what was taken, `wall` is that of events.

    Both are in seconds, `wall` since the epoch.
    """

    steady: float
    wall: float

    def ago(self, at: float | None) -> str:
        """How long ago by the clock of events, on four cells; empty if that is not known."""
        return age(None if at is None else self.wall - at)


class Brush:
    """Draws on so many cells as there are, for one style."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.unicode = style.unicode
        self.ink = ink(True) if style.color else _UNCOLORED

    def row(self, columns: int) -> Row:
        return Row(columns, unicode=self.unicode)

    def remark(self, columns: int, text: str) -> str:
        row = self.row(columns)
        row.add(f"  {text}", ink=self.ink.faint)
        return str(row)

    def rule(self, columns: int, *, left: str = "", right: str = "") -> str:
        """A line across the screen with words in it."""
        line = "─" if self.unicode else "-"
        left = f"{line * 2} {left} " if left else ""
        right = f" {right} {line * 2}" if right else ""
        row = self.row(columns)
        between = line * max(columns - width(left) - width(right), 0)
        row.add(left + between + right, ink=self.ink.faint)
        return str(row)

    def seen(self, text: str, cells: int) -> str:
        """The beginning of text from outside."""
        return cut(visible(text, unicode=self.unicode), cells, unicode=self.unicode)

    def mark(self, row: Row, *, chosen: bool) -> None:
        """The mark of the line that is chosen, or its place."""
        mark = "▸" if self.unicode else ">"
        row.add(mark if chosen else "", 2, ink=self.ink.strong)

    def clock_time(self, at: float) -> str:
        """A time in seconds since the epoch, as a watch shows it."""
        return time.strftime("%H:%M:%S", self._zone(at))

    def day(self, at: float) -> str:
        """The day of such a time."""
        return time.strftime("%Y-%m-%d", self._zone(at))

    def _zone(self, at: float) -> time.struct_time:
        return time.gmtime(at) if self.style.utc else time.localtime(at)

    def of_device(self, dsn: str) -> str:
        return of_device(dsn) if self.style.color else ""

    def of_state(self, good: bool) -> tuple[str, str]:
        """The sign of what is there or gone, and its ink."""
        signs = "●○" if self.unicode else "+-"
        return (signs[0], self.ink.good) if good else (signs[1], self.ink.bad)
