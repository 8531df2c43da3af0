"""Marks what a pattern of the user's finds in lines that are painted already."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dsstail.render import Style

LONGEST_SEARCH = 0.1
"""Seconds for one line. Some patterns need years for a line that a device can make up."""

_MARK, _UNMARK = "\x1b[7m", "\x1b[27m"
_SEQUENCE = re.compile(r"(\x1b\[[0-9;]*m)")


class Highlight:
    """Marks matches by swapping the colours, which shows on any background."""

    @classmethod
    def of(cls, style: Style) -> Highlight | None:
        """The one that the style asks for, if it does."""
        if style.highlight is None or not style.color:
            return None
        return cls(style.highlight, style.warn)

    def __init__(self, pattern: re.Pattern[str], warn: Callable[[str], None]) -> None:
        self._pattern = pattern
        self._warn = warn
        self._given_up = False

    def mark(self, line: str) -> str:
        """The line with marks around what is found in its visible text, which stays the same."""
        if self._given_up:
            return line
        parts = _SEQUENCE.split(line)  # text and sequences in turn
        found = self._search("".join(parts[::2]))
        if not found:
            return line
        marked = []
        at, inside = 0, False
        for sequence, part in zip(["", *parts[1::2]], parts[::2], strict=True):
            marked.append(sequence + _MARK if inside and sequence else sequence)
            start = at
            at += len(part)
            while found and (found[0] < at or (inside and found[0] == at)):
                edge = found.pop(0)
                marked += [part[: edge - start], _UNMARK if inside else _MARK]
                part, start, inside = part[edge - start :], edge, not inside
            marked.append(part)
        return "".join(marked)

    def _search(self, text: str) -> list[int]:
        """Where matches begin and end, in turn."""
        try:
            with _time_limit(LONGEST_SEARCH):
                spans = [match.span() for match in self._pattern.finditer(text)]
        except _TooLong:
            self._given_up = True
            self._warn("--highlight is off: its pattern takes too long to find in such a line")
            return []
        return [edge for start, end in spans if start < end for edge in (start, end)]


class _TooLong(Exception):
    pass


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _TooLong when what is done within takes longer, in the main thread of a POSIX system.

    `re` looks for signals while it searches, and for nothing else.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return
    running = True

    def interrupt(number: int, frame: object) -> None:
        if running:
            raise _TooLong

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
        running = False
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
