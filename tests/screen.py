"""A process on a pseudo-terminal whose screen is looked at: what a person would see of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyte
from command import KEY, PATIENCE, assert_no_key, wait_until

STORED = Path(__file__).parent / "screens"
"""Screens as they should look; `DSSTAIL_STORE_SCREENS=1` writes those anew that a test compares."""

UP, DOWN, RIGHT, LEFT, ENTER, ESCAPE = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\r", "\x1b"
OTHER_SCREEN, USUAL_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"


class Screen:
    """A running command, its screen, and everything that it wrote."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        self.written = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._reading = threading.Event()
        self._reading.set()
        # The terminal outlives its processes: its other end stays open here.
        self._master, self._slave = pty.openpty()
        self.resize(columns, rows)
        self.before = self.attributes
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self._slave, termios.TIOCSCTTY, 0)
            for descriptor in range(3):
                os.dup2(self._slave, descriptor)
            os.closerange(3, 256)
            os.chdir(directory)
            os.execvpe(argv[0], list(argv), environment)
        self._ended = False
        self._collector = threading.Thread(target=self._collect, daemon=True)
        self._collector.start()

    @property
    def lines(self) -> list[str]:
        """What is on the screen, without the blanks at the ends of its lines."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    @property
    def attributes(self) -> list[Any]:
        """The settings of the terminal: echo, whole lines, and so on."""
        return termios.tcgetattr(self._slave)

    @property
    def cursor_is_hidden(self) -> bool:
        with self._lock:
            return bool(self._screen.cursor.hidden)

    @property
    def is_full(self) -> bool:
        """Whether it takes nothing, since it is halted or nobody reads what was written."""
        return not select.select([], [self._slave], [], 0)[1]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        with self._lock:
            self._screen.resize(rows, columns)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def stall(self) -> None:
        """Take no more of what is written."""
        self._reading.clear()

    def wait_for(self, *wanted: str | Callable[[list[str]], object]) -> list[str]:
        """Wait until all that is wanted is on the screen, which is returned."""

        seen_of = -1

        def there() -> bool:
            nonlocal seen_of
            if seen_of == len(self.written):
                return False  # drawing the screen takes much longer than to see that nothing came
            seen_of = len(self.written)
            lines = self.lines
            text = "\n".join(lines)
            return all(one in text if isinstance(one, str) else one(lines) for one in wanted)

        try:
            wait_until(there)
        except AssertionError:
            raise AssertionError("\n".join([f"{wanted} is not on:", *self.lines])) from None
        return self.lines

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait_for_stop(self) -> None:
        """Wait until the process is stopped, as by Ctrl-Z."""
        wait_until(lambda: os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)[0] == self.pid)

    def finish(self) -> int:
        """The exit code, once the process has ended and all that it wrote was taken."""
        status: list[int] = []

        def ended() -> bool:
            pid, code = os.waitpid(self.pid, os.WNOHANG)
            status.append(code)
            return pid == self.pid

        wait_until(ended, "the end of the process")
        self._ended = True
        self._reading.set()
        wait_until(lambda: not self.is_full, "a terminal that goes on")
        os.write(self._slave, b"\x1b[999;1H<end>")
        wait_until(lambda: b"<end>" in self.written)
        assert_no_key(bytes(self.written), KEY, "the terminal")
        return os.waitstatus_to_exitcode(status[-1])

    def assert_given_back(self) -> None:
        """The terminal is as it was before the process started."""
        assert self.attributes == self.before
        assert not self.cursor_is_hidden
        assert self.written.rfind(USUAL_SCREEN) >= self.written.rfind(OTHER_SCREEN)

    def close(self) -> None:
        if not self._ended:  # else its number may be another one's by now
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._reading.set()
        os.close(self._slave)
        self._collector.join(PATIENCE)  # until what a shell started is gone as well
        os.close(self._master)

    def _collect(self) -> None:
        with contextlib.suppress(OSError):
            while self._reading.wait():
                data = os.read(self._master, 1 << 16)
                with self._lock:
                    self.written += data
                    # Its other screen is not known to pyte: what was there is gone when it is left.
                    self._stream.feed(data.replace(USUAL_SCREEN, b"\x1b[2J\x1b[H"))


def compare(lines: Sequence[str], name: str) -> None:
    """Compare a screen with the stored one of this name."""
    path = STORED / f"{name}.txt"
    if os.environ.get("DSSTAIL_STORE_SCREENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    assert "\n".join(lines) + "\n" == path.read_text()
