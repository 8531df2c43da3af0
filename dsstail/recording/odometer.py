"""How far the reading of several recordings has come."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Sequence
from io import FileIO

from dsstail.errors import ConfigurationError
from dsstail.recording.naming import PACKED
from dsstail.recording.reading import check, is_regular, opened

MOST_HELD = 100
"""Files that are opened before their turn."""


class Odometer:
    """Opens recordings, one after the other, and counts the bytes that are read of the files."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self._passed = 0  # bytes of the files before the current one
        self._current: FileIO | None = None
        self._length = 0  # of the current one
        self._held: dict[str, deque[FileIO]] = defaultdict(deque)

    def hold(self) -> None:
        """Open the files, but for pipes, before the first one is read, as far as they are few.

        So each is what it was then, even if it is rotated, compressed or removed before its turn.
        Of many only the last plain ones are, and then compressed ones.
        Raises ConfigurationError where not all can be read.
        """
        check(self.paths)
        try:
            for path in sorted(self.paths, key=_is_plain)[-MOST_HELD:]:
                if os.path.isfile(path):
                    self._held[path].append(opened(path))
        except ConfigurationError:  # so many files must not be open: then one after the other
            self.close()

    def close(self) -> None:
        """Close what was opened and has not had its turn."""
        for files in self._held.values():
            while files:
                files.pop().close()

    def opened(self, path: str) -> FileIO:
        """The next recording. Raises ConfigurationError where it cannot be read."""
        self._passed += self._length
        held = self._held[path]
        self._current = held.popleft() if held else opened(path)
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


def _is_plain(path: str) -> bool:
    """Whether its name does not say that it is compressed."""
    return not path.endswith(PACKED)
