"""A recording from its end, so that its last events cost the same however long it is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import FileIO
from itertools import islice

from dsstail.recording.reading import rest_of_line
from dsstail.recording.scanning import is_object
from dsstail.recording.splitting import Damage, Found, Splitter

_SMALLEST, _LARGEST = 1 << 16, 1 << 20
_FARTHEST = 4 << 20
"""Bytes in which there has to be a line that is an event."""

_LINE = re.compile(rb"(?<=\n)\{[^\n]*+\n")
_TRIED = 100


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is found in a recording from the byte `start` up to the byte `end`."""

    start: int
    end: int
    found: list[Found]
    """Its lines are counted from 1; see `numbered`."""
    splitter: Splitter
    """Of the last stretch, what reads on behind its end."""


def stretches(file: FileIO) -> Iterator[Stretch]:
    """The stretches of a plain recording, the last one first, up to the one that starts at 0.

    Each starts with a line that is a whole event, and so is read as it would be in the whole
    recording. They end early where there is no such line: the recording is of another form.
    """
    end = os.fstat(file.fileno()).st_size
    end += len(rest_of_line(file, end))
    last = True
    size = _SMALLEST
    while end or last:
        start = max(end - size, 0)
        data = _bytes_of(file, start, end)
        skipped = _first_event(data) if start else 0
        if skipped is None and size < _FARTHEST:
            size *= 2
            continue
        if skipped is None:
            return
        splitter = Splitter()
        found = splitter.feed(data[skipped:])
        if not last:
            found += splitter.end()
        yield Stretch(start + skipped, end, found, splitter)
        end = start + skipped
        last = False
        size = min(size * 2, _LARGEST)


def numbered(found: list[Found], file: FileIO, start: int) -> list[Found]:
    """What was found from the byte `start` on, its damage numbered by the lines of the whole file.

    Only where there is damage is the file read for that.
    """
    if start == 0 or not any(isinstance(part, Damage) for part in found):
        return found
    at = file.tell()
    before = sum(
        _bytes_of(file, place, min(place + _LARGEST, start)).count(b"\n")
        for place in range(0, start, _LARGEST)
    )
    file.seek(at)
    return [
        replace(part, first=part.first + before, last=part.last + before)
        if isinstance(part, Damage)
        else part
        for part in found
    ]


def _first_event(data: bytes) -> int | None:
    """Where the first line begins that is a whole event."""
    for line in islice(_LINE.finditer(data), _TRIED):
        if is_object(line[0]):
            return line.start()
    return None


def _bytes_of(file: FileIO, start: int, end: int) -> bytes:
    file.seek(start)
    data = b""
    while start + len(data) < end and (piece := file.read(end - start - len(data))):
        data += piece
    return data
