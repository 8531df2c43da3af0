"""The session, without any I/O: nothing is lost, nothing is invented, and the order is restored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsstail.deliveries import Counts, Delivery, Filled, Gap, Holes, Reset
from dsstail.holes import HOLES_UNASKED
from dsstail.losses import VAIN_CONNECTIONS
from dsstail.messages import Malformed
from dsstail.session import (
    ASK_AFTER,
    HOLD_BYTES,
    HOLD_LIMIT,
    LONGEST_HOLD,
    ODD_EVENTS,
    OUTAGE_LIMIT,
    REPLAY_GRACE,
    VAIN_REPLAYS,
    Session,
)

LONG = 100.0
"""Seconds after which nothing is awaited any more."""


def text(seq: int, numbering: int = 0) -> bytes:
    return b'{"seq":"%d","numbering":%d}' % (seq, numbering)


def texts(*seqs: int) -> list[bytes]:
    return [text(seq) for seq in seqs]


def merged(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Runs of events that touch as one run: how they are cut means nothing."""
    found: list[Delivery] = []
    for delivery in deliveries:
        if isinstance(delivery, list) and found and isinstance(found[-1], list):
            found[-1] = found[-1] + delivery
        elif delivery != []:
            found.append(list(delivery) if isinstance(delivery, list) else delivery)
    return found


def one_by_one(deliveries: Iterable[Delivery]) -> list[bytes | Delivery]:
    """Each event alone, and each late one told alone: how they are cut means nothing."""
    found: list[bytes | Delivery] = []
    for delivery in deliveries:
        if isinstance(delivery, list):
            found += delivery
        elif isinstance(delivery, Filled) and delivery.late:
            numbers = range(delivery.first, delivery.last + 1)
            events, found = found[-len(numbers) :], found[: -len(numbers)]
            for event, seq in zip(events, numbers, strict=True):
                found += [event, Filled(seq, seq, late=True)]
        else:
            found.append(delivery)
    return found


def events_in(deliveries: Iterable[Delivery]) -> list[bytes]:
    return [event for delivery in deliveries if isinstance(delivery, list) for event in delivery]


def live(*seqs: int, fill_gaps: bool = True) -> Session:
    """A session that has delivered these events from its first connection."""
    session = Session(fill_gaps=fill_gaps)
    session.connected(asked=False, now=0.0)
    assert events_in(session.take(texts(*seqs), 0.0)) == texts(*seqs)
    return session


def resumed(*seqs: int) -> Session:
    """A session that had these events, and has asked its second connection for what follows."""
    session = live(*seqs)
    session.disconnected(0.0)
    session.connected(asked=True, now=0.0)
    return session


def ask(session: Session, now: float) -> Gap | None:
    """Have a second connection ask for what is wanted, as the stream does."""
    for later in (0.0, 1.0):
        wanted = session.wanted(now + later)
        if wanted is not None:
            session.replay_started(now + later)
            return wanted
    return None


# What happens to one event.


def test_events_are_delivered_as_they_come() -> None:
    session = Session()
    assert session.resume_from is None
    session.connected(asked=False, now=0.0)
    assert session.take(texts(7, 8, 9), 0.0) == [texts(7, 8, 9)]
    assert session.last == 9
    assert session.resume_from == 10


def test_a_duplicate_is_dropped() -> None:
    session = live(0, 1, 2)
    assert session.take(texts(1, 2, 3), 0.0) == [texts(3)]
    assert (session.counts.events, session.counts.duplicates) == (4, 2)


def test_the_same_seq_with_another_text_is_a_reset() -> None:
    session = live(0, 1, 2, fill_gaps=False)
    assert session.take([text(1, 9)], 0.0) == [Reset(2, 1), [text(1, 9)]]
    assert session.counts.resets == 1
    assert session.resume_from == 2


def test_a_number_before_the_first_is_a_reset() -> None:
    session = live(5, 6)
    assert session.take(texts(0), 0.0) == [Reset(6, 0), texts(0)]


def test_a_neighbour_of_the_first_event_may_come_late() -> None:
    """The numbering did not begin with the first event that was seen of it."""
    session = live(1000)
    assert session.take(texts(999, 1001), 0.0) == [texts(999, 1001)]
    assert session.take(texts(999), 0.0) == []
    assert session.counts.missing == 0
    assert session.take([text(999, 9)], 0.0) == [Reset(1001, 999)]


def test_events_without_a_number_pass() -> None:
    session = live(0, 1)
    odd = [
        b'{"a":1}',
        b'{"seq":"x"}',
        b'{"seq":-1}',
        b'{"seq":null}',
        b'{"seq":"1234567890123456789"}',
    ]
    assert merged(session.take(odd, 0.0)) == [odd]
    assert session.last == 1


def test_what_is_malformed_keeps_its_place() -> None:
    session = live(0)
    assert session.take_malformed(Malformed(b"1|Y", "nothing")) == [Malformed(b"1|Y", "nothing")]
    assert session.counts.malformed == 1


# Gaps.


def test_a_gap_is_awaited_asked_for_and_filled_in_order() -> None:
    session = live(0, 1)
    assert session.take(texts(4, 5), 0.0) == []
    assert session.holding
    assert ask(session, 0.0) == Gap(2, 3)
    assert session.wanted(LONG) is None
    assert session.take(texts(6), 0.2) == []
    assert merged(session.take_replayed(texts(2, 3), 0.3)) == [
        texts(2, 3),
        Filled(2, 3),
        texts(4, 5, 6),
    ]
    assert session.replay_ended(0.4, asked=True) == []
    assert (session.counts.gaps, session.counts.missing) == (0, 0)
    assert not session.holding


def test_a_gap_that_is_asked_for_in_vain_is_lost_and_not_asked_for_again() -> None:
    session = live(0, 1)
    session.take(texts(4), 0.0)
    assert ask(session, 0.0) == Gap(2, 3)
    assert session.replay_ended(0.4, asked=True) == [Gap(2, 3), texts(4)]
    assert (session.counts.gaps, session.counts.missing) == (1, 2)
    assert session.resume_from == 5
    session.disconnected(1.0)
    session.connected(asked=True, now=1.0)
    assert session.take(texts(5), 1.0) == [texts(5)]


def test_a_gap_that_could_not_be_asked_for_is_asked_of_the_next_connection() -> None:
    session = live(0, 1)
    session.take(texts(4), 0.0)
    assert ask(session, 0.0) == Gap(2, 3)
    assert session.replay_ended(0.4, asked=False) == [Gap(2, 3), texts(4)]
    assert session.resume_from == 2
    session.disconnected(1.0)
    session.connected(asked=True, now=1.0)
    assert session.take(texts(2, 3, 4, 5), 1.0) == [
        texts(2, 3),
        Filled(2, 3, late=True),
        texts(5),
    ]
    assert session.counts.missing == 0


def test_a_gap_of_which_a_part_was_given_is_asked_of_the_next_connection() -> None:
    """The second connection was slow, and events waited no longer."""
    session = live(0, 1)
    session.take(texts(6), 0.0)
    assert ask(session, 0.0) == Gap(2, 5)
    assert events_in(session.take_replayed(texts(2), 2.0)) == texts(2)
    assert session.tick(2.0 + HOLD_LIMIT) == [Gap(3, 5), texts(6)]
    late = session.take_replayed(texts(3), 9.0)
    assert late == [texts(3), Filled(3, 3, late=True)]
    assert session.replay_ended(9.0, asked=False) == []
    assert session.resume_from == 4
    session.connected(asked=True, now=10.0)
    late = session.take(texts(4, 5, 6, 7), 10.0)
    assert late == [texts(4, 5), Filled(4, 5, late=True), texts(7)]
    assert (session.counts.gaps, session.counts.missing) == (0, 0)


def owing(first: int, last: int) -> Session:
    """A session that has given up a gap, because no second connection could be asked for it."""
    session = live(*range(first))
    session.take(texts(last + 1), 0.0)
    assert ask(session, 0.0) == Gap(first, last)
    session.replay_ended(0.4, asked=False)
    assert session.owes
    return session


def test_what_could_not_be_asked_for_is_asked_for_later() -> None:
    session = owing(3, 5)
    assert session.replay_again() == Gap(3, 5)
    assert session.take_replayed(texts(3), 20.0) == [texts(3), Filled(3, 3, late=True)]
    assert session.replay_ended(20.0, asked=False) == []
    assert session.replay_again() == Gap(4, 5), "and once more for what did not come"
    assert session.replay_ended(30.0, asked=True) == []
    assert not session.owes
    assert session.resume_from == 7


