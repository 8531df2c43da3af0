"""The events that the benchmark sends: about 470 bytes each, and as varied as real ones.

Of a hundred events 5 are connectivity, 85 datapoint, 8 datapointack, and one each location and
registration; every thousand holds each of a thousand devices once. So filters know what they
will find. The last event is a connectivity event of the device `ONE`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from dsstail.messages import HEARTBEAT, encode

FIRST_SEQ = 10_000_000
"""All numbers have eight digits, so that frames can be sent again with others."""

HEARTBEAT_EVERY = 50_000
"""Events between two heartbeats."""

ONE = "AC000W000000081"
"""A device that sends one event in a thousand."""

_DEVICES = 1000
_KINDS = ["connectivity"] * 5 + ["datapoint"] * 85 + ["datapointack"] * 8
_KINDS += ["location", "registration"]
_START = 1_790_000_000  # seconds since the epoch, when the first event happened

_PROPERTIES = (
    ("INLET_FLOW_RATE", "INLET_FLOW_RATE", "decimal"),
    ("Blue_LED", "Blue_LED", "boolean"),
    ("outdoor_temperature", "Outdoor temperature", "decimal"),
    ("firmware_version", "Firmware", "string"),
    ("error_count", "error_count", "integer"),
    ("compressor_state", "Compressor", "integer"),
    ("schedule_next_run", "Next run", "string"),
)


@dataclass(slots=True)
class Expected:
    """What a receiver of so many events ends up with."""

    events: int = 0
    heartbeats: int = 0
    of_one: int = 0
    connectivity: int = 0
    lines: int = 0
    """Bytes of the events, one a line."""
    messages: int = 0
    """Bytes of all messages, one a line: what websocat prints."""
    wire: int = 0
    """Bytes of all frames."""


def event(number: int, chance: random.Random, *, last: bool = False) -> bytes:
    """The JSON text of the event with this number, counted from 0; compact, as on the wire."""
    dsn = ONE if last else f"AC000W{number * 7919 % _DEVICES:09d}"
    kind = "connectivity" if last else _KINDS[(number * 37 + number // _DEVICES) % len(_KINDS)]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_START + number // 1000))
    head = f'{{"seq":"{FIRST_SEQ + number}","metadata":{{"oem_id":"0dfc7900","oem_model":'
    head += f'"linuxevb","dsn":"{dsn}",'
    user = '"user_uuid":"00000000-0000-0000-0000-000000000000"'
    match kind:
        case "datapoint" | "datapointack":
            name, shown, base_type = _PROPERTIES[chance.randrange(len(_PROPERTIES))]
            head += f'"property_name":"{name}","display_name":"{shown}","base_type":"{base_type}",'
            body = (
                f'"datapoint":{{"id":"{_uuid(chance)}","created_at_from_device":null,'
                f'"updated_at":"{at}","created_at":"{at}",{user},"echo":false,"closed":false,'
                f'"value":{_value(base_type, chance)},'
            )
            if kind == "datapointack":
                result = 200 if chance.random() < 0.95 else 500
                body += f'"ack_message":0,"ack_status":{result},"ack_id":"{_uuid(chance)}",'
                body += f'"acked_at":"{at}",'
            body += '"metadata":{}}'
        case "connectivity":
            status = "Online" if chance.random() < 0.5 else "Offline"
            body = f'"connection":{{"event_time":"{at}",{user},"status":"{status}"}}'
        case "location":
            body = (
                f'"location_event":{{"dsn":"{dsn}","ip":"67.255.{chance.randrange(256)}.73",'
                f'"lat":" {chance.uniform(30, 50):.6f}","long":"-{chance.uniform(70, 99):.6f}",'
                f'"provider":"ip-based",{user},"created_at":"{at}"}}'
            )
        case _:
            body = (
                f'"registration_event":{{"dsn":"{dsn}",{user},"registered":true,'
                f'"registration_type":"AP-Mode","registered_at":"{at}"}}'
            )
    return f'{head}"event_type":"{kind}"}},{body}}}'.encode()


def messages(count: int) -> Iterator[bytes]:
    """So many events as text messages, a heartbeat among every HEARTBEAT_EVERY; always the same."""
    chance = random.Random(count)
    for number in range(count):
        if number % HEARTBEAT_EVERY == HEARTBEAT_EVERY // 2:
            yield HEARTBEAT
        yield encode(event(number, chance, last=number == count - 1))


def frame(message: bytes) -> bytes:
    """A message as one unmasked text frame, as a server sends it (RFC 6455, 5.2)."""
    size = len(message)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return b"\x81" + length + message


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


def _value(base_type: str, chance: random.Random) -> str:
    match base_type:
        case "decimal":
            return f"{chance.uniform(-40, 120):.2f}"
        case "boolean":
            return str(chance.randrange(2))
        case "integer":
            return str(chance.randrange(1000))
    return f'"v{chance.randrange(100)}.{chance.randrange(10)}"'


DATAPOINT = next(
    text for text in (event(n, random.Random(n)) for n in range(100)) if b'"value"' in text
)
"""The text of one of them that has a value."""
