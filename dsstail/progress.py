"""What is told while it runs: how a long recording stands, or that nothing passes the filters."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from dsstail.handover import Backlogged, Batch, Connected, Disconnected, Ended
from dsstail.report import INFO, Reporter
from dsstail.stream import Stream
from dsstail.wording import counted, rate, spoken_size

STATUS_EVERY = 0.5
"""Seconds between two status lines on a terminal."""

LINE_EVERY = 60.0
"""Seconds between two lines elsewhere; there is none while no event comes."""

RATE_OVER = 10.0
"""Seconds over which the rate is taken."""


class Progress:
    """Events, their rate, size, last numbers and the connections' state, in one line on stderr.

    `size` tells the bytes recorded.
    """

    def __init__(
        self, reporter: Reporter, streams: Sequence[Stream], size: Callable[[], int]
    ) -> None:
        self._reporter = reporter
        self._streams = streams
        self._size = size
        self._terminal = reporter.shows_status
        self._connected: set[str] = set()
        self._counts: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._told = 0
        self._due = time.monotonic() + (STATUS_EVERY if self._terminal else LINE_EVERY)

    def note(self, batch: Batch) -> None:
        """Take in what happened to a connection."""
        if isinstance(batch.content, Connected):
            self._connected.add(batch.stream)
        elif isinstance(batch.content, Disconnected | Backlogged | Ended):
            self._connected.discard(batch.stream)

    def tick(self, events: int) -> None:
        """Tell how it stands after so many events, if that is due."""
        now = time.monotonic()
        if now < self._due:
            return
        while self._counts[0][0] < now - RATE_OVER and len(self._counts) > 1:
            self._counts.popleft()
        since, before = self._counts[0]
        line = self._line(events, (events - before) / (now - since))
        self._counts.append((now, events))
        if self._terminal:
            self._due = now + STATUS_EVERY
            self._reporter.status(line)
        else:
            self._due = now + LINE_EVERY
            if events > self._told:
                self._reporter.line(INFO, line)
            self._told = events

    def close(self) -> None:
        """Leave no status line behind."""
        self._reporter.status("")

    def _line(self, events: int, pace: float) -> str:
        parts = [counted(events, "event"), f"{rate(pace)}/s", spoken_size(self._size())]
        for stream in self._streams:
            if (last := stream.session.last) is not None:
                name = f"{stream.name} " if len(self._streams) > 1 else ""
                parts.append(f"{name}seq {last}")
        return ", ".join([*parts, self._connections()])

    def _connections(self) -> str:
        connected, total = len(self._connected), len(self._streams)
        if connected == total:
            return "connected"
        return f"{connected} of {total} connected" if connected else "not connected"


class Waiting:
    """How many events the filters have left out, in a line on stderr until one passes."""

    def __init__(self, reporter: Reporter, streams: Sequence[Stream]) -> None:
        self._reporter = reporter
        self._streams = streams
        self._due = time.monotonic() + STATUS_EVERY

    def note(self, batch: Batch) -> None:
        """Give way to the first events, which are written next."""
        if isinstance(batch.content, list):
            self.close()
            self._due = float("inf")

    def tick(self, events: int) -> None:
        """Tell how many there are, if that is due."""
        now = time.monotonic()
        left_out = sum(stream.left_out for stream in self._streams)
        if now >= self._due and left_out:
            self._due = now + STATUS_EVERY
            self._reporter.status(f"0 of {counted(left_out, 'event')} pass the filters")

    def close(self) -> None:
        """Leave nothing behind."""
        self._reporter.status("")
