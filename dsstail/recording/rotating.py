"""What becomes of segments once they are complete: compressed, and removed when there are enough.

All of it can be cut short at any instant and done again. A segment's original is removed only
when the compressed one is on the disk, under its name, and reads the same, and never once it is
live again: a clock that is put right can come to a date whose file was complete.
"""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from dsstail.errors import DsstailError
from dsstail.recording import compression
from dsstail.recording.locking import lock
from dsstail.recording.naming import PART, Naming, Segment
from dsstail.recording.syncing import sync_directory, sync_file

HASTE = 0.3
"""Seconds that are waited for the thread when there is no time."""


class Tidier:
    """Looks after segments in a thread of its own, so that no event waits for it.

    `compress` is one of compression.FORMS, or None; of each recording the newest `keep` segments
    are kept, all where it is None.
    """

    def __init__(self, compress: str | None, keep: int | None) -> None:
        self._compress = compress
        self._keep = keep
        self._live: dict[Naming, Path] = {}
        self._claiming = threading.Lock()  # held while a file becomes live, or is taken away
        self._jobs: queue.SimpleQueue[Naming | None] = queue.SimpleQueue()
        self._troubles: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tidier", daemon=True)

    def spare(self, naming: Naming, live: Path) -> None:
        """Of the files with these names, leave this one alone. To be called before it is opened."""
        with self._claiming:
            self._live[naming] = live

    def tidy(self, naming: Naming) -> None:
        """Have the segments beside the live file looked after, soon."""
        if self._compress is None and self._keep is None:
            return
        if self._thread.ident is None:
            self._thread.start()
        self._jobs.put(naming)

    def troubles(self) -> Iterator[str]:
        """What did not work since the last call; it is tried again with the next segment."""
        while not self._troubles.empty():
            yield self._troubles.get()

    def finish(self, *, in_haste: bool) -> None:
        """Wait until all is done; `in_haste` leave it to the next start."""
        if in_haste:
            self._hurry.set()
        self._jobs.put(None)
        if self._thread.ident is not None:
            self._thread.join(HASTE if in_haste else None)

    def _run(self) -> None:
        with suppress(_LeftOff):
            while (naming := self._jobs.get()) is not None:
                self._tidy(naming)

    def _tidy(self, naming: Naming) -> None:
        live = self._live[naming]
        for path in naming.unfinished(live):
            self._attempt(path, path.unlink)
        # What is live by now may be among them: it is asked for after they are listed.
        segments = [one for one in naming.segments(live) if one.plain != self._live[naming]]
        surplus = 0 if self._keep is None else max(0, len(segments) - self._keep)
        for segment in segments[:surplus]:
            self._attempt(segment.plain, partial(self._remove, segment, naming))
        for segment in segments[surplus:]:
            if self._compress is not None and segment.plain in segment.paths:
                self._attempt(segment.plain, partial(self._pack, segment, naming, live))

    def _attempt(self, path: Path, action: Callable[[], None]) -> None:
        if self._hurry.is_set():
            raise _LeftOff
        try:
            with suppress(_Taken):
                action()
        except OSError as error:
            self._troubles.put(f"{path.name} stays as it is for now: {error.strerror}.")
        except DsstailError as error:
            self._troubles.put(f"{path.name} stays as it is for now: {error}")

    @contextmanager
    def _claimed(self, naming: Naming, path: Path, size: int | None = None) -> Iterator[None]:
        """Have nobody begin to record to this file meanwhile.

        Raises _Taken where somebody does so already, or did since it had this size.
        """
        with self._claiming:
            if path == self._live[naming] or not _is_free(path):
                raise _Taken
            if size not in (None, path.stat().st_size):
                raise _Taken
            yield

    def _remove(self, segment: Segment, naming: Naming) -> None:
        """Remove a segment in all its forms; nobody records to a compressed one."""
        for path in segment.paths:
            if path == segment.plain:
                with self._claimed(naming, path):
                    path.unlink()
            else:
                path.unlink()

    def _pack(self, segment: Segment, naming: Naming, live: Path) -> None:
        """Leave nothing of a segment but its compressed form."""
        plain = segment.plain
        with self._claimed(naming, plain):
            size = plain.stat().st_size
        claimed = partial(self._claimed, naming, plain, size)
        packed = [path for path in segment.paths if path != plain]
        if packed and not any(self._reads_the_same(path, plain) for path in packed):
            # The same date came twice, by a clock that was put back: these are two segments.
            with claimed():
                plain = plain.rename(naming.new_segment(live, plain.stat().st_mtime))
            claimed = partial(self._claimed, naming, plain, size)
            packed = []
        part = None if packed else self._compressed_beside(plain)
        try:
            the_same = part is None or self._reads_the_same(part, plain)
            with claimed():
                if not the_same:
                    raise OSError(errno.EIO, "what was compressed does not read the same")
                if part is not None:
                    part.rename(part.with_suffix(""))
                    sync_directory(part.parent)
                plain.unlink()
        finally:
            if part is not None:
                part.unlink(missing_ok=True)

    def _compressed_beside(self, plain: Path) -> Path:
        """Compress a file into another one, with its times and its mode."""
        assert self._compress is not None
        part = Path(f"{plain}.{self._compress}{PART}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            with open(os.open(part, flags, 0o600), "wb") as file:
                with compression.compressed_into(file, self._compress) as sink:
                    for piece in self._unhurried(_pieces(plain)):
                        sink.write(piece)
                file.flush()
                sync_file(file.fileno())
            original = plain.stat()
            os.chmod(part, stat.S_IMODE(original.st_mode))
            os.utime(part, ns=(original.st_atime_ns, original.st_mtime_ns))
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part

    def _reads_the_same(self, packed: Path, plain: Path) -> bool:
        sums = []
        for pieces in (compression.pieces(packed), _pieces(plain)):
            checksum = hashlib.sha256()
            for piece in self._unhurried(pieces):
                checksum.update(piece)
            sums.append(checksum.digest())
        return sums[0] == sums[1]

    def _unhurried(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._hurry.is_set():
                raise _LeftOff
            yield piece


class _LeftOff(Exception):
    """There is no time for the rest; the next start does it."""


class _Taken(Exception):
    """A file that is not to be taken away: somebody records to it."""


def _pieces(plain: Path) -> Iterator[bytes]:
    with plain.open("rb") as file:
        while piece := file.read(compression.PIECE):
            yield piece


def _is_free(path: Path) -> bool:
    """Whether nobody records to this file."""
    with path.open("rb") as file:
        return lock(file.fileno(), shared=True)
