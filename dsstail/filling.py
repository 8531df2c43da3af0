"""Short second connections that ask for missing events, while the live one stays open."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from math import inf

from dsstail.connection import Connection
from dsstail.deliveries import Delivery, Gap
from dsstail.errors import Closed, ConnectionFailed, Cut, DsstailError, Rejected
from dsstail.handover import Handover, NotFilling, Room, Status
from dsstail.inbox import Inbox
from dsstail.messages import HEARTBEAT_ANSWER, Event, Heartbeat
from dsstail.session import HOLD_BYTES, Session

SILENCE = 1.5
"""Seconds without one of the missing events after which nothing waits for the second connection. It
may still give what it was asked for, until there is another gap to ask for, or time runs out."""

GRACE = 0.3
"""Seconds after the last of them in which others may come."""

LIMIT = 10.0
"""Seconds that one may take."""

TRIES = 3
"""How often a range is asked for where it was not answered before the connection ended."""

POLL = 0.05
"""Seconds after which a silent read looks up."""

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 300.0
"""Seconds until what a second connection could not be asked for is asked for again: the first,
doubled each time up to the longest."""

BLAME = 1.0
"""A live connection that is closed within so many seconds of a second one is closed because of it.

So short, because a network that breaks is not a service that objects.
"""

BLAME_FOR_A_CUT = 0.3
"""The same where it ends without a close frame, and the second one goes on all the same."""

VAIN_FILLINGS = 3
"""Second connections in a row that could not be opened: then there is no other."""

OBJECTIONS = 2
"""Second connections in a row with which the live one ended: then it does so because of them."""

REPLACED = "live connections ended when a second one was opened"

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
        self.silent = False
        """Whether it gave nothing for so long that there may be nothing more."""
        self.failure: DsstailError | None = None
        """Why there was no second connection, if there was none."""
        self.ended = False
        self.asks_for_zero = missing.last == 0
        """Whether it asks for the 0 alone, which not every numbering has."""
        self._opener = opener
        self._first = self._next = missing.first
        self._last = missing.last
        self._kept = self._taken = 0  # bytes of events, in all
        self._has_last = False  # whether the last of them came
        self._over_at = inf  # when it is over, because that or a later one came
        self._room = Room(handover)
        self._stopping = stopping
        self._unwanted = False
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

    def leave(self) -> None:
        """End it, if it is silent: something else is to be asked for, or it does harm."""
        self._unwanted = True

    def _run(self) -> None:
        try:
            for _ in range(TRIES):
                with self._opener(self._next, self._last, LIMIT, self._room.admit) as connection:
                    self.opened, self.opened_at = True, time.monotonic()
                    self.answered = self._read(connection)
                if self.answered or self._unwanted or self._stopping.is_set():
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
        """Read until the last missing event came, or nothing for long.

        False where it ended before, or time ran out in the midst of them, which slow ones may seem
        to be silent in: what came counts, and the rest is still to be asked for.
        """
        inbox = Inbox()
        asked_from, bytes_then = self._next, 0
        limit = time.monotonic() + LIMIT
        silent_at = time.monotonic() + SILENCE
        self.silent, self._has_last, self._over_at = False, False, inf
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
            if self._take(inbox, connection) or (self._has_last and now >= self._over_at):
                return True
            self.silent = now >= self._over_at or (not inbox and now >= silent_at)
            if self.silent and self._unwanted:
                return False
        return self.silent and self._next == asked_from

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


class Filler:
    """Has missing events fetched, one range after the other, until that does more harm than good.

    `put_all` takes what comes of it.
    """

    def __init__(
        self,
        opener: Opener,
        session: Session,
        handover: Handover,
        stopping: threading.Event,
        put_all: Callable[[Iterable[Delivery | Status]], None],
    ) -> None:
        self._opener = opener
        self._session = session
        self._handover = handover
        self._stopping = stopping
        self._put_all = put_all
        self._filling: Filling | None = None
        self._failed = 0  # in a row: second connections that could not be opened
        self._again = False  # whether one asks for what another one could not be asked for
        self._again_at = -inf  # from when on one may
        self._pause = FIRST_PAUSE
        self._opened_at = -inf  # when the last one was
        self._answered = False  # whether it gave all that the service has
        self._cut = False  # perhaps it cut the live one: it shows in whether it goes on itself
        self._suspected = False  # whether the live one seems to have ended because of it, ...
        self._objections = 0  # ... and of how many in a row

    @property
    def active(self) -> bool:
        """Whether there is a second connection, or soon will be."""
        return self._filling is not None

    def look_after_gaps(self) -> None:
        """Have missing events fetched by a second connection, one range after the other."""
        now = time.monotonic()
        if self._filling is not None:
            ended = self._filling.ended  # asked before the last events are taken
            self._put_all(self._session.take_replayed(self._filling.texts(), now))
            if ended:
                self._end(self._filling, now)
            elif self._filling.silent:
                self._put_all(self._session.replay_is_late(now))
                if self._session.wanted(now) is not None or self._cut:
                    self._filling.leave()
        elif (wanted := self._session.wanted(now)) is not None:
            self._ask_for(wanted, again=False)
            self._session.replay_started(now)
        elif self._session.owes and now >= self._again_at:
            owed = self._session.replay_again()
            if owed is not None:
                self._ask_for(owed, again=True)
        self._put_all(self._session.tick(now))

    def blame(self, failure: ConnectionFailed, now: float) -> None:
        """See whether the live connection ended because of a second one."""
        age = now - (self._filling.opened_at if self._filling else self._opened_at)
        if isinstance(failure, Closed):
            if age < BLAME and not failure.restarts:
                self._suspect()
        elif isinstance(failure, Cut) and age < BLAME_FOR_A_CUT:
            self._cut = self._filling is not None
            if self._filling is None and self._answered:
                self._suspect()

    def _ask_for(self, missing: Gap, *, again: bool) -> None:
        self._filling = Filling(self._opener, missing, self._handover, self._stopping)
        self._again = again
        self._objections = self._objections if self._suspected else 0
        self._suspected = False

    def _end(self, filling: Filling, now: float) -> None:
        self._filling = None
        self._opened_at, self._answered = filling.opened_at, filling.answered
        if filling.opened:
            self._failed = 0
        answered = filling.answered
        if filling.failure is not None and filling.asks_for_zero and _is_refusal(filling.failure):
            answered = True  # the numbers begin at 1
        elif filling.failure is not None:
            self._learn_of_failure(filling.failure)
        elif self._cut and filling.opened:
            self._suspect()
        self._cut = False
        self._put_all(self._session.replay_ended(now, asked=answered))
        if answered:
            self._pause = FIRST_PAUSE
        else:
            self._again_at = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _learn_of_failure(self, failure: DsstailError) -> None:
        """A refusal is one at once; what may have other reasons has to happen to other ranges."""
        self._failed += not self._again
        if _is_refusal(failure) or self._failed >= VAIN_FILLINGS:
            self._stop(f"no second connection to ask for missing events ({failure})")

    def _suspect(self) -> None:
        """The live connection seems to have ended because of this second one: once, by chance."""
        self._objections += not self._suspected
        self._suspected = True
        if self._objections >= OBJECTIONS:
            self._stop(REPLACED)

    def _stop(self, reason: str) -> None:
        if self._session.fill_gaps:
            self._session.fill_gaps = False
            self._put_all([NotFilling(reason)])


def _is_refusal(failure: DsstailError) -> bool:
    return isinstance(failure, Rejected) and 400 <= failure.status < 500
