"""What of a numbering was given up as missing, and who is still to be asked for it.

The next connection is asked for all that comes after the lowest such number; a second one, for one
gap after the other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable

from dsstail.deliveries import Gap

MOST_LOST = 1000
"""Gaps that are still known as such when an event comes late."""

MOST_OWED = 100
"""Gaps that a second connection is asked for later, because none could be asked for them."""

VAIN_CONNECTIONS = 10
"""Connections in a row that gave only live events, and not what they were asked for: then it is not
asked for again. Until then they may have ended before the answer."""


class Losses:
    """The gaps of one numbering that are not awaited any more."""

    def __init__(self, gaps: Iterable[Gap] = ()) -> None:
        self.gaps = list(gaps)
        """The latest ones, by their numbers: events of them may still come late."""
        self._unasked: int | None = None  # the lowest number that the next connection is asked for
        self._asked_for: int | None = None  # the same of what this connection is asked for, ...
        self._unanswered: int | None = None  # ... and has not answered yet
        self._in_vain = 0  # connections in a row that gave nothing but live events
        self._owed: deque[Gap] = deque(maxlen=MOST_OWED)  # what a second one is asked for later

    @property
    def owed(self) -> bool:
        """Whether `next_owed` may have something."""
        return bool(self._owed)

    def add(self, missing: Gap) -> list[Gap]:
        """Give up a gap, higher than all others; return those that are too many, and forgotten."""
        self.gaps.append(missing)
        if len(self.gaps) <= 2 * MOST_LOST:
            return []
        forgotten = self.gaps[:MOST_LOST]
        del self.gaps[:MOST_LOST]
        return forgotten

    def find(self, seq: int) -> int:
        """Take in that a number came after all; return how many gaps there are more than before."""
        found = 0
        at = bisect_left(self.gaps, seq, key=lambda gap: gap.last)
        if at < len(self.gaps) and self.gaps[at].first <= seq:
            gap = self.gaps[at]
            parts = [
                part for part in (Gap(gap.first, seq - 1), Gap(seq + 1, gap.last)) if part.count
            ]
            self.gaps[at : at + 1] = parts
            found = len(parts) - 1
        if seq == self._unasked:
            self._unasked = self.after(seq)
        return found

    def after(self, seq: int) -> int | None:
        """The first number after this one that is missing."""
        at = bisect_left(self.gaps, seq + 1, key=lambda gap: gap.last)
        return max(self.gaps[at].first, seq + 1) if at < len(self.gaps) else None

    def have(self, seq: int) -> bool:
        """Whether this number is missing."""
        return self.after(seq - 1) == seq

    def unasked_from(self, seq: int) -> int | None:
        """The lowest number that is missing, and that nobody was asked for, not before `seq`."""
        first = self._unasked
        return self.after(seq - 1) if first is not None and first < seq else first

    def ask_next(self, seq: int) -> None:
        """Have the next connection asked for this number, and what comes after it."""
        self._unasked = seq if self._unasked is None else min(seq, self._unasked)

    def ask_second(self, missing: Gap) -> None:
        """Have a second connection asked for a gap, later."""
        self._owed.append(missing)

    def next_owed(self) -> Gap | None:
        """What of a gap that a second connection is to be asked for is still missing."""
        while self._owed:
            missing = self._within(self._owed.popleft())
            if missing:
                self._owed.extendleft(reversed(missing[1:]))
                return missing[0]
        return None

    def connected(self) -> None:
        """A new connection was asked for all of them."""
        self._unanswered = self._asked_for = self._unasked
        self._unasked = None
        self._owed.clear()

    def answered(self, seq: int) -> None:
        """The connection gave an old number: it passed over those before it."""
        if self._unanswered is not None and self._unanswered <= seq:
            self._unanswered = self.after(seq)

    def disconnected(self, *, silent: bool) -> None:
        """The connection ended; what it did not answer is asked of the next one."""
        unanswered, self._unanswered = self._unanswered, None
        if not silent:
            is_vain = unanswered is not None and unanswered == self._asked_for
            self._in_vain = self._in_vain + 1 if is_vain else 0
        if unanswered is not None and self._in_vain < VAIN_CONNECTIONS:
            self.ask_next(unanswered)

    def ask_for_less(self) -> bool:
        """Have no connection asked for any of them; whether one was, or would have been."""
        was_asked = self._unasked is not None or self._unanswered is not None
        self._unasked = self._unanswered = None
        return was_asked

    def filled(self, missing: Gap) -> None:
        """A second connection gave what there is of these."""
        if self._unasked in range(missing.first, missing.last + 1):
            self._unasked = self.after(missing.last)

    def not_filled(self, missing: Gap) -> None:
        """A second connection could not be asked for these, or not for all of them."""
        lost = self._within(missing)
        self._owed.extend(gap for gap in lost if gap not in self._owed)
        if lost:
            self.ask_next(lost[0].first)

    def _within(self, missing: Gap) -> list[Gap]:
        """What of a range is missing still."""
        return [gap for gap in self.gaps if missing.first <= gap.first <= missing.last]
