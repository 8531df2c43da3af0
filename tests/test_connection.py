"""One connection against literal bytes: what it makes of them, and what it answers."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from itertools import pairwise

import pytest
from command import MS, PATIENCE
from conftest import Serve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scenarios import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    VIOLATIONS,
    Script,
    Server,
    Visit,
    answer,
    event,
    event_frame,
    frame,
    send,
    steps,
    unit,
)

from dsstail import connection, wire
from dsstail.connection import Connection, TextMessage, open_connection
from dsstail.errors import ConnectionFailed, Rejected, Unreadable


class Line:
    """A connection under test, and the service's end of it, in one thread."""

    def __init__(self, client: Connection, visit: Visit) -> None:
        self.client = client
        self.visit = visit

    def receive(self, *chunks: bytes) -> list[bytes]:
        """Send chunks, one for each read; every message that comes of them, as `LENGTH|…`."""
        messages: list[bytes] = []
        for chunk in chunks:
            self.visit.send_raw(chunk)
            messages += plain(self.client.receive(PATIENCE))
        return messages

    def end(self, *, answering: bool = False) -> tuple[list[bytes], ConnectionFailed]:
        """Receive to the end: what came before it, and why it came."""
        messages: list[bytes] = []
        try:
            while True:
                messages += plain(self.client.receive(PATIENCE))
                if answering:
                    self.client.send("Z")
        except ConnectionFailed as failure:
            return messages, failure

    @property
    def close_code(self) -> int | None:
        """The code that the client closed the connection with."""
        self.visit.stay()
        return self.visit.close_code


def plain(received: list[connection.Received]) -> list[bytes]:
    """Messages as they were sent: the quick path has cut the lengths off."""
    messages: list[bytes] = []
    for item in received:
        messages += [item.payload] if isinstance(item, TextMessage) else map(unit, item)
    return messages


@contextmanager
def connected(**options: object) -> Iterator[Line]:
    ready = threading.Event()
    done = threading.Event()

    def hold(visit: Visit) -> None:
        visit.shake_hands()
        ready.set()
        done.wait(PATIENCE)

    with Server(hold) as server:
        client = open_connection(server.url(), **options)  # type: ignore[arg-type]
        assert ready.wait(PATIENCE)
        # Both ends wait a little for the other to leave; here they are in one thread.
        try:
            with client:
                yield Line(client, server.visits[0])
        finally:
            done.set()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(connection, "LINGER", 0.0)
    with connected() as found:
        yield found


# Messages.


def test_an_event_of_the_usual_size_is_cut_out(line: Line) -> None:
    line.visit.send_raw(frame(b"1|Z") + event_frame(0) + event_frame(1))
    assert line.client.receive(PATIENCE) == [TextMessage(b"1|Z"), [event(0), event(1)]]


def test_everything_else_is_a_message(line: Line) -> None:
    line.visit.send_raw(frame(b"1|Z") + event_frame(0) + frame(b"1|X", BINARY))
    assert line.client.receive(PATIENCE) == [
        TextMessage(b"1|Z"),
        [event(0)],
        TextMessage(b"1|X", binary=True),
    ]


def test_a_length_that_does_not_fit_is_not_for_the_quick_path(line: Line) -> None:
    lie = b"999|" + event(0)
    line.visit.send_raw(frame(lie))
    assert line.client.receive(PATIENCE) == [TextMessage(lie)]


def test_fragments_are_one_message(line: Line) -> None:
    chunks = [
        frame(b"47", fin=False),
        frame(b"ping", PING),
        frame(b"", CONTINUATION, fin=False),
        frame(b"0|" + event(0)[:100], CONTINUATION, fin=False) + frame(b"pong", PONG),
        frame(event(0)[100:], CONTINUATION) + frame(b"1|Z"),
    ]
    assert line.receive(*chunks) == [b"470|" + event(0), b"1|Z"]
    assert line.visit.hear() == PONG
    assert line.visit.pongs == [b"ping"]


def test_a_character_may_be_cut_between_fragments(line: Line) -> None:
    text = "3|ä".encode()
    assert line.receive(frame(text[:-1], fin=False), frame(text[-1:], CONTINUATION)) == [text]