def test_what_came_meanwhile_is_not_asked_for_again() -> None:
    session = owing(3, 5)
    session.take(texts(4), 0.5)
    assert session.replay_again() == Gap(3, 3)
    session.take_replayed(texts(3), 20.0)
    session.replay_ended(20.0, asked=True)
    session.take(texts(5), 20.0)
    assert session.replay_again() is None
    assert not session.owes
    assert session.resume_from == 7


def test_nothing_of_a_numbering_that_ended_is_asked_for() -> None:
    """The answer would be taken for events of the new one."""
    session = owing(3, 5)
    session.take([text(0, 9)], 1.0)
    assert not session.owes
    assert session.replay_again() is None


def test_what_the_next_connection_is_asked_for_is_asked_of_no_other() -> None:
    session = owing(3, 5)
    session.disconnected(1.0)
    assert not session.owes
    assert session.resume_from == 3
    session.connected(asked=True, now=2.0)
    assert not session.owes


@pytest.mark.parametrize("asked", [False, True], ids=["in vain", "answered"])
def test_a_gap_outlives_a_second_connection_for_an_older_one(asked: bool) -> None:
    session = owing(3, 5)
    session.replay_again()
    assert session.take(texts(9), 20.0) == []
    assert session.replay_ended(20.1, asked=asked) == []
    assert ask(session, 20.1) == Gap(7, 8)
    assert events_in(session.take_replayed(texts(7, 8), 20.5)) == texts(7, 8, 9)


def test_a_gap_that_was_given_up_during_another_replay_is_asked_for_later() -> None:
    session = owing(3, 5)
    session.replay_again()
    session.take(texts(9), 20.0)
    assert session.tick(20.0 + HOLD_LIMIT) == [Gap(7, 8), texts(9)]
    session.replay_ended(25.0, asked=True)
    assert session.replay_again() == Gap(7, 8)


def test_a_second_connection_goes_on_when_its_numbering_does() -> None:
    """An odd event looked like a new one meanwhile."""
    session = live(0)
    session.take(texts(4), 1.0)
    assert ask(session, 1.0) == Gap(1, 3)
    session.take([text(0, 1)], 2.0)
    session.take(texts(5), 2.0)
    assert session.last == 5
    session.take_replayed(texts(1), 2.0)
    session.replay_ended(3.0, asked=True)
    assert events_in(session.take(texts(1, 6), 3.0)) == texts(6), "once is enough"
    assert (session.counts.missing, session.counts.gaps) == (2, 1)


def test_second_replay_gives_only_what_it_was_asked_for() -> None:
    session = live(0, 1)
    session.take(texts(4), 0.0)
    assert ask(session, 0.0) == Gap(2, 3)
    given = session.take_replayed([text(1, 9), *texts(2), text(9), b"{", b"[]", *texts(3)], 0.1)
    assert events_in(given) == texts(2, 3, 4)


def test_events_wait_for_missing_ones_for_so_long_and_no_longer() -> None:
    session = live(0)
    session.take(texts(2), 0.0)
    assert ask(session, 0.0) == Gap(1, 1)
    assert session.tick(HOLD_LIMIT - 0.1) == []
    assert session.tick(HOLD_LIMIT + 1.1) == [Gap(1, 1), texts(2)]


