"""What a hostile service sends in quantity: answers in time all the same, and memory in bounds."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import Command, wait_until
from conftest import Serve, Starter
from scenarios import (
    CONTINUATION,
    PING,
    Script,
    Visit,
    event,
    event_frame,
    frame,
    opened,
    send,
    unit,
)
from test_resilience import wait_for_answers

MEMORY = 200 << 20
"""Bytes that the process may take, whatever comes."""

LITTLE = 100 << 20
"""Bytes that it may take for what costs more when it is decoded: most of SIZE does."""

SIZE = 4 << 20
"""Bytes of an event that takes long to look through."""

LARGEST = (16 << 20) - 100
"""Bytes of an event that is just about accepted."""


def event_of(size: int, part: bytes) -> bytes:
    """An event whose value is an array with so many bytes of these parts."""
    return b'{"seq":"0","value":[%b0]}' % (part * (size // len(part)))


def nested(size: int, opening: bytes, closing: bytes) -> bytes:
    depth = size // len(opening + closing)
    return b'{"seq":"0","value":%b0%b}' % (opening * depth, closing * depth)


def numbered(count: int) -> Iterator[bytes]:
    return (b'{"seq":"%d","value":"%b"}' % (seq, b"x" * 40) for seq in range(count))


MOST = 1 << 17  # units or elements that one message may hold

FLOODS: dict[str, tuple[Callable[[], bytes], int]] = {
    "pairs in pairs": (lambda: frame(unit(event_of(SIZE, b"[[]],"))), 1),
    "objects in arrays": (lambda: frame(unit(event_of(SIZE, b'[{"":[{}]}],'))), 1),
    "numbers": (lambda: frame(unit(event_of(SIZE, b"1,"))), 1),
    "escapes": (lambda: frame(unit(event(0, b"\\n" * (SIZE // 2)))), 1),
    "deep": (lambda: frame(unit(nested(SIZE, b'[{"":', b"}]"))), 1),
    "JSON that breaks at its end": (lambda: frame(unit(event_of(SIZE, b"[[]],") + b"!")), 1),
    "an array of events": (lambda: frame(unit(b"[%b]" % b",".join(numbered(MOST)))), MOST),
    "events in one message": (lambda: frame(b"".join(map(unit, numbered(MOST)))), MOST),
    "pings": (lambda: frame(b"", PING) * 25_000, 0),
    "messages that are nothing": (lambda: frame(b"nothing") * 25_000, 0),
    "small events": (lambda: frame(b"2|{}") * 25_000, 25_000),
    "wrong lengths": (lambda: b"".join(frame(b"1|" + event(n)) for n in range(10_000)), 10_000),
    "fragments": (
        lambda: (
            frame(b"1", fin=False)
            + frame(b"", CONTINUATION, fin=False) * 50_000
            + frame(b"|X", CONTINUATION)
        ),
        0,
    ),
}
"""Each with the number of events in it."""


@pytest.mark.parametrize("name", FLOODS)
def test_a_heartbeat_behind_it_is_answered(name: str, dsstail: Starter, serve: Serve) -> None:
    make, events = FLOODS[name]
    flood = make()

    def flooding(visit: Visit) -> None:
        opened()(visit)
        visit.listen_aside()
        visit.send_raw(flood)
        visit.send_heartbeat()
        wait_until(lambda: visit.left)

    server = serve(flooding)
    command = dsstail("--url", server.url())
    wait_until(lambda: server.visits, "a connection")
    wait_for_answers(server.visits[0], 1)
    command.wait_for_events(events)
    assert command.memory() < LITTLE
    done = command.stop()
    assert done.lines[-1].startswith(f"{events} event")
    assert events != 1 or done.out.removesuffix(b"\n") in flood


def test_a_heartbeat_behind_it_is_answered_over_tls(
    dsstail: Starter, serve: Serve, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    make, events = FLOODS["pairs in pairs"]
    flood = make()

    def flooding(visit: Visit) -> None:
        opened()(visit)
        visit.send_raw(flood)
        visit.send_heartbeat()
        visit.stay()

    server = serve(flooding, tls=server_tls)
    command = dsstail("--url", server.url(), "--ca-file", ca_file)
    command.wait_for_events(events)
    wait_for_answers(server.visits[0], 1)
    assert command.stop().lines[-1].startswith(f"{events} event")


def test_a_message_of_heartbeats_is_answered_with_as_many(dsstail: Starter, serve: Serve) -> None:
    count = 20_000
    server = serve(opened(lambda visit: visit.send_text(b"1|Z" * count), Visit.stay))
    command = dsstail("--url", server.url())
    wait_until(lambda: server.visits and len(server.visits[0].heard) >= count)
    command.stop()
    assert server.visits[0].heard == [b"Z"] * count


def keys(count: int) -> list[str]:
    return [word for n in range(count) for word in ("--key", f"s{n}=stream-key-{n}")]


def cut(message: bytes, size: int) -> bytes:
    """A message in fragments of this size."""
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    first, *others, last = parts
    return b"".join(
        [
            frame(first, fin=False),
            *(frame(part, CONTINUATION, fin=False) for part in others),
            frame(last, CONTINUATION),
        ]
    )


LARGE: dict[str, Callable[[], bytes]] = {
    "text": lambda: frame(unit(event(0, b"x" * (LARGEST - 500)))),
    "text with one wide character": lambda: frame(
        unit(event(0, "🎈".encode() + b"x" * (LARGEST - 500)))
    ),
    "fragments": lambda: cut(unit(event(0, b"x" * (LARGEST - 500))), 1 << 16),
    "nothing known": lambda: frame(b"x" * LARGEST),
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("name", "streams", "words"),
    [
        ("text", 4, []),
        *((name, 8, []) for name in LARGE),
        ("text", 8, ["record", "{stream}.jsonl"]),
        ("text", 8, ["--dsn", "VD*"]),
    ],
)
def test_large_messages_in_all_streams_fit_in_memory(
    name: str, streams: int, words: list[str], dsstail: Starter, serve: Serve
) -> None:
    """Where there is no room for all at once, some are asked for again."""
    large = LARGE[name]()
    answered: set[str] = set()

    def flooding(visit: Visit) -> None:
        opened()(visit)
        visit.send_raw(large)
        visit.send_heartbeat()
        visit.hear_answer()
        answered.add(visit.query["stream_key"])
        visit.stay()

    server = serve(flooding)
    options = ("--url", server.url(), "-q", *keys(streams))
    command = dsstail(*words, *options, key=None, stdout=subprocess.DEVNULL)
    wait_until(lambda: len(answered) == streams, "an answer in every stream")
    assert command.memory() < MEMORY
    command.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_recordings_of_large_events_go_on_in_little_memory(
    dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    def one_more(visit: Visit) -> None:
        visit.shake_hands()
        visit.send_text(unit(event(visit.seq_start or 0, b"x" * (LARGEST - 500))))
        visit.stay()

    def record(lines: int) -> None:
        command = dsstail("--url", server.url(), "record", "{stream}.jsonl", *keys(6), key=None)
        wait_until(
            lambda: (
                sum(path.stat().st_size for path in tmp_path.glob("*.jsonl"))
                >= lines * (LARGEST - 500)
            )
        )
        assert command.memory() < MEMORY
        command.stop()

    server = serve(one_more)
    record(lines=6)
    record(lines=12)


@pytest.mark.parametrize("words", [["-o", "json"], ["record", "{stream}.jsonl"]], ids=str)
def test_floods_in_many_streams_cost_no_connection_where_somebody_reads(
    words: list[str], dsstail: Starter, serve: Serve
) -> None:
    """The writer gets its turn among sixty readers, none of which is ever short of work."""
    streams, events = 60, 3_000  # about half as many bytes again as may wait
    flood = b"".join(map(event_frame, range(events)))
    server = serve(opened(send(flood), Visit.stay))
    options = ("--url", server.url(), "-c", str(streams * events), *keys(streams))
    done = dsstail(*words, *options, key=None, stdout=subprocess.DEVNULL).finish()
    assert f"{streams * events} events, 0 reconnects, 0 gaps, 0 malformed" in done.err
    assert done.code == 0


def unread(dsstail: Starter, *words: str) -> tuple[Command, int]:
    """A command whose stdout nobody reads, and the end where that could be done."""
    reading, writing = os.pipe()
    command = dsstail(*words, stdout=writing, key=None)
    os.close(writing)
    return command, reading


def endless(frames: Callable[[int], bytes]) -> Script:
    """Send frames made of a running number until the client has had enough."""

    def flooding(visit: Visit) -> None:
        visit.shake_hands()
        visit.listen_aside()
        number = 0
        while not visit.left:
            visit.send_raw(frames(number))
            number += 1

    return flooding


UNREAD: dict[str, Script] = {
    "events": endless(lambda n: b"".join(event_frame(100 * n + i) for i in range(100))),
    "large events": endless(lambda n: frame(unit(event(n, b"x" * (LARGEST - 500))))),
    "small events": endless(lambda n: frame(b"2|{}" * 100) * 10),
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("name", UNREAD)
def test_what_nobody_reads_fits_in_memory(name: str, dsstail: Starter, serve: Serve) -> None:
    server = serve(UNREAD[name])
    command, reading = unread(dsstail, "--url", server.url(), *keys(3))
    wait_until(lambda: len(server.visits) >= 3 and all(visit.left for visit in server.visits[:3]))
    assert command.memory() < MEMORY
    command.stop()
    os.close(reading)
