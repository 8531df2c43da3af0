"""Named things and what is known of each, of bounded number: the busiest stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from heapq import heappush, heapreplace, nlargest
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

SAMPLE = 4096
"""Names from which on `Distinct` estimates, by 2 % or so."""


class Counted(Protocol):
    """What a table has of a name."""

    name: str
    events: int


Entry = TypeVar("Entry", bound=Counted)


class Table(Generic[Entry]):
    """Entries by their names, made when they are first asked for."""

    def __init__(self, size: int, make: Callable[[str], Entry]) -> None:
        """There are twice as many as `size` until `thin` leaves the busiest `size` of them."""
        self.short_by = 0
        """By how many events at most what an entry counts may be short."""
        self._size = size
        self._make = make
        self._entries: dict[str, Entry] = {}
        self._names = Distinct()

    def __getitem__(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = self._make(name)
            self._names.add(name)
        return entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        """How many names there were, those that left included; see `exact`."""
        return len(self._entries) if self.exact else max(self._names.count, len(self._entries))

    @property
    def exact(self) -> bool:
        """Whether no entry had to leave; else `len` is an estimate, and entries may be short."""
        return self.short_by == 0

    @property
    def full(self) -> bool:
        return len(self._entries) >= 2 * self._size

    def thin(self) -> None:
        """Let the less busy half go where there are too many. What comes again begins anew."""
        if not self.full:
            return
        staying = {entry.name: entry for entry in nlargest(self._size, self, key=_events)}
        self.short_by += max(entry.events for entry in self if entry.name not in staying)
        self._entries = staying

    def busiest(self) -> list[Entry]:
        """The entries by their number of events, then by name."""
        return sorted(self, key=lambda entry: (-entry.events, entry.name))


class Distinct:
    """How many different names there were: exact up to SAMPLE, then an estimate.

    It keeps the least of the names' hashes, which are spread evenly: the more names, the denser.
    """

    def __init__(self) -> None:
        self._least: set[int] = set()
        self._heap: list[int] = []  # the same, negative: the greatest first

    def add(self, name: str) -> None:
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest)
        if number in self._least:
            return
        if len(self._heap) < SAMPLE:
            heappush(self._heap, -number)
        elif number < -self._heap[0]:
            self._least.remove(-heapreplace(self._heap, -number))
        else:
            return
        self._least.add(number)

    @property
    def count(self) -> int:
        if len(self._heap) < SAMPLE:
            return len(self._heap)
        return round((SAMPLE - 1) * 2**64 / -self._heap[0])


_events = attrgetter("events")
