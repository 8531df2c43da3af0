"""Counts events as they are found in recordings.

Devices send events with the same metadata again and again. What these count for is looked up once
and remembered as their source, which counts by itself until it is settled: this runs for every
event of recordings of many gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dsstail.annotation import received_at
from dsstail.clock import Moments
from dsstail.filters import Filter
from dsstail.messages import BODIES, Event
from dsstail.passages import moment
from dsstail.recording.splitting import Damage, Found
from dsstail.replay import EVERYTHING, Window
from dsstail.statistics.outcomes import Acks
from dsstail.statistics.quantiles import Quantiles
from dsstail.statistics.records import Device, EventType, Property
from dsstail.statistics.tables import Table
from dsstail.statistics.timeline import Timeline
from dsstail.verification import Verdict, Verification

EVENT_TYPES, DEVICES, PROPERTIES = 50, 10_000, 250
"""Of each, so many are remembered at least, and at most twice as many."""

SOURCES = 40_000
"""Sources that are remembered."""

PENDING = 20_000
"""Events after which what has come of numbers is taken in."""

LONGEST_NAME = 100
"""Characters of a name; a longer one is known by its beginning."""

MOST_TOGETHER = 100
"""Devices of one event, by their serial numbers; more of them are taken for one."""

Members = dict[str, Any]

Taker = Callable[["Source", Members, float | None, Members], None]
"""Takes an event, given its source, its body, when it happened if that is known, and all of it."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """All that was counted. Durations are in seconds."""

    files: tuple[str, ...]
    read: int
    """Events that the recordings hold."""
    events: int
    """Those that were wanted; all below is about these, but for the verdict."""
    untimed: int
    """Events of which is not known when they happened."""
    timeline: Timeline
    event_types: Table[EventType]
    devices: Table[Device]
    properties: Table[Property]
    absences: Quantiles
    """How long devices were away each time, as far as they came back."""
    acks: Acks
    verdict: Verdict


@dataclass(slots=True)
class Source:
    """What events with the same metadata count for."""

    event_type: EventType
    devices: list[Device]
    property: Property | None
    member: str
    """The member of its events that says what happened, ..."""
    clock: str
    """... and the member of that which usually says when."""
    numbers: list[float] | None
    """Where the numbers in its events go, if it may have any, ..."""
    times: list[float | None]
    """... and the time of each."""
    take: Taker | None
    """What else is to be done with its events."""
    events: int = 0

    def settle(self) -> None:
        """Hand over what was counted."""
        self.event_type.events += self.events
        for device in self.devices:
            device.events += self.events
        if self.property is not None:
            self.property.events += self.events
        self.events = 0


class Counting:
    """Takes what is found in recordings, in order."""

    def __init__(self, selection: Filter, window: Window, *, utc: bool) -> None:
        """Counts what both want. Days and hours are local ones, unless of UTC."""
        self._selection = selection
        self._window = window
        self._selects = not selection.everything or window != EVERYTHING
        self._verification = Verification()
        self._read = 0
        self._events = 0
        self._timed = 0
        self._pending = 0
        self._moments = Moments()
        self._timeline = Timeline(utc=utc)
        self._sources: dict[str, dict[str, dict[str, Source]]] = {}  # by type, property, device
        self._remembered = 0  # sources
        self._passing: list[Source] = []  # sources that are not remembered
        self._event_types = Table(EVENT_TYPES, EventType)
        self._devices = Table(DEVICES, Device)
        self._properties = Table(PROPERTIES, Property)
        self._absences = Quantiles()
        self._acks = Acks(self._moments)
        self._takers: dict[str, Taker] = {
            "datapointack": self._take_ack,
            "connectivity": self._take_connectivity,
        }

    def take(self, file: int, found: Found) -> None:
        """Take what was found in the file of this number: events, which have data, or damage."""
        if isinstance(found, Damage):
            self._verification.take_damage(file, found)
            return
        self._verification.take(file, found)
        data = found.data or []
        self._read += len(data)
        if self._selects:
            events = map(Event, found.texts, data)
            data = [event.data for event in events if self._wants(event)]
        self._events += len(data)
        self._count(data)
        self._pending += len(data)
        if self._pending >= PENDING:
            self._fold()

    def statistics(self, files: tuple[str, ...]) -> Statistics:
        """All that was counted, now that nothing more comes."""
        self._settle()
        self._fold()
        self._timeline.fold()
        return Statistics(
            files=files,
            read=self._read,
            events=self._events,
            untimed=self._events - self._timed,
            timeline=self._timeline,
            event_types=self._event_types,
            devices=self._devices,
            properties=self._properties,
            absences=self._absences,
            acks=self._acks,
            verdict=self._verification.verdict(files),
        )

    def _wants(self, event: Event) -> bool:
        return self._selection.matches(event) and (
            not self._window.timed or self._window.spans(moment(event))
        )

    def _count(self, data: list[Members]) -> None:
        sources, moments = self._sources, self._moments
        times = []
        for event in data:
            try:  # what has been seen before is found at once
                metadata = event["metadata"]
                of_property = sources[metadata["event_type"]][metadata.get("property_name", "")]
                source = of_property[metadata["dsn"]]
                body = event[source.member]
                at = moments[body[source.clock]]
            except (KeyError, TypeError, AttributeError):
                source, body, at = self._look(event)
            source.events += 1
            if at is not None:
                times.append(at)
            if source.numbers is not None:
                value = body.get("value")
                if type(value) in _NUMBERS:
                    source.numbers.append(value)
                    source.times.append(at)
            if source.take is not None:
                source.take(source, body, at, event)
            elif "_dsstail" in event:
                self._acks.sent(body, received_at(event))
        self._timed += len(times)
        self._timeline.add(times)
        for source in self._passing:
            source.settle()
        self._passing.clear()

    def _look(self, data: Members) -> tuple[Source, Members, float | None]:
        """The source, the body and the time of an event that may be written in any way."""
        event = Event(b"", data)
        event_type, dsn = event.event_type[:LONGEST_NAME], event.dsn
        name = (event.property_name or event.display_name)[:LONGEST_NAME]
        source = self._sources.get(event_type, {}).get(name, {}).get(dsn)
        if source is None:
            crowded = self._devices.full or self._properties.full or self._event_types.full
            if crowded or self._remembered >= SOURCES:
                self._settle()
            source = self._source(event, event_type, name)
            if len(dsn) > LONGEST_NAME or (name and not event.property_name):
                self._passing.append(source)
            else:
                self._remembered += 1
                # A name that sources have in common stays in the processor's cache.
                known = next((one.name for one in source.devices if one.name == dsn), dsn)
                self._sources.setdefault(event_type, {}).setdefault(name, {})[known] = source
        return source, event.body, self._moments[event.time or received_at(data)]

    def _source(self, event: Event, event_type: str, name: str) -> Source:
        dsns = event.dsns if event.dsn.count(",") < MOST_TOGETHER else [event.dsn]
        devices = [self._devices[dsn] for dsn in {dsn[:LONGEST_NAME]: None for dsn in dsns} if dsn]
        for device in devices:
            device.model = device.model or event.oem_model[:LONGEST_NAME]
        property = self._properties[name] if name else None
        if property is not None:
            property.base_type = property.base_type or event.base_type[:LONGEST_NAME]
        measures = property is not None and event_type == "datapoint"
        return Source(
            event_type=self._event_types[event_type],
            devices=devices,
            property=property,
            member=BODIES.get(event_type) or _name_of(event.body, event.data),
            clock=_CLOCKS.get(event_type, ""),
            numbers=property.numbers if property and measures else None,
            times=property.times if property and measures else [],
            take=self._takers.get(event_type),
        )

    def _settle(self) -> None:
        """Bring the tables up to date, and down to their size, which forgets all sources."""
        for of_type in self._sources.values():
            for of_property in of_type.values():
                for source in of_property.values():
                    source.settle()
        for source in self._passing:
            source.settle()
        self._sources.clear()
        self._remembered = 0
        for table in (self._event_types, self._devices, self._properties):
            table.thin()

    def _fold(self) -> None:
        self._pending = 0
        for property in self._properties:
            property.fold()
        self._acks.fold()

    def _take_ack(self, source: Source, body: Members, at: float | None, event: Members) -> None:
        if not self._acks.take(body, received_at(event)):
            for device in source.devices:
                device.failed += 1

    def _take_connectivity(
        self, source: Source, body: Members, at: float | None, event: Members
    ) -> None:
        status = body.get("status")
        if at is None or not isinstance(status, str):
            return
        match status.lower():
            case "offline":
                for device in source.devices:
                    device.goes(at)
            case "online":
                back = [device.comes(at) for device in source.devices]
                self._absences.add([away for away in back if away is not None])


_NUMBERS = frozenset((int, float, bool))
_CLOCKS = {
    "connectivity": "event_time",
    "datapoint": "updated_at",
    "datapointack": "acked_at",
    "location": "created_at",
    "registration": "registered_at",
}


def _name_of(body: Members, data: Members) -> str:
    return next((name for name, member in data.items() if member is body), "")
