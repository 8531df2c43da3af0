"""What a recording holds already: where each stream left off, found from the end backwards."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsstail import json_text
from dsstail.annotation import MEMBER, brief, member, unannotated
from dsstail.errors import OutputError
from dsstail.memory import give_back_large_blocks
from dsstail.messages import Event, seq_of
from dsstail.recording import compression
from dsstail.recording.scanning import LONGEST_LINE
from dsstail.recording.unpacking import BYTE_ORDER_MARK, MAGIC, is_packed

WINDOW_LINES = 50_000
WINDOW_BYTES = 32 << 20
"""How much of the end of a recording is known to the streams that resume after it."""

SEARCH_BYTES = 4 << 30
"""How far back a stream that is not in the window is looked for: in seconds, not minutes."""

TAKEN_BYTES = 256 << 20
"""Bytes of lines that are looked at one by one for that."""

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a recording's earlier runs."""

    known: dict[str, tuple[bytes, ...]]
    """The texts of each stream's last events, without blanks around, the oldest first."""
    annotated: bool
    """Whether events say which stream they are from."""
    last_line: bytes
    """The last event of all as it was written, and of a long one the two ends."""
    given_up: frozenset[str] = frozenset()
    """Streams whose last event may be further back than the search went."""


NO_PAST = Past({}, annotated=False, last_line=b"")


def look_back(files: Iterable[Path], streams: Sequence[str]) -> Past:
    """Read the ends of `files`, the newest first, until it is clear where `streams` left off.

    An event that names no stream belongs to the only one. What is damaged is passed over; of a line
    that is too long, the beginning and the end have to do. Raises OutputError for a file that
    cannot be read.
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


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Lines as they are, without the last line break; or the two ends of a line."""

    text: bytes
    is_whole: bool = True

    @property
    def lines(self) -> int:
        return self.text.count(b"\n") + 1

    def backwards(self) -> Iterator[_Stretch]:
        """Its lines that are not empty, each for itself, the last one first."""
        return (_Stretch(line, self.is_whole) for line in reversed(self.text.split(b"\n")) if line)


class _Search:
    """Takes lines, the newest first, until enough is known."""

    def __init__(self, streams: Sequence[str]) -> None:
        self._only = streams[0] if len(streams) == 1 else None
        self._members = {name: member(name) for name in streams}
        self._known: dict[str, list[bytes]] = {name: [] for name in streams}
        self._annotated = False
        self._last_line = b""
        self._lines = self._bytes = 0
        self._passed_over = 0  # bytes

    @property
    def over(self) -> bool:
        """Whether older lines are of no interest."""
        return self._too_far or not (self.missing or self._in_window)

    @property
    def missing(self) -> set[str]:
        """The streams that are still to be found."""
        return {name for name, texts in self._known.items() if not texts}

    def take(self, line: _Stretch) -> None:
        self._lines += 1
        self._bytes += len(line.text)
        text, named = unannotated(line.text.removeprefix(BYTE_ORDER_MARK))
        stream = named or self._only
        self._annotated = self._annotated or named is not None
        if stream not in self._known or not (self._in_window or stream in self.missing):
            return
        if line.is_whole:
            seq = Event(text).seq if json_text.is_json(text) else None
        else:
            seq = seq_of(json_text.leading_seq(text))
        if seq is not None and stream is not None:
            self._known[stream].append(text.strip())
            self._last_line = self._last_line or brief(line.text, 0, len(line.text))

    def passes_over(self, lines: bytes) -> bool:
        """Whether nothing of interest is in these lines, as far as can be told at once."""
        if self._in_window or any(self._members[name] in lines for name in self.missing):
            return False
        if self._only is not None and lines.count(MEMBER) <= lines.count(b"\n"):
            return False  # there is a line that names no stream
        self._passed_over += len(lines)
        return True

    def last_of_each(self, lines: bytes) -> dict[str, bytes]:
        """Of each stream that is still to be found, the last of these lines that names it."""
        self._passed_over += len(lines)
        found: dict[str, bytes] = {}
        for name in self.missing:
            at = len(lines)
            while name not in found and (at := lines.rfind(self._members[name], 0, at)) >= 0:
                line = lines[lines.rfind(b"\n", 0, at) + 1 :].partition(b"\n")[0]
                if unannotated(line)[1] == name:
                    found[name] = line
        return found

    def past(self) -> Past:
        known = {stream: tuple(reversed(texts)) for stream, texts in self._known.items()}
        given_up = frozenset(self.missing if self._too_far else ())
        return Past(known, self._annotated, self._last_line, given_up)

    @property
    def _too_far(self) -> bool:
        return self._bytes > TAKEN_BYTES or self._bytes + self._passed_over > SEARCH_BYTES

    @property
    def _in_window(self) -> bool:
        return self._lines <= WINDOW_LINES and self._bytes <= WINDOW_BYTES