def test_events_wait_for_missing_ones_up_to_a_size() -> None:
    session = live(0)
    large = [b'{"seq":"%d","x":"%s"}' % (seq, b"x" * (HOLD_BYTES // 4)) for seq in range(2, 7)]
    given = session.take(large, 0.0)
    assert merged(given) == [Gap(1, 1), large]


def test_without_filling_a_gap_is_only_reported() -> None:
    session = live(0, fill_gaps=False)
    assert session.take(texts(3, 4), 0.0) == [Gap(1, 2), texts(3, 4)]
    assert session.wanted(LONG) is None
    assert session.resume_from == 5


def test_a_late_replay_is_awaited_for_a_grace_and_then_lost() -> None:
    session = live(0, 1, fill_gaps=False)
    session.disconnected(1.0)
    session.connected(asked=True, now=2.0)
    assert session.take(texts(4, 5), 2.0) == []
    assert session.wanted(LONG) is None, "it was asked for already"
    assert session.tick(2.0 + REPLAY_GRACE - 0.1) == []
    assert session.tick(2.0 + REPLAY_GRACE) == [Gap(2, 3), texts(4, 5)]


def test_what_is_missing_before_an_event_that_is_no_answer_is_asked_for() -> None:
    """Nothing was there to replay, so the first event is a live one, which comes in its time."""
    session = live(0, 1)
    session.disconnected(1.0)
    session.connected(asked=True, now=2.0)
    assert session.take(texts(4), 2.0 + REPLAY_GRACE) == []
    assert ask(session, 2.0 + REPLAY_GRACE) == Gap(2, 3)
    given = session.take_replayed(texts(2, 3), 5.0)
    assert given == [texts(2, 3), Filled(2, 3), texts(4)]


def test_what_a_connection_did_not_give_is_asked_of_a_second_one() -> None:
    """Its first event may have been a live one, before which others got lost."""
    session = resumed(0, 1)
    session.take(texts(4), 0.0)
    assert session.tick(REPLAY_GRACE) == []
    assert ask(session, REPLAY_GRACE) == Gap(2, 3)
    assert session.take_replayed(texts(2), 3.0) == [texts(2)]
    assert session.replay_ended(3.0, asked=True) == [Gap(3, 3), texts(4)]
    assert not session.owes
    assert (session.counts.missing, session.resume_from) == (1, 5)


def pass_over(session: Session, seq: int, now: float) -> list[Delivery]:
    """A connection of a service that does not replay, on which the first event has this number."""
    given = session.disconnected(now)
    session.connected(asked=True, now=now)
    given += session.take(texts(seq), now)
    return given + session.tick(now + REPLAY_GRACE)


def test_a_service_that_gives_nothing_twice_is_not_asked_twice_for_ever() -> None:
    """Each second connection costs time, and with some services the first one."""
    session = live(0)
    for seq in range(2, 2 + 2 * VAIN_REPLAYS, 2):
        now = 100.0 * seq
        assert pass_over(session, seq, now) == []
        assert ask(session, now + REPLAY_GRACE) == Gap(seq - 1, seq - 1)
        given = session.replay_ended(now + REPLAY_GRACE + 1.0, asked=True)
        assert given == [Gap(seq - 1, seq - 1), texts(seq)]
    given = pass_over(session, seq + 2, now + 100.0)
    assert given == [Gap(seq + 1, seq + 1), texts(seq + 2)]
    assert not session.owes
    assert session.resume_from == seq + 3
    assert session.take(texts(seq + 4), now + 200.0) == [], "in a live stream it is asked"
    assert ask(session, now + 200.0) == Gap(seq + 3, seq + 3)
    session.take_replayed(texts(seq + 3), now + 200.0)
    session.replay_ended(now + 200.0, asked=True)
    assert pass_over(session, seq + 6, now + 300.0) == [], "it does replay"


def test_what_was_passed_over_and_cannot_be_asked_for_waits_no_longer() -> None:
    session = resumed(0, 1)
    session.take(texts(4), 0.0)
    assert session.tick(REPLAY_GRACE) == []
    assert session.tick(REPLAY_GRACE + HOLD_LIMIT) == [Gap(2, 3), texts(4)]
    assert session.owes
    assert session.resume_from == 2


def test_what_no_second_connection_could_be_asked_for_is_asked_of_the_next_connection() -> None:
    """Though one that was opened meanwhile had been asked for it, too."""
    session = live(0)
    session.take(texts(3), 0.0)
    assert ask(session, 0.0) == Gap(1, 2)
    session.disconnected(1.0)
    session.connected(asked=True, now=1.5)
    session.replay_ended(2.0, asked=False)
    session.disconnected(2.0)
    assert session.tick(2.0 + OUTAGE_LIMIT) == [Gap(1, 2), texts(3)]
    assert session.resume_from == 1


def test_a_replay_behind_live_events_is_put_in_order() -> None:
    session = live(0, 1)
    session.disconnected(1.0)
    session.connected(asked=True, now=2.0)
    assert session.take(texts(4), 2.0) == []
    assert merged(session.take(texts(2, 3, 4, 5), 2.1)) == [
        texts(2, 3),
        Filled(2, 3),
        texts(4, 5),
    ]


@pytest.mark.parametrize("fill_gaps", [True, False])
@pytest.mark.parametrize("overtaken_at", [2, 10])
def test_a_replay_may_take_its_time_behind_live_events(overtaken_at: int, fill_gaps: bool) -> None:
    """Live events overtake it at its beginning, or when it is under way."""
    session = live(0, 1, fill_gaps=fill_gaps)
    session.disconnected(1.0)
    session.connected(asked=True, now=2.0)
    given: list[Delivery] = []
    now = 2.0
    for seq in range(2, 20):
        if seq == overtaken_at:
            given += session.take(texts(20, 21), now)
        if session.holding:
            assert session.wanted(now) is None, "it is on its way"
        now += ASK_AFTER - 0.01 if fill_gaps else REPLAY_GRACE - 0.1
        given += session.tick(now) + session.take(texts(seq), now)
    assert merged(given) == [
        texts(*range(2, 20)),
        Filled(overtaken_at, 19),
        texts(20, 21),
    ]
    assert not session.holding


def test_a_replay_that_ends_behind_live_events_is_asked_for_the_rest() -> None:
    session = live(0, 1)
    session.disconnected(1.0)
    session.connected(asked=True, now=2.0)
    session.take(texts(2, 3, 20, 4, 5), 2.0)
    assert ask(session, 2.0) == Gap(6, 19)


def test_a_replay_that_ends_behind_live_events_is_lost_without_filling() -> None:
    session = live(0, 1, fill_gaps=False)
    session.disconnected(1.0)
    session.connected(asked=True, now=2.0)
    session.take(texts(2, 3, 20, 4, 5), 2.0)
    assert session.tick(2.0 + REPLAY_GRACE) == [Gap(6, 19), texts(20)]
    assert session.take(texts(22), 4.0) == [Gap(21, 21), texts(22)], "the replay is over"


def test_no_event_waits_for_ever() -> None:
    """However many come before it: its number may be odd."""
    session = live(0)
    assert merged(session.take(texts(10**9, 1, 2), 0.0)) == [
        Gap(1, 10**9 - 1),
        texts(10**9, 1, 2),
        Filled(1, 2, late=True),
    ]
    session = resumed(0)
    session.take(texts(10**9), 0.0)
    seq, now, given = 0, 0.0, list[Delivery]()
    while now < LONGEST_HOLD:
        assert session.holding
        seq, now = seq + 1, now + 0.25
        given += session.take(texts(seq), now) + session.tick(now)
    assert given[-2:] == [Gap(seq + 1, 10**9 - 1), texts(10**9)]


def test_what_waits_outlives_the_connection() -> None:
    session = live(0)
    session.take(texts(3), 0.0)
    session.disconnected(1.0)
    assert session.resume_from == 1
    assert session.tick(1.0 + OUTAGE_LIMIT - 0.1) == []
    session.connected(asked=True, now=2.0)
    assert events_in(session.take(texts(1, 2, 3), 2.0)) == texts(1, 2, 3)
    assert session.counts.gaps == 0


@pytest.mark.parametrize("reconnected", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_what_a_replay_did_not_give_before_both_were_cut_is_awaited(
    reconnected: bool, asked: bool
) -> None:
    session = live(0)
    session.take(texts(3), 0.0)
    assert ask(session, 0.0) == Gap(1, 2)
    session.disconnected(1.0)
    if reconnected:
        session.connected(asked=True, now=2.0)
    if asked and not reconnected:
        assert session.replay_ended(2.0, asked=True) == [Gap(1, 2), texts(3)]
        return
    assert session.replay_ended(2.0, asked=asked) == []
    assert session.wanted(LONG) is None, "the next connection is asked"
    assert session.tick(2.0 + REPLAY_GRACE - 0.1) == []
    if not reconnected:
        assert session.resume_from == 1
        session.connected(asked=True, now=4.0)
    assert merged(session.take(texts(1, 2, 3, 4), 4.0)) == [
        texts(1, 2),
        Filled(1, 2),
        texts(3, 4),
    ]


def test_what_a_replay_leads_to_is_awaited_though_a_second_one_ended_meanwhile() -> None:
    session = live(0)
    session.take(texts(3, 7), 0.0)
    assert ask(session, 0.0) == Gap(1, 2)
    session.disconnected(1.0)
    session.connected(asked=True, now=2.0)
    assert session.take(texts(1), 2.0) == [texts(1)]
    assert session.replay_ended(2.1, asked=True) == []
    assert merged(session.take(texts(*range(2, 8)), 2.2)) == [
        texts(2),
        Filled(1, 2),
        texts(3, 4, 5, 6),
        Filled(4, 6),
        texts(7),
    ]
    session.take(texts(9), 3.0)
    assert ask(session, 3.0) == Gap(8, 8)
    assert session.replay_ended(4.0, asked=False) == [Gap(8, 8), texts(9)]
    assert session.resume_from == 8


@pytest.mark.parametrize("fill_gaps", [True, False], ids=["filling", "given up"])
@pytest.mark.parametrize("replayed", [[1, 2], [1], []])
def test_what_a_second_connection_was_not_asked_for_is_awaited_while_there_is_no_first(
    replayed: list[int], fill_gaps: bool
) -> None:
    session = live(0)
    session.take(texts(3, 7), 0.0)
    assert ask(session, 0.0) == Gap(1, 2)
    session.disconnected(1.0)
    session.fill_gaps = fill_gaps
    given = session.take_replayed(texts(*replayed), 1.5)
    given += session.replay_ended(2.0, asked=True)
    assert events_in(given) == texts(*replayed, 3)
    assert session.tick(2.0 + OUTAGE_LIMIT - 1.0) == []
    assert session.resume_from == 4
    session.connected(asked=True, now=LONG)
    assert events_in(session.take(texts(4, 5, 6, 7), LONG)) == texts(4, 5, 6, 7)
    assert session.counts.missing == 2 - len(replayed)


@pytest.mark.parametrize("asked", [False, True])
def test_a_replay_that_was_cut_is_not_given_up_because_a_second_one_ended(asked: bool) -> None:
    session = live(0)
    session.take(texts(3, 7), 0.0)
    assert ask(session, 0.0) == Gap(1, 2)
    session.disconnected(1.0)
    session.connected(asked=True, now=1.5)
    given = session.take(texts(1, 2), 1.6)
    given += session.disconnected(1.7)
    given += session.replay_ended(1.8, asked=asked)
    assert events_in(given) == texts(1, 2, 3)
    assert session.resume_from == 4
    session.connected(asked=True, now=3.0)
    assert events_in(session.take(texts(4, 5, 6, 7), 3.0)) == texts(4, 5, 6, 7)
    assert session.counts.gaps == 0


@pytest.mark.parametrize("reconnected", [False, True])
def test_what_was_given_up_before_both_were_cut_is_asked_for_again(reconnected: bool) -> None:
    session = live(0)
    session.take(texts(3), 0.0)
    assert ask(session, 0.0) == Gap(1, 2)
    assert session.tick(LONG) == [Gap(1, 2), texts(3)]
    session.disconnected(LONG)
    if reconnected:
        session.connected(asked=True, now=LONG)
    assert session.replay_ended(LONG, asked=False) == []
    assert session.resume_from == 1


def test_a_number_that_comes_after_it_was_given_up_is_late() -> None:
    session = live(0, fill_gaps=False)
    session.take(texts(3), 0.0)
    assert merged(session.take(texts(1), 0.0)) == [texts(1), Filled(1, 1, late=True)]
    assert (session.counts.gaps, session.counts.missing) == (1, 1)


def test_nothing_was_delivered_before_the_first_event() -> None:
    assert Session(resume_after=-1).last is None
    assert Session(resume_after=7).last is None
    assert Session(resume_after=7, known=texts(7)).last == 7


def test_zero_is_no_loss_where_numbers_start_at_one() -> None:
    session = Session(resume_after=-1)
    session.connected(asked=True, now=0.0)
    assert session.take(texts(1, 2), 0.0) == [texts(1, 2)]
    assert session.counts.missing == 0


def test_numbers_with_holes_are_told_once_and_counted() -> None:
    session = live(0, fill_gaps=False)
    given = session.take(texts(*range(10, 2000, 10)), 0.0)
    told = [delivery for delivery in given if not isinstance(delivery, list)]
    assert told == [*(Gap(10 * n + 1, 10 * n + 9) for n in range(HOLES_UNASKED)), Holes()]
    assert (session.counts.gaps, session.counts.missing) == (199, 9 * 199)


def test_a_gap_much_wider_than_the_holes_is_told() -> None:
    session = live(0, fill_gaps=False)
    session.take(texts(*range(2, 40, 2)), 0.0)
    assert session.take(texts(200), 0.0) == [Gap(39, 199), texts(200)]


def test_a_few_scattered_gaps_are_no_holes() -> None:
    session = live(0, fill_gaps=False)
    numbers = [n for n in range(1, 9000) if n % 1500]
    told = [d for d in session.take(texts(*numbers), 0.0) if not isinstance(d, list)]
    assert told == [Gap(n, n) for n in range(1500, 9000, 1500)]


def test_what_is_lost_in_breaks_is_told_however_often_it_happens() -> None:
    """A service that does not replay loses events in each break, which is no pattern of holes."""
    session = live(0)
    for last in range(0, 90, 3):
        session.disconnected(0.0)
        session.connected(asked=True, now=0.0)
        session.take(texts(last + 3), 0.0)
        assert session.tick(LONG) == [Gap(last + 1, last + 2), texts(last + 3)]


def test_what_is_lost_in_a_break_is_told_behind_others_that_are_awaited() -> None:
    session = live(0)
    for last in (2, 4, 6):
        session.disconnected(0.0)
        session.connected(asked=True, now=0.0)
        session.take(texts(last), 0.0)
    told = [delivery for delivery in session.tick(LONG) if not isinstance(delivery, list)]
    assert told == [Gap(1, 1), Gap(3, 3), Gap(5, 5)]


@pytest.mark.parametrize(("seq", "told"), [(200, []), (201, [Gap(191, 200)])])
def test_a_hole_in_a_break_is_no_loss_unless_it_is_wider(seq: int, told: list[Delivery]) -> None:
    session = live(0, fill_gaps=False)
    session.take(texts(*range(10, 200, 10)), 0.0)
    session.disconnected(0.0)
    session.connected(asked=True, now=0.0)
    session.take(texts(seq), 0.0)
    assert session.tick(LONG) == [*told, texts(seq)]


@pytest.mark.parametrize(("replayed", "told"), [([], [Gap(1, 18)]), (range(1, 18), [])])
def test_how_long_events_wait_where_connections_come_and_go(
    replayed: Iterable[int], told: list[Delivery]
) -> None:
    """As long as the missing ones come, one with each connection."""
    session = live(0)
    missing = iter(replayed)
    session.take(texts(19), 0.0)
    given: list[Delivery] = []
    for second in range(1, int(OUTAGE_LIMIT) + 8):
        session.disconnected(second)
        given += session.tick(second + 0.5)
        session.connected(asked=True, now=second + 0.5)
        given += session.take([text(seq) for seq in islice(missing, 1)], second + 0.6)
    assert [each for each in given if isinstance(each, Gap)] == told
    assert session.holding != bool(told)


def missing_unasked(*seqs: int) -> Session:
    """A live session that lacks these numbers, for which no second connection could ask."""
    session = live(*range(seqs[0]))
    for seq in seqs:
        session.take(texts(seq + 1), 0.0)
        assert ask(session, 0.0) == Gap(seq, seq)
        assert Gap(seq, seq) in session.replay_ended(1.0, asked=False)
    session.disconnected(2.0)
    return session


@pytest.mark.parametrize("asked", [True, False])
def test_events_wait_no_longer_while_older_ones_are_asked_for_again(asked: bool) -> None:
    session = live(0, 1)
    session.take(texts(4), 0.0)
    assert ask(session, 0.0) == Gap(2, 3)
    session.replay_ended(1.0, asked=False)
    assert session.replay_again() == Gap(2, 3)
    assert session.take(texts(7), 11.0) == []
    assert events_in(session.take_replayed(texts(2), 12.0)) == texts(2)
    assert session.replay_ended(12.0, asked=asked) == []
    assert session.tick(11.0 + HOLD_LIMIT - 0.1) == []
    assert session.wanted(12.0) == Gap(5, 6)
    assert session.tick(11.0 + HOLD_LIMIT) == [Gap(5, 6), texts(7)]


@pytest.mark.parametrize("failed", [0, 2], ids=["at once", "after attempts that failed"])
def test_what_was_not_answered_is_asked_for_again_and_not_for_ever(failed: int) -> None:
    session = missing_unasked(1)
    for asked_for in (*[1] * VAIN_CONNECTIONS, 3):
        assert session.resume_from == asked_for
        session.connected(asked=True, now=2.0)
        session.take(texts(9), 2.0)
        for _ in range(1 + failed):
            session.disconnected(2.0)


def test_a_connection_that_ended_before_any_event_answered_nothing() -> None:
    session = missing_unasked(1)
    for _ in range(5):
        session.connected(asked=True, now=2.0)
        session.disconnected(2.0)
    assert session.resume_from == 1
    session.connected(asked=True, now=2.0)
    assert session.ask_for_less(), "it may have ended for that"
    session.disconnected(2.0)
    assert session.resume_from == 3
    assert not session.ask_for_less()


def test_what_was_answered_in_part_is_asked_for_from_there() -> None:
    session = missing_unasked(1, 3, 5)
    assert session.resume_from == 1
    session.connected(asked=True, now=2.0)
    assert one_by_one(session.take(texts(1, 2), 2.0)) == [text(1), Filled(1, 1, late=True)]
    session.disconnected(2.0)
    assert session.resume_from == 3
    session.connected(asked=True, now=2.0)
    session.take(texts(4, 5, 6), 2.0)
    session.disconnected(2.0)
    assert session.resume_from == 7


def test_what_was_answered_in_part_is_asked_for_as_often_from_there() -> None:
    session = missing_unasked(1, 3)
    session.connected(asked=True, now=2.0)
    session.take(texts(1, 2), 2.0)
    session.disconnected(2.0)
    for asked_for in (*[3] * VAIN_CONNECTIONS, 5):
        assert session.resume_from == asked_for
        session.connected(asked=True, now=2.0)
        session.take(texts(9), 2.0)
        session.disconnected(2.0)


@pytest.mark.parametrize("overtaking", [(9, 10), (5, 6)], ids=["with a gap", "without one"])
def test_a_live_event_that_overtakes_a_replay_answers_nothing(overtaking: tuple[int, ...]) -> None:
    session = missing_unasked(1, 3)
    session.connected(asked=True, now=2.0)
    session.take(texts(0, 1, *overtaking), 2.0)
    session.disconnected(2.0)
    assert session.resume_from == 3


@pytest.mark.parametrize(("last", "asked_for"), [(22, 1), (30, 20), (50, 51)])
def test_nothing_is_asked_for_behind_which_events_are_not_known_any_more(
    last: int, asked_for: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that came since comes again, and what is not known is taken for a new numbering."""
    monkeypatch.setattr("dsstail.session.SEEN_BLOCK", 8)
    monkeypatch.setattr("dsstail.session.SEEN_BLOCKS", 3)
    session = live(0)
    for lost in (1, 20):
        session.take(texts(*range((session.last or 0) + 1, lost)), 0.0)
        session.take(texts(lost + 1), 0.0)
        assert ask(session, 0.0) == Gap(lost, lost)
        session.replay_ended(1.0, asked=False)
    session.take(texts(*range(22, last + 1)), 2.0)
    session.disconnected(3.0)
    assert session.resume_from == asked_for
    session.connected(asked=True, now=4.0)
    session.take(texts(*range(asked_for, last + 2)), 4.0)
    missing = sum(lost < asked_for for lost in (1, 20))
    assert (session.counts.resets, session.counts.events) == (0, last + 2 - missing)


def test_a_gap_ends_where_what_an_earlier_run_has_begins() -> None:
    session = Session(known=texts(*range(5), 8, 9), resume_after=1)
    session.connected(asked=True, now=0.0)
    assert session.take(texts(2, 3, 4, 8, 9), 0.0) == []
    assert ask(session, 0.0) == Gap(5, 7)
    assert merged(session.take_replayed(texts(6), 1.0)) == []
    assert merged(session.replay_ended(1.0, asked=True)) == [Gap(5, 5), texts(6), Gap(7, 7)]
    assert session.take(texts(8, 10), 1.0) == [texts(10)]
    assert session.counts == Counts(events=2, duplicates=6, gaps=2, missing=2)


def test_the_end_delivers_what_waits() -> None:
    session = live(0)
    session.take(texts(2), 0.0)
    assert session.flush() == [Gap(1, 1), texts(2)]


def test_the_end_of_a_window_tells_what_it_lacks() -> None:
    session = Session(resume_after=4)
    session.connected(asked=True, now=0.0)
    session.take(texts(5, 6), 0.0)
    assert session.flush(to=9) == [Gap(7, 9)]


def test_stepping_over_gives_one_number_up() -> None:
    session = live(0, 1)
    session.disconnected(1.0)
    assert session.step_over(1.0) == [Gap(2, 2)]
    assert session.resume_from == 3
    session.connected(asked=True, now=2.0)
    assert session.take(texts(3), 2.0) == [texts(3)]
    assert events_in(session.take(texts(2), 2.0)) == texts(2), "if it comes after all"
    assert session.counts.missing == 0


def test_what_an_earlier_run_has_is_known() -> None:
    session = Session(resume_after=7, known=texts(5, 6, 7))
    assert session.resume_from == 8
    session.connected(asked=True, now=0.0)
    assert session.take(texts(6, 7, 8), 0.0) == [texts(8)]
    assert session.counts.duplicates == 2


LATE_AT_THE_END = (*range(1, 11), *range(15, 21), *range(11, 15))


@pytest.mark.parametrize(
    ("known", "last"),
    [
        (LATE_AT_THE_END, 20),
        (LATE_AT_THE_END[:-2], 20),
        ((*range(20, 23), *range(1, 20), 23), 23),
        ((7, 6, 8), 8),
        ((), None),
    ],
    ids=["late", "some late", "a replay from before the first", "mixed up", "nothing"],
)
def test_it_goes_on_after_an_earlier_run_whatever_that_had_last(
    known: tuple[int, ...], last: int | None
) -> None:
    session = Session(known=texts(*known), asks_again=True)
    assert session.last == last
    assert session.counts == Counts()
    if last is not None:
        session.connected(asked=True, now=5.0)
        given = session.take(texts(last + 1), 5.0) + session.tick(LONG)
        assert given == [texts(last + 1)], "there is no gap"


def test_it_goes_on_in_the_numbering_that_an_earlier_run_had_last() -> None:
    anew = [text(seq, 9) for seq in range(1, 4)]
    session = Session(known=[*texts(*range(1, 9)), *anew])
    assert session.last == 3
    session.connected(asked=True, now=5.0)
    assert session.take([anew[2], text(4, 9)], 5.0) == [[text(4, 9)]]


def test_a_replay_from_before_the_first_event_is_no_reset_in_an_earlier_run_either() -> None:
    """Nor is a file whose name sorts before others that were written earlier."""
    session = Session(known=texts(*range(20, 23), *range(1, 20), 23), asks_again=True)
    assert session.resume_from == 24
    known = (*range(90, 96), *range(10, 20), *range(96, 99), *range(20, 90), 99)
    session = Session(known=texts(*known), asks_again=True)
    assert session.resume_from == 100
    session.connected(asked=True, now=5.0)
    assert session.take(texts(*range(10, 101)), 5.0) == [texts(100)]


@pytest.mark.parametrize("asks_again", [False, True], ids=["with a filter", "without"])
def test_a_low_number_may_be_of_a_new_numbering_where_most_are_missing(asks_again: bool) -> None:
    """Nor is anything told, or recorded twice, where it was a late one."""
    sparse = texts(*range(1, 200, 5))
    anew = [text(seq, 9) for seq in (5, 14)]
    session = Session(known=[*sparse, *anew], asks_again=asks_again)
    assert session.resume_from == 15
    session.connected(asked=True, now=5.0)
    given = [text(seq, 9) for seq in range(15, 30)]
    assert session.take([*anew, *given], 5.0) == [given]
    assert session.counts == Counts(events=15, duplicates=2)

    session = Session(known=[*sparse, *texts(14)], asks_again=asks_again)
    session.connected(asked=True, now=5.0)
    given = [one for one in texts(*range(15, 201)) if one not in sparse]
    assert session.take(texts(*range(15, 201)), 5.0) == [given]


def test_what_an_earlier_run_lacks_is_asked_for_once() -> None:
    session = Session(known=texts(*range(1, 6), 8, 9), asks_again=True)
    assert (session.last, session.resume_from) == (9, 6)
    session.connected(asked=True, now=5.0)
    assert session.take(texts(*range(6, 11)), 5.0) == [
        texts(6, 7), Filled(6, 7, late=True), texts(10)
    ]  # fmt: skip
    assert session.counts == Counts(events=3, duplicates=2), "the earlier run had counted them"
    session.disconnected(6.0)
    assert session.resume_from == 11

    session = Session(known=texts(*range(1, 6), 8, 9), asks_again=True)
    session.connected(asked=True, now=5.0)
    assert session.take(texts(8, 9, 10), 5.0) == [texts(10)], "told as missing by the earlier run"
    session.disconnected(6.0)
    assert session.resume_from == 11


def test_a_late_part_of_what_an_earlier_run_lacks_changes_no_count() -> None:
    session = Session(known=texts(1, 2, 9), asks_again=True)
    session.connected(asked=True, now=5.0)
    session.take(texts(5, 10, 13), 5.0)
    session.tick(LONG)
    assert session.counts == Counts(events=3, gaps=1, missing=2)


@pytest.mark.parametrize("fill_gaps", [False, True])
def test_what_lacks_much_is_not_asked_for(fill_gaps: bool) -> None:
    """As a filter leaves behind, or a service whose numbers have holes."""
    last = 3 * HOLES_UNASKED
    sparse = texts(*range(0, last + 1, 3))
    session = Session(known=sparse, asks_again=True, fill_gaps=fill_gaps)
    assert session.resume_from == last + 1
    less = Session(known=sparse[1:], asks_again=True, fill_gaps=fill_gaps)
    assert less.resume_from == (4 if fill_gaps else last + 1)
    assert Session(known=sparse[1:], fill_gaps=fill_gaps).resume_from == last + 1


def test_what_an_earlier_run_lacks_is_asked_for_however_often_it_lost_some() -> None:
    """As long as it has most numbers."""
    known = texts(*(n for n in range(20 * HOLES_UNASKED) if n % 10 != 5))
    session = Session(known=known, asks_again=True)
    assert session.resume_from == 5


def test_a_number_that_is_given_counts_more_than_an_earlier_run() -> None:
    session = Session(resume_after=4, known=texts(*range(1, 6), 8, 9))
    assert session.resume_from == 5
    session.connected(asked=True, now=5.0)
    assert session.take(texts(*range(5, 11)), 5.0) == [texts(6, 7, 10)]
    assert session.counts == Counts(events=3, duplicates=3)


def test_an_earlier_run_tells_a_reset() -> None:
    session = Session(resume_after=7, known=texts(5, 6, 7))
    session.connected(asked=True, now=0.0)
    assert session.take([text(1, 9)], 0.0) == []
    assert session.tick(REPLAY_GRACE) == [Reset(7, 1), [text(1, 9)]]


@pytest.mark.parametrize("following", [range(20, 24), range(23, 24)], ids=["known", "next"])
def test_a_replay_that_begins_before_the_first_event_is_no_reset(following: range) -> None:
    session = resumed(20, 21, 22)
    given = session.take(texts(1, 2, 3), 1.0)
    assert given == []
    assert session.holding
    given += session.take(texts(*range(4, 20), 3, *following), 1.0)
    assert merged(given) == [texts(*range(1, 20), 23)]
    assert (session.counts.resets, session.counts.gaps, session.resume_from) == (0, 0, 24)
    assert session.take(texts(3, 24), 1.0) == [texts(24)], "it is known now"


def test_what_comes_before_the_first_event_is_a_reset_where_it_leads_to_other_texts() -> None:
    session = resumed(8, 9)
    anew = [text(seq, 9) for seq in range(1, 9)]
    assert session.take(anew[:7], 1.0) == []
    assert merged(session.take(anew[7:], 1.0)) == [Reset(9, 1), anew]
    assert session.last == 8


def test_what_comes_before_the_first_event_is_a_reset_where_it_differs_from_itself() -> None:
    session = resumed(8, 9)
    session.take(texts(1), 1.0)
    assert merged(session.take([text(1, 9)], 1.0)) == [
        Reset(9, 1),
        texts(1),
        Reset(1, 1),
        [text(1, 9)],
    ]


def test_what_comes_before_the_first_event_is_a_reset_where_it_leads_to_nothing() -> None:
    started = [Reset(9, 1), texts(1, 2)]
    session = resumed(8, 9)
    session.take(texts(1, 2), 1.0)
    assert merged(session.disconnected(1.0)) == started
    assert session.last == 2
    session = resumed(8, 9)
    session.take(texts(1, 2), 1.0)
    assert merged(session.flush()) == started
    session = resumed(8, 9)
    session.take(texts(1), 1.0)
    session.take(texts(2), REPLAY_GRACE)
    assert merged(session.tick(1.0 + REPLAY_GRACE)) == started
    assert merged(session.take(texts(3), 1.0 + REPLAY_GRACE)) == [texts(3)]
    assert session.counts.resets == 1
    session = resumed(8, 9)
    large = [b'{"seq":"%d","x":"%s"}' % (seq, b"x" * (HOLD_BYTES // 2)) for seq in (1, 2)]
    assert merged(session.take(large, 1.0)) == [Reset(9, 1), large]


def test_what_comes_before_the_first_event_is_a_replay_where_live_ones_go_on_meanwhile() -> None:
    session = resumed(20, 21, 22)
    given = session.take(texts(1, 2, 3, 26, 4), 1.0)
    given += session.take(texts(5, 6, 7), REPLAY_GRACE)
    assert given == []
    given += session.tick(1.0 + REPLAY_GRACE)
    assert merged(given) == [texts(*range(1, 8))]
    given += session.take(texts(*range(8, 26), 27), 1.0 + REPLAY_GRACE)
    assert events_in(given) == texts(*range(1, 20), *range(23, 28))
    assert (session.counts.resets, session.counts.gaps, session.resume_from) == (0, 0, 28)
    session = resumed(20, 21, 22)
    assert merged(session.take(texts(1, 2, 23, 3), 1.0)) == [texts(1, 2, 23)]
    assert merged(session.tick(1.0 + REPLAY_GRACE)) == [texts(3)]


def test_missing_events_are_asked_for_where_no_replay_leads_to_them() -> None:
    session = resumed(20, 21, 22)
    session.take(texts(2, 26), 1.0)
    for now, seq in [(1.2, 3), (1.4, 21), (1.6, 22)]:
        session.take(texts(seq), now)
        assert session.wanted(now + 0.2) is None
    assert session.wanted(1.6 + ASK_AFTER) == Gap(23, 25)


def test_a_hole_in_a_replay_that_goes_on_is_given_up_alone() -> None:
    session = resumed(1)
    session.take(texts(9, 2), 1.0)
    session.take(texts(4, 5), 1.0)
    session.take(texts(6, 7), 2.5)
    assert merged(session.tick(1.0 + REPLAY_GRACE)) == [Gap(3, 3), texts(4, 5, 6, 7)]
    assert merged(session.take(texts(8), 3.0)) == [texts(8), Filled(8, 8), texts(9)]
    assert session.counts.missing == 1


def test_what_is_late_shows_nothing_of_what_comes_before_the_first_event() -> None:
    session = live(7, 8, 11, 12, fill_gaps=False)
    session.disconnected(0.0)
    session.connected(asked=True, now=0.0)
    given = session.take(texts(1, 2, 9, 10), 1.0)
    assert merged(given) == [texts(9, 10), Filled(9, 10, late=True)]
    assert merged(session.take(texts(11, 12, 13), 1.0)) == [texts(1, 2, 13)]
    assert (session.counts.resets, session.counts.missing) == (0, 0)


def test_a_missing_event_is_late_however_many_came_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsstail.session.SEEN_BLOCK", 8)
    monkeypatch.setattr("dsstail.session.SEEN_BLOCKS", 2)
    session = live(1, *range(4, 100), fill_gaps=False)
    assert merged(session.take(texts(3), 0.0)) == [texts(3), Filled(3, 3, late=True)]
    assert (session.counts.resets, session.counts.missing) == (0, 1)


def test_what_was_asked_for_and_does_not_exist_is_no_numbering_before() -> None:
    session = Session(resume_after=999)
    session.connected(asked=True, now=0.0)
    assert session.take(texts(6), 0.0) == [Reset(999, 6, asked=True), texts(6)]
    assert session.take(texts(7), 0.0) == [texts(7)]
    assert (session.resume_from, session.counts.resets, session.counts.missing) == (8, 1, 0)


@pytest.mark.parametrize("began_with", [(1,), (2, 1)])
def test_a_new_numbering_that_began_at_1_may_have_a_0(began_with: tuple[int, ...]) -> None:
    session = live(*range(9))
    session.take([text(seq, 9) for seq in began_with], 0.0)
    session.tick(LONG)
    assert events_in(session.take([text(0, 9)], LONG)) == [text(0, 9)]
    assert session.take([text(0, 9)], LONG) == []
    assert (session.counts.missing, session.counts.resets) == (0, 1)


def test_what_a_new_numbering_began_with_is_asked_for() -> None:
    session = live(0, 1, 2, 3, 4)
    assert session.take([text(3, 9), text(4, 9)], 0.0) == [Reset(4, 3)]
    assert (session.last, session.resume_from) == (None, 0)
    assert ask(session, 0.0) == Gap(0, 2)
    given = session.take_replayed([text(seq, 9) for seq in (0, 1, 2)], 0.5)
    assert merged(given) == [
        [text(0, 9), text(1, 9), text(2, 9)],
        Filled(0, 2),
        [text(3, 9), text(4, 9)],
    ]
    assert (session.counts.resets, session.counts.gaps) == (1, 0)


def test_what_a_new_numbering_began_with_can_be_lost() -> None:
    """It may have begun at 0 or at 1: what nobody saw of it is not counted as more than it was."""
    session = live(0, 1, 2, 3, 4)
    session.take([text(3, 9)], 0.0)
    assert ask(session, 0.0) == Gap(0, 2)
    assert session.replay_ended(0.5, asked=True) == [Gap(1, 2), [text(3, 9)]]
    assert (session.counts.gaps, session.counts.missing) == (1, 2)
    assert session.take([text(0, 9)], 1.0) == [[text(0, 9)], Filled(0, 0, late=True)]
    assert (session.counts.gaps, session.counts.missing) == (1, 2)


def test_without_filling_the_beginning_of_a_new_numbering_is_reported() -> None:
    session = live(0, 1, 2, 3, 4, fill_gaps=False)
    assert session.take([text(3, 9)], 0.0) == [Reset(4, 3)]
    assert session.take([text(4, 9)], 1.0) == [Gap(1, 2), [text(3, 9), text(4, 9)]]
    assert session.resume_from == 5


def test_an_old_number_with_another_text_is_no_reset_where_the_old_numbering_goes_on() -> None:
    session = live(0, 1, 2, 3, 4, fill_gaps=False)
    assert session.take([text(2, 9)], 0.0) == [Reset(4, 2)]
    assert merged(session.take(texts(5, 6), 0.0)) == [[text(2, 9)], Reset(2, 5), texts(5, 6)]
    assert (session.counts.gaps, session.counts.missing) == (0, 0)
    assert session.resume_from == 7
    assert session.take(texts(3), 0.0) == []


def test_a_new_numbering_that_begins_with_what_the_old_one_lacked_comes_once() -> None:
    session = live(0, 2, 3, fill_gaps=False)
    anew = [text(seq, 9) for seq in range(6)]
    assert session.take(anew[1:2], 0.0) == [anew[1:2], Filled(1, 1, late=True)]
    session.take(anew[2:3], 1.0)
    session.tick(LONG)
    given = session.take(anew, LONG)
    assert events_in(given) == [anew[0], *anew[3:]]
    assert (session.counts.resets, session.counts.missing) == (1, 0)


def test_a_new_numbering_may_have_lost_its_0() -> None:
    session = live(*range(5))
    anew = [text(seq, 9) for seq in range(3)]
    assert session.take(anew[1:], 0.0) == [Reset(4, 1), anew[1:]]
    assert session.replay_again() == Gap(0, 0)
    assert session.take_replayed(anew[:1], 1.0) == [anew[:1], Filled(0, 0, late=True)]
    assert session.replay_ended(1.0, asked=True) == []
    assert (session.counts.gaps, session.counts.missing, session.resume_from) == (0, 0, 3)


def test_a_new_numbering_whose_0_nobody_was_asked_for_asks_the_next_connection() -> None:
    session = live(*range(5))
    session.take([text(1, 9)], 0.0)
    session.disconnected(0.0)
    assert session.resume_from == 0


@pytest.mark.parametrize("events", [ODD_EVENTS, ODD_EVENTS + 1])
def test_a_new_numbering_of_many_events_is_no_odd_one(events: int) -> None:
    """A gap up to the number that would have been the next of the old one is a gap."""
    session = live(*range(30), fill_gaps=False)
    session.take([text(seq, 9) for seq in range(events)], 0.0)
    given = session.take([text(30, 9)], 0.0)
    told = Reset(events - 1, 30) if events <= ODD_EVENTS else Gap(events, 29)
    assert given == [told, [text(30, 9)]]


def test_a_gap_of_a_new_numbering_up_to_the_end_of_the_old_one_is_asked_for() -> None:
    session = live(*range(5))
    anew = [text(seq, 1) for seq in range(7)]
    assert session.take(anew[:3], 1.0) == [Reset(4, 0), anew[:3]]
    assert session.take(anew[5:6], 1.0) == []
    assert ask(session, 1.0) == Gap(3, 4)
    assert merged(session.take_replayed(anew[3:5], 2.0)) == [anew[3:5], Filled(3, 4), anew[5:6]]
    assert session.take(anew[6:], 2.0) == [anew[6:]]
    assert (session.counts.gaps, session.counts.resets) == (0, 1)


def test_an_old_numbering_that_goes_on_is_known_by_what_the_new_one_does_not_have() -> None:
    session = live(*range(5))
    anew = [text(seq, 1) for seq in range(2)]
    session.take(anew, 1.0)
    assert session.take(texts(5, 6), 1.0) == []
    assert ask(session, 1.0) == Gap(2, 4)
    assert session.replay_ended(2.0, asked=True) == [Reset(1, 5), texts(5, 6)]
    assert (session.counts.gaps, session.last) == (0, 6)


def test_an_old_numbering_that_goes_on_remembers_what_it_lacked() -> None:
    session = Session(resume_after=-1, fill_gaps=False)
    session.connected(asked=False, now=0.0)
    session.take(texts(1, 2, 5), 0.0)
    session.take([text(2, 9), *texts(6)], 0.0)
    assert (session.counts.gaps, session.counts.missing) == (1, 2)
    session.take(texts(3, 4, 0), 1.0)
    assert (session.counts.gaps, session.counts.missing) == (0, 0)


def test_an_old_numbering_that_goes_on_late_lacks_nothing() -> None:
    session = live(0, 1, 2, 3, 4, fill_gaps=False)
    session.take([text(2, 9)], 0.0)
    assert session.tick(HOLD_LIMIT) == [Gap(1, 1), [text(2, 9)]]
    assert session.take(texts(5), 9.0) == [Reset(2, 5), texts(5)]
    assert (session.counts.gaps, session.counts.missing) == (0, 0)


def test_a_replay_that_shows_the_old_numbering_fills_the_beginning_of_no_new_one() -> None:
    session = live(0, 1, 2, 3, 4)
    session.take([text(3, 9)], 0.0)
    assert ask(session, 0.0) == Gap(0, 2)
    assert session.take_replayed(texts(0, 1, 2), 0.5) == [[text(3, 9)]]
    assert session.counts.gaps == 0


def test_a_gap_is_no_gap_any_more_once_all_of_it_came_late() -> None:
    session = live(0, fill_gaps=False)
    session.take(texts(5), 0.0)
    for seq, gaps, missing in ((2, 2, 3), (3, 2, 2), (4, 1, 1), (1, 0, 0)):
        session.take(texts(seq), 0.0)
        assert (session.counts.gaps, session.counts.missing) == (gaps, missing)


def test_after_a_reset_the_old_numbering_is_no_measure() -> None:
    session = live(0, 1, 2, 3, 4, fill_gaps=False)
    session.take([text(0, 9), text(3, 9)], 0.0)
    assert session.take([text(1, 9)], 0.0) == [[text(1, 9)], Filled(1, 1, late=True)]
    assert session.counts.resets == 1


def test_after_a_reset_nothing_older_is_asked_for() -> None:
    session = live(0, 1)
    session.take(texts(4), 0.0)
    assert ask(session, 0.0) == Gap(2, 3)
    session.replay_ended(0.4, asked=False)
    assert session.resume_from == 2
    session.take([text(0, 9)], 1.0)
    assert session.resume_from == 1


def test_what_was_asked_for_before_a_reset_has_no_place_after_it() -> None:
    session = live(*range(10))
    session.take(texts(13), 0.0)
    assert ask(session, 0.0) == Gap(10, 12)
    anew = [text(seq, 1) for seq in range(4)]
    assert session.take(anew[:3], 1.0) == [Gap(10, 12), texts(13), Reset(13, 0), anew[:3]]
    given = session.take_replayed(texts(10, 9, 11, 11, 12), 1.1)
    assert one_by_one(given) == one_by_one([texts(10, 11, 12), Filled(10, 12, late=True)])
    assert session.replay_ended(1.2, asked=True) == []
    assert session.take(anew[3:], 1.3) == [anew[3:]]
    counts = session.counts
    assert (counts.gaps, counts.missing, counts.resets, session.last) == (0, 0, 1, 3)


def test_what_was_asked_for_before_a_reset_may_be_of_the_new_numbering() -> None:
    """Then it is delivered once, whichever connection gives it first."""
    session = live(*range(10))
    session.take(texts(13), 0.0)
    assert ask(session, 0.0) == Gap(10, 12)
    anew = [text(seq, 1) for seq in range(13)]
    session.take(anew[:11], 1.0)
    assert session.take_replayed(anew[10:11], 1.1) == []
    assert (session.counts.gaps, session.counts.missing) == (1, 3)
    assert events_in(session.take_replayed(anew[11:12], 1.2)) == anew[11:12]
    assert events_in(session.take(anew[11:], 1.3)) == anew[12:]
    assert session.last == 12


def test_what_comes_after_a_reset_is_not_missing_where_the_old_numbering_goes_on() -> None:
    session = live(0, 1)
    session.take(texts(4), 0.0)
    assert ask(session, 0.0) == Gap(2, 3)
    session.take([text(0, 1)], 1.0)
    assert session.take_replayed(texts(2), 1.1) == [texts(2), Filled(2, 2, late=True)]
    assert session.take(texts(5), 1.2) == [Reset(0, 5), texts(5)]
    assert (session.counts.gaps, session.counts.missing) == (1, 1)
    assert session.take_replayed(texts(2, 3), 1.3) == [texts(3), Filled(3, 3, late=True)]
    assert (session.counts.gaps, session.counts.missing) == (0, 0)


def test_a_zero_that_comes_after_another_reset_was_not_missing() -> None:
    session = live(0, 1, 2)
    session.take([text(1, 1)], 0.0)
    assert session.replay_again() == Gap(0, 0)
    session.take([text(1, 2)], 1.0)
    assert session.take_replayed([text(0, 1)], 1.1) == [[text(0, 1)], Filled(0, 0, late=True)]
    assert (session.counts.gaps, session.counts.missing) == (0, 0)


def test_a_gap_that_is_filled_shows_that_there_are_no_holes() -> None:
    session = live(0)
    for missing, filled in ((1, False), (3, False), (5, True), (7, False), (9, False)):
        session.take(texts(missing + 1), 0.0)
        assert ask(session, 0.0) == Gap(missing, missing)
        if filled:
            session.take_replayed(texts(missing), 0.5)
        assert Holes() not in session.replay_ended(0.5, asked=True)


# Whatever happens.

_SEQS = st.integers(0, 12)
_BATCH = st.lists(_SEQS, max_size=8)
_OPERATION = st.one_of(
    st.tuples(st.just("take"), _BATCH),
    st.tuples(st.just("run"), _BATCH),  # numbers in a row
    st.tuples(st.just("replay"), _BATCH),
    st.tuples(st.just("disconnect"), st.booleans()),
    st.tuples(st.just("connect"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 3.0, 11.0])),
)


class Play:
    """Does to a session what a stream may do, and remembers what went in and what came out."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.now = 0.0
        self.took: list[bytes] = []
        self.out: list[Delivery] = []
        self.asked: Gap | None = None
        session.connected(asked=session.last is not None, now=0.0)

    def do(self, operations: list[tuple[str, object]], numbering: int = 0) -> None:
        for kind, what in operations:
            if kind in ("take", "run"):
                assert isinstance(what, list)
                seqs = (
                    what if kind == "take" else range(what[0], what[0] + len(what)) if what else []
                )
                self.take([text(seq, numbering) for seq in seqs])
            elif kind == "replay":
                assert isinstance(what, list)
                self.replay([text(seq, numbering) for seq in what])
            elif kind == "disconnect":
                self.out += self.session.disconnected(self.now)
            elif kind == "connect":
                self.session.connected(
                    asked=bool(what) and self.session.last is not None, now=self.now
                )
            else:
                assert isinstance(what, float)
                self.now += what
                self.out += self.session.tick(self.now)

    def take(self, batch: list[bytes]) -> None:
        self.took += batch
        self.out += self.session.take(batch, self.now)

    def replay(self, batch: list[bytes]) -> None:
        """A second connection, where one is wanted: what it gives of what it was asked for."""
        self.now += 0.5
        self.out += self.session.tick(self.now)
        wanted = ask(self.session, self.now)
        if wanted is None:
            return
        given = [t for t in batch if wanted.first <= int(t.split(b'"')[3]) <= wanted.last]
        self.took += given
        self.out += self.session.take_replayed(batch, self.now)
        self.out += self.session.replay_ended(self.now, asked=bool(batch))

    def end(self) -> None:
        self.out += self.session.flush()

    @property
    def delivered(self) -> list[bytes]:
        return events_in(self.out)


def seq_in(event: bytes) -> int:
    return int(event.split(b'"')[3])


@settings(max_examples=200)
@given(st.lists(_OPERATION, max_size=25), st.booleans())
def test_nothing_is_lost_and_nothing_invented(
    operations: list[tuple[str, object]], fill_gaps: bool
) -> None:
    play = Play(Session(fill_gaps=fill_gaps))
    play.do(operations)
    play.end()
    # A number has one text here, so a lower one than the first is the only reset there is.
    resets = [delivery for delivery in play.out if isinstance(delivery, Reset)]
    assert set(play.delivered) == set(play.took)
    assert len(play.delivered) <= len(play.took)
    if not resets:
        assert Counter(play.delivered) == Counter(set(play.took)), "each one once"
    counts = play.session.counts
    assert counts.events == len(play.delivered)
    assert counts.duplicates == len(play.took) - len(play.delivered)
    assert counts.resets == len(resets)


@settings(max_examples=200)
@given(st.lists(_OPERATION, max_size=25), st.booleans())
def test_what_is_told_of_missing_numbers_is_true(
    operations: list[tuple[str, object]], fill_gaps: bool
) -> None:
    play = Play(Session(resume_after=-1, fill_gaps=fill_gaps))  # so that no number is a reset
    play.do(operations)
    play.end()
    came = {seq_in(event) for event in play.delivered}
    lacking = set(range(max(came, default=0))) - came
    assert play.session.counts.missing in (len(lacking), len(lacking - {0}))
    told: set[int] = set()
    for delivery in play.out:
        if isinstance(delivery, Gap):
            told |= set(range(delivery.first, delivery.last + 1))
        elif isinstance(delivery, Filled):
            told -= set(range(delivery.first, delivery.last + 1))
    if not any(isinstance(delivery, Holes) for delivery in play.out):
        assert told - {0} == lacking - {0}
    assert told <= lacking | {0}


@settings(max_examples=200)
@given(st.lists(_OPERATION, max_size=25), st.booleans())
def test_events_are_in_order_but_for_those_told_to_be_late(
    operations: list[tuple[str, object]], fill_gaps: bool
) -> None:
    play = Play(Session(resume_after=-1, fill_gaps=fill_gaps))
    play.do(operations)
    play.end()
    highest = -1
    late: list[int] = []
    for delivery in play.out:
        if isinstance(delivery, list):
            for seq in map(seq_in, delivery):
                if seq < highest:
                    late.append(seq)
                highest = max(highest, seq)
        elif isinstance(delivery, Filled) and delivery.late:
            assert late[-(delivery.last - delivery.first + 1) :] == list(
                range(delivery.first, delivery.last + 1)
            )
            late = late[: -(delivery.last - delivery.first + 1)]
    assert late == []


@settings(max_examples=200)
@given(st.lists(st.lists(_OPERATION, max_size=10), max_size=4))
def test_no_numbering_loses_an_event(numberings: list[list[tuple[str, object]]]) -> None:
    play = Play(Session())
    for numbering, operations in enumerate(numberings):
        play.do(operations, numbering)
    play.end()
    assert set(play.delivered) == set(play.took)
    assert not Counter(play.delivered) - Counter(play.took)


@st.composite
def cut_histories(draw: st.DrawFn) -> tuple[int, list[tuple[int, list[int]]]]:
    """How many events there are, and connections: how much each gives, cut into which reads."""
    total = draw(st.integers(1, 60))
    connections = draw(
        st.lists(
            st.tuples(st.integers(0, 30), st.lists(st.integers(1, 7), min_size=1, max_size=3)),
            max_size=8,
        )
    )
    return total, connections


def reads(batch: list[bytes], sizes: list[int]) -> Iterator[list[bytes]]:
    """The batch in pieces of these sizes, in turn."""
    at = turn = 0
    while at < len(batch):
        size = sizes[turn % len(sizes)]
        yield batch[at : at + size]
        at += size
        turn += 1


@settings(max_examples=200)
@given(cut_histories(), st.integers(0, 3), st.booleans())
def test_an_honest_service_loses_nothing_through_any_number_of_connections(
    history: tuple[int, list[tuple[int, list[int]]]], too_early: int, fill_gaps: bool
) -> None:
    """Also where it replays a few events more than it was asked for."""
    total, connections = history
    session = Session(fill_gaps=fill_gaps)
    out: list[Delivery] = []
    now = 0.0
    for size, sizes in [*connections, (total, [5])]:
        now += 1.0
        resume_from = session.resume_from
        session.connected(asked=resume_from is not None, now=now)
        first = max(0, (resume_from or 0) - too_early)
        for read in reads(texts(*range(first, min(first + size, total))), sizes):
            out += session.take(read, now)
        session.disconnected(now)
    while (session.resume_from or 0) < total:
        session.connected(asked=True, now=now)
        out += session.take(texts(*range(session.resume_from or 0, total)), now)
    assert merged(out + session.flush()) == [texts(*range(total))]
    assert session.counts.gaps == session.counts.resets == 0


@settings(max_examples=200)
@given(
    st.integers(0, 20),
    st.integers(1, 20),
    st.integers(0, 20),
    st.lists(st.booleans(), max_size=40),
    st.booleans(),
)
def test_a_replay_and_live_events_mix_in_any_way(
    first: int, count: int, too_early: int, overtakes: list[bool], fill_gaps: bool
) -> None:
    """It begins at, or before, what it was asked for; nothing of it is a gap or a reset."""
    last = first + count - 1
    session = live(*range(first, last + 1), fill_gaps=fill_gaps)
    session.disconnected(0.0)
    session.connected(asked=True, now=0.0)
    replay_from = max(0, last + 1 - too_early)
    live_from = last + 21
    replay, following = iter(range(replay_from, live_from)), iter(range(live_from, live_from + 40))
    out: list[Delivery] = []
    for overtaking in [*overtakes, *[False] * (live_from - replay_from), True]:
        seq = next(following if overtaking else replay, None)
        if seq is not None:
            out += session.take(texts(seq), 0.0)
    came = session.last
    assert came is not None
    before = range(replay_from, first)
    assert sorted(map(seq_in, events_in(out))) == [*before, *range(last + 1, came + 1)]
    assert [seq for seq in map(seq_in, events_in(out)) if seq > last] == [
        *range(last + 1, came + 1)
    ]
    assert (session.counts.gaps, session.counts.resets) == (0, 0)
    assert not any(isinstance(delivery, Gap | Reset) for delivery in out)


@settings(max_examples=200)
@given(
    st.lists(
        st.lists(
            st.one_of(
                _SEQS.map(text),
                st.integers(13, 30).map(text),
                st.sampled_from(
                    [b"{", b"{}", b'{"seq":3}', b'{"seq":"03"}', b"[]", b"null", b'"seq"']
                ),
                st.lists(_SEQS.map(text), max_size=3).map(lambda parts: b"[%s]" % b",".join(parts)),
                _SEQS.map(lambda seq: text(seq, 1)),
            ),
            max_size=8,
        ),
        max_size=8,
    )
)
def test_a_batch_means_the_same_as_its_events_one_by_one(batches: list[list[bytes]]) -> None:
    together, singly = Session(), Session()
    for session in (together, singly):
        session.connected(asked=False, now=0.0)
    for batch in batches:
        once = together.take(batch, 0.0)
        assert one_by_one(once) == one_by_one(d for one in batch for d in singly.take([one], 0.0))
    assert one_by_one(together.flush()) == one_by_one(singly.flush())
    assert together.counts == singly.counts


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(2, 20), st.integers(0, 20), st.integers(1, 7)), min_size=1, max_size=5
    )
)
def test_no_new_numbering_loses_its_beginning(histories: list[tuple[int, int, int]]) -> None:
    """Each numbering is first seen somewhere, and the service still has what came before."""
    session = Session()
    session.connected(asked=False, now=0.0)
    out: list[Delivery] = []
    expected: list[bytes] = []
    highest, now = -1, 0.0
    for numbering, (count, seen_from, size) in enumerate(histories):
        events = [text(seq, numbering) for seq in range(highest + 2 + count)]
        first = seen_from % (highest + 1) if numbering else 0
        first = 0 if first in (1, highest) else first  # the beginning, or one odd event
        for read in reads(events[first:], [size]):
            now += 1.0
            out += session.take(read, now)
            if (missing := ask(session, now)) is not None:
                given = events[missing.first : missing.last + 1]
                out += session.take_replayed(given, now + 0.5)
                out += session.replay_ended(now + 0.5, asked=True)
        expected += events
        highest = len(events) - 1
    assert events_in(out + session.flush()) == expected
    assert session.counts.resets == len(histories) - 1
    assert (session.counts.gaps, session.counts.missing) == (0, 0)


@pytest.mark.parametrize("distance", [1, 4096, 100_000])
def test_duplicates_are_known_far_back(distance: int) -> None:
    session = live(*range(distance + 1))
    assert session.take(texts(0), 0.0) == []
    assert session.counts.duplicates == 1


def test_what_is_remembered_is_bounded() -> None:
    """Numbers far apart, each of which would need a block of its own."""
    session = Session(fill_gaps=False)
    session.connected(asked=False, now=0.0)
    for seq in range(0, 10**9, 10**6):
        session.take(texts(seq), 0.0)
    assert len(session._seen._blocks) <= 129
