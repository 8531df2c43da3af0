"""A Datastream Service that misbehaves on purpose, from TCP to the sequence numbers.

A scenario is a function that plays the service's part of one connection with the verbs of `Visit`.
A `Server` plays its scenarios in the order of the connections, and the last one ever after.
Framing, handshake and event texts are made here from bytes: nothing is shared with what is tested.

By hand: `python tests/scenarios.py NAME [NAME…]` serves named scenarios until Ctrl-C.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import parse_qsl, urlsplit

from command import PATIENCE, wait_until

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

HEARTBEAT = b"1|Z"
NEWEST = 5
"""The number of the last event that the service has, unless a test says otherwise."""

_EVENT = (
    b'{"seq":"%d","metadata":{"oem_id":"0dfc7900","oem_model":"OTEST","dsn":"VD0000000000002",'
    b'"property_name":"INLET_FLOW_RATE","display_name":"INLET_FLOW_RATE","base_type":"string",'
    b'"event_type":"datapoint"},"datapoint":{"id":"0d54b2d0-0767-11e7-898a-000000000000",'
    b'"created_at_from_device":null,"updated_at":"2017-03-12T21:01:24Z",'
    b'"created_at":"2017-03-12T21:01:24Z","user_uuid":"00000000-0000-0000-0000-000000000000",'
    b'"echo":false,"closed":false,"value":"%b","metadata":{}}}'
)


def event(seq: int, value: bytes = b"asdf3") -> bytes:
    """An event's text in the shape of one captured from production."""
    return _EVENT % (seq, value)


def lines(numbers: Iterable[int]) -> bytes:
    """What `-o json` prints for these events."""
    return b"".join(event(seq) + b"\n" for seq in numbers)


def unit(payload: bytes) -> bytes:
    return b"%d|%s" % (len(payload), payload)


def frame(
    payload: bytes,
    opcode: int = TEXT,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes = b"",
    length: int | None = None,
) -> bytes:
    """A frame of the service; `length` is what its header claims where that is a lie."""
    size = len(payload) if length is None else length
    masked = 0x80 if mask else 0
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if size < 126:
        head += bytes([masked | size])
    elif size < 1 << 16:
        head += struct.pack("!BH", masked | 126, size)
    else:
        head += struct.pack("!BQ", masked | 127, size)
    return head + mask + (_masked(payload, mask) if mask else payload)


