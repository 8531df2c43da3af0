"""The queue between readers and the writer: its bounds, and who has to wait for whom."""

from __future__ import annotations

import threading

import pytest
from command import PATIENCE, wait_until

from dsstail.handover import Batch, Handover
from dsstail.messages import Heartbeat, Malformed
from dsstail.session import Delivery

SIZE = 1 << 20


def batch(content: Delivery | Heartbeat) -> Batch:
    return Batch("stream", 0.0, content)


@pytest.mark.parametrize(
    "content", [[b"x" * SIZE], [b"{}"] * (SIZE // 50), Malformed(b"x" * SIZE, "")]
)
def test_all_that_waits_counts(content: Delivery) -> None:
    handover = Handover(2 * SIZE)
    handover.put(batch(content))
    assert not handover.full
    assert not handover.drained
    handover.put(batch(content))
    assert handover.full
    for _ in range(2):
        assert handover.take(0.0) == batch(content)
        handover.done()
    assert handover.drained
    assert not handover.full


def test_notices_have_a_size_too() -> None:
    handover = Handover(SIZE)
    for _ in range(SIZE // 200):
        handover.put(batch(Heartbeat()))
    assert handover.full


def test_a_large_message_is_admitted_where_there_is_room() -> None:
    handover = Handover(4 * SIZE)
    assert handover.admit("a", 3 * SIZE, 0.0)
    assert not handover.admit("b", 3 * SIZE, 0.0)
    assert handover.admit("b", SIZE, 0.0)
    assert handover.admit("a", 2 * SIZE, 0.0), "less is always fine"
    assert handover.admit("b", 3 * SIZE, 0.0)


def test_what_is_held_leaves_room_for_small_messages() -> None:
    handover = Handover(4 * SIZE)
    assert handover.admit("a", 5 * SIZE, 0.0)
    assert not handover.full
    handover.hold("b", 2 * SIZE)
    assert handover.full
    handover.hold("b", 0)
    assert not handover.full


@pytest.mark.parametrize("other", ["a reader", "the writer"])
def test_a_message_waits_for_room(other: str) -> None:
    handover = Handover(4 * SIZE)
    if other == "a reader":
        handover.hold("a", 4 * SIZE)
    else:
        handover.put(batch([b"x" * 4 * SIZE]))
    admitted: list[bool] = []
    waiting = threading.Thread(
        target=lambda: admitted.append(handover.admit("b", 3 * SIZE, PATIENCE))
    )
    waiting.start()
    if other == "a reader":
        handover.hold("a", 0)
    else:
        handover.take(0.0)
        handover.done()
    wait_until(lambda: admitted)
    assert admitted == [True]


def test_a_wake_is_no_batch() -> None:
    handover = Handover()
    handover.wake()
    assert handover.take(PATIENCE) is None
