"""When a stream is tried again, and when not any more; seen through the public door."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from command import KEY, MS, PATIENCE, wait_until
from conftest import Serve
from scenarios import (
    Script,
    Server,
    Visit,
    answer,
    close,
    event,
    frame,
    honest,
    opened,
    say,
    send,
    silent,
    steps,
    tell,
    unit,
    working,
)

from dsstail import filling, retrying, session, stream
from dsstail.deliveries import Filled, Gap
from dsstail.errors import ConfigurationError, ConnectionFailed, Rejected
from dsstail.handover import (
    Backlogged,
    Batch,
    Connected,
    Disconnected,
    Ended,
    Handover,
    NotFilling,
    NotReplaying,
)
from dsstail.keys import StreamKey
from dsstail.messages import Event
from dsstail.report import describe
from dsstail.retrying import LATE_REJECTIONS
from dsstail.stream import Stream, StreamSettings, open_stream


@pytest.fixture
def longest_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are not waited for here, only noted: the longest that each could have been."""
    noted: list[float] = []

    def choose(shortest: float, longest: float) -> float:
        assert shortest == 0
        noted.append(longest)
        return 0.0

    monkeypatch.setattr(random, "uniform", choose)
    return noted


def read(
    server: Server, count: int, on_status: Callable[[Batch], None] | None = None
) -> list[Event]:
    """The first events of the server's stream."""
    stream = open_stream(server.url(), KEY, on_status=on_status)
    found = [next(stream) for _ in range(count)]
    stream.close()  # type: ignore[attr-defined]
    return found


