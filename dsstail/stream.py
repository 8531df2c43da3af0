"""Keep one subscription's stream alive: connect, read, back off, resume; all in one thread.

The thread owns its connection and its session. What it learns goes into the handover, and the
writer's pace never holds it up, so heartbeats are answered at once whatever happens to stdout.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

from dsstail import dialing
from dsstail.connection import LINGER, Connection, open_connection
from dsstail.domains import stream_url
from dsstail.errors import (
    Closed,
    ConfigurationError,
    ConnectionFailed,
    Crowded,
    Cut,
    DsstailError,
    Rejected,
    Unreadable,
    Violation,
)
from dsstail.filling import Filling
from dsstail.filters import EVERYTHING, Filter
from dsstail.handover import (
    Backlogged,
    Batch,
    Connected,
    Disconnected,
    Ended,
    Handover,
    NotFilling,
    NotReplaying,
    Room,
    Status,
    Violated,
)
from dsstail.inbox import Inbox
from dsstail.keys import ONLY, StreamKey, masked
from dsstail.memory import give_back_what_is_free
from dsstail.messages import (
    HEARTBEAT_ANSWER,
    Event,
    Heartbeat,
    Malformed,
    Message,
    WrongLength,
)
from dsstail.session import Counts, Delivery, Session

POLL = 0.5
"""Seconds after which a silent read looks up: for a stop, and for time that has run out."""

BRISK_POLL = 0.05
"""The same while events wait for missing ones."""

TURN = 0.005
"""Seconds of work on what was received, after which the socket gets its turn."""

READ_ON = 8 << 20
"""Bytes of small messages that wait to be parsed, while heartbeats behind them are answered."""

SPARED = 8 << 10
"""Bytes that a stream may receive while the handover is full: others have filled it."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds: the pause before retry n is random, up to the first doubled n - 1 times."""

HEALTHY_AFTER = 10.0
"""Seconds that a connection has to last, if it brings no event, to reset the pauses."""

LATE_REJECTIONS = 5
"""How often in a row a key that worked may be refused before that is believed."""

LIVELY = 64 << 10
"""Bytes of an unfinished message within the idle timeout that count as a sign of life."""

LONGEST_RETRY_AFTER = 300.0
"""Seconds of a `Retry-After` that are waited at most."""

BLAME = 1.0
"""A live connection that is closed within so many seconds of a second one is closed because of it.

So short, because a network that breaks is not a service that objects.
"""

BLAME_FOR_A_CUT = 0.3
"""The same where it ends without a close frame, and the second one goes on all the same."""

VAIN_FILLINGS = 3
"""Second connections in a row that could not be opened: then there is no other."""

VAIN_REQUESTS = 3
"""Connections in a row that asked for what was missed and were turned away: the next does not."""

TURNING_AWAY = (500, 501, 505)
"""Statuses by which a service may turn away a connection that asks for what was missed."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How to keep a stream alive. Times are seconds; `retry_for` None means for ever.

    `from_seq` and `to_seq` are both inclusive; with `to_seq` the stream ends after it. `known`
    are events that an earlier run has: the stream resumes after `from_seq - 1` and drops them.
    """

    from_seq: int | None = None
    to_seq: int | None = None
    known: tuple[bytes, ...] = ()
    reconnect: bool = True
    retry_for: float | None = None
    idle_timeout: float = 75.0
    connect_timeout: float = 30.0
    fill_gaps: bool = True
    max_message_size: int = 16 << 20
    ca_file: Path | None = None


