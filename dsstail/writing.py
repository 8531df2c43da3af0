"""Text onto stdout or stderr: all of it, or as much as somebody takes."""

from __future__ import annotations

import select
import sys
from typing import Any, TextIO

LAST_WORDS = 3.0
"""Seconds that an end waits for who does not read what is told."""

PIPE_BUF = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe takes whole or not at all (POSIX)."""


def write_text(text: str, stream: TextIO, *, patience: float | None = None) -> None:
    """Write text, and wait for room even where the stream does not block, which others chose.

    Python's buffer would lose what there is no room for, so it goes beneath. Raises OSError; with
    `patience`, also where there is no room for so many seconds.
    """
    raw = getattr(stream.buffer, "raw", stream.buffer)
    rest = memoryview(text.encode(stream.encoding, "backslashreplace"))
    while rest:
        if patience is None:
            written = raw.write(rest)
        elif _has_room(raw, patience):
            written = raw.write(rest[:PIPE_BUF])
        else:
            raise TimeoutError
        if written is None:
            select.select([], [raw], [])
        else:
            rest = rest[written:]


def last_words() -> float | None:
    """Seconds that an end waits for stderr; None, for ever, for a terminal: it may be halted."""
    return None if sys.stderr.isatty() else LAST_WORDS


def _has_room(raw: Any, patience: float) -> bool:
    """Whether it takes something within so many seconds, as far as a system can tell."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(raw, select.POLLOUT)
    return bool(poll.poll(patience * 1000))
