"""The file that a recording grows at: locked, healed, and appended to in whole lines.

Whatever happens, it ends with a whole line, or the next start makes it so.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dsstail import json_text
from dsstail.annotation import brief, unannotated
from dsstail.errors import OutputError
from dsstail.messages import Event
from dsstail.recording.healing import beginning, is_torn_event, may_be_recording, torn_line
from dsstail.recording.locking import holder, lock
from dsstail.recording.naming import resolved
from dsstail.recording.syncing import sync_directory, sync_file

SYNC_AFTER = 0.5
"""Seconds that a line waits to be synced. Who calls `sync_if_due` does so twice a second: a power
cut costs what came in the last second."""

RETRY_EVERY = 0.5
"""Seconds between two attempts on a full disk."""

FULL = (errno.ENOSPC, errno.EDQUOT)

Warn = Callable[[str], None]
"""Is told what the user should know, and what stops nothing."""


class Patience:
    """What to do about a full disk: raise the error, or wait until there is room again."""

    def __init__(self, warn: Warn | None, until: float) -> None:
        """`warn` is told that the disk is full; without it nothing waits."""
        self.until = until
        """When there is to be no more waiting, by the monotonic clock."""
        self._warn = warn

    def attempt(self, action: Callable[[], None], where: Callable[[], str]) -> None:
        """Call `action` until it finds room. Raises the OSError that it does not wait for."""
        told = False
        while True:
            try:
                action()
            except OSError as error:
                left = self.until - time.monotonic()
                if self._warn is None or error.errno not in FULL or left <= 0:
                    raise
                if not told:
                    self._warn(f"disk full: waiting for room; {where()}.")
                    told = True
                time.sleep(min(RETRY_EVERY, left))
            else:
                if told and self._warn is not None:
                    self._warn("there is room again: recording goes on.")
                return


class LiveFile:
    """A file that is open for appending, and nobody else's until it is closed.

    `last_line` is the last one of the recording so far, wherever that is, and of a long one its two
    ends; `modified_at` is when the file was last written before (seconds since the epoch). Every
    method raises OutputError where the file cannot be written, and tells where the recording ends
    then.
    """

    def __init__(self, name: Path, fsync: str, patience: Patience, last_line: bytes = b"") -> None:
        """`fsync` is when to sync: `always`, `1s` after a write, or `never`."""
        self.name = name
        self.path = resolved(name)
        self.last_line = last_line
        self.size = 0
        self.modified_at = 0.0
        self._fsync = fsync
        self._patience = patience
        self._fd = -1
        self._unsynced_since: float | None = None
        self._synced = (0, last_line)
        self._torn = 0  # bytes at the end of the file that are to be cut off
        self._shared = False  # whether it was told that another program writes to it

    def open(self, *, overwrite: bool = False) -> int:
        """Lock the file and heal it, or empty it; how many bytes of a torn line were cut off."""
        try:
            self._patience.attempt(self._open_locked, self._end)
            try:
                return self._begin(overwrite)
            except BaseException:
                self._release()
                raise
        except OSError as error:
            reason = "disk full" if error.errno in FULL else error.strerror
            failure = f"cannot open {self.name}: {reason}."
        except OutputError as error:
            failure = str(error)
        last = f" The last event recorded is {self.end}." if self.end else ""
        raise OutputError(f"{failure}{last}")

    def append(self, lines: bytes) -> int:
        """Append whole lines, in one write unless the system takes fewer bytes.

        Returns how many bytes of them were written: not all if the file is `gone` after a wait for
        room, which whoever removed it wanted to make.
        """
        rest = lines
        waited = False

        def write() -> None:
            nonlocal rest, waited
            if waited and self.gone:
                return
            waited = True
            self._cut_torn()
            written = 0
            try:
                while written < len(rest):
                    written += os.write(self._fd, memoryview(rest)[written:])
            finally:
                kept = rest.rfind(b"\n", 0, written) + 1
                self._torn = written - kept
                self._grow(rest[:kept])
                rest = rest[kept:]
                self._cut_torn()

        try:
            self._patience.attempt(write, self._settle)
        except OSError as error:
            raise self._failure(error) from None
        if self._fsync == "always":
            self.sync()
        return len(lines) - len(rest)

    def sync_if_due(self) -> None:
        """Sync, if lines have waited for that long enough."""
        since = self._unsynced_since
        if since is not None and time.monotonic() - since >= SYNC_AFTER:
            self.sync()

    def sync(self) -> None:
        """Have all that was appended survive a power cut; where that fails, cut it off again."""
        if self._unsynced_since is None or self._fsync == "never":
            return
        try:
            sync_file(self._fd)
        except OSError as error:
            # What is on the disk now is anybody's guess, and no later sync would tell.
            size, self.last_line = self._synced
            with suppress(OSError):
                self._torn = max(0, os.fstat(self._fd).st_size - size)
                self._cut_torn()
            raise self._failure(error) from None
        self._synced = (self.size, self.last_line)
        self._unsynced_since = None

    @property
    def gone(self) -> bool:
        """Whether its name leads to another file by now, or to none."""
        return not _leads_to(self.name, self._fd)

    @property
    def is_untouched(self) -> bool:
        """Whether its name leads to what was written here, as far as one cheap look tells."""
        try:
            named, seen = os.stat(self.name), os.fstat(self._fd)
        except OSError:  # `gone` and `put_right` will tell
            return False
        return os.path.samestat(named, seen) and seen.st_size == self.size + self._torn

    def put_right(self) -> str:
        """Where another program changed it, have it end with a whole line; what happened then."""
        try:
            size = os.fstat(self._fd).st_size
            was_cut = size < self.size + self._torn
            if size == self.size + self._torn:
                return ""
            self._torn = 0
            if torn := torn_line(self._fd):
                if was_cut and is_torn_event(self._fd, torn):
                    self._torn = len(torn)
                    self._cut_torn()
                else:
                    os.write(self._fd, b"\n")
            self.size = os.fstat(self._fd).st_size
        except OSError as error:
            raise self._failure(error) from None
        self._synced = min(self._synced[0], self.size), self._synced[1]
        if was_cut:
            return (
                f"{self.name} was cut off by another program: recording goes on with what is left."
            )
        told, self._shared = self._shared, True
        return "" if told else f"another program writes to {self.name}, too."

    @property
    def end(self) -> str:
        """The number of the last event, and its stream where it is told; empty without one."""
        text, stream = unannotated(self.last_line)
        seq = Event(text).seq
        if seq is None:
            return ""
        return f"seq {seq}" if stream is None else f"seq {seq} of {stream}"

    def first_line(self) -> bytes:
        """As far as it is in the first block and can be read."""
        with suppress(OSError):
            return beginning(self._fd).partition(b"\n")[0]
        return b""

    def rename(self, segment: Path) -> None:
        """Sync it, close it, and give it another name for good."""
        self.sync()
        try:
            if sys.platform == "win32":
                self._release()  # or it could not be renamed
            self._patience.attempt(lambda: os.rename(self.path, segment), self._end)
            self._release()
        except OSError as error:
            raise self._failure(error, "rotate") from None

    def close(self) -> None:
        """Sync and close it; it is anybody's now."""
        try:
            self.sync()
        finally:
            try:
                self._release()
            except OSError as error:  # some network file systems say only now what they think
                raise self._failure(error) from None

    def _release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _begin(self, overwrite: bool) -> int:
        cut = 0
        self.modified_at = os.fstat(self._fd).st_mtime
        if overwrite:
            os.ftruncate(self._fd, 0)
        else:
            cut = self._heal()
        self.size = os.fstat(self._fd).st_size
        self._synced = (self.size, self.last_line)
        if self._fsync != "never":
            sync_file(self._fd)
            sync_directory(self.path.parent)
        return cut

    def _open_locked(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        while True:
            self._fd = os.open(self.path, flags, 0o600)
            try:
                if not lock(self._fd):
                    pid = holder(self._fd)
                    process = f"process {pid}" if pid else "another process"
                    raise OutputError(f"{process} is recording to {self.name} already.")
                if _leads_to(self.path, self._fd):
                    return
            except BaseException:
                self._release()
                raise
            self._release()  # another recorder renamed it just before it was locked

    def _heal(self) -> int:
        """Have the file end with a whole line; return how many bytes were cut off for that."""
        torn = torn_line(self._fd)
        lacks_break = json_text.is_json(torn)
        if not may_be_recording(self._fd) or not (lacks_break or is_torn_event(self._fd, torn)):
            raise OutputError(
                f"{self.name} does not end like a recording of dsstail, one event a line. "
                "It was left as it is: record to another file, or --overwrite it."
            )
        if lacks_break:
            os.write(self._fd, b"\n")
            return 0
        self._torn = len(torn)
        self._cut_torn()
        return len(torn)

    def _cut_torn(self) -> None:
        """Cut off what is known not to be a whole line."""
        if self._torn:
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - self._torn)
            self._torn = 0

    def _grow(self, lines: bytes) -> None:
        if lines:
            self.size += len(lines)
            self.last_line = brief(lines, lines.rfind(b"\n", 0, -1) + 1, len(lines) - 1)
            if self._unsynced_since is None:
                self._unsynced_since = time.monotonic()

    def _failure(self, error: OSError, deed: str = "write") -> OutputError:
        if error.errno in FULL:
            return OutputError(f"disk full: {self._end()}.")
        return OutputError(f"cannot {deed} {self.name}: {error.strerror}; {self._end()}.")

    def _settle(self) -> str:
        """Sync before a long wait; where the recording ends."""
        self.sync()
        return self._end()

    def _end(self) -> str:
        """Where the recording ends, for people."""
        last = self.end or "its last event"
        if self._torn:
            return f"{self.name} is whole up to {last}, and the next start cuts off the rest"
        if not self.last_line:
            return f"no event was written to {self.name}"
        return f"{self.name} ends cleanly at {last}"


def _leads_to(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # nothing that can be known
        return True
