"""The writer's loop: take what the readers hand over, write, count.

The main thread runs it, and whoever writes has the turn: readers take it for a few events, where
these find neither the writer at work nor an output that has no room. It stops at the first of: a
signal, a count, a duration, the end of every stream, an output that cannot be written.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dsstail import filters
from dsstail.config import Stopping
from dsstail.deliveries import Counts, Gap, Reset
from dsstail.errors import (
    ExpectationTimeout,
    OutputBehind,
    OutputClosed,
    OutputError,
    StrictViolation,
)
from dsstail.escaping import visible
from dsstail.handover import Batch, Connected, Disconnected, Ended, Violated
from dsstail.interruption import (
    HURRY_EVERY,
    STOP_LIMIT,
    allow_breaks,
    break_off,
    interruptible,
)
from dsstail.json_text import count_no_lines
from dsstail.messages import Malformed
from dsstail.printing import Writer, write_all
from dsstail.report import INFO, Reporter, Totals, describe
from dsstail.stderr import clear_line, write_to_stderr
from dsstail.wording import spoken

if TYPE_CHECKING:
    from dsstail.fields import Expectation

FLUSH_LIMIT = 1.0
"""Seconds after a signal, or when time is up, in which what the readers still have is written."""

TICK = 0.5
"""Seconds after which a writer with nothing to do looks at the time."""


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


class Flow:
    """The writer's loop over everything that the readers hand over."""

    def __init__(
        self,
        streams: Sequence[Source],
        handover: Supply,
        writer: Writer,
        reporter: Reporter,
        stopping: Stopping,
        *,
        selection: filters.Filter = filters.EVERYTHING,
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
        self._turn = threading.Lock()
        self._main = threading.get_ident()
        self._taking_since = float("inf")  # when the main thread began with what it writes now
        self._tick = view.tick_every if view else TICK
        self._started = time.monotonic()
        self._until = self._started + stopping.time
        self._end_at = self._until  # and later, once the streams were asked to stop
        self._running = len(streams)
        self._stopped = False
        self._signalled = False
        self._signal_seen = False
        self._met = False  # the expectation
        self._reached = False  # the end of the time
        self._enough = False  # the count was reached, or what was expected met
        self._shown = 0
        self._received = 0
        self._failure: BaseException | None = None  # the first
        self._lost: dict[str, str] = {}  # streams without a connection, and why
        self._told = False  # whether that was told already

    def run(self) -> int:
        """Start the streams, and write until the end; the exit code, or a DsstailError."""
        count_no_lines()
        self._writer.begin(self._until)
        allow_breaks()
        self._limit_time()
        with interruptible(self._interrupt, self._leave, self._abandon, self._hurry):
            for stream in self._streams:
                stream.start()
            closed = behind = False
            try:
                try:
                    self._drain()
                finally:
                    self._turn.acquire()  # for good: readers write no more
                    with self._taking():
                        self._writer.close(in_haste=self._signalled)
            except OutputBehind:
                self._reached = behind = True
            except OutputClosed:
                closed = True
            finally:
                self._stop_streams()
                if self._progress is not None:
                    with self._taking():
                        self._progress.close()
            connected = any(stream.connections for stream in self._streams)
            is_told = not closed or self._signalled  # Ctrl-C ends who reads stdout, too
            if is_told and (self._failure is None or connected):
                with self._taking():
                    self._summarize("not all was read in time" if behind else "")
        reached = closed or self._reached or self._enough
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
        why = "".join(f"; {reason}" for reason in list(self._lost.values())[:1])
        return ExpectationTimeout(f"nothing came {when} that meets {self._expectation}{why}.")

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
        while self._running and not self._enough:
            self._heed_signal()
            now = time.monotonic()
            if (self._signalled or now >= self._end_at) and not self._stopped:
                self._reached = True
                self._stop_streams()
                self._end_at = now + FLUSH_LIMIT
            elif now >= self._end_at:
                return
            if self._progress is not None:
                with self._taking():
                    self._progress.tick(self._shown)
            batch = self._handover.take(min(max(self._end_at - now, 0.0), self._tick))
            self._heed_signal()
            with self._turn:
                if not self._enough:
                    with self._taking():
                        self._take(batch)

    @contextlib.contextmanager
    def _taking(self) -> Iterator[None]:
        """Note when what is done within the block began, for who waits for its end."""
        self._taking_since = time.monotonic()
        try:
            yield
        finally:
            self._taking_since = float("inf")

    def _heed_signal(self) -> None:
        """Begin what is still written after a signal on a clean line, before it is."""
        if self._signalled and not self._signal_seen:
            self._signal_seen = True
            self._reporter.interrupted()

    def _take(self, batch: Batch | None) -> None:
        """Write what comes, or tell it; None: nothing does."""
        if batch is None:
            self._writer.idle()
            return
        if self._progress is not None:
            self._progress.note(batch)
        if isinstance(batch.content, list):
            self._write(batch, batch.content, self._writer.write)
        else:
            self._note(batch)
        self._handover.done()

    def write_at_once(self, write: Callable[[list[bytes], str, float], bool], batch: Batch) -> bool:
        """Write events in the thread of their reader, where it need not wait; whether it did.

        `write` tells whether it did. The caller sees to it that nothing of the same stream waits.
        """
        texts = batch.content
        if not isinstance(texts, list) or not self._turn.acquire(blocking=False):
            return False
        try:
            done = not self._enough and self._write(batch, texts, write)
        finally:
            self._turn.release()
        if done and self._enough:
            self._handover.wake()
        return done

    def _write(
        self,
        batch: Batch,
        texts: list[bytes],
        write: Callable[[list[bytes], str, float], bool | None],
    ) -> bool:
        """Write those events that are wanted, up to the last one wanted.

        Where `write` returns False, nothing was written, and nothing has happened.
        """
        met = False
        wanted = self._selection.select(texts)
        enough = wanted
        if self._stopping.count is not None:
            enough = wanted[: self._stopping.count - self._shown]
        if self._expectation is not None:
            met_at = self._expectation.first(enough, batch.stream, batch.received_at)
            met = met_at is not None
            enough = enough if met_at is None else enough[: met_at + 1]
        if len(enough) < len(wanted):
            wanted = enough
            if not batch.left_out:  # some of which may have come after it
                texts = _up_to_last(enough, texts)
        if not wanted:
            self._writer.idle()
        elif write(wanted, batch.stream, batch.received_at) is False:
            return False
        self._received += batch.left_out + len(texts)
        self._shown += len(wanted)
        self._met = met
        self._enough = met or self._shown == self._stopping.count
        return True

    def _note(self, batch: Batch) -> None:
        """Tell what happened to a stream, and end with it where that is due."""
        content = batch.content
        self._received += batch.left_out
        self._writer.idle()
        if isinstance(content, Connected):
            self._lost.pop(batch.stream, None)
        if isinstance(content, Disconnected):
            self._lost[batch.stream] = self._reporter.named(batch.stream, content.reason)
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
            told = self._reporter.named(batch.stream, describe(content)[1])
            raise StrictViolation(f"{told} (--strict)")

    def _stop_streams(self) -> None:
        self._stopped = True
        for stream in self._streams:
            stream.stop()

    def _summarize(self, ending: str) -> None:
        if text := self._summed_up(ending):
            self._reporter.line(INFO, text)

    def _summed_up(self, ending: str) -> str:
        told = self._summary(self.totals, time.monotonic() - self._started)
        return "; ".join(filter(None, [told, ending]))

    def _limit_time(self) -> None:
        """Have the process end when its time has run out, though the output takes nothing."""
        if self._until < float("inf") and self._writer.waits_for_reader:
            threading.Thread(target=self._leave_when_stuck, daemon=True).start()

    def _leave_when_stuck(self) -> None:
        """Wait until one write has taken STOP_LIMIT seconds of what comes after the end.

        In the second half of them it is broken off, so that it ends with a whole line if somebody
        reads; again and again, since that takes a write of which some was written.
        """
        left, half = STOP_LIMIT, STOP_LIMIT / 2
        while left > 0:
            if left <= half:
                self._hurry()
            time.sleep(min(left - half, half) if left > half else min(left, HURRY_EVERY))
            left = max(self._taking_since, self._until) + STOP_LIMIT - time.monotonic()
        self._leave()

    def _hurry(self) -> None:
        """Have what is written end with a whole line soon, from another thread."""
        self._writer.hurry()
        break_off(self._main)

    def _interrupt(self) -> None:
        self._signalled = True
        self._handover.wake()

    def _abandon(self) -> None:
        if self._view is not None:
            self._view.abandon()

    def _leave(self) -> None:
        """End the process from another thread, because the main one is stuck in a write."""
        self._abandon()
        told = "" if self._reporter.is_quiet else self._summed_up("the output was stuck") + "\n"
        failure = None if self._signalled else self._unmet()
        if failure is not None:
            told += f"error: {visible(str(failure))}\n"
        with contextlib.suppress(OSError, ValueError):
            if select.select([], [2], [], 0)[1]:
                clear_line()
                write_to_stderr(told)
        os._exit(0 if failure is None else failure.exit_code)


def _up_to_last(chosen: list[bytes], texts: list[bytes]) -> list[bytes]:
    """The texts up to the last one chosen, which are the first ones wanted; some may be alike."""
    among = set(chosen)
    places = [place for place, text in enumerate(texts) if text in among]
    return texts[: places[len(chosen) - 1] + 1]


class MalformedFile:
    """Where `--save-malformed` keeps what could not be understood, as it came, a line each."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError where it cannot be opened."""
        self._path = path
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from None

    def write(self, raw: bytes) -> None:
        """Keep it. Raises OutputError, also where it goes into a pipe that nobody reads."""
        try:
            write_all(self._fd, raw + b"\n", str(self._path))
        except OutputClosed:
            raise OutputError(f"cannot write {self._path}: nobody reads it any more.") from None
