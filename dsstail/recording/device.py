"""What can be recorded to and keeps nothing: a FIFO, a terminal or another device."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dsstail.errors import OutputClosed, OutputError
from dsstail.recording.appending import Warn
from dsstail.recording.resuming import NO_PAST


def is_device(path: Path) -> bool:
    """Whether something is there that is neither a file on a disk nor a directory."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


class Device:
    """A FIFO, a terminal or another device: what is written there is gone, and that is all.

    Raises OutputError, and where it is our own stdout, which nobody reads any more, OutputClosed.
    """

    past = NO_PAST
    end = ""

    def __init__(self, name: Path, streams: Sequence[str], warn: Warn) -> None:
        """Open it; a FIFO waits for a reader, of which `warn` is told. Raises OutputError."""
        self.streams = streams
        self.name = name
        self.size = 0
        try:
            self._fd = _open_device(name, warn)
        except OSError as error:
            raise self._failure(error) from None

    def append(self, lines: bytes, received_at: float) -> None:
        """Write whole lines."""
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            raise self._failure(error) from None
        self.size += len(lines)

    def look(self) -> None:
        """See whether somebody still reads it."""
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self._fd, 0)
            if stat.S_ISFIFO(os.fstat(self._fd).st_mode) and poll.poll(0):
                raise self._failure(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))

    def sync(self) -> None:
        """There is nothing to sync."""

    def close(self) -> None:
        os.close(self._fd)

    def _failure(self, error: OSError) -> OutputError | OutputClosed:
        with suppress(OSError):
            if error.errno == errno.EPIPE and os.path.samestat(os.fstat(1), os.fstat(self._fd)):
                return OutputClosed()
        return OutputError(f"cannot write {self.name}: {error.strerror}.")


def _open_device(name: Path, warn: Warn) -> int:
    flags = os.O_WRONLY | getattr(os, "O_BINARY", 0)
    if name.is_fifo():
        try:
            fd = os.open(name, flags | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            warn(f"waiting for somebody to read {name}.")
        else:
            os.set_blocking(fd, True)
            return fd
    return os.open(name, flags)