def test_binary_messages_need_not_be_utf8(line: Line) -> None:
    assert line.receive(frame(b"\xff\xfe", BINARY)) == [b"\xff\xfe"]


def test_an_empty_message_is_a_message(line: Line) -> None:
    assert line.receive(frame(b"")) == [b""]


def test_nothing_is_received_where_nothing_came(line: Line) -> None:
    assert line.client.receive(0.01) == []
    assert not line.client.mid_message


def test_what_is_half_received_is_waited_for(line: Line) -> None:
    whole = event_frame(0)
    for cut in (1, 2, 3, 4, 50, len(whole) - 1):
        line.visit.send_raw(whole[:cut])
        assert line.client.receive(PATIENCE) == []
        assert line.client.mid_message
        assert line.client.receive(0.01) == []
        assert line.receive(whole[cut:]) == [unit(event(0))]
        assert not line.client.mid_message


def test_bytes_are_counted(line: Line) -> None:
    line.receive(event_frame(0), frame(b"1|Z"))
    assert line.client.bytes_received == len(event_frame(0)) + 5


def test_one_read_is_all_that_a_call_takes(line: Line) -> None:
    """Or a service that sends without end would keep the answers waiting."""
    many = event_frame(0) * 2000
    sender = threading.Thread(target=line.visit.send_raw, args=[many])
    sender.start()
    received = 0
    calls = 0
    while received < 2000:
        received += len(plain(line.client.receive(PATIENCE)))
        calls += 1
    sender.join()
    assert calls >= len(many) // wire.LONG_READ


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535])
def test_a_text_is_sent_masked_and_whole(size: int, line: Line) -> None:
    line.client.send("Z" * size)
    assert line.visit.hear_answer() == b"Z" * size


def test_pings_of_every_size_are_answered(line: Line) -> None:
    payloads = [bytes(range(size)) for size in range(126)]
    line.visit.send_raw(b"".join(frame(payload, PING) for payload in payloads))
    while len(line.visit.pongs) < len(payloads):
        line.client.receive(0.0)
        line.visit.hear()
    assert line.visit.pongs == payloads


def test_each_answer_has_a_mask_of_its_own(line: Line) -> None:
    line.client.send("Z", times=100)
    answers = line.visit.sock.recv(100 * 7, socket.MSG_WAITALL)
    masks = {answers[at + 2 : at + 6] for at in range(0, len(answers), 7)}
    assert len(masks) == 100


# Ends.


def test_what_came_before_the_end_comes_first(line: Line) -> None:
    line.visit.send_raw(frame(b"1|Z") + event_frame(0) + frame(struct.pack("!H", 1001), CLOSE))
    assert line.client.receive(PATIENCE) == [TextMessage(b"1|Z"), [event(0)]]
    with pytest.raises(ConnectionFailed, match=r"the service closed the connection \(code 1001\)"):
        line.client.receive(PATIENCE)
    with pytest.raises(ConnectionFailed):
        line.client.receive(PATIENCE)


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_has_its_close_code(name: str, line: Line) -> None:
    data, code = VIOLATIONS[name]
    sender = threading.Thread(target=line.visit.send_raw, args=[event_frame(2) + data])
    sender.start()
    messages, _ = line.end()
    sender.join()
    assert messages == [unit(event(2))]
    assert line.close_code == code


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(unit(event(3, b"\xff"))), "a message was not UTF-8"),
        (
            frame(b"", length=1 << 62),
            "a message of 4611686018427387904 bytes is above the limit of 16777216",
        ),
        (frame(b"{", rsv=4), "protocol violation: unknown opcode or reserved bits"),
    ],
)
def test_a_message_that_cannot_be_taken_is_told_as_such(
    data: bytes, reason: str, line: Line
) -> None:
    line.visit.send_raw(data)
    with pytest.raises(Unreadable) as failed:
        line.client.receive(PATIENCE)
    assert str(failed.value) == reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(b"\x03", CLOSE), "invalid close frame"),
        (frame(b"\x03\xe7", CLOSE), "invalid close code 999"),
        (frame(b"\x03\xe8\xff", CLOSE), "a close reason that is not UTF-8"),
        (frame(bytes(126), PING), "control frame fragmented or long"),
    ],
)
def test_a_bad_control_frame_is_no_message(data: bytes, reason: str, line: Line) -> None:
    line.visit.send_raw(data)
    with pytest.raises(ConnectionFailed) as failed:
        line.client.receive(PATIENCE)
    assert str(failed.value) == f"protocol violation: {reason}"
    assert not isinstance(failed.value, Unreadable)


