"""`dsstail simulate`: the embedded service, for tests and trials without an account."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsstail.cli.commands import PROGRAM, command
from dsstail.cli.console import say, tell
from dsstail.cli.options import EVENT_TYPES, Devices, among
from dsstail.config import each
from dsstail.errors import ConfigurationError
from dsstail.given import Given
from dsstail.quantities import duration, number, positive, whole_number

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
            metavar="[FILE]",
            help="recording to serve instead of made-up devices, also .gz and .zst",
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
            help="only events of this type; several with commas",
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
        str | None,
        _service(
            "--history",
            metavar="N",
            help="events made before the first client comes (default 1000)",
        ),
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
        _fault(
            "--skip",
            metavar="SHARE",
            help="share of live events to withhold, so that gaps can be seen: 0.01",
        ),
    ] = None
    quiet: Annotated[
        bool | None,
        typer.Option("--quiet", "-q", rich_help_panel="Output", help="say nothing of who connects"),
    ] = None


@command
def simulate(service: Service, devices: Devices) -> int:
    """
    Examples:
      dsstail simulate
      dsstail simulate --rate 1000 --devices 50 --port 8080
      dsstail simulate events.jsonl --drop-every 10s
    """
    from dsstail.interruption import raising
    from dsstail.simulator import Simulator
    from dsstail.stderr import clear_line

    settings = simulator_settings(vars(service) | vars(devices))
    try:
        with raising(), Simulator(settings, None if service.quiet else tell) as simulator:
            key = simulator.key if settings.key else f"any, such as {simulator.key}"
            tail = [PROGRAM, "--url", simulator.url, "--key", simulator.key]
            say(f"url  {simulator.url}\nkey  {key}\ntry  {shlex.join(tail)}")
            if not service.quiet:
                tell("Ctrl-C ends it.")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        clear_line()
        return 0


_NUMBERS = {
    "rate": positive(number),
    "devices": positive(whole_number),
    "port": whole_number,
    "history": whole_number,
    "seed": whole_number,
    "heartbeat_every": positive(duration),
    "drop_every": positive(duration),
    "skip": number,
}

_ABOUT_DEVICES = {
    "devices": "--devices",
    "seed": "--seed",
    "event_types": "--event-type",
    "history": "--history",
}
"""What has no meaning with a recording."""


def simulator_settings(options: Mapping[str, Any]) -> SimulatorSettings:
    """The simulator that was asked for; what was not, is as it is by default there."""
    from dsstail.simulator import SimulatorSettings

    if options.get("recording") is not None:
        for name, option in _ABOUT_DEVICES.items():
            if options.get(name):
                raise ConfigurationError(f"{option} is about made-up devices, not about a FILE.")
    given = Given(options, environment={})
    asked: dict[str, Any] = {
        name: given.value(name, parse, None) for name, parse in _NUMBERS.items()
    }
    asked |= {name: options.get(name) for name in ("recording", "key")}
    asked["event_types"] = each(options.get("event_types") or ()) or None
    return SimulatorSettings(**{n: value for n, value in asked.items() if value is not None})
