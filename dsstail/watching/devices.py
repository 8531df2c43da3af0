"""What the events tell of the devices, as it is now. No I/O, and bounded in every direction."""

from __future__ import annotations

from collections import OrderedDict, deque

from dsstail.acks import succeeded
from dsstail.clock import Clock
from dsstail.escaping import cut, visible, width
from dsstail.handover import TEXT_OVERHEAD
from dsstail.layout import skimmed
from dsstail.messages import Event
from dsstail.values import shown, value_text
from dsstail.wording import not_shown

MOST_DEVICES = 20_000
MOST_PROPERTIES = 100_000
"""Of all devices together. Beyond either, devices are forgotten that said nothing for longest."""

MOST_OF_ONE = 500
"""Properties of one device; beyond, those are forgotten that came first."""

MOST_JOINED = 50
"""Devices that one event is about."""

EVENTS_BYTES = 20 << 20
"""Bytes of the latest events; beyond, a device that says more is cut down to an equal share, and
all are at twice as many."""

LATEST_BYTES = 4 << 20
"""The same for the latest events of all devices together, ..."""

MOST_EVENTS = 1000
"""... and so many at most, of one device or of all."""

LONGEST = 80
"""Characters of a value or a name that are kept."""

FRESH = 1.5
"""Seconds that a change is highlighted."""

Kept = tuple[bytes, str, float]
"""An event's text, its stream, and the time of its receipt in seconds since the epoch, or 0."""


class Latest(deque[Kept]):
    """The latest events, MOST_EVENTS at most, in so many bytes as `trim` leaves them."""

    __slots__ = ("size", "total")

    def __init__(self) -> None:
        super().__init__(maxlen=MOST_EVENTS)
        self.total = 0
        """Events that there were, kept or not."""
        self.size = 0
        """Bytes of those that are kept."""

    def add(self, event: Kept) -> None:
        if len(self) == MOST_EVENTS:
            self.size -= _size(self[0])
        self.append(event)
        self.size += _size(event)
        self.total += 1

    def trim(self, size: int) -> None:
        """Keep events of so many bytes at most."""
        while self.size > size:
            self.size -= _size(self.popleft())


def _size(event: Kept) -> int:
    return len(event[0]) + TEXT_OVERHEAD


class Property:
    """A property of a device: its value, the one before, and how its last command went."""

    __slots__ = ("acknowledged", "before", "cells", "changed_at", "label", "noted_at", "shown")

    def __init__(self, label: str) -> None:
        self.label = label
        self.shown = ""
        """The value as text; empty before the first one."""
        self.before = ""
        self.changed_at: float | None = None
        """When it got this value, in seconds since the epoch."""
        self.noted_at = float("-inf")
        """The same by the clock of `Devices.take`, by which changes are highlighted."""
        self.cells = 0
        """The most that its value has taken in a row, and keeps, so that others stay in place."""
        self.acknowledged: tuple[bool, str] | None = None
        """Whether the device took what was sent last, and the status that it gave."""

    def is_fresh(self, now: float) -> bool:
        """Whether it has changed just before `now`, by the clock of `Devices.take`."""
        return bool(self.before) and now - self.noted_at < FRESH


class Device:
    """A device, and its latest events."""

    __slots__ = (
        "dsn",
        "event_type",
        "events",
        "failed",
        "heard_at",
        "model",
        "online",
        "place",
        "properties",
        "registered",
        "since",
        "turn",
    )

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.model = ""
        self.online: bool | None = None
        """None as long as no connectivity event has told."""
        self.since: float | None = None
        """When it went on- or offline, in seconds since the epoch."""
        self.registered: bool | None = None
        self.place = ""
        self.event_type = ""
        """Of the last event."""
        self.heard_at: float | None = None
        """The time of the last event, in seconds since the epoch."""
        self.turn = 0
        """How many events of all devices had come when its last one came."""
        self.failed = 0
        """Acks that failed."""
        self.properties: dict[str, Property] = {}
        self.events = Latest()


