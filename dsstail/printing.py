"""Events on stdout: each read's worth in one write, and what becomes of a reader that stops."""

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
from collections.abc import Callable
from functools import cached_property
from math import inf
from typing import Protocol

from dsstail import render
from dsstail.config import Showing
from dsstail.errors import OutputBehind, OutputClosed, OutputError
from dsstail.escaping import shows_unicode
from dsstail.handover import Batch, Ended, Handover
from dsstail.interruption import allow_breaks, break_off
from dsstail.keys import ONLY
from dsstail.writing import PIPE_BUF

USUAL_PIPE, WIDE_PIPE = 1 << 16, 1 << 18
"""Bytes that a pipe on Linux holds, and that one is to hold for fewer turns of who reads it.

Four times as many save few turns more, and would soon use up what Linux grants a user: 64 MiB of
all pipes, beyond which new ones are small.
"""

TEE_TICK = 0.5
"""Seconds after which a tee with nothing to show looks whether somebody still reads."""

TEE_POLL = 0.05
"""Seconds between two looks at whether a reader of stdout has caught up."""

TEE_HASTE = 0.3
"""Seconds that are waited for one when there is no time, and once more for the end of its line."""


class Writer(Protocol):
    """Where events go.

    Every method raises OutputError where it fails, and OutputClosed to end silently.
    """

    @property
    def waits_for_reader(self) -> bool:
        """Whether it has to wait where somebody does not read, which may be for ever."""

    def begin(self, until: float) -> None:
        """Events come from now on. `until` is when their time is over, by the monotonic clock."""

    def hurry(self) -> None:
        """Time is over; called by another thread, which then breaks off what is being written."""

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        """Write these events, all of them."""

    def idle(self) -> None:
        """There is nothing to write now. Called twice a second at least, unless `write` is."""

    def close(self, *, in_haste: bool) -> None:
        """Finish; nothing is written afterwards. `in_haste`: within a fraction of a second."""


class Printer:
    """Renders events onto stdout, each read's worth in one write."""

    waits_for_reader = True

    def __init__(
        self,
        showing: Showing,
        streams: tuple[str, ...],
        warn: Callable[[str], None],
        turn: contextlib.AbstractContextManager[object] | None = None,
    ) -> None:
        """`warn` is told what the user should know. Each write takes the `turn`, if any."""
        self._until = inf
        self._turn = turn or contextlib.nullcontext()
        style = style_for(showing, streams, warn)
        self._terminal, self._width = style.terminal, style.width
        self._renderer = render.renderer(showing.output, style=style)
        self._header = self._renderer.header()
        self._is_json = showing.output == "json"
        _widen_pipe()

    def begin(self, until: float) -> None:
        self._until = until

    def hurry(self) -> None:
        self._until = -inf

    def write_at_once(self, texts: list[bytes], stream: str, received_at: float) -> bool:
        """`write` where that need not wait: JSON, into a pipe that has room. Whether it did.

        Whatever else is wrong with the pipe, `write` will find out.
        """
        if self._pipe is None:
            return False
        lines = self._renderer.render(texts, stream, received_at)
        if len(lines) > PIPE_BUF:
            return False
        try:
            return os.write(self._pipe, lines) == len(lines)
        except OSError:
            return False

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
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
            if any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0)):
                raise OutputClosed

    def close(self, *, in_haste: bool) -> None:
        self._put(self._renderer.rest())

    def _put(self, lines: bytes) -> None:
        with self._turn:
            write_all(1, lines, "stdout", is_over=lambda: time.monotonic() >= self._until)

    @cached_property
    def _pipe(self) -> int | None:
        """The pipe that stdout is, opened anew: descriptor 1 must stay as it is for who shares it.

        To ask first whether there is room would not do: another process may fill it meanwhile.
        """
        with contextlib.suppress(OSError):
            if sys.platform == "linux" and self._is_json and stat.S_ISFIFO(os.fstat(1).st_mode):
                return os.open("/proc/self/fd/1", os.O_WRONLY | os.O_NONBLOCK)
        return None


class RecordingPrinter(Printer):
    """A Printer that learns the names of the streams from the events.

    Lines of text tell them, unless the only one there is has the usual name. While there is more
    to read at once, it writes as much as a pipe takes.
    """

    MOST_STREAMS = 100
    AT_ONCE = 1 << 16

    def __init__(self, showing: Showing, warn: Callable[[str], None]) -> None:
        super().__init__(showing, (), warn)
        self._waiting: list[bytes] = []
        self._size = 0
        self._names: tuple[str, ...] = ("",)

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        if stream not in self._names and len(self._names) < self.MOST_STREAMS:
            self._names += (stream,)
            if self._names != ("", ONLY):
                self._renderer.tell_apart(self._names)
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
        super()._put(lines)


