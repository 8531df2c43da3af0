"""Counts events as they are found in recordings.

Devices send events with the same metadata again and again. What a type, a serial number and a name
count for is looked up once and remembered: this runs for every event of recordings of many
gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dsstail.annotation import received_at
from dsstail.clock import Moments
from dsstail.filters import Filter
from dsstail.json_text import decode_object
from dsstail.messages import BODIES, Event
from dsstail.passages import moment
from dsstail.recording.splitting import Damage, Found
from dsstail.replay import Window
from dsstail.statistics.outcomes import Acks
from dsstail.statistics.quantiles import Quantiles
from dsstail.statistics.records import Device, EventType, Property
from dsstail.statistics.tables import Table
from dsstail.statistics.timeline import Timeline
from dsstail.verification.verdict import Verdict
from dsstail.verification.verifying import Verification

EVENT_TYPES, DEVICES, PROPERTIES = 50, 10_000, 250
"""Of each, so many are remembered at least, and at most twice as many."""

SENDERS = 40_000
"""Serial numbers, single or joined, that are remembered with their devices."""

PENDING = 20_000
"""Events after which the numbers that came with them are taken in."""

LONGEST_NAME = 100
"""Characters of a name; a longer one is known by its beginning."""

MOST_TOGETHER = 100
"""Devices of one event, by their serial numbers; more of them are taken for one."""

Members = dict[str, Any]

Taker = Callable[[list[Device], Members, float | None, Members], None]
"""Takes an event: its devices, its body, when it happened if that is known, and all of it."""


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


@dataclass(frozen=True, slots=True)
class Kind:
    """What all events of a type have in common."""

    event_type: EventType
    member: str
    """The member of an event that says what happened, ..."""
    clock: str
    """... and the member of that which usually says when."""
    measures: bool
    """Whether numbers in it are measurements of its property."""
    take: Taker | None
    """What else is to be done with the event."""


class Counting:
    """Takes what is found in files, in order."""

    def __init__(
        self, selection: Filter, window: Window, paths: Sequence[str], *, utc: bool
    ) -> None:
        """Counts what both want. Days and hours are local ones, unless of UTC."""
        self._selection = selection
        self._window = window
        self._verification = Verification(paths)
        self._read = 0
        self._events = 0
        self._timed = 0
        self._pending = 0
        self._moments = Moments()
        self._timeline = Timeline(utc=utc)
        self._kinds: dict[str, Kind] = {}  # those remembered, like the devices of each sender
        self._senders: dict[str, list[Device]] = {}
        self._named: dict[str | None, Property | None] = {}
        self._event_types = Table(EVENT_TYPES, EventType)
        self._devices = Table(DEVICES, Device)
        self._properties = Table(PROPERTIES, Property)
        self._absences = Quantiles()
        self._acks = Acks(self._moments)
        self._takers: dict[str, Taker] = {
            "datapointack": self._take_ack,
            "connectivity": self._take_connectivity,
        }
        self._forget()

    def take(self, file: int, found: Found) -> None:
        """Take what was found in the file of this number: events, or damage.

        Where all events are wanted, they should be decoded already.
        """
        if isinstance(found, Damage):
            self._verification.take_damage(file, found)
            return
        self._verification.take(file, found)
        self._read += len(found.texts)
        data = found.data if self._selection.everything else None
        if data is None:
            data = list(map(decode_object, self._selection.select(found.texts)))
        if self._window.timed:
            data = [event for event in data if self._window.spans(self._time(event))]
        self._events += len(data)
        self._count(data)
        self._pending += len(data)
        if self._pending >= PENDING:
            self._fold()

    def statistics(self) -> Statistics:
        """All that was counted, now that nothing more comes."""
        self._forget()
        self._fold()
        self._timeline.fold()
        verdict = self._verification.verdict()
        return Statistics(
            files=verdict.files,
            read=self._read,
            events=self._events,
            untimed=self._events - self._timed,
            timeline=self._timeline,
            event_types=self._event_types,
            devices=self._devices,
            properties=self._properties,
            absences=self._absences,
            acks=self._acks,
            verdict=verdict,
        )

    def _time(self, data: Members) -> float | None:
        try:
            event_type = data["metadata"]["event_type"]
            return self._moments[data[BODIES[event_type]][_CLOCKS[event_type]]]
        except (KeyError, TypeError):
            return moment(Event(b"", data))

    def _count(self, data: list[Members]) -> None:
        kinds, senders, named, moments = self._kinds, self._senders, self._named, self._moments
        times = []
        for event in data:
            try:  # what has been seen before is found at once
                metadata = event["metadata"]
                kind = kinds[metadata["event_type"]]
                devices = senders[metadata["dsn"]]
                property = named[metadata.get("property_name") or metadata.get("display_name")]
                body = event[kind.member]
                at = moments[body[kind.clock]]
            except (KeyError, TypeError, AttributeError):
                kind, devices, property, body, at = self._look(event)
            kind.event_type.events += 1
            for device in devices:
                device.events += 1
            if at is not None:
                times.append(at)
            if property is not None:
                property.events += 1
                if kind.measures:
                    value = body.get("value")
                    if type(value) in _NUMBERS:
                        property.numbers.append(+value)  # true is 1
                        property.times.append(at)
            if kind.take is not None:
                kind.take(devices, body, at, event)
            elif "_dsstail" in event:
                self._acks.sent(body, received_at(event))
        self._timed += len(times)
        self._timeline.add(times)

    def _look(
        self, data: Members
    ) -> tuple[Kind, list[Device], Property | None, Members, float | None]:
        """What an event counts for that may be written in any way; its body and its time."""
        event = Event(b"", data)
        tables = self._event_types, self._devices, self._properties
        if len(self._senders) >= SENDERS or any(table.full for table in tables):
            self._forget()
        kind, devices, property = self._kind(event), self._sender(event), self._property(event)
        return kind, devices, property, event.body, self._moments[event.time or received_at(data)]

    def _kind(self, event: Event) -> Kind:
        name = event.event_type[:LONGEST_NAME]
        if name not in self._kinds:
            self._kinds[name] = Kind(
                event_type=self._event_types[name],
                member=BODIES.get(name, ""),
                clock=_CLOCKS.get(name, ""),
                measures=name == "datapoint",
                take=self._takers.get(name),
            )
        return self._kinds[name]

    def _sender(self, event: Event) -> list[Device]:
        if event.dsn in self._senders:
            return self._senders[event.dsn]
        dsns = event.dsns if event.dsn.count(",") < MOST_TOGETHER else [event.dsn]
        devices = [self._devices[dsn] for dsn in {dsn[:LONGEST_NAME]: None for dsn in dsns} if dsn]
        for device in devices:
            device.model = device.model or event.oem_model[:LONGEST_NAME]
        if len(event.dsn) <= LONGEST_NAME:
            self._senders[event.dsn] = devices
        return devices

    def _property(self, event: Event) -> Property | None:
        name = (event.property_name or event.display_name)[:LONGEST_NAME]
        if name not in self._named:
            property = self._named[name] = self._properties[name]
            property.base_type = property.base_type or event.base_type[:LONGEST_NAME]
        return self._named[name]

    def _forget(self) -> None:
        """Bring the tables down to their size; what was in them has to be looked up again."""
        self._kinds.clear()
        self._senders.clear()
        self._named.clear()
        self._named.update({None: None, "": None})
        for table in (self._event_types, self._devices, self._properties):
            table.thin()

    def _fold(self) -> None:
        self._pending = 0
        for property in self._properties:
            property.fold()
        self._acks.fold()

    def _take_ack(
        self, devices: list[Device], body: Members, at: float | None, event: Members
    ) -> None:
        if body and not self._acks.take(body, received_at(event)):  # it may be too rich to have one
            for device in devices:
                device.failed += 1

    def _take_connectivity(
        self, devices: list[Device], body: Members, at: float | None, event: Members
    ) -> None:
        status = body.get("status")
        if at is None or not isinstance(status, str):
            return
        match status.lower():
            case "offline":
                for device in devices:
                    device.goes(at)
            case "online":
                back = [device.comes(at) for device in devices]
                self._absences.add([away for away in back if away is not None])


_NUMBERS = frozenset((int, float, bool))
_CLOCKS = {
    "connectivity": "event_time",
    "datapoint": "updated_at",
    "datapointack": "acked_at",
    "location": "created_at",
    "registration": "registered_at",
}
