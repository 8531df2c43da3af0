"""One WebSocket connection: bytes in, text messages out, every failure a `ConnectionFailed`.

The only room that knows websocket-client. The library does the handshake and parses frames; this
room gives it a socket that reads ahead, refuses what is too large before it is read, answers, and
handles every opcode itself, because the library's `recv` and `close` hide why a connection ended.

Between the library's frames short loops look at the read-ahead. Almost every frame there is an
unfragmented text message with one event of 122 to 999 bytes, and starts with nine bytes that
say so: `0x81 0x7E`, the frame's length, and `LENGTH|{`. Where these are consistent, the event is
cut out in one slice; one that the end of a read tears waits for the next. What was cut out in one
read is checked to be JSON all at once. Floods are made of small frames: those that are there as a
whole, behind a valid header of two bytes, are taken in another loop. Everything else goes through
the library, over the same bytes.
"""

from __future__ import annotations

import codecs
import io
import os
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import websocket
from websocket import ABNF

from dsstail import __version__, dialing
from dsstail.errors import Closed, ConnectionFailed, Cut, Unreadable, Violation
from dsstail.json_text import are_json
from dsstail.wire import (
    LARGEST_USUAL,
    NOTHING_YET,
    SEND_TIMEOUT,
    SMALLEST_USUAL,
    USUAL,
    Wire,
)

AT_ONCE = 128 << 10
"""Bytes that are decoded at once: what is decoded can take four times the memory."""

LINGER = 1.0
"""Seconds to wait for the peer to end TCP after the closing handshake."""

LONGEST_SMALL = 125
"""Bytes of a control frame at most, and of any with a header of two bytes (RFC 6455, 5.2)."""

MOST_FRAGMENTS = 1 << 17
"""Fragments of one message: a swarm of more would take long, however small it is."""

UNASKED = 1 << 18
"""Bytes that a message may grow by before `admit` is asked whether there is room for them."""

NORMAL, PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1000, 1002, 1007, 1009


@dataclass(frozen=True, slots=True)
class TextMessage:
    """The payload of one whole message (the service sends text; binary is read alike)."""

    payload: bytes
    binary: bool = False


Received = list[bytes] | TextMessage
"""The texts of events that the quick path has cut out, each of them JSON; or a message to parse."""


