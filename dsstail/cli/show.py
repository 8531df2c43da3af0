"""`dsstail show`: print recordings."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsstail import config
from dsstail.cli.commands import command
from dsstail.cli.console import warn
from dsstail.cli.options import Filters, Output, Period, Stop
from dsstail.config import Filtering, Showing
from dsstail.errors import ConfigurationError
from dsstail.given import Given
from dsstail.quantities import duration, number, positive, whole_number

if TYPE_CHECKING:
    from dsstail.replay import Replaying

_recordings: Any = partial(typer.Option, rich_help_panel="Recordings")


@dataclass
class Recordings:
    """What of recordings to show, and at which pace."""

    last: Annotated[
        str | None, _recordings("--last", "-n", metavar="N", help="only the last N events")
    ] = None
    follow: Annotated[
        bool | None, _recordings("--follow", "-f", help="go on with what is recorded from now on")
    ] = None
    merge: Annotated[
        bool | None, _recordings("--merge", help="put several files in the order of time")
    ] = None
    speed: Annotated[
        str | None,
        _recordings(
            "--speed", metavar="X", help="at the pace of the events' times; 10 is ten times as fast"
        ),
    ] = None
    max_idle: Annotated[
        str | None,
        _recordings("--max-idle", metavar="TIME", help="with --speed: pause no longer (5s)"),
    ] = None


@dataclass
class Numbers:
    """What a live stream is asked for by the same options."""

    from_seq: Annotated[
        str | None, _recordings("--from-seq", metavar="N", help="events from seq N on")
    ] = None
    to_seq: Annotated[
        str | None, _recordings("--to-seq", metavar="M", help="events up to seq M")
    ] = None
    strict: Annotated[
        bool | None, _recordings("--strict", help="end at a damaged line (exit 5)")
    ] = None


@command
def show(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="recordings, also .gz and .zst; - is stdin"),
    ],
    recordings: Recordings,
    period: Period,
    numbers: Numbers,
    filters: Filters,
    output: Output,
    stop: Stop,
) -> int:
    """
    Examples:
      dsstail show events.jsonl -n 20      the last 20 events
      dsstail show -f events.jsonl         what is being recorded, through rotation
      dsstail show events.*.gz events.jsonl -d AC000W000340649 --since -3h
      dsstail show events.jsonl --speed 10 --max-idle 5s
      zcat old.gz | dsstail show - -o csv > old.csv
    """
    showing = config.showing(vars(output), os.environ, sys.stdout, stderr=sys.stderr, warn=warn)
    filtering = config.filtering(vars(filters), warn=warn)
    options = vars(recordings) | vars(period) | vars(numbers)
    asked = replaying(files, options, filtering, showing)
    stopping = config.stopping(vars(stop))
    for path in files:
        _check_is_not_output(path)
    from dsstail import pipeline

    return pipeline.show(asked, showing, stopping, strict=bool(numbers.strict))


def replaying(
    files: Sequence[str], options: Mapping[str, Any], filtering: Filtering, showing: Showing
) -> Replaying:
    """The replay that was asked for."""
    from dsstail import filters
    from dsstail.replay import Replaying, Window

    given = Given(options, environment={})
    since, until = period_of(options, utc=showing.utc, now=time.time())
    asked = Replaying(
        paths=tuple(files),
        selection=filters.build(**asdict(filtering)),
        window=Window(
            since=since,
            until=until,
            from_seq=given.value("from_seq", whole_number, 0),
            to_seq=given.value("to_seq", whole_number, inf),
        ),
        last=given.value("last", whole_number, None),
        follow=given.switch("follow", default=False),
        merge=given.switch("merge", default=False),
        speed=given.value("speed", positive(number), None),
        max_idle=given.value("max_idle", duration, inf),
        apart=showing.output in ("text", "csv"),
        annotated=showing.annotate,
    )
    _check(asked)
    return asked


def period_of(options: Mapping[str, Any], *, utc: bool, now: float) -> tuple[float, float]:
    """The times of `--since` and `--until`, in seconds since the epoch; infinite if not given.

    Without an offset they are local times, or in UTC if times are shown so; where a clock that is
    changed shows one twice, or never, the longer period is meant. Raises ConfigurationError for
    what is no time, and for an end before the beginning.
    """
    given = Given(options, environment={})
    since = given.value("since", partial(_time, now=now, utc=utc, choose=min), -inf)
    until = given.value("until", partial(_time, now=now, utc=utc, choose=max), inf)
    if until < since:
        raise ConfigurationError("--until comes before --since.")
    return since, until


def _check(asked: Replaying) -> None:
    """Raises ConfigurationError for what makes no sense together."""
    if asked.window.to_seq < asked.window.from_seq:
        raise ConfigurationError("--to-seq comes before --from-seq.")
    if asked.speed is not None and asked.follow:
        raise ConfigurationError("--speed replays what is recorded, --follow awaits what comes.")
    if asked.speed is None and asked.max_idle != inf:
        raise ConfigurationError("--max-idle shortens the pauses of --speed: give both.")


def _check_is_not_output(path: str) -> None:
    """Raises ConfigurationError for the file that stdout goes to: to show it has no end."""
    with suppress(OSError):
        read, written = os.stat(0 if path == "-" else path), os.fstat(1)
        if stat.S_ISREG(read.st_mode) and os.path.samestat(read, written):
            raise ConfigurationError(f"the output goes into {path}, which is to be shown.")


def _time(text: str, *, now: float, utc: bool, choose: Callable[[Iterable[float]], float]) -> float:
    """From a time by RFC 3339, from `14:00`, the last there was, or from `-3h`, so long ago.

    `choose` decides between the two that a local time can be where clocks change. Raises
    ValueError.
    """
    with suppress(ValueError):
        return choose(_instants(_date_and_time(text, now, UTC if utc else None)))
    with suppress(ValueError):
        return now - duration(text.removeprefix("-"))
    raise ValueError(f'"{text}" is not a time such as 2026-11-23T14:00, 14:00 or -3h, so long ago')


def _date_and_time(text: str, now: float, zone: tzinfo | None) -> datetime:
    """When that is, in a zone, or in local time without one. Raises ValueError."""
    for form in ("%H:%M", "%H:%M:%S"):
        with suppress(ValueError):
            of_day = datetime.strptime(text, form).time()
            at = datetime.combine(datetime.fromtimestamp(now, zone), of_day, zone)
            return at if at.timestamp() <= now else at - timedelta(days=1)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _instants(at: datetime) -> Iterator[float]:
    """The two that a local time can be where clocks change, elsewhere one twice.

    At the ends of the calendar it is there once, or not at all.
    """
    for fold in (0, 1):
        with suppress(ValueError, OverflowError):
            yield at.replace(fold=fold).timestamp()
