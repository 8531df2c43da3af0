"""Recordings read once, from beginning to end, for what statistics tell of them."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator, Sequence

from dsstail.filters import Filter
from dsstail.gauge import Gauge
from dsstail.interruption import interruptible
from dsstail.recording.naming import by_recordings
from dsstail.recording.odometer import Odometer
from dsstail.recording.reading import named, read_file
from dsstail.recording.splitting import Found
from dsstail.replay import Window
from dsstail.report import Reporter
from dsstail.statistics.counting import Counting, Statistics

POLL = 0.1
"""Seconds between two looks at whether to end, while there is nothing to read yet."""


def survey(
    paths: Sequence[str], selection: Filter, window: Window, *, utc: bool, reporter: Reporter
) -> Statistics:
    """Count the events of recordings; `-` is stdin.

    The first signal ends the reading, not the command. Raises ConfigurationError for what cannot
    be read.
    """
    paths = by_recordings(paths)
    counting = Counting(selection, window, paths, utc=utc)
    odometer = Odometer(paths)
    signalled = False

    def end() -> None:
        nonlocal signalled
        signalled = True

    odometer.hold()
    gauge = Gauge(reporter, odometer, beside_output=False)
    try:
        with interruptible(end, lambda: os._exit(130), goes_on=True):
            for file, found in _read(paths, odometer, decode=selection.everything):
                if found is not None:
                    counting.take(file, found)
                if signalled:
                    reporter.warn(f"ended within {named(paths[file])}: this is what was read of it")
                    break
                gauge.tick(0)
    finally:
        gauge.close()
        odometer.close()
    return counting.statistics()


def _read(
    paths: Sequence[str], odometer: Odometer, *, decode: bool
) -> Iterator[tuple[int, Found | None]]:
    """What is in each file, by its number; None for a chance to do something else."""
    for number, path in enumerate(paths):
        with odometer.opened(path) as file:
            for found in read_file(file, named(path), decode=decode, patient=False):
                if found is None:
                    select.select([file], [], [], POLL)
                yield number, found