class Connection:
    """An open WebSocket. One thread owns it: reads, answers and closes."""

    def __init__(self, wire: Wire, frames: _Frames) -> None:
        self._wire = wire
        self._frames = frames
        self._pings: list[bytes] = []  # to be answered
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
        return self._frames.message is not None or not self._frames.at_boundary or self._wire.torn

    @property
    def admitted(self) -> int:
        """Bytes that `admit` found room for, of a message that is not complete yet."""
        return self._frames.admitted

    def receive(self, timeout: float) -> list[Received]:
        """Everything that one read from the socket completes; waits `timeout` seconds for it.

        Empty when nothing arrived, or nothing whole. Pings are answered here. Raises
        ConnectionFailed when the connection ended, after all that came before was returned;
        Unreadable when a message ended it.
        """
        received: list[Received] = []
        if self._failure is None:
            self._wire.reads_left = 0 if self._wire.ahead and not self._wire.torn else 1
            self._wire.settimeout(timeout if self._unsent is None else 0.0)
            try:
                self._receive(received)
            except (TimeoutError, *NOTHING_YET):
                self._failure = self._unsent
            except (
                OSError,
                EOFError,
                ValueError,
                websocket.WebSocketException,
                _Failure,
            ) as failure:
                self._failure = self._unsent or failure
            self.bytes_received = self._wire.bytes_received
            if self._pings:
                self._send(self._pings, ABNF.OPCODE_PONG)
                self._pings = []
        if self._failure is not None and not received:
            raise self._end(self._failure) from None
        return received

    def send(self, text: str, *, times: int = 1) -> None:
        """Send a text message. Where that fails, `receive` raises, once nothing more has come."""
        self._send([text.encode()] * times, ABNF.OPCODE_TEXT)

    def close(self, code: int = NORMAL, *, linger: float = 0.0) -> None:
        """Say goodbye, wait up to `linger` seconds for the peer to end, and close the socket."""
        if self._wire.closed:
            return
        self._frames.message = None  # whoever keeps the connection should not keep its memory
        self._wire.send_timeout = min(SEND_TIMEOUT, linger + 0.2)
        self._send([struct.pack("!H", code)], ABNF.OPCODE_CLOSE)
        self._wire.drain(linger)
        self._wire.close()

    def _send(self, payloads: list[bytes], opcode: int) -> None:
        """Send a frame for each payload, unless one failed before: a part of that may be out."""
        if self._unsent is None:
            try:
                self._wire.send(_masked_frames(payloads, opcode))
            except OSError as error:
                self._unsent = error

    def _receive(self, received: list[Received]) -> None:
        """Take all that one read gives. Raises TimeoutError where it ends within a frame."""
        wire, frames = self._wire, self._frames
        if frames.at_boundary and (wire.torn or not wire.ahead):
            wire.read_on()
        while not frames.at_boundary or wire.ahead:
            if frames.at_boundary:
                self._take_whole_frames(received)
                wire.torn = wire.ahead and self._begins_usual()
                if wire.torn or not wire.ahead:
                    break
            self._take_frame(received)

    def _take_whole_frames(self, received: list[Received]) -> None:
        """The quick paths: take the usual and the small frames that are ahead as a whole."""
        wire = self._wire
        taken = -1
        while taken < wire.at:
            taken = wire.at
            if self._frames.takes_usual:
                self._cut_usual(received)
            if not wire.ahead:
                break
            self._cut_small(received)

    def _cut_usual(self, received: list[Received]) -> None:
        """Cut the events out of usual frames."""
        data, at, size_of = self._wire.data, self._wire.at, USUAL.get
        run, self._wire.mended = self._wire.mended, []
        add = run.append
        while size := size_of(data[at : at + 9]):
            add(data[at + 8 : (at := at + size)])
        if at > len(data):  # the last one is torn
            at = len(data) - len(run.pop()) - 8
        if run:
            self._wire.at = at
            self._append_run(run, received)

    def _begins_usual(self) -> bool:
        """Whether the quick path left the beginning of a usual frame, whose rest will follow."""
        beginning = self._wire.data[self._wire.at : self._wire.at + 9]
        return self._frames.takes_usual and beginning in USUAL

    def _append_run(self, run: list[bytes], received: list[Received]) -> None:
        """Deliver a run of texts: of events, or where they are not all JSON, of messages."""
        if are_json(run):  # and so in UTF-8
            received.append(run)
            return
        for text in run:
            message = b"%d|%b" % (len(text), text)
            if not _is_utf8(text):
                raise _not_utf8(message)
            received.append(TextMessage(message))

    def _cut_small(self, received: list[Received]) -> None:
        """Take the small frames that are ahead as a whole; a close frame is left."""
        data, at = self._wire.data, self._wire.at
        last = len(data) - 1
        while at < last:
            first, size = data[at], data[at + 1]
            end = at + 2 + size
            if first not in _SMALL or size > LONGEST_SMALL or end > last + 1:
                break
            payload = data[at + 2 : end]
            opcode = first & 0x0F
            if opcode < ABNF.OPCODE_CLOSE:
                self._frames.begin_part(opcode, size)
                self._frames.add_part(payload)
                self._end_part(first >= 0x80, received)
            elif opcode == ABNF.OPCODE_PING:
                self._pings.append(payload)
            at = self._wire.at = end
            self._wire.goes_on = False  # a long read might bring a hundred thousand of them

    def _take_frame(self, received: list[Received]) -> None:
        """The careful path: one frame through the library, whatever it is."""
        frame = self._frames.recv_frame()
        if self._frames.size < SMALLEST_USUAL:
            self._wire.goes_on = False
        payload = frame.data if isinstance(frame.data, bytes) else frame.data.encode()
        if frame.opcode == ABNF.OPCODE_PING:
            self._pings.append(payload)
        elif frame.opcode == ABNF.OPCODE_CLOSE:
            raise _closed_by_peer(payload)
        elif frame.opcode != ABNF.OPCODE_PONG:
            self._end_part(bool(frame.fin), received)

    def _end_part(self, final: bool, received: list[Received]) -> None:
        """A data frame is complete, and with a `final` one the message."""
        if final:
            binary, payload = self._frames.end_message()
            if not binary and not _is_utf8(payload):
                raise _not_utf8(payload)
            received.append(TextMessage(payload, binary))

    def _end(self, failure: Exception) -> ConnectionFailed:
        """Close with the right code, and tell why in words."""
        if isinstance(failure, _Failure):
            self.close(failure.code, linger=LINGER)
            return failure.told()
        if isinstance(failure, websocket.WebSocketProtocolException):
            self.close(PROTOCOL_ERROR, linger=LINGER)
            # What is left to the library is the close frame, whose code it calls an opcode.
            words = str(failure).lower().replace("opcode", "code").rstrip(".")
            return Violation(f"protocol violation: {words}")
        self._frames.message = None
        self._wire.close()
        answering = " while answering" if failure is self._unsent else ""
        return Cut(f"connection lost{answering} ({_reason(failure)})")


