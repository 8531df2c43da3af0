"""Bars and curves from characters: an eighth of a cell is the finest step, in ASCII a whole one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters to draw with; those in a row fill a cell more and more."""

    rising: str
    """From the bottom; the first one is empty."""
    low: str
    """The same for curves that are one cell high, with a gap to what is above."""
    line: str
    """A cell of a bar, ..."""
    half: str
    """... and the first half of one."""
    partly: str
    """A cell of a bar that has gaps, ..."""
    away: str
    """... and one that is not there."""
    wall: str
    mark: str
    corner: str
    floor: str
    tick: str


UNICODE = Glyphs(
    rising=" ▁▂▃▄▅▆▇█",
    low=" ▁▂▃▄▅▆▇",
    line="━",
    half="╸",
    partly="╌",
    away="·",
    wall="│",
    mark="┤",
    corner="└",
    floor="─",
    tick="┬",
)
ASCII = Glyphs(
    rising=" .:#",
    low=" .:#",
    line="=",
    half="-",
    partly="-",
    away=".",
    wall="|",
    mark="+",
    corner="+",
    floor="-",
    tick="+",
)


def bar(part: float, cells: int, glyphs: Glyphs) -> str:
    """A bar of so much of the cells; what is more than nothing is seen."""
    halves = round(part * cells * 2)
    halves = max(halves, 1) if part > 0 else 0
    return glyphs.line * (halves // 2) + glyphs.half * (halves % 2)


def spark(parts: Sequence[float | None], glyphs: Glyphs) -> str:
    """A curve one cell high, from parts between 0 and 1: 0 is low, and None is nothing."""
    steps = len(glyphs.low) - 2
    return "".join(" " if part is None else glyphs.low[1 + round(part * steps)] for part in parts)


def columns(values: Sequence[float], greatest: float, height: int, glyphs: Glyphs) -> list[str]:
    """The values as columns so many cells high, in rows from the top; little is seen."""
    steps = len(glyphs.rising) - 1
    levels = [
        max(round(value / greatest * height * steps), 1) if value > 0 else 0 for value in values
    ]
    return [
        "".join(glyphs.rising[min(max(level - row * steps, 0), steps)] for level in levels)
        for row in reversed(range(height))
    ]
