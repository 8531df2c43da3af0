"""What a person is told on stderr: what happened to the streams, in one line each."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from dsstail.deliveries import Delivery, Filled, Gap, Holes, Reset
from dsstail.escaping import cut, shortened, shows_unicode, visible
from dsstail.handover import (
    Backlogged,
    Batch,
    Connected,
    Disconnected,
    Ended,
    NotFilling,
    NotReplaying,
    Status,
    Violated,
)
from dsstail.keys import concealed
from dsstail.messages import Heartbeat, Malformed, WrongLength
from dsstail.stderr import (
    Aside,
    clear_line,
    columns_of,
    in_background,
    laid_out,
    write_to_stderr,
)
from dsstail.wording import counted, sentence, seqs, spoken

ERROR, WARNING, INFO, DEBUG, TRACE = range(5)

NARROWEST = 40
"""Columns in which lines are laid out at least."""

BURST = 5
"""Lines of one kind that are told within `BURST_SECONDS`; the others are counted."""

BURST_SECONDS = 10.0

SAMPLE = 512
"""Bytes of a malformed message that are looked at for its report."""


@dataclass(slots=True)
class Totals:
    """What the summary tells. `missing` counts numbers, `gaps` the ranges that they form."""

    received: int = 0
    shown: int = 0
    reconnects: int = 0
    gaps: int = 0
    missing: int = 0
    resets: int = 0
    malformed: int = 0

    def told(self, seconds: float) -> str:
        """The totals in one line.

        >>> Totals(received=12, shown=12, gaps=1, missing=9).told(63)
        '12 events, 0 reconnects, 1 gap (9 events missing), 0 malformed in 1 min 3 s'
        """
        events = counted(self.received, "event")
        if self.shown != self.received:
            events = f"{self.shown} of {events}"
        gaps = counted(self.gaps, "gap")
        if self.gaps:
            gaps += f" ({counted(self.missing, 'event')} missing)"
        resets = f", {counted(self.resets, 'reset')}" if self.resets else ""
        return (
            f"{events}, {counted(self.reconnects, 'reconnect')}, {gaps}{resets}, "
            f"{self.malformed} malformed in {spoken(seconds)}"
        )


class Reporter:
    """Writes to stderr what is worth it: errors only when `quiet`, more with each `verbosity`."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbosity: int = 0,
        name_streams: bool = False,
        burst: int = BURST,
        color: bool = False,
        write: Callable[[str], None] | None = None,
        aside: bool = False,
    ) -> None:
        """`write` takes what is told, a whole line at a time, which is laid out for no terminal.

        Without it that goes to stderr, and `aside` is not to wait for it: then `close` is due.
        Of one kind, `burst` lines are told within BURST_SECONDS; the others are counted.
        """
        self.turn = threading.Lock()
        """Taken for each thing told aside: by others, too, who write to the same place."""
        self._aside = Aside(self.turn) if aside else None
        self._write = write or (self._aside.write if self._aside else write_to_stderr)
        self.is_quiet = quiet
        self._level = ERROR if quiet else INFO + min(verbosity, 2)
        self._name_streams = name_streams
        self._burst = burst
        self._color = color
        at_terminal = write is None and sys.stderr.isatty()
        self._terminal = sys.stderr.fileno() if at_terminal else None
        self.shows_status = self._terminal is not None and os.environ.get("TERM") != "dumb"
        """Whether there is a terminal on which a line can take the place of another."""
        self._bursts: dict[str, tuple[float, int]] = {}
        self._untold: Counter[str] = Counter()
        self._erase = ""

    def tell(self, batch: Batch) -> None:
        """Report what happened to a stream, unless much of the same kind was just reported."""
        assert not isinstance(batch.content, list)
        level, text = describe(batch.content)
        if level > self._level or not text:
            return
        kind = type(batch.content).__name__
        if not self._allows(kind):
            return
        untold = self._untold.pop(kind, 0)
        more = f" (and {untold} more like this before)" if untold else ""
        self.line(level, self.named(batch.stream, f"{text}{more}"))

    def named(self, stream: str, text: str) -> str:
        """The text, behind the name of its stream where there are several."""
        return f"{stream}: {text}" if self._name_streams else text

    def line(self, level: int, text: str) -> None:
        """Write one line; text from outside has to be escaped already."""
        if level <= self._level:
            kind = {ERROR: "error", WARNING: "warning"}.get(level, "")
            told = concealed(text)
            if self._terminal is not None:
                columns = max(columns_of(self._terminal), NARROWEST)
                told = laid_out(kind, told, columns, color=self._color)
            elif kind:
                told = f"{kind}: {told}"
            self._write(f"{self._erase}{told}\n")
            self._erase = ""

    def warn(self, text: str) -> None:
        """Write one warning, which may hold text from outside."""
        self.line(WARNING, visible(text))

    def interrupted(self) -> None:
        """A signal came: what is told next begins on a clean line."""
        if self._terminal is not None:
            clear_line(self._write)

    def status(self, text: str) -> None:
        """Show a line whose place the next status or line takes, if it can; none if empty.

        It is cut to one row.
        """
        if text and self._aside is not None and self._aside.is_behind:
            return  # it would be old when it is seen
        if self._terminal is None or not self.shows_status:
            return
        if in_background():
            self._erase = ""
        elif self._level >= INFO and (text or self._erase):
            columns = columns_of(self._terminal)
            row = cut(text, columns - 1, unicode=shows_unicode(sys.stderr))
            self._write(f"\r{row}\x1b[K")
            self._erase = "\r\x1b[K" if text else ""

    def close(self, *, patient: bool = False) -> None:
        """Nothing more is told; `patient`, if an error comes behind it."""
        if self._aside is not None:
            self._aside.close(patient=patient)

    def _allows(self, kind: str) -> bool:
        now = time.monotonic()
        since, lines = self._bursts.get(kind, (now, 0))
        if now - since >= BURST_SECONDS:
            since, lines = now, 0
        self._bursts[kind] = (since, lines + 1)
        if lines >= self._burst:
            self._untold[kind] += 1
        return lines < self._burst


