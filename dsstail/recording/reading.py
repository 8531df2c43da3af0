"""Recordings as they are found: plain or compressed, a file or stdin, complete or not.

Reading is streamed: whatever a file holds, and whatever it unpacks to, memory stays bounded.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import FileIO
from pathlib import Path

from dsstail.errors import ConfigurationError
from dsstail.messages import Event
from dsstail.recording.locking import holder
from dsstail.recording.splitting import Damage, Found, Lines, Splitter
from dsstail.recording.unpacking import MAGIC, PIECE, Spoiled, is_bare, unpacked

LONGEST_WRITE = 0.2
"""Seconds after which what a recorder has begun to write is on its way no longer."""

WRITE_POLL = 0.001
"""Seconds between two looks at it."""


def read(path: str | Path) -> Iterator[Found]:
    """The events of a recording in runs, and the damage between them; `-` is stdin.

    Raises ConfigurationError for what cannot be read at all.
    """
    with opened(path) as file:
        for found in read_file(file, named(path)):
            if found is not None:
                yield found


def read_recording(
    path: str | Path, *, damaged: Callable[[Damage], object] | None = None
) -> Iterator[Event]:
    """The events of a recording, one by one; `damaged` is told what is skipped between them.

    Their texts are as they were recorded, `_dsstail` included. Raises ConfigurationError for
    what cannot be read at all.
    """
    for found in read(path):
        if isinstance(found, Lines):
            yield from map(Event, found.texts)
        elif damaged is not None:
            damaged(found)


def named(path: str | Path) -> str:
    """What messages call a recording."""
    return "stdin" if str(path) == "-" else str(path)


def opened(path: str | Path) -> FileIO:
    """A recording, to be read without a buffer. Raises ConfigurationError where it cannot be."""
    try:
        if str(path) == "-":
            return FileIO(0, closefd=False)
        return FileIO(path)
    except OSError as error:
        raise unreadable(named(path), error) from None


def check(paths: Sequence[str]) -> None:
    """Raises ConfigurationError where not all of these recordings can be opened."""
    if paths.count("-") > 1:
        raise ConfigurationError("stdin can be read only once.")
    for path in paths:
        if path != "-" and not is_pipe(path):
            opened(path).close()


def read_file(
    file: FileIO, name: str, *, decode: bool = False, patient: bool = True
) -> Iterator[Found | None]:
    """`read` for an open file; unless `patient`, None stands for there being nothing yet.

    With `decode`, the runs have the decoded objects, too.
    """
    splitter = Splitter(decode=decode)
    spoiled = None
    try:
        for piece in unpacked(_pieces(file, name, patient), name):
            found = splitter.feed(piece) if piece is not None else []
            yield from found
            if not found and not patient:
                yield None
    except Spoiled as error:
        spoiled = str(error)
    rest = splitter.end()
    if spoiled is not None:
        last = rest[-1] if rest else None
        if isinstance(last, Damage) and last.torn:  # by the same
            rest[-1] = replace(last, reason=spoiled)
        else:
            rest.append(Damage(splitter.line, splitter.line, spoiled, b"", torn=True))
    yield from rest


def read_on(file: FileIO, name: str) -> bytes:
    """The next bytes of a file, `b""` at its end. Raises ConfigurationError if it fails."""
    try:
        while (piece := file.read(PIECE)) is None:  # non-blocking, which was not our choice
            select.select([file], [], [])
        return piece
    except OSError as error:
        raise unreadable(name, error) from None


def rest_of_line(file: FileIO, end: int) -> bytes:
    """The rest of the line that a recorder is just writing, and of which a file has a part so far.

    It writes lines as a whole, but who reads up to the `end` meanwhile can see half of one.
    """
    if end == 0:
        return b""
    file.seek(end - 1)
    if file.read(1) in (b"", b"\n"):
        return b""
    rest = b""
    deadline = time.monotonic() + LONGEST_WRITE
    while b"\n" not in rest and time.monotonic() < deadline:
        held = holder(file.fileno()) is not None
        if piece := read_on(file, str(file.name)):
            rest += piece
        elif held:
            time.sleep(WRITE_POLL)
        else:
            break
    return rest[: rest.find(b"\n") + 1]


def is_plain(file: FileIO) -> bool:
    """Whether it is a file on a disk that holds lines as they are, to be read from anywhere."""
    if not is_regular(file):
        return False
    magic = file.read(MAGIC)
    file.seek(0)
    return is_bare(magic)


def is_regular(file: FileIO) -> bool:
    """Whether it is a file on a disk; then there is never anything to wait for."""
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def is_pipe(path: str | Path) -> bool:
    """Whether it is a FIFO: opened and closed again, it would have lost its writer."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def unreadable(name: str, error: OSError) -> ConfigurationError:
    """The error that a recording cannot be read."""
    return ConfigurationError(f"cannot read {name}: {error.strerror or error}.")


def _pieces(file: FileIO, name: str, patient: bool) -> Iterator[bytes | None]:
    waits = not patient and not is_regular(file) and hasattr(select, "poll")  # not on Windows
    while True:
        if waits and not select.select([file], [], [], 0)[0]:
            yield None
        elif piece := read_on(file, name):
            yield piece
        else:
            break
    if is_regular(file) and (rest := rest_of_line(file, file.tell())):
        yield rest