def open_connection(
    url: str,
    *,
    context: ssl.SSLContext | None = None,
    timeout: float = 30.0,
    max_message_size: int = 16 << 20,
    admit: Callable[[int], bool] = lambda size: True,
    observe: dialing.Observer = dialing.unobserved,
) -> Connection:
    """Connect to a `ws://` or `wss://` URL within `timeout` seconds, proxy and TLS included.

    `context` says whom to trust (`dialing.trust()` by default). `admit` is asked whether there is
    room for so many bytes of a large message, before they are read, and asked again by each
    `receive` until there is. `observe` is told how far the connection has come. Raises
    ConfigurationError for a proxy that is not HTTP, Rejected for an HTTP answer that is not 101,
    ConnectionFailed for all else.
    """
    deadline = time.monotonic() + timeout
    endpoint = dialing.Endpoint.of(url)
    proxy = dialing.proxy_for(endpoint)
    sock = dialing.dial(endpoint, deadline, proxy=proxy, context=context, observe=observe)
    wire = Wire(sock, endpoint, observe)
    try:
        _shake_hands(url, wire, deadline, timeout)
    except BaseException:
        wire.close()
        raise
    return Connection(wire, _Frames(wire.recv, max_message_size, admit))


def _shake_hands(url: str, wire: Wire, deadline: float, timeout: float) -> None:
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
            f"{wire.endpoint} did not answer the handshake within {round(timeout, 1):g} s"
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


class _Failure(Exception):
    """Why the connection has to end, with which close code, and as what that is told."""

    def __init__(self, code: int, reason: str, raw: bytes = b"") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.raw = raw

    def told(self) -> ConnectionFailed:
        return Violation(self.reason)


class _BadMessage(_Failure):
    """The reason is a message, which may come again; `raw`, where all of it is there."""

    def told(self) -> ConnectionFailed:
        return Unreadable(self.reason, self.raw)


def _not_utf8(message: bytes) -> _BadMessage:
    return _BadMessage(BAD_TEXT, "a message was not UTF-8", message)


class _Goodbye(_Failure):
    """The reason is a close frame."""

    def told(self) -> ConnectionFailed:
        return Closed(self.reason, self.code)


