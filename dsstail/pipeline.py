"""The main thread's end of the road: take what the readers hand over, filter, write, count.

Only this thread touches stdout and files. It stops at the first of: a signal, a count, a
duration, the end of every stream, an output that cannot be written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dsstail import dialing, filters, render
from dsstail.config import Connecting, Filtering, Showing, Stopping, TailSettings
from dsstail.errors import ExpectationTimeout, OutputClosed, OutputError, StrictViolation
from dsstail.escaping import shows_unicode, visible
from dsstail.handover import Batch, Ended, Handover, Violated
from dsstail.interruption import interruptible
from dsstail.json_text import count_no_lines
from dsstail.messages import Malformed
from dsstail.report import INFO, Reporter, Totals, describe, write_to_stderr
from dsstail.session import Counts, Gap, Reset
from dsstail.stream import Stream, StreamSettings
from dsstail.wording import counted, spoken, spoken_size

if TYPE_CHECKING:
    from dsstail.fields import Expectation
    from dsstail.keys import StreamKey
    from dsstail.recording.recorder import Recorder, RecordingSettings
    from dsstail.replay import Replaying
    from dsstail.watching.painting import Subject
    from dsstail.watching.streams import Streams
    from dsstail.watching.watch import Watch

FLUSH_LIMIT = 1.0
"""Seconds after a signal in which what the readers still have is written."""

TICK = 0.5
"""Seconds after which a writer with nothing to do looks at the time."""

TEE_POLL = 0.05
"""Seconds between two looks at whether a reader of stdout has caught up."""

TEE_HASTE = 0.5
"""Seconds that are waited for one when there is no time."""

DAMAGE_TOLD = 100
"""Damaged places of recordings that are reported in a burst; the others are counted."""


class Writer(Protocol):
    """Where events go."""

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        """Write these events, all of them. Raises OutputError, or OutputClosed to end silently."""

    def idle(self) -> None:
        """There is nothing to write now. Called twice a second at least, unless `write` is."""

    def close(self, *, in_haste: bool) -> None:
        """Finish; nothing is written afterwards. `in_haste`: within a fraction of a second."""


class Source(Protocol):
    """Where events come from: a live stream, or recordings."""

    connections: int
    """How many there were so far."""

    @property
    def counts(self) -> Counts: ...

    def start(self) -> None: ...

    def stop(self) -> None:
        """Ask for the end, which is told by `Ended`. Safe in a signal handler."""


class Supply(Protocol):
    """Hands over what sources give, like `Handover`."""

    def take(self, timeout: float) -> Batch | None: ...

    def done(self) -> None: ...

    def wake(self) -> None: ...


class View(Protocol):
    """Has the terminal for itself."""

    tick_every: float
    """Seconds between two calls of `tick` at most."""

    def abandon(self) -> None:
        """Give the terminal back, from any thread: the process ends at once."""


class Observer(Protocol):
    """Tells on stderr how it stands."""

    def tick(self, events: int) -> None:
        """So many events were written so far."""

    def note(self, batch: Batch) -> None:
        """Take in what came from a source, before it is filtered."""

    def close(self) -> None:
        """Leave nothing behind on a terminal."""


def tail(settings: TailSettings) -> int:
    """Show the events of every stream until something ends it; return the exit code.

    Raises DsstailError: what makes going on impossible.
    """
    handover = Handover()
    keys = settings.connecting.keys
    of_all = stream_settings(settings.connecting)
    streams = [Stream(settings.connecting.url, key, handover, of_all) for key in keys]
    reporter = _reporter(settings)
    printer = Printer(settings.showing, tuple(key.name for key in keys), reporter.warn)
    return _flow(settings, streams, handover, printer, reporter).run()


def record(settings: TailSettings, recording: RecordingSettings, *, tee: bool) -> int:
    """Append the events of every stream to a recording, from where that ends; the exit code.

    With `tee` they are shown, too. Raises DsstailError: what makes going on impossible.
    """
    from dsstail.progress import Progress
    from dsstail.recording.recorder import Recorder

    handover = Handover()
    reporter = _reporter(settings)
    keys = settings.connecting.keys
    names = tuple(key.name for key in keys)
    until = time.monotonic() + settings.stopping.time
    recorder = Recorder(recording, names, reporter.warn, until=until)
    streams = [_resuming(settings.connecting, key, handover, recorder) for key in keys]
    printer = Printer(settings.showing, names, reporter.warn) if tee else None
    writer = Tee(recorder, printer) if printer else recorder
    events_on_terminal = tee and sys.stdout is not None and sys.stdout.isatty()
    progress = None if events_on_terminal else Progress(reporter, streams, lambda: recorder.size)
    code = _flow(settings, streams, handover, writer, reporter, progress).run()
    for name, size, end in recorder.places:
        ending = f", ends with {end}" if end else ""
        reporter.line(INFO, visible(f"{name}: {spoken_size(size)}{ending}"))
    return code


def _resuming(
    connecting: Connecting, key: StreamKey, handover: Handover, recorder: Recorder
) -> Stream:
    """The stream of a key from where its recording ends."""
    settings = replace(stream_settings(connecting), known=recorder.known(key.name))
    if settings.from_seq is None and (last := recorder.last(key.name)) is not None:
        settings = replace(settings, from_seq=last + 1)
    return Stream(connecting.url, key, handover, settings)


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
        filters.build(),  # the replay selects
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
    return _flow(settings, streams, handover, view, reporter, view, view).run()


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
    from dsstail.watching.streams import ENDED

    replay = Replay(replace(replaying, stay=True))

    def complete(states: Streams) -> None:
        for state in states.values() if replay.ended else ():
            state.become(ENDED, time.monotonic())

    subject = Subject(", ".join(map(named, replaying.paths)), str(filtering))
    view = _view(showing, replay, subject, complete, (), past=not replaying.follow)
    reporter = Reporter(write=view.tell)
    return Flow(
        [replay],
        replay,
        view,
        filters.build(),  # the replay selects
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

    style = _style(showing, names, lambda text: None)
    return Watch(Terminal(supply.wake), style, subject, complete, past=past)


def _skipped(totals: Totals, seconds: float) -> str:
    told = f"{counted(totals.malformed, 'damaged place')} skipped" if totals.malformed else ""
    return f"{told}; dsstail verify lists them" if totals.malformed > DAMAGE_TOLD else told


def _reporter(settings: TailSettings, write: Callable[[str], None] = write_to_stderr) -> Reporter:
    return Reporter(
        quiet=settings.showing.quiet,
        verbosity=settings.showing.verbosity,
        name_streams=len(settings.connecting.keys) > 1,
        color=settings.showing.color_told,
        write=write,
    )


def _flow(
    settings: TailSettings,
    streams: list[Stream],
    handover: Handover,
    writer: Writer,
    reporter: Reporter,
    progress: Observer | None = None,
    view: View | None = None,
) -> Flow:
    filtering = settings.filtering
    selection = filters.build(
        filtering.dsns, filtering.event_types, filtering.properties, filtering.oem_models
    )
    kept = settings.connecting.save_malformed
    return Flow(
        streams,
        handover,
        writer,
        selection,
        reporter,
        settings.stopping,
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


def _style(showing: Showing, streams: tuple[str, ...], warn: Callable[[str], None]) -> render.Style:
    """How to show events on stdout, as that is."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return render.Style(
        color=showing.color,
        utc=showing.utc,
        width=shutil.get_terminal_size().columns if terminal else 80,
        unicode=shows_unicode(sys.stdout),
        streams=streams,
        annotate=showing.annotate,
        live=True,
        terminal=terminal,
        template=showing.template,
        highlight=showing.highlight,
        fold=showing.fold,
        warn=warn,
    )


