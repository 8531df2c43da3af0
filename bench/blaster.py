"""The benchmark's server: sends frames that were built before, as fast as they are taken.

    python -m bench.blaster DIRECTORY COUNT…

It runs as a process of its own. On stdout it first prints one JSON object: its ports for ws and
wss, the file of the authority that vouches for it, in DIRECTORY, and for each COUNT what a
receiver will have to show. Then, when a connection has ended, one with what it has seen. The path
of the URL says what is wanted:

    /blast/N        N events at once; N is one of COUNT, or a multiple of the largest
    /paced/N/RATE   N events, RATE a second, each with the time of sending as its value
    /idle/SECONDS   a heartbeat every so many seconds, and nothing else
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
import sys
import threading
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trustme

from bench.events import DATAPOINT, FIRST_SEQ, ONE, Expected, frame, messages
from dsstail.messages import HEARTBEAT, encode

PIECE = 256 << 10
"""Bytes a write: enough for TCP, and little enough for TLS."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_SEQ_AT = len('....470|{"seq":"')  # in a frame


class Frames:
    """All frames in a row, and where each begins."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.data = bytearray()
        self.expected: dict[int, Expected] = {}
        self._seqs = array("Q")
        self._largest = max(counts)
        seen = Expected()
        for message in messages(self._largest):
            seen.messages += len(message) + 1
            if message == HEARTBEAT:
                seen.heartbeats += 1
            else:
                self._seqs.append(len(self.data) + _SEQ_AT)
                self._count(message, seen)
            self.data += frame(message)
            seen.wire = len(self.data)
            if seen.events in counts:
                self.expected[seen.events] = Expected(**asdict(seen))

    def send(self, connection: Any, count: int) -> None:
        """Send the first `count` events; of more than there are, all as often as that takes."""
        if count in self.expected:
            self._send(connection, self.expected[count].wire)
            return
        assert count % self._largest == 0, count
        for first in range(FIRST_SEQ, FIRST_SEQ + count, self._largest):
            self._number(first)
            self._send(connection, len(self.data))
        self._number(FIRST_SEQ)

    @staticmethod
    def _count(message: bytes, seen: Expected) -> None:
        text = message.partition(b"|")[2]
        seen.events += 1
        seen.lines += len(text) + 1
        seen.of_one += ONE.encode() in text
        seen.connectivity += b'"connectivity"' in text

    def _send(self, connection: Any, end: int) -> None:
        with memoryview(self.data) as data:
            for at in range(0, end, PIECE):
                connection.sendall(data[at : min(at + PIECE, end)])

    def _number(self, first: int) -> None:
        data = self.data
        for seq, at in enumerate(self._seqs, start=first):
            data[at : at + 8] = b"%d" % seq


class Server:
    def __init__(self, counts: Sequence[int], directory: Path) -> None:
        self.frames = Frames(counts)
        authority = trustme.CA()
        self._ca_file = directory / "authority.pem"
        authority.cert_pem.write_to_path(str(self._ca_file))
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._tls)
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]

    def run(self) -> None:
        ws, wss = self._listeners
        threading.Thread(target=self._accept, args=[wss, self._tls], daemon=True).start()
        tell(
            ws=ws.getsockname()[1],
            wss=wss.getsockname()[1],
            ca_file=str(self._ca_file),
            expected={count: asdict(what) for count, what in self.frames.expected.items()},
        )
        self._accept(ws, None)

    def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._serve, args=[connection, tls], daemon=True).start()

    def _serve(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = 0
        began = time.monotonic()
        try:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            what, *numbers = shake_hands(connection)
            began = time.monotonic()
            match what:
                case "blast":
                    self.frames.send(connection, *numbers)
                case "paced":
                    pace(connection, *numbers)
                case "idle":
                    answers = beat(connection, *numbers)
            while found := read_answers(connection):
                answers += found
        except OSError:
            pass  # the receiver has all it wants
        finally:
            connection.close()
        tell(began=began, answers=answers)


def shake_hands(connection: socket.socket) -> tuple[Any, ...]:
    """Answer the upgrade; return what the path asks for."""
    request = b""
    while b"\r\n\r\n" not in request:
        more = connection.recv(4096)
        if not more:
            raise ConnectionResetError
        request += more
    key = re.search(rb"\r\nsec-websocket-key: *(\S+)", request, re.IGNORECASE)
    path = re.match(rb"GET /([a-z]+)([0-9/]*)", request)
    assert key is not None, request
    assert path is not None, request
    accept = base64.b64encode(hashlib.sha1(key[1] + _GUID).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return (path[1].decode(), *map(int, path[2].split(b"/")[1:]))


def pace(connection: socket.socket, count: int, rate: int) -> None:
    """Send `count` events, `rate` a second. The value is the steady clock's time in ns."""
    template = re.sub(rb'"seq":"[0-9]+"', b'"seq":"%d"', DATAPOINT)
    template = re.sub(rb'"value":[^,]+', b'"value":%d', template)
    start = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        connection.sendall(frame(encode(template % (number, time.monotonic_ns()))))


def beat(connection: socket.socket, seconds: int) -> int:
    """Send a heartbeat every so many seconds until the other side is gone; count the answers."""
    answers = 0
    while True:
        connection.sendall(frame(HEARTBEAT))
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            try:
                found = read_answers(connection)
            except TimeoutError:
                break
            if found is None:
                return answers
            answers += found


def read_answers(connection: socket.socket) -> int | None:
    """How many answers to heartbeats came in one read; None once no more can come.

    An answer is a masked text frame with one byte, 7 in all, so reads do not cut one up.
    """
    data = connection.recv(7 << 10)
    answers = 0
    while len(data) >= 7 and data[:2] == b"\x81\x81":
        answers += data[2] ^ data[6] == ord("Z")
        data = data[7:]
    return answers or None


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    Server([int(count) for count in sys.argv[2:]], Path(sys.argv[1])).run()