class _Frames(websocket.frame_buffer):
    """The library's frame parser, with the rules that can be checked before the payload comes.

    The payloads of data frames are collected in `message`, as they come and without copies.
    """

    def __init__(self, recv: Any, max_message_size: int, admit: Callable[[int], bool]) -> None:
        super().__init__(recv, skip_utf8_validation=True)
        self._max_message_size = max_message_size
        self._admit = admit
        self.admitted = 0  # bytes that there is room for, of a message that asked
        self.message: io.BytesIO | None = None
        self._binary = False
        self._fragments = 0
        self.size = 0  # of the last frame's payload, in bytes
        self._missing: int | None = None  # bytes of the frame that is being read

    @property
    def takes_usual(self) -> bool:
        """Whether the next frame may be a usual one."""
        return self.message is None and self._max_message_size >= LARGEST_USUAL

    @property
    def at_boundary(self) -> bool:
        """Whether no frame is half read."""
        return self.header is None and not self.recv_buffer

    def recv_frame(self) -> ABNF:
        """A whole frame; of a data frame, the payload is in `message`."""
        if self.header is None:
            self.recv_header()
        assert self.header is not None
        fin, *_, opcode, _, _ = self.header
        if self.length is None:
            self.recv_length()
        if opcode >= ABNF.OPCODE_CLOSE:
            return super().recv_frame()
        if self._missing is None:
            assert self.length is not None
            self.begin_part(opcode, self.length)
            self._missing = self.length
        while self._missing:
            part = self.recv(self._missing)
            self._missing -= len(part)
            self.add_part(part)
        self._missing = None
        self.clear()
        return ABNF(fin=fin, opcode=opcode)

    def recv_length(self) -> None:
        """Read the length, and judge the header by it. Raises _Failure where that may not be."""
        super().recv_length()
        assert self.header is not None
        assert self.length is not None
        self.size = self.length
        fin, rsv1, rsv2, rsv3, opcode, masked, _ = self.header
        control = opcode >= ABNF.OPCODE_CLOSE
        failure = _Failure if control else _BadMessage
        if masked:
            raise failure(PROTOCOL_ERROR, "protocol violation: a masked frame from the service")
        if rsv1 or rsv2 or rsv3 or opcode not in ABNF.OPCODES:
            raise failure(PROTOCOL_ERROR, "protocol violation: unknown opcode or reserved bits")
        if control and (not fin or self.length > LONGEST_SMALL):
            raise failure(PROTOCOL_ERROR, "protocol violation: control frame fragmented or long")

    def begin_part(self, opcode: int, size: int) -> None:
        """A data frame with so many bytes of payload begins, if it may.

        Raises TimeoutError where there is no room for it yet: then nothing has happened.
        """
        if (opcode == ABNF.OPCODE_CONT) != (self.message is not None):
            raise _Failure(PROTOCOL_ERROR, "a fragment out of order")
        size += self.message.tell() if self.message else 0
        limit = self._max_message_size
        if size > limit:
            raise _BadMessage(TOO_BIG, f"a message of {size} bytes is above the limit of {limit}")
        if self._fragments == MOST_FRAGMENTS:
            raise _BadMessage(TOO_BIG, f"a message of more than {MOST_FRAGMENTS} fragments")
        if size > self.admitted + UNASKED:
            if not self._admit(size):
                raise TimeoutError
            self.admitted = size
        self._fragments += 1
        if self.message is None:
            self.message = io.BytesIO()
            self._binary = opcode == ABNF.OPCODE_BINARY

    def add_part(self, part: bytes) -> None:
        assert self.message is not None
        self.message.write(part)

    def end_message(self) -> tuple[bool, bytes]:
        """Whether the message is binary, and its payload."""
        assert self.message is not None
        payload = self.message.getvalue()
        self.message = None
        self.admitted = self._fragments = 0
        return self._binary, payload


_SMALL = {0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x89, 0x8A}
"""The first bytes of the frames that may be taken in a loop, where they are small: text, binary or
continued, final or not; ping and pong."""


def _masked_frames(payloads: list[bytes], opcode: int) -> bytes:
    """A frame for each payload, and those of small ones in a sixth of the library's time.

    Each has a mask of its own that nobody can foresee (RFC 6455, 5.3).
    """
    masks = os.urandom(4 * len(payloads))
    frames = []
    for at, payload in zip(range(0, len(masks), 4), payloads, strict=True):
        mask, size = masks[at : at + 4], len(payload)
        if size > LONGEST_SMALL:
            frames.append(ABNF.create_frame(payload, opcode).format())
            continue
        repeated = int.from_bytes((mask * 32)[:size])
        masked = (int.from_bytes(payload) ^ repeated).to_bytes(size)
        frames.append(b"%c%c%b%b" % (0x80 | opcode, 0x80 | size, mask, masked))
    return b"".join(frames)


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
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(data), AT_ONCE):
            decoder.decode(data[at : at + AT_ONCE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _reason(error: Exception) -> str:
    """An exception of a socket or of the library in a few words."""
    if isinstance(error, EOFError):
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
