"""What stands on the axes of a plot: rates, and times that people like to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor, log10

from dsstail.clock import EARLIEST, LATEST, Clock
from dsstail.statistics.timeline import Course, Span

DAY = 86400
MONTH = 30.44 * DAY

_UNITS = (("second", 1), ("minute", 60), ("hour", 3600), ("day", DAY))

_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 14400, 21600, 28800, 43200),
    *(DAY * days for days in (1, 2, 3, 4, 7, 14)),
)
_MONTHS = (1, 2, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)))


@dataclass(frozen=True, slots=True)
class Rates:
    """How many events there were in a unit of time: in each step of a course, and on average."""

    unit: str
    values: list[float]
    mean: float


def rates(course: Course, span: Span) -> Rates:
    """The rates in the shortest unit that has an event at the busiest time.

    The span may end within the last step; what is left of that is too little to tell a rate where
    it is less than a half.
    """
    length = floor(span.last) + 1 - course.start
    left = length - course.step * (len(course.counts) - 1)
    values = [events / course.step for events in course.counts]
    values[-1] = course.counts[-1] / min(max(left, course.step / 2), course.step)
    fastest = max(values)
    unit, seconds = next((u for u in _UNITS if fastest * u[1] >= 1), _UNITS[-1])
    mean = sum(course.counts) / length
    return Rates(unit, [value * seconds for value in values], mean * seconds)


def ceiling(greatest: float) -> float:
    """The round number up to which an axis goes, for one of more than 0."""
    power = 10.0 ** floor(log10(greatest))
    return next(part * power for part in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if part * power >= greatest)


def ticks(course: Course, most: int, clock: Clock) -> list[tuple[float, str]]:
    """At most so many places on the way from 0 to 1, and the full hours or days … that they are."""
    length = course.end - course.start
    step = next((step for step in _STEPS if length <= step * most), None)
    if step is not None:
        ahead = _ahead(course.start, clock)
        first = course.start + -(course.start + ahead) % step
        times = [(at, _label(at, step, clock)) for at in range(first, course.end, step)]
    else:
        times = _first_days(course, most)
    return [((at - course.start) / length, label) for at, label in times]


def _ahead(at: int, clock: Clock) -> int:
    """By how many seconds local time is ahead of UTC, or by that and a day."""
    reading = clock.at(at)
    assert reading is not None
    hours, minutes, seconds = map(int, reading[1].split(":"))
    return (3600 * hours + 60 * minutes + seconds - at) % DAY


def _label(at: int, step: int, clock: Clock) -> str:
    reading = clock.at(at)
    assert reading is not None
    day, time, _ = reading
    if step >= DAY or time == "00:00:00":
        return day[5:]
    return time if step < 60 else time[:5]


def _first_days(course: Course, most: int) -> list[tuple[int, str]]:
    """First days of months or years, by UTC: a long course has no room for hours."""
    start, end = max(course.start, EARLIEST), min(course.end, LATEST)
    step = next(step for step in _MONTHS if (end - start) / MONTH <= step * most)
    began = datetime.fromtimestamp(start, UTC)
    number = -(-(12 * began.year + began.month) // step) * step
    found = []
    while True:
        year, month = divmod(number, 12)
        if year > 9999:
            break
        at = int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp())
        if at >= end:
            break
        found.append((at, f"{year:04}-{month + 1:02}" if step < 12 else f"{year:04}"))
        number += step
    return found
