"""A short second connection that asks for missing events, while the live one stays open."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from math import inf

from dsstail.connection import Connection
from dsstail.errors import Closed, ConnectionFailed, DsstailError
from dsstail.handover import Handover, Room
from dsstail.inbox import Inbox
from dsstail.messages import HEARTBEAT_ANSWER, Event, Heartbeat
from dsstail.session import HOLD_BYTES, Gap

SILENCE = 1.5
"""Seconds without one of the missing events after which the second connection has given all."""

GRACE = 0.3
"""The same after the last of them."""

LIMIT = 10.0
"""Seconds that one may take."""

TRIES = 3
"""How often a range is asked for where it was not answered before the connection ended."""

POLL = 0.05
"""Seconds after which a silent read looks up."""

Opener = Callable[[int, int, float, Callable[[int], bool]], Connection]
"""Opens a connection that asks for a range, within so many seconds, and with what it admits."""


class Filling:
    """The events of one range of numbers, fetched in a thread of its own."""

    def __init__(
        self, opener: Opener, missing: Gap, handover: Handover, stopping: threading.Event
    ) -> None:
        self.opened = False
        self.opened_at = inf
        """When there was a second connection; infinite as long as there may be one soon."""
        self.answered = False
        """Whether the service gave all that it has of them."""
        self.failure: DsstailError | None = None
        """Why there was no second connection, if there was none."""
        self.ended = False
        self._opener = opener
        self._first = self._next = missing.first
        self._last = missing.last
        self._kept = self._taken = 0  # bytes of events, in all
        self._has_last = False  # whether the last of them came
        self._over_at = inf  # when it is over, because that or a later one came
        self._room = Room(handover)
        self._stopping = stopping
        self._texts: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        try:
            threading.Thread(target=self._run, name="filling", daemon=True).start()
        except RuntimeError:
            self._fail(ConnectionFailed("too many threads"))
            self.ended = True

    def texts(self) -> list[bytes]:
        """The events that came since the last call."""
        texts = [self._texts.get_nowait() for _ in range(self._texts.qsize())]
        self._taken += sum(map(len, texts))
        return texts

    def _run(self) -> None:
        try:
            for _ in range(TRIES):
                with self._opener(self._next, self._last, LIMIT, self._room.admit) as connection:
                    self.opened, self.opened_at = True, time.monotonic()
                    self.answered = self._read(connection)
                if self.answered or self._stopping.is_set():
                    break
        except DsstailError as failure:
            if not self.opened:
                self._fail(failure)
        finally:
            self._room.hold(0)
            self.ended = True

    def _fail(self, failure: DsstailError) -> None:
        self.opened_at = -inf
        self.failure = failure

    def _read(self, connection: Connection) -> bool:
        """Read until the last missing event came, or silence.

        False where the connection was cut before, or time ran out: what came counts, and the rest
        is still to be asked for.
        """
        inbox = Inbox()
        bytes_then = 0
        limit = time.monotonic() + LIMIT
        silent_at = time.monotonic() + SILENCE
        self._has_last, self._over_at = False, inf
        while (now := time.monotonic()) < limit and not self._stopping.is_set():
            if self._is_ahead(inbox.size + connection.admitted):
                silent_at = now + SILENCE
                self._stopping.wait(POLL)
                continue
            try:
                self._answer(inbox.add(connection.receive(0.0 if inbox else POLL)), connection)
            except ConnectionFailed as failure:
                while inbox:
                    if self._take(inbox, connection):
                        return True
                return isinstance(failure, Closed) and not failure.restarts
            grows = connection.mid_message and connection.bytes_received > bytes_then
            if grows or inbox:
                silent_at, bytes_then = now + SILENCE, connection.bytes_received
            if self._take(inbox, connection) or now >= self._over_at:
                return True
            if not inbox and now >= silent_at:
                return True
        return False

    def _is_ahead(self, held: int) -> bool:
        """Whether the stream has to take events before more are read; count what waits for it."""
        waiting = self._kept - self._taken
        self._room.hold(waiting + held)
        return waiting > HOLD_BYTES

    def _take(self, inbox: Inbox, connection: Connection) -> bool:
        """Keep the missing events among what came next; True where that was all."""
        texts, messages = inbox.take()
        self._answer(sum(isinstance(message, Heartbeat) for message in messages), connection)
        events = [message for message in messages if isinstance(message, Event)]
        return any(map(self._keep, (*map(Event, texts), *events)))

    def _answer(self, heartbeats: int, connection: Connection) -> None:
        if heartbeats:
            connection.send(HEARTBEAT_ANSWER, times=heartbeats)

    def _keep(self, event: Event) -> bool:
        """Keep an event if it is one of those missing; True where that was all."""
        seq = event.seq
        if seq is None or seq < self._first:
            return False
        now = time.monotonic()
        if seq > self._last:  # a live one, perhaps
            self._over_at = min(self._over_at, now + SILENCE)
            return False
        self._kept += len(event.text)
        self._texts.put(event.text)
        self._next += seq == self._next
        self._has_last = self._has_last or seq == self._last
        if self._over_at < inf or self._has_last:
            self._over_at = now + (GRACE if self._has_last else SILENCE)
        return self._next > self._last
