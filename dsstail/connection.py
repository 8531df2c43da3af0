"""One WebSocket connection: bytes in, text messages out, every failure a `ConnectionFailed`.

The only room that knows websocket-client. The library does the handshake, parses and masks
frames; this room gives it a socket that reads ahead, refuses what is too large before it is
read, and handles every opcode itself, because the library's `recv` and `close` hide why a
connection ended.

Between the library's frames a short loop looks at the read-ahead. Almost every frame there is an
unfragmented text message with one event of 122 to 999 bytes, and starts with nine bytes that
say so: `0x81 0x7E`, the frame's length, and `LENGTH|{`. Where these are consistent, the event is
cut out in one slice. Everything else goes through the library, over the same bytes.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from typing import Any

import websocket
from websocket import ABNF

from dsstail import __version__, dialing, keys
from dsstail.errors import Closed, ConnectionFailed, Rejected, Unreadable

READ_AHEAD = 128 << 10
"""Bytes that one read from the socket asks for."""

SEND_TIMEOUT = 10.0
"""Seconds that an answer may take to leave; a peer that reads nothing is dropped."""

LINGER = 1.0
"""Seconds to wait for the peer to end TCP after the closing handshake."""

LONGEST_RETRY_AFTER = 3600.0
"""Seconds of a `Retry-After` that are believed."""

NORMAL, PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1000, 1002, 1007, 1009


@dataclass(frozen=True, slots=True)
class TextMessage:
    """The payload of one whole message (the service sends text; binary is read alike)."""

    payload: bytes
    binary: bool = False


Received = list[bytes] | TextMessage
"""Event texts that were cut out by the quick path, or a message to parse."""


class Connection:
    """An open WebSocket. One thread owns it: reads, answers and closes."""

    def __init__(self, ws: websocket.WebSocket, wire: _Wire, max_message_size: int) -> None:
        self._ws = ws
        self._wire = wire
        self._frames = ws.frame_buffer = _Frames(wire.recv, max_message_size)
        self._message: bytearray | None = None  # the fragments so far
        self._binary = False
        self._failure: Exception | None = None  # why nothing more can be read
        self._unsent: Exception | None = None  # why nothing more can be sent
        self.bytes_received = 0

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def mid_message(self) -> bool:
        """Whether a message has begun that is not complete yet."""
        return self._message is not None or not self._frames.at_boundary

    def receive(self, timeout: float) -> list[Received]:
        """Everything that one read from the socket completes; waits `timeout` seconds for it.

        Empty when nothing arrived, or nothing whole. Pings are answered here. Raises
        ConnectionFailed when the connection ended, after all that came before was returned;
        Unreadable when a message ended it.
        """
        received: list[Received] = []
        if self._failure is None:
            self._wire.reads_left = 0 if self._wire.ahead else 1
            self._wire.settimeout(timeout if self._unsent is None else 0.0)
            try:
                while True:
                    self._cut_usual(received)
                    self._receive_frame(received)
            except (TimeoutError, BlockingIOError):
                self._failure = self._unsent
            except (OSError, ValueError, websocket.WebSocketException, _Failure) as failure:
                self._failure = self._unsent or failure
            self.bytes_received = self._wire.bytes_received
        if self._failure is not None and not received:
            raise self._end(self._failure) from None
        return received

    def send(self, text: str) -> None:
        """Send a text message. Where that fails, `receive` raises, once nothing more has come."""
        self._send(text.encode(), ABNF.OPCODE_TEXT)

    def close(self, code: int = NORMAL, *, linger: float = 0.0) -> None:
        """Say goodbye and close the socket, within `linger` seconds of waiting for the peer's."""
        if self._wire.closed:
            return
        self._wire.send_timeout = min(SEND_TIMEOUT, linger + 0.2)
        self._send(struct.pack("!H", code), ABNF.OPCODE_CLOSE)
        self._wire.drain(linger)
        self._wire.close()

    def _send(self, payload: bytes, opcode: int) -> None:
        """Send a frame, unless one failed before: a part of that may be out."""
        if self._unsent is None:
            try:
                self._ws.send(payload, opcode)
            except (OSError, ValueError, websocket.WebSocketException) as error:
                self._unsent = error

    def _cut_usual(self, received: list[Received]) -> None:
        """The quick path: cut the events out of all frames ahead that are usual and complete."""
        if self.mid_message:
            return
        data, at = self._wire.data, self._wire.at
        size_of = _USUAL.get
        run: list[bytes] = []
        while size := size_of(data[at : at + 9]):
            end = at + size
            if end > len(data):
                break
            run.append(data[at + 8 : end])
            at = end
        if run:
            self._wire.at = at
            self._append_run(run, received)

    def _append_run(self, run: list[bytes], received: list[Received]) -> None:
        """Deliver a run of texts, up to the first that is not UTF-8."""
        if b"".join(run).isascii():
            received.append(run)
            return
        for number, text in enumerate(run):
            if not _is_utf8(text):
                received.append(run[:number])
                raise _BadMessage(BAD_TEXT, "a message was not UTF-8")
        received.append(run)

    def _receive_frame(self, received: list[Received]) -> None:
        """The careful path: one frame through the library, whatever it is."""
        frame = self._frames.recv_frame()
        payload = frame.data if isinstance(frame.data, bytes) else frame.data.encode()
        if frame.opcode == ABNF.OPCODE_PING:
            self._send(payload, ABNF.OPCODE_PONG)
        elif frame.opcode == ABNF.OPCODE_CLOSE:
            raise _closed_by_peer(payload)
        elif frame.opcode != ABNF.OPCODE_PONG:
            self._receive_fragment(frame, payload, received)

    def _receive_fragment(self, frame: ABNF, part: bytes, received: list[Received]) -> None:
        continues = frame.opcode == ABNF.OPCODE_CONT
        if continues != (self._message is not None):
            raise _Failure(PROTOCOL_ERROR, "a fragment out of order")
        if self._message is None:
            self._message = bytearray()
            self._binary = frame.opcode == ABNF.OPCODE_BINARY
        self._message += part
        self._frames.message_size = 0 if frame.fin else len(self._message)
        if frame.fin:
            payload, self._message = bytes(self._message), None
            if not self._binary and not _is_utf8(payload):
                raise _BadMessage(BAD_TEXT, "a message was not UTF-8")
            received.append(TextMessage(payload, self._binary))

    def _end(self, failure: Exception) -> ConnectionFailed:
        """Close with the right code, and tell why in words."""
        if isinstance(failure, _Failure):
            self.close(failure.code, linger=LINGER)
            return failure.kind(failure.reason)
        if isinstance(failure, websocket.WebSocketProtocolException):
            self.close(PROTOCOL_ERROR, linger=LINGER)
            return ConnectionFailed(f"protocol violation: {failure}")
        self._wire.close()
        answering = " while answering" if failure is self._unsent else ""
        return ConnectionFailed(f"connection lost{answering} ({_reason(failure)})")


