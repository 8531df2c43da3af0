"""What a replay gives back: which events, in which order, and when."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from math import inf
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scenarios import event, lines

from dsstail import filters
from dsstail.annotation import annotated
from dsstail.errors import ConfigurationError
from dsstail.handover import Ended
from dsstail.messages import Event, Malformed
from dsstail.passages import (
    BREATH,
    GATHERED,
    Item,
    Last,
    Passage,
    Pause,
    Trouble,
    gathered,
    merged,
    moment,
    paced,
)
from dsstail.replay import Replay, Replaying, Window

NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z


def at(second: int, seq: int = 1) -> bytes:
    """An event of so many seconds after noon; without a time where that is negative."""
    time = b',"connection":{"event_time":"2026-11-23T12:%02d:%02dZ"}' % divmod(second, 60)
    return b'{"seq":"%d","metadata":{"event_type":"connectivity"}%b}' % (
        seq,
        time if second >= 0 else b"",
    )


def passages(seconds: Iterable[int], first: int = 1) -> Iterator[Item]:
    for seq, second in enumerate(seconds, start=first):
        yield Passage([at(second, seq)])


def flat(items: Iterable[Item]) -> list[bytes]:
    return [text for item in items if isinstance(item, Passage) for text in item.texts]


# When an event happened


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (at(0), NOON),
        (at(61), NOON + 61),
        (at(-1), None),
        (at(0).replace(b"12:00:00Z", b"14:00:00+02:00"), NOON),
        (at(0).replace(b"12:00:00Z", b"12:00:00"), NOON),
        (at(0).replace(b"2026-11-23T12:00:00Z", b"yesterday"), None),
        (at(0).replace(b"2026-11-23T12:00:00Z", b"9" * 5000), None),
        (annotated([at(-1)], "stream", NOON + 0.25)[0], NOON + 0.25),
        (annotated([at(1)], "stream", NOON + 0.25)[0], NOON + 1),
        (b'{"_dsstail":7}', None),
    ],
)
def test_the_moment_of_an_event(text: bytes, expected: float | None) -> None:
    assert moment(Event(text)) == expected


def test_a_window_includes_its_ends() -> None:
    window = Window(since=NOON + 1, until=NOON + 3)
    assert [window.spans(NOON + second) for second in (0, 1, 3, 4, -1)] == [
        *(False, True, True, False, False)
    ]
    assert not window.spans(None)
    window = Window(from_seq=0, to_seq=2)
    assert [window.counts(seq) for seq in (0, 2, 3, None)] == [True, True, False, False]
    assert not Window().timed
    assert not Window().numbered


@given(
    st.lists(st.integers(97, 102), max_size=5) | st.integers(0, 99).map(lambda n: [*range(n, 105)]),
    st.integers(0, 110),
    st.integers(0, 110) | st.just(inf),
)
@example([99, 100, 101], 102, inf)
@example([99, 100, 101], 0, 98)
def test_a_window_of_numbers(numbers: list[int], first: int, last: float) -> None:
    within = Window(from_seq=first, to_seq=last).numbered_within(list(map(event, numbers)))
    assert within == [event(seq) for seq in numbers if first <= seq <= last]


# Order


TIMES = st.lists(st.lists(st.integers(-1, 99), max_size=8), max_size=4)


@given(
    TIMES.map(lambda roads: [sorted(second for second in road if second >= 0) for road in roads])
)
def test_recordings_in_the_order_of_time_merge_to_one(roads: list[list[int]]) -> None:
    items = merged([passages(road, 100 * n) for n, road in enumerate(roads)])
    expected = heapq.merge(
        *([(s, n, at(s, 100 * n + i)) for i, s in enumerate(road)] for n, road in enumerate(roads))
    )
    assert flat(items) == [text for _, _, text in expected]


@given(TIMES)
def test_merging_keeps_every_event_and_the_order_of_each_recording(roads: list[list[int]]) -> None:
    found = flat(merged([passages(road, 100 * n) for n, road in enumerate(roads)]))
    for n, road in enumerate(roads):
        own = [text for text in found if (Event(text).seq or 0) // 100 == n]
        assert own == flat(passages(road, 100 * n))
    assert len(found) == sum(map(len, roads))


def test_merging_looks_one_event_ahead_and_no_further() -> None:
    taken = []

    def endless(first: int) -> Iterator[Item]:
        for second in range(first, first + 3000, 2):
            taken.append(second)
            yield Passage([at(second)])

    items = merged([endless(0), endless(1)])
    assert flat([next(items), next(items), next(items)]) == [at(0), at(1), at(2)]
    assert len(taken) <= 5


def test_merging_passes_on_what_is_no_event() -> None:
    trouble = Trouble("line 1", b"x")
    items = merged([iter([BREATH, trouble, *passages([2])]), passages([1])])
    assert [item for item in items if not isinstance(item, Passage)] == [BREATH, trouble]


@given(st.lists(st.integers(0, 5), max_size=10), st.integers(0, 12))
def test_the_last_events_are_kept_and_the_troubles_between_them(
    sizes: list[int], count: int
) -> None:
    last = Last(count)
    seq = 0
    every: list[bytes] = []
    for size in sizes:
        passage = Passage([at(0, seq + n) for n in range(size)], "stream", NOON)
        last.add(Trouble(str(seq), b""))
        if size:
            last.add(passage)
        seq += size
        every += passage.texts
    assert flat(last.items) == every[max(len(every) - count, 0) :]
    assert last.events == len(flat(last.items))
    for item in last.items:
        if isinstance(item, Trouble) and count < len(every):
            assert int(item.reason) > len(every) - count


def test_small_passages_are_joined_as_long_as_they_belong_together() -> None:
    texts = [at(0, seq) for seq in range(4)]
    items: list[Item] = [
        Passage(texts[:1]),
        Passage(texts[1:2]),
        BREATH,
        Passage(texts[2:3]),
        Passage(texts[3:4], "other"),
        Passage(texts[:1], "other", NOON),
    ]
    assert list(gathered(items)) == [
        Passage(texts[:2]),
        BREATH,
        Passage(texts[2:3]),
        Passage(texts[3:4], "other"),
        Passage(texts[:1], "other", NOON),
    ]
    assert max(len(flat([item])) for item in gathered(passages([0] * 1000))) == GATHERED


# Pace


class Clock:
    """A clock that stands still, but where somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("dsstail.passages.time", clock)
    return clock


