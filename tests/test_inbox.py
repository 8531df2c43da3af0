"""What waits to be parsed: in its order, in parts, and with its size known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scenarios import event, unit

from dsstail.connection import Received, TextMessage
from dsstail.inbox import Inbox
from dsstail.json_pieces import PIECE
from dsstail.messages import Event, Heartbeat, Malformed, Message

LARGE = event(7, b"x" * (2 * PIECE))


def said(inbox: Inbox) -> list[Message]:
    """All that is in it, and that its size is known until nothing is left."""
    found: list[Message] = []
    while inbox:
        assert inbox.size > 0
        texts, messages = inbox.take()
        assert not (texts and messages)
        found += [*map(Event, texts), *messages]
    assert (inbox.size, inbox.small) == (0, 0)
    return found


def test_what_comes_alone_is_no_work() -> None:
    inbox = Inbox()
    assert inbox.add([TextMessage(b"1|Z"), TextMessage(b"1|X"), TextMessage(b"1|Z")]) == 2
    assert not inbox


def test_a_heartbeat_among_other_units_is_found_later() -> None:
    inbox = Inbox()
    assert inbox.add([TextMessage(unit(event(0)) + b"1|Z")]) == 0
    assert said(inbox) == [Event(event(0)), Heartbeat()]


def test_a_large_message_comes_in_parts() -> None:
    inbox = Inbox()
    inbox.add([TextMessage(unit(LARGE) + b"1|Z"), TextMessage(b"nothing")])
    assert inbox.take() == ([], [])
    assert said(inbox) == [
        Event(LARGE),
        Heartbeat(),
        Malformed(b"nothing", "no LENGTH| at its start"),
    ]


def test_texts_are_handed_on_as_they_are() -> None:
    inbox = Inbox()
    inbox.add([[event(0), event(1)]])
    assert inbox.take() == ([event(0), event(1)], [])


def test_only_small_messages_are_counted_as_such() -> None:
    inbox = Inbox()
    inbox.add([TextMessage(b"x" * (1 << 20)), TextMessage(b"nothing"), [event(0)]])
    assert inbox.size > 1 << 20 > inbox.small > 0


_RECEIVED: st.SearchStrategy[Received] = st.one_of(
    st.lists(st.integers(0, 99).map(event), min_size=1, max_size=3),
    st.sampled_from([b"1|Z", b"", b"2|[]", unit(LARGE), unit(LARGE) * 2, b"nothing"]).map(
        TextMessage
    ),
    st.integers(0, 99).map(lambda seq: TextMessage(unit(event(seq)) + b"1|X")),
)


@given(st.lists(_RECEIVED, max_size=80))
def test_together_messages_say_the_same_as_one_by_one(received: list[Received]) -> None:
    together = Inbox()
    heartbeats = together.add(received)
    singly: list[Message] = []
    for item in received:
        inbox = Inbox()
        heartbeats -= inbox.add([item])
        singly += said(inbox)
    assert said(together) == singly
    assert heartbeats == 0