class Devices(OrderedDict[str, Device]):
    """The devices by their serial numbers, the one that was heard last at the end."""

    def __init__(self, *, utc: bool = False, unicode: bool = True) -> None:
        super().__init__()
        self.forgotten = 0
        """Devices that gave way to others."""
        self.widest = 0
        """Cells of the longest serial number so far."""
        self.latest = Latest()
        """The latest events of all."""
        self.now = 0.0
        """The time of the last event, in seconds since the epoch."""
        self._clock = Clock(utc=utc)
        self._unicode = unicode
        self._turn = 0
        self._properties = 0
        self._size = 0  # of the events that devices keep

    def take(self, texts: list[bytes], stream: str, received_at: float, now: float) -> None:
        """Take events; `received_at` is in seconds since the epoch or 0, `now` of any clock."""
        for text in texts:
            event = skimmed(text)
            self._turn += 1
            kept = text, stream, received_at
            self.latest.add(kept)
            self.latest.trim(LATEST_BYTES)
            for dsn in event.dsns[:MOST_JOINED]:
                device = self._device(dsn[:LONGEST])
                self._note(device, event, received_at)
                self._learn(device, event, now)
                self._keep(device, kept)
            self._forget()

    def _device(self, dsn: str) -> Device:
        """The device, as the one that was heard last."""
        device = self.get(dsn)
        if device is None:
            device = self[dsn] = Device(dsn)
            self.widest = max(self.widest, width(visible(dsn, unicode=self._unicode)))
        else:
            self.move_to_end(dsn)
        return device

    def _note(self, device: Device, event: Event, received_at: float) -> None:
        device.turn = self._turn
        device.event_type = event.event_type[:LONGEST]
        device.model = event.oem_model[:LONGEST] or device.model
        at = self._clock.seconds(event.time) or received_at or None
        if at is not None:
            device.heard_at = self.now = at

    def _learn(self, device: Device, event: Event, now: float) -> None:
        """Take in what happened."""
        body = event.body
        match event.event_type:
            case "connectivity":
                online = {"online": True, "offline": False}.get(str(body.get("status")).lower())
                if online is not device.online or device.since is None:
                    device.since = device.heard_at
                device.online = online
            case "datapoint":
                value = self._value(event) if event.is_whole else not_shown(len(event.text))
                self._learn_value(device, event, now, value)
            case "datapointack" if event.is_whole:
                status = body.get("ack_status")
                success = succeeded(status)
                device.failed += not success
                found = self._property(device, event)
                found.acknowledged = success, self._short(shown(status, unicode=self._unicode))
                self._learn_value(device, event, now, self._value(event))
            case "location" if event.is_whole:
                lat, long = (str(body.get(name, "?")).strip() for name in ("lat", "long"))
                device.place = self._short(f"{lat}, {long}")
            case "registration":
                registered = body.get("registered")
                device.registered = registered if isinstance(registered, bool) else None

    def _learn_value(self, device: Device, event: Event, now: float, value: str) -> None:
        found = self._property(device, event)
        if found.shown and found.shown != value:
            found.before = found.shown
        if found.shown != value:
            found.changed_at = device.heard_at
            found.noted_at = now
        found.shown = value

    def _property(self, device: Device, event: Event) -> Property:
        name = (event.property_name or event.display_name)[:LONGEST]
        found = device.properties.get(name)
        if found is None:
            found = device.properties[name] = Property(self._short(name) or "?")
            self._properties += 1
            if len(device.properties) > MOST_OF_ONE:
                del device.properties[next(iter(device.properties))]
                self._properties -= 1
        return found

    def _value(self, event: Event) -> str:
        value = value_text(event.value, event.base_type, event.text, self._unicode)
        return value if len(value) <= LONGEST else cut(value, LONGEST, unicode=self._unicode)

    def _short(self, text: str) -> str:
        seen = visible(text[:LONGEST], unicode=self._unicode)
        return cut(seen, LONGEST, unicode=self._unicode)

    def _keep(self, device: Device, event: Kept) -> None:
        """Keep the event, and as many before it as there is room for."""
        self._size -= device.events.size
        device.events.add(event)
        self._size += device.events.size
        if self._size > EVENTS_BYTES:
            self._trim(device)
        if self._size > 2 * EVENTS_BYTES:
            for other in self.values():
                self._trim(other)

    def _trim(self, device: Device) -> None:
        self._size -= device.events.size
        device.events.trim(EVENTS_BYTES // len(self))
        self._size += device.events.size

    def _forget(self) -> None:
        while len(self) > MOST_DEVICES or self._properties > MOST_PROPERTIES:
            _, oldest = self.popitem(last=False)
            self._properties -= len(oldest.properties)
            self._size -= oldest.events.size
            self.forgotten += 1