def waited(items: Iterable[Item], clock: Clock) -> list[tuple[float, bytes]]:
    """The events, and after how many seconds each came."""
    start = clock.now
    found = []
    for item in items:
        if isinstance(item, Pause):
            clock.sleep(item.seconds)
        found += [(clock.now - start, text) for text in flat([item])]
    return found


def test_events_come_at_the_pace_of_their_times(clock: Clock) -> None:
    seconds = [0, 0, 2, 1, 3, -1, 3]
    found = waited(paced(passages(seconds), 0.5, inf), clock)
    assert found == [*zip([0, 0, 4, 4, 8, 8, 8], flat(passages(seconds)), strict=True)]


def test_damage_between_events_waits_for_nothing(clock: Clock) -> None:
    first, second = passages([0, 2])
    damage = Trouble("line 2: not JSON", b"x")
    items = paced([first, damage, second], 1.0, inf)
    assert [*islice(items, 3)] == [first, damage, Pause(2.0)]


def test_no_pause_is_longer_than_the_longest_idle_time(clock: Clock) -> None:
    found = waited(paced(passages([0, 3000, 3001]), 1.0, 30.0), clock)
    assert [after for after, _ in found] == [0, 30, 31]


def test_who_is_late_catches_up(clock: Clock) -> None:
    items = paced(passages([0, 1, 2, 3, 4]), 1.0, inf)
    first = next(items)
    clock.sleep(3.25)
    assert [first, *islice(items, 4)] == [*passages([0, 1, 2, 3]), Pause(0.75)]


# From files