@pytest.mark.parametrize(
    "text", [event(1) + b"1|Z", event(2) + unit(event(3)), event(4)[:-1], event(5) + b","]
)
def test_a_text_that_is_more_or_less_than_an_event_is_a_message(text: bytes, line: Line) -> None:
    line.visit.send_raw(event_frame(0) + frame(unit(text)) + event_frame(1))
    assert line.client.receive(PATIENCE) == list(
        map(TextMessage, map(unit, (event(0), text, event(1))))
    )


def test_events_before_one_that_is_not_utf8_are_received(line: Line) -> None:
    bad = frame(unit(event(2, b"\xc3")))
    line.visit.send_raw(event_frame(0) + event_frame(1) + bad + event_frame(3))
    messages, failure = line.end()
    assert messages == [unit(event(0)), unit(event(1))]
    assert str(failure) == "a message was not UTF-8"
    assert line.close_code == 1007


@pytest.mark.parametrize(
    ("limit", "message", "accepted"),
    [
        (1000, b"x" * 1000, True),
        (1000, b"x" * 1001, False),
        (70_000, b"x" * 70_000, True),
        (4, b"1|Z", True),
        (2, b"1|Z", False),
        (474, unit(event(0)), True),
        (473, unit(event(0)), False),
    ],
)
def test_the_limit_is_exact(limit: int, message: bytes, accepted: bool) -> None:
    with connected(max_message_size=limit) as line:
        line.visit.send_raw(frame(b"", PONG) + frame(message))
        if accepted:
            received: list[bytes] = []
            while not received:
                received = plain(line.client.receive(PATIENCE))
            assert received == [message]
        else:
            with pytest.raises(Unreadable, match="above the limit"):
                line.client.receive(PATIENCE)


LARGE = unit(event(0, b"x" * (1 << 20)))