def describe(content: Delivery | Status) -> tuple[int, str]:
    """How much something matters, and one line about it that is safe on a terminal."""
    match content:
        case Connected(host, resumed_from, again):
            return INFO, f"connected {'again ' if again else ''}to {host}{_asking(resumed_from)}"
        case Heartbeat():
            return TRACE, "heartbeat answered"
        case Disconnected(reason, attempt, pause, last, asked):
            resuming = _asking(asked) if last is None else f", resuming after seq {last}"
            return WARNING, f"{visible(reason)}; retry {attempt} in {pause:.1f} s{resuming}"
        case Gap(first, last):
            return WARNING, f"gap: {seqs(first, last)} did not come back"
        case Filled(first, last, late):
            how = "late, after being missed" if late else "into its place"
            return (DEBUG if late else INFO), f"{seqs(first, last)} came back {how}"
        case Reset(before, after, asked):
            place = f"asked for seq {before + 1} and on," if asked else f"after seq {before}"
            return WARNING, f"reset: {place} the numbers go on from {after}"
        case Holes():
            return WARNING, (
                "the service's numbers have holes; from here on they are counted, not reported"
            )
        case Malformed(raw, reason):
            seen = concealed(raw[:SAMPLE].decode(errors="backslashreplace"))
            sample = f": {shortened(seen.encode())}" if seen else ""
            return WARNING, f"malformed ({reason}){sample}"
        case Violated(reason):
            return DEBUG, visible(reason)
        case WrongLength(declared, actual):
            return WARNING, (
                f"an event's length is given as {declared} and is {actual}; "
                "it is kept, and so are others like it"
            )
        case Backlogged(last, crowded):
            where = "" if last is None else f" after seq {last}"
            why, until = "output is too slow", "it has caught up"
            if crowded:
                why, until = "large messages take all the memory there is for them", "some is free"
            return WARNING, f"{why}: disconnected{where} until {until}, then resuming"
        case NotFilling(reason):
            return WARNING, f"{visible(reason)}; from now on gaps are only reported"
        case NotReplaying(reason):
            return WARNING, f"the service refuses to resume ({visible(reason)}); going on without"
        case Ended(error):
            return ERROR, visible(sentence(str(error))) if error else ""
    return DEBUG, ""


def _asking(first: int | None) -> str:
    return "" if first is None else f", asking for seq {first} and on"
