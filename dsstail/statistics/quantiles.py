"""The distribution of many numbers in little memory: exact while they are few.

Later on, each number that is kept stands for two, four, eight … others: when a level has CAPACITY
numbers, every other one of them, by size, moves on to the next level. So memory grows with the
logarithm of how many there are, and each such move can shift a rank by no more than what one of
the numbers stands for, which is added up.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, repeat

CAPACITY = 1024
"""Numbers on a level. With a million numbers a rank is out by 1 % at the very most."""

ASTRAY = 0.005
"""The part of the numbers, at either end, that may be far off from all others; or one of them."""

FEWEST = 20
"""Numbers without which there is no telling which are astray."""

FAR = 5
"""How many times as far they are off as all others are from each other."""


def place(number: float, low: float, high: float) -> float:
    """Where the number is on the way from low to high, 0 to 1; 0.5 where these are the same."""
    span = high / 2 - low / 2  # the whole of it may be more than a number can be
    return (number / 2 - low / 2) / span if span else 0.5


class Quantiles:
    """Takes finite numbers, and tells where the halves, the tenths … of them are."""

    def __init__(self) -> None:
        self.count = 0
        self.least = 0.0
        self.greatest = 0.0
        self.error = 0
        """By how many places the rank of a quantile may be out; 0 for exact."""
        self._fresh: list[float] = []
        self._levels: list[array[float]] = []  # level n: each number stands for 2 ** (n + 1)
        self._keeps_odd = False

    @property
    def exact(self) -> bool:
        return self.error == 0

    def add(self, numbers: Sequence[float]) -> None:
        if not numbers:
            return
        least, greatest = min(numbers), max(numbers)
        self.least = min(self.least, least) if self.count else least
        self.greatest = max(self.greatest, greatest) if self.count else greatest
        self.count += len(numbers)
        for start in range(0, len(numbers), CAPACITY):
            self._fresh += numbers[start : start + CAPACITY]
            self._thin()

    def at(self, *parts: float) -> list[float]:
        """For each part, from 0 to 1, the number that so many others do not exceed.

        There has to be a number.
        """
        weighted = sorted(self._weighted())
        ranks = list(accumulate(weight for _, weight in weighted))
        found = []
        for part in parts:
            if part <= 0:
                found.append(self.least)
            elif part >= 1:
                found.append(self.greatest)
            else:
                found.append(weighted[bisect_left(ranks, part * self.count)][0])
        return found

    def bulk(self) -> tuple[float, float]:
        """The least and the greatest number, without a few where these are far off."""
        few = max(ASTRAY * self.count, 1)
        if self.count < FEWEST:
            return self.least, self.greatest
        low, high = self.at((few + 1) / self.count, 1 - few / self.count)
        near = FAR * (high - low)
        return (
            self.least if low - self.least <= near else low,
            self.greatest if self.greatest - high <= near else high,
        )

    def histogram(self, low: float, high: float, bins: int) -> list[int]:
        """About how many numbers are in each of so many equal parts from low to high.

        Where low and high are the same, they are in the middle.
        """
        counts = [0] * bins
        for number, weight in self._weighted():
            if low <= number <= high:
                counts[min(int(place(number, low, high) * bins), bins - 1)] += weight
        return counts

    def _weighted(self) -> Iterable[tuple[float, int]]:
        levels = (zip(level, repeat(2 << n)) for n, level in enumerate(self._levels))
        return chain(zip(self._fresh, repeat(1)), *levels)

    def _thin(self) -> None:
        """Move numbers on from levels that are full."""
        if len(self._fresh) < CAPACITY:
            return
        fresh = self._fresh
        self._fresh = []
        moved = self._halved(fresh, self._fresh, 1)
        for n in range(len(self._levels) + 1):
            if n == len(self._levels):
                self._levels.append(array("d"))
            level = self._levels[n]
            level.extend(moved)
            if len(level) < CAPACITY:
                return
            full, level = level, array("d")
            self._levels[n] = level
            moved = self._halved(full, level, 2 << n)

    def _halved(
        self, full: Sequence[float], rest: list[float] | array[float], weight: int
    ) -> list[float]:
        """Every other number; of an odd number of them, the greatest stays behind."""
        ordered = sorted(full)
        if len(ordered) % 2:
            rest.append(ordered.pop())
        self._keeps_odd = not self._keeps_odd
        self.error += weight
        return ordered[self._keeps_odd :: 2]
