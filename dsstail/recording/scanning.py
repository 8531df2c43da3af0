"""What is at a place of a recording: an event, or something broken, and where that ends."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass

from dsstail import json_text
from dsstail.json_pieces import DECODER

LONGEST_LINE = 64 << 20
"""Bytes of an event that is a line of its own; a longer one is reported and skipped."""

LONGEST_SPREAD = 4 << 20
"""Bytes of an event that shares a line with others, or is spread over several."""

EVENT_START = b'{"seq":'
"""With this, events of the service begin."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that reaches up to `end`; or, with a `reason`, something broken that does.

    `resume` is where reading goes on behind that, None where it has yet to be found.
    """

    end: int
    reason: str = ""
    resume: int | None = None
    torn: bool = False


class Scanner:
    """Tells what is at a place of a buffer, or that it takes more bytes to tell."""

    def __init__(self, buffer: bytes, final: bool) -> None:
        """`final`: nothing comes behind the buffer."""
        self._buffer = buffer
        self._final = final
        self._window = 0, 0, ""  # where it begins, the reach it is for, its bytes as characters

    def whole_line(self, at: int) -> int | None:
        """The end of the line, if all of it from `at` on is one object."""
        end = self._line_end(at)
        whole = end is not None and end - at <= LONGEST_LINE and is_object(self._buffer[at:end])
        return end if whole else None

    def look(self, at: int, *, alone: bool) -> Seen | None:
        """What is at `at`, None where that is uncertain; `alone`: nothing was on this line yet."""
        size = len(self._buffer)
        if self._buffer[at : at + 1] != b"{":
            return Seen(at, "not an event")
        reason, end = self._scan(at)
        line = self._first_whole_line(at, end + len(EVENT_START) if reason else end)
        if line is not None and line >= 0:
            return Seen(line, _INCOMPLETE, self._last_start_but_one(at, line) or line)
        if line is not None and size - at <= LONGEST_SPREAD + LONGEST_LINE:
            return None
        if not reason:
            fine = is_object(self._buffer[at:end])
            return Seen(end) if fine else Seen(end, _NOT_JSON, end)
        if reason == _INCOMPLETE and not self._final:
            return None
        if reason in (_TOO_LONG, _TOO_DEEP) and alone:
            line_end = self._line_end(at)
            if line_end is None and size - at <= LONGEST_LINE:
                return None
            if line_end is None or line_end - at > LONGEST_LINE:
                reason = f"longer than {LONGEST_LINE >> 20} MiB"
        return self._broken(at, end, reason)

    def _scan(self, at: int) -> tuple[str, int]:
        """Where the object at `at` ends, behind what is wrong with it: `""` for nothing."""
        reach = _REACH
        while True:
            base, text = self._characters(at, reach)
            try:
                return "", DECODER.raw_decode(text, at - base)[1] + base
            except json.JSONDecodeError as error:
                open_string = error.msg.startswith("Unterminated string")
                end = base + (len(text) if open_string else error.pos)
            except RecursionError:
                seen = at + _DEEP <= len(self._buffer) or self._final
                return _TOO_DEEP if seen else _INCOMPLETE, min(at + _DEEP, len(self._buffer))
            except ValueError:  # NaN and its like
                return _NOT_JSON, at
            if end < base + len(text) - _LONGEST_TOKEN:
                return _NOT_JSON, end
            if base + len(text) == len(self._buffer):
                return _INCOMPLETE, end
            if reach >= LONGEST_SPREAD:
                return _TOO_LONG, at + LONGEST_SPREAD
            reach *= 4

    def _characters(self, at: int, reach: int) -> tuple[int, str]:
        """`reach` bytes from `at` on, if there are so many, a character each; where they begin.

        So a place in the text is one in the bytes, LONGEST_SPREAD of them at most. Whether they are
        UTF-8 is checked afterwards.
        """
        base, made_for, text = self._window
        known = min(at + reach, len(self._buffer)) <= base + len(text)
        if not known or made_for != reach:
            end = at + min(2 * reach, LONGEST_SPREAD)
            base, text = at, self._buffer[at:end].decode("latin-1")
            self._window = base, reach, text
        return base, text

    def _broken(self, at: int, end: int, reason: str) -> Seen:
        """Reading goes on at the last but one event that seems to start up to `end`."""
        start = self._last_start_but_one(at, end + len(EVENT_START))
        if start is not None:
            return Seen(end, reason, start)
        if reason == _INCOMPLETE and self._buffer.find(b"\n", end) < 0:
            return Seen(end, reason, len(self._buffer), torn=True)
        return Seen(end, reason)

    def _last_start_but_one(self, at: int, end: int) -> int | None:
        """Where an event seems to start behind `at`: of several places, the last but one.

        The last one may be where an event that starts right behind the damage seems to break.
        """
        starts = deque(_START.finditer(self._buffer, at + 1, end), maxlen=2)
        return starts[0].start() if starts else None

    def _first_whole_line(self, at: int, end: int) -> int | None:
        """The first line that begins behind `at` and is whole; None for none, -1 for uncertain."""
        if self._buffer.find(b"\n{", at, end) < 0:
            return None
        for start in _LINE_START.finditer(self._buffer, at + 1, end):
            if self._line_end(start.start()) is None:
                return -1
            if self.whole_line(start.start()) is not None:
                return start.start()
        return None

    def _line_end(self, at: int) -> int | None:
        """Where the line ends that `at` is on, None where that is not there yet."""
        end = self._buffer.find(b"\n", at)
        if end < 0:
            return len(self._buffer) if self._final else None
        return end


_INCOMPLETE = "incomplete"
_NOT_JSON = "not JSON"
_TOO_LONG = f"longer than {LONGEST_SPREAD >> 20} MiB, and not a line of its own"
_TOO_DEEP = "nested too deep"

_DEEP = 4096
"""Bytes that are passed at least, of what nests too deep."""

_REACH = 1 << 12
"""Bytes that an object is looked for in at first; then it is four times as many, and so on."""

_LONGEST_TOKEN = 16
"""Bytes before the end of a buffer in which what looks wrong may be cut off; strings aside."""

_LINE_START = re.compile(rb"(?<=\n)\{")
_START = re.compile(rb"(?<=\n)\{|" + re.escape(EVENT_START))


def is_object(text: bytes) -> bool:
    """Whether the text is one JSON object."""
    return text[:1] == b"{" and json_text.is_json(text)
