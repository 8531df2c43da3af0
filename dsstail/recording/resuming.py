"""What a recording holds already: where each stream left off, found from the end backwards."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsstail import json_text
from dsstail.annotation import brief, unannotated
from dsstail.errors import OutputError
from dsstail.memory import give_back_large_blocks
from dsstail.messages import Event
from dsstail.recording import compression
from dsstail.recording.scanning import LONGEST_LINE
from dsstail.recording.unpacking import BYTE_ORDER_MARK

WINDOW_LINES = 10_000
WINDOW_BYTES = 8 << 20
"""How much of the end of a recording is known to the streams that resume after it."""

SEARCH_BYTES = 256 << 20
"""How far back a stream is looked for that is not in the window."""

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a recording's earlier runs."""

    last: dict[str, int]
    """The number of each stream's last event, where it has one."""
    known: dict[str, tuple[bytes, ...]]
    """The texts of each stream's last events, without blanks around, the oldest first."""
    annotated: bool
    """Whether events say which stream they are from."""
    last_line: bytes
    """The last event of all as it was written, and of a long one the two ends."""


NO_PAST = Past({}, {}, annotated=False, last_line=b"")


def look_back(files: Iterable[Path], streams: Sequence[str]) -> Past:
    """Read the ends of `files`, the newest first, until it is clear where `streams` left off.

    An event that names no stream is of the only one. What is damaged is passed over. Raises
    OutputError for a file that cannot be read.
    """
    give_back_large_blocks()
    search = _Search(streams)
    for path in files:
        try:
            for line in _lines_backwards(path, search):
                search.take(line)
                if search.over:
                    return search.past()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(
                f"cannot read {path}, to resume where it ends: {error.strerror}. "
                "--no-resume goes on without."
            ) from None
    return search.past()


class _Search:
    """Takes lines, the newest first, until enough is known."""

    def __init__(self, streams: Sequence[str]) -> None:
        self._only = streams[0] if len(streams) == 1 else None
        self._last: dict[str, int] = {}
        self._known: dict[str, list[bytes]] = {name: [] for name in streams}
        self._annotated = False
        self._last_line = b""
        self._lines = self._bytes = 0
        self._passed_over = 0  # bytes

    @property
    def over(self) -> bool:
        """Whether older lines are of no interest."""
        searched = self._bytes + self._passed_over
        return searched > SEARCH_BYTES or not (self._missing or self._in_window)

    def take(self, line: bytes) -> None:
        self._lines += 1
        self._bytes += len(line)
        text, named = unannotated(line.removeprefix(BYTE_ORDER_MARK))
        stream = named or self._only
        self._annotated = self._annotated or named is not None
        if stream not in self._known or not (self._in_window or stream in self._missing):
            return
        seq = Event(text).seq if json_text.is_json(text) else None
        if seq is not None and stream is not None:
            self._last.setdefault(stream, seq)
            self._known[stream].append(text.strip())
            self._last_line = self._last_line or brief(line, 0, len(line))

    def pass_over(self, line: bytes) -> str | None:
        """Have a look at a line of no window: its stream, where that is still to be found."""
        self._passed_over += len(line)
        named = unannotated(line)[1] if len(self._known) > 1 else None
        return named if named in self._missing else None

    def past(self) -> Past:
        known = {stream: tuple(reversed(texts)) for stream, texts in self._known.items()}
        return Past(self._last, known, self._annotated, self._last_line)

    @property
    def _in_window(self) -> bool:
        return self._lines <= WINDOW_LINES and self._bytes <= WINDOW_BYTES

    @property
    def _missing(self) -> set[str]:
        return self._known.keys() - self._last.keys()


def _lines_backwards(path: Path, search: _Search) -> Iterator[bytes]:
    if path.suffix in compression.ENDINGS:
        return _last_lines(compression.pieces(path), search)
    return _lines_from_the_end(path)


def _lines_from_the_end(path: Path) -> Iterator[bytes]:
    """The lines of a plain file, the last one first; one that is too long comes in pieces."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        beginning = b""
        while position > 0:
            size = min(BLOCK, position)
            position = file.seek(position - size)
            beginning, *lines = (file.read(size) + beginning).split(b"\n")
            yield from filter(None, reversed(lines))
            if len(beginning) > LONGEST_LINE:
                yield beginning
                beginning = b""
    if beginning:
        yield beginning


def _last_lines(pieces: Iterable[bytes], search: _Search) -> Iterator[bytes]:
    """The last lines of what can only be read forwards, the last one first.

    After those of the window comes the last line of each stream that is not among them.
    """
    window: deque[bytes] = deque()
    size = 0
    older: dict[str, bytes] = {}
    for line in _lines(pieces):
        window.append(line)
        size += len(line)
        while len(window) > 1 and (len(window) > WINDOW_LINES or size > WINDOW_BYTES):
            passed = window.popleft()
            size -= len(passed)
            if (stream := search.pass_over(passed)) is not None:
                older[stream] = passed
    yield from reversed(window)
    yield from older.values()


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of what is read forwards, but for those that are too long."""
    rest, too_long = b"", False
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if too_long and lines:
            del lines[0]
            too_long = False
        yield from filter(None, lines)
        if len(rest) > LONGEST_LINE:
            rest, too_long = b"", True
    if rest and not too_long:
        yield rest