class _Parts:
    """A line that comes in parts; of one that is too long, the two ends are kept."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes that have come."""
        self._parts: deque[bytes] = deque()

    def put_before(self, part: bytes) -> None:
        self._parts.appendleft(part)
        self._add(part)

    def put_behind(self, part: bytes) -> None:
        self._parts.append(part)
        self._add(part)

    def take(self) -> Iterator[_Stretch]:
        """The line, which is complete; nothing if it is empty."""
        if self.size:
            text, is_whole = b"".join(self._parts), self.size <= LONGEST_LINE
            yield _Stretch(text if is_whole else brief(text, 0, len(text)), is_whole)
        self._parts.clear()
        self.size = 0

    def _add(self, part: bytes) -> None:
        self.size += len(part)
        if self.size > LONGEST_LINE and len(self._parts) > 4:
            first, second, *_, last_but_one, last = self._parts
            self._parts = deque([first, second, last_but_one, last])


def _lines_backwards(path: Path, search: _Search) -> Iterator[_Stretch]:
    with path.open("rb") as file:
        packed = is_packed(file.read(MAGIC))
    if packed:
        return _last_lines(compression.pieces(path), search)
    return _lines_from_the_end(path, search)


def _lines_from_the_end(path: Path, search: _Search) -> Iterator[_Stretch]:
    """The lines of a plain file, the last one first, but for what the search passes over."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        line = _Parts()
        while position > 0:
            size = min(BLOCK, position)
            position = file.seek(position - size)
            block = file.read(size)
            first, last = block.find(b"\n"), block.rfind(b"\n")
            line.put_before(block[last + 1 :])
            if first < 0 and line.size > WINDOW_BYTES and not search.missing:
                return
            if first < 0:
                continue
            yield from line.take()
            whole = block[first + 1 : max(first + 1, last)]
            if not search.passes_over(whole):
                yield from _Stretch(whole).backwards()
            line.put_before(block[:first])
    yield from line.take()


def _last_lines(pieces: Iterable[bytes], search: _Search) -> Iterator[_Stretch]:
    """The last lines of what can only be read forwards, the last one first.

    After those of the window comes the last line of each stream that is not among them.
    """
    window: deque[_Stretch] = deque()
    lines = size = 0
    older: dict[str, bytes] = {}
    for stretch in _stretches(pieces):
        window.append(stretch)
        lines += stretch.lines
        size += len(stretch.text)
        while (
            lines - window[0].lines > WINDOW_LINES or size - len(window[0].text) > WINDOW_BYTES
        ) and len(window) > 1:
            passed = window.popleft()
            lines -= passed.lines
            size -= len(passed.text)
            older |= search.last_of_each(passed.text)
    for stretch in reversed(window):
        yield from stretch.backwards()
    yield from map(_Stretch, older.values())


def _stretches(pieces: Iterable[bytes]) -> Iterator[_Stretch]:
    """Whole lines of what is read forwards, many at a time."""
    line = _Parts()
    for piece in pieces:
        first, last = piece.find(b"\n"), piece.rfind(b"\n")
        if first < 0:
            line.put_behind(piece)
            continue
        line.put_behind(piece[:first])
        yield from line.take()
        if last > first:
            yield _Stretch(piece[first + 1 : last])
        line.put_behind(piece[last + 1 :])
    yield from line.take()
