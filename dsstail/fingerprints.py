"""The texts that numbers had last, as hashes: what tells an event seen again from another one.

Python salts the hash of bytes in every process, so nobody outside can make two texts meet.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence


class Bound:
    """How many hashes the fingerprints of one stream or more keep in all, the latest ones."""

    def __init__(self, numbers: int, blocks: int) -> None:
        """They are kept, and given up, in blocks of so many `numbers`, of 8 bytes each."""
        self.numbers = numbers
        self._most = blocks
        self._kept: deque[tuple[Fingerprints, int]] = deque()  # the oldest first

    def note(self, fingerprints: Fingerprints, block: int) -> None:
        """Count a block that is new; the oldest one may have to go."""
        self._kept.append((fingerprints, block))
        if len(self._kept) > self._most:
            oldest, block = self._kept.popleft()
            oldest.give_up(block)


class Fingerprints:
    """The hashes of the texts that the numbers of one stream had last."""

    def __init__(self, bound: Bound) -> None:
        self.highest = -1
        self.forgotten_to = 0
        """Numbers below it may have been seen, and are not known any more."""
        self._bound = bound
        self._numbers = bound.numbers
        self._blocks: dict[int, array[int]] = {}

    def add(self, first: int, texts: Sequence[bytes]) -> None:
        """Remember the texts of `first` and the numbers that follow it."""
        self.highest = max(self.highest, first + len(texts) - 1)
        if len(texts) == 1:  # as most reads have it
            block, at = divmod(first, self._numbers)
            self._block(block)[at] = hash(texts[0])
            return
        hashes = array("q", list(map(hash, texts)))
        done = 0
        while done < len(hashes):
            block, at = divmod(first + done, self._numbers)
            part = hashes[done : done + self._numbers - at]
            self._block(block)[at : at + len(part)] = part
            done += len(part)

    def of(self, seq: int) -> int:
        """The hash of the text that was seen under this number, 0 for none."""
        block = self._blocks.get(seq // self._numbers)
        return block[seq % self._numbers] if block else 0

    def shared(self, other: Fingerprints) -> Iterator[int]:
        """The numbers that have the same text in another stream of the same bound."""
        for number in sorted(self._blocks.keys() & other._blocks.keys()):
            both = zip(self._blocks[number], other._blocks[number], strict=True)
            for at, (mine, theirs) in enumerate(both, number * self._numbers):
                if mine and mine == theirs:
                    yield at

    def forget(self, first: int, last: int) -> None:
        """Nothing was seen under these numbers since the numbering began."""
        if first > self.highest:
            return
        touched = range(first // self._numbers, last // self._numbers + 1)
        for number in filter(touched.__contains__, self._blocks):
            low = max(first - number * self._numbers, 0)
            high = min(last - number * self._numbers + 1, self._numbers)
            self._blocks[number][low:high] = array("q", bytes(8 * (high - low)))

    def give_up(self, block: int) -> None:
        """Forget one for good, because there are too many."""
        del self._blocks[block]
        self.forgotten_to = max(self.forgotten_to, (block + 1) * self._numbers)

    def _block(self, number: int) -> array[int]:
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = array("q", bytes(8 * self._numbers))
            self._bound.note(self, number)
        return block
