"""Passages of events on their way out of recordings: the last ones, merged by time, at a pace.

What travels are passages, the troubles met between them, and pauses. Nothing here waits: who
takes the items waits where a pause tells to, and so stays in command meanwhile.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from itertools import groupby
from math import inf

from dsstail.annotation import received_at
from dsstail.clock import Moments
from dsstail.messages import Event

GATHERED = 200
"""Events that are joined to one passage, where they come one by one."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Events of one stream, `""` where its name is not known.

    `received_at` is in seconds since the epoch, 0 where it is not known.
    """

    texts: list[bytes]
    stream: str = ""
    received_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What of a recording is no event: where and why, and how it begins."""

    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """There is nothing for so many seconds, or until there is something to read from `file`."""

    seconds: float
    file: FileIO | None = None


Item = Passage | Trouble | Pause

BREATH = Pause(0.0)
"""Nothing to show yet: a chance to do something else."""


class Last:
    """The last `count` events of the items that are added, and the troubles between these."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._items: deque[Item] = deque()
        self._events = 0

    def add(self, item: Item) -> None:
        self._items.append(item)
        self._events += _events_in(item)
        while self._items and self._events - _events_in(self._items[0]) >= self._count:
            self._events -= _events_in(self._items.popleft())

    @property
    def events(self) -> int:
        """How many events there are, `count` at most."""
        return min(self._events, self._count)

    @property
    def items(self) -> list[Item]:
        items = list(self._items)
        if items and isinstance(items[0], Passage):
            first = items[0]
            texts = first.texts[self._events - self.events :]
            items[0] = Passage(texts, first.stream, first.received_at)
        return items


def moment(event: Event) -> float | None:
    """When it happened, in seconds since the epoch; else when it was received, if that is known."""
    return _MOMENTS[event.time or received_at(event.data)]


_MOMENTS = Moments()


def merged(roads: Sequence[Iterator[Item]]) -> Iterator[Item]:
    """The events of all roads in the order of their times; those of one stay in their order.

    An event without a time comes with the one before it. Of each road, one event is looked ahead.
    """
    heap: list[tuple[float, int, Passage]] = []
    singles = [_one_by_one(road) for road in roads]

    def advance(number: int, before: float) -> Iterator[Item]:
        for item in singles[number]:
            if isinstance(item, Passage):
                at = _time_of(item)
                heapq.heappush(heap, (before if at is None else at, number, item))
                return
            yield item

    for number in range(len(singles)):
        yield from advance(number, -inf)
    while heap:
        at, number, passage = heapq.heappop(heap)
        yield passage
        yield from advance(number, at)


def paced(items: Iterable[Item], speed: float, max_idle: float) -> Iterator[Item]:
    """Pauses between events as they were between their times, shorter by the factor `speed`.

    None is longer than `max_idle` seconds. Where the taker is late, it catches up.
    """
    before = None
    due = time.monotonic()
    for item in items:
        if not isinstance(item, Passage):
            yield item
            continue
        for at, group in groupby(_singles(item), _time_of):
            if at is not None and before is not None and at > before:
                due += min((at - before) / speed, max_idle)
            before = before if at is None else at
            while (left := due - time.monotonic()) > 0:
                yield Pause(left)
            yield from group


def gathered(items: Iterable[Item]) -> Iterator[Item]:
    """The same with neighbours joined, so that many small passages become a few."""
    texts: list[bytes] = []
    stream, received_at = "", 0.0
    for item in items:
        if (
            isinstance(item, Passage)
            and (item.stream, item.received_at) == (stream, received_at)
            and len(texts) + len(item.texts) <= GATHERED
        ):
            texts += item.texts
            continue
        if texts:
            yield Passage(texts, stream, received_at)
            texts = []
        if isinstance(item, Passage):
            texts, stream, received_at = item.texts[:], item.stream, item.received_at
        else:
            yield item
    if texts:
        yield Passage(texts, stream, received_at)


def _one_by_one(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Passage):
            yield from _singles(item)
        else:
            yield item


def _singles(passage: Passage) -> Iterator[Passage]:
    for text in passage.texts:
        yield Passage([text], passage.stream, passage.received_at)


def _time_of(single: Passage) -> float | None:
    at = moment(Event(single.texts[0]))
    return single.received_at or None if at is None else at


def _events_in(item: Item) -> int:
    return len(item.texts) if isinstance(item, Passage) else 0