def open_connection(
    url: str,
    *,
    context: ssl.SSLContext | None = None,
    timeout: float = 30.0,
    max_message_size: int = 16 << 20,
    proxies: bool = True,
    observe: dialing.Observer = dialing.unobserved,
) -> Connection:
    """Connect to a `ws://` or `wss://` URL within `timeout` seconds, proxy and TLS included.

    `context` says whom to trust (`dialing.trust()` by default); `proxies` heeds the usual
    variables; `observe` is told how far it has come. Raises Rejected for an HTTP answer that is
    not 101, ConnectionFailed for all else.
    """
    deadline = time.monotonic() + timeout
    endpoint = dialing.Endpoint.of(url)
    proxy = dialing.proxy_for(endpoint) if proxies else None
    sock = dialing.dial(endpoint, deadline, proxy=proxy, context=context, observe=observe)
    wire = _Wire(sock, endpoint, observe)
    try:
        ws = _shake_hands(url, wire, deadline, timeout)
    except BaseException:
        wire.close()
        raise
    return Connection(ws, wire, max_message_size)


def _shake_hands(url: str, wire: _Wire, deadline: float, timeout: float) -> websocket.WebSocket:
    ws = websocket.WebSocket(skip_utf8_validation=True, enable_multithread=False)
    wire.handshake_deadline = deadline
    try:
        ws.connect(  # type: ignore[no-untyped-call]
            url,
            socket=wire,
            header=[f"User-Agent: dsstail/{__version__}"],
            suppress_origin=True,
            redirect_limit=0,
        )
        if "sec-websocket-extensions" in (ws.getheaders() or {}):
            raise ConnectionFailed(f"{wire.endpoint} uses an extension that nobody asked for")
    except (TimeoutError, websocket.WebSocketTimeoutException):
        raise ConnectionFailed(
            f"{wire.endpoint} did not answer the handshake within {timeout:g} s"
        ) from TimeoutError()
    except websocket.WebSocketConnectionClosedException:
        raise ConnectionFailed(f"{wire.endpoint} closed during the handshake") from None
    except websocket.WebSocketException:
        # The library's message holds the answer's headers and body: not for anyone's eyes.
        raise ConnectionFailed(f"{wire.endpoint} does not speak WebSocket") from None
    except (OSError, ValueError, AttributeError) as error:
        raise ConnectionFailed(
            f"connection to {wire.endpoint} lost in the handshake ({_reason(error)})"
        ) from None
    wire.handshake_deadline = None
    return ws


