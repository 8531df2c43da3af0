"""Where the road is cut: readers put in, the writer takes out, and neither waits for the other.

What crosses is in the order in which it happened: batches of events, and notices among them.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from dataclasses import dataclass

from dsstail.messages import Heartbeat, WrongLength
from dsstail.session import Delivery

CAPACITY = 64 << 20
"""Bytes of events that may wait for the writer, over all streams."""

TEXT_OVERHEAD = 96
"""Bytes of memory that a text costs beyond its own."""

SLOWEST = 16 << 20
"""Bytes a second that are read at least, so that a heartbeat behind many events is soon found."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection is open; it asked for events from `resumed_from` on, if that was known."""

    host: str
    resumed_from: int | None
    again: bool


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended, or could not be opened; attempt `attempt` follows in `pause` s."""

    reason: str
    attempt: int
    pause: float
    last: int | None


@dataclass(frozen=True, slots=True)
class Backlogged:
    """The writer is `CAPACITY` behind: the stream disconnects until it has caught up."""

    last: int | None


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
    | Backlogged
    | NotFilling
    | NotReplaying
    | Ended
    | Heartbeat
    | WrongLength
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read gave: event texts, or one thing to know.

    `received_at` is in seconds since the epoch, 0 where it is not known.
    """

    stream: str
    received_at: float
    content: Delivery | Status


class Handover:
    """A queue bounded in bytes that never blocks who puts in.

    A reader that finds it full disconnects by its own choice, and comes back once it is drained.
    One that keeps the pace leaves what is too much with TCP, which slows the service down.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._sizes: deque[int] = deque()  # of the batches that are not done, in their order
        self._lock = threading.Lock()
        self._size = 0
        self._little = capacity // 8
        self._drained = threading.Event()  # little is left
        self._drained.set()
        self._moves = True  # since a reader waited in vain

    @property
    def full(self) -> bool:
        return self._size >= self._capacity

    def put(self, batch: Batch) -> None:
        size = _size_of(batch)
        with self._lock:
            self._sizes.append(size)
            self._size += size
            if self._size > self._little:
                self._drained.clear()
            self._queue.put(batch)

    def pace(self, size: int) -> None:
        """Having read `size` bytes, give a writer that is behind a moment, unless it is stuck."""
        if self._moves and not self._drained.is_set():
            self._moves = self._drained.wait(size / SLOWEST)

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
            self._moves = True
            if self._size <= self._little:
                self._drained.set()

    def wake(self) -> None:
        """Have `take` return at once; safe in a signal handler."""
        self._queue.put(None)

    def wait_until_drained(self, timeout: float) -> bool:
        return self._drained.wait(timeout)


def _size_of(batch: Batch) -> int:
    if isinstance(batch.content, list):
        return sum(map(len, batch.content)) + TEXT_OVERHEAD * len(batch.content)
    return TEXT_OVERHEAD
