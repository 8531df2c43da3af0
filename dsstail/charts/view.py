"""Statistics as they are looked at: what is worth showing of them, for text and for pictures."""

from __future__ import annotations

from functools import cached_property

from dsstail.charts import presence, scales
from dsstail.clock import Clock
from dsstail.statistics.counting import Statistics
from dsstail.statistics.quantiles import place
from dsstail.statistics.records import Device, Property
from dsstail.verification.verdict import Contents

A_WEEK = 7 * scales.DAY
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class View:
    """Statistics, how times are to be read, and how many entries a list has; None for all."""

    def __init__(self, statistics: Statistics, *, utc: bool, top: int | None) -> None:
        self.all = statistics
        self.utc = utc
        self.clock = Clock(utc=utc)
        self.span = statistics.timeline.span()
        self.event_types = statistics.event_types.busiest()[:top]
        self.devices = statistics.devices.busiest()[:top]
        self.properties = statistics.properties.busiest()[:top]
        self.failures = statistics.acks.failures.busiest()[:top]
        self._top = top

    @cached_property
    def gone(self) -> list[Device]:
        """The devices that were away, the longest in all first."""
        span = self.span
        if span is None:
            return []
        gone = [device for device in self.all.devices if device.absences]
        gone.sort(key=lambda device: (-presence.away(device, span), device.name))
        return gone[: self._top]

    @cached_property
    def streams(self) -> list[Contents]:
        """The streams with the most events; none where there is nothing to say of the only one."""
        if len(self.all.verdict.contents) == 1 and self.all.verdict.complete:
            return []
        return sorted(self.all.verdict.contents, key=lambda one: -one.events)[: self._top]

    def course(self, one: Property, parts: int) -> list[float | None]:
        """How the mean of a property went, from 0 for the least mean to 1 for the greatest."""
        if one.means is None or self.span is None:
            return []
        means = one.means.within(self.span.first, self.span.last + 1, parts)
        known = [mean for mean in means if mean is not None]
        if not known:
            return []
        low, high = min(known), max(known)
        return [None if mean is None else place(mean, low, high) for mean in means]

    @property
    def hours(self) -> list[int]:
        """Events by the hour of the day; none where all happened in the same one."""
        hours = [sum(day[hour] for day in self.all.timeline.week) for hour in range(24)]
        return hours if sum(map(bool, hours)) > 1 else []

    @property
    def weekly(self) -> bool:
        """Whether the days of the week are worth telling apart."""
        return self.span is not None and self.span.last - self.span.first >= A_WEEK
