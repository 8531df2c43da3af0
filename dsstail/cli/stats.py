"""`dsstail stats`: what recordings hold, in numbers and plots."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsstail import config
from dsstail.cli.commands import command
from dsstail.cli.console import columns, say, warn
from dsstail.cli.options import Color, Filters, Period, Quiet, TextOrJson, Utc
from dsstail.cli.show import period_of
from dsstail.errors import OutputError
from dsstail.escaping import shows_unicode
from dsstail.given import Given, text_or_json
from dsstail.quantities import positive, whole_number

if TYPE_CHECKING:
    from dsstail.charts.view import View

_output: Any = partial(typer.Option, rich_help_panel="Output")

TOP = 10
"""Entries of a list for people."""

NARROWEST, WIDEST = 60, 160
"""Columns of the page: with less a serial number has no room; longer lines are hard to follow."""


@dataclass
class Report:
    """What to tell, and where."""

    output: TextOrJson = None
    svg: Annotated[
        Path | None, _output("--svg", metavar="FILE", help="draw a report into this file, too")
    ] = None
    top: Annotated[
        str | None,
        _output("--top", metavar="N", help="list N of each kind (default 10; with -o json all)"),
    ] = None
    color: Color = None
    utc: Utc = None
    quiet: Quiet = None


@command
def stats(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="recordings and pieces of them; - is stdin"),
    ],
    period: Period,
    filters: Filters,
    report: Report,
) -> int:
    """
    Events over time, by type, device and property; which devices were away; acks,
    failures and latencies; what was measured. Gaps, repetitions and damage are told
    of all of the recording, whatever the filters.

    Examples:
      dsstail stats events.jsonl
      dsstail stats events.*.jsonl.gz events.jsonl --since -24h --svg day.svg
      dsstail stats events.jsonl -d AC000W000340649 -o json | jq .acks
    """
    given = Given(vars(report), environment={})
    form = text_or_json(report.output)
    showing = config.showing({**vars(report), "output": "text"}, os.environ, sys.stdout)
    top = given.value("top", positive(whole_number), TOP if form == "text" else None)
    since, until = period_of(vars(period), utc=showing.utc, now=time.time())
    wanted = config.filtering(vars(filters), warn=warn)
    from dsstail.charts.view import View
    from dsstail.filters import build
    from dsstail.json_text import count_no_lines
    from dsstail.replay import Window
    from dsstail.report import Reporter
    from dsstail.survey import survey

    count_no_lines()
    if report.svg is not None:
        _check_picture(report.svg)
    statistics = survey(
        files,
        build(**asdict(wanted)),
        Window(since=since, until=until),
        utc=showing.utc,
        reporter=Reporter(quiet=showing.quiet),
    )
    if report.svg is not None:
        _draw(View(statistics, utc=showing.utc, top=top or TOP), report.svg)
    view = View(statistics, utc=showing.utc, top=top)
    if form == "json":
        from dsstail.charts.document import document

        say(document(view))
    else:
        say(_page(view, showing.color))
    return 0


def _page(view: View, color: bool) -> str:
    from dsstail.charts.page import page
    from dsstail.render import Style

    style = Style(
        color=color,
        utc=view.utc,
        width=max(columns(sys.stdout, WIDEST), NARROWEST),
        unicode=shows_unicode(sys.stdout),
    )
    return page(view, style)


def _check_picture(path: Path) -> None:
    """Raises OutputError where no picture can be drawn into this file.

    Nor into one that is something else: `--svg *.gz` names a recording.
    """
    from dsstail.replacing import check

    check(path)
    if path.suffix == ".svg" or not path.is_file():
        return
    try:
        with path.open("rb") as file:
            beginning = file.read(1)
    except OSError:  # what cannot be read can be precious
        beginning = b"?"
    if beginning not in (b"", b"<"):
        raise OutputError(f"{path} is no picture, and was left as it is. --svg needs another name.")


def _draw(view: View, path: Path) -> None:
    from dsstail.charts.drawing import drawing
    from dsstail.interruption import raising
    from dsstail.replacing import replace

    picture = drawing(view).encode()
    with raising(hangup=True):  # or half of it would stay beside its place
        replace(path, picture)