class Printer:
    """Renders events onto stdout, each read's worth in one write."""

    def __init__(
        self, showing: Showing, streams: tuple[str, ...], warn: Callable[[str], None]
    ) -> None:
        """`warn` is told what the user should know."""
        style = _style(showing, streams, warn)
        self._terminal, self._width = style.terminal, style.width
        self._renderer = render.renderer(showing.output, style=style)
        self._header = self._renderer.header()

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        if sys.stdout is None:
            raise OutputClosed
        if self._terminal and (columns := shutil.get_terminal_size().columns) != self._width:
            self._width = columns
            self._renderer.resize(columns)
        lines = self._header + self._renderer.render(texts, stream, received_at)
        self._header = b""
        self._put(lines)

    def idle(self) -> None:
        """Write what is due; see that somebody still reads: `| head` ends without an event."""
        self._put(self._renderer.rest(time.time()))
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(1, 0)
            if any(state & select.POLLERR for _, state in poll.poll(0)):
                raise OutputClosed

    def close(self, *, in_haste: bool) -> None:
        self._put(self._renderer.rest())

    def _put(self, lines: bytes) -> None:
        write_all(1, lines, "stdout")


class RecordingPrinter(Printer):
    """A Printer that learns the names of the streams from the events.

    While there is more to read at once, it writes as much as a pipe takes.
    """

    MOST_STREAMS = 100
    AT_ONCE = 1 << 16

    def __init__(self, showing: Showing, warn: Callable[[str], None]) -> None:
        super().__init__(showing, (), warn)
        self._waiting: list[bytes] = []
        self._size = 0
        self._showing = showing
        self._warn = warn
        self._names: tuple[str, ...] = ()

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        known = stream in self._names or len(self._names) >= self.MOST_STREAMS
        if stream and not known and self._showing.output == "text":
            self._names += (stream,)
            self.close(in_haste=False)
            super().__init__(self._showing, self._names, self._warn)
        super().write(texts, stream, received_at)

    def idle(self) -> None:
        super().idle()
        self._flush()

    def close(self, *, in_haste: bool) -> None:
        super().close(in_haste=in_haste)
        self._flush()

    def _put(self, lines: bytes) -> None:
        self._waiting.append(lines)
        self._size += len(lines)
        if self._size >= self.AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        lines = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        write_all(1, lines, "stdout")


