"""Made-up devices whose properties live, and the events that this causes.

The members of an event and their order are those of the service's documentation.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import orjson

from dsstail.simulator.models import MODELS, Model, Property

SHARES = {
    "datapoint": 70,
    "datapointack": 15,
    "connectivity": 8,
    "location": 4,
    "registration": 3,
}
"""How many of a hundred events are of which type, when all types are wanted."""

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The `user_uuid` of what no user did."""

Outcome = tuple[int, int | str]
"""The `ack_status` and `ack_message` of a command."""

SUCCESS: Outcome = (200, 0)
TIMED_OUT: Outcome = (408, "timed out")
FAILURES: tuple[Outcome, ...] = (TIMED_OUT, (404, 1), (500, 2))


class _Device:
    """One device: who it is, where it stands, what it measures."""

    def __init__(self, model: Model, dsn: str, rng: Random) -> None:
        self.identity = {
            "oem_id": model.oem_id,
            "oem_model": model.oem_model,
            "dsn": dsn,
        }
        self.dsn = dsn
        self.online = True
        self.ip = f"203.0.113.{rng.randrange(1, 255)}"
        self.lat = rng.uniform(36, 48)
        self.long = rng.uniform(-120, -70)
        self.twins = [_Twin(self, what, rng) for what in model.properties]
        self.commands = [twin for twin in self.twins if twin.what.to_device]


class _Twin:
    """One property of one device, and its present value."""

    def __init__(self, device: _Device, what: Property, rng: Random) -> None:
        identity = device.identity | {
            "property_name": what.name,
            "display_name": what.display_name,
            "base_type": what.base_type,
        }
        self.device = device
        self.what = what
        self.datapoint_metadata = _metadata(identity, "datapoint")
        self.ack_metadata = _metadata(identity, "datapointack")
        self.value: Any = rng.uniform(what.low, what.high)
        self.walk(rng, NOBODY)

    def walk(self, rng: Random, datapoint_id: str) -> None:
        """Take the next value: toggle, drift, another word, a new file."""
        what = self.what
        if what.base_type == "boolean":
            self.value = 0 if self.value else 1
        elif what.base_type == "string":
            self.value = rng.choice(what.words)
        elif what.base_type == "file":
            self.value = (
                f"https://ads-dev.aylanetworks.com/apiv1/dsns/{self.device.dsn}"
                f"/properties/{what.name}/datapoints/{datapoint_id}.json"
            )
        else:
            drifted = self.value + (2 * rng.random() - 1) * what.step
            within = min(max(drifted, what.low), what.high)
            decimal = what.base_type == "decimal"
            self.value = round(float(within), 1) if decimal else round(within)


@dataclass(frozen=True, slots=True)
class _Command:
    """A datapoint on its way to the device; `due` is the seq from which on its ack comes."""

    twin: _Twin
    datapoint: dict[str, Any]
    due: int


