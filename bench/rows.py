"""A row of the table: what was promised, and what came of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, the least and the greatest of them."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        return cls(statistics.median(numbers), min(numbers), max(numbers))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f}–{self.greatest:.2f})"


@dataclass(frozen=True)
class Row:
    """`met` is None where there is no goal, or no measurement; `figures` are what it comes from."""

    work: str
    goal: str
    result: str
    met: bool | None
    figures: str = ""


def at_least(work: str, goal: float, reached: Spread, of: str, figures: str = "") -> Row:
    """A row for a ratio that should be large: so many times `of`."""
    return Row(work, f"≥ {goal:g} × {of}", str(reached), reached.median >= goal, figures)


def at_most(work: str, goal: float, reached: Spread, of: str, figures: str = "") -> Row:
    """A row for a ratio that should be small."""
    return Row(work, f"≤ {goal:g} × {of}", str(reached), reached.median <= goal, figures)


def compared(work: str, ratio: Spread, to: str, figures: str = "") -> Row:
    """A row without a goal."""
    return Row(work, f"(× {to})", str(ratio), None, figures)


def skipped(work: str) -> Row:
    """A row for a command that is still to come."""
    return Row(work, "", "not measured: no such command", None)


def mebibytes(size: float) -> str:
    return f"{size / 2**20:.0f} MiB"
