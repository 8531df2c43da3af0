"""What one stream key is subscribed to: events made at a pace, numbered, and held for replay."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

from dsstail.annotation import unannotated
from dsstail.messages import Event

TICK = 0.005
"""The shortest pause in seconds between two looks at the clock; a tick makes what is due."""

MOST_AT_ONCE = 1000
"""Events made before others get a turn."""

LONGEST_ARREARS = 1.0
"""Seconds of events that are made up for where the machine cannot keep the pace."""


class Source(Protocol):
    """Where events come from: made-up devices, or a recording."""

    @property
    def exhausted(self) -> bool:
        """Whether there is no event left."""

    def next(self, at: float) -> tuple[int, bytes] | None:
        """Number and text of the event at the time `at` (seconds since 1970); None at the end."""


class Recording:
    """A recording as a source: the texts of its events, as they came, and of damage the beginning.

    What has no seq is held under the number that follows the one before it.
    """

    def __init__(self, path: Path) -> None:
        self._lines = self._read(path)
        self._ahead = next(self._lines, None)
        self._seq = -1

    @property
    def exhausted(self) -> bool:
        return self._ahead is None

    def next(self, at: float) -> tuple[int, bytes] | None:
        text, self._ahead = self._ahead, next(self._lines, None)
        if text is None:
            return None
        seq = Event(text).seq
        self._seq = self._seq + 1 if seq is None else seq
        return self._seq, text

    @staticmethod
    def _read(path: Path) -> Iterator[bytes]:
        from dsstail.recording.reading import read
        from dsstail.recording.splitting import Lines

        for found in read(path):
            if isinstance(found, Lines):
                yield from (unannotated(text)[0] for text in found.texts)
            elif found.raw:
                yield found.raw


class Held(NamedTuple):
    """An event in the replay buffer; `skipped` ones are not delivered when they are made."""

    seq: int
    text: bytes
    skipped: bool


class Subscription:
    """The events of one key, whether anybody is connected or not.

    An event's position counts what was made before it; clients keep one and take what came
    since. The last `buffer` events are held: who falls further behind has lost some. With
    nobody connected, as many are still made and no more.
    """

    def __init__(
        self, source: Source, *, rate: float, buffer: int, skip: float, chance: Random
    ) -> None:
        self._source = source
        self._rate = rate
        self._buffer = buffer
        self._skip = skip
        self._chance = chance
        self._held: deque[Held] = deque(maxlen=buffer)
        self._news = asyncio.Event()
        self._clients = 0
        self._joined = asyncio.Event()
        self._left_at = 0
        self.made = 0
        """How many events were made so far: the position of the next one."""
        self.over = False
        """Whether the source has come to its end."""

    @property
    def deserted(self) -> bool:
        """Whether no client is connected."""
        return not self._clients

    def join(self) -> None:
        """A client is connected from now on."""
        self._clients += 1
        self._joined.set()

    def leave(self) -> None:
        """A client is connected no longer."""
        self._clients -= 1
        if self.deserted:
            self._joined.clear()
            self._left_at = self.made

    def make_history(self, count: int) -> None:
        """Make events that happened before now, as far apart as later ones will be."""
        now = time.time()
        for age in range(count, 0, -1):
            self._make(now - age / self._rate)

    def make_up_to(self, seq: int) -> None:
        """Make events until `seq` is among them, or the source ends."""
        while not self.over and not (self._held and self._held[-1].seq >= seq):
            self._make(time.time())

    async def keep_making(self) -> None:
        """Make events at the rate, those that are due together, until the source ends."""
        due = time.monotonic()
        while not self.over:
            if self.deserted and self.made >= self._left_at + self._buffer:
                await self._joined.wait()
                due = time.monotonic()
            now = time.monotonic()
            count = min(max(int((now - due) * self._rate) + 1, 0), MOST_AT_ONCE)
            at = time.time()
            for _ in range(count):
                self._make(at)
            self._news.set()
            self._news = asyncio.Event()
            due = max(due + count / self._rate, now - LONGEST_ARREARS)
            await asyncio.sleep(max(due - time.monotonic(), TICK))

    def replay(self, first: int, last: int | None) -> list[Held]:
        """The held events whose seq is in the window, both ends inclusive, as they were made."""
        end = sys.maxsize if last is None else last
        return [event for event in self._held if first <= event.seq <= end]

    def since(self, position: int, most: int) -> list[Held] | None:
        """Up to `most` events from `position` on; None when the first is no longer held."""
        oldest = self.made - len(self._held)
        if position < oldest:
            return None
        end = min(position + most, self.made)
        return [self._held[at - oldest] for at in range(position, end)]

    async def news(self) -> None:
        """Wait until more events were made."""
        await self._news.wait()

    def _make(self, at: float) -> None:
        made = self._source.next(at)
        if made is None:
            self.over = True
            return
        skipped = self._skip > 0 and self._chance.random() < self._skip
        self._held.append(Held(*made, skipped))
        self.made += 1
        self.over = self._source.exhausted
