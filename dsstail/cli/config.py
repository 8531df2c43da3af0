"""`dsstail config`: the configuration file, and what is in effect."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dsstail import profiles
from dsstail.cli.commands import command
from dsstail.cli.console import columns, say, tell, warn, without_keys
from dsstail.cli.options import Connection, Filters, Output, TextOrJson, among
from dsstail.config import Setting, effective
from dsstail.errors import ConfigurationError, OutputError
from dsstail.escaping import visible
from dsstail.given import text_or_json

NAMES = 16
"""Columns for the names of settings."""

TEMPLATE = """\
# Settings of dsstail, in profiles: "dsstail -p lab" is the profile lab.
#
# A flag counts for more than a variable (DSSTAIL_REGION is --region; where and how to connect has
# them), a variable for more than the profile. Paths start at the folder of this file. Take away
# the # before what you need; "dsstail config show -p lab" tells what is in effect, and why.

#default_profile = "lab"       # where there is no -p

#[profiles.lab]

# Where: a place ("dsstail domains" lists all), or a URL instead.
#region = "us"                 # us, eu, cn
#deployment = "dev"            # dev, field
#client_type = "cloud"         # cloud, mobile
#url = "wss://stream.aylanetworks.com/stream"
#ca_file = "authorities.pem"   # trust these as well
#allow_plaintext = false       # ws:// beyond this machine

# The keys, in one way or several: here, in a file, or printed by a command, one [NAME=]KEY a line.
#keys = "KEY"                  # or ["in=KEY", "out=KEY"], or { in = "KEY", out = "KEY" }
#key_file = "~/ayla.keys"
#key_command = "pass show ayla/lab"   # without a shell; for a pipe ["sh", "-c", "a | b"]

# How persistently.
#reconnect = true
#retry_for = "5m"              # give up when lost for so long; without it never
#idle_timeout = "75s"          # silence that means lost
#fill_gaps = true              # fetch what is missing; for mobile keys false
#max_message_size = "16MiB"
#strict = false                # end at a gap, reset or malformed frame
#save_malformed = "malformed.txt"

# Which events: a glob or a list of them, a leading ! excludes.
#dsn = "AC000W0003*"
#event_type = ["datapoint", "datapointack"]
#property = "!Debug*"
#oem_model = "ledevb"

# How to print them.
#output = "text"               # text, json, pretty, csv; without it text on a terminal, else json
#format = "{time} {dsn:<16} {value}"   # lines of text, your way
#highlight = "err|fault"       # mark in them what this finds
#fold = false                  # count those that repeat the one before
#color = "auto"                # auto, always, never
#utc = false
#annotate = false              # add stream and time of receipt to JSON
#quiet = false
"""

ACTIONS = ("path", "show", "init")


@dataclass
class Printing(Output):
    """Output, where `--output` is about what this command prints."""

    output: TextOrJson = None


@command
def config(
    action: Annotated[
        str,
        typer.Argument(
            metavar="path|show|init",
            autocompletion=among(*ACTIONS),
            help="where the file is; what is in effect, and why; write a file to fill in",
        ),
    ],
    connection: Connection,
    filters: Filters,
    output: Printing,
    force: Annotated[
        bool | None,
        typer.Option(
            "--force", rich_help_panel="Output", help="let init overwrite the file that is there"
        ),
    ] = None,
) -> int:
    """
    Examples:
      dsstail config init                write it, all commented out
      dsstail -p lab                     tail with what it has below [profiles.lab]
      dsstail config show -p lab --utc   what is in effect with these options
    """
    if action not in ACTIONS:
        raise ConfigurationError(f'"{action}" is none of {", ".join(ACTIONS)}.')
    path = profiles.location(os.environ)
    if action == "path":
        say(str(path))
    elif action == "init":
        _write(path, overwrite=bool(force))
        tell(f"{path} is written. Fill it in; dsstail config show tells what is in effect.")
    else:
        _show(path, connection, filters, output)
    return 0


def _write(path: Path, *, overwrite: bool) -> None:
    """The template, in a file that nobody else can read: keys are to come."""
    if not overwrite and os.path.lexists(path):
        raise ConfigurationError(f"{path} is there already. --force overwrites it.")
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if_there = os.O_TRUNC if overwrite else os.O_EXCL
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | if_there, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            path.chmod(0o600)
            file.write(TEMPLATE)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}.") from None


def _show(path: Path, connection: Connection, filters: Filters, output: Printing) -> None:
    form = text_or_json(output.output)
    options = vars(connection) | vars(filters) | vars(output) | {"output": None}
    profile = profiles.choose(connection.profile, os.environ, warn)
    there = str(path) if os.path.exists(path) else None
    named_by = "DSSTAIL_CONFIG" if os.environ.get("DSSTAIL_CONFIG") else "default"
    settings = [
        Setting("file", there, named_by),
        Setting("profile", profile.name or None, profile.chosen_by),
        *effective(options, os.environ, profile, sys.stdout, warn),
    ]
    say(_json(settings) if form == "json" else _table(settings))


def _json(settings: list[Setting]) -> str:
    import json

    rows = []
    for setting in settings:
        told = {"value": without_keys(setting.value), "from": setting.origin}
        rows.append(f"  {json.dumps(setting.name)}: {json.dumps(told)}")
    return "{\n" + ",\n".join(rows) + "\n}"


def _table(settings: list[Setting]) -> str:
    rows = [(setting.name, _text(setting), setting.origin) for setting in settings]
    room = columns(sys.stdout) - NAMES - max(len(origin) for *_, origin in rows) - 2 * len("  ")
    width = max((len(value) for _, value, _ in rows if len(value) <= room), default=1)
    return "\n".join(
        visible(f"{name:<{NAMES}}  {value:<{width}}  {origin}") for name, value, origin in rows
    )


def _text(setting: Setting) -> str:
    """The value as the file would have it, but for the quotes; `-` where there is none."""
    value = without_keys(setting.value)
    if isinstance(value, list):
        return ", ".join(value) or "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}s"
    if isinstance(value, int):
        return _size(value) if setting.name == "max_message_size" else str(value)
    return value or "-"


def _size(size: int) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size % (1 << power) == 0:
            return f"{size >> power}{unit}"
    return f"{size}B"