def _masked(data: bytes, mask: bytes) -> bytes:
    repeated = mask * (len(data) // 4 + 1)
    return bytes(a ^ b for a, b in zip(data, repeated, strict=False))


def event_frame(seq: int) -> bytes:
    return frame(unit(event(seq)))


class Left(Exception):
    """The client is gone."""


class Visit:
    """One connection of a client: what it asked and said, and verbs to treat it with."""

    def __init__(self, server: Server, number: int, sock: socket.socket) -> None:
        self.server = server
        self.number = number
        self.sock = sock
        self.request = ""
        self.heard: list[bytes] = []
        """The text messages of the client."""
        self.pongs: list[bytes] = []
        self.close_code: int | None = None
        """The code of the client's close frame; 1005 for one without."""
        self.left = False
        self._unread = b""

    @property
    def query(self) -> dict[str, str]:
        target = self.request.split(" ")[1] if self.request else ""
        return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))

    @property
    def seq_start(self) -> int | None:
        asked = self.query.get("seq_start")
        return None if asked is None else int(asked)

    @property
    def asked(self) -> range:
        """The events that the client asked for, of those that there are."""
        last = int(self.query.get("seq_end", self.server.newest))
        return range(self.seq_start or 0, min(last, self.server.newest) + 1)

    # HTTP

    def read_request(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.sock.recv(1)
            if not byte:
                raise Left
            head += byte
        self.request = head.decode("latin-1")

    def peek_key(self) -> str:
        """The stream key that the client gives; its request is still to be read."""

        def head() -> bytes:
            return self.sock.recv(1 << 16, socket.MSG_PEEK)

        wait_until(lambda: head().endswith(b"\r\n\r\n"))
        target = head().split(b" ")[1].decode("latin-1")
        return dict(parse_qsl(urlsplit(target).query))["stream_key"]

    def answer(self, status: str, *headers: str, body: bytes = b"") -> None:
        """Read the request, and answer with something that is not a WebSocket."""
        self.read_request()
        head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""])
        self.send_raw(head.encode("latin-1") + body)

    def shake_hands(self, *headers: str) -> None:
        """Read the request, and open the WebSocket; `headers` come on top."""
        self.read_request()
        self.send_raw(self.handshake(*headers))

    def handshake(self, *headers: str) -> bytes:
        found = re.search(r"(?mi)^sec-websocket-key: *(\S+)", self.request)
        assert found is not None, "a handshake without a key"
        accept = hashlib.sha1(f"{found[1]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        usual = (
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}",
        )
        return "\r\n".join([*usual, *headers, "", ""]).encode()

    # Saying something

    def send_raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_text(self, message: bytes) -> None:
        self.send_raw(frame(message))

    def send_events(self, numbers: Iterable[int]) -> None:
        self.send_raw(b"".join(map(event_frame, numbers)))

    def send_heartbeat(self) -> None:
        self.send_text(HEARTBEAT)

    def send_close(self, code: int | None = 1000, reason: bytes = b"") -> None:
        self.send_raw(frame(b"" if code is None else struct.pack("!H", code) + reason, CLOSE))

    def drip(self, data: bytes, pause: float) -> None:
        """Send a byte at a time until the client has had enough."""
        for at in range(len(data)):
            self.send_raw(data[at : at + 1])
            time.sleep(pause)

    # Listening

    def hear(self) -> int:
        """Take in one frame of the client; its opcode. Raises Left at the end."""
        first, second = self._read(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._read(2))
        assert second & 0x80, "the client did not mask a frame"
        assert first & 0xF0 == 0x80, "a fragment, or reserved bits, from the client"
        mask = self._read(4)
        payload = _masked(self._read(size), mask)
        opcode = first & 0x0F
        if opcode == TEXT:
            self.heard.append(payload)
        elif opcode == PONG:
            self.pongs.append(payload)
        elif opcode == CLOSE:
            self.close_code = struct.unpack("!H", payload[:2])[0] if payload else 1005
        return opcode

    def hear_answer(self) -> bytes:
        """Wait for the client's next text message."""
        while self.hear() != TEXT:
            pass
        return self.heard[-1]

    def stay(self) -> None:
        """Listen until the client leaves or says goodbye."""
        with contextlib.suppress(Left, OSError):
            while self.hear() != CLOSE:
                pass
        self.left = True

    def listen_aside(self) -> threading.Thread:
        """Listen in another thread while the script goes on talking; not with TLS."""
        listener = threading.Thread(target=self.stay, daemon=True)
        listener.start()
        return listener

    def wait(self) -> None:
        """Say nothing, until the client leaves or the server is closed."""
        with contextlib.suppress(OSError):
            while self.sock.recv(1 << 16):
                pass

    # Leaving

    def end(self) -> None:
        """End the sending direction (FIN), and wait for the client to do the same."""
        self.sock.shutdown(socket.SHUT_WR)  # of TLS too, without its goodbye
        self.wait()

    def reset(self) -> None:
        """End the connection with RST, which throws away what was not read yet."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _read(self, size: int) -> bytes:
        while len(self._unread) < size:
            more = self.sock.recv(1 << 16)
            if not more:
                raise Left
            self._unread += more
        data, self._unread = self._unread[:size], self._unread[size:]
        return data


Script = Callable[[Visit], object]
"""The service's part of one connection. When it returns, the socket is closed."""


class Server:
    """Plays scenarios on a port of 127.0.0.1, each connection in a thread of its own."""

    def __init__(
        self, *scripts: Script, newest: int = NEWEST, tls: ssl.SSLContext | None = None
    ) -> None:
        self.newest = newest
        self.visits: list[Visit] = []
        self.failures: list[BaseException] = []
        self._scripts = scripts
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"{'wss' if self._tls else 'ws'}://{host}:{self.port}/stream"

    def close(self) -> None:
        # Closing alone would not wake the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for visit in list(self.visits):
            with contextlib.suppress(OSError):
                visit.sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(PATIENCE)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                visit = Visit(self, len(self.visits), sock)
                self.visits.append(visit)
                threading.Thread(target=self._play, args=[visit], daemon=True).start()

    def _play(self, visit: Visit) -> None:
        script = self._scripts[min(visit.number, len(self._scripts) - 1)]
        try:
            if self._tls is not None:
                visit.sock = self._tls.wrap_socket(visit.sock, server_side=True)
            script(visit)
        except (OSError, Left):
            pass  # what a client does that had enough
        except BaseException as failure:
            self.failures.append(failure)
        finally:
            visit.left = True
            visit.sock.close()


