"""How far a recording has been read: a bar on a terminal's stderr, where nothing else is shown."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from dsstail.escaping import shows_unicode
from dsstail.handover import Batch
from dsstail.report import Reporter
from dsstail.stderr import columns_of
from dsstail.wording import spoken_size

LONG = 32 << 20
"""Bytes of recordings that take long enough for a bar."""

EVERY = 0.2
"""Seconds between two looks."""

CELLS = 40


class Reading(Protocol):
    """What is being read."""

    @property
    def size(self) -> int:
        """How many bytes are to be read; 0 where that cannot be told."""

    @property
    def position(self) -> int:
        """How many bytes were read so far."""


class Gauge:
    """The bar of a reading that is long and has an end; of any other, nothing is seen."""

    def __init__(self, reporter: Reporter, reading: Reading, *, beside_output: bool) -> None:
        """`beside_output`: stdout is written to meanwhile, so that must be elsewhere."""
        self._reporter = reporter
        self._reading = reading
        self._total = reading.size
        in_the_way = beside_output and sys.stdout.isatty()
        self._due = time.monotonic() + EVERY
        if not reporter.shows_status or in_the_way or self._total < LONG:
            self._due = float("inf")

    def tick(self, events: int) -> None:
        """Show how far it is, if that is due."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        part = min(self._reading.position / self._total, 1.0)
        full, empty = "━─" if shows_unicode(sys.stderr) else "#."
        told = f" {part:4.0%} of {spoken_size(self._total)}"
        columns = columns_of(sys.stderr.fileno())
        cells = min(CELLS, max(columns - 1 - len(told), 0))
        filled = round(part * cells)
        self._reporter.status(full * filled + empty * (cells - filled) + told)

    def note(self, batch: Batch) -> None:
        """Nothing that happens changes the bar."""

    def close(self) -> None:
        """Leave no bar behind."""
        self._reporter.status("")
