"""Bytes of a recording → the events in them, without I/O.

Usually a line is an event, and blocks of lines are checked at once. Anything else is read with
care, one object after another: several objects on a line, as the DSS Collector writes them, one
object over several lines, and damage. Two rules keep damage from spreading:

- a line that is a whole object is an event, and whatever is unfinished before it is torn;
- behind what is broken, reading goes on where an event seems to start: `{"seq":`, or a new line.

However the bytes are cut into pieces, the same is found in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import orjson

from dsstail import json_text
from dsstail.recording.scanning import EVENT_START, LONGEST_LINE, Scanner, Seen

LARGEST_BLOCK = 1 << 20
"""Bytes of whole lines that are checked at once."""

SHOWN = 400
"""Bytes of what is damaged that are kept, to be shown."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Events in their order, as JSON texts, and the number of the line on which each begins."""

    numbers: Sequence[int]
    texts: list[bytes]
    data: list[dict[str, Any]] | None = None
    """The decoded texts, where they are wanted."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Lines `first` to `last`, or what of them holds no event.

    `torn`: the recording ends there, in the middle of an event.
    """

    first: int
    last: int
    reason: str
    raw: bytes = field(compare=False)
    """The beginning of the first of these lines, as far as it had come."""
    torn: bool = False

    @property
    def place(self) -> str:
        """`line 7` or `lines 7–9`."""
        several = self.first != self.last
        return f"lines {self.first}–{self.last}" if several else f"line {self.first}"


Found = Lines | Damage


