"""Where text is painted: the width, the colours and the characters that there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dsstail.charts.blocks import ASCII, UNICODE
from dsstail.escaping import cut, fit, visible, width
from dsstail.render import Style
from dsstail.render.ink import ink, of_device

INDENT = 2
NARROWEST = 5
"""Cells behind the columns of a table, if any."""

GAP = 2
"""Cells between two columns of a table."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: visible text, and a colour for all of it or for each cell."""

    title: str
    cells: Sequence[str]
    right: bool = True
    color: str | Sequence[str] = ""


class Canvas:
    """Makes lines of painted text."""

    def __init__(self, style: Style) -> None:
        self.width = style.width
        self.glyphs = UNICODE if style.unicode else ASCII
        self.ink = ink(style.color)
        self._unicode = style.unicode
        self._colored = style.color

    def painted(self, text: str, color: str) -> str:
        """The text in this colour; blanks have none."""
        return f"{color}{text}{self.ink.reset}" if color and text.strip() else text

    def faint(self, text: str) -> str:
        return self.painted(text, self.ink.faint)

    def shown(self, text: str, cells: int) -> str:
        """Text from outside, visible and cut."""
        return cut(visible(text, unicode=self._unicode), cells, unicode=self._unicode)

    def device_color(self, dsn: str) -> str:
        return of_device(dsn) if self._colored else ""

    def title(self, title: str, note: str = "") -> str:
        """`Acks   95.1 % of 34,000 acks tell success`."""
        line = self.painted(title, self.ink.strong)
        return f"{line}  {self.faint(note)}" if note else line

    def room(self, columns: Sequence[Column]) -> int:
        """The cells for the tails of a table with these columns, some at least."""
        return max(self._left(columns), NARROWEST)

    def _left(self, columns: Sequence[Column]) -> int:
        return self.width - INDENT - sum(map(_width, columns)) - GAP * len(columns)

    def table(
        self,
        columns: Sequence[Column],
        tails: Iterable[str] = (),
        tail_title: str = "",
        *,
        titled: bool = True,
    ) -> list[str]:
        """Rows below the titles of their columns, if there are rows at all.

        If `titled`, the first title is that of the table. Behind the columns are the `tails`,
        painted and as long as they like, unless the page is too narrow for any.
        """
        first, *others = columns
        if not first.cells:
            return []
        if titled:
            head = self.painted(fit(first.title, _width(first) + INDENT), self.ink.strong)
        else:
            head = " " * INDENT + self.faint(fit(first.title, _width(first)))
        heads = [self.faint(_aligned(c.title, _width(c), c.right)) for c in others]
        lines = [(" " * GAP).join([head, *heads, self.faint(tail_title)]).rstrip()]
        tails = list(tails) if self._left(columns) >= NARROWEST else []
        tails = tails or [""] * len(first.cells)
        for row, tail in enumerate(tails):
            cells = [self._cell(column, row) for column in columns]
            lines.append(" " * INDENT + (" " * GAP).join([*cells, tail]).rstrip())
        return lines

    def _cell(self, column: Column, row: int) -> str:
        color = column.color if isinstance(column.color, str) else column.color[row]
        return self.painted(_aligned(column.cells[row], _width(column), column.right), color)


def _width(column: Column) -> int:
    return max(map(width, (column.title, *column.cells)))


def _aligned(text: str, cells: int, right: bool) -> str:
    return " " * (cells - width(text)) + text if right else fit(text, cells)
