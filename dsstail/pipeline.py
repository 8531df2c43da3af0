"""One road for each command: from the settings to streams or recordings, a writer, and the flow."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

from dsstail import dialing, filters
from dsstail.config import Connecting, Filtering, Showing, Stopping, TailSettings
from dsstail.errors import ConfigurationError, DsstailError, OutputError
from dsstail.escaping import visible
from dsstail.flow import Flow, MalformedFile, Observer, Supply, View
from dsstail.handover import Handover
from dsstail.printing import Printer, RecordingPrinter, Tee, Writer, style_for
from dsstail.report import BURST, INFO, Reporter, Totals
from dsstail.stream import Stream, StreamSettings
from dsstail.wording import counted, spoken_size

if TYPE_CHECKING:
    from dsstail.fields import Expectation
    from dsstail.keys import StreamKey
    from dsstail.recording.recorder import Recorder, RecordingSettings
    from dsstail.replay import Replaying
    from dsstail.watching.painting import Subject
    from dsstail.watching.streams import Streams
    from dsstail.watching.watch import Watch

DAMAGE_TOLD = 100
"""Damaged places of recordings that are reported in a burst; the others are counted."""


def tail(settings: TailSettings) -> int:
    """Show the events of every stream until something ends it; return the exit code.

    Raises DsstailError: what makes going on impossible.
    """
    return _reporting(settings, partial(_tail, settings), aside=_is_stderr_apart())


def _tail(settings: TailSettings, reporter: Reporter) -> int:
    handover = Handover()
    keys, url = settings.connecting.keys, settings.connecting.url
    of_all = stream_settings(settings.connecting)
    selection = filters.build(**asdict(settings.filtering))
    streams = [Stream(url, key, handover, of_all, selection) for key in keys]
    names = tuple(key.name for key in keys)
    printer = Printer(settings.showing, names, reporter.warn)
    progress = None
    if sys.stdout.isatty() and not selection.everything:
        from dsstail.progress import Waiting

        progress = Waiting(reporter, streams)
    flow = _flow(settings, streams, handover, printer, reporter, progress)
    handover.at_once = partial(flow.write_at_once, printer.write_at_once)
    return flow.run()


def record(settings: TailSettings, recording: RecordingSettings, *, tee: bool) -> int:
    """Append the events of every stream to a recording, from where that ends; the exit code.

    With `tee` they are shown, too. Raises DsstailError: what makes going on impossible.
    """
    return _reporting(settings, partial(_record, settings, recording, tee), aside=True)


def _record(
    settings: TailSettings, recording: RecordingSettings, tee: bool, reporter: Reporter
) -> int:
    from dsstail.progress import Progress
    from dsstail.recording.recorder import Recorder

    handover = Handover()
    keys = settings.connecting.keys
    names = tuple(key.name for key in keys)
    recorder = Recorder(recording, names, reporter.warn, patience=settings.stopping.time)
    _check_is_only_recording(recorder, settings, tee=tee)
    selection = filters.build(**asdict(settings.filtering))
    streams = [_resuming(settings.connecting, key, handover, recorder, selection) for key in keys]
    turn = reporter.turn if _is_same_place() else None
    printer = Printer(settings.showing, names, reporter.warn, turn) if tee else None
    writer = Tee(recorder, printer) if printer else recorder
    events_on_terminal = tee and sys.stdout.isatty()
    progress = None if events_on_terminal else Progress(reporter, streams, lambda: recorder.size)
    try:
        code = _flow(settings, streams, handover, writer, reporter, progress).run()
    except OutputError:  # it tells that itself
        raise
    except DsstailError:
        if any(stream.connections for stream in streams):
            _tell_places(recorder, reporter)
        raise
    _tell_places(recorder, reporter)
    return code


def _reporting(settings: TailSettings, run: Callable[[Reporter], int], *, aside: bool) -> int:
    """Run with a reporter. What is told `aside` keeps nothing waiting but the end of a failure."""
    reporter = _reporter(settings, aside=aside)
    code = None
    try:
        code = run(reporter)
    finally:
        reporter.close(patient=code != 0)  # the error comes behind it
    return code


def _is_stderr_apart() -> bool:
    """Whether what is told goes elsewhere than events, so that its place does not matter."""
    return not sys.stderr.isatty() and not _is_same_place()


def _is_same_place() -> bool:
    """Whether stdout and stderr are one, as with 2>&1, as far as that is known."""
    try:
        return os.path.sameopenfile(1, 2)
    except OSError:
        return True


def _tell_places(recorder: Recorder, reporter: Reporter) -> None:
    """Where the recording ends, a line a file."""
    for name, size, end in recorder.places:
        ending = f", ends with {end}" if end else ""
        reporter.line(INFO, visible(f"{name}: {spoken_size(size)}{ending}"))


def _check_is_only_recording(recorder: Recorder, settings: TailSettings, *, tee: bool) -> None:
    """Raises ConfigurationError where something else would go into the same file."""
    kept = settings.connecting.save_malformed
    if tee and recorder.records_to(1):
        raise ConfigurationError(
            "stdout goes into the recording, which --tee would give each event twice."
        )
    if kept is not None and recorder.records_to(kept):
        raise ConfigurationError(f"{kept} is the recording: --save-malformed needs another file.")


def _resuming(
    connecting: Connecting,
    key: StreamKey,
    handover: Handover,
    recorder: Recorder,
    selection: filters.Filter,
) -> Stream:
    """The stream of a key from where its recording ends."""
    settings = replace(stream_settings(connecting), known=recorder.known(key.name))
    return Stream(connecting.url, key, handover, settings, selection)


def show(replaying: Replaying, showing: Showing, stopping: Stopping, *, strict: bool) -> int:
    """Show what recordings hold, and what comes to them if they are followed; the exit code.

    Raises DsstailError: what makes going on impossible.
    """
    from dsstail.gauge import Gauge
    from dsstail.replay import Replay

    reporter = Reporter(
        quiet=showing.quiet,
        verbosity=showing.verbosity,
        burst=DAMAGE_TOLD,
        color=showing.color_told,
    )
    replay = Replay(replace(replaying, apart=replaying.apart or bool(stopping.expected)))
    return Flow(
        [replay],
        replay,
        RecordingPrinter(replace(showing, annotate=False), reporter.warn),
        reporter,
        stopping,
        expectation=_expectation(stopping, showing),
        strict=strict,
        progress=Gauge(reporter, replay, beside_output=True),
        summary=_skipped,
    ).run()


def watch(settings: TailSettings) -> int:
    """Look at streams and devices on the whole terminal; return the exit code.

    Raises DsstailError: what makes going on impossible.
    """
    from dsstail.watching.painting import Subject

    handover = Handover()
    keys = settings.connecting.keys
    of_all = stream_settings(settings.connecting)
    streams = [Stream(settings.connecting.url, key, handover, of_all) for key in keys]

    def complete(states: Streams) -> None:
        for stream in streams:
            states[stream.name].missing = stream.counts.missing

    host = str(dialing.Endpoint.of(settings.connecting.url))
    names = tuple(key.name for key in keys)
    subject = Subject(host, str(settings.filtering))
    view = _view(settings.showing, handover, subject, complete, names)
    reporter = _reporter(settings, view.tell)
    # It is for the flow and not for the streams, since the view counts what is left out.
    selection = filters.build(**asdict(settings.filtering))
    return _flow(settings, streams, handover, view, reporter, view, view, selection).run()


def watch_recordings(
    replaying: Replaying,
    filtering: Filtering,
    showing: Showing,
    stopping: Stopping,
    *,
    strict: bool,
) -> int:
    """The same for recordings, which stay on the screen when they have come to their end.

    `filtering` is what the replay selects by.
    """
    from dsstail.recording.reading import named
    from dsstail.replay import Replay
    from dsstail.watching.painting import Subject
    from dsstail.watching.streams import ENDED, StreamState

    replay = Replay(replace(replaying, stay=True))

    def complete(states: Streams) -> None:
        if replay.ended and not states:
            states[""] = StreamState("")  # so that the end is told of what holds no event, too
        for state in states.values() if replay.ended else ():
            state.become(ENDED, time.monotonic())

    subject = Subject(", ".join(map(named, replaying.paths)), str(filtering))
    view = _view(showing, replay, subject, complete, (), past=not replaying.follow)
    reporter = Reporter(write=view.tell)
    return Flow(
        [replay],
        replay,
        view,
        reporter,
        stopping,
        expectation=_expectation(stopping, showing),
        strict=strict,
        progress=view,
        summary=_skipped,
        view=view,
    ).run()


def _view(
    showing: Showing,
    supply: Supply,
    subject: Subject,
    complete: Callable[[Streams], None],
    names: tuple[str, ...],
    *,
    past: bool = False,
) -> Watch:
    from dsstail.watching.terminal import Terminal
    from dsstail.watching.watch import Watch

    style = style_for(showing, names, lambda text: None)
    return Watch(Terminal(supply.wake), style, subject, complete, past=past)


def _skipped(totals: Totals, seconds: float) -> str:
    told = f"{counted(totals.malformed, 'damaged place')} skipped" if totals.malformed else ""
    return f"{told}; dsstail verify lists them" if totals.malformed > DAMAGE_TOLD else told


def _reporter(
    settings: TailSettings, write: Callable[[str], None] | None = None, *, aside: bool = False
) -> Reporter:
    streams = len(settings.connecting.keys)
    return Reporter(
        quiet=settings.showing.quiet,
        verbosity=settings.showing.verbosity,
        name_streams=streams > 1,
        burst=max(BURST, streams),  # so that what happens to all is told of each
        color=settings.showing.color_told,
        write=write,
        aside=aside,
    )


def _flow(
    settings: TailSettings,
    streams: list[Stream],
    handover: Handover,
    writer: Writer,
    reporter: Reporter,
    progress: Observer | None = None,
    view: View | None = None,
    selection: filters.Filter = filters.EVERYTHING,
) -> Flow:
    kept = settings.connecting.save_malformed
    return Flow(
        streams,
        handover,
        writer,
        reporter,
        settings.stopping,
        selection=selection,
        expectation=_expectation(settings.stopping, settings.showing),
        strict=settings.connecting.strict,
        malformed=MalformedFile(kept) if kept else None,
        progress=progress,
        view=view,
    )


def _expectation(stopping: Stopping, showing: Showing) -> Expectation | None:
    if not stopping.expected:
        return None
    from dsstail.fields import Expectation

    return Expectation(stopping.expected, utc=showing.utc)


def stream_settings(connecting: Connecting) -> StreamSettings:
    """What a stream needs to know of the options."""
    return StreamSettings(
        from_seq=connecting.from_seq,
        to_seq=connecting.to_seq,
        reconnect=connecting.reconnect,
        retry_for=connecting.retry_for,
        idle_timeout=connecting.idle_timeout,
        fill_gaps=connecting.fill_gaps,
        max_message_size=connecting.max_message_size,
        ca_file=connecting.ca_file,
    )
