"""The main thread's end of the road: take what the readers hand over, filter, write, count.

Only this thread touches stdout and files. It stops at the first of: a signal, a count, a
duration, the end of every stream, an output that cannot be written.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from dsstail import filters, render
from dsstail.config import Connecting, Showing, Stopping, TailSettings
from dsstail.errors import OutputError, StrictViolation
from dsstail.handover import Batch, Ended, Handover
from dsstail.messages import Malformed
from dsstail.report import INFO, Reporter, Totals, describe, write_to_stderr
from dsstail.session import Gap, Reset
from dsstail.stream import Stream, StreamSettings

FLUSH_LIMIT = 1.2
"""Seconds after a signal in which what the readers still have is written."""

STOP_LIMIT = 1.7
"""Seconds after a signal when the process ends, whatever blocks it."""

TICK = 0.5
"""Seconds after which a writer with nothing to do looks at the time."""


class Writer(Protocol):
    """Where events go."""

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        """Write these events, all of them. Raises OutputError, or OutputClosed to end silently."""

    def idle(self) -> None:
        """Nothing came for a while."""

    def close(self) -> None:
        """Finish; nothing is written afterwards."""


class OutputClosed(Exception):
    """Nobody reads stdout any more (`| head`): a reason to end, and no error."""


def tail(settings: TailSettings) -> int:
    """Show the events of every stream until something ends it; return the exit code.

    Raises DsstailError: what makes going on impossible.
    """
    handover = Handover()
    names = tuple(key.name for key in settings.connecting.keys)
    streams = [
        Stream(settings.connecting.url, key, handover, stream_settings(settings.connecting))
        for key in settings.connecting.keys
    ]
    reporter = Reporter(
        quiet=settings.showing.quiet,
        verbosity=settings.showing.verbosity,
        name_streams=len(names) > 1,
    )
    filtering = settings.filtering
    selection = filters.build(
        filtering.dsns, filtering.event_types, filtering.properties, filtering.oem_models
    )
    kept = settings.connecting.save_malformed
    return Flow(
        streams,
        handover,
        Printer(settings.showing, names),
        selection,
        reporter,
        settings.stopping,
        strict=settings.connecting.strict,
        malformed=MalformedFile(kept) if kept else None,
    ).run()


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


class Printer:
    """Renders events onto stdout, each read's worth in one write."""

    def __init__(self, showing: Showing, streams: tuple[str, ...]) -> None:
        terminal = sys.stdout is not None and sys.stdout.isatty()
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
        style = render.Style(
            color=showing.color,
            utc=showing.utc,
            width=shutil.get_terminal_size().columns if terminal else 80,
            unicode=encoding.startswith("utf"),
            streams=streams,
            annotate=showing.annotate,
            live=True,
            terminal=terminal,
        )
        self._renderer = render.renderer(showing.output, style=style)
        self._header = self._renderer.header()

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        if sys.stdout is None:
            raise OutputClosed
        lines = self._header + self._renderer.render(texts, stream, received_at)
        self._header = b""
        write_all(1, lines, "stdout")

    def idle(self) -> None:
        """Look whether somebody still reads, so that `| head` ends without another event."""
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(1, 0)
            if any(state & select.POLLERR for _, state in poll.poll(0)):
                raise OutputClosed

    def close(self) -> None:
        """Nothing is held back."""


class Flow:
    """The writer's loop over everything that the readers hand over."""

    def __init__(
        self,
        streams: list[Stream],
        handover: Handover,
        writer: Writer,
        selection: filters.Filter,
        reporter: Reporter,
        stopping: Stopping,
        *,
        strict: bool = False,
        malformed: MalformedFile | None = None,
    ) -> None:
        self._streams = streams
        self._handover = handover
        self._writer = writer
        self._selection = selection
        self._reporter = reporter
        self._stopping = stopping
        self._strict = strict
        self._malformed = malformed
        self._started = time.monotonic()
        self._end_at = float("inf")
        if stopping.duration is not None:
            self._end_at = self._started + stopping.duration
        self._running = len(streams)
        self._stopped = False
        self._signalled = False
        self._shown = 0
        self._received = 0
        self._failure: BaseException | None = None

    def run(self) -> int:
        """Start the streams, and write until the end; the exit code, or a DsstailError."""
        with self._signals():
            for stream in self._streams:
                stream.start()
            try:
                try:
                    self._drain()
                finally:
                    self._writer.close()
            except OutputClosed:
                return 0
            finally:
                self._stop_streams()
            self._summarize()
        if self._failure is not None and not self._signalled:
            raise self._failure
        return 0

    @property
    def totals(self) -> Totals:
        """What happened so far."""
        counts = [stream.session.counts for stream in self._streams]
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
                self._stop_streams()
                self._end_at = now + FLUSH_LIMIT
            elif now >= self._end_at:
                return
            batch = self._handover.take(min(max(self._end_at - now, 0.0), TICK))
            if batch is None:
                self._writer.idle()
            elif isinstance(batch.content, list):
                if self._write(batch, batch.content):
                    return
                self._handover.done(batch)
            else:
                self._note(batch)
                self._handover.done(batch)

    def _write(self, batch: Batch, texts: list[bytes]) -> bool:
        """Write those events that are wanted; True when that was the last one wanted."""
        self._received += len(texts)
        if not self._selection.everything:
            texts = self._selection.select(texts)
        if self._stopping.count is not None:
            texts = texts[: self._stopping.count - self._shown]
        if texts:
            self._writer.write(texts, batch.stream, batch.received_at)
            self._shown += len(texts)
        return self._shown == self._stopping.count

    def _note(self, batch: Batch) -> None:
        """Tell what happened to a stream, and end with it where that is due."""
        content = batch.content
        if isinstance(content, Ended):
            self._running -= 1
            self._failure = self._failure or content.error
            if self._running == 0 or content.error is None:
                return  # the last one's error is raised, and told by who catches it
        if isinstance(content, Malformed) and self._malformed is not None:
            self._malformed.write(content.raw)
        self._reporter.tell(batch)
        if self._strict and isinstance(content, Gap | Reset | Malformed):
            raise StrictViolation(f"{describe(content)[1]} (--strict)")

    def _stop_streams(self) -> None:
        self._stopped = True
        for stream in self._streams:
            stream.stop()

    def _summarize(self) -> None:
        self._reporter.line(INFO, self.totals.told(time.monotonic() - self._started))

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """The first signal ends after flushing, within STOP_LIMIT; the second at once."""
        alarm: queue.SimpleQueue[None] = queue.SimpleQueue()
        finished = threading.Event()

        def guard() -> None:
            alarm.get()
            if not finished.wait(STOP_LIMIT):
                self._leave()

        def end(number: int, frame: object) -> None:
            if self._signalled:
                os._exit(130)
            self._signalled = True
            alarm.put(None)
            self._handover.wake()

        threading.Thread(target=guard, name="guard", daemon=True).start()
        names = ("SIGINT", "SIGTERM", "SIGHUP")
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        try:
            for number, handler in before.items():
                if handler is not signal.SIG_IGN:  # nohup, or a shell's background job
                    signal.signal(number, end)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            finished.set()

    def _leave(self) -> None:
        """End the process from another thread, because the main one is stuck in a write."""
        told = f"{self.totals.told(time.monotonic() - self._started)}; the output was stuck\n"
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
            raise OutputError(f"cannot write {name}: {error.strerror}") from None