class Splitter:
    """Takes a recording piece by piece, and gives the events and the damage in it, in order."""

    def __init__(self, *, decode: bool = False, settled: tuple[int, int] = (0, 1)) -> None:
        """With `decode`, the lines that are found have data.

        `settled` is that of another one, where this one goes on from there.
        """
        self.settled = settled
        """How many bytes are before all that is unfinished, and on which line that begins."""
        self._decode = decode
        self._passed, self._line = settled  # bytes before the pieces
        self._mid_line = False  # something ended on this line: the rest of it is no whole line
        self._pieces: list[bytes] = []
        self._size = 0
        self._retry_at = 0  # with so many bytes, what is unfinished is surely worth another look
        self._spread = False  # whether much is unfinished, and over several lines
        self._resuming: re.Pattern[bytes] | None = None  # where to go on behind what is broken
        self._damage: Damage | None = None  # the last one, as long as it may grow
        self._numbers: list[int] = []
        self._texts: list[bytes] = []
        self._found: list[Found] = []

    @property
    def line(self) -> int:
        """The number of the line that comes next, or is not complete yet."""
        return self._line

    def feed(self, data: bytes) -> list[Found]:
        """What is certain now that `data` has come."""
        self._pieces.append(data)
        self._size += len(data)
        may_finish = not self._spread and (b"\n" in data or data.endswith(b"}"))
        if may_finish or self._size >= self._retry_at:
            self._read(final=False)
        return self._give()

    def end(self) -> list[Found]:
        """What is left, now that nothing more comes."""
        self._read(final=True)
        self._close_damage()
        return self._give()

    def _give(self) -> list[Found]:
        self._close_lines()
        found, self._found = self._found, []
        return found

    def _read(self, *, final: bool) -> None:
        buffer = b"".join(self._pieces)
        self._pieces = []
        at = 0
        if self._mid_line and not self._resuming and buffer[:1] == b"\n":
            at = self._pass_blank(buffer, at)
        before = at
        if not self._mid_line and not self._resuming:
            at = self._take_block(buffer, at)
        only_begun = at > before and not buffer.endswith(b"}") and len(buffer) - at <= _LONG
        if final or not only_begun:  # a line that the next bytes finish needs no look now
            at = self._take_carefully(buffer, at, final)
        rest = buffer[at:]
        self._passed += at
        if self._damage is None:
            self.settled = self._passed, self._line
        self._pieces = [rest]
        self._size = len(rest)
        long = len(rest) > _LONG
        self._retry_at = 2 * len(rest) if long else 0
        if len(rest) <= LONGEST_LINE < self._retry_at:
            self._retry_at = LONGEST_LINE + 1  # what is longer need not be kept any longer
        self._spread = long and b"\n" in rest

    def _take_block(self, buffer: bytes, start: int) -> int:
        """Take all whole lines at once if each is an event; return where the rest begins."""
        end = buffer.rfind(b"\n") + 1
        if not start < end <= start + LARGEST_BLOCK:
            return start
        texts = buffer[start:end].split(b"\n")
        texts.pop()
        data = None
        try:
            if set(map(_LAST, texts)) != {_CLOSING}:
                texts = [text.rstrip(_BLANKS) for text in texts]
            if set(map(_FIRST, texts)) != {_OPENING}:
                return start
            if self._decode:
                data = list(map(orjson.loads, texts))
            elif not json_text.are_json(texts):
                return start
        except (IndexError, orjson.JSONDecodeError):
            return start
        self._close_damage()
        self._found.append(Lines(range(self._line, self._line + len(texts)), texts, data))
        self._line += len(texts)
        return end

    def _take_carefully(self, buffer: bytes, at: int, final: bool) -> int:
        """Take one thing after another; return where what is unfinished begins."""
        scanner = Scanner(buffer, final)
        while True:
            if self._resuming:
                at = self._skip(self._resuming, buffer, at, final)
            if not self._resuming:
                at = self._pass_blank(buffer, at)
            if at == len(buffer) or self._resuming:
                return at
            end = None if self._mid_line else scanner.whole_line(at)
            if end is None:
                seen = scanner.look(at, alone=not self._mid_line)
                if seen is None:
                    return at
                if seen.reason:
                    at = self._pass_broken(buffer, at, seen)
                    continue
                end = seen.end
            self._take_event(buffer[at:end])
            at = end

    def _take_event(self, text: bytes) -> None:
        self._close_damage()
        self._numbers.append(self._line)
        self._texts.append(text.strip(_BLANKS))
        self._line += text.count(b"\n")
        self._mid_line = True

    def _pass_blank(self, buffer: bytes, at: int) -> int:
        blank = _BLANK.match(buffer, at)
        assert blank is not None
        if lines := buffer.count(b"\n", at, blank.end()):
            self._line += lines
            self._mid_line = False
            self._close_damage()
        return blank.end()

    def _pass_broken(self, buffer: bytes, at: int, seen: Seen) -> int:
        """Note the damage up to where reading goes on; where that is not known, look for it."""
        raw = buffer[at : at + SHOWN].split(b"\n", 1)[0]
        self._note(Damage(self._line, self._line, seen.reason, raw, seen.torn), at)
        if seen.resume is not None:
            return self._extend(buffer, at, seen.resume)
        self._resuming = _LINE_OR_EVENT if buffer.find(b"\n", at, seen.end) < 0 else _EVENT
        return self._extend(buffer, at, max(seen.end, at + 1))

    def _skip(self, resuming: re.Pattern[bytes], buffer: bytes, at: int, final: bool) -> int:
        """Pass what is broken, as far as it is there."""
        # Looking for these first is much faster where there are none.
        hopeless = buffer.find(b"\n", at) < 0 and buffer.find(EVENT_START, at) < 0
        resume = None if hopeless else resuming.search(buffer, at)
        if resume is not None:
            self._resuming = None
            return self._extend(buffer, at, resume.start())
        if final:
            self._resuming = None
            return self._extend(buffer, at, len(buffer))
        return self._extend(buffer, at, max(at, len(buffer) - len(EVENT_START)))

    def _extend(self, buffer: bytes, at: int, end: int) -> int:
        """Damage reaches up to `end`."""
        if end > at:
            assert self._damage is not None
            self._line += buffer.count(b"\n", at, end)
            self._mid_line = buffer[end - 1 : end] != b"\n"
            last = self._line if self._mid_line else self._line - 1
            self._damage = replace(self._damage, last=last)
        return end

    def _note(self, damage: Damage, at: int) -> None:
        """Add the damage that begins at `at`; what is on one line with no event between is one."""
        before = self._damage
        if before is not None and before.last == damage.first:
            damage = replace(before, torn=damage.torn)
        else:
            self._close_damage()
            self.settled = self._passed + at, self._line
        self._close_lines()
        self._damage = damage

    def _close_damage(self) -> None:
        if self._damage is not None:
            self._found.append(self._damage)
            self._damage = None

    def _close_lines(self) -> None:
        if self._texts:
            data = list(map(json_text.decode_object, self._texts)) if self._decode else None
            self._found.append(Lines(self._numbers, self._texts, data))
            self._numbers, self._texts = [], []


_LONG = 1 << 16
"""Bytes of what is unfinished that are not looked at again and again."""

_BLANKS = b" \t\r\n"
_BLANK = re.compile(rb"[ \t\r\n]*+")
_EVENT = re.compile(rb"\n(?=\{)|" + re.escape(EVENT_START))
_LINE_OR_EVENT = re.compile(rb"\n|" + re.escape(EVENT_START))

_FIRST, _LAST = itemgetter(0), itemgetter(-1)
_OPENING, _CLOSING = b"{}"