def test_events_come_one_by_one(serve: Serve) -> None:
    told: list[Batch] = []
    server = serve(honest)
    assert read(server, 6, told.append) == [Event(event(seq)) for seq in range(6)]
    host = server.url().removeprefix("ws://").split("/")[0]
    assert Connected(host, None, again=False) in [batch.content for batch in told]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://x/stream", KEY),
        ("nonsense", KEY),
        ("ws:///", KEY),
        ("ws://x:99999/", KEY),
        ("ws://x:http/", KEY),
        ("ws://[::1/", KEY),
        ("ws://x/#top", KEY),
        (f"ws://x/?stream_key={KEY}", KEY),
        ("ws://x/", ""),
    ],
)
def test_what_cannot_work_is_refused(url: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as failed:
        next(open_stream(url, key, StreamSettings(reconnect=False)))
    assert KEY not in str(failed.value)


def test_plaintext_beyond_this_machine_has_to_be_allowed() -> None:
    url, once = "ws://dsstail.invalid/stream", StreamSettings(reconnect=False)
    with pytest.raises(ConfigurationError, match="shows the key to the network"):
        next(open_stream(url, KEY, once))
    with pytest.raises(ConnectionFailed):
        next(open_stream(url, KEY, once, allow_plaintext=True))


def test_a_gap_is_reported_where_no_thread_can_be_had_to_fill_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "filling":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    told: list[Batch] = []
    reported = threading.Event()
    server = serve(opened(tell(0, 3), lambda _: reported.wait(PATIENCE), tell(4), Visit.stay))
    events = open_stream(server.url(), KEY, on_status=told.append)
    assert [next(events).seq, next(events).seq] == [0, 3]
    assert Gap(1, 2) in [batch.content for batch in told]
    reported.set()
    assert next(events).seq == 4
    events.close()  # type: ignore[attr-defined]


def test_a_stream_that_no_thread_can_be_had_for_has_failed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    server = serve(honest)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    handover = Handover()
    Stream(server.url(), StreamKey("stream", KEY), handover).start()
    batch = handover.take(0)
    assert batch is not None
    assert isinstance(batch.content, Ended)
    assert str(batch.content.error) == "too many threads"


def test_a_second_connection_that_fails_is_tried_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it brings is late, and no other connection is asked for it."""
    monkeypatch.setattr(filling, "FIRST_PAUSE", 0.05)
    told: list[Batch] = []

    def live(visit: Visit) -> None:
        opened(tell(0, 1, 4))(visit)
        wait_until(lambda: any(isinstance(batch.content, Filled) for batch in told))
        visit.end()

    unavailable = answer("503 Service Unavailable")
    server = serve(live, unavailable, unavailable, honest, newest=5)
    assert [event.seq for event in read(server, 6, told.append)] == [0, 1, 4, 2, 3, 5]
    told_of = [batch.content for batch in told if isinstance(batch.content, Gap | Filled)]
    assert told_of == [Gap(2, 3), Filled(2, 3, late=True)]
    assert [visit.seq_start for visit in server.visits] == [None, 2, 2, 2, 5]


def test_what_time_did_not_suffice_for_is_asked_for_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the events come so slowly that the second connection seemed to have given all."""
    monkeypatch.setattr(filling, "SILENCE", 0.1)
    monkeypatch.setattr(filling, "LIMIT", 1.0)
    monkeypatch.setattr(filling, "FIRST_PAUSE", 0.05)
    slow = opened(tell(2), Visit.stay)
    server = serve(opened(tell(0, 1, 5), Visit.stay), slow, honest)
    assert sorted(event.seq or 0 for event in read(server, 6)) == [*range(6)]
    assert [visit.seq_start for visit in server.visits[:3]] == [None, 2, 3]


def test_who_comes_after_a_second_connection_that_failed_is_asked_for_the_same(
    serve: Serve,
) -> None:
    told: list[Batch] = []

    def live(visit: Visit) -> None:
        opened(tell(0, 1, 4))(visit)
        wait_until(lambda: any(isinstance(batch.content, Gap) for batch in told))
        visit.send_close(1012)
        visit.stay()

    server = serve(live, answer("503 Service Unavailable"), honest)
    assert [event.seq for event in read(server, 6, told.append)] == [0, 1, 4, 2, 3, 5]
    assert [visit.seq_start for visit in server.visits] == [None, 2, 2]


def test_a_second_connection_that_ended_the_live_one_is_left_as_soon_as_it_is_silent(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, longest_pauses: list[float]
) -> None:
    """Or else the live one, which comes back, ends it, and it the live one in turn."""
    monkeypatch.setattr(filling, "SILENCE", 0.1)
    monkeypatch.setattr(filling, "LIMIT", PATIENCE)
    monkeypatch.setattr(filling, "BLAME_FOR_A_CUT", PATIENCE)
    left: list[bool] = []

    def live(visit: Visit) -> None:
        opened(tell(0, 1, 4))(visit)
        wait_until(lambda: len(visit.server.visits) == 2 and visit.server.visits[1].request)

    def live_again(visit: Visit) -> None:
        wait_until(lambda: visit.server.visits[1].left)
        left.append(True)
        honest(visit)

    server = serve(live, silent, live_again)
    assert [event.seq for event in read(server, 6)] == [*range(6)]
    assert left


def test_two_connections_that_end_each_other_do_not_go_on_like_that(
    serve: Serve, longest_pauses: list[float]
) -> None:
    """The service ends the older one without a word, so that the second is never answered."""

    def only(visit: Visit) -> None:
        visit.shake_hands()
        for other in visit.server.visits[: visit.number]:
            with suppress(OSError):
                other.sock.shutdown(socket.SHUT_RDWR)
        if "seq_end" not in visit.query:
            visit.send_events(visit.asked)
            visit.server.newest += 2
            visit.send_events([visit.server.newest])
        visit.wait()

    told: list[Batch] = []
    server = serve(*[only] * 60, answer("403 Forbidden"), newest=0)
    stream = open_stream(server.url(), KEY, on_status=told.append)
    numbers: list[int | None] = []
    while NotFilling(filling.REPLACED) not in [batch.content for batch in told]:
        numbers.append(next(stream).seq)
    stream.close()  # type: ignore[attr-defined]
    assert numbers[:-1] == [*range(len(numbers) - 1)], "then a gap is only reported"


def test_the_stream_ends_with_its_reader(serve: Serve) -> None:
    server = serve(honest)
    read(server, 3)
    wait_until(lambda: server.visits[0].left)
    assert server.visits[0].close_code == 1000


def test_a_window_ends(serve: Serve) -> None:
    server = serve(honest)
    window = StreamSettings(from_seq=2, to_seq=4)
    assert [e.seq for e in open_stream(server.url(), KEY, window)] == [2, 3, 4]


def test_a_window_ends_behind_its_last_event(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last one is missing, a later one shows that it will not come."""
    monkeypatch.setattr(stream, "WINDOW_GRACE", 50 * MS)
    told: list[Batch] = []
    server = serve(opened(tell(2, 3, 9), Visit.stay))
    window = StreamSettings(from_seq=2, to_seq=5)
    events = open_stream(server.url(), KEY, window, on_status=told.append)
    assert [e.seq for e in events] == [2, 3]
    assert Gap(4, 5) in [batch.content for batch in told]


@pytest.mark.parametrize("refusal", ["503 Service Unavailable", "409 Conflict"])
def test_a_window_ends_though_no_second_connection_can_be_had(
    refusal: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "WINDOW_GRACE", 50 * MS)
    server = serve(opened(tell(2, 4, 9), Visit.stay), answer(refusal))
    window = StreamSettings(from_seq=2, to_seq=5)
    assert [e.seq for e in open_stream(server.url(), KEY, window)] == [2, 4]


def test_a_window_ends_that_an_earlier_run_has_but_for_a_gap(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "REPLAY_GRACE", 50 * MS)
    told: list[Batch] = []
    numbers = (2, 3, 6, 7)
    server = serve(opened(tell(*numbers), Visit.stay))
    window = StreamSettings(2, 7, known=tuple(map(event, numbers)), fill_gaps=False)
    assert list(open_stream(server.url(), KEY, window, on_status=told.append)) == []
    assert Gap(4, 5) in [batch.content for batch in told]


@pytest.mark.parametrize("given", [[], [2, 3]], ids=["nothing", "a part"])
def test_a_window_ends_where_connections_give_only_what_is_behind_it(
    given: list[int], longest_pauses: list[float], serve: Serve
) -> None:
    """Two in a row: one may have ended too early."""
    first, later = opened(tell(*given, 9), close(1000)), opened(tell(9), close(1000))
    server = serve(first, later)
    window = StreamSettings(from_seq=2, to_seq=5)
    assert [e.seq for e in open_stream(server.url(), KEY, window)] == given
    assert len(server.visits) == 2


@pytest.mark.parametrize("others", [[], [4, 5]], ids=["no more", "more"])
def test_a_window_ends_later_where_connections_are_on_their_way(
    others: list[int], longest_pauses: list[float], serve: Serve
) -> None:
    """They repeat what is before it, and may have ended before they came to the rest."""
    first, again = opened(tell(2, 9, 3), close(1000)), opened(tell(2, 9), close(1000))
    server = serve(first, again, opened(tell(2, 3, 9, *others), close(1000)))
    window = StreamSettings(from_seq=2, to_seq=5)
    assert [e.seq for e in open_stream(server.url(), KEY, window)] == [2, 3, *others]
    assert len(server.visits) == 3


def test_a_window_goes_on_after_a_break_however_long(
    longest_pauses: list[float], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "WINDOW_GRACE", 500 * MS)
    scripts = opened(tell(9, 2, 3), Visit.end), Visit.reset, Visit.reset
    server = serve(*scripts, steps(lambda visit: time.sleep(1), honest))
    window = StreamSettings(from_seq=2, to_seq=5)
    assert [e.seq for e in open_stream(server.url(), KEY, window)] == [2, 3, 4, 5]


def test_a_live_event_does_not_end_a_window(serve: Serve) -> None:
    """The service may send them on the connection that was asked for the window."""
    is_taken = steps(Visit.send_heartbeat, Visit.hear_answer)
    script = opened(tell(9), is_taken, tell(2, 3), is_taken, tell(10), is_taken, tell(4, 5))
    server = serve(steps(script, Visit.stay))
    window = StreamSettings(from_seq=2, to_seq=5, reconnect=False)
    assert [e.seq for e in open_stream(server.url(), KEY, window)] == [2, 3, 4, 5]


def test_pauses_grow_up_to_a_limit(longest_pauses: list[float], serve: Serve) -> None:
    server = serve(*[Visit.reset] * 8, honest)
    told: list[Batch] = []
    read(server, 6, told.append)
    assert longest_pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    attempts = [b.content.attempt for b in told if isinstance(b.content, Disconnected)]
    assert attempts == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_connection_that_brings_events_is_healthy(
    longest_pauses: list[float], serve: Serve
) -> None:
    server = serve(Visit.reset, Visit.reset, working(Visit.reset), Visit.reset, honest)
    assert len(read(server, 6)) == 6
    assert longest_pauses == [1, 2, 1, 2]


def test_a_connection_that_brings_events_too_early_is_healthy(
    longest_pauses: list[float], serve: Serve
) -> None:
    """They wait for the missing ones before them."""
    server = serve(*[opened(tell(seq), Visit.end) for seq in (0, 2, 4)], honest)
    assert len(read(server, 6)) == 6
    assert longest_pauses == [1, 1, 1]


def test_a_connection_that_opens_and_ends_is_not_healthy(
    longest_pauses: list[float], serve: Serve
) -> None:
    server = serve(
        *[opened(Visit.end)] * 2,
        opened(Visit.send_heartbeat, Visit.end),
        opened(say(b"nonsense"), Visit.end),
        honest,
    )
    assert len(read(server, 6)) == 6
    assert longest_pauses == [1, 2, 4, 8]


def test_a_connection_that_lasts_is_healthy(
    longest_pauses: list[float], monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """Though it brings nothing but heartbeats."""
    monkeypatch.setattr(retrying, "HEALTHY_AFTER", 0.0)
    beating = opened(Visit.send_heartbeat, Visit.hear_answer, Visit.end)
    server = serve(*[beating] * 3, honest)
    assert len(read(server, 6)) == 6
    assert longest_pauses == [1, 1, 1]


def test_a_connection_that_repeats_itself_is_not_healthy(
    longest_pauses: list[float], serve: Serve
) -> None:
    server = serve(*[working(Visit.end)] * 4, honest)
    assert len(read(server, 6)) == 6
    assert longest_pauses == [1, 2, 4, 8]


def test_a_pause_that_the_service_asks_for_has_a_limit(
    longest_pauses: list[float], serve: Serve
) -> None:
    server = serve(answer("429 Slow down", "Retry-After: 86400"))
    told = threading.Event()
    pauses: list[float] = []

    def note(batch: Batch) -> None:
        if isinstance(batch.content, Disconnected):
            pauses.append(batch.content.pause)
            told.set()

    stream = open_stream(server.url(), KEY, on_status=note)
    reader = threading.Thread(target=lambda: next(stream, None), daemon=True)
    reader.start()
    assert told.wait(PATIENCE)
    assert pauses == [300.0]


def test_a_key_that_worked_is_given_up_after_some_rejections(
    longest_pauses: list[float], serve: Serve
) -> None:
    server = serve(working(Visit.end), answer("401 Unauthorized"))
    with pytest.raises(Rejected):
        read(server, 4)
    assert len(server.visits) == 1 + LATE_REJECTIONS + 1


def test_a_key_that_works_again_is_given_as_many_chances(
    longest_pauses: list[float], serve: Serve
) -> None:
    some = [answer("401 Unauthorized")] * (LATE_REJECTIONS - 1)
    server = serve(working(Visit.end), *some, opened(tell(3), Visit.end), *some, honest)
    assert len(read(server, 6)) == 6


def test_why_a_key_is_refused_is_told_before_the_pause(
    longest_pauses: list[float], serve: Serve
) -> None:
    server = serve(working(Visit.end), answer("401 Unauthorized"), honest)
    told: list[Batch] = []
    read(server, 6, told.append)
    reasons = [describe(b.content)[1] for b in told if isinstance(b.content, Disconnected)]
    assert "(HTTP 401). A key works only in" in reasons[1]
    assert "used up if it is a mobile one; retry 2 in" in reasons[1]


def test_what_a_wrong_path_means_is_told(serve: Serve) -> None:
    server = serve(answer("404 Not Found"))
    with pytest.raises(Rejected, match="There is no stream under this path") as raised:
        read(server, 1)
    assert raised.value.final


def test_a_refused_window_is_not_asked_for_again(longest_pauses: list[float], serve: Serve) -> None:
    server = serve(answer("410 Gone"), answer("404 Not Found"))
    told: list[Batch] = []
    stream = open_stream(server.url(), KEY, StreamSettings(from_seq=3), on_status=told.append)
    with pytest.raises(Rejected):
        next(stream)
    assert [visit.seq_start for visit in server.visits] == [3, None]
    assert any(isinstance(batch.content, NotReplaying) for batch in told)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found"])
def test_a_window_at_a_wrong_place_is_a_rejection_at_once(status: str, serve: Serve) -> None:
    server = serve(answer(status))
    with pytest.raises(Rejected):
        next(open_stream(server.url(), KEY, StreamSettings(from_seq=3)))
    assert [visit.seq_start for visit in server.visits] == [3]


def refusing_to_resume(how: Script) -> Script:
    """Serve the events 6 and 7, and only those who ask for no others."""

    def script(visit: Visit) -> None:
        visit.read_request()
        if visit.seq_start is None:
            visit.send_raw(visit.handshake())
            visit.send_events([6, 7])
            visit.end()
        how(visit)

    return script


def turning_away(code: int | None) -> Script:
    return refusing_to_resume(steps(lambda visit: visit.send_raw(visit.handshake()), close(code)))


@pytest.mark.parametrize(
    "script",
    [
        turning_away(1008),
        turning_away(4000),
        turning_away(None),
        refusing_to_resume(lambda visit: visit.send_raw(b"HTTP/1.1 500 Oops\r\n\r\n")),
    ],
    ids=["code 1008", "code 4000", "no code", "HTTP 500"],
)
def test_a_service_that_turns_away_who_resumes_is_survived(
    script: Script, longest_pauses: list[float], serve: Serve
) -> None:
    """The fourth connection asks for nothing; once that is known, one in vain is enough."""
    server = serve(working(Visit.end), script)
    told: list[Batch] = []
    stream = open_stream(server.url(), KEY, StreamSettings(fill_gaps=False), on_status=told.append)
    assert [next(stream).seq for _ in range(5)] == [0, 1, 2, 6, 7]
    wait_until(lambda: len(server.visits) > 6)
    stream.close()  # type: ignore[attr-defined]
    asked = [visit.seq_start for visit in server.visits[:7]]
    assert asked == [None, 3, 3, 3, None, 8, None]
    assert any(isinstance(batch.content, NotReplaying) for batch in told)
    assert Gap(3, 5) in [batch.content for batch in told]


@pytest.mark.parametrize("between", [None, answer("502 Bad Gateway")], ids=["no", "yes"])
def test_a_service_that_cuts_who_resumes_is_survived(
    between: Script | None, longest_pauses: list[float], serve: Serve
) -> None:
    """The network may do the same, so that has to happen often, with no other trouble between."""
    cut = refusing_to_resume(lambda visit: visit.send_raw(visit.handshake()))
    scripts = [cut] * 9 if between is None else [*[cut] * 9, between, *[cut] * 9]
    server = serve(working(Visit.end), *scripts, cut)
    told: list[Batch] = []
    stream = open_stream(server.url(), KEY, StreamSettings(fill_gaps=False), on_status=told.append)
    assert [next(stream).seq for _ in range(5)] == [0, 1, 2, 6, 7]
    wait_until(lambda: len(server.visits) > len(scripts) + 4)
    stream.close()  # type: ignore[attr-defined]
    asked = [visit.seq_start for visit in server.visits[: len(scripts) + 5]]
    assert asked == [None, *[3] * (len(scripts) + 1), None, 8, None]
    assert any(isinstance(batch.content, NotReplaying) for batch in told)


@pytest.mark.parametrize(
    "trouble",
    [
        *(opened(close(code)) for code in (1001, 1012, 1013)),
        opened(Visit.send_heartbeat, close(1008)),
        opened(Visit.end),
        answer("503 Service Unavailable"),
    ],
    ids=["code 1001", "code 1012", "code 1013", "after a heartbeat", "FIN", "HTTP 503"],
)
def test_trouble_is_not_taken_for_a_refusal_to_resume(
    trouble: Script, longest_pauses: list[float], serve: Serve
) -> None:
    server = serve(working(Visit.end), *[trouble] * 6, honest)
    assert len(read(server, 6)) == 6
    assert [visit.seq_start for visit in server.visits] == [None, *[3] * 7]


def test_a_window_whose_last_event_cannot_be_read_ends(
    longest_pauses: list[float], serve: Serve
) -> None:
    server = serve(
        opened(tell(2, 3), send(frame(b"\xff")), Visit.stay), opened(send(frame(b"\xff")))
    )
    told: list[Batch] = []
    window = StreamSettings(from_seq=2, to_seq=4)
    stream = open_stream(server.url(), KEY, window, on_status=told.append)
    assert [e.seq for e in stream] == [2, 3]
    assert [visit.seq_start for visit in server.visits] == [2, 4]
    assert [batch.content for batch in told][-1] == Gap(4, 4)


def test_a_stream_that_was_stopped_does_not_try_again(
    longest_pauses: list[float], serve: Serve
) -> None:
    gone = threading.Event()

    def leaving(visit: Visit) -> None:
        opened(tell(0))(visit)
        gone.wait(PATIENCE)
        visit.reset()

    server = serve(leaving)
    threads = threading.active_count()
    read(server, 1)
    gone.set()
    wait_until(lambda: threading.active_count() <= threads)
    assert longest_pauses == []


def test_what_waits_for_missing_events_does_not_wait_for_a_handshake(
    longest_pauses: list[float], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "OUTAGE_LIMIT", 100 * MS)
    server = serve(opened(tell(0, 2), close(1001)), Visit.wait)
    told: list[Batch] = []
    stream = open_stream(server.url(), KEY, on_status=told.append)
    assert [next(stream).seq, next(stream).seq] == [0, 2]
    assert Gap(1, 1) in [batch.content for batch in told]
    stream.close()  # type: ignore[attr-defined]


def test_a_connection_that_opens_after_the_end_is_closed(serve: Serve) -> None:
    ended = threading.Event()

    def late(visit: Visit) -> None:
        visit.read_request()
        ended.wait(PATIENCE)
        visit.send_raw(visit.handshake())
        visit.stay()

    server = serve(late)
    handover = Handover()
    live = Stream(server.url(), StreamKey("stream", KEY), handover)
    live.start()
    wait_until(lambda: server.visits and server.visits[0].request)
    live.stop()
    batch = handover.take(PATIENCE)
    assert batch is not None
    assert batch.content == Ended(None)
    ended.set()
    wait_until(lambda: server.visits[0].left)


def test_no_reconnect_raises_what_ended_it(serve: Serve) -> None:
    server = serve(working(Visit.end))
    stream = open_stream(server.url(), KEY, StreamSettings(reconnect=False))
    assert [next(stream).seq for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ConnectionFailed, match="closed without a word"):
        next(stream)


def test_reconnecting_leaves_nothing_behind(longest_pauses: list[float], serve: Serve) -> None:
    """No descriptor, no thread: a stream may run for weeks."""

    def one(visit: Visit) -> None:
        visit.shake_hands()
        visit.send_events([visit.seq_start or 0])
        [Visit.reset, Visit.end, steps(send(b"\x81"), Visit.end), Visit.send_close][
            visit.number % 4
        ](visit)

    server = serve(*[one] * 200, honest, newest=250)
    stream = open_stream(server.url(), KEY)
    for _ in range(20):
        next(stream)
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(150):
        next(stream)
    after = len(os.listdir("/proc/self/fd")), threading.active_count()
    assert max(after[0] - before[0], after[1] - before[1]) <= 8, "some are just being closed"


def test_a_message_that_finds_no_room_is_not_blamed_on_the_output(serve: Serve) -> None:
    server = serve(opened(say(unit(event(0, b"x" * (2 << 20)))), Visit.stay))
    handover = Handover(capacity=1 << 20)
    stream = Stream(server.url(), StreamKey("stream", KEY), handover)
    stream.start()
    taken = iter(lambda: handover.take(PATIENCE), None)
    backlogged = next(b.content for b in taken if isinstance(b.content, Backlogged))
    stream.stop()
    assert describe(backlogged)[1].startswith("large messages take all the memory")


def test_silence_is_noticed(longest_pauses: list[float], serve: Serve) -> None:
    server = serve(silent, honest)
    told: list[Batch] = []
    stream = open_stream(server.url(), KEY, StreamSettings(idle_timeout=0.2), on_status=told.append)
    assert next(stream).seq == 0
    reasons = [b.content.reason for b in told if isinstance(b.content, Disconnected)]
    assert reasons == ["no data for 0.2 s"]


def test_authorities_are_read_from_a_file(serve: Serve, server_tls: object, ca_file: str) -> None:
    server = serve(honest, tls=server_tls)
    settings = StreamSettings(ca_file=Path(ca_file))
    assert next(open_stream(server.url(), KEY, settings)).seq == 0


def test_a_failure_at_the_very_end_is_told(serve: Serve) -> None:
    """Whoever waits for the end would wait for ever."""

    class Failing(Handover):
        def put(self, batch: Batch) -> None:
            if batch.content == [event(2)]:
                raise MemoryError
            super().put(batch)

    server = serve(opened(tell(0, 2), Visit.stay))
    handover = Failing()
    live = Stream(server.url(), StreamKey("stream", KEY), handover)
    live.start()
    wait_until(lambda: live.session.holding)
    live.stop()
    contents: list[object] = []
    while not contents or not isinstance(contents[-1], Ended):
        batch = handover.take(PATIENCE)
        assert batch is not None
        contents.append(batch.content)
    assert isinstance(contents[-1].error, MemoryError)
