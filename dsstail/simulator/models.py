"""The models of which devices are made up: what they measure and what they can be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Property:
    """What a model says about one of its properties.

    A number drifts between `low` and `high` by up to `step`; a string is one of `words`.
    `to_device`: the cloud sets it, and the device acknowledges.
    """

    name: str
    base_type: str
    display_name: str
    low: float = 0
    high: float = 0
    step: float = 0
    words: tuple[str, ...] = ()
    to_device: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """A product: every device of it has these properties."""

    oem_id: str
    oem_model: str
    properties: tuple[Property, ...]


def _boolean(name: str, display_name: str = "", to_device: bool = False) -> Property:
    return Property(name, "boolean", display_name or name, to_device=to_device)


def _integer(
    name: str,
    display_name: str,
    low: int,
    high: int,
    step: int,
    to_device: bool = False,
) -> Property:
    return Property(name, "integer", display_name, low, high, step, to_device=to_device)


def _decimal(
    name: str,
    display_name: str,
    low: float,
    high: float,
    step: float,
    to_device: bool = False,
) -> Property:
    return Property(name, "decimal", display_name, low, high, step, to_device=to_device)


def _string(
    name: str, display_name: str, words: tuple[str, ...], to_device: bool = False
) -> Property:
    return Property(name, "string", display_name, words=words, to_device=to_device)


def _file(name: str, display_name: str) -> Property:
    return Property(name, "file", display_name)


MODELS = (
    Model(
        "0dfc7900",
        "ledevb",
        (
            _boolean("Blue_LED", to_device=True),
            _boolean("Green_LED", to_device=True),
            _boolean("Blue_button"),
            _string("cmd", "cmd", ("blink", "status", "reset"), to_device=True),
            _string("log", "log", ("boot complete", "link up: wifi|Zigbee", "low memory")),
            _decimal("decimal_out", "decimal_out", 0, 100, 2.5),
        ),
    ),
    Model(
        "4a61c0f2",
        "HT-200",
        (
            _decimal("room_temp", "Room temperature °C", 16, 27, 0.3),
            _decimal("setpoint", "Set point °C", 18, 24, 0.5, to_device=True),
            _integer("humidity", "Humidity %", 30, 65, 2),
            _string("mode", "Mode", ("heat", "cool", "auto", "off"), to_device=True),
            _boolean("valve_open", "Valve open"),
        ),
    ),
    Model(
        "4a61c0f2",
        "SP-16A",
        (
            _boolean("outlet", "Outlet", to_device=True),
            _decimal("power", "Power W", 0, 2300, 60),
            _decimal("voltage", "Voltage V", 226, 234, 0.8),
            _integer("rssi", "Wi-Fi RSSI", -88, -41, 3),
        ),
    ),
    Model(
        "b07e19d4",
        "PUMP-P4",
        (
            _decimal("INLET_FLOW_RATE", "INLET_FLOW_RATE", 0, 40, 1.2),
            _decimal("OUTLET_PRESSURE", "OUTLET_PRESSURE", 1, 6, 0.2),
            _integer("MOTOR_RPM", "MOTOR_RPM", 0, 3600, 90),
            _boolean("PUMP_ENABLE", to_device=True),
            _string("FAULT", "FAULT", ("none", "dry run", "over temperature")),
            _file("TREND_LOG", "TREND_LOG"),
        ),
    ),
    Model(
        "b07e19d4",
        "CAM-D2",
        (
            _boolean("motion", "Motion"),
            _integer("night_light", "Night light", 0, 100, 20, to_device=True),
            _integer("battery", "Battery %", 5, 100, 1),
            _file("snapshot", "Snapshot"),
        ),
    ),
)
