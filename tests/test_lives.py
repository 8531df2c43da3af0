"""Whole lives of a subscription, in virtual time: nothing is lost that the service can still give.

The service is honest: what it is asked for it gives, as long as it has it, if nothing is cut. But
it loses live events, dawdles, fails, and its connections end at any moment.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from math import inf

import pytest

from dsstail.deliveries import Delivery, Filled, Gap, Holes, Reset
from dsstail.filling import GRACE, LIMIT, SILENCE
from dsstail.session import Session

STEP = 0.05
"""Seconds between two looks at what came, as in a stream that awaits events."""

LOST_ONCE = (63, 75, 155, 321, 333, 442)
"""Seeds of lives in which events were lost once."""


def text(seq: int, numbering: int) -> bytes:
    return b'{"seq":"%d","numbering":%d}' % (seq, numbering)


def seq_in(event: bytes) -> int:
    return int(event.split(b'"')[3])


class Sending:
    """Events on their way over a connection, each with the time when it arrives."""

    def __init__(self, events: list[tuple[float, bytes]]) -> None:
        self._events = events

    def add(self, at: float, event: bytes) -> None:
        self._events.append((at, event))

    @property
    def is_over(self) -> bool:
        return not self._events

    def ends_at(self, earliest: float) -> float:
        return max([earliest, *(at for at, _ in self._events)])

    def arrived(self, now: float) -> list[bytes]:
        came = [event for at, event in self._events if at <= now]
        self._events = [(at, event) for at, event in self._events if at > now]
        return came


class Service:
    """Numbers events, and keeps the latest of them."""

    def __init__(self, choices: random.Random, newest: int, kept: int) -> None:
        self.newest = newest
        self.numbering = 0
        self.history: dict[int, bytes] = {}
        self._choices = choices
        self._kept = kept

    def produce(self) -> bytes:
        self.newest += 1
        event = self.history[self.newest] = text(self.newest, self.numbering)
        self.history.pop(self.newest - self._kept, None)
        return event

    def begin_anew(self) -> None:
        self.numbering += 1
        self.newest = self._choices.choice([-1, 0])
        self.history.clear()

    def given(self, first: int, last: int, now: float, pauses: Sequence[float]) -> Sending:
        """What it has of a range, with these pauses before an event."""
        asked = [seq for seq in range(first, last + 1) if seq in self.history]
        sending = Sending([])
        for seq in asked:
            now += self._choices.choice(pauses)
            sending.add(now, self.history[seq])
        return sending


class Life:
    """A session, driven as by a stream and its filler, and what it delivers."""

    live: Sending | None

    def __init__(self, seed: int, *, kept: int = 1_000_000, first: int | None = None) -> None:
        self.random = random.Random(seed)
        choice = self.random.choice
        begins = choice([0, 1, 50, 5000]) if first is None else first
        self.service = Service(self.random, begins - 1, kept)
        self.dropped = choice([0, 0.02, 0.2])  # of live events
        self.failing = choice([0, 0.3, 1])  # of second connections
        self.cut = choice([0, 0.003, 0.03])  # chances a step
        self.dawdles = choice([False, True])
        self.rate = choice([0.4, 2, 10])  # events a second
        self.now = 1000.0
        self.told: list[Delivery] = []
        self.out: list[bytes] = []
        self.start(Session())
        self.connect()
        self.live = Sending([(self.now, self.service.produce())])  # which does not get lost

    def start(self, session: Session) -> None:
        """Begin a run of the recorder."""
        self.session = session
        self.live = None
        self.connects_at = self.now
        self.filling: tuple[Sending, float, bool] | None = None  # when it ends, with all or not
        self.fills_from = -inf
        self.silent_at = inf  # when nothing waits for it any more

    def restart(self) -> None:
        self.put(self.session.flush())
        self.start(Session(known=self.out, asks_again=True))

    @property
    def lacks_nothing(self) -> bool:
        """Whether it has all of many events, and none is on its way, nor on it again."""
        is_quiet = self.filling is None and (self.live is None or self.live.is_over)
        has_all = self.session.resume_from == self.service.newest + 1 > 300
        return has_all and is_quiet and not self.session.holding

    def live_on(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            self.step()
            if self.live is not None and self.random.random() < self.cut:
                self.disconnect()

    def find_peace(self) -> None:
        """Nothing gets lost any more, and all that is owed is asked for."""
        self.dropped = self.failing = self.cut = self.rate = 0
        self.dawdles = False
        if self.live is not None:
            self.disconnect()
        while self.filling is not None:
            self.step()
        self.connects_at = self.now
        self.live_on(30)
        self.produce()
        self.live_on(10)
        self.put(self.session.flush())

    def step(self) -> None:
        self.now += STEP
        if self.live is None and self.now >= self.connects_at:
            self.connect()
        if self.live is not None:
            self.put(self.session.take(self.live.arrived(self.now), self.now))
        self.look_after_gaps()
        if self.random.random() < self.rate * STEP:
            self.produce()

    def produce(self) -> None:
        event = self.service.produce()
        if self.live is not None and self.random.random() >= self.dropped:
            self.live.add(self.now, event)

    def connect(self) -> None:
        first = self.session.resume_from
        self.session.connected(asked=first is not None, now=self.now)
        pauses = [0, 0, 0, 0.05, 0.8] if self.dawdles else [0]
        last = -1 if first is None else self.service.newest
        self.live = self.service.given(first or 0, last, self.now, pauses)

    def disconnect(self) -> None:
        self.live = None
        self.put(self.session.disconnected(self.now))
        self.connects_at = self.now + self.random.choice([0, 0.5, 3, 15])

    def look_after_gaps(self) -> None:
        if self.filling is not None:
            sending, ends_at, answered = self.filling
            if came := sending.arrived(self.now):
                self.silent_at = self.now + SILENCE
                self.put(self.session.take_replayed(came, self.now))
            if self.now >= ends_at:
                self.end_filling(answered=answered)
            elif self.now >= self.silent_at:
                self.put(self.session.replay_is_late(self.now))
                if self.session.wanted(self.now) is not None:
                    self.end_filling(answered=False)
        elif (missing := self.session.wanted(self.now)) is not None:
            self.session.replay_started(self.now)
            self.ask_for(missing)
        elif self.session.owes and self.now >= self.fills_from:
            owed = self.session.replay_again()
            if owed is not None:
                self.ask_for(owed)
        self.put(self.session.tick(self.now))

    def end_filling(self, *, answered: bool) -> None:
        self.filling = None
        self.put(self.session.replay_ended(self.now, asked=answered))
        self.fills_from = -inf if answered else self.now + 10

    def ask_for(self, missing: Gap) -> None:
        """Have a second connection ask; where it fails, it may have brought a half."""
        answered = self.random.random() >= self.failing
        count = missing.count if answered else self.random.choice([0, missing.count // 2])
        opened = self.now + (self.random.choice([0.1, 1, 8]) if self.dawdles else 0.1)
        begins = opened + (self.random.choice([0, 0, 5]) if self.dawdles else 0)
        pauses = [0, 0, 0.1, 1] if self.dawdles else [0]
        sending = self.service.given(missing.first, missing.first + count - 1, begins, pauses)
        over = opened + LIMIT if answered and sending.is_over else sending.ends_at(opened) + GRACE
        self.filling = sending, over, answered
        self.silent_at = opened + SILENCE

    def put(self, deliveries: list[Delivery]) -> None:
        self.told += deliveries
        for delivery in deliveries:
            if isinstance(delivery, list):
                self.out += delivery


def missing_as_told(told: list[Delivery]) -> set[int]:
    """The numbers that are told to be missing, and not to have come after all."""
    missing: set[int] = set()
    for delivery in told:
        if isinstance(delivery, Gap):
            missing |= set(range(delivery.first, delivery.last + 1))
        elif isinstance(delivery, Filled):
            missing -= set(range(delivery.first, delivery.last + 1))
    return missing


def runs_in_order(told: list[Delivery]) -> bool:
    """Whether numbers rise from reset to reset, but for those that are told to be late."""
    numbers = [-1]
    for delivery in told:
        if isinstance(delivery, list):
            numbers += map(seq_in, delivery)
        elif isinstance(delivery, Filled) and delivery.late:
            late = list(range(delivery.first, delivery.last + 1))
            assert numbers[-len(late) :] == late
            del numbers[-len(late) :]
        elif isinstance(delivery, Reset):
            assert all(one < other for one, other in pairwise(numbers))
            numbers = [-1]
    return all(one < other for one, other in pairwise(numbers))


@pytest.mark.parametrize("seed", [*range(10), *LOST_ONCE])
def test_nothing_is_lost_that_the_service_can_give(seed: int) -> None:
    life = Life(seed)
    life.live_on(125)
    life.find_peace()
    assert sorted(life.out, key=seq_in) == list(life.service.history.values())
    assert runs_in_order(life.told)
    assert missing_as_told(life.told) == set()
    counts = life.session.counts
    assert (counts.events, counts.gaps, counts.missing) == (len(life.out), 0, 0)


@pytest.mark.parametrize("seed", range(10))
def test_what_is_lost_is_told(seed: int) -> None:
    """The service can give the latest events only."""
    life = Life(seed, kept=50)
    life.live_on(125)
    life.find_peace()
    numbers = [seq_in(event) for event in life.out]
    lost = set(range(numbers[0], life.service.newest + 1)) - set(numbers)
    assert len(numbers) == len(set(numbers))
    assert not lost & life.service.history.keys(), "it could have given them"
    assert runs_in_order(life.told)
    assert missing_as_told(life.told) <= lost
    assert missing_as_told(life.told) == lost or Holes() in life.told, "or at least counted"
    assert (life.session.counts.events, life.session.counts.missing) == (len(numbers), len(lost))


@pytest.mark.parametrize("seed", range(10))
def test_what_one_run_of_a_recorder_lacks_the_next_one_gets(seed: int) -> None:
    """Unless most is missing, which would be a recording with holes."""
    life = Life(seed)
    for _ in range(4):
        life.live_on(30)
        if len(life.out) > len(life.service.history) / 2:
            life.restart()
    life.find_peace()
    assert sorted(life.out, key=seq_in) == list(life.service.history.values())


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_of_a_new_numbering(seed: int) -> None:
    """Where nothing is missing when it begins, and it shows before it has as many as the old."""
    life = Life(seed, first=5000)
    for _ in range(4):
        life.live_on(30)
        if life.lacks_nothing:
            life.service.begin_anew()
    life.find_peace()
    assert len(life.out) == len(set(life.out))
    assert set(life.service.history.values()) <= set(life.out)
    resets = sum(isinstance(delivery, Reset) for delivery in life.told)
    assert resets <= life.service.numbering, "one with a single event may pass for a late one"
    assert runs_in_order(life.told)