class _Failure(Exception):
    """Why the connection has to end, with which close code, and as what that is told."""

    kind = ConnectionFailed

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _BadMessage(_Failure):
    """The reason is a message, which may come again."""

    kind = Unreadable


class _Goodbye(_Failure):
    """The reason is a close frame."""

    kind = Closed


class _Frames(websocket.frame_buffer):
    """The library's frame parser, with the rules that can be checked before the payload comes."""

    def __init__(self, recv: Any, max_message_size: int) -> None:
        super().__init__(recv, skip_utf8_validation=True)
        self._max_message_size = max_message_size
        self.message_size = 0  # bytes of the fragments before this frame

    @property
    def at_boundary(self) -> bool:
        """Whether no frame is half read."""
        return self.header is None and not self.recv_buffer

    def recv_length(self) -> None:
        super().recv_length()
        assert self.header is not None
        assert self.length is not None
        fin, rsv1, rsv2, rsv3, opcode, masked, _ = self.header
        failure = _Failure if opcode >= ABNF.OPCODE_CLOSE else _BadMessage
        if masked:
            raise failure(PROTOCOL_ERROR, "protocol violation: a masked frame from the service")
        if rsv1 or rsv2 or rsv3 or opcode not in ABNF.OPCODES:
            raise failure(PROTOCOL_ERROR, "protocol violation: unknown opcode or reserved bits")
        if opcode >= ABNF.OPCODE_CLOSE and (not fin or self.length > 125):
            raise failure(PROTOCOL_ERROR, "protocol violation: control frame fragmented or long")
        size = self.message_size + self.length
        if opcode < ABNF.OPCODE_CLOSE and size > self._max_message_size:
            raise failure(
                TOO_BIG, f"a message of {size} bytes is above the limit of {self._max_message_size}"
            )


class _Wire:
    """The socket as the library sees it: with a read-ahead, and a deadline for the handshake.

    In the handshake the head of the HTTP response is read as a whole, in bounded size and time,
    before the library gets to see it byte by byte. Afterwards each `receive` of the connection
    allows one read from the socket, and a second one times out at once.
    """

    def __init__(
        self, sock: socket.socket, endpoint: dialing.Endpoint, observe: dialing.Observer
    ) -> None:
        self.sock = sock
        self.endpoint = endpoint
        self._observe = observe
        self.data = b""
        self.at = 0
        self.reads_left = 0
        self.bytes_received = 0
        self.handshake_deadline: float | None = None
        self.send_timeout = SEND_TIMEOUT
        self.closed = False
        self._timeout = 0.0
        self._set_timeout = -1.0

    @property
    def _closed(self) -> bool:
        """What the library asks a socket before it closes it."""
        return self.closed

    @property
    def ahead(self) -> bool:
        """Whether something is read ahead: before the first `receive`, what followed the head."""
        return self.at < len(self.data)

    def settimeout(self, timeout: float) -> None:
        self._timeout = timeout

    def gettimeout(self) -> float:
        return self._timeout or SEND_TIMEOUT

    def recv(self, size: int) -> bytes:
        if not self.ahead:
            if self.handshake_deadline is not None:
                self._read_head()
            else:
                self._read_on()
        data = self.data[self.at : self.at + size]
        self.at += len(data)
        return data

    def send(self, data: bytes) -> int:
        self._set(self.send_timeout)
        return self.sock.send(data)

    def drain(self, seconds: float) -> None:
        """Read until the peer ends the connection, for so long at most."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            if not isinstance(self.sock, ssl.SSLSocket):
                self.sock.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self._set(left)
                if not self.sock.recv(READ_AHEAD):
                    break

    def close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.close()

    def _read_on(self) -> None:
        if self.reads_left == 0:
            raise TimeoutError
        self.reads_left -= 1
        self._set(self._timeout)
        # Nothing is left of the old data: the library holds the frame that is half there.
        self.data, self.at = self.sock.recv(READ_AHEAD), 0
        if not self.data:
            raise websocket.WebSocketConnectionClosedException("end of stream")
        self.bytes_received += len(self.data)

    def _set(self, timeout: float) -> None:
        """Set the socket's timeout where it differs: each setting is a system call."""
        if timeout != self._set_timeout:
            self.sock.settimeout(timeout)
            self._set_timeout = timeout

    def _read_head(self) -> None:
        assert self.handshake_deadline is not None
        read = b""
        end = None
        while end is None:
            if len(read) > dialing.LONGEST_HEAD:
                raise ConnectionFailed(f"{self.endpoint} sent an endless response header")
            left = self.handshake_deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._set(left)
            more = self.sock.recv(4096)
            if not more and not read:
                raise ConnectionFailed(f"{self.endpoint} closed during the handshake")
            if not more:
                break
            searched, read = len(read), read + more
            end = _END_OF_HEAD.search(read, max(0, searched - 3))
        head, rest = (read, b"") if end is None else (read[: end.end()], read[end.end() :])
        self._observe(_answered(head))
        _check_status(head, self.endpoint)
        # The library would keep cookies for all connections, and stumbles over broken ones.
        self.data, self.at = _COOKIE.sub(b"", head) + rest, 0


