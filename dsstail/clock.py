"""The times that events carry, as the days and clock times that people read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Reading = tuple[str, str, float]
"""A day as YYYY-MM-DD and the time on it as HH:MM:SS, in ASCII; in seconds since the epoch."""

EARLIEST, LATEST = -62_135_510_400, 253_402_214_400
"""From the second day of the year 1 to the last but one of 9999: they exist in every time zone."""

_REMEMBERED = 2048
_LONGEST = 40
"""Characters of a time; RFC 3339 with nanoseconds and an offset has 35."""


def since_epoch(written: str) -> float | None:
    """A time by RFC 3339, in seconds; in UTC unless it says otherwise. None for what is not one."""
    moment = _moment(written)
    try:
        return None if moment is None else moment.astimezone(UTC).timestamp()
    except OverflowError:  # in another year than the first or the last only by its zone
        return None


def clamped(at: float) -> float:
    """The time, or the one next to it from EARLIEST to LATEST: a bucket may begin before these."""
    return min(max(at, EARLIEST), LATEST)


class Moments(dict[Any, float | None]):
    """Each time as it is written, in seconds since the epoch; remembers those read lately.

    KeyError for what is not text; None for what is no time, or none from EARLIEST to LATEST.
    """

    def __missing__(self, written: Any) -> float | None:
        if not isinstance(written, str):
            raise KeyError(written)
        at = since_epoch(written)
        if at is not None and not EARLIEST <= at <= LATEST:
            at = None
        if len(written) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[written] = at
        return at


class Clock:
    """Reads times in UTC or in the local time zone; remembers those that it has read lately."""

    def __init__(self, *, utc: bool) -> None:
        self._zone = UTC if utc else None
        self._read: dict[str | int, Reading | None] = {}

    def read(self, written: str) -> Reading | None:
        """A time by RFC 3339, in UTC unless it says otherwise; None for what is not one."""
        try:
            return self._read[written]
        except KeyError:
            pass
        if len(written) > _LONGEST:
            return None
        moment = _moment(written)
        try:
            return self._remember(written, None if moment is None else self._reading(moment))
        except (ValueError, OverflowError):  # beyond the years that a zone can be applied to
            return self._remember(written, None)

    def seconds(self, written: object) -> float | None:
        """The seconds since the epoch of what may be a time."""
        reading = self.read(written) if isinstance(written, str) else None
        return None if reading is None else reading[2]

    def at(self, seconds: int) -> Reading | None:
        """A time in seconds since the epoch; None for one beyond the years that there are."""
        if seconds in self._read:
            return self._read[seconds]
        try:
            moment = datetime.fromtimestamp(seconds, UTC)
            return self._remember(seconds, self._reading(moment))
        except (ValueError, OverflowError, OSError):
            return self._remember(seconds, None)

    def _reading(self, moment: datetime) -> Reading:
        here = moment.astimezone(self._zone)
        return here.date().isoformat(), here.time().isoformat("seconds"), moment.timestamp()

    def _remember(self, time: str | int, reading: Reading | None) -> Reading | None:
        if len(self._read) >= _REMEMBERED:
            self._read.clear()
        self._read[time] = reading
        return reading


def _moment(written: str) -> datetime | None:
    if len(written) > _LONGEST:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