# Scenarios of whole connections.


def honest(visit: Visit) -> None:
    """What the documentation describes: a heartbeat, the events asked for, and patience."""
    visit.shake_hands()
    visit.send_heartbeat()
    visit.send_events(visit.asked)
    visit.stay()


def forgetful(visit: Visit) -> None:
    """Ignore `seq_start`, and send everything from the beginning each time."""
    visit.shake_hands()
    visit.send_events(range(visit.server.newest + 1))
    visit.stay()


def silent(visit: Visit) -> None:
    """Open the WebSocket and say nothing, ever."""
    visit.shake_hands()
    visit.stay()


def deaf(visit: Visit) -> None:
    """Take the TCP connection and the request, and nothing else."""
    visit.read_request()
    visit.wait()


# Parts of scenarios.


def steps(*parts: Script) -> Script:
    """One part after the other."""

    def script(visit: Visit) -> None:
        for part in parts:
            part(visit)

    return script


def answer(status: str, *headers: str, body: bytes = b"") -> Script:
    """Answer the handshake with an HTTP status of this kind."""
    return lambda visit: visit.answer(status, *headers, body=body)


def say(*messages: bytes) -> Script:
    """Send text messages."""
    return send(*map(frame, messages))


def tell(*numbers: int) -> Script:
    """Send events, whatever was asked for."""
    return send(*map(event_frame, numbers))


def send(*chunks: bytes) -> Script:
    """Send raw bytes."""
    return lambda visit: visit.send_raw(b"".join(chunks))


def close(code: int | None, reason: bytes = b"") -> Script:
    """Send a close frame, and wait for its answer."""
    return steps(lambda visit: visit.send_close(code, reason), Visit.stay)


def opened(*parts: Script) -> Script:
    """Open the WebSocket, and go on."""
    return steps(Visit.shake_hands, *parts)


def working(*parts: Script) -> Script:
    """Send the events 0 to 2 of a stream that works, and go on."""
    return opened(tell(0, 1, 2), *parts)


_CUT = event_frame(3)[:100]

ENDS: dict[str, Script] = {
    **{f"close {code}": close(code) for code in (1000, 1001, 1003, 1007, 1008, 1009, 1011)},
    **{f"close {code}": close(code) for code in (1012, 1013, 1014, 3000, 4001, 4999)},
    "close without a code": close(None),
    "close with a reason": close(1008, b"slow consumer"),
    "close, then RST": steps(Visit.send_close, Visit.reset),
    "FIN": Visit.end,
    "RST": Visit.reset,
    "FIN in a header": steps(send(_CUT[:1]), Visit.end),
    "FIN in a frame": steps(send(_CUT), Visit.end),
    "RST in a frame": steps(send(_CUT), Visit.reset),
    "FIN between fragments": steps(send(frame(b"470|{", fin=False)), Visit.end),
    "silence": Visit.stay,
    "silence in a frame": steps(send(_CUT), Visit.stay),
    "vanishing": lambda visit: None,
}
"""How a connection can end that worked until then."""