class Stream:
    """One subscription, read in a thread of its own until it is stopped or complete."""

    def __init__(
        self,
        url: str,
        key: StreamKey,
        handover: Handover,
        settings: StreamSettings = StreamSettings(),
        selection: Filter = EVERYTHING,
    ) -> None:
        """Of what the `selection` leaves out only the number goes into the handover."""
        self.name = key.name
        self.session = Session(
            resume_after=None if settings.from_seq is None else settings.from_seq - 1,
            known=settings.known,
            fill_gaps=settings.fill_gaps,
        )
        settings = replace(settings, known=())  # which may be large, and the session knows it now
        self.connections = 0
        self.heartbeats = 0
        self.left_out = 0
        """Events so far that the selection leaves out."""
        self._dialer = Dialer(url, key, settings)
        self._settings = settings
        self._handover = handover
        self._selection = selection
        self._left_out_told = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stream {key.name}", daemon=True)
        self._inbox = Inbox()
        self._room = Room(handover)
        self._filling: Filling | None = None
        self._filled_at = float("-inf")  # when the last second connection was opened
        self._filled = False  # whether it gave all that the service has
        self._cut_by_filling = False  # perhaps: it shows in whether the second one goes on
        self._failed_fillings = 0  # in a row: second connections that could not be opened
        self._vain_requests = 0  # in a row: connections that were turned away for what they asked
        self._silent = True  # whether nothing has come on the connection yet
        self._stumbled_at: int | None = None  # where a message ended the connection
        self._retries = _Retries(settings)
        self._wrong_length_told = False
        self._beyond_window = False  # an event came from behind the window that was asked for

    @property
    def counts(self) -> Counts:
        """What happened so far."""
        return self.session.counts

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it says so with `Ended`. Safe in a signal handler."""
        self._stopping.set()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            try:
                self._keep_alive()
            finally:
                last = self._settings.to_seq if self._complete else None
                self._put_all(self.session.flush(to=last))
        except BaseException as failure:  # told by Ended, and raised again by who takes it
            error = failure
        self._hold(0)
        self._put(Ended(error))

    def _keep_alive(self) -> None:
        ask = True
        while not self._over:
            resume_from = self.session.resume_from if ask else None
            ask = True
            try:
                with self._open(resume_from) as connection:
                    self._read(connection)
                return
            except (_Backlog, Crowded) as failure:
                self.session.disconnected(time.monotonic())
                self._put(Backlogged(self.session.last, isinstance(failure, Crowded)))
                self._wait_for_room()
            except ConnectionFailed as failure:
                if isinstance(failure, Violation):
                    self._count_violation(failure)
                if isinstance(failure, Unreadable):
                    self._stumble(resume_from)
                if self._over:
                    return
                ask = resume_from is None or not self._is_turned_away(failure)
                if not ask:
                    self._put(NotReplaying(str(failure)))
                    failure = ConnectionFailed(str(failure))  # tried again, whatever it was
                self._pause(failure)

    def _is_turned_away(self, failure: ConnectionFailed) -> bool:
        """Whether a connection may have failed only because it asked for `seq_start`.

        A status of the 400s says so at once, but for one that is final; what may have other reasons
        has to happen again.
        """
        if isinstance(failure, Rejected):
            if failure.final and not self.connections:
                return False
            if 400 <= failure.status < 500:
                return failure.status not in (401, 403, 408, 429)
            vain = failure.status in TURNING_AWAY
        else:
            vain = self._silent and isinstance(failure, Closed) and not failure.restarts
            if not self._silent:
                self._vain_requests = 0
        self._vain_requests += vain
        return vain and self._vain_requests >= VAIN_REQUESTS

    def _wait_for_room(self) -> None:
        """Wait until the writer has caught up, and a while until the largest message has room."""
        until = time.monotonic() + LONGEST_PAUSE
        while not self._stopping.wait(POLL):
            has_room = self._handover.has_room(self._settings.max_message_size)
            if self._handover.drained and (has_room or time.monotonic() > until):
                break

    @property
    def _over(self) -> bool:
        return self._complete or self._stopping.is_set()

    @property
    def _complete(self) -> bool:
        """Whether the window that was asked for has been seen."""
        return self._beyond_window or self.session.last == self._settings.to_seq is not None

    def _count_violation(self, violation: Violation) -> None:
        if violation.raw:
            self._put_all(self.session.take_malformed(Malformed(violation.raw, str(violation))))
        else:
            self.session.counts.malformed += 1
            self._put(Violated(str(violation)))

    def _stumble(self, asked_from: int | None) -> None:
        """Step over an event that ended two connections in a row: others would end there too."""
        place = self.session.resume_from
        if place is not None and asked_from == place == self._stumbled_at:
            self._put_all(self.session.step_over(time.monotonic()))
        self._stumbled_at = place

    def _open(self, resume_from: int | None) -> Connection:
        to_seq, time_left = self._settings.to_seq, self._retries.time_left
        connection = self._dialer.open(resume_from, to_seq, time_left, self._admit)
        self.connections += 1
        self._silent = True
        self._retries.opened()
        self.session.connected(asked=resume_from is not None, now=time.monotonic())
        host = str(self._dialer.endpoint)
        self._put(Connected(host, resume_from, again=self.connections > 1))
        return connection

    def _pause(self, failure: ConnectionFailed) -> None:
        """Wait before the next attempt. Raises the failure where there is to be none."""
        now = time.monotonic()
        self.session.disconnected(now)
        self._blame_filling(failure, now)
        pause = self._retries.pause_after(failure)
        give_back_what_is_free()
        last, first = self.session.last, self.session.resume_from
        self._put(Disconnected(str(failure), self._retries.attempt, pause, last, first))
        until = now + pause
        while (left := until - time.monotonic()) > 0 and not self._stopping.wait(min(left, POLL)):
            self._look_after_gaps()

    def _blame_filling(self, failure: ConnectionFailed, now: float) -> None:
        """See whether the connection ended because of a second one."""
        age = now - (self._filling.opened_at if self._filling else self._filled_at)
        if isinstance(failure, Closed):
            if age < BLAME and not failure.restarts:
                self._stop_filling(REPLACED)
        elif isinstance(failure, Cut) and age < BLAME_FOR_A_CUT:
            self._cut_by_filling = self._filling is not None
            if self._filling is None and self._filled:
                self._stop_filling(REPLACED)

    def _read(self, connection: Connection) -> None:
        """Read until the stream is over; keep nothing of what was not looked into.

        Raises ConnectionFailed when the connection ends, and what ends it by our own choice.
        """
        try:
            self._read_on(connection)
        except (_Backlog, Crowded):
            # What is not read would reset the connection, and the goodbye with it.
            connection.close(linger=LINGER)
            raise
        finally:
            self._inbox = Inbox()
            self._hold(0)

    def _read_on(self, connection: Connection) -> None:
        idle_timeout = self._settings.idle_timeout
        heard_at, bytes_then = time.monotonic(), 0
        bytes_before = 0  # when the handover was not full
        while not self._over:
            self._hold(connection.admitted)
            if not self._handover.full:
                bytes_before = connection.bytes_received
            elif connection.bytes_received - bytes_before > SPARED:
                raise _Backlog
            if self._inbox.small <= READ_ON:
                received = self._receive(connection)
                now = time.monotonic()
                grows = connection.bytes_received - bytes_then >= LIVELY and connection.mid_message
                if received or grows:
                    heard_at, bytes_then = now, connection.bytes_received
                elif now - heard_at >= idle_timeout:
                    raise ConnectionFailed(f"no data for {idle_timeout:g} s")
            self._work(connection)
            if self._awaits_events:
                self._look_after_gaps()

    def _receive(self, connection: Connection) -> bool:
        """Take in what comes next, if anything does; where there is work, all that is there."""
        if not self._inbox:
            return self._receive_once(connection)
        until, heard, came = time.monotonic() + TURN, False, True
        while came and time.monotonic() < until and self._inbox.small <= READ_ON:
            before = connection.bytes_received
            heard = self._receive_once(connection) or heard
            came = connection.bytes_received > before
        return heard

    def _receive_once(self, connection: Connection) -> bool:
        """Take in what one read gives; heartbeats are answered.

        Where nothing comes any more, what came before is worked off before that is raised.
        """
        poll = BRISK_POLL if self._awaits_events else POLL
        try:
            received = connection.receive(0.0 if self._inbox else poll)
        except ConnectionFailed:
            while self._inbox and not self._over and not self._handover.full:
                self._work(connection)
            raise
        self._answer(self._inbox.add(received), connection)
        if received:
            self._silent = False
            self._retries.proved_healthy(new_events=False)
        return bool(received)

    def _hold(self, growing: int) -> None:
        """Tell how much memory the stream holds, with a message that is `growing`."""
        self._room.hold(self._inbox.size + self.session.held + growing)

    def _admit(self, growing: int) -> bool:
        """Whether a message may grow to so many bytes."""
        return self._room.admit(self._inbox.size + self.session.held + growing)

    @property
    def _awaits_events(self) -> bool:
        return self.session.holding or self._filling is not None

    def _work(self, connection: Connection) -> None:
        """Look into what was received, for some milliseconds."""
        if not self._inbox:
            return
        now = time.monotonic()
        taken = self.session.taken
        heartbeats = 0
        found: list[Delivery | Status] = []
        while self._inbox and time.monotonic() < now + TURN and not self._complete:
            for content in self._take(*self._inbox.take(), now):
                if isinstance(content, Heartbeat):
                    heartbeats += 1
                elif isinstance(content, list) and found and isinstance(found[-1], list):
                    found[-1] += content
                else:
                    found.append(content)
        self._answer(heartbeats, connection)
        for content in found:
            self._put(content)
        if self.session.taken > taken:
            self._retries.proved_healthy(new_events=True)
        self._handover.pace()

    def _answer(self, heartbeats: int, connection: Connection) -> None:
        if heartbeats:
            connection.send(HEARTBEAT_ANSWER, times=heartbeats)
            self.heartbeats += heartbeats
            self._put(Heartbeat())

    def _take(
        self, texts: list[bytes], messages: list[Message], now: float
    ) -> Iterator[Delivery | Status]:
        """What a part of the inbox comes to; heartbeats are still to be answered."""
        if self._settings.to_seq is not None:
            texts = [text for text in texts if self._is_wanted(Event(text))]
        if texts:
            yield from self.session.take(texts, now)
        if not messages:
            return
        events: list[Event] = []
        for message in messages:
            if isinstance(message, Event):
                events.append(message)
            elif isinstance(message, Heartbeat):
                yield message
            elif isinstance(message, Malformed):
                yield from self._take_events(events, now)
                events = []
                yield from self.session.take_malformed(message)
            elif isinstance(message, WrongLength) and not self._wrong_length_told:
                self._wrong_length_told = True
                yield message
        yield from self._take_events(events, now)

    def _take_events(self, events: list[Event], now: float) -> list[Delivery]:
        return self.session.take_events([event for event in events if self._is_wanted(event)], now)

    def _is_wanted(self, event: Event) -> bool:
        """Whether an event is not outside of the window; one beyond it means that it is over."""
        first, last = self._settings.from_seq or 0, self._settings.to_seq
        if last is None or event.seq is None or first <= event.seq <= last:
            return True
        self._beyond_window = self._beyond_window or event.seq > last
        return False

    def _look_after_gaps(self) -> None:
        """Have missing events fetched by a second connection, one range after the other."""
        now = time.monotonic()
        if self._filling is not None:
            ended = self._filling.ended  # asked before the last events are taken
            self._put_all(self.session.take_replayed(self._filling.texts(), now))
            if ended:
                self._end_filling(self._filling, now)
        elif (wanted := self.session.wanted(now)) is not None:
            self._filling = Filling(self._dialer.open, wanted, self._handover, self._stopping)
            self.session.replay_started(now)
        self._put_all(self.session.tick(now))

    def _end_filling(self, filling: Filling, now: float) -> None:
        self._filling = None
        self._filled_at, self._filled = filling.opened_at, filling.answered
        if filling.opened:
            self._failed_fillings = 0
        if filling.failure is not None:
            self._learn_of_failed_filling(filling.failure)
        elif self._cut_by_filling and filling.answered:
            self._stop_filling(REPLACED)
        self._cut_by_filling = False
        self._put_all(self.session.replay_ended(now, asked=filling.answered))

    def _learn_of_failed_filling(self, failure: DsstailError) -> None:
        """A refusal is one at once; what may have other reasons has to happen again."""
        self._failed_fillings += 1
        refused = isinstance(failure, Rejected) and 400 <= failure.status < 500
        if refused or self._failed_fillings >= VAIN_FILLINGS:
            self._stop_filling(f"no second connection to ask for missing events ({failure})")

    def _stop_filling(self, reason: str) -> None:
        if self.session.fill_gaps:
            self.session.fill_gaps = False
            self._put(NotFilling(reason))

    def _put_all(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            self._put(delivery)

    def _put(self, content: Delivery | Status) -> None:
        if isinstance(content, list):
            wanted = self._selection.select(content)
            self.left_out += len(content) - len(wanted)
            content = wanted
            if not content:
                return
        untold, self._left_out_told = self.left_out - self._left_out_told, self.left_out
        self._handover.put(Batch(self.name, time.time(), content, untold))


REPLACED = "the live connection ended when a second one was opened"


class _Backlog(Exception):
    """The handover is full, and not only because of other streams."""


class Dialer:
    """Opens connections to one subscription; knows its key, and lets nobody else know."""

    def __init__(self, url: str, key: StreamKey, settings: StreamSettings) -> None:
        """Raises ConfigurationError for a URL or a key that cannot work."""
        try:
            self._url = stream_url(url)
        except ValueError as error:
            raise ConfigurationError(f"the URL of the stream: {error}.") from None
        if not key.key:
            raise ConfigurationError("there is no stream key.")
        self.endpoint = dialing.Endpoint.of(self._url)
        self._key = key
        self._settings = settings
        self._context = dialing.trust(settings.ca_file) if self.endpoint.secure else None

    def open(
        self,
        seq_start: int | None,
        seq_end: int | None,
        timeout: float,
        admit: Callable[[int], bool] = lambda size: True,
        observe: dialing.Observer = dialing.unobserved,
    ) -> Connection:
        """A connection that asks for `seq_start` to `seq_end`, both inclusive (protocol.md).

        `admit` and `observe` are those of `open_connection`.
        """
        query = {"stream_key": self._key.key}
        if seq_start is not None:
            query["seq_start"] = str(seq_start)
        if seq_start is not None and seq_end is not None:
            query["seq_end"] = str(seq_end)
        try:
            return open_connection(
                f"{self._url}{'&' if '?' in self._url else '?'}{urlencode(query)}",
                context=self._context,
                timeout=min(timeout, self._settings.connect_timeout),
                max_message_size=self._settings.max_message_size,
                admit=admit,
                observe=observe,
            )
        except Rejected as rejection:
            raise self._explained(rejection) from None

    def _explained(self, rejection: Rejected) -> Rejected:
        """The rejection with what it may be about, where its status says so."""
        status = rejection.status
        if status == 404:
            reason = f"{rejection}. There is no stream under this path, or its subscription is gone"
        elif status in (401, 403):
            reason = (
                f"{self.endpoint.host} rejected key {masked(self._key.key)} (HTTP {status}). "
                "A key works only in the region, deployment and client type where it was "
                "created, and may be suspended or deleted, or used up if it is a mobile one"
            )
        else:
            return rejection
        return Rejected(reason, status=status, retry_after=rejection.retry_after)


class _Retries:
    """When to try again, and when not any more."""

    def __init__(self, settings: StreamSettings) -> None:
        self.attempt = 0
        self._settings = settings
        self._opened_at: float | None = None
        self._trouble_since: float | None = time.monotonic()
        self._rejections = 0

    @property
    def time_left(self) -> float:
        """Seconds until `retry_for` runs out; the last attempt gets one second at least."""
        if self._settings.retry_for is None or self._trouble_since is None:
            return float("inf")
        return max(1.0, self._trouble_since + self._settings.retry_for - time.monotonic())

    def opened(self) -> None:
        self._opened_at = time.monotonic()

    def proved_healthy(self, *, new_events: bool) -> None:
        """Data came; that makes a connection healthy if it is new, or if it has lasted."""
        opened_at = self._opened_at
        if new_events or (opened_at and time.monotonic() - opened_at >= HEALTHY_AFTER):
            self.attempt = self._rejections = 0
            self._trouble_since = None

    def pause_after(self, failure: ConnectionFailed) -> float:
        """Seconds to wait before the next attempt, with full jitter. Raises to end the stream."""
        if isinstance(failure, Rejected) and failure.final:
            self._rejections += 1
            if self._opened_at is None or self._rejections > LATE_REJECTIONS:
                raise failure
        if not self._settings.reconnect:
            raise ConnectionFailed(str(failure))
        retry_for, now = self._settings.retry_for, time.monotonic()
        since = self._trouble_since = now if self._trouble_since is None else self._trouble_since
        if retry_for is not None and now >= since + retry_for:
            raise ConnectionFailed(f"{failure}; gave up after {retry_for:g} s")
        self.attempt += 1
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.attempt - 1, 10))
        pause = random.uniform(0, longest)
        if failure.retry_after is not None:
            pause += min(failure.retry_after, LONGEST_RETRY_AFTER)
        if retry_for is not None:
            pause = min(pause, max(0.0, since + retry_for - now))
        return pause


def open_stream(
    url: str,
    key: str,
    settings: StreamSettings = StreamSettings(),
    *,
    on_status: Callable[[Batch], None] | None = None,
    allow_plaintext: bool = False,
) -> Iterator[Event]:
    """The events of one subscription, as they come, through any number of connections.

    `url` is `wss://DOMAIN/stream`; `ws://` beyond this machine, which shows the key to the
    network, has to be allowed. `on_status` is told what else happens, in its place among the
    events: by a Batch whose `content` is a Connected, Disconnected, Gap, Reset, Malformed or one
    of a few more. Raises ConfigurationError for a URL or a key that cannot work, Rejected when
    the service refuses the key, ConnectionFailed when `settings` end the attempts; by default
    they never do.

    >>> for event in open_stream("wss://stream.aylanetworks.com/stream", key):
    ...     print(event.dsn, event.value)
    """
    handover = Handover()
    stream = Stream(url, StreamKey(ONLY, key), handover, settings)
    if dialing.Endpoint.of(url).shows_key and not allow_plaintext:
        raise ConfigurationError("ws:// shows the key to the network. Use wss://.")
    stream.start()
    try:
        while True:
            batch = handover.take(timeout=60.0)
            if batch is None:
                continue
            if isinstance(batch.content, list):
                yield from map(Event, batch.content)
            elif isinstance(batch.content, Ended):
                if batch.content.error is not None:
                    raise batch.content.error
                return
            elif on_status is not None:
                on_status(batch)
            handover.done()
    finally:
        stream.stop()