def replayed(*paths: Path, **asked: object) -> tuple[list[bytes], list[str]]:
    """What a replay gives up to its end: the events, and the reasons of its troubles."""
    names = tuple(map(str, paths))
    selection = asked.pop("selection", filters.build())
    replay = Replay(Replaying(names, selection, **asked))  # type: ignore[arg-type]
    replay.start()
    texts: list[bytes] = []
    reasons: list[str] = []
    while True:
        batch = replay.take(1.0)
        match batch and batch.content:
            case Ended():
                return texts, reasons
            case Malformed(_, reason):
                reasons.append(reason)
            case list(found):
                texts += found


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines(range(2000)))
    return path


@pytest.mark.parametrize("count", [0, 1, 10, 1999, 2000, 3000])
def test_the_last_events_of_a_file(written: Path, count: int) -> None:
    texts = [event(seq) for seq in range(2000)]
    assert replayed(written, last=count) == (texts[max(2000 - count, 0) :], [])
    collected = written.with_name("collected.json")
    collected.write_bytes(b"".join(texts))
    assert replayed(collected, last=count)[0] == texts[max(2000 - count, 0) :]


def test_the_last_events_that_are_wanted(written: Path) -> None:
    window = Window(to_seq=100)
    assert replayed(written, last=3, window=window)[0] == [event(seq) for seq in (98, 99, 100)]


def test_the_last_events_of_several_files(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for n, path in enumerate(paths):
        path.write_bytes(b"".join(at(10 * s + n, 10 * n + s) + b"\n" for s in range(3)))
    assert replayed(*paths, last=4)[0] == [at(22 - 1, 12), at(2, 20), at(12, 21), at(22, 22)]
    assert replayed(*paths, last=4, merge=True)[0] == [
        at(12, 21),
        at(20, 2),
        at(21, 12),
        at(22, 22),
    ]


def test_damage_near_the_end_is_told_and_other_damage_is_not(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"x\n" + lines(range(1000)) + b"y\n" + lines([1000]) + event(7)[:9])
    texts, reasons = replayed(path, last=2)
    assert texts == [event(999), event(1000)]
    assert reasons == [f"{path} line 1002: not an event", f"{path} line 1004: incomplete"]


def test_the_streams_of_a_recording_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    parts = [
        *annotated([event(1), event(2)], "in", NOON),
        *annotated([event(3)], "out", NOON),
        *annotated([event(4)], "out", NOON + 1),
        event(5),
    ]
    path.write_bytes(b"".join(part + b"\n" for part in parts))

    def batches(**asked: bool) -> list[tuple[str, float, list[bytes]]]:
        replay = Replay(Replaying((str(path),), filters.build(), **asked))  # type: ignore[arg-type]
        found = []
        while (batch := replay.take(1.0)) and isinstance(batch.content, list):
            found.append((batch.stream, batch.received_at, batch.content))
        return found

    assert batches() == [("", 0.0, list(map(event, range(1, 6))))]
    assert batches(annotated=True) == [("", 0.0, parts)]
    assert batches(apart=True) == [
        ("in", NOON, [event(1), event(2)]),
        ("out", NOON, [event(3)]),
        ("out", NOON + 1, [event(4)]),
        ("", 0.0, [event(5)]),
    ]
    assert batches(apart=True, annotated=True) == [
        ("in", NOON, parts[:2]),
        ("out", NOON, parts[2:3]),
        ("out", NOON + 1, parts[3:4]),
        ("", 0.0, parts[4:]),
    ]


def test_what_only_resembles_a_last_member_stays_on(tmp_path: Path) -> None:
    member = b'"_dsstail":{"stream":"in"}}'
    [text] = annotated([b"{}"], "in", None)
    assert text == b"{" + member
    others = [b'{"a":{' + member + b"}", b'{"a":1,"_dsstail":{"stream":1}}']
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"\n".join([text, *others, b'{"a":1 ,' + member]))
    assert replayed(path) == ([b"{}", *others, b'{"a":1 }'], [])


def test_a_missing_file_is_told_before_anything_is_read(written: Path) -> None:
    replay = Replay(Replaying((str(written), "missing.jsonl"), filters.build()))
    with pytest.raises(ConfigurationError, match=r"cannot read missing\.jsonl: No such file"):
        replay.start()
