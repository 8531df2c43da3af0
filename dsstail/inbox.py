"""What was received and is not understood yet, without I/O.

A message of many megabytes takes seconds to parse, and so does a burst of odd ones. They wait here
and are parsed part by part, while heartbeats that come alone are found at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from dsstail.connection import LARGEST_USUAL, Received, TextMessage
from dsstail.messages import HEARTBEAT, KEEP_ALIVE, Message, parse, parse_in_turns

MESSAGE_OVERHEAD = 256
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
        self._items: deque[Received] = deque()
        self._parts: Iterator[list[Message]] = iter(())  # of a message that is being parsed
        self._parsing: TextMessage | None = None

    def __bool__(self) -> bool:
        return bool(self._items) or self._parsing is not None

    def add(self, received: Iterable[Received]) -> int:
        """Keep what wants to be parsed; the number of heartbeats, which need not be."""
        heartbeats = 0
        for item in received:
            if isinstance(item, TextMessage) and item.payload in (HEARTBEAT, KEEP_ALIVE):
                heartbeats += item.payload == HEARTBEAT
            else:
                self._items.append(item)
                self.size += _size_of(item)
        return heartbeats

    def take(self) -> tuple[list[bytes], list[Message]]:
        """What comes next: texts of events, or messages; neither while a message is parsed."""
        if self._parsing is not None:
            if (part := next(self._parts, None)) is not None:
                return [], part
            self.size -= _size_of(self._parsing)
            self._parsing = None
        if small := self._parse_small():
            return [], small
        if self._items:
            item = self._items.popleft()
            if isinstance(item, list):
                self.size -= _size_of(item)
                return item, []
            self._parsing, self._parts = item, parse_in_turns(item.payload)
        return [], []

    def _parse_small(self) -> list[Message]:
        """What the small messages say that come next."""
        found: list[Message] = []
        for _ in range(min(len(self._items), MOST_AT_ONCE)):
            item = self._items[0]
            if isinstance(item, list) or len(item.payload) > SMALL:
                break
            self._items.popleft()
            self.size -= _size_of(item)
            found += parse(item.payload)
        return found


def _size_of(item: Received) -> int:
    if isinstance(item, list):
        return len(item) * LARGEST_USUAL
    return len(item.payload) + MESSAGE_OVERHEAD
