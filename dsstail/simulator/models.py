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


MODELS = (
    Model(
        "0dfc7900",
        "ledevb",
        (
            Property("Blue_LED", "boolean", "Blue_LED", to_device=True),
            Property("Green_LED", "boolean", "Green_LED", to_device=True),
            Property("Blue_button", "boolean", "Blue_button"),
            Property("cmd", "string", "cmd", words=("blink", "status", "reset"), to_device=True),
            Property(
                "log",
                "string",
                "log",
                words=("boot complete", "link up: wifi|Zigbee", "low memory"),
            ),
            Property("decimal_out", "decimal", "decimal_out", 0, 100, 2.5),
        ),
    ),
    Model(
        "4a61c0f2",
        "HT-200",
        (
            Property("room_temp", "decimal", "Room temperature °C", 16, 27, 0.3),
            Property("setpoint", "decimal", "Set point °C", 18, 24, 0.5, to_device=True),
            Property("humidity", "integer", "Humidity %", 30, 65, 2),
            Property(
                "mode", "string", "Mode", words=("heat", "cool", "auto", "off"), to_device=True
            ),
            Property("valve_open", "boolean", "Valve open"),
        ),
    ),
    Model(
        "4a61c0f2",
        "SP-16A",
        (
            Property("outlet", "boolean", "Outlet", to_device=True),
            Property("power", "decimal", "Power W", 0, 2300, 60),
            Property("voltage", "decimal", "Voltage V", 226, 234, 0.8),
            Property("rssi", "integer", "Wi-Fi RSSI", -88, -41, 3),
        ),
    ),
    Model(
        "b07e19d4",
        "PUMP-P4",
        (
            Property("INLET_FLOW_RATE", "decimal", "INLET_FLOW_RATE", 0, 40, 1.2),
            Property("OUTLET_PRESSURE", "decimal", "OUTLET_PRESSURE", 1, 6, 0.2),
            Property("MOTOR_RPM", "integer", "MOTOR_RPM", 0, 3600, 90),
            Property("PUMP_ENABLE", "boolean", "PUMP_ENABLE", to_device=True),
            Property("FAULT", "string", "FAULT", words=("none", "dry run", "over temperature")),
            Property("TREND_LOG", "file", "TREND_LOG"),
        ),
    ),
    Model(
        "b07e19d4",
        "CAM-D2",
        (
            Property("motion", "boolean", "Motion"),
            Property("night_light", "integer", "Night light", 0, 100, 20, to_device=True),
            Property("battery", "integer", "Battery %", 5, 100, 1),
            Property("snapshot", "file", "Snapshot"),
        ),
    ),
)
