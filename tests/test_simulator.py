"""The simulator, seen through the `websockets` client and through bare sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import zstandard
from command import MS, PATIENCE, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close
from websockets.sync.client import ClientConnection, connect

from dsstail.annotation import annotated
from dsstail.errors import ConfigurationError
from dsstail.simulator import EVENT_TYPES, Simulator, SimulatorSettings
from dsstail.simulator.devices import Fleet
from dsstail.simulator.subscription import MOST_AT_ONCE, TICK, Subscription

QUIET = 0.001
"""A rate at which only the first live event comes, and that at once."""


@contextmanager
def simulated(**settings: Any) -> Iterator[Simulator]:
    with Simulator(SimulatorSettings(**{"seed": 1, "history": 0, **settings})) as simulator:
        yield simulator


def join(simulator: Simulator, key: str | None = None, window: str = "") -> ClientConnection:
    url = f"{simulator.url}?stream_key={key or simulator.key}{window}"
    return connect(url, ping_interval=None, close_timeout=100 * MS)


def port_of(simulator: Simulator) -> int:
    return int(simulator.url.rpartition(":")[2].partition("/")[0])


def receive(client: ClientConnection) -> str:
    message = client.recv(timeout=PATIENCE)
    assert isinstance(message, str)
    return message


def receive_texts(client: ClientConnection, count: int) -> list[str]:
    return [receive(client).partition("|")[2] for _ in range(count)]


def receive_seqs(client: ClientConnection, count: int) -> list[int]:
    return [int(json.loads(text)["seq"]) for text in receive_texts(client, count)]


def receive_to_the_end(client: ClientConnection) -> tuple[list[int], Close | None]:
    seqs = []
    try:
        while True:
            seqs += receive_seqs(client, 1)
    except ConnectionClosed as closed:
        return seqs, closed.rcvd


class Wire:
    """A bare socket after its handshake."""

    def __init__(self, simulator: Simulator, query: str, hasty: bytes = b"") -> None:
        """`hasty` goes out with the request, before that is answered."""
        port = port_of(simulator)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.sendall(
            f"GET /stream?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
            + hasty
        )
        self.unread = b""
        self.deadline = time.monotonic() + PATIENCE
        self.head = self.read_to(b"\r\n\r\n")

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def read(self, size: int) -> bytes:
        while len(self.unread) < size:
            assert self.receive(), "the connection ended"
        found, self.unread = self.unread[:size], self.unread[size:]
        return found

    def read_to(self, end: bytes) -> bytes:
        while end not in self.unread:
            assert self.receive(), "the connection ended"
        return self.read(self.unread.index(end) + len(end))

    def read_to_the_end(self) -> bytes:
        while self.receive():
            pass
        return self.unread

    def receive(self) -> bool:
        assert time.monotonic() < self.deadline
        data = self.socket.recv(1 << 16)
        self.unread += data
        return data != b""


# The wire


def test_an_event_is_one_uncompressed_text_frame(tmp_path: Path) -> None:
    recording = tmp_path / "one.jsonl"
    recording.write_bytes('{"seq":"7","unit":"°C"}\n'.encode())
    with simulated(recording=recording) as simulator, Wire(simulator, "stream_key=k") as wire:
        assert wire.head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in wire.head
        assert b"Extensions" not in wire.head
        expected = b'\x81\x1b24|{"seq":"7","unit":"\xc2\xb0C"}'
        assert wire.read(len(expected)) == expected


def test_a_heartbeat_is_a_text_frame_and_its_answer_a_masked_one() -> None:
    with (
        simulated(rate=QUIET, history=1, heartbeat_every=100 * MS) as simulator,
        Wire(simulator, "stream_key=k&seq_start=1&seq_end=0") as wire,
    ):
        assert wire.read(5) == b"\x81\x031|Z"
        wire.socket.sendall(b"\x81\x81\x00\x00\x00\x00Z")
        assert wire.read(5) == b"\x81\x031|Z"
        assert simulator.counters.heartbeats_answered == 1
        wire.socket.sendall(b"\x81\x83\x00\x00\x00\x001|Z")
        assert wire.read(5) == b"\x81\x031|Z"
        assert simulator.counters.heartbeats_answered == 2
        assert wire.read_to_the_end() == b"\x88\x18\x03\xf0heartbeat not answered"


def test_the_length_counts_bytes_and_the_json_is_compact() -> None:
    with (
        simulated(history=300, rate=QUIET) as simulator,
        join(simulator, window="&seq_start=0") as c,
    ):
        messages = [receive(c) for _ in range(301)]
    for message in messages:
        length, _, text = message.partition("|")
        assert length == str(len(text.encode()))
        assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    assert not all(message.isascii() for message in messages)
    assert any("|Z" in message for message in messages)


# The handshake


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/stream?stream_key=wrong", 401),
        ("/stream?stream_key=", 401),
        ("/stream", 401),
        ("/other?stream_key=r%69ght+1", 404),
        ("/?stream_key=right+1", 404),
        ("/stream?stream_key=right+1&seq_start=x", 400),
        ("/stream?stream_key=right+1&seq_start=0&seq_end=-1", 400),
    ],
)
def test_what_is_refused(target: str, status: int) -> None:
    with simulated(key="right 1") as simulator:
        url = simulator.url.removesuffix("/stream") + target
        with pytest.raises(InvalidStatus) as refused:
            connect(url)
        assert refused.value.response.status_code == status
        assert simulator.counters.rejected == 1
        assert simulator.counters.connections == 0


def test_the_chosen_key_is_decoded_and_accepted() -> None:
    with simulated(key="right 1") as simulator, join(simulator, "r%69ght+1") as client:
        assert simulator.key == "right 1"
        assert receive_seqs(client, 1) == [0]
        assert simulator.counters.connections == 1


def test_without_a_chosen_key_any_is_accepted() -> None:
    with Simulator(SimulatorSettings(history=0)) as simulator:
        assert len(bytes.fromhex(simulator.key)) == 16
        for key in (simulator.key, "any"):
            with join(simulator, key) as client:
                assert receive_seqs(client, 1) == [0]


def test_what_is_not_a_websocket_request_gets_an_answer() -> None:
    with simulated() as simulator:
        address = ("127.0.0.1", port_of(simulator))
        with socket.create_connection(address, timeout=PATIENCE) as client:
            client.sendall(b"GET /stream?stream_key=k HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(64).startswith(b"HTTP/1.1 426 ")


# Replay


def test_a_client_that_does_not_wait_for_the_answer_gets_it() -> None:
    answer = b"\x81\x81\0\0\0\0Z"
    with simulated() as simulator, Wire(simulator, "stream_key=k", hasty=answer) as wire:
        assert wire.head.startswith(b"HTTP/1.1 101 ")


def test_a_window_is_inclusive_and_then_only_heartbeats_come() -> None:
    with (
        simulated(history=50, rate=1000, heartbeat_every=100 * MS) as simulator,
        join(simulator, window="&seq_start=10&seq_end=19") as client,
    ):
        assert receive_seqs(client, 10) == list(range(10, 20))
        for _ in range(3):
            assert receive(client) == "1|Z"
            client.send("Z")


def test_a_window_that_ends_in_the_future_is_filled_live() -> None:
    with (
        simulated(history=5, rate=1000, heartbeat_every=100 * MS) as simulator,
        join(simulator, window="&seq_start=3&seq_end=12") as client,
    ):
        assert receive_seqs(client, 10) == list(range(3, 13))
        assert receive(client) == "1|Z"


def test_without_a_window_only_live_events_come_and_the_first_at_once() -> None:
    with simulated(history=50, rate=QUIET) as simulator, join(simulator) as client:
        assert receive_seqs(client, 1) == [50]


def test_replay_and_live_events_meet_without_a_gap_or_a_duplicate() -> None:
    for _ in range(10):
        with (
            simulated(history=1000, rate=20_000, buffer=1_000_000) as simulator,
            join(simulator, window="&seq_start=0") as client,
        ):
            assert receive_seqs(client, 2000) == list(range(2000))


def test_a_client_that_comes_back_gets_what_it_missed() -> None:
    with simulated(rate=2000) as simulator:
        with join(simulator) as first, join(simulator) as other:
            seen = receive_seqs(first, 100)
            first.close()
            receive_seqs(other, 500)
        with join(simulator, window=f"&seq_start={seen[-1] + 1}") as second:
            seen += receive_seqs(second, 1000)
    assert seen == list(range(1100))


def test_the_buffer_holds_the_latest_events() -> None:
    with simulated(history=100, buffer=30, rate=QUIET) as simulator, join(simulator) as watcher:
        assert receive_seqs(watcher, 1) == [100]
        with join(simulator, window="&seq_start=0") as client:
            assert receive_seqs(client, 30) == list(range(71, 101))


def test_nobody_is_no_reason_to_make_more_events_than_the_buffer_holds() -> None:
    async def desert() -> tuple[int, int]:
        fleet = Fleet(1, EVENT_TYPES, seed=1, key="k")
        subscription = Subscription(fleet, rate=1e6, buffer=100, skip=0, chance=Random(1))
        subscription.join()
        maker = asyncio.create_task(subscription.keep_making())
        while not subscription.made:
            await subscription.news()
        subscription.leave()
        left_at = subscription.made
        for _ in range(20):
            await asyncio.sleep(TICK)
        made_alone = subscription.made - left_at
        subscription.join()
        await asyncio.wait_for(subscription.news(), PATIENCE)
        maker.cancel()
        return made_alone, subscription.made - left_at

    made_alone, made_in_all = asyncio.run(desert())
    assert 100 <= made_alone <= 100 + MOST_AT_ONCE
    assert made_in_all > made_alone


# Several clients


def test_every_client_of_a_key_gets_every_event() -> None:
    with (
        simulated(history=10, rate=1000) as simulator,
        join(simulator, window="&seq_start=5") as first,
        join(simulator, window="&seq_start=5") as second,
    ):
        assert receive_texts(first, 200) == receive_texts(second, 200)
        assert simulator.counters.connected == 2
        assert simulator.counters.events >= 400


def test_two_keys_have_two_numberings_of_the_same_devices() -> None:
    with simulated(rate=2000) as simulator, join(simulator, "one") as one:
        ones = [json.loads(text) for text in receive_texts(one, 300)]
        with join(simulator, "two") as two:
            twos = [json.loads(text) for text in receive_texts(two, 300)]
        assert [event["seq"] for event in ones] == [event["seq"] for event in twos]
        assert ones[0]["seq"] == "0"
        assert {e["metadata"]["dsn"] for e in ones} == {e["metadata"]["dsn"] for e in twos}
        assert ones != twos


def test_a_client_that_does_not_read_stalls_and_loses_only_itself(tmp_path: Path) -> None:
    recording = tmp_path / "large.jsonl"
    padding = "." * 4000
    recording.write_text("".join(f'{{"seq":"{seq}","_":"{padding}"}}\n' for seq in range(6000)))
    with (
        simulated(recording=recording, rate=2000, buffer=3000) as simulator,
        socket.socket() as narrow,
    ):
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        narrow.connect(("127.0.0.1", port_of(simulator)))
        url = f"{simulator.url}?stream_key=k"
        with connect(url, sock=narrow, ping_interval=None) as stalled:
            with join(simulator, "k", "&seq_start=0") as other:
                assert receive_seqs(other, 6000) == list(range(6000))
            delivered, close = receive_to_the_end(stalled)
    assert delivered == list(range(len(delivered)))
    assert close == Close(1008, "too slow: the next event is no longer held")


def test_a_client_that_never_reads_is_cut_off_by_its_heartbeat() -> None:
    with (
        simulated(rate=50_000, buffer=1000, heartbeat_every=200 * MS) as simulator,
        Wire(simulator, "stream_key=k"),
    ):
        wait_until(lambda: simulator.counters.connections == 1)
        wait_until(lambda: simulator.counters.connected == 0)


# Recordings


def test_a_recording_is_served_byte_for_byte(tmp_path: Path) -> None:
    lines = [
        '{"seq":"7","metadata":{"event_type":"activation"}}',
        '{ "seq" : "8", "n": 1.50, "n": 1e400, "u": "\\u00e9 é |Z" }',
        '{"no":"seq"}',
        '{"seq":"0"}',
        '{"seq":"12"}',
        "not json",
    ]
    recording = tmp_path / "recorded.jsonl"
    recording.write_text("\n".join(lines[:3]) + "\r\n\n" + "\n".join(lines[3:]))
    with simulated(recording=recording, rate=1000) as simulator:
        with join(simulator) as client:
            assert receive_texts(client, 6) == lines
            with join(simulator, window="&seq_start=8&seq_end=9") as replay:
                assert receive_texts(replay, 2) == lines[1:3]
        wait_until(lambda: simulator.counters.connected == 0)
        with join(simulator, window="&seq_start=12") as replay:
            assert receive_texts(replay, 2) == lines[4:]
        wait_until(lambda: simulator.counters.connected == 0)
        with join(simulator) as again:
            assert receive_texts(again, 6) == lines


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("segment.jsonl.gz", gzip.compress(b'{"seq":"7"}\n{"seq":"8"}\n')),
        ("segment.jsonl.zst", zstandard.compress(b'{"seq":"7"}\n{"seq":"8"}\n')),
        ("collected.json", b'{"seq":"7"}{"seq":"8"}'),
    ],
    ids=["gzip", "zstd", "collector"],
)
def test_a_recording_is_served_in_whatever_form_it_is(
    tmp_path: Path, name: str, content: bytes
) -> None:
    recording = tmp_path / name
    recording.write_bytes(content)
    with simulated(recording=recording, rate=1000) as simulator, join(simulator) as client:
        assert receive_texts(client, 2) == ['{"seq":"7"}', '{"seq":"8"}']


def test_what_the_recorder_added_is_not_served(tmp_path: Path) -> None:
    events = ['{"seq":"7","a":{"b":1}}', '{"seq":"8"}']
    recording = tmp_path / "recorded.jsonl"
    lines = annotated([event.encode() for event in events], "in", 1.5)
    recording.write_bytes(b"\n".join(lines) + b"\n")
    with simulated(recording=recording, rate=1000) as simulator, join(simulator) as client:
        assert receive_texts(client, 2) == events


def test_a_recording_starts_where_its_first_client_asks(tmp_path: Path) -> None:
    lines = [f'{{"seq":"{seq}"}}' for seq in range(100)]
    recording = tmp_path / "recorded.jsonl"
    recording.write_text("\n".join(lines) + "\n")
    with (
        simulated(recording=recording, rate=1000) as simulator,
        join(simulator, window="&seq_start=40&seq_end=60") as client,
    ):
        assert receive_texts(client, 21) == lines[40:61]


# Made-up events

SHAPES = {
    "connectivity": ["connection", "event_time", "user_uuid", "status"],
    "datapoint": [
        *("datapoint", "id", "created_at_from_device", "updated_at", "created_at"),
        *("user_uuid", "echo", "closed", "value", "metadata"),
    ],
    "datapointack": [
        *("datapoint", "id", "created_at_from_device", "updated_at", "created_at"),
        *("user_uuid", "echo", "closed", "value"),
        *("ack_message", "ack_status", "ack_id", "acked_at", "metadata"),
    ],
    "location": [
        *("location_event", "dsn", "ip", "lat", "long", "provider", "user_uuid", "created_at"),
    ],
    "registration": [
        *("registration_event", "dsn", "user_uuid", "registered", "registration_type"),
        "unregistered_at",
    ],
}
"""The body's name and its members in the order of the service's documentation."""

OF_A_PROPERTY = ["property_name", "display_name", "base_type"]


def made_up(count: int, *types: str, devices: int = 5, seed: int = 1) -> list[dict[str, Any]]:
    fleet = Fleet(devices, types or EVENT_TYPES, seed, "k")
    return [json.loads(fleet.next(1537784797.9)[1]) for _ in range(count)]


def test_members_and_their_order_are_the_documented_ones() -> None:
    seen = set()
    for event in made_up(500):
        assert list(event)[:2] == ["seq", "metadata"]
        kind = event["metadata"]["event_type"]
        named = OF_A_PROPERTY if kind.startswith("datapoint") else []
        assert list(event["metadata"]) == [
            *("oem_id", "oem_model", "dsn", *named, "resource_tags", "event_type")
        ]
        (name, body) = list(event.items())[2]
        shape = SHAPES[kind]
        if body.get("registered"):
            shape = [*shape[:-1], "registered_at"]
        assert [name, *body] == shape
        assert "2018-09-24T10:26:37Z" in body.values()
        assert len(event["metadata"]["dsn"]) == 15
        seen.add(kind)
    assert seen == set(SHAPES)


def test_the_mix_of_types_is_a_realistic_one() -> None:
    count = Counter(event["metadata"]["event_type"] for event in made_up(20_000))
    for kind, percent in {
        **{"datapoint": 70, "datapointack": 15, "connectivity": 8, "location": 4},
        "registration": 3,
    }.items():
        assert count[kind] / 200 == pytest.approx(percent, abs=1.5)


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_type_can_be_had_alone_even_from_one_device(kind: str) -> None:
    events = made_up(100, kind, devices=1)
    assert {event["metadata"]["event_type"] for event in events} == {kind}
    assert [event["seq"] for event in events] == [str(seq) for seq in range(100)]


def test_a_device_takes_little_memory() -> None:
    tracemalloc.start()
    fleet = Fleet(100, EVENT_TYPES, 1, "key")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fleet.next(0.0)[1]
    assert taken < 100 * 8000


def test_an_ack_follows_its_datapoint_soon() -> None:
    sent: dict[str, int] = {}
    statuses = Counter[int]()
    for event in made_up(5000):
        datapoint = event.get("datapoint", {})
        if event["metadata"]["event_type"] == "datapoint":
            sent[datapoint["id"]] = int(event["seq"])
        elif event["metadata"]["event_type"] == "datapointack":
            assert int(event["seq"]) - sent.pop(datapoint["id"]) <= 10
            statuses[datapoint["ack_status"]] += 1
    assert statuses[200] / statuses.total() > 0.8
    assert set(statuses) == {200, 404, 408, 500}


def test_values_are_of_their_base_type_and_drift() -> None:
    kinds: dict[str, type] = {
        "boolean": int,
        "integer": int,
        "decimal": float,
        "string": str,
        "file": str,
    }
    temperatures: list[float] = []
    for event in made_up(3000, "datapoint"):
        value: Any = event["datapoint"]["value"]
        assert type(value) is kinds[event["metadata"]["base_type"]]
        assert event["metadata"]["base_type"] != "boolean" or value in (0, 1)
        if event["metadata"]["property_name"] == "room_temp":
            temperatures.append(event["datapoint"]["value"])
    steps = [abs(b - a) for a, b in pairwise(temperatures)]
    assert 0 < max(steps) < 0.4
    assert 16 <= min(temperatures) < max(temperatures) <= 27


def test_a_device_goes_offline_before_it_comes_online() -> None:
    offline: set[str] = set()
    changes = 0
    for event in made_up(3000, "connectivity", "datapoint"):
        dsn = event["metadata"]["dsn"]
        status = event.get("connection", {}).get("status")
        assert (dsn in offline) == (status == "Online")
        if status:
            offline ^= {dsn}
            changes += 1
    assert changes > 100


def test_the_same_seed_makes_the_same_events() -> None:
    assert made_up(200) == made_up(200)
    assert made_up(200) != made_up(200, seed=2)
    runs = []
    for _ in range(2):
        with simulated(seed=9, rate=1000) as simulator, join(simulator) as client:
            events = [json.loads(text) for text in receive_texts(client, 50)]
            runs.append((simulator.key, [event["metadata"] for event in events]))
    assert runs[0] == runs[1]


# Faults


def test_a_connection_is_reset_when_its_time_has_come() -> None:
    with (
        simulated(rate=QUIET, drop_every=200 * MS) as simulator,
        Wire(simulator, "stream_key=k") as wire,
        pytest.raises(ConnectionResetError),
    ):
        wire.read_to_the_end()


def test_skipped_events_can_be_had_by_replay() -> None:
    with simulated(rate=2000, skip=0.3) as simulator, join(simulator) as live:
        seqs = receive_seqs(live, 200)
        missing = sorted(set(range(seqs[-1])) - set(seqs))
        assert 50 < len(missing) < 130
        for seq in missing[:3]:
            with join(simulator, window=f"&seq_start={seq}&seq_end={seq}") as replay:
                assert receive_seqs(replay, 1) == [seq]


# Starting and stopping


def test_stopping_closes_with_going_away_and_frees_the_port() -> None:
    with simulated(rate=QUIET) as simulator:
        port = port_of(simulator)
        with join(simulator) as client:
            assert receive_seqs(client, 1) == [0]
            simulator.stop()
            assert receive_to_the_end(client) == ([], Close(1001, "the simulator stops"))
        simulator.stop()
    with simulated(port=port) as again:
        assert again.url == f"ws://127.0.0.1:{port}/stream"


def test_stopping_does_not_wait_for_a_client_that_does_not_read() -> None:
    with simulated(rate=50_000) as simulator, Wire(simulator, "stream_key=k"):
        wait_until(lambda: simulator.counters.events > 1000)
        stopping = threading.Thread(target=simulator.stop, daemon=True)
        stopping.start()
        stopping.join(PATIENCE)
        assert not stopping.is_alive()


def test_stopping_says_nothing_of_a_client_that_has_asked_for_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Browsers open connections that they may need."""
    with (
        simulated() as simulator,
        socket.create_connection(("127.0.0.1", port_of(simulator))),
        join(simulator),  # which is accepted after it
    ):
        simulator.stop()
    assert caplog.text == ""


