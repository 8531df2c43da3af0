"""`dsstail watch`: streams and devices on the whole terminal, live or from recordings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from dsstail import config
from dsstail.cli.commands import command
from dsstail.cli.console import warn
from dsstail.cli.options import Connection, Filters, Look, Period, Stop
from dsstail.cli.show import Recordings, replaying
from dsstail.errors import ConfigurationError
from dsstail.profiles import choose


@command
def watch(
    connection: Connection,
    recordings: Recordings,
    period: Period,
    filters: Filters,
    look: Look,
    stop: Stop,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...", help="recordings to watch instead of a live stream; - is stdin"
        ),
    ] = None,
) -> int:
    """
    ? tells the keys, q ends it.

    Examples:
      dsstail watch -r eu --field
      dsstail watch -t datapoint,connectivity -d 'AC000W*'
      dsstail watch events.jsonl --speed 10 --max-idle 5s
    """
    stopping = config.stopping(vars(stop))
    if files:
        _refuse(vars(connection), "a live stream: without FILE", but=_OF_BOTH)
        showing = config.showing({"output": "text", **vars(look)}, os.environ, sys.stdout)
        filtering = config.filtering(vars(filters), warn=warn)
        options = vars(recordings) | vars(period) | vars(connection)
        asked = replaying(files, options, filtering, showing)
        from dsstail import pipeline

        strict = bool(connection.strict)
        return pipeline.watch_recordings(asked, filtering, showing, stopping, strict=strict)
    _refuse(vars(recordings) | vars(period), "recordings: give a FILE")
    profile = choose(connection.profile, os.environ, warn)
    settings = config.TailSettings(
        filtering=config.filtering(vars(filters), profile, warn),
        showing=config.showing({"output": "text", **vars(look)}, os.environ, sys.stdout, profile),
        stopping=stopping,
        connecting=config.connecting(vars(connection), os.environ, profile, warn),
    )
    from dsstail import pipeline

    return pipeline.watch(settings)


_OF_BOTH = ("from_seq", "to_seq", "strict")


def _refuse(options: Mapping[str, Any], about: str, but: Sequence[str] = ()) -> None:
    """Raises ConfigurationError for an option that is about something else."""
    for name, value in options.items():
        if value not in (None, []) and name not in but:
            if value is False:
                name = "dev" if name == "field" else f"no_{name}"
            raise ConfigurationError(f"--{name.replace('_', '-')} is about {about}.")