class Tee:
    """Records events, and shows them as long as somebody looks.

    They are shown by a thread of its own, so that no recording waits for a pager, or a terminal
    that was stopped, until that is as far behind as a handover holds.
    """

    def __init__(self, recorder: Writer, printer: Writer) -> None:
        self._recorder = recorder
        self._printer = printer
        self._handover = Handover()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tee", daemon=True)
        self._thread.start()

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        self._recorder.write(texts, stream, received_at)
        while self._handover.full and self._thread.is_alive():
            self.idle()
            time.sleep(TEE_POLL)
        self._tell_failure()
        if self._thread.is_alive():
            self._handover.put(Batch(stream, received_at, texts))

    def idle(self) -> None:
        self._recorder.idle()
        self._tell_failure()

    def close(self, *, in_haste: bool) -> None:
        self._recorder.close(in_haste=in_haste)
        self._handover.put(Batch("", 0.0, Ended(None)))
        self._thread.join(TEE_HASTE if in_haste else None)
        self._tell_failure()

    def _tell_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _run(self) -> None:
        try:
            self._show()
        except OutputClosed:
            pass  # nobody looks any more, and the recording goes on
        except BaseException as failure:  # raised again by `idle` or `close`
            self._failure = failure

    def _show(self) -> None:
        while True:
            batch = self._handover.take(TICK)
            if batch is None:
                self._printer.idle()
            elif isinstance(batch.content, list):
                self._printer.write(batch.content, batch.stream, batch.received_at)
                self._handover.done()
            else:
                return self._printer.close(in_haste=False)