def test_a_port_in_use_is_a_configuration_error() -> None:
    with (
        simulated() as simulator,
        pytest.raises(
            ConfigurationError, match=r"cannot listen on 127\.0\.0\.1:\d+: [A-Z][a-z ]+\.$"
        ),
    ):
        Simulator(SimulatorSettings(port=port_of(simulator))).start()


def test_a_recording_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Simulator(SimulatorSettings(recording=tmp_path / "absent")).start()


@pytest.mark.parametrize("text", ["", "\n\n", "hello\n", "[1]\n", "\x1f\x8b\0", '{"seq":\n'])
def test_a_file_that_does_not_begin_with_an_event_is_a_configuration_error(
    tmp_path: Path, text: str
) -> None:
    recording = tmp_path / "no.jsonl"
    recording.write_text(text)
    reason = "is no recording" if text.strip() else "there is no event in"
    with pytest.raises(ConfigurationError, match=reason):
        Simulator(SimulatorSettings(recording=recording)).start()


@pytest.mark.parametrize("pipe", ["-", "fifo"])
def test_what_can_be_read_only_once_is_a_configuration_error(tmp_path: Path, pipe: str) -> None:
    if pipe == "fifo":
        pipe = str(tmp_path / pipe)
        os.mkfifo(pipe)
    with pytest.raises(ConfigurationError, match="for each key anew"):
        Simulator(SimulatorSettings(recording=Path(pipe))).start()


