"""How far the reading of several recordings has come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import FileIO

from dsstail.recording.reading import is_regular, opened


class Odometer:
    """Opens recordings, one after the other, and counts the bytes that are read of the files."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self._passed = 0  # bytes of the files before the current one
        self._current: FileIO | None = None
        self._length = 0  # of the current one

    def opened(self, path: str) -> FileIO:
        """The next recording. Raises ConfigurationError where it cannot be read."""
        self._passed += self._length
        self._current = opened(path)
        self._length = os.fstat(self._current.fileno()).st_size if is_regular(self._current) else 0
        return self._current

    @property
    def size(self) -> int:
        """How many bytes there are to be read; 0 where that cannot be told."""
        if not all(map(os.path.isfile, self.paths)):
            return 0
        return sum(map(os.path.getsize, self.paths))

    @property
    def position(self) -> int:
        """How many bytes were read so far."""
        if self._current is None or self._current.closed or not self._current.seekable():
            return self._passed + self._length
        return self._passed + self._current.tell()