_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_DATE = re.compile(rb"^date:[ \t]*([ -~]{1,40}?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_COOKIE = re.compile(rb"^set-cookie:.*\n", re.IGNORECASE | re.MULTILINE)
_RETRY_AFTER = re.compile(
    rb"^retry-after:[ \t]*([ -~]{1,40}?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)

_USUAL = {
    b"\x81\x7e%b%d|{" % ((length + 4).to_bytes(2, "big"), length): 8 + length
    for length in range(122, 1000)
}
"""The first nine bytes of every usual frame, and the size of the whole frame."""


def _answered(head: bytes) -> dialing.Answered:
    status, date = _STATUS.match(head), _DATE.search(head)
    return dialing.Answered(int(status[1]) if status else None, date[1].decode() if date else "")


def _check_status(head: bytes, endpoint: dialing.Endpoint) -> None:
    """Raise unless the service switches protocols. Its words may be quoted, not its headers."""
    status = _STATUS.match(head)
    if status is None:
        raise ConnectionFailed(f"{endpoint} answered something that is not HTTP")
    code = int(status[1])
    if code == 101:
        return
    phrase = keys.concealed((status[2] or b"").decode(errors="backslashreplace")).strip()[:60]
    answer = f"HTTP {code} {phrase}".strip()
    if 300 <= code < 400:
        raise ConnectionFailed(f"{endpoint} wants to redirect ({answer}); a key stays where it is")
    raise Rejected(f"{endpoint} answered {answer}", status=code, retry_after=_retry_after(head))


def _retry_after(head: bytes) -> float | None:
    """The pause in seconds that the service asks for, as a number of them or as a date."""
    found = _RETRY_AFTER.search(head)
    if found is None:
        return None
    asked = found[1].decode()
    if asked.isdecimal():
        return min(float(asked), LONGEST_RETRY_AFTER)
    from email.utils import parsedate_to_datetime

    try:
        pause = parsedate_to_datetime(asked).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(pause, 0.0), LONGEST_RETRY_AFTER)


def _closed_by_peer(payload: bytes) -> _Failure:
    """The failure that a close frame means; its code is answered with the same (RFC 6455, 5.5.1).

    The library has seen to it that the code is a legal one.
    """
    if not payload:
        return _Goodbye(NORMAL, "the service closed the connection")
    if not _is_utf8(payload[2:]):
        return _Failure(BAD_TEXT, "protocol violation: a close reason that is not UTF-8")
    code = int.from_bytes(payload[:2], "big")
    said = f"code {code} {payload[2:].decode()}".strip()
    return _Goodbye(code, f"the service closed the connection ({said})")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _reason(error: Exception) -> str:
    """An exception of a socket or of the library in a few words."""
    if isinstance(error, websocket.WebSocketConnectionClosedException):
        return "closed without a word"
    if isinstance(error, ConnectionResetError):
        return "reset by the other side"
    if isinstance(error, TimeoutError | websocket.WebSocketTimeoutException):
        return "timed out"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {dialing.in_words(error)}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
