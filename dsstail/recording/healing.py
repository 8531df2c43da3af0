"""What a file ends with that may be a recording, and whether that can be cut off.

Everything here takes the descriptor of an open file, reads, and moves its position.
"""

from __future__ import annotations

import os
import re

from dsstail.recording.scanning import LONGEST_LINE
from dsstail.recording.unpacking import MAGIC, is_packed

BLOCK = 1 << 16
"""Bytes that are read at once."""


def beginning(fd: int) -> bytes:
    """The first block of a file."""
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, BLOCK)


def torn_line(fd: int) -> bytes:
    """What is behind the last line break; of what is too long for a line, no more than shows it."""
    position = end = os.fstat(fd).st_size
    parts: list[bytes] = []
    while position > 0 and end - position <= LONGEST_LINE:
        size = min(BLOCK, position)
        position = os.lseek(fd, position - size, os.SEEK_SET)
        _, found, after = os.read(fd, size).rpartition(b"\n")
        parts.insert(0, after)
        if found:
            break
    return b"".join(parts)


def is_torn_event(fd: int, torn: bytes) -> bool:
    """Whether a torn line is what a crash left of an event, and nothing precious."""
    if len(torn) > LONGEST_LINE:
        return False
    start = torn.strip(b" \t\r\0")
    # A power cut can leave zeros in the place of anything; nothing else puts them into JSON.
    damaged = b"\0" in torn and beginning(fd)[:1] in (b"{", b"\0")
    return not start or _begins_event(start) or damaged


def may_be_recording(fd: int) -> bool:
    """Whether it is empty, or its first line or one near its end begins like an event."""
    first = beginning(fd)
    if is_packed(first[:MAGIC]):
        return False
    if first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"", b"{", b"\0"):
        return True
    os.lseek(fd, max(0, os.fstat(fd).st_size - BLOCK), os.SEEK_SET)
    lines = os.read(fd, BLOCK).split(b"\n")
    return any(line[:1] == b"{" for line in lines[1:-1])


# A string may lack its end, where the text does.
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def _begins_event(text: bytes) -> bool:
    """Whether this is one object, up to somewhere before its end."""
    depth = 0
    for token in _STRUCTURE.finditer(text):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        if depth == 0:
            return False
    return text[:1] == b"{"
