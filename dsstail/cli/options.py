"""Every option that several commands have: its names, its help, the values that complete it.

They come as typed, None where not given; `config` reads them. A panel is a section of the help.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dsstail import domains

EVENT_TYPES = ("connectivity", "datapoint", "datapointack", "location", "registration")

PANELS = {
    "Recording": "",
    "Recordings": "",
    "Devices": "",
    "Service": "",
    "Faults": "",
    "Connection": "Each has its variable: DSSTAIL_REGION is --region, and so on.",
    "Filters": "Globs; a leading ! excludes. Several of one (a,b) widen, others narrow.",
    "Output": "",
    "Stop": "",
    "Help": "",
}
"""The sections of the help in their order, and what holds for all options in one."""


def among(*values: str) -> Callable[[], list[str]]:
    """What completes an option that takes one of few values."""
    return lambda: list(values)


def _event_types(start: str) -> list[str]:
    """What completes a filter of event types, which may exclude one."""
    return [f"!{one}" if start.startswith("!") else one for one in EVENT_TYPES]


def _profile_names() -> list[str]:
    from dsstail.profiles import names

    return [name for name in names(os.environ) if name.isprintable()]


def _show_help(context: typer.Context, asked: bool) -> None:
    if asked:
        from dsstail.cli.console import say
        from dsstail.cli.help import page

        say(page(context))
        raise typer.Exit


def _show_version(asked: bool) -> None:
    if asked:
        from dsstail import __version__
        from dsstail.cli.console import say

        say(f"dsstail {__version__}")
        raise typer.Exit


_connection: Any = partial(typer.Option, rich_help_panel="Connection")
_filter: Any = partial(typer.Option, rich_help_panel="Filters")
_output: Any = partial(typer.Option, rich_help_panel="Output")
_stop: Any = partial(typer.Option, rich_help_panel="Stop")
_recordings: Any = partial(typer.Option, rich_help_panel="Recordings")
_devices: Any = partial(typer.Option, rich_help_panel="Devices")
_help: Any = partial(typer.Option, rich_help_panel="Help", is_eager=True)


@dataclass
class Access:
    """Where to connect, and with which keys."""

    region: Annotated[
        str | None,
        _connection(
            "--region",
            "-r",
            metavar="REGION",
            autocompletion=among(*domains.REGIONS),
            help="us, eu or cn (default us)",
        ),
    ] = None
    field: Annotated[
        bool | None,
        _connection("--field/--dev", help="deployment (default dev; eu has only field)"),
    ] = None
    client_type: Annotated[
        str | None,
        _connection(
            "--client-type",
            metavar="TYPE",
            autocompletion=among(*domains.CLIENT_TYPES),
            help="cloud or mobile (default cloud)",
        ),
    ] = None
    url: Annotated[
        str | None,
        _connection("--url", metavar="URL", help="wss://HOST/stream, in place of the three above"),
    ] = None
    key: Annotated[
        list[str] | None,
        _connection(
            "--key", "-k", metavar="[NAME=]KEY", help="stream key; several are tailed at once"
        ),
    ] = None
    key_file: Annotated[
        Path | None,
        _connection("--key-file", metavar="PATH", help="keys, one [NAME=]KEY a line; - is stdin"),
    ] = None
    profile: Annotated[
        str | None,
        _connection(
            "--profile",
            "-p",
            metavar="NAME",
            autocompletion=_profile_names,
            help="profile of the configuration file; see dsstail config",
        ),
    ] = None
    ca_file: Annotated[
        Path | None,
        _connection("--ca-file", metavar="PATH", help="trust the authorities in this file as well"),
    ] = None
    allow_plaintext: Annotated[
        bool | None,
        _connection("--allow-plaintext", help="accept ws:// beyond this machine"),
    ] = None


@dataclass
class Connection(Access):
    """And how persistently."""

    from_seq: Annotated[
        str | None, _connection("--from-seq", metavar="N", help="replay from seq N on")
    ] = None
    to_seq: Annotated[
        str | None, _connection("--to-seq", metavar="M", help="end once seq M has come")
    ] = None
    reconnect: Annotated[
        bool | None,
        _connection(
            "--reconnect/--no-reconnect", help="whether to come back when lost (default yes)"
        ),
    ] = None
    retry_for: Annotated[
        str | None,
        _connection(
            "--retry-for",
            metavar="TIME",
            help="give up when lost for so long (default never)",
        ),
    ] = None
    idle_timeout: Annotated[
        str | None,
        _connection("--idle-timeout", metavar="TIME", help="silence that means lost (default 75s)"),
    ] = None
    fill_gaps: Annotated[
        bool | None,
        _connection(
            "--fill-gaps/--no-fill-gaps",
            help="whether to fetch missing events (mobile: no)",
        ),
    ] = None
    max_message_size: Annotated[
        str | None,
        _connection(
            "--max-message-size",
            metavar="SIZE",
            help="refuse larger messages (default 16MiB, at most 64MiB)",
        ),
    ] = None
    strict: Annotated[
        bool | None,
        _connection("--strict/--no-strict", help="end at a gap, reset or malformed frame (exit 5)"),
    ] = None
    save_malformed: Annotated[
        Path | None,
        _connection("--save-malformed", metavar="FILE", help="keep malformed frames in this file"),
    ] = None


@dataclass
class Period:
    """Which events of recordings, by time."""

    since: Annotated[
        str | None,
        _recordings(
            "--since", metavar="TIME", help="from 2026-11-23T14:00, 14:00 (local) or -3h on"
        ),
    ] = None
    until: Annotated[
        str | None, _recordings("--until", metavar="TIME", help="events up to this time")
    ] = None


@dataclass
class Filters:
    """Which events to show."""

    dsn: Annotated[
        list[str] | None,
        _filter("--dsn", "-d", metavar="GLOB", help="device serial number (DSN)"),
    ] = None
    event_type: Annotated[
        list[str] | None,
        _filter(
            "--event-type",
            "-t",
            metavar="TYPE",
            autocompletion=_event_types,
            help="connectivity, datapoint, datapointack, location or registration",
        ),
    ] = None
    property: Annotated[
        list[str] | None, _filter("--property", "-P", metavar="GLOB", help="property of a device")
    ] = None
    oem_model: Annotated[
        list[str] | None, _filter("--oem-model", metavar="GLOB", help="model of a device")
    ] = None


TextOrJson = Annotated[
    str | None,
    _output(
        "--output",
        "-o",
        metavar="FORMAT",
        autocompletion=among("text", "json"),
        help="text or json (default text)",
    ),
]
"""`--output` where a command prints something else than events."""

Color = Annotated[
    str | None,
    _output(
        "--color",
        metavar="WHEN",
        autocompletion=among("auto", "always", "never"),
        help="auto, always or never (default auto)",
    ),
]
Utc = Annotated[bool | None, _output("--utc/--no-utc", help="UTC instead of local time")]
Quiet = Annotated[
    bool | None, _output("--quiet", "-q", help="errors only, no warnings, no summary")
]


@dataclass
class Output:
    """How to print events, and how much to say beside them."""

    output: Annotated[
        str | None,
        _output(
            "--output",
            "-o",
            metavar="FORMAT",
            autocompletion=among("text", "json", "pretty", "csv"),
            help="text, json, pretty or csv (default text on a terminal, json elsewhere)",
        ),
    ] = None
    format: Annotated[
        str | None,
        _output(
            "--format",
            metavar="TEMPLATE",
            help="lines like '{time} {dsn:<16} {value}'",
        ),
    ] = None
    highlight: Annotated[
        str | None,
        _output("--highlight", "-H", metavar="REGEX", help="mark what it finds in lines of text"),
    ] = None
    fold: Annotated[
        bool | None,
        _output("--fold", help="count lines of text that repeat the one before"),
    ] = None
    color: Color = None
    utc: Utc = None
    annotate: Annotated[
        bool | None,
        _output("--annotate/--no-annotate", help="add stream and time of receipt to JSON"),
    ] = None
    quiet: Quiet = None
    verbose: Annotated[
        int,
        _output(
            "--verbose", "-v", count=True, help="say more about the connection; -vv everything"
        ),
    ] = 0


@dataclass
class Look:
    """How to show what is always shown in the same form."""

    color: Color = None
    utc: Utc = None


@dataclass
class Stop:
    """When to stop unasked."""

    count: Annotated[
        str | None, _stop("--count", "-c", metavar="N", help="once N events are shown")
    ] = None
    duration: Annotated[
        str | None, _stop("--duration", metavar="TIME", help="after so long (30s, 5m, 2h)")
    ] = None
    expect: Annotated[
        str | None,
        _stop(
            "--expect",
            metavar="CONDITIONS",
            help="once an event meets 'dsn=AC0* value=1'",
        ),
    ] = None
    timeout: Annotated[
        str | None,
        _stop("--timeout", metavar="TIME", help="how long --expect may take (else exit 124)"),
    ] = None


@dataclass
class Devices:
    """Made-up devices; the names are those of SimulatorSettings."""

    rate: Annotated[
        str | None,
        _devices("--rate", metavar="N", help="events a second, of all together (default 5)"),
    ] = None
    devices: Annotated[
        str | None, _devices("--devices", metavar="N", help="how many (default 5)")
    ] = None
    seed: Annotated[
        str | None, _devices("--seed", metavar="N", help="the same N makes the same events")
    ] = None


@dataclass
class Common:
    """What every command has."""

    show_help: Annotated[
        bool, _help("--help", "-h", callback=_show_help, help="show this help and exit")
    ] = False
    show_version: Annotated[
        bool, _help("--version", "-V", callback=_show_version, help="show the version and exit")
    ] = False
