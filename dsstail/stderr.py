"""Standard error, and the terminal that it may be: whole lines, that keep nobody waiting."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import sys
import threading
from collections.abc import Callable
from textwrap import wrap

from dsstail.escaping import spelled
from dsstail.writing import last_words, write_text

MOST_UNTOLD = 1000
"""Lines that wait for a stderr that takes none."""

SLOW = 0.5
"""Seconds that the last of them wait for it."""


def write_to_stderr(text: str) -> None:
    """Write whole lines in one go; a closed stderr is nobody's problem."""
    with contextlib.suppress(OSError, ValueError):
        write_text(spelled(text, sys.stderr), sys.stderr)


def columns_of(terminal: int) -> int:
    """How wide a terminal is now; 80 where it does not tell, or is gone."""
    try:
        return os.get_terminal_size(terminal).columns or 80
    except OSError:
        return 80


class Aside:
    """Writes to stderr in a thread of its own, so that nobody who tells something waits for it.

    A terminal that was halted, or a pipe that was not read, gets later what it missed, as far as
    that is not too much.
    """

    def __init__(self, turn: threading.Lock) -> None:
        """`turn` is taken for each write."""
        self._turn = turn
        self._texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="report", daemon=True)
        self._thread.start()

    @property
    def is_behind(self) -> bool:
        """Whether something waits to be written."""
        return not self._texts.empty()

    def write(self, text: str) -> None:
        """Have whole lines written."""
        if self._texts.qsize() < MOST_UNTOLD:
            self._texts.put(text)

    def close(self, *, patient: bool) -> None:
        """Wait until all is written; if `patient` longer, and as long as a terminal is halted."""
        self._texts.put(None)
        self._thread.join(last_words() if patient else SLOW)

    def _run(self) -> None:
        while (text := self._texts.get()) is not None:
            with self._turn:
                write_to_stderr(text)


def in_background() -> bool:
    """Whether stderr is a terminal that another job has now, which may be somebody's prompt."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):
            return os.tcgetpgrp(sys.stderr.fileno()) != os.getpgrp()
    return False


def clear_line(write: Callable[[str], None] = write_to_stderr) -> None:
    """Take off the terminal what it shows of a Ctrl-C, or how it stood, on the line it is at."""
    if sys.platform == "win32" or os.environ.get("TERM") == "dumb":
        return
    with contextlib.suppress(ValueError):
        if sys.stderr.isatty() and not in_background():
            write("\r\x1b[K")


def laid_out(kind: str, text: str, columns: int, *, color: bool) -> str:
    """`error: …`, `warning: …` or what is no complaint, as lines for so many columns.

    They end between words, not between a number and its unit, and begin below the text of the
    first. `text` is visible.
    """
    prefix = f"{kind}: " if kind else ""
    indent = " " * len(prefix)
    tied = _BEFORE_UNIT.sub(_NO_BREAK, f"{prefix}{text}")
    lines = wrap(tied, columns, subsequent_indent=indent, break_on_hyphens=False)
    told = "\n".join(lines).replace(_NO_BREAK, " ")
    ink = _COLORS.get(kind) if color else None
    return f"\x1b[{ink}m{kind}:\x1b[0m{told.removeprefix(f'{kind}:')}" if ink else told


_COLORS = {"error": "31", "warning": "33"}

_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:s|min|h|d|events?)\b)")
_NO_BREAK = "\N{NO-BREAK SPACE}"
