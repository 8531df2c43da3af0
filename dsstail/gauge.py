"""How far a replay has come: a bar on a terminal's stderr, while the events go elsewhere."""

from __future__ import annotations

import os
import sys
import time

from dsstail.handover import Batch
from dsstail.replay import Replay
from dsstail.report import Reporter
from dsstail.wording import spoken_size

LONG = 32 << 20
"""Bytes of recordings that take long enough for a bar."""

EVERY = 0.2
"""Seconds between two looks."""

CELLS = 40


class Gauge:
    """The bar of a replay that is long and has an end; of any other, nothing is seen."""

    def __init__(self, reporter: Reporter, replay: Replay) -> None:
        self._reporter = reporter
        self._replay = replay
        self._total = replay.size
        beside_events = sys.stdout is not None and sys.stdout.isatty()
        seen = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._due = time.monotonic() + EVERY
        if not seen or beside_events or self._total < LONG:
            self._due = float("inf")

    def tick(self, events: int) -> None:
        """Show how far it is, if that is due."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        part = min(self._replay.position / self._total, 1.0)
        encoding = (sys.stderr.encoding or "ascii").lower()
        full, empty = "━─" if encoding.startswith("utf") else "#."
        filled = round(part * CELLS)
        bar = full * filled + empty * (CELLS - filled)
        self._reporter.status(f"{bar} {part:4.0%} of {spoken_size(self._total)}")

    def note(self, batch: Batch) -> None:
        """Nothing that happens changes the bar."""

    def close(self) -> None:
        """Leave no bar behind."""
        self._reporter.status("")
