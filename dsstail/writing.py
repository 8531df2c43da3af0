"""Text onto stdout or stderr, all of it."""

from __future__ import annotations

import select
from typing import TextIO


def write_text(text: str, stream: TextIO) -> None:
    """Write text, and wait for room even where the stream does not block, which others chose.

    Python's buffer would lose what there is no room for, so it goes beneath. Raises OSError.
    """
    raw = getattr(stream.buffer, "raw", stream.buffer)
    rest = memoryview(text.encode(stream.encoding, "backslashreplace"))
    while rest:
        written = raw.write(rest)
        if written is None:
            select.select([], [raw], [])
        else:
            rest = rest[written:]
