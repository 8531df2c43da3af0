"""Whether the numbers of a service have holes, or events of it are lost."""

from __future__ import annotations

from dsstail.deliveries import Gap

HOLES_AFTER = 3
"""Gaps in a row that were asked for in vain: then the numbers are taken to have holes."""

HOLES_UNASKED = 10
"""The same for gaps that were not asked for, which are weaker evidence."""


class HoleRule:
    """Tells a service whose numbers have holes from one that loses events.

    Holes are many. When several gaps came close together and nothing of them came back, gaps of
    that width explain themselves, and only a much wider one is worth a word; or one that is wider
    at all, in a break between connections, where events get lost.
    """

    NEAR = 1000  # numbers between two holes that belong to one pattern

    def __init__(self) -> None:
        self._in_a_row = 0
        self._widest = 0
        self._end = 0
        self._established = False

    def explain(self, missing: Gap, *, in_break: bool) -> bool:
        widest = self._widest if in_break else 10 * self._widest
        return self._established and missing.count <= widest

    def learn(self, missing: Gap, *, asked: bool) -> bool:
        """Take in a gap of which nothing came back; True when that makes it a pattern."""
        if self._established:
            return False
        near = 0 <= missing.first - self._end <= self.NEAR
        self._in_a_row = self._in_a_row + 1 if near else 1
        self._widest = max(self._widest if near else 0, missing.count)
        self._end = missing.last
        self._established = self._in_a_row >= (HOLES_AFTER if asked else HOLES_UNASKED)
        return self._established

    def disprove(self) -> None:
        self._in_a_row = 0
        self._established = False
