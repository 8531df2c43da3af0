"""`dsstail record`: append events to a file, and take up where it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsstail import config
from dsstail.cli.commands import command
from dsstail.cli.console import warn
from dsstail.cli.options import Connection, Filters, Output, Stop, among
from dsstail.given import Given, one_of
from dsstail.profiles import choose
from dsstail.quantities import duration, positive, size, whole_number

if TYPE_CHECKING:
    from dsstail.recording.recorder import RecordingSettings

_recording: Any = partial(typer.Option, rich_help_panel="Recording")


@dataclass
class Recording:
    """Where to record, and how."""

    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="file to append to; {stream} and %Y-%m-%d in its name make a file each",
        ),
    ]
    overwrite: Annotated[bool | None, _recording("--overwrite", help="begin the file anew")] = None
    resume: Annotated[
        bool | None,
        _recording("--resume/--no-resume", help="ask for what came after its end (default)"),
    ] = None
    tee: Annotated[bool | None, _recording("--tee", help="show the events, too")] = None
    fsync: Annotated[
        str | None,
        _recording(
            "--fsync",
            metavar="WHEN",
            autocompletion=among("always", "1s", "never"),
            help="what a power cut may cost: always nothing, 1s (default) a second, never",
        ),
    ] = None
    on_full: Annotated[
        str | None,
        _recording(
            "--on-full",
            metavar="WHAT",
            autocompletion=among("stop", "wait"),
            help="on a full disk stop (default), or wait for room",
        ),
    ] = None
    rotate_size: Annotated[
        str | None,
        _recording("--rotate-size", metavar="SIZE", help="begin a new file before it is larger"),
    ] = None
    rotate_every: Annotated[
        str | None,
        _recording("--rotate-every", metavar="TIME", help="begin a new file each 1h or 1d, by UTC"),
    ] = None
    keep: Annotated[
        str | None, _recording("--keep", metavar="N", help="remove all but N complete files")
    ] = None
    compress: Annotated[
        str | None,
        _recording(
            "--compress",
            metavar="FORM",
            autocompletion=among("gz", "zst"),
            help="compress complete files: gz or zst",
        ),
    ] = None


_ABOUT_LINES = ("output", "format", "highlight", "fold")


@command
def record(
    recording: Recording, connection: Connection, filters: Filters, output: Output, stop: Stop
) -> int:
    """
    One event a line, as it came. Start it again, and it goes on where FILE ends.

    Examples:
      dsstail record events.jsonl
      dsstail record events.jsonl --rotate-size 100MB --keep 10 --compress gz
      dsstail record '{stream}-%Y-%m-%d.jsonl' -k in=KEY -k out=KEY
    """
    profile = choose(connection.profile, os.environ, warn)
    showing = config.showing(vars(output), os.environ, sys.stdout, profile, sys.stderr)
    if not recording.tee and showing.output != "json":
        given = [name for name in _ABOUT_LINES if vars(output)[name]]
        if given:
            named = " and ".join(f"--{name}" for name in given)
            warn(f"a recording is JSON: without --tee there is no use for {named}.")
    from dsstail.recording.naming import PACKED

    if recording.file.endswith(PACKED):
        warn(f"{recording.file} is not compressed while it is written: --compress does so later.")
    asked = recording_settings(vars(recording), annotate=showing.annotate)
    settings = config.TailSettings(
        filtering=config.filtering(vars(filters), profile, warn),
        showing=showing,
        stopping=config.stopping(vars(stop)),
        connecting=config.connecting(vars(connection), os.environ, profile, warn),
    )
    from dsstail import pipeline

    return pipeline.record(settings, asked, tee=bool(recording.tee))


def recording_settings(options: Mapping[str, Any], *, annotate: bool) -> RecordingSettings:
    """The recording that was asked for; what was not, is as it is by default there."""
    from dsstail.recording.compression import FORMS
    from dsstail.recording.recorder import FSYNC, RecordingSettings

    given = Given(options, environment={})
    return RecordingSettings(
        file=options["file"],
        overwrite=given.switch("overwrite", default=False),
        resume=given.switch("resume", default=True),
        annotate=annotate,
        fsync=given.value("fsync", one_of(FSYNC), "1s"),
        wait_for_room=given.value("on_full", one_of(("stop", "wait")), "stop") == "wait",
        rotate_size=given.value("rotate_size", positive(size), None),
        rotate_every=given.value("rotate_every", positive(duration), None),
        keep=given.value("keep", positive(whole_number), None),
        compress=given.value("compress", one_of(FORMS), None),
    )