def test_who_comes_and_goes_is_told() -> None:
    told: list[str] = []
    with Simulator(SimulatorSettings(key="0123456789abcdef", rate=QUIET), told.append) as simulator:
        for key, window in (
            (None, ""),
            (None, "&seq_start=5&seq_end=7"),
            (None, "&seq_start=x"),
            ("y", ""),
        ):
            with suppress(InvalidStatus), join(simulator, key, window):
                pass
            wait_until(lambda: not simulator.counters.connected)
        port = urlsplit(simulator.url).port
        for request in (b"GET /stream?stream_key=0123456789abcdef HTTP/1.1", b"hello"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(request + b"\r\n\r\n")
                while client.recv(4096):
                    pass
        wait_until(lambda: len(told) == 8)
    assert [line.partition(" ")[2] for line in told] == [
        "connects with key 0123…cdef, live",
        "is gone",
        "connects with key 0123…cdef, seq_start=5 seq_end=7",
        "is gone",
        "is refused: seq_start is not a number (HTTP 400)",
        "is refused: unknown stream_key (HTTP 401)",
        "is refused: missing Connection header",
        "is refused: did not receive a valid HTTP request",
    ]
    assert all(re.match(r"127\.0\.0\.1:\d+ ", line) for line in told)


@pytest.mark.parametrize(
    "settings",
    [
        {"rate": 0},
        {"rate": float("nan")},
        {"devices": 0},
        {"devices": 10**8},
        {"drop_every": -1},
        {"port": 65536},
        {"skip": 1.5},
        {"key": ""},
        {"event_types": ()},
        {"event_types": ("datapoint", "weather")},
    ],
)
def test_settings_that_cannot_be_are_a_configuration_error(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        SimulatorSettings(**settings)


def test_without_the_websockets_package_a_hint_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['websockets'] = None\n"
        "from dsstail.simulator import Simulator\n"
        "try: Simulator().start()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == (
        "ConfigurationError the simulator needs the websockets package. "
        "To get it: pip install 'dsstail[sim]'\n",
        "",
    )
