"""Lines that say the same as the one before, told as a number."""

from __future__ import annotations

from collections.abc import Callable

PATIENCE = 2.0
"""Seconds until repetitions are told while they go on; twice as many each time."""


class Folding:
    """Holds lines back as long as they repeat the one before.

    Of those that were held back, one is shown as it is, and several as the row that tells how many.
    """

    def __init__(self) -> None:
        self._said: str | None = None
        self._held = 0
        self._line = ""
        self._row: Callable[[int], str] = str
        self._due = 0.0
        self._patience = PATIENCE

    def add(self, said: str, line: str, row: Callable[[int], str], now: float) -> str:
        """What to show, being given a line, what of it counts, and its row for a number of lines.

        `now` is in seconds on any clock.
        """
        if said == self._said:
            self._held += 1
            self._line, self._row = line, row
            return ""
        told = self.told()
        self._said = said
        self._patience = PATIENCE
        self._due = now + PATIENCE
        return told + line

    def told(self, now: float | None = None) -> str:
        """What was held back, if that is due `now`; unasked it is."""
        if not self._held or (now is not None and now < self._due):
            return ""
        told = self._line if self._held == 1 else self._row(self._held)
        self._held = 0
        if now is not None:
            self._patience *= 2
            self._due = now + self._patience
        return told


def repetitions(count: int, unicode: bool) -> str:
    """`… × 14`: so many lines more."""
    return f"… × {count}" if unicode else f"... x {count}"