class Fleet:
    """Devices and what happens to them, one event after the other, numbered from 0.

    The same `seed` makes the same devices; the same `seed` and `key` make the same events,
    their times aside.
    """

    def __init__(self, devices: int, event_types: tuple[str, ...], seed: int, key: str) -> None:
        birth = Random(f"{seed}")
        self._online = [
            _Device(MODELS[number % len(MODELS)], f"AC000W{serial:09}", birth)
            for number, serial in enumerate(birth.sample(range(1, 10**7), devices))
        ]
        self._offline: deque[_Device] = deque()
        self._unregistered: deque[_Device] = deque()
        self._commands: deque[_Command] = deque()
        self._acks = "datapointack" in event_types
        # Acks follow datapoints, and are drawn themselves only where those are not wanted.
        drawn = set(event_types) - ({"datapointack"} if "datapoint" in event_types else set())
        self._deck = [kind for kind in SHARES if kind in drawn for _ in range(SHARES[kind])]
        self._rng = Random(f"{seed} {key}")
        self._seq = 0

    @property
    def exhausted(self) -> bool:
        """Devices never run out of events."""
        return False

    def next(self, at: float) -> tuple[int, bytes]:
        """The next event, its number and its text; `at` is its time in seconds since 1970."""
        seq = self._seq
        self._seq += 1
        happening = orjson.dumps(self._happening(_utc(int(at))))
        # A new text, and not orjson's own, whose buffer of 4 KiB would be held with it.
        return seq, b'{"seq":"%d",%s' % (seq, happening[1:])

    def _happening(self, now: str) -> dict[str, Any]:
        if self._commands and self._commands[0].due <= self._seq:
            return self._ack(now)
        kind = self._draw()
        if kind == "datapoint":
            commanded = self._rng.random() * SHARES["datapoint"] < SHARES["datapointack"]
            return self._datapoint(now, commanded)
        if kind == "datapointack":
            self._datapoint(now, commanded=True)
            return self._ack(now)
        if kind == "connectivity":
            return self._connectivity(now)
        if kind == "location":
            return self._location(now)
        return self._registration(now)

    def _draw(self) -> str:
        if self._online:
            return self._rng.choice(self._deck)
        return "connectivity" if self._offline else "registration"

    def _datapoint(self, now: str, commanded: bool) -> dict[str, Any]:
        device = self._rng.choice(self._online)
        twin = self._rng.choice(device.commands if commanded else device.twins)
        datapoint_id = self._uuid()
        echo = twin.what.to_device and not commanded
        if not echo:
            twin.walk(self._rng, datapoint_id)
        datapoint = {
            "id": datapoint_id,
            "created_at_from_device": None,
            "updated_at": now,
            "created_at": now,
            "user_uuid": NOBODY,
            "echo": echo,
            "closed": False,
            "value": twin.value,
        }
        if commanded and self._acks:
            due = self._seq + self._rng.randrange(1, 4)
            self._commands.append(_Command(twin, datapoint, due))
        return {
            "metadata": twin.datapoint_metadata,
            "datapoint": {**datapoint, "metadata": {}},
        }

    def _ack(self, now: str) -> dict[str, Any]:
        command = self._commands.popleft()
        outcome = SUCCESS
        if not command.twin.device.online:
            outcome = TIMED_OUT
        elif self._rng.random() < 0.06:
            outcome = self._rng.choice(FAILURES)
        ack: dict[str, Any] = {
            "ack_message": outcome[1],
            "ack_status": outcome[0],
            "ack_id": self._uuid(),
            "acked_at": now,
            "metadata": {},
        }
        return {
            "metadata": command.twin.ack_metadata,
            "datapoint": command.datapoint | ack,
        }

    def _connectivity(self, now: str) -> dict[str, Any]:
        device = self._send_or_fetch(self._offline)
        connection = {
            "event_time": now,
            "user_uuid": NOBODY,
            "status": "Online" if device.online else "Offline",
        }
        metadata = _metadata(device.identity, "connectivity")
        return {"metadata": metadata, "connection": connection}

    def _location(self, now: str) -> dict[str, Any]:
        device = self._rng.choice(self._online)
        device.lat += self._rng.uniform(-0.001, 0.001)
        device.long += self._rng.uniform(-0.001, 0.001)
        location = {
            "dsn": device.dsn,
            "ip": device.ip,
            "lat": f"{device.lat:10.6f}",
            "long": f"{device.long:10.6f}",
            "provider": "ip-based",
            "user_uuid": NOBODY,
            "created_at": now,
        }
        metadata = _metadata(device.identity, "location")
        return {"metadata": metadata, "location_event": location}

    def _registration(self, now: str) -> dict[str, Any]:
        device = self._send_or_fetch(self._unregistered)
        registration = {
            "dsn": device.dsn,
            "user_uuid": self._uuid() if device.online else None,
            "registered": device.online,
            "registration_type": "AP-Mode",
            ("registered_at" if device.online else "unregistered_at"): now,
        }
        metadata = _metadata(device.identity, "registration")
        return {"metadata": metadata, "registration_event": registration}

    def _send_or_fetch(self, away: deque[_Device]) -> _Device:
        """Fetch the device that has been `away` longest back online, or send one there."""
        if away and (not self._online or self._rng.random() < 0.7):
            device = away.popleft()
            self._online.append(device)
        else:
            device = self._online.pop(self._rng.randrange(len(self._online)))
            away.append(device)
        device.online = not device.online
        return device

    def _uuid(self) -> str:
        digits = f"{self._rng.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-11e8-{digits[16:20]}-{digits[20:]}"


def _metadata(identity: dict[str, str], event_type: str) -> orjson.Fragment:
    """The metadata as JSON text already, since those of most events never change."""
    members = {**identity, "resource_tags": [], "event_type": event_type}
    return orjson.Fragment(b"%b" % orjson.dumps(members))  # a new text, as in `Fleet.next`


@lru_cache(maxsize=16)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
