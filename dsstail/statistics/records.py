"""What is known of each event type, device, property and failure.

Times are in seconds since the epoch.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from dsstail.statistics.quantiles import Quantiles
from dsstail.statistics.timeline import Means

MOST_SPELLS = 64
"""Absences of a device whose times are kept: the longest ones."""


@dataclass(slots=True)
class EventType:
    """A type of event."""

    name: str
    events: int = 0


@dataclass(slots=True)
class Failure:
    """Acks with the same status and message, which the name has with a line break in between."""

    name: str
    events: int = 0

    @property
    def status(self) -> str:
        return self.name.partition("\n")[0]

    @property
    def message(self) -> str:
        return self.name.partition("\n")[2]


@dataclass(slots=True)
class Property:
    """A property, of all devices that have it."""

    name: str
    base_type: str = ""
    events: int = 0
    total: float = 0.0
    """The sum of the numbers that its datapoints had; true counts as 1."""
    distribution: Quantiles | None = None
    """These numbers; None where there was none."""
    means: Means | None = None
    """And how they were over time."""
    numbers: list[float] = field(default_factory=list)
    """Those that are still to be taken in, ..."""
    times: list[float | None] = field(default_factory=list)
    """... and when each was measured, where that is known."""

    def fold(self) -> None:
        """Take in what is still to be."""
        if not self.numbers:
            return
        self.distribution = self.distribution or Quantiles()
        self.means = self.means or Means()
        self.distribution.add(self.numbers)
        self.means.add(self.times, self.numbers)
        self.total += sum(self.numbers)
        self.numbers.clear()
        self.times.clear()


@dataclass(slots=True)
class Device:
    """A device, and when it was away."""

    name: str
    model: str = ""
    events: int = 0
    failed: int = 0
    """Acks that tell a failure."""
    absences: int = 0
    """How often it went away."""
    away: float = 0.0
    """Seconds of the absences that have ended."""
    longest: float = 0.0
    """Seconds of the longest of these."""
    away_since: float | None = None
    """When it went away, as long as it is."""
    spells: array[float] = field(default_factory=lambda: array("d"))
    """The beginning and the end of the longest absences that have ended, in turn."""

    def goes(self, at: float) -> None:
        """It is offline; if it was before, that is no news."""
        if self.away_since is None:
            self.away_since = at
            self.absences += 1

    def comes(self, at: float) -> float | None:
        """It is online: for how many seconds it was not, None if it was not away.

        Where a clock was set back, they are 0.
        """
        if self.away_since is None:
            return None
        away = max(at - self.away_since, 0.0)
        self.away += away
        self.longest = max(self.longest, away)
        self._keep(self.away_since, at)
        self.away_since = None
        return away

    def _keep(self, start: float, end: float) -> None:
        spells = self.spells
        if len(spells) < 2 * MOST_SPELLS:
            spells.extend((start, end))
            return
        lengths = [spells[at + 1] - spells[at] for at in range(0, len(spells), 2)]
        shortest = min(lengths)
        if end - start > shortest:
            at = 2 * lengths.index(shortest)
            spells[at : at + 2] = array("d", (start, end))
