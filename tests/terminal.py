"""A process on a pseudo-terminal: type, and see what it prints."""

from __future__ import annotations

import codecs
import os
import pty
import select
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from command import PATIENCE


class Terminal:
    """A command that talks to a terminal, 80 columns wide as far as it can tell."""

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], directory: Path
    ) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.chdir(directory)
            os.execvpe(argv[0], list(argv), environment)

    def type(self, text: str) -> None:
        os.write(self._descriptor, os.fsencode(text))

    def signal(self, number: int) -> None:
        os.kill(self._pid, number)

    @property
    def echoes(self) -> bool:
        """Whether it shows what is typed."""
        return bool(termios.tcgetattr(self._descriptor)[3] & termios.ECHO)

    def read_until(self, *wanted: str) -> str:
        """What is printed from here on, until all that is wanted was in it."""
        printed = ""
        while not all(text in printed for text in wanted):
            read = self._read()
            assert read, f"{wanted} is not in {printed!r}"
            printed += read
        return printed

    def finish(self) -> tuple[int, str]:
        """The exit code, and what is printed until the end."""
        printed = ""
        while read := self._read():
            printed += read
        return os.waitstatus_to_exitcode(self._close()), printed.replace("\r\n", "\n")

    def hang_up(self) -> None:
        self._close()

    def _read(self) -> str:
        """What is printed next; nothing at the end, or when nothing comes."""
        text = ""
        while not text and select.select([self._descriptor], [], [], PATIENCE)[0]:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:  # what Linux says when the other end is closed
                data = b""
            if not data:
                break
            text = self._decoder.decode(data)
        return text

    def _close(self) -> int:
        os.close(self._descriptor)
        return os.waitpid(self._pid, 0)[1]
