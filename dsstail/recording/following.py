"""A recording that is being written, followed through rotation."""

from __future__ import annotations

import os
from io import FileIO

from dsstail.recording.backwards import numbered
from dsstail.recording.reading import opened, read_on
from dsstail.recording.splitting import Damage, Found, Splitter


class Follower:
    """Reads a plain file on, wherever it goes: it grows, is replaced by another, or is cut off."""

    def __init__(self, path: str, file: FileIO, splitter: Splitter, start: int = 0) -> None:
        """`splitter` has been given what is in the file from the byte `start` to its position."""
        self._path = path
        self._file = file
        self._splitter = splitter
        self._start = start

    def read(self) -> list[Found] | None:
        """What the next bytes bring, None where there are none now."""
        data = read_on(self._file, self._path)
        return self._numbered(self._splitter.feed(data)) if data else None

    def poll(self) -> list[Found] | None:
        """`read`, also from what has taken the file's place."""
        found = self.read()
        if found is not None:
            return found
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            return self._start_again()
        if not self._replaced():
            return None
        # It was complete before it was replaced, but maybe not yet at the first look.
        found = self.read()
        if found is not None:
            return found
        found = self._numbered(self._splitter.end())
        file = opened(self._path)
        self._file.close()
        self._file, self._splitter, self._start = file, Splitter(), 0
        return found

    def close(self) -> None:
        self._file.close()

    def _start_again(self) -> list[Found]:
        line = self._splitter.line
        cut = Damage(line, line, "the file was cut off; it is read from its beginning again", b"")
        found = [*self._splitter.end(), cut]
        self._file.seek(0)
        self._splitter, self._start = Splitter(), 0
        return found

    def _replaced(self) -> bool:
        """Whether another file has the name now; for a moment of a rotation, none may have it."""
        try:
            now = os.stat(self._path)
        except OSError:
            return False
        return not os.path.samestat(now, os.fstat(self._file.fileno()))

    def _numbered(self, found: list[Found]) -> list[Found]:
        return numbered(found, self._file, self._start)
