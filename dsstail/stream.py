"""Keep one subscription's stream alive: connect, read, back off, resume; all in one thread.

The thread owns its connection and its session. What it learns goes into the handover, and the
writer's pace never holds it up, so heartbeats are answered at once whatever happens to stdout.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from urllib.parse import urlencode

from dsstail import dialing
from dsstail.connection import LINGER, Connection, open_connection
from dsstail.deliveries import Counts, Delivery
from dsstail.domains import stream_url
from dsstail.errors import (
    ConfigurationError,
    ConnectionFailed,
    Crowded,
    Rejected,
    Unreadable,
    Violation,
)
from dsstail.filling import Filler
from dsstail.filters import EVERYTHING, Filter
from dsstail.handover import (
    Backlogged,
    Batch,
    Connected,
    Disconnected,
    Ended,
    Handover,
    NotReplaying,
    Room,
    Status,
    Violated,
)
from dsstail.inbox import Inbox
from dsstail.keys import ONLY, StreamKey, masked
from dsstail.memory import give_back_what_is_free
from dsstail.messages import HEARTBEAT_ANSWER, Event, Heartbeat, Malformed, Message, WrongLength
from dsstail.opening import Opening
from dsstail.retrying import LONGEST_PAUSE, Requests, Retries
from dsstail.session import Session

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

LIVELY = 64 << 10
"""Bytes of an unfinished message within the idle timeout that count as a sign of life."""

WINDOW_GRACE = 2.0
"""Seconds in which events of a window may still come after one from behind it, or after each other:
it may be a live one."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How to keep a stream alive. Times are seconds; `retry_for` None means for ever.

    `from_seq` and `to_seq` are both inclusive; with `to_seq` the stream ends after it. `known`
    are the last events of an earlier run, on a line each: they are dropped if they come again, and
    without `from_seq` the stream resumes after them.
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
            asks_again=selection.everything,  # otherwise they lack what was left out
            fill_gaps=settings.fill_gaps,
        )
        settings = replace(settings, known=())  # which may be large, and the session knows it now
        self.connections = 0
        self.heartbeats = 0
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stream {key.name}", daemon=True)
        self._handover = handover
        self._outlet = _Outlet(key.name, handover, selection)
        self._dialer = Dialer(url, key, settings)
        self._retries = Retries(reconnect=settings.reconnect, retry_for=settings.retry_for)
        self._requests = Requests()
        self._stumbled_at: int | None = None  # where a message ended the connection
        self._window = _Window(settings.from_seq, settings.to_seq)
        self._inbox = Inbox()
        self._room = Room(handover)
        self._wrong_length_told = False
        self._filler = Filler(
            self._dialer.open, self.session, handover, self._stopping, self._outlet.put_all
        )

    @property
    def counts(self) -> Counts:
        """What happened so far."""
        return self.session.counts

    @property
    def left_out(self) -> int:
        """Events so far that the selection leaves out."""
        return self._outlet.left_out

    def start(self) -> None:
        """Begin, in a thread of its own; where that cannot be had, the stream has failed."""
        try:
            self._thread.start()
        except RuntimeError:
            self._outlet.put(Ended(ConnectionFailed("too many threads")))

    def stop(self) -> None:
        """Ask the thread to end; it says so with `Ended`. Safe in a signal handler."""
        self._stopping.set()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            try:
                self._keep_alive()
            finally:
                last = self._window.last if self._complete else None
                self._outlet.put_all(self.session.flush(to=last))
        except BaseException as failure:  # told by Ended, and raised again by who takes it
            error = failure
        self._hold(0)
        self._outlet.put(Ended(error))

    def _keep_alive(self) -> None:
        ask = True
        while not self._over:
            resume_from = self.session.resume_from if ask else None
            ask = True
            self._window.connecting()
            try:
                with self._open(resume_from) as connection:
                    self._read(connection)
                return
            except (_Backlog, Crowded) as failure:
                self._outlet.put_all(self.session.disconnected(time.monotonic()))
                self._outlet.put(Backlogged(self.session.last, isinstance(failure, Crowded)))
                self._wait_for_room()
            except ConnectionFailed as failure:
                if isinstance(failure, Violation):
                    self._count_violation(failure)
                if isinstance(failure, Unreadable):
                    self._stumble(resume_from)
                self._window.disconnected(resume_from, self.session.resume_from)
                if self._over:
                    return
                if resume_from is not None and self._requests.turned_away(failure):
                    ask = self.session.ask_for_less()
                    if not ask:
                        self._outlet.put(NotReplaying(str(failure)))
                    failure = ConnectionFailed(str(failure))  # tried again, whatever it was
                self._pause(failure)

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
        """Whether the window that was asked for has been seen, or nothing more of it comes."""
        return self._window.seen(self.session.last)

    def _count_violation(self, violation: Violation) -> None:
        if violation.raw:
            malformed = Malformed(violation.raw, str(violation))
            self._outlet.put_all(self.session.take_malformed(malformed))
        else:
            self.session.counts.malformed += 1
            self._outlet.put(Violated(str(violation)))

    def _stumble(self, asked_from: int | None) -> None:
        """Step over an event that ended two connections in a row: others would end there too."""
        place = self.session.resume_from
        if place is not None and asked_from == place == self._stumbled_at:
            self._outlet.put_all(self.session.step_over(time.monotonic()))
        self._stumbled_at = place

    def _open(self, resume_from: int | None) -> Connection:
        connection = self._dial(resume_from)
        self.connections += 1
        self._retries.opened()
        self._requests.opened()
        self.session.connected(asked=resume_from is not None, now=time.monotonic())
        host = str(self._dialer.endpoint)
        self._outlet.put(Connected(host, resume_from, again=self.connections > 1))
        return connection

    def _dial(self, resume_from: int | None) -> Connection:
        """Open a connection, and meanwhile look after what waits for missing events.

        Raises ConnectionFailed, also where the stream is stopped before.
        """
        time_left = self._retries.time_left
        opening = Opening(
            partial(self._dialer.open, resume_from, self._window.last, time_left, self._admit)
        )
        while not self._stopping.is_set():
            if (connection := opening.wait(POLL)) is not None:
                return connection
            self._filler.look_after_gaps()
        opening.give_up()
        raise ConnectionFailed("stopped before there was a connection")

    def _pause(self, failure: ConnectionFailed) -> None:
        """Wait before the next attempt. Raises the failure where there is to be none."""
        now = time.monotonic()
        self._outlet.put_all(self.session.disconnected(now))
        self._filler.blame(failure, now)
        pause = self._retries.pause_after(failure)
        give_back_what_is_free()
        last, first = self.session.last, self.session.resume_from
        self._outlet.put(Disconnected(str(failure), self._retries.attempt, pause, last, first))
        until = now + pause
        while (left := until - time.monotonic()) > 0 and not self._stopping.wait(min(left, POLL)):
            self._filler.look_after_gaps()

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
            if self._awaits_events or self.session.owes:
                self._filler.look_after_gaps()
            if not self._awaits_events:
                self._window.look(time.monotonic())

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
            self._requests.heard()
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
        return self.session.holding or self._filler.active

    def _work(self, connection: Connection) -> None:
        """Look into what was received, for some milliseconds."""
        if not self._inbox:
            return
        now = time.monotonic()
        taken = self.session.taken
        heartbeats = 0
        found: list[Delivery | Status] = []
        while self._inbox and time.monotonic() < now + TURN and not self._complete:
            texts, messages = self._inbox.take()
            came = self._take_texts(texts, now) if texts else self._take_messages(messages, now)
            for content in came:
                if isinstance(content, Heartbeat):
                    heartbeats += 1
                elif isinstance(content, list) and found and isinstance(found[-1], list):
                    found[-1] += content
                else:
                    found.append(content)
        self._answer(heartbeats, connection)
        for content in found:
            self._outlet.put(content)
        if self.session.taken > taken:
            self._retries.proved_healthy(new_events=True)
        self._handover.pace()

    def _answer(self, heartbeats: int, connection: Connection) -> None:
        if heartbeats:
            connection.send(HEARTBEAT_ANSWER, times=heartbeats)
            self.heartbeats += heartbeats
            self._outlet.put(Heartbeat())

    def _take_texts(self, texts: list[bytes], now: float) -> list[Delivery]:
        if self._window.last is not None:
            texts = [text for text in texts if self._window.has(Event(text))]
        return self.session.take(texts, now) if texts else []

    def _take_messages(self, messages: list[Message], now: float) -> Iterator[Delivery | Status]:
        """What they come to; heartbeats are still to be answered."""
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
        return self.session.take_events([event for event in events if self._window.has(event)], now)


