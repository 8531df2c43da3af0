"""Who writes events, in which order, and how they are counted.

A reader writes a few itself into a pipe, as long as it need not wait for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from command import wait_until
from conftest import Runner, Serve, Starter
from scenarios import Script, Visit, event, event_frame, frame, lines, opened, send, tell, unit
from test_resilience import wait_for_answers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="others have no such way")

SMALLEST = 4096
"""Bytes of a pipe that holds one page."""


USUAL = 1 << 16
"""Bytes of a pipe, unless somebody chooses otherwise."""


@contextmanager
def piped(size: int = USUAL) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Both ends of a pipe that has room for so many bytes."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, size)
    with open(ends[0], "rb", 0) as reading, open(ends[1], "wb", 0) as writing:
        yield reading, writing


def fill(pipe: BinaryIO) -> int:
    """Put blanks into a pipe until it is full, as another program would; how many that were."""
    os.set_blocking(pipe.fileno(), False)
    filled = 0
    while written := pipe.write(b" " * SMALLEST):
        filled += written
    os.set_blocking(pipe.fileno(), True)
    return filled


def read(pipe: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = pipe.read(size - len(data))
        assert more, data
        data += more
    return data


def one_by_one(visit: Visit, arrived: list[int], last: int) -> None:
    """Send each event when the one before it has arrived, which `arrived` counts."""
    visit.shake_hands()
    for number in range(last + 1):
        wait_until(lambda number=number: len(arrived) >= number)  # type: ignore[misc]
        visit.send_events([number])
    visit.stay()


@pytest.mark.parametrize("ending", [["--count", "3"], ["--expect", "seq=2"]], ids=str)
@pytest.mark.parametrize("streams", [1, 3])
def test_the_last_event_wanted_ends_it(
    ending: list[str], streams: int, dsstail: Starter, serve: Serve
) -> None:
    """It is written by a reader, and the writer has to learn of it."""
    arrived: list[int] = []
    server = serve(lambda visit: one_by_one(visit, arrived, 5), opened(Visit.stay))
    keys = [word for n in range(streams) for word in ("--key", f"s{n}=stream-key-{n}")]
    with piped() as (reading, writing):
        command = dsstail("--url", server.url(), *ending, *keys, key=None, stdout=writing)
        writing.close()
        for line in reading:
            assert json.loads(line)["seq"] == str(len(arrived))
            arrived.append(1)
    done = command.finish()
    assert (done.code, len(arrived)) == (0, 3)
    assert "3 events, 0 reconnects, 0 gaps, 0 malformed" in done.err


def test_a_pipe_that_closes_between_two_events_ends_it(dsstail: Starter, serve: Serve) -> None:
    server = serve(opened(tell(0), Visit.stay))
    with piped() as (reading, writing):
        command = dsstail("--url", server.url(), "--quiet", stdout=writing)
        writing.close()
        assert read(reading, len(lines([0]))) == lines([0])
        reading.close()
        server.visits[0].send_events([1])
        done = command.finish()
    assert (done.code, done.err) == (0, "")


def test_a_pipe_that_somebody_else_fills_keeps_no_heartbeat_waiting(
    dsstail: Starter, serve: Serve
) -> None:
    server = serve(opened(tell(0), Visit.stay))
    with piped(SMALLEST) as (reading, writing):
        command = dsstail("--url", server.url(), "--count", "20", stdout=writing)
        assert read(reading, len(lines([0]))) == lines([0])
        blanks = b" " * fill(writing)
        (visit,) = server.visits
        for number in range(1, 20):
            visit.send_events([number])
            visit.send_heartbeat()
            wait_for_answers(visit, number)
        assert os.get_blocking(writing.fileno()), "those who share stdout did not ask for this"
        expected = blanks + lines(range(1, 20))
        assert read(reading, len(expected)) == expected
        assert command.finish().code == 0


@pytest.mark.parametrize(
    ("size", "becomes"), [(SMALLEST, SMALLEST), (USUAL, 4 * USUAL), (16 * USUAL, 16 * USUAL)]
)
def test_a_pipe_is_widened_unless_its_size_was_chosen(
    size: int, becomes: int, dsstail: Starter, serve: Serve
) -> None:
    server = serve(opened(tell(0), Visit.stay))
    with piped(size) as (reading, writing):
        command = dsstail("--url", server.url(), "--count", "1", stdout=writing)
        assert read(reading, len(lines([0]))) == lines([0])
        assert fcntl.fcntl(reading, fcntl.F_GETPIPE_SZ) == becomes
    assert command.finish().code == 0


def mixed(events: int) -> Script:
    """Lone events and bursts, some of them large, with notices and heartbeats among them."""

    def talking(visit: Visit) -> None:
        chance = random.Random(visit.number)
        visit.shake_hands()
        visit.listen_aside()
        beats: list[int] = []
        number = 0
        while number < events:
            count = min(chance.choice([1, 1, 1, 2, 8, 60]), events - number)
            for seq in range(number, number + count):
                value = b"x" * chance.choice([3, 3, 3, 300, 3000])
                visit.send_raw(frame(unit(event(seq, value))))
            number += count
            if chance.random() < 0.2:
                visit.send_text(b"%d is nothing" % number)
            if chance.random() < 0.2:
                visit.send_heartbeat()
                beats.append(number)
                wait_until(lambda: len(visit.heard) == len(beats) or visit.left)
        wait_until(lambda: visit.left)

    return talking


@pytest.mark.parametrize("size", [SMALLEST, USUAL])
@pytest.mark.parametrize("streams", [1, 3])
def test_order_is_kept_on_both_ways(
    size: int, streams: int, dsstail: Starter, serve: Serve
) -> None:
    """Where the pipe has no room events wait, and those behind them too."""
    events = 1000
    server = serve(mixed(events))
    keys = [word for n in range(streams) for word in ("--key", f"s{n}=stream-key-{n}")]
    count = ("--count", str(streams * events))
    chance = random.Random(0)
    nexts = dict.fromkeys((f"s{n}" for n in range(streams)), 0)
    with piped(size) as (reading, writing):
        command = dsstail("--url", server.url(), *count, *keys, key=None, stdout=writing)
        writing.close()
        rest = b""
        while more := reading.read(chance.choice([1, 500, 1 << 16])):
            *whole, rest = (rest + more).split(b"\n")
            for line in whole:
                told = json.loads(line)
                stream = told.get("_dsstail", {"stream": "s0"})["stream"]
                assert told["seq"] == str(nexts[stream])
                nexts[stream] += 1
        assert rest == b""
    done = command.finish()
    assert done.code == 0
    assert set(nexts.values()) == {events}
    assert f"{streams * events} events, 0 reconnects, 0 gaps, " in done.err


@pytest.mark.parametrize("words", [[], ["record", "out.jsonl"]], ids=str)
def test_what_a_filter_leaves_out_is_counted(
    words: list[str], dsstail: Starter, serve: Serve
) -> None:
    """With what is wanted, before a notice, and at the end, where nothing wanted follows."""
    other = [frame(unit(event(seq).replace(b"VD0", b"AC0"))) for seq in range(10)]

    def talking(visit: Visit) -> None:
        visit.shake_hands()
        visit.send_raw(b"".join([*other[:2], event_frame(2), *other[3:5]]))
        visit.send_text(b"nothing")
        visit.send_raw(b"".join([event_frame(5), *other[6:9]]))
        visit.send_heartbeat()
        visit.hear_answer()
        visit.send_raw(other[9])
        visit.send_close()
        visit.stay()

    server = serve(talking, opened(Visit.stay))
    command = dsstail("--url", server.url(), *words, "--dsn", "VD*")
    wait_until(lambda: len(server.visits) == 2 and server.visits[1].request)
    assert server.visits[1].seq_start == 10, "what is left out was received all the same"
    done = command.stop()
    assert "2 of 10 events, 1 reconnect, 0 gaps, 1 malformed" in done.err
    if not words:
        assert done.out == lines([2, 5])


def test_events_that_are_the_same_are_counted_one_by_one(run: Runner, serve: Serve) -> None:
    server = serve(opened(send(frame(b"2|{}") * 5), Visit.stay))
    done = run("--url", server.url(), "--count", "3")
    assert (done.code, done.out) == (0, b"{}\n" * 3)
    assert done.lines[-1].startswith("3 events, 0 reconnects")


def test_what_comes_with_the_last_event_wanted_is_counted_where_a_filter_is(
    run: Runner, serve: Serve
) -> None:
    """Which of what it left out came before cannot be told any more."""
    other = frame(unit(event(1).replace(b"VD0", b"AC0")))
    server = serve(opened(send(event_frame(0), other, event_frame(2), event_frame(3)), Visit.stay))
    done = run("--url", server.url(), "--dsn", "VD*", "--count", "1")
    assert (done.code, done.out) == (0, lines([0]))
    assert done.lines[-1].startswith("1 of 4 events, 0 reconnects")


# Where nobody reads stderr.


@pytest.mark.parametrize("arguments", [[], ["-o", "text"], ["record", "out.jsonl"]], ids=" ".join)
def test_no_event_waits_for_who_does_not_read_stderr(
    arguments: list[str], dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    server = serve(opened(tell(0), Visit.end), opened(tell(1), Visit.stay))
    with piped(SMALLEST) as (_, stderr):
        fill(stderr)
        command = dsstail(*arguments, "--url", server.url(), stderr=stderr)
        out = tmp_path / "out.jsonl"
        wait_until(lambda: (out.read_bytes() if out.exists() else command.out).count(b"\n") == 2)
        command.interrupt()
        assert command.finish().code == 0


@pytest.mark.parametrize("arguments", [[], ["record", "out.jsonl"]], ids=" ".join)
def test_a_failure_does_not_wait_for_ever_for_who_does_not_read_stderr(
    arguments: list[str], dsstail: Starter, closed_port: int
) -> None:
    url = f"ws://127.0.0.1:{closed_port}/stream"
    with piped(SMALLEST) as (_, stderr):
        fill(stderr)
        command = dsstail(*arguments, "--url", url, "--no-reconnect", stderr=stderr)
        assert command.finish().code == 3


def test_a_failure_is_told_last_to_who_reads_stderr_late(
    dsstail: Starter, closed_port: int
) -> None:
    url = f"ws://127.0.0.1:{closed_port}/stream"
    with piped(SMALLEST) as (reading, stderr):
        filled = fill(stderr)
        command = dsstail("--url", url, "--retry-for", "200ms", stderr=stderr)
        stderr.close()
        time.sleep(1.0)  # it has failed by now, and waits
        told = read(reading, filled + 1)[filled:] + (reading.read() or b"")
        while more := reading.read():
            told += more
        assert command.finish().code == 3
    assert told.startswith(b"warning: cannot connect to ")
    assert told.splitlines()[-1].startswith(b"error: ")