class Flow:
    """The writer's loop over everything that the readers hand over."""

    def __init__(
        self,
        streams: Sequence[Source],
        handover: Supply,
        writer: Writer,
        selection: filters.Filter,
        reporter: Reporter,
        stopping: Stopping,
        *,
        expectation: Expectation | None = None,
        strict: bool = False,
        malformed: MalformedFile | None = None,
        progress: Observer | None = None,
        summary: Callable[[Totals, float], str] = Totals.told,
        view: View | None = None,
    ) -> None:
        self._streams = streams
        self._handover = handover
        self._writer = writer
        self._selection = selection
        self._reporter = reporter
        self._stopping = stopping
        self._expectation = expectation
        self._strict = strict
        self._malformed = malformed
        self._progress = progress
        self._summary = summary
        self._view = view
        self._tick = view.tick_every if view else TICK
        self._started = time.monotonic()
        self._end_at = self._started + stopping.time
        self._running = len(streams)
        self._stopped = False
        self._signalled = False
        self._met = False  # the expectation
        self._reached = False  # the count, the end of the time, or what was expected
        self._shown = 0
        self._received = 0
        self._failure: BaseException | None = None  # the first
        self._told = False  # whether that was told already

    def run(self) -> int:
        """Start the streams, and write until the end; the exit code, or a DsstailError."""
        count_no_lines()
        with interruptible(self._interrupt, self._leave, self._abandon):
            for stream in self._streams:
                stream.start()
            closed = False
            try:
                try:
                    self._drain()
                finally:
                    self._writer.close(in_haste=self._signalled)
            except OutputClosed:
                closed = True
            finally:
                self._stop_streams()
                if self._progress is not None:
                    self._progress.close()
            connected = any(stream.connections for stream in self._streams)
            if not closed and (self._failure is None or connected):
                self._summarize()
        reached = closed or self._reached
        failure = self._unmet() if reached else self._failure or self._unmet()
        if failure is None or self._signalled:
            return 0
        if failure is self._failure and self._told:
            return getattr(failure, "exit_code", 1)
        raise failure

    def _unmet(self) -> ExpectationTimeout | None:
        """The failure that it is not to have seen what was expected."""
        if self._expectation is None or self._met:
            return None
        when, patience = "before the end", self._stopping.timeout
        if patience is not None and time.monotonic() - self._started >= patience:
            when = f"within {spoken(patience)}"
        return ExpectationTimeout(f"nothing came {when} that meets {self._expectation}.")

    @property
    def totals(self) -> Totals:
        """What happened so far."""
        counts = [stream.counts for stream in self._streams]
        return Totals(
            received=self._received,
            shown=self._shown,
            reconnects=sum(max(0, stream.connections - 1) for stream in self._streams),
            gaps=sum(count.gaps for count in counts),
            missing=sum(count.missing for count in counts),
            resets=sum(count.resets for count in counts),
            malformed=sum(count.malformed for count in counts),
        )

    def _drain(self) -> None:
        """Write until every stream has ended, or enough was written, or time has run out."""
        while self._running:
            now = time.monotonic()
            if (self._signalled or now >= self._end_at) and not self._stopped:
                self._reached = True
                self._stop_streams()
                self._end_at = now + FLUSH_LIMIT
            elif now >= self._end_at:
                return
            if self._progress is not None:
                self._progress.tick(self._shown)
            batch = self._handover.take(min(max(self._end_at - now, 0.0), self._tick))
            if batch is not None and self._progress is not None:
                self._progress.note(batch)
            if batch is None:
                self._writer.idle()
            elif isinstance(batch.content, list):
                if self._write(batch, batch.content):
                    self._reached = True
                    return
                self._handover.done()
            else:
                self._note(batch)
                self._handover.done()

    def _write(self, batch: Batch, texts: list[bytes]) -> bool:
        """Write those events that are wanted; True when that was the last one wanted."""
        wanted = texts if self._selection.everything else self._selection.select(texts)
        enough = wanted
        if self._stopping.count is not None:
            enough = wanted[: self._stopping.count - self._shown]
        if self._expectation is not None:
            met_at = self._expectation.first(enough, batch.stream, batch.received_at)
            self._met = met_at is not None
            enough = enough if met_at is None else enough[: met_at + 1]
        if len(enough) < len(wanted):
            wanted, texts = enough, texts[: texts.index(enough[-1]) + 1]
        self._received += len(texts)
        if wanted:
            self._writer.write(wanted, batch.stream, batch.received_at)
            self._shown += len(wanted)
        else:
            self._writer.idle()
        return self._met or self._shown == self._stopping.count

    def _note(self, batch: Batch) -> None:
        """Tell what happened to a stream, and end with it where that is due."""
        content = batch.content
        self._writer.idle()
        if isinstance(content, Ended):
            self._running -= 1
            if content.error is None:
                return
            if self._failure is None:
                self._failure = content.error
                if self._running == 0:
                    return  # it is raised, and told by who catches it
            self._told = True
        if isinstance(content, Malformed) and self._malformed is not None:
            self._malformed.write(content.raw)
        self._reporter.tell(batch)
        if self._strict and isinstance(content, Gap | Reset | Malformed | Violated):
            raise StrictViolation(f"{describe(content)[1]} (--strict)")

    def _stop_streams(self) -> None:
        self._stopped = True
        for stream in self._streams:
            stream.stop()

    def _summarize(self) -> None:
        if text := self._summary(self.totals, time.monotonic() - self._started):
            self._reporter.line(INFO, text)

    def _interrupt(self) -> None:
        self._signalled = True
        self._handover.wake()

    def _abandon(self) -> None:
        if self._view is not None:
            self._view.abandon()

    def _leave(self) -> None:
        """End the process from another thread, because the main one is stuck in a write."""
        self._abandon()
        told = self._summary(self.totals, time.monotonic() - self._started)
        told = f"{told}; the output was stuck\n" if told else "the output was stuck\n"
        with contextlib.suppress(OSError, ValueError):
            if select.select([], [2], [], 0)[1]:
                write_to_stderr(told)
        os._exit(0)


class MalformedFile:
    """Where `--save-malformed` keeps what could not be understood, as it came, a line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from None

    def write(self, raw: bytes) -> None:
        write_all(self._fd, raw + b"\n", str(self._path))


def write_all(fd: int, data: bytes, name: str) -> None:
    """Write everything. Raises OutputClosed when nobody reads, OutputError when it cannot be."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            select.select([], [fd], [])
        except BrokenPipeError:
            raise OutputClosed from None
        except OSError as error:
            if error.errno == errno.EIO and stat.S_ISCHR(os.fstat(fd).st_mode):
                raise OutputClosed from None  # a terminal that is gone
            raise OutputError(f"cannot write {name}: {error.strerror}") from None
