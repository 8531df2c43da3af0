"""`dsstail simulate`: the embedded service, for tests and trials without an account."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsstail.cli.commands import PROGRAM, command
from dsstail.cli.console import say
from dsstail.cli.options import EVENT_TYPES, Devices, among
from dsstail.config import Given, duration, number, whole_number

if TYPE_CHECKING:
    from dsstail.simulator import SimulatorSettings

_service: Any = partial(typer.Option, rich_help_panel="Service")
_fault: Any = partial(typer.Option, rich_help_panel="Faults")


@dataclass
class Service:
    """What is served, and how; the names are those of SimulatorSettings."""

    recording: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="recording to serve instead of made-up devices (JSONL)"
        ),
    ] = None
    event_types: Annotated[
        list[str] | None,
        typer.Option(
            "--event-type",
            "-t",
            metavar="TYPE",
            autocompletion=among(*EVENT_TYPES),
            rich_help_panel="Devices",
            help="only events of this type; repeat it for more",
        ),
    ] = None
    seed: Annotated[
        str | None,
        typer.Option(
            "--seed", metavar="N", rich_help_panel="Devices", help="make the same events every time"
        ),
    ] = None
    port: Annotated[
        str | None,
        _service("--port", metavar="PORT", help="port on 127.0.0.1 (default a free one)"),
    ] = None
    key: Annotated[
        str | None,
        _service("--key", "-k", metavar="KEY", help="the only key to accept (default any)"),
    ] = None
    history: Annotated[
        str | None, _service("--history", metavar="N", help="past events to replay (default 1000)")
    ] = None
    heartbeat_every: Annotated[
        str | None,
        _service("--heartbeat-every", metavar="TIME", help="time between heartbeats (default 30s)"),
    ] = None
    drop_every: Annotated[
        str | None,
        _fault("--drop-every", metavar="TIME", help="reset each connection after so long"),
    ] = None
    skip: Annotated[
        str | None,
        _fault("--skip", metavar="SHARE", help="share of events to hold back for replay: 0.01"),
    ] = None


@command
def simulate(service: Service, devices: Devices) -> int:
    """
    Examples:
      dsstail simulate
      dsstail simulate --rate 1000 --devices 50 --port 8080
      dsstail simulate events.jsonl --drop-every 10s
    """
    from dsstail.simulator import Simulator

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Simulator(simulator_settings(vars(service) | vars(devices))) as simulator:
            tail = [PROGRAM, "--url", simulator.url, "--key", simulator.key]
            say(f"url  {simulator.url}\nkey  {simulator.key}\ntry  {shlex.join(tail)}")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0


_NUMBERS = {
    "rate": number,
    "devices": whole_number,
    "port": whole_number,
    "history": whole_number,
    "seed": whole_number,
    "heartbeat_every": duration,
    "drop_every": duration,
    "skip": number,
}


def simulator_settings(options: Mapping[str, Any]) -> SimulatorSettings:
    """The simulator that was asked for; what was not, is as it is by default there."""
    from dsstail.simulator import SimulatorSettings

    given = Given(options, environment={})
    asked: dict[str, Any] = {
        name: given.value(name, parse, None) for name, parse in _NUMBERS.items()
    }
    asked |= {name: options.get(name) for name in ("recording", "key")}
    asked["event_types"] = tuple(options.get("event_types") or ()) or None
    return SimulatorSettings(**{n: value for n, value in asked.items() if value is not None})
