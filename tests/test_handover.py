"""The queue between readers and the writer: its bounds, and who has to wait for whom."""

from __future__ import annotations

import threading

import pytest
from command import MS, PATIENCE, wait_until

from dsstail import handover
from dsstail.deliveries import Delivery
from dsstail.errors import Crowded
from dsstail.handover import Batch, Handover, Room
from dsstail.messages import Heartbeat, Malformed

SIZE = 1 << 20


def batch(content: Delivery | Heartbeat) -> Batch:
    return Batch("stream", 0.0, content)


@pytest.mark.parametrize(
    "content", [[b"x" * SIZE], [b"{}"] * (SIZE // 50), Malformed(b"x" * SIZE, "")]
)
def test_all_that_waits_counts(content: Delivery) -> None:
    queue = Handover(2 * SIZE)
    queue.put(batch(content))
    assert not queue.full
    assert not queue.drained
    queue.put(batch(content))
    assert queue.full
    for _ in range(2):
        assert queue.take(0.0) == batch(content)
        queue.done()
    assert queue.drained
    assert not queue.full


def test_nothing_waits_at_first() -> None:
    queue = Handover(SIZE)
    assert queue.drained
    assert not queue.full


def test_notices_have_a_size_too() -> None:
    queue = Handover(SIZE)
    for _ in range(SIZE // 200):
        queue.put(batch(Heartbeat()))
    assert queue.full


def test_a_large_message_is_admitted_where_there_is_room() -> None:
    queue = Handover(4 * SIZE)
    one, other = Room(queue), Room(queue)
    assert one.admit(3 * SIZE)
    assert not other.admit(3 * SIZE)
    assert other.admit(SIZE)
    assert one.admit(2 * SIZE), "less is always fine"
    assert other.admit(3 * SIZE)


def test_a_reader_gives_up_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(Handover(SIZE))
    assert not room.admit(2 * SIZE)
    assert room.admit(SIZE)
    monkeypatch.setattr(handover, "ROOM_PATIENCE", 0.0)
    with pytest.raises(Crowded, match=f"no room for a message of {2 * SIZE} bytes"):
        room.admit(2 * SIZE)


def test_what_is_held_leaves_room_for_small_messages() -> None:
    queue = Handover(4 * SIZE)
    one, other = Room(queue), Room(queue)
    assert one.admit(5 * SIZE)
    assert not queue.full
    other.hold(2 * SIZE)
    assert queue.full
    other.hold(0)
    assert not queue.full


@pytest.mark.parametrize("taken_by", ["a reader", "the writer"])
def test_a_message_waits_for_room(taken_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "ROOM_POLL", PATIENCE)
    queue = Handover(4 * SIZE)
    one, other = Room(queue), Room(queue)
    if taken_by == "a reader":
        one.hold(4 * SIZE)
    else:
        queue.put(batch([b"x" * 4 * SIZE]))
    admitted: list[bool] = []
    waiting = threading.Thread(target=lambda: admitted.append(other.admit(3 * SIZE)))
    waiting.start()
    if taken_by == "a reader":
        one.hold(0)
    else:
        queue.take(0.0)
        queue.done()
    wait_until(lambda: admitted)
    assert admitted == [True]


def test_a_wake_is_no_batch() -> None:
    queue = Handover()
    queue.wake()
    assert queue.take(PATIENCE) is None


def behind(batches: int) -> Handover:
    """A handover whose writer has so many large batches to write until it has caught up."""
    queue = Handover(4 * SIZE)
    for _ in range(batches):
        queue.put(batch([b"x" * SIZE]))
    return queue


def write(queue: Handover) -> None:
    queue.take(0.0)
    queue.done()


class Reader:
    """Keeps the pace in a thread of its own."""

    def __init__(self, queue: Handover) -> None:
        self.caught_up: bool | None = None
        """Whether the writer had caught up when there was no more waiting for it."""
        self._queue = queue
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self._queue.pace()
        self.caught_up = self._queue.drained

    def result(self) -> bool:
        wait_until(lambda: self.caught_up is not None)
        assert self.caught_up is not None
        return self.caught_up


@pytest.mark.parametrize("readers", [1, 60])
def test_readers_wait_for_a_writer_that_is_behind(
    readers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "PACE", PATIENCE)
    queue = behind(2)
    reading = [Reader(queue) for _ in range(readers)]
    write(queue)
    write(queue)
    assert all(reader.result() for reader in reading)


def test_no_reader_waits_for_a_writer_that_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = behind(2)
    queue.pace()  # in vain
    monkeypatch.setattr(handover, "PACE", 2 * PATIENCE)
    assert not Reader(queue).result()
    write(queue)  # it moves
    reader = Reader(queue)
    write(queue)
    assert reader.result()


def test_readers_wait_again_for_a_writer_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "PACE", 200 * MS)
    queue = behind(4)
    reader = Reader(queue)
    wait_until(lambda: queue._waiting == 1)
    write(queue)
    assert not reader.result()
    monkeypatch.setattr(handover, "PACE", 2 * PATIENCE)
    reader = Reader(queue)
    wait_until(lambda: queue._waiting == 1)
    for _ in range(3):
        write(queue)
    assert reader.result()
