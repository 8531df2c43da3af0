"""Where the road is cut: readers put in, the writer takes out, and neither waits for the other.

What crosses is in the order in which it happened: batches of events, and notices among them. Where
nothing waits, a reader may carry a few events across itself.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from dsstail.deliveries import Delivery
from dsstail.errors import Crowded
from dsstail.memory import give_back_large_blocks
from dsstail.messages import Heartbeat, Malformed, WrongLength

CAPACITY = 64 << 20
"""Bytes of events that may wait for the writer, over all streams."""

TEXT_OVERHEAD = 96
"""Bytes of memory that a text costs beyond its own."""

BATCH_OVERHEAD = 256
"""The same of a batch."""

A_FEW = 1 << 12
"""Bytes of events that a reader may write itself: to wake the writer for them takes longer."""

PACE = 0.032
"""Seconds that a reader waits for a writer that is behind: long enough to slow the service down,
and too short for a heartbeat that comes meanwhile to notice."""

PACE_FOR_EACH, LONGEST_PACE = 0.008, 0.5
"""The same for each of many readers, and at most: among them the writer seldom gets its turn."""

ROOM_POLL = 0.02
"""Seconds that a reader waits for room before it does something else."""

ROOM_PATIENCE = 1.0
"""Seconds that a large message waits for room, and with it the heartbeats behind it."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection is open; it asked for events from `resumed_from` on, if that was known."""

    host: str
    resumed_from: int | None
    again: bool


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended, or could not be opened; attempt `attempt` follows in `pause` s.

    It goes on after seq `last`, or, while no event came, with what it was to be `asked` for.
    """

    reason: str
    attempt: int
    pause: float
    last: int | None
    asked: int | None = None


@dataclass(frozen=True, slots=True)
class Violated:
    """The service broke the protocol in a way that leaves no message to keep.

    The connection ends for it, which `Disconnected` tells.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Backlogged:
    """The stream disconnects until there is room again: the writer is `CAPACITY` behind.

    Or, where it is `crowded`, large messages leave none for another one.
    """

    last: int | None
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class NotFilling:
    """A second connection for missing events does no good here; from now on gaps are reported."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotReplaying:
    """The service refused `seq_start`; the stream goes on without what was missed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over: `error` says why, None when it was asked to stop or is complete."""

    error: BaseException | None


Status = (
    Connected
    | Disconnected
    | Violated
    | Backlogged
    | NotFilling
    | NotReplaying
    | Ended
    | Heartbeat
    | WrongLength
)


class Batch(NamedTuple):
    """What one read gave: event texts, or one thing to know. (A tuple is the quickest to make.)

    `received_at` is in seconds since the epoch, 0 where it is not known. `left_out` events came
    since the last one, and are not wanted.
    """

    stream: str
    received_at: float
    content: Delivery | Status
    left_out: int = 0


class Handover:
    """A queue bounded in bytes that never blocks who puts in.

    A reader that finds it full disconnects by its own choice, and comes back once it is drained.
    One that keeps the pace leaves what is too much with TCP, which slows the service down. What
    readers hold themselves, because it is not complete or not parsed yet, is counted here too.
    """

    at_once: Callable[[Batch], bool] | None = None
    """Writes a batch in the thread of its reader where it need not wait; tells whether it did."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._room = capacity * 5 // 4  # for what waits, and what readers hold
        self._most = capacity * 3 // 2  # so that large messages leave something for small ones
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._sizes: deque[int] = deque()  # of the batches that are not done, in their order
        self._lock = threading.Lock()
        self._size = 0
        self._held: dict[Room, int] = {}  # bytes, by reader
        self._little = capacity // 8
        self._drained = threading.Event()  # little is left
        self._drained.set()
        self._moved = threading.Event()  # there is more room than there was
        self._done = 0  # batches
        self._stuck_at = -1  # how many they were when a reader waited in vain
        self._waiting = 0  # readers that do

    @property
    def full(self) -> bool:
        """Whether readers should put nothing more: it is full, or what they hold is too much."""
        return self._size >= self._capacity or self._all > self._most

    def put(self, batch: Batch) -> None:
        """Hand a batch over, or have it written at once; neither waits for the writer."""
        size = _size_of(batch)
        if size <= A_FEW and self.at_once and not self._sizes and self.at_once(batch):
            return
        with self._lock:
            self._sizes.append(size)
            self._size += size
            if self._size > self._little:
                self._drained.clear()
            self._queue.put(batch)

    def hold(self, reader: Room, size: int) -> None:
        """Count so many bytes as what a reader holds now."""
        if size != self._held.get(reader, 0):
            with self._lock:
                self._hold(reader, size)

    def admit(self, reader: Room, size: int, patience: float) -> bool:
        """Have a reader hold so many bytes if there is room for them, within `patience` seconds."""
        give_back_large_blocks()
        until = time.monotonic() + patience
        while not self._hold_if_there_is_room(reader, size):
            if not self._moved.wait(max(until - time.monotonic(), 0.0)):
                return False
        return True

    def pace(self) -> None:
        """After a turn of reading, give a writer that is behind a moment, unless it is stuck."""
        if self._done != self._stuck_at and not self._drained.is_set():
            self._await_writer()

    def _await_writer(self) -> None:
        """Wait until the writer has caught up, the longer the more readers do."""
        began, done = time.monotonic(), self._done
        left = PACE
        with self._lock:
            self._waiting += 1
        while left > 0 and not self._drained.wait(left):
            pace = min(max(PACE, PACE_FOR_EACH * self._waiting), LONGEST_PACE)
            left = began + pace - time.monotonic()
        with self._lock:
            self._waiting -= 1
        if left <= 0:
            self._stuck_at = done

    def take(self, timeout: float) -> Batch | None:
        """The next batch, or None after `timeout` seconds or a `wake`."""
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def done(self) -> None:
        """The writer has finished with the batch that it took: its bytes are free again."""
        with self._lock:
            self._size -= self._sizes.popleft()
            self._done += 1
            self._moved.set()
            if self._size <= self._little:
                self._drained.set()

    def wake(self) -> None:
        """Have `take` return at once; safe in a signal handler."""
        self._queue.put(None)

    @property
    def drained(self) -> bool:
        """Whether little is left of what waited for the writer."""
        return self._drained.is_set()

    def has_room(self, size: int) -> bool:
        """Whether a reader could hold so many bytes."""
        return self._all + size <= self._room

    @property
    def _all(self) -> int:
        return self._size + sum(self._held.values())

    def _hold_if_there_is_room(self, reader: Room, size: int) -> bool:
        with self._lock:
            more = size - self._held.get(reader, 0)
            if more > 0 and not self.has_room(more):
                self._moved.clear()
                return False
            self._hold(reader, size)
            return True

    def _hold(self, reader: Room, size: int) -> None:
        if size < self._held.get(reader, 0):
            self._moved.set()
        self._held[reader] = size
        if not size:
            del self._held[reader]


class Room:
    """What one reader holds, which is not complete or not parsed yet."""

    def __init__(self, handover: Handover) -> None:
        self._handover = handover
        self._gives_up_at: float | None = None

    def hold(self, size: int) -> None:
        """Count so many bytes as what the reader holds now."""
        self._handover.hold(self, size)

    def admit(self, size: int) -> bool:
        """Whether the reader may hold so many bytes: there is room, or there may be soon.

        Raises Crowded after some time of asking.
        """
        if self._handover.admit(self, size, ROOM_POLL):
            self._gives_up_at = None
            return True
        now = time.monotonic()
        if self._gives_up_at is None:
            # Where all wait for one another, one has to be the first who does not.
            self._gives_up_at = now + ROOM_PATIENCE * random.uniform(0.5, 1.0)
        if now >= self._gives_up_at:
            raise Crowded(f"there is no room for a message of {size} bytes")
        return False


def _size_of(batch: Batch) -> int:
    size = BATCH_OVERHEAD
    if isinstance(batch.content, list):
        size += sum(map(len, batch.content)) + TEXT_OVERHEAD * len(batch.content)
    elif isinstance(batch.content, Malformed):
        size += len(batch.content.raw)
    return size
