"""Whether the numbers of one stream are complete, without I/O: gaps, repetitions and resets.

What came is kept as a range and the gaps in it, and its texts, which tell a repetition from another
event with the same number, as hashes of the latest: memory is bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from dsstail.fingerprints import Fingerprints

Place = TypeVar("Place")
"""Whatever tells the caller where something was."""

GAP, REPEAT, CONFLICT, RESET = "gap", "repeat", "conflict", "reset"

LISTED = 100
"""Ranges of numbers, between resets, that are listed."""

OPEN_GAPS = 1000
"""Gaps that may still be filled by events that come late; older ones are final."""


@dataclass(frozen=True, slots=True)
class Anomaly(Generic[Place]):
    """What is wrong from `place` on.

    gap: before it, the numbers `first` to `last` are missing. repeat: they come again; conflict:
    they come again with other texts. reset: after `first` the numbers go on from `last`.
    """

    kind: str
    first: int
    last: int
    place: Place


class Numbering(Generic[Place]):
    """Takes the numbered events of a stream in the order in which they are found."""

    def __init__(self, seen: Fingerprints, tell: Callable[[Anomaly[Place]], None]) -> None:
        """`tell` learns of each anomaly once it is certain; of gaps, that is late."""
        self.last = -1
        """The highest number since the last reset."""
        self.late = 0
        """Events that filled a gap, or have lower numbers than the first one."""
        self._tell = tell
        self._start: int | None = None  # the first number since the last reset
        self._ranges: list[tuple[int, int]] = []  # those before it
        self._gaps: list[Anomaly[Place]] = []  # by their numbers
        self._again: Anomaly[Place] | None = None  # a run of numbers that were there before
        self._seen = seen

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The first and the highest number, and the same again after each of the first resets."""
        return [*self._ranges, *([] if self._start is None else [(self._start, self.last)])]

    @property
    def expected(self) -> int | None:
        """The number with which `take_run` can go on, None where each event needs a look."""
        return None if self._start is None or self._again is not None else self.last + 1

    def has(self, seq: int, text: bytes) -> bool:
        """Whether this event was taken, as far as that is remembered."""
        return self._seen.of(seq) == hash(text)

    @property
    def has_gaps(self) -> bool:
        """Whether numbers are missing that may still come."""
        return bool(self._gaps)

    def shared(self, other: Numbering[Place]) -> list[tuple[int, int]]:
        """The first and the last numbers of the runs of events that another one has, too."""
        runs: list[tuple[int, int]] = []
        for seq in self._seen.shared(other._seen):
            goes_on = bool(runs) and runs[-1][1] == seq - 1
            runs[-1:] = [(runs[-1][0], seq)] if goes_on else [*runs[-1:], (seq, seq)]
        return runs

    def lacks(self, first: int, last: int) -> bool:
        """Whether the numbers from `first` to `last` are all missing, in one gap."""
        return self._gap(first, last) is not None

    def fill(self, first: int, last: int) -> bool:
        """Take them, if so."""
        at = self._gap(first, last)
        if at is None:
            return False
        gap = self._gaps[at]
        parts = replace(gap, last=first - 1), replace(gap, first=last + 1)
        self._gaps[at : at + 1] = [part for part in parts if part.first <= part.last]
        self.late += last - first + 1
        return True

    def take_run(self, texts: Sequence[bytes]) -> None:
        """Take events whose numbers go on from `expected` without a break."""
        self._seen.add(self.last + 1, texts)
        self.last += len(texts)

    def take(self, seq: int, text: bytes, place: Place) -> None:
        """Take the event that is numbered `seq`."""
        if self._again is not None and not self._goes_on(self._again, seq, text):
            self._settle(self._again, seq)
        if self._again is None:
            self._place(seq, text, place)
        self._seen.add(seq, [text])

    def settle(self) -> None:
        """Nothing more comes, but for what fills gaps."""
        if self._again is not None:
            self._settle(self._again, None)

    def end(self) -> None:
        """Nothing more comes: what is still open is certain now."""
        self.settle()
        self._close_gaps(0)

    def _place(self, seq: int, text: bytes, place: Place) -> None:
        if self._start is None:
            self._start = self.last = seq
        elif seq == self.last + 1:
            self.last = seq
        elif seq > self.last:
            self._gaps.append(Anomaly(GAP, self.last + 1, seq - 1, place))
            self._close_gaps(OPEN_GAPS)
            self.last = seq
        elif not self.fill(seq, seq):
            same = seq >= self._start and self.has(seq, text)
            self._again = Anomaly(REPEAT if same else CONFLICT, seq, seq, place)

    def _gap(self, first: int, last: int) -> int | None:
        """The place of the gap that has these numbers, among the open ones."""
        at = bisect_left(self._gaps, first, key=lambda gap: gap.last)
        found = (
            at < len(self._gaps) and self._gaps[at].first <= first <= last <= self._gaps[at].last
        )
        return at if found else None

    def _goes_on(self, again: Anomaly[Place], seq: int, text: bytes) -> bool:
        """Whether this is the next of a run of numbers that were there before."""
        if seq != again.last + 1 or (seq > self.last and (again.kind == REPEAT or again.first > 1)):
            return False
        if again.kind == REPEAT and not self.has(seq, text):
            return False
        self._again = replace(again, last=seq)
        return True

    def _settle(self, again: Anomaly[Place], following: int | None) -> None:
        """A run of numbers that were there before is over: what it was shows in what follows.

        Other texts under old numbers are a reset, unless the old numbering goes on behind them.
        """
        self._again = None
        if again.kind == REPEAT:
            self._tell(again)
            return
        assert self._start is not None
        alone = again.first == again.last and again.first > 1
        if following != self.last + 1 and not (following is None and alone):
            self._close_gaps(0)
            self._tell(Anomaly(RESET, self.last, again.first, again.place))
            if len(self._ranges) < LISTED:
                self._ranges.append((self._start, self.last))
            self._start, self.last = again.first, again.last
        else:
            self._settle_before(again)

    def _settle_before(self, again: Anomaly[Place]) -> None:
        """The run belongs to the old numbering: what of it is before the first number is late."""
        assert self._start is not None
        start = self._start
        if again.first < start:
            before = min(again.last, start - 1)
            self.late += before - again.first + 1
            if before + 1 < start:
                self._gaps.insert(0, Anomaly(GAP, before + 1, start - 1, again.place))
            self._start = again.first
        if again.last >= start:
            self._tell(replace(again, first=max(again.first, start)))

    def _close_gaps(self, kept: int) -> None:
        for gap in self._gaps[: max(len(self._gaps) - kept, 0)]:
            self._tell(gap)
        del self._gaps[: max(len(self._gaps) - kept, 0)]
