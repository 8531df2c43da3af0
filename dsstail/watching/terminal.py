"""A terminal that is ours for a while: whole screens out, keys in, and afterwards as it was."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from dsstail.errors import ConfigurationError, OutputClosed
from dsstail.watching.keyboard import is_unfinished, keys_in

if sys.platform != "win32":
    import termios
    import tty

# The other screen, no cursor, long lines are cut, what is pasted is told from what is typed.
_ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[2J"
_LEAVE = b"\x1b[?2004l\x1b[?7h\x1b[0m\x1b[?25h\x1b[?1049l"

_ITSELF = "/dev/tty"  # the terminal that controls this process, whoever owns it

ESCAPE_PAUSE = 0.05
"""Seconds in which the rest of a sequence follows its escape character."""

SLOW = 0.3
"""Seconds in which a terminal takes what it is given; one that does not is halted, or stuck."""


class Terminal:
    """Takes the terminal over on `enter`, gives it back on `leave`, and draws what differs.

    It never waits for the terminal to take a screen: as long as that is not `ready`, there is
    none. Ctrl-Z gives it back for as long as the process is stopped. Keys come in a thread of
    their own, which calls `wake` for them.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """Raises ConfigurationError where there is no terminal that can do this."""
        if sys.platform == "win32":
            raise ConfigurationError("watch needs a terminal of Linux or macOS.")
        if not os.isatty(1):
            raise ConfigurationError("watch needs a terminal. Without one, use tail or show.")
        if os.environ.get("TERM", "") in ("", "dumb"):
            raise ConfigurationError(
                "watch needs a terminal with a cursor, and TERM names none. Use tail or show."
            )
        self._wake = wake
        self._keys: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.stale = True
        """Whether all is to be drawn anew, even if nothing has changed."""
        self._shown: list[str] = []
        self._unsent = b""
        self._output = _unblocked(1)
        self._input = 0 if os.isatty(0) else _open_input()
        self._before = termios.tcgetattr(self._input)
        self._stop_reading, self._ask_to_stop = os.pipe()
        self._entered = False
        self._turn = threading.RLock()  # signal handlers may come within it
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
        """Take the terminal over, until `leave`."""
        self._take_over()
        for number, handler in (
            (signal.SIGTSTP, self._suspend),
            (signal.SIGQUIT, self._die),
            (signal.SIGWINCH, self._resize),
        ):
            if signal.getsignal(number) is not signal.SIG_IGN:  # no shell would have it go on
                self._signals[number] = signal.signal(number, handler)
        threading.Thread(target=self._read, name="keys", daemon=True).start()

    def leave(self) -> None:
        """Give the terminal back; once is enough, more does no harm."""
        if self._entered:
            for number, handler in self._signals.items():
                signal.signal(number, handler)
            os.write(self._ask_to_stop, b".")
        self.abandon()

    def abandon(self) -> None:
        """Give it back and no more, from any thread; on return it is, whoever did it."""
        with self._turn:
            if self._entered:
                self._give_back()

    def typed(self) -> list[str]:
        """The keys since the last call."""
        return [self._keys.get_nowait() for _ in range(self._keys.qsize())]

    def ready(self) -> bool:
        """Whether it has taken the last screen. Raises OutputClosed when it is gone."""
        with self._turn:
            try:
                while self._unsent:
                    self._unsent = self._unsent[os.write(self._output, self._unsent) :]
            except BlockingIOError:
                return False
            except OSError:
                raise OutputClosed from None
        return True

    def draw(self, paint: Callable[[int, int], list[str]]) -> None:
        """Show what `paint` makes for so many columns and lines, all of which fits.

        Raises OutputClosed when the terminal is gone.
        """
        stale, self.stale = self.stale, False  # first of all: a signal may set it again
        lines = paint(*self.size)
        shown = [] if stale else self._shown
        self._shown = lines
        changed = [
            f"\x1b[{row};1H\x1b[2K{line}\x1b[0m"
            for row, line in enumerate(lines, start=1)
            if row > len(shown) or shown[row - 1] != line
        ]
        below = f"\x1b[{len(lines) + 1};1H\x1b[J" if len(lines) < len(shown) else ""
        screen = ("".join(changed) + below).encode(errors="backslashreplace")
        with self._turn:
            if self._entered:
                self._send(screen)

    def _take_over(self) -> None:
        with self._turn:
            self._entered = True
            tty.setcbreak(self._input, termios.TCSANOW)
            self._unsent = b""
            self._send(_ENTER)
        self.stale = True

    def _give_back(self) -> None:
        self._entered = False
        self._unsent = _LEAVE
        with contextlib.suppress(termios.error, OSError, OutputClosed):
            termios.tcsetattr(self._input, termios.TCSANOW, self._before)
            if not self.ready():
                select.select([], [self._output], [], SLOW)
            if not self.ready():
                _let_go_on(self._output)
                self.ready()

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        """Stop, as Ctrl-Z wants, with the terminal as it was; `fg` goes on."""
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._suspend)
        self._take_over()
        self._wake()

    def _die(self, number: int, frame: FrameType | None) -> None:
        """End as Ctrl-\\ wants, with the terminal as it was."""
        self.abandon()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    def _resize(self, number: int, frame: FrameType | None) -> None:
        self.stale = True  # terminals differ in what they do with what is there
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
                if is_unfinished(waiting):
                    continue
            for key in keys_in(waiting):
                self._keys.put(key)
            waiting = b""
            self._wake()

    def _send(self, data: bytes) -> None:
        self._unsent += data
        self.ready()


def _let_go_on(terminal: int) -> None:
    """Have a terminal go on after Ctrl-S, without what it has not shown yet."""
    termios.tcflow(terminal, termios.TCOOFF)  # which alone can be taken back
    termios.tcflow(terminal, termios.TCOON)
    termios.tcflush(terminal, termios.TCOFLUSH)


def _unblocked(terminal: int) -> int:
    """A descriptor of the same terminal that never blocks.

    The one given may be shared with a shell, and has to stay as it is.
    """
    try:
        path = _ITSELF if _is_controlling(terminal) else os.ttyname(terminal)
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        raise ConfigurationError("watch needs a terminal that it can open.") from None


def _is_controlling(terminal: int) -> bool:
    """Whether it is the one that `_ITSELF` names."""
    try:
        return os.tcgetpgrp(terminal) >= 0
    except OSError:
        return False


def _open_input() -> int:
    try:
        return os.open(_ITSELF, os.O_RDONLY)
    except OSError:
        raise ConfigurationError("watch needs a terminal to read keys from.") from None
