"""What was received and is not understood yet, without I/O.

A message of many megabytes takes seconds to parse, and so does a burst of odd ones. They wait here
and are parsed part by part, while heartbeats that come alone are found at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from dsstail.connection import UNASKED, Received, TextMessage
from dsstail.messages import HEARTBEAT, KEEP_ALIVE, Message, parse, parse_in_turns
from dsstail.wire import LARGEST_USUAL

MESSAGE_OVERHEAD = 128
"""Bytes of memory that a message costs beyond its own."""

SMALL = 4096
"""Bytes of a message that is parsed at once, with others of the kind."""

MOST_AT_ONCE = 64
"""Messages."""


class Inbox:
    """Messages in the order of their arrival."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of memory that they take, at most."""
        self.small = 0
        """The same of those for whose memory nobody was asked."""
        self._items: deque[Received] = deque()
        self._parts: Iterator[list[Message]] = iter(())  # of a message that is being parsed
        self._part: list[Message] | None = None  # the next of them
        self._parsing = 0  # the size of the message

    def __bool__(self) -> bool:
        return bool(self._items) or self._part is not None

    def add(self, received: Iterable[Received]) -> int:
        """Keep what wants to be parsed; the number of heartbeats, which need not be."""
        heartbeats = 0
        for item in received:
            if isinstance(item, TextMessage) and item.payload in (HEARTBEAT, KEEP_ALIVE):
                heartbeats += item.payload == HEARTBEAT
            else:
                self._items.append(item)
                self._count(item, 1)
        return heartbeats

    def take(self) -> tuple[list[bytes], list[Message]]:
        """What comes next: texts of events, or messages; neither while a message is parsed."""
        if self._part is not None:
            # Looking for the next one frees a message of which this is the last.
            part, self._part = self._part, next(self._parts, None)
            if self._part is None:
                self.size -= self._parsing
            return [], part
        if not self._items:
            return [], []
        item = self._items[0]
        if isinstance(item, TextMessage) and len(item.payload) <= SMALL:
            return [], self._parse_small()
        self._items.popleft()
        self._count(item, -1)
        if isinstance(item, list):
            return item, []
        self._parts, self._part = parse_in_turns(item.payload), []
        self._parsing = len(item.payload)
        self.size += self._parsing
        return [], []

    def _parse_small(self) -> list[Message]:
        """What the small messages say that come next."""
        found: list[Message] = []
        for _ in range(min(len(self._items), MOST_AT_ONCE)):
            item = self._items[0]
            if isinstance(item, list) or len(item.payload) > SMALL:
                break
            self._items.popleft()
            self._count(item, -1)
            found += parse(item.payload)
        return found

    def _count(self, item: Received, times: int) -> None:
        if isinstance(item, list):
            size = len(item) * LARGEST_USUAL
        else:
            size = len(item.payload) + MESSAGE_OVERHEAD
        self.size += times * size
        if size <= UNASKED:
            self.small += times * size