class _Outlet:
    """Hands over what a stream gives; of what the `selection` leaves out only the number."""

    def __init__(self, stream: str, handover: Handover, selection: Filter) -> None:
        self._stream = stream
        self._handover = handover
        self._selection = selection
        self.left_out = 0
        """Events so far that the selection leaves out."""
        self._left_out_told = 0

    def put_all(self, contents: Iterable[Delivery | Status]) -> None:
        for content in contents:
            self.put(content)

    def put(self, content: Delivery | Status) -> None:
        if isinstance(content, list):
            wanted = self._selection.select(content)
            self.left_out += len(content) - len(wanted)
            content = wanted
            if not content:
                return
        untold, self._left_out_told = self.left_out - self._left_out_told, self.left_out
        self._handover.put(Batch(self._stream, time.time(), content, untold))


class _Window:
    """The numbers that are wanted: from `first` to `last`, all where there is no last one.

    An event from behind it may be a live one, and others of the window may still come.
    """

    def __init__(self, first: int | None, last: int | None) -> None:
        self.last = last
        self._first = first or 0
        self._until = inf  # when it is over, since this connection gave an event from behind it
        self._over = False
        self._only_behind = True  # whether it gave nothing else
        self._passed_at: int | None = None  # where one ended that gave such ones
        self._again = False  # whether that was where it had begun, too

    def connecting(self) -> None:
        """Another connection is tried, which has given nothing yet."""
        self._until = inf
        self._only_behind = True

    def disconnected(self, asked_from: int | None, place: int | None) -> None:
        """A connection that was asked for events ended, and the next is asked from `place` on.

        Two in a row that gave nothing but what is behind the window end it; three, where the others
        repeated what is before that place, on their way to more.
        """
        if self._until < inf:
            again = place is not None and asked_from == place == self._passed_at
            self._over = self._over or (again and (self._only_behind or self._again))
            self._passed_at, self._again = place, again

    def has(self, event: Event) -> bool:
        """Whether an event is not outside; one beyond the end may mean that no other will come."""
        if self.last is None or event.seq is None:
            return True
        if event.seq > self.last:
            self._until = min(self._until, time.monotonic() + WINDOW_GRACE)
            return False
        self._only_behind = False
        if self._until < inf:
            self._until = time.monotonic() + WINDOW_GRACE
        return self._first <= event.seq

    def look(self, now: float) -> None:
        """See whether it is over, since nothing of it came for long enough."""
        self._over = self._over or now >= self._until

    def seen(self, latest: int | None) -> bool:
        """Whether there is nothing more to come after this number."""
        return self._over or latest == self.last is not None


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
