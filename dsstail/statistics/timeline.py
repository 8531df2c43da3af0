"""What happened when, in buckets that widen as there get more of them.

Only buckets in which something happened are kept, so a few times far off cost no detail. Times are
in seconds since the epoch.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from math import isfinite
from typing import TypeVar

from dsstail.clock import EARLIEST, LATEST
from dsstail.statistics.quantiles import ASTRAY, FAR, FEWEST

WIDTHS = (1, 5, 15, 60, 300, 900, 3600, 10800, 21600, 43200, 86400)
"""Seconds of a bucket; each divides the next, and wider ones double."""

MOST_BUCKETS = 4096
MOST_MEANS = 512

FOLDED = 4096
"""Different times that are remembered before they are put into buckets."""

QUARTER = 900
"""Seconds that belong to one hour of the day, in every time zone."""


Number = TypeVar("Number", int, float)
Amount = TypeVar("Amount", int, float)


@dataclass(frozen=True, slots=True)
class Span:
    """From the first to the last event, but for those `astray`: a few whose times are far off."""

    first: float
    last: float
    astray: int


@dataclass(frozen=True, slots=True)
class Course:
    """How many events there were in each step of so many seconds, from `start` on."""

    start: int
    step: int
    counts: list[int]

    @property
    def end(self) -> int:
        return self.start + self.step * len(self.counts)


class Timeline:
    """How many events there were when."""

    def __init__(self, *, utc: bool) -> None:
        """Days and hours are those of the local time zone, unless of UTC."""
        self.first = float(LATEST)
        self.last = float(EARLIEST)
        self.width = WIDTHS[0]
        """Seconds of a bucket."""
        self.buckets: dict[int, int] = {}
        """Events by the number of their bucket: `time // width`."""
        self.week = [[0] * 24 for _ in range(7)]
        """Events by the day, from Monday on, and the hour."""
        self._zone = UTC if utc else None
        self._fresh: Counter[float] = Counter()

    def add(self, times: Iterable[float]) -> None:
        """Take the times of events, from EARLIEST to LATEST."""
        self._fresh.update(times)
        if len(self._fresh) >= FOLDED:
            self.fold()

    def fold(self) -> None:
        """Put what is remembered into buckets."""
        if not self._fresh:
            return
        self.first = min(self.first, min(self._fresh))
        self.last = max(self.last, max(self._fresh))
        quarters: Counter[int] = Counter()
        for at, events in self._fresh.items():
            number = int(at // self.width)
            self.buckets[number] = self.buckets.get(number, 0) + events
            quarters[int(at // QUARTER)] += events
        self._fresh.clear()
        for quarter, events in quarters.items():
            moment = datetime.fromtimestamp(quarter * QUARTER, UTC).astimezone(self._zone)
            self.week[moment.weekday()][moment.hour] += events
        while len(self.buckets) > MOST_BUCKETS:
            wider = _wider(self.width)
            self.buckets = widened(self.buckets, wider // self.width)
            self.width = wider

    def span(self) -> Span | None:
        """From when to when there were events, None where none has a time."""
        if not self.buckets:
            return None
        numbers = sorted(self.buckets)
        ranks = list(accumulate(self.buckets[number] for number in numbers))
        few = max(ASTRAY * ranks[-1], 1) if ranks[-1] >= FEWEST else 0
        low = numbers[bisect_right(ranks, few)] if few else numbers[0]
        high = numbers[bisect_left(ranks, ranks[-1] - few)]
        near = FAR * (high - low + 1)
        start, end = bisect_left(numbers, low - near), bisect_right(numbers, high + near)
        within = ranks[end - 1] - (ranks[start - 1] if start else 0)
        return Span(
            first=numbers[start] * self.width if start else self.first,
            last=numbers[end - 1] * self.width if end < len(numbers) else self.last,
            astray=ranks[-1] - within,
        )

    def course(self, span: Span, most: int) -> Course:
        """The events in at most so many steps, as short as they can be."""
        first, last = (int(at // self.width) for at in (span.first, span.last))
        together = -(-(last - first + 1) // most)
        counts = [0] * ((last - first) // together + 1)
        for number, events in self.buckets.items():
            if first <= number <= last:
                counts[(number - first) // together] += events
        return Course(first * self.width, together * self.width, counts)


class Means:
    """The mean of what was measured, over time."""

    def __init__(self) -> None:
        self.width = WIDTHS[0]
        self._counts: dict[float, int] = {}
        self._sums: dict[float, float] = {}

    def add(self, times: Sequence[float | None], numbers: Sequence[float]) -> None:
        """Take numbers and when each was measured, where that is known."""
        before: float | None = None
        count, total = 0, 0.0
        for at, number in zip(times, numbers, strict=True):
            if at != before:  # often many come within a second
                self._put(before, count, total)
                before, count, total = at, 0, 0.0
            count += 1
            total += number
        self._put(before, count, total)
        while len(self._counts) > MOST_MEANS:
            wider = _wider(self.width)
            self._counts = widened(self._counts, wider // self.width)
            self._sums = widened(self._sums, wider // self.width)
            self.width = wider

    def _put(self, at: float | None, count: int, total: float) -> None:
        if at is not None:
            bucket = at // self.width
            self._counts[bucket] = self._counts.get(bucket, 0) + count
            self._sums[bucket] = self._sums.get(bucket, 0.0) + total

    def within(self, start: float, end: float, parts: int) -> list[float | None]:
        """The mean in each of so many equal parts of this time.

        None where there is none, or a sum is more than a number can be.
        """
        counts = [0] * parts
        sums = [0.0] * parts
        for bucket, number in self._counts.items():
            part = int((bucket * self.width + self.width / 2 - start) / (end - start) * parts)
            if 0 <= part < parts:
                counts[part] += number
                sums[part] += self._sums[bucket]
        return [
            total / count if count and isfinite(total) else None
            for total, count in zip(sums, counts, strict=True)
        ]


def widened(buckets: Mapping[Number, Amount], factor: int) -> dict[Number, Amount]:
    """The same in buckets that are so many times as wide."""
    wider: dict[Number, Amount] = {}
    for number, amount in buckets.items():
        wider[number // factor] = wider.get(number // factor, 0) + amount
    return wider


def _wider(width: int) -> int:
    return next((wider for wider in WIDTHS if wider > width), 2 * width)