class Tee:
    """Records events, and shows them as long as somebody looks.

    They are shown by a thread of its own, so that no recording waits for a pager, or a terminal
    that was stopped, until that is as far behind as a handover holds.
    """

    def __init__(self, recorder: Writer, printer: Writer) -> None:
        self.waits_for_reader = recorder.waits_for_reader
        self._recorder = recorder
        self._printer = printer
        self._until = inf
        self._handover = Handover()
        self._failure: BaseException | None = None
        allow_breaks()
        self._thread = threading.Thread(target=self._run, name="tee", daemon=True)

    def begin(self, until: float) -> None:
        self._until = until
        self._recorder.begin(until)
        self._printer.begin(until)
        self._thread.start()

    def hurry(self) -> None:
        self._until = -inf

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        self._recorder.write(texts, stream, received_at)
        while self._must_wait:
            self.idle()
            time.sleep(TEE_POLL)
        self._tell_failure()
        if self._thread.is_alive() and not self._handover.full:
            self._handover.put(Batch(stream, received_at, texts))

    def idle(self) -> None:
        self._recorder.idle()
        self._tell_failure()

    def close(self, *, in_haste: bool) -> None:
        self._recorder.close(in_haste=in_haste)
        self._handover.put(Batch("", 0.0, Ended(None)))
        left = 0.0 if in_haste else self._until - time.monotonic()
        self._thread.join(None if left == inf else max(left, TEE_HASTE))
        self._printer.hurry()
        until = time.monotonic() + TEE_HASTE
        while self._thread.is_alive() and time.monotonic() < until and self._thread.ident:
            break_off(self._thread.ident)
            self._thread.join(TEE_POLL)
        self._tell_failure()

    @property
    def _must_wait(self) -> bool:
        in_time = time.monotonic() < self._until
        return self._handover.full and self._thread.is_alive() and in_time

    def _tell_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _run(self) -> None:
        try:
            self._show()
        except (OutputClosed, OutputBehind):
            pass  # nobody looks any more, or in time, and the recording goes on
        except BaseException as failure:  # raised again by `idle` or `close`
            self._failure = failure

    def _show(self) -> None:
        while True:
            batch = self._handover.take(TEE_TICK)
            if batch is None:
                self._printer.idle()
            elif isinstance(batch.content, list):
                self._printer.write(batch.content, batch.stream, batch.received_at)
                self._handover.done()
            else:
                return self._printer.close(in_haste=False)


def style_for(
    showing: Showing, streams: tuple[str, ...], warn: Callable[[str], None]
) -> render.Style:
    """How to show events on stdout, as that is."""
    terminal = sys.stdout.isatty()
    return render.Style(
        color=showing.color,
        utc=showing.utc,
        width=shutil.get_terminal_size().columns if terminal else 80,
        unicode=shows_unicode(sys.stdout),
        streams=streams,
        annotate=showing.annotate,
        terminal=terminal,
        template=showing.template,
        highlight=showing.highlight,
        fold=showing.fold,
        warn=warn,
    )


def _widen_pipe() -> None:
    """Have stdout hold more, where it is a pipe whose size nobody has chosen."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            if fcntl.fcntl(1, fcntl.F_GETPIPE_SZ) == USUAL_PIPE:
                fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, WIDE_PIPE)


def write_all(
    fd: int, data: bytes, name: str, *, is_over: Callable[[], bool] = lambda: False
) -> None:
    """Write everything. Raises OutputClosed when nobody reads, OutputError when it cannot be.

    A write that a signal breaks off when time `is_over` is completed to the end of its line, and
    raises OutputBehind.
    """
    view = memoryview(data)
    written, end = 0, len(data)
    while written < end:
        try:
            written += os.write(fd, view[written:end])
            if written < end == len(data) and is_over():
                end = data.find(b"\n", written - 1) + 1 or len(data)
        except BlockingIOError:
            select.select([], [fd], [])
        except (BrokenPipeError, ConnectionResetError):
            raise OutputClosed from None
        except OSError as error:
            if error.errno == errno.EIO and stat.S_ISCHR(os.fstat(fd).st_mode):
                raise OutputClosed from None  # a terminal that is gone
            _take_back(fd, written - data.rfind(b"\n", 0, written) - 1)
            raise OutputError(f"cannot write {name}: {error.strerror}") from None
    if end < len(data):
        raise OutputBehind


def _take_back(fd: int, size: int) -> None:
    """Cut the last bytes, of a torn line, off what was written, where that is the end of a file."""
    with contextlib.suppress(OSError):
        file, end = os.fstat(fd), os.lseek(fd, 0, os.SEEK_CUR)
        if stat.S_ISREG(file.st_mode) and file.st_size == end:
            os.ftruncate(fd, end - size)
            os.lseek(fd, end - size, os.SEEK_SET)
