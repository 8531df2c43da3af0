"""A terminal that is ours for a while: whole screens out, keys in, and afterwards as it was."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from dsstail.errors import ConfigurationError, OutputClosed

if sys.platform != "win32":
    import termios
    import tty

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # the other screen, no cursor, long lines are cut
_LEAVE = "\x1b[?7h\x1b[0m\x1b[?25h\x1b[?1049l"

ESCAPE_PAUSE = 0.05
"""Seconds in which the rest of a sequence follows its escape character."""

_SEQUENCES = {
    b"[A": "up",
    b"[B": "down",
    b"[C": "right",
    b"[D": "left",
    b"[H": "home",
    b"[F": "end",
    b"[1~": "home",
    b"[4~": "end",
    b"[5~": "page up",
    b"[6~": "page down",
    b"[7~": "home",
    b"[8~": "end",
    b"[Z": "back tab",
}
_NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\b": "backspace",
    "\x0c": "redraw",
    "\x15": "clear",
    "\x1b": "escape",
}
_KEY = re.compile(rb"\x1b[\[O][0-9;?<]*[@-~]|\x1b|[^\x1b]", re.DOTALL)


def keys_in(data: bytes) -> list[str]:
    r"""The keys that a terminal reports as these bytes: names, or the characters themselves.

    >>> keys_in(b"j\x1b[A\x1bOB\r")
    ['j', 'up', 'down', 'enter']
    """
    keys = []
    for character in _KEY.findall(data.replace(b"\x1bO", b"\x1b[")) if b"\x1b" in data else [data]:
        if len(character) > 1 and character[:1] == b"\x1b":
            keys.append(_SEQUENCES.get(character[1:], ""))
        else:
            keys += [_NAMES.get(one, one) for one in character.decode(errors="ignore")]
    return [key for key in keys if key.isprintable() and key]


class Terminal:
    """Takes the terminal over on `enter`, gives it back on `leave`, and draws what differs.

    Ctrl-Z gives it back for as long as the process is stopped. Keys come in a thread of their
    own, which calls `wake` for them.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """Raises ConfigurationError where there is no terminal that can do this."""
        if sys.platform == "win32":
            raise ConfigurationError("watch needs a terminal of Linux or macOS.")
        if not os.isatty(1) or os.environ.get("TERM", "dumb") == "dumb":
            raise ConfigurationError("watch needs a terminal. Without one, use dsstail tail.")
        self._wake = wake
        self._keys: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._shown: list[str] = []
        self._input = 0 if os.isatty(0) else _open_terminal()
        self._before = termios.tcgetattr(self._input)
        self._stop_reading, self._ask_to_stop = os.pipe()
        self._entered = False
        self._signals: dict[int, Callable[[int, FrameType | None], None] | int | None] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            columns, lines = os.get_terminal_size(1)
        except OSError:
            columns, lines = 0, 0
        return columns or 80, lines or 24

    def enter(self) -> None:
        self._take_over()
        for number, handler in (
            (signal.SIGTSTP, self._suspend),
            (signal.SIGWINCH, self._resize),
        ):
            self._signals[number] = signal.signal(number, handler)
        threading.Thread(target=self._read, name="keys", daemon=True).start()

    def leave(self) -> None:
        """Give the terminal back; once is enough, more does no harm."""
        if self._entered:
            for number, handler in self._signals.items():
                signal.signal(number, handler)
            os.write(self._ask_to_stop, b".")
            self._give_back()

    def abandon(self) -> None:
        """Give it back from another thread, even if it takes nothing any more."""
        if self._entered:
            self._entered = False
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._input, termios.TCSANOW, self._before)
            with contextlib.suppress(OSError):
                if select.select([], [1], [], 0)[1]:
                    os.write(1, _LEAVE.encode())

    def typed(self) -> list[str]:
        """The keys since the last call."""
        return [self._keys.get_nowait() for _ in range(self._keys.qsize())]

    def draw(self, lines: list[str]) -> None:
        """Show these lines, of which each fits. Raises OutputClosed when the terminal is gone."""
        changed = [
            f"\x1b[{row};1H\x1b[2K{line}\x1b[0m"
            for row, line in enumerate(lines, start=1)
            if row > len(self._shown) or self._shown[row - 1] != line
        ]
        below = f"\x1b[{len(lines) + 1};1H\x1b[J" if len(lines) < len(self._shown) else ""
        self._shown = lines
        if changed or below:
            self._write("".join(changed) + below)

    def forget(self) -> None:
        """Draw everything anew next time."""
        self._shown = []

    def _take_over(self) -> None:
        self._entered = True
        tty.setcbreak(self._input, termios.TCSANOW)
        self._write(_ENTER + "\x1b[2J")
        self.forget()

    def _give_back(self) -> None:
        self._entered = False
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._input, termios.TCSANOW, self._before)
        with contextlib.suppress(OutputClosed):
            self._write(_LEAVE)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        """Stop, as Ctrl-Z wants, with the terminal as it was; `fg` goes on."""
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._suspend)
        self._take_over()
        self._wake()

    def _resize(self, number: int, frame: FrameType | None) -> None:
        self.forget()  # terminals differ in what they do with what is there
        self._wake()

    def _read(self) -> None:
        waiting = b""
        while True:
            pause = ESCAPE_PAUSE if waiting else None
            ready, _, _ = select.select([self._input, self._stop_reading], [], [], pause)
            if self._stop_reading in ready:
                return
            if ready:
                try:
                    data = os.read(self._input, 4096)
                except OSError:
                    return  # the terminal is gone, which the next `draw` tells
                if not data:
                    return
                waiting += data
                if _UNFINISHED.search(waiting) and len(waiting) < 64:
                    continue
            for key in keys_in(waiting):
                self._keys.put(key)
            waiting = b""
            self._wake()

    def _write(self, text: str) -> None:
        view = memoryview(text.encode(errors="backslashreplace"))
        try:
            while view:
                view = view[os.write(1, view) :]
        except OSError:
            raise OutputClosed from None


_UNFINISHED = re.compile(rb"\x1b(?:[\[O][0-9;?<]*)?\Z|[\xc2-\xf4][\x80-\xbf]{0,2}\Z")


def _open_terminal() -> int:
    try:
        return os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        raise ConfigurationError("watch needs a terminal to read keys from.") from None
