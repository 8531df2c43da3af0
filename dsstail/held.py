"""Events that are held back until it is known what comes before them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator


class Held:
    """Texts of events by their numbers; the lowest one goes first."""

    def __init__(self) -> None:
        self.bytes = 0
        self.highest = -1
        """Their highest number, as long as there are any."""
        self._texts: dict[int, bytes] = {}
        self._numbers: list[int] = []  # as a heap

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, seq: int) -> bool:
        return seq in self._texts

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Numbers and texts, in the order in which they came."""
        return iter(self._texts.items())

    @property
    def lowest(self) -> int:
        return self._numbers[0]

    def text(self, seq: int) -> bytes | None:
        """The text under this number; None if it is not held."""
        return self._texts.get(seq)

    def add(self, seq: int, text: bytes) -> None:
        """Hold an event whose number is not held."""
        self.highest = max(self.highest, seq) if self._texts else seq
        self._texts[seq] = text
        heapq.heappush(self._numbers, seq)
        self.bytes += len(text)

    def pop(self) -> tuple[int, bytes]:
        """Let the one with the lowest number go."""
        seq = heapq.heappop(self._numbers)
        text = self._texts.pop(seq)
        self.bytes -= len(text)
        return seq, text