FORMS = {
    "one frame": frame(LARGE),
    "fragments": frame(LARGE[:70_000], fin=False)
    + frame(LARGE[70_000:140_000], CONTINUATION, fin=False)
    + frame(LARGE[140_000:], CONTINUATION),
    "small fragments": frame(b"", fin=False)
    + b"".join(
        frame(LARGE[at : at + 100], CONTINUATION, fin=False) for at in range(0, len(LARGE), 100)
    )
    + frame(b"", CONTINUATION),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_large_message_waits_for_room_and_what_came_before_does_not(name: str) -> None:
    asked: list[int] = []

    def admit(size: int) -> bool:
        asked.append(size)
        return len(asked) % 3 == 0

    with connected(admit=admit) as line:
        data = frame(b"1|Z") + FORMS[name] + frame(b"1|X")
        sender = threading.Thread(target=line.visit.send_raw, args=[data])
        sender.start()
        received: list[bytes] = []
        while len(received) < 3:
            received += plain(line.client.receive(PATIENCE))
        sender.join()
    assert received == [b"1|Z", LARGE, b"1|X"]
    assert asked == sorted(asked)
    assert len(asked) >= 3
    assert asked[-1] >= len(LARGE) - connection.UNASKED


def test_a_swarm_of_fragments_has_a_limit(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_FRAGMENTS", 1000)
    swarm = frame(b"", CONTINUATION, fin=False) * 998
    assert line.receive(frame(b"1", fin=False) + swarm + frame(b"|Z", CONTINUATION)) == [b"1|Z"]
    line.visit.send_raw(frame(b"1", fin=False) + swarm * 2)
    _, failure = line.end()
    assert str(failure) == "a message of more than 1000 fragments"
    assert line.close_code == 1009


def test_fragments_are_held_to_the_limit_before_they_come() -> None:
    with connected(max_message_size=1000) as line:
        line.visit.send_raw(frame(b"x" * 600, fin=False) + frame(b"", CONTINUATION, length=401))
        with pytest.raises(Unreadable, match="a message of 1001 bytes is above the limit of 1000"):
            line.client.receive(PATIENCE)


def test_control_frames_between_fragments_do_not_count() -> None:
    with connected(max_message_size=100) as line:
        data = (
            frame(b"x" * 60, fin=False) + frame(bytes(120), PING) + frame(b"y" * 40, CONTINUATION)
        )
        assert line.receive(data) == [b"x" * 60 + b"y" * 40]


def test_a_goodbye_is_a_close_frame(line: Line) -> None:
    line.client.close()
    line.visit.stay()
    assert line.visit.close_code == 1000
    line.client.close()


@pytest.mark.parametrize("between", [b"", frame(b"p", PING)], ids=["an answer", "a pong"])
def test_after_a_failed_answer_the_rest_is_still_received(between: bytes, line: Line) -> None:
    line.visit.send_raw(event_frame(0) + between + event_frame(1))
    line.visit.reset()
    messages, failure = line.end(answering=True)
    assert messages == [unit(event(0)), unit(event(1))]
    assert str(failure) == "connection lost while answering (reset by the other side)"


def test_a_peer_that_reads_nothing_is_given_up(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the answer may be out: nothing can follow it."""
    line.client._wire.send_timeout = 50 * MS
    line.visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    large = "x" * (8 << 20)
    line.client.send(large)
    line.client.send("Z")
    with pytest.raises(ConnectionFailed, match=r"connection lost while answering \(timed out\)"):
        line.client.receive(PATIENCE)


# Handshakes.


def test_the_request_says_who_asks_and_nothing_more() -> None:
    with connected() as line:
        head = line.visit.request.split("\r\n")
    names = [header.split(":")[0] for header in head[1:] if header]
    assert head[0] == "GET /stream HTTP/1.1"
    assert sorted(names) == [
        "Connection",
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Upgrade",
        "User-Agent",
    ]


def test_what_follows_the_handshake_at_once_is_not_lost(serve: Serve) -> None:
    """Neither are its line breaks, which look like headers."""
    message = b"1|Z\r\nset-cookie: a=b\r\n\r\nretry-after: 9\r\n"

    def at_once(visit: Visit) -> None:
        visit.read_request()
        visit.send_raw(visit.handshake() + frame(message) + event_frame(0))
        visit.stay()

    server = serve(at_once)
    with open_connection(server.url()) as client:
        received: list[bytes] = []
        while len(received) < 2:
            received += plain(client.receive(PATIENCE))
    assert received == [message, unit(event(0))]


ODD_HEADS = {
    "a header that is no header": ["nonsense"],
    "a header on two lines": ["X: a", " b"],
    "a header that is not UTF-8": ["X: \udcff"],
    "a cookie": ["Set-Cookie: a=b"],
    "another key in another case": ["x-sec-websocket-accept: c"],
}


@pytest.mark.parametrize("name", ODD_HEADS)
def test_what_else_the_head_says_does_not_matter(name: str, serve: Serve) -> None:
    def odd(visit: Visit) -> None:
        visit.read_request()
        more = "".join(f"\r\n{header}" for header in ODD_HEADS[name])
        head = visit.handshake().replace(
            b"\r\n", more.encode(errors="surrogateescape") + b"\r\n", 1
        )
        visit.send_raw(head + frame(b"1|Z"))
        visit.stay()

    with open_connection(serve(odd).url()) as client:
        assert client.receive(PATIENCE) == [TextMessage(b"1|Z")]


@pytest.mark.parametrize("interim", ["100 Continue", "103 Early Hints\r\nLink: </a>"])
def test_interim_answers_are_passed_over(interim: str, serve: Serve) -> None:
    def patient(visit: Visit) -> None:
        visit.read_request()
        for part in (f"HTTP/1.1 {interim}\r\n\r\n".encode() * 2, visit.handshake(), frame(b"1|Z")):
            visit.send_raw(part)
        visit.stay()

    with open_connection(serve(patient).url()) as client:
        assert client.receive(PATIENCE) == [TextMessage(b"1|Z")]


def test_interim_answers_have_an_end(serve: Serve) -> None:
    endless = steps(Visit.read_request, send(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000), Visit.wait)
    with pytest.raises(ConnectionFailed, match="sent an endless response header"):
        open_connection(serve(endless).url())


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ([], None),
        (["Retry-After: 7"], 7.0),
        (["retry-after:7"], 7.0),
        (["RETRY-AFTER: \t 0 "], 0.0),
        (["Retry-After: 999999999"], 3600.0),
        (["Retry-After: 9999999999999999999999"], 3600.0),
        (["Retry-After: -1"], None),
        (["Retry-After: soon"], None),
        (["Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"], 0.0),
        (["Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"], 3600.0),
        (["Retry-After: Fri, 31 Dec 9999 23:59:59 -9999"], None),
        (["Retry-After: Fri, 99 Foo 99999 99:99:99 GMT"], None),
        (["X-Retry-After: 7"], None),
        (["X: a\r\n\r\nRetry-After: 7"], None),  # in the body
    ],
)
def test_the_service_can_ask_for_a_pause(
    headers: list[str], pause: float | None, serve: Serve
) -> None:
    server = serve(answer("503 Busy", *headers))
    with pytest.raises(Rejected) as rejected:
        open_connection(server.url())
    assert (rejected.value.status, rejected.value.retry_after) == (503, pause)
    assert not rejected.value.final


def test_the_pause_can_be_a_date(serve: Serve) -> None:
    server = serve(answer("503 Busy", f"Retry-After: {formatdate(time.time() + 60, usegmt=True)}"))
    with pytest.raises(Rejected) as rejected:
        open_connection(server.url())
    assert rejected.value.retry_after is not None
    assert 30 < rejected.value.retry_after <= 60


@pytest.mark.parametrize("status", [401, 403, 404])
def test_some_rejections_are_final(status: int, serve: Serve) -> None:
    server = serve(answer(f"{status} No"))
    with pytest.raises(Rejected, match=f"answered HTTP {status} No") as rejected:
        open_connection(server.url())
    assert rejected.value.final


def test_no_failure_quotes_the_answer(serve: Serve) -> None:
    server = serve(answer("101 Switching Protocols", "X-Echo: secret", body=b"secret"))
    with pytest.raises(ConnectionFailed) as failed:
        open_connection(server.url())
    assert "secret" not in f"{failed.value!r} {failed.value.__cause__!r}"
    assert failed.value.__suppress_context__


DRIPS: dict[str, Script] = {
    "the status line": lambda visit: visit.drip(b"HTTP/1.1 101 Switching Protocols" * 9, 10 * MS),
    "the headers": steps(
        send(b"HTTP/1.1 101 OK\r\n"), lambda visit: visit.drip(b"X: y\r\n" * 99, 5 * MS)
    ),
    "nothing": Visit.wait,
}


@pytest.mark.parametrize("name", DRIPS)
def test_a_handshake_ends_in_time(name: str, serve: Serve) -> None:
    server = serve(steps(Visit.read_request, DRIPS[name]))
    with pytest.raises(ConnectionFailed, match=r"did not answer the handshake within 0\.3 s"):
        open_connection(server.url(), timeout=0.3)


# The quick path and the careful one.

_TEXTS = st.one_of(
    st.binary(max_size=8).map(lambda value: event(0, value)),
    st.sampled_from([121, 122, 125, 126, 999, 1000]).map(
        lambda size: b"{" + b"x" * (size - 2) + b"}"
    ),
    st.text(max_size=200).map(lambda value: event(1, value.encode(errors="replace"))),
    st.just(event(2, b"|Z|1|Z")),
)
_PAYLOADS = st.one_of(
    _TEXTS.map(unit),
    st.sampled_from(
        [b"1|Z", b"", b"1|X", b"999|" + event(0), b"471|" + event(0), unit(event(0)) + b"1|Z"]
    ),
    st.binary(max_size=6),
)
_FRAMES = st.one_of(
    _PAYLOADS.map(frame),
    _PAYLOADS.map(frame),
    _TEXTS.map(lambda text: frame(unit(text))),
    _PAYLOADS.map(lambda payload: frame(payload, BINARY)),
    st.binary(max_size=5).map(lambda payload: frame(payload, PING)),
    st.just(frame(b"", PONG)),
    st.tuples(_PAYLOADS, st.integers(0, 600)).map(
        lambda cut: frame(cut[0][: cut[1]], fin=False) + frame(cut[0][cut[1] :], CONTINUATION)
    ),
    # A length in more bytes than it needs, and a header that only looks usual.
    st.just(b"\x81\x7e\x00\x031|Z"),
    st.just(b"\x81\x7e\x01\xda470|" + event(0)),
    st.just(b"\x82\x7e\x01\xda470|" + event(0)),
)
_ENDINGS = st.one_of(
    st.just(b""),
    st.sampled_from([data for data, _ in VIOLATIONS.values() if len(data) < 10_000]),
    st.sampled_from([frame(b"\x03\xe9bye", CLOSE), event_frame(0)[:50]]),
    st.binary(max_size=40),
)
_STREAMS = st.tuples(st.lists(_FRAMES, max_size=8).map(b"".join), _ENDINGS).map(b"".join)


def outcome(chunks: list[bytes]) -> tuple[list[bytes], str, int | None, list[bytes]]:
    """All that a connection makes of a stream of bytes, and all that it says."""
    with connected() as line:
        messages: list[bytes] = []
        failure = ""
        try:
            for chunk in chunks:
                line.visit.send_raw(chunk)
                messages += plain(line.client.receive(PATIENCE))
            line.visit.sock.shutdown(socket.SHUT_WR)
            while True:
                messages += plain(line.client.receive(PATIENCE))
        except ConnectionFailed as failed:
            failure = f"{type(failed).__name__}: {failed}"
        line.visit.stay()
        return messages, failure, line.visit.close_code, line.visit.pongs


@settings(max_examples=100)
@given(_STREAMS, st.lists(st.integers(1, 2000), max_size=6), st.data())
@example(event_frame(0) * 3 + frame(unit(event(1, b"\xff"))) + event_frame(2), [9, 470, 475], None)
@example(frame(b"4", fin=False) + event_frame(0), [], None)
def test_both_paths_make_the_same_of_any_bytes_cut_anywhere(
    stream: bytes, cuts: list[int], data: object
) -> None:
    places = sorted({0, *(cut % (len(stream) + 1) for cut in cuts), len(stream)})
    chunks = [stream[a:b] for a, b in pairwise(places)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "LINGER", 0.0)
        quick = outcome(chunks)
        whole = outcome([stream] if stream else [])
        patch.setattr(connection, "USUAL", {})
        patch.setattr(connection, "_SMALL", set())
        careful = outcome(chunks)
    assert quick == careful == whole


def test_the_quick_path_is_taken() -> None:
    """Or the test above would compare the careful path with itself."""
    with connected() as line:
        line.visit.send_raw(event_frame(0) * 3)
        received = line.client.receive(PATIENCE)
    assert received == [[event(0)] * 3]


def test_a_usual_frame_may_be_torn_anywhere(line: Line) -> None:
    """By the end of a read, which the quick path finds out only afterwards."""
    frames = event_frame(0) + event_frame(1)
    for cut in range(1, len(frames)):
        before = line.receive(frames[:cut])
        assert before == [unit(event(0))] * (cut >= len(event_frame(0)))
        assert line.client.mid_message == (cut != len(event_frame(0)))
        assert before + line.receive(frames[cut:]) == [unit(event(0)), unit(event(1))]
        assert not line.client.mid_message


def test_what_waits_keeps_no_memory(line: Line) -> None:
    """Of many streams, each could keep half a megabyte."""
    many = b"".join(map(event_frame, range(5000)))
    sender = threading.Thread(target=line.visit.send_raw, args=[many])
    sender.start()
    received = 0
    while received < 5000:
        received += len(plain(line.client.receive(PATIENCE)))
    sender.join()
    assert line.client.receive(0.0) == []
    assert line.client._wire.data == b""


@pytest.mark.parametrize("small", [frame(b""), frame(b"", PING), b"\x81\x7e\x00\x031|X"])
def test_a_read_of_small_frames_is_short(small: bytes, line: Line) -> None:
    """What comes first in it should not wait for a hundred thousand others."""
    line.visit.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    many = small * (wire.LONG_READ // len(small))
    sender = threading.Thread(target=line.visit.send_raw, args=[many])
    sender.start()
    before = 0
    while before < len(many):
        line.client.receive(PATIENCE)
        assert line.client.bytes_received - before <= wire.SHORT_READ
        before = line.client.bytes_received
    sender.join()