VIOLATIONS: dict[str, tuple[bytes, int]] = {
    "masked frame": (frame(unit(event(3)), mask=b"\x01\x02\x03\x04"), 1002),
    "rsv1, as compressed": (frame(unit(event(3)), rsv=4), 1002),
    "rsv2": (frame(unit(event(3)), rsv=2), 1002),
    "rsv3": (frame(unit(event(3)), rsv=1), 1002),
    "unknown data opcode": (frame(b"", 3), 1002),
    "unknown control opcode": (frame(b"", 11), 1002),
    "fragmented ping": (frame(b"", PING, fin=False), 1002),
    "long ping": (frame(bytes(126), PING), 1002),
    "long close": (frame(struct.pack("!H", 1000) + bytes(124), CLOSE), 1002),
    "close of one byte": (frame(b"\x03", CLOSE), 1002),
    "close code 1005": (frame(struct.pack("!H", 1005), CLOSE), 1002),
    "close code 999": (frame(struct.pack("!H", 999), CLOSE), 1002),
    "close code 5000": (frame(struct.pack("!H", 5000), CLOSE), 1002),
    "continuation of nothing": (frame(unit(event(3)), CONTINUATION), 1002),
    "message in a message": (frame(b"4", fin=False) + frame(unit(event(3))), 1002),
    "event that is not UTF-8": (frame(unit(event(3, b"\xff\xfe"))), 1007),
    "text that is not UTF-8": (frame(b"3|\xc3\x28\x80"), 1007),
    "text cut within a character": (frame(b"3|ab\xe2\x82"), 1007),
    "a surrogate in UTF-8": (frame(unit(event(3, b"\xed\xa0\x80"))), 1007),
    "fragments that are not UTF-8": (
        frame(b"2|\xff", fin=False) + frame(b"a", CONTINUATION),
        1007,
    ),
    "close reason that is not UTF-8": (frame(b"\x03\xe8\xff\xfe", CLOSE), 1007),
    "frame of 17 MiB": (frame(b"17|", length=17 << 20), 1009),
    "frame of 2^62 bytes": (frame(b"17|", length=1 << 62), 1009),
    "frame of 2^64 - 1 bytes": (frame(b"17|", length=(1 << 64) - 1), 1009),
    "fragments beyond the limit": (
        frame(bytes(9 << 20), fin=False) + frame(b"", CONTINUATION, fin=False, length=9 << 20),
        1009,
    ),
}
"""Bytes that no service may send, and the close code that the client has to answer with."""

_SWITCH = ("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")

REFUSALS: dict[str, Script] = {
    "close at once": lambda visit: None,
    "RST at once": Visit.reset,
    "close after the request": Visit.read_request,
    "RST after the request": steps(Visit.read_request, Visit.reset),
    "FIN in the response": steps(Visit.read_request, send(b"HTTP/1.1 101 Swi"), Visit.end),
    "FIN in the headers": steps(Visit.read_request, send(b"HTTP/1.1 101 OK\r\nUpg"), Visit.end),
    "not HTTP": steps(Visit.read_request, send(b"SSH-2.0-x\r\n\r\n"), Visit.end),
    "binary garbage": steps(Visit.read_request, send(bytes(range(256))), Visit.end),
    "TLS where there is none": send(b"\x15\x03\x01\x00\x02\x02\x46"),
    "header that is not UTF-8": answer("101 OK", "X: ÿþ"),
    "header of 1 MiB": answer(*_SWITCH, "X-Padding: " + "x" * (1 << 20)),
    "101 without a key": answer(*_SWITCH),
    "101 with a wrong key": answer(*_SWITCH, "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ=="),
    "101 to something else": answer("101 Switching Protocols", "Upgrade: h2c"),
    "101 with compression": lambda visit: visit.shake_hands(
        "Sec-WebSocket-Extensions: permessage-deflate"
    ),
    "302": answer("302 Found", "Location: wss://192.0.2.1/stream"),
    "503 with a body that never ends": steps(
        answer("503 Service Unavailable", "Content-Length: 1000000000", body=b"s"), Visit.wait
    ),
    "503 with a length that is none": answer("503 Service Unavailable", "Content-Length: many"),
    **{
        status: answer(status)
        for status in (
            "100 Continue",
            "200 OK",
            "204 No Content",
            "408 Request Timeout",
            "429 Too Many Requests",
            "500 Internal Server Error",
            "502 Bad Gateway",
            "503 Service Unavailable",
        )
    },
}
"""Handshakes that fail and are worth another try."""


def _named() -> Iterator[tuple[str, Script]]:
    yield "honest", honest
    yield "forgetful", forgetful
    yield "silent", silent
    yield "deaf", deaf
    for name, ending in ENDS.items():
        yield name, working(ending)
    for name, (data, _) in VIOLATIONS.items():
        yield name, working(send(data), Visit.stay)
    yield from REFUSALS.items()


SCENARIOS: dict[str, Script] = dict(_named())
"""Every scenario that has a name."""


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown or not names:
        sys.exit("scenarios: " + ", ".join(SCENARIOS))
    with Server(*(SCENARIOS[name] for name in names)) as server:
        print(server.url(), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
