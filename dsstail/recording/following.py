"""A recording that is being written, followed through rotation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from dsstail.errors import ConfigurationError
from dsstail.recording import compression
from dsstail.recording.backwards import numbered
from dsstail.recording.naming import Segment, resolved, segments_beside
from dsstail.recording.reading import opened, read_file, read_on, unreadable
from dsstail.recording.splitting import Damage, Found, Splitter

_REREAD = 1 << 20
"""Bytes of what is unfinished, at most, that are read again with what comes behind them."""


class Follower:
    """Reads a plain file on, wherever it goes: it grows, is replaced by another, or is cut off.

    Between it and the file that has its name now there can be others, if it is being recorded: the
    segments that have been rotated since. They are read, too, compressed or not.
    """

    def __init__(self, path: str, file: FileIO, splitter: Splitter, start: int = 0) -> None:
        """`splitter` has been given what is in the file from the byte `start` to its position."""
        self._path = path
        self._file = file
        self._splitter = splitter
        self._start = start
        self._before = self._newest_before()  # the stamp of the newest segment that is older
        self._road = self._travel()

    def read(self) -> list[Found] | None:
        """What the next bytes bring, None where there are none now."""
        data = read_on(self._file, self._path)
        return self._numbered(self._splitter.feed(data)) if data else None

    def poll(self) -> list[Found] | None:
        """`read`, also from what has taken the file's place."""
        return next(self._road)

    def close(self) -> None:
        self._file.close()

    def _travel(self) -> Iterator[list[Found] | None]:
        """What `poll` gives, one after the other."""
        found: list[Found] | None = None
        while True:
            found = (self._look_back() if found is None else None) or self.read()
            if found is not None or not self._replaced():
                yield found
                continue
            # It was complete before it was replaced, but maybe not yet at the first look.
            while (found := self.read()) is not None:
                yield found
            yield self._numbered(self._splitter.end())
            yield from self._go_on()

    def _go_on(self) -> Iterator[list[Found] | None]:
        """What was rotated since this file was; then the one that has its name now is the file."""
        last_read = self._own_stamp()
        removed = last_read is None and os.fstat(self._file.fileno()).st_nlink == 0
        while True:
            # Opened first: what is not rotated yet when the segments are listed comes after them.
            file = self._successor()
            if file is None:
                yield None
                continue
            segments = self._segments()
            unread = [one for one in segments if one.stamp > (last_read or self._before)]
            if not unread:
                break
            file.close()
            if last_read is not None:
                removed = all(one.stamp != last_read for one in segments)
            if removed:  # the oldest ones are, and there may have been more
                yield [Damage(1, 1, "segments may have been removed before they were read", b"")]
            for segment in unread:
                yield from _whole(segment)
            last_read = unread[-1].stamp
        self._file.close()
        self._file, self._splitter, self._start = file, Splitter(), 0
        self._before = last_read or self._before

    def _successor(self) -> FileIO | None:
        """The file that has the name now; for a moment of a rotation, none may have it."""
        try:
            return FileIO(self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(self._path, error) from None

    def _segments(self) -> list[Segment]:
        return segments_beside(resolved(self._path))

    def _newest_before(self) -> str:
        stamp = ""
        for segment in self._segments():
            if self._is_at(segment.plain):
                break
            stamp = segment.stamp
        return stamp

    def _own_stamp(self) -> str | None:
        """The stamp of the segment that this file has become, None if it is none."""
        for segment in self._segments():
            if segment.stamp > self._before:
                return segment.stamp if self._has_become(segment) else None
        return None

    def _has_become(self, segment: Segment) -> bool:
        """Whether a segment is the file, or holds the same, compressed."""
        if self._is_at(segment.plain):
            return True
        for path in segment.forms[1:]:
            try:
                piece = next(compression.pieces(path), b"")
            except OSError:
                continue
            except ConfigurationError:  # for lack of a package: then it need not be read either
                return True
            at = self._file.tell()
            self._file.seek(0)
            own = self._file.read(len(piece))
            self._file.seek(at)
            return own == piece
        return False

    def _look_back(self) -> list[Found] | None:
        """Go back, where the file has changed, to what was unfinished, or to the beginning.

        A recorder that starts again cuts off what a crash left of a line, and writes in its place.
        """
        size, position = os.fstat(self._file.fileno()).st_size, self._file.tell()
        settled = self._start + self._splitter.settled[0]
        if size < settled:
            return self._start_again()
        if size < position or (size > position and 0 < position - settled <= _REREAD):
            self._file.seek(settled)
            self._splitter = Splitter(settled=self._splitter.settled)
        return None

    def _start_again(self) -> list[Found]:
        line = self._splitter.line
        cut = Damage(line, line, "the file was cut off; it is read from its beginning again", b"")
        found = [*self._splitter.end(), cut]
        self._file.seek(0)
        self._splitter, self._start = Splitter(), 0
        return found

    def _replaced(self) -> bool:
        """Whether another file has the name now; for a moment of a rotation, none may have it."""
        return os.path.exists(self._path) and not self._is_at(self._path)

    def _is_at(self, path: str | Path) -> bool:
        """Whether this name leads to the file."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def _numbered(self, found: list[Found]) -> list[Found]:
        return numbered(found, self._file, self._start)


def _whole(segment: Segment) -> Iterator[list[Found]]:
    """All that is in a segment, which may be compressed or removed since it was listed."""
    for path in segment.forms:
        try:
            file = opened(path)
        except ConfigurationError:
            continue
        with file:
            for found in read_file(file, str(path)):
                yield [found] if found is not None else []
        return
    yield [Damage(1, 1, f"{segment.plain.name} was removed before it was read", b"")]
