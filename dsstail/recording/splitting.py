"""Bytes of a recording → the events in them, without I/O.

Usually a line is an event, and blocks of lines are checked at once. Anything else is read with
care, one object after another: several objects on a line, as the DSS Collector writes them, one
object over several lines, and damage. Two rules keep damage from spreading:

- a line that is a whole object is an event, and whatever is unfinished before it is torn;
- behind what is broken, reading goes on where an event seems to start: `{"seq":`, or a new line.

However the bytes are cut into pieces, the same is found in them.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, NoReturn

import orjson

from dsstail import json_text

LONGEST_LINE = 64 << 20
"""Bytes of an event that is a line of its own; a longer one is reported and skipped."""

LONGEST_SPREAD = 4 << 20
"""Bytes of an event that shares a line with others, or is spread over several."""

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
        return (
            f"line {self.first}" if self.first == self.last else f"lines {self.first}–{self.last}"
        )


Found = Lines | Damage


class Splitter:
    """Takes a recording piece by piece, and gives the events and the damage in it, in order."""

    def __init__(self, *, decode: bool = False, line: int = 1) -> None:
        """`line` is the number of the first line that comes; with `decode`, Lines have data."""
        self._decode = decode
        self._line = line
        self._mid_line = False  # something ended on this line: the rest of it is no whole line
        self._pieces: list[bytes] = []
        self._size = 0
        self._retry_at = 0  # with so many bytes, what is unfinished is worth another look
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
        if self._size >= self._retry_at or b"\n" in data or data.endswith(b"}"):
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
        if not self._mid_line and not self._resuming:
            at = self._take_block(buffer, at)
        at = self._take_carefully(buffer, at, final)
        rest = buffer[at:]
        self._pieces = [rest]
        self._size = len(rest)
        self._retry_at = 2 * len(rest) if len(rest) > _REACH else 0

    def _take_block(self, buffer: bytes, start: int) -> int:
        """Take all whole lines at once if each is an event; return where the rest begins."""
        end = buffer.rfind(b"\n") + 1
        if not start < end <= start + _LONGEST_DECODED:
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
            else:
                deque(map(orjson.loads, texts), maxlen=0)
        except (IndexError, orjson.JSONDecodeError):
            return start
        self._close_damage()
        self._found.append(Lines(range(self._line, self._line + len(texts)), texts, data))
        self._line += len(texts)
        return end

    def _take_carefully(self, buffer: bytes, at: int, final: bool) -> int:
        """Take one thing after another; return where what is unfinished begins."""
        scanner = _Scanner(buffer, final)
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

    def _pass_broken(self, buffer: bytes, at: int, seen: _Seen) -> int:
        """Note the damage up to where reading goes on; where that is not known, look for it."""
        raw = buffer[at : at + SHOWN].split(b"\n", 1)[0]
        self._note(Damage(self._line, self._line, seen.reason, raw, seen.torn))
        if seen.resume is not None:
            return self._extend(buffer, at, seen.resume)
        self._resuming = _LINE_OR_EVENT if buffer.find(b"\n", at, seen.end) < 0 else _EVENT
        return self._extend(buffer, at, max(seen.end, at + 1))

    def _skip(self, resuming: re.Pattern[bytes], buffer: bytes, at: int, final: bool) -> int:
        """Pass what is broken, as far as it is there."""
        resume = resuming.search(buffer, at)
        if resume is not None:
            self._resuming = None
            return self._extend(buffer, at, resume.start())
        if final:
            self._resuming = None
            return self._extend(buffer, at, len(buffer))
        return self._extend(buffer, at, max(at, len(buffer) - len(_EVENT_START)))

    def _extend(self, buffer: bytes, at: int, end: int) -> int:
        """Damage reaches up to `end`."""
        if end > at:
            assert self._damage is not None
            self._line += buffer.count(b"\n", at, end)
            self._mid_line = buffer[end - 1 : end] != b"\n"
            last = self._line if self._mid_line else self._line - 1
            self._damage = replace(self._damage, last=last)
        return end

    def _note(self, damage: Damage) -> None:
        """Add damage; what is on one line with no event between is one."""
        before = self._damage
        if before is not None and before.last == damage.first:
            damage = replace(before, torn=damage.torn)
        else:
            self._close_damage()
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """An event that reaches up to `end`; or, with a `reason`, something broken that does.

    `resume` is where reading goes on behind that, None where it has yet to be found.
    """

    end: int
    reason: str = ""
    resume: int | None = None
    torn: bool = False


class _Scanner:
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

    def look(self, at: int, *, alone: bool) -> _Seen | None:
        """What is at `at`, None where that is uncertain; `alone`: nothing was on this line yet."""
        size = len(self._buffer)
        if self._buffer[at : at + 1] != b"{":
            return _Seen(at, "not an event")
        reason, end = self._scan(at)
        line = self._first_whole_line(at, end + len(_EVENT_START) if reason else end)
        if line is not None and line >= 0:
            return _Seen(line, _INCOMPLETE, self._last_start_but_one(at, line) or line)
        if line is not None and size - at <= LONGEST_SPREAD + LONGEST_LINE:
            return None
        if not reason:
            fine = is_object(self._buffer[at:end])
            return _Seen(end) if fine else _Seen(end, _NOT_JSON, end)
        if reason == _INCOMPLETE and not self._final:
            return None
        if reason == _TOO_LONG and alone and self._line_end(at) is None:
            if size - at <= LONGEST_LINE:
                return None
            reason = f"longer than {LONGEST_LINE >> 20} MiB"
        return self._broken(at, end, reason)

    def _scan(self, at: int) -> tuple[str, int]:
        """Where the object at `at` ends, behind what is wrong with it: `""` for nothing."""
        reach = _REACH
        while True:
            base, text = self._characters(at, reach)
            try:
                end = _DECODER.raw_decode(text, at - base)[1] + base
                return ("", end) if end - at <= LONGEST_SPREAD else (_TOO_LONG, at + LONGEST_SPREAD)
            except json.JSONDecodeError as error:
                open_string = error.msg.startswith("Unterminated string")
                end = base + (len(text) if open_string else error.pos)
            except RecursionError:
                seen = at + _DEEP <= len(self._buffer) or self._final
                return _TOO_DEEP if seen else _INCOMPLETE, min(at + _DEEP, len(self._buffer))
            except ValueError:  # NaN and its like
                return _NOT_JSON, at
            if end - at > LONGEST_SPREAD:
                return _TOO_LONG, at + LONGEST_SPREAD
            if end < base + len(text) - _LONGEST_TOKEN:
                return _NOT_JSON, end
            if base + len(text) == len(self._buffer):
                return _INCOMPLETE, end
            if reach >= LONGEST_SPREAD:
                return _TOO_LONG, at + LONGEST_SPREAD
            reach *= 4

    def _characters(self, at: int, reach: int) -> tuple[int, str]:
        """`reach` bytes from `at` on, if there are so many, a character each; where they begin."""
        base, made_for, text = self._window
        known = min(at + reach, len(self._buffer)) <= base + len(text)
        if not known or made_for != reach:
            end = at + min(2 * reach, LONGEST_SPREAD)
            base, text = at, self._buffer[at:end].decode("latin-1")
            self._window = base, reach, text
        return base, text

    def _broken(self, at: int, end: int, reason: str) -> _Seen:
        """Reading goes on at the last but one event that seems to start up to `end`."""
        start = self._last_start_but_one(at, end + len(_EVENT_START))
        if start is not None:
            return _Seen(end, reason, start)
        if reason == _INCOMPLETE and self._buffer.find(b"\n", end) < 0:
            return _Seen(end, reason, len(self._buffer), torn=True)
        return _Seen(end, reason)

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
_TOO_DEEP = "nested too deep for what is not a line of its own"

_LONGEST_DECODED = 1 << 20
"""Bytes that are decoded to check them: objects take many times the room of their text."""

_DEEP = 4096
"""Bytes that are passed at least, of what nests too deep."""

_REACH = 1 << 12
"""Bytes that an object is looked for in at first; then it is four times as many, and so on."""

_LONGEST_TOKEN = 16
"""Bytes before the end of a buffer in which what looks wrong may be cut off; strings aside."""

_BLANKS = b" \t\r\n"
_BLANK = re.compile(rb"[ \t\r\n]*+")
_EVENT_START = b'{"seq":'
_LINE_START = re.compile(rb"(?<=\n)\{")
_START = re.compile(rb"(?<=\n)\{|" + re.escape(_EVENT_START))
_EVENT = re.compile(rb"\n(?=\{)|" + re.escape(_EVENT_START))
_LINE_OR_EVENT = re.compile(rb"\n|" + re.escape(_EVENT_START))

_FIRST, _LAST = itemgetter(0), itemgetter(-1)
_OPENING, _CLOSING = b"{}"


def is_object(text: bytes) -> bool:
    """Whether the text is one JSON object."""
    if len(text) > _LONGEST_DECODED:
        return text[:1] == b"{" and json_text.is_large_json(text)
    return text[:1] == b"{" and json_text.is_json(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# One character for each byte makes places in the text places in the bytes; whether they are
# UTF-8 is checked afterwards. Numbers stay text, since int() refuses very long ones.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)
