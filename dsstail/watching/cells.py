"""Text on exactly so many cells of a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from dsstail.escaping import cut, width

_TOKEN = re.compile(r"\x1b\[[0-9;]*m|[^\x1b]")

_BLOCKS, _ASCII_BLOCKS = " ▁▂▃▄▅▆▇█", " .:-=+*#%"


def age(seconds: float | None) -> str:
    """How long ago something was, on four cells at most; empty if that is not known."""
    if seconds is None:
        return ""
    whole = max(int(seconds), 0)
    for size, unit, until in ((1, "s", 100), (60, "m", 100), (3600, "h", 48), (86400, "d", 1000)):
        if whole // size < until:
            return f"{whole // size}{unit}"
    return f"{min(whole // (365 * 86400), 999)}y"


def sparkline(counts: Sequence[int], cells: int, *, unicode: bool = True) -> str:
    """The last counts, a cell each, the highest of them as a full block."""
    blocks = _BLOCKS if unicode else _ASCII_BLOCKS
    seen = counts[-cells:] if cells > 0 else []
    highest = max(seen, default=0) or 1
    full = len(blocks) - 1
    return "".join(blocks[-(-count * full // highest)] for count in seen).rjust(cells)


class Row:
    """A line that grows from the left, and ends where the terminal does."""

    def __init__(self, cells: int, *, unicode: bool = True) -> None:
        self.left = cells
        """Cells that are free."""
        self._unicode = unicode
        self._parts: list[str] = []

    def __str__(self) -> str:
        return "".join(self._parts)

    def add(
        self, text: str, cells: int | None = None, *, ink: str = "", right: bool = False
    ) -> None:
        """Add visible text on so many cells, or on as many as it takes."""
        room = self.left if cells is None else min(cells, self.left)
        text = cut(text, room, unicode=self._unicode)
        blanks = " " * (0 if cells is None else room - width(text))
        self.left -= width(text) + len(blanks)
        if text and ink:
            text = f"{ink}{text}\x1b[0m"
        self._parts.append(blanks + text if right else text + blanks)

    def space(self, cells: int = 1) -> None:
        self.add("", cells)

    def fill(self, text: str, *, ink: str = "") -> None:
        """Add text at the right end of the line."""
        if self.left > width(text):
            self.add(text, self.left, ink=ink, right=True)


def wrapped(line: str, cells: int) -> list[str]:
    """A visible line with escape sequences for colours, on as many lines as it takes."""
    lines: list[str] = []
    parts: list[str] = []
    used, ink = 0, ""
    for token in _TOKEN.findall(line):
        if token[0] == "\x1b":
            ink = "" if token == "\x1b[0m" else token
        else:
            used += width(token)
            if used > cells:
                lines.append("".join(parts))
                parts, used = [ink], width(token)
        parts.append(token)
    return [*lines, "".join(parts)]


def paragraph(text: str, cells: int) -> list[str]:
    """Visible text on as many lines as it takes, which end between words where they can."""
    lines = textwrap.wrap(text, max(cells, 1), break_on_hyphens=False)
    return [part for line in lines for part in wrapped(line, max(cells, 1))]
