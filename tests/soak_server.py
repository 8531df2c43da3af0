"""A Datastream Service on loopback that breaks its connections at random, for the soak.

It writes its own frames and knows nothing of dsstail's codec. Every choice comes from a seed, the
key's place and the number of the connection; only the times differ from run to run.

It keeps the peace where dsstail gives up filling gaps by design: no second connection is refused
or broken, and no live one ends before `PEACE` seconds have passed since a gap was filled, because
a live connection that ends right after a second one opened is taken to end by it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import random
import re
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from itertools import cycle
from urllib.parse import parse_qs, urlsplit

TICK = 0.01
"""Seconds between two looks at what there is to send."""

HEARTBEAT_EVERY = 1.0

BURST_EVERY = 4.0
"""Half of all events come evenly, the other half in a burst so often."""

HISTORY = 60.0
"""Seconds of events that the service still has."""

PEACE = 3.0
"""Seconds without a break after a gap was filled."""

PATIENCE = 20.0
"""Seconds within which the client has to ask for a gap, or to notice that it was broken."""

VALUES = (
    b'"asdf3"',
    b"0",
    b"12345678901234567890123",
    b"-0.10e-3",
    b"1e400",
    b"null",
    b'"|Z"',
    b'"1|Z"',
    b'"a|b{\\"}["',
    b'"\\ud800 \\u202e\\u0007"',
    '"Grüße, 世界 🌍\u2028"'.encode(),
    b'{ "nested" : [ [ [ ] ] ] }',
    b'"%s"' % (b"x" * 300),
    b'"%s"' % (b"y" * 2000),
)

FORMS = {"frames": 20, "units": 1, "array": 1, "fragments": 1, "characters": 1, "wrong length": 1}
"""How events can be packed into messages, and how often."""

MALFORMED = (b"", b"garbage", b"5|{abc}", b"|Z", b"7|[1,2,3]")

CLOSE_CODES = (None, 1000, 1001, 1011, 1012, 1013, 3000, 4001, 4999)

CLOSE_REASON = "bye \x1b[31m\u202e".encode()
"""What a terminal must not see."""

VIOLATIONS = {
    "a masked frame": (b"\x81\x83\0\0\0\x001|Z", 1002),
    "a compressed frame": (b"\xc1\x031|Z", 1002),
    "an unknown opcode": (b"\x83\x031|Z", 1002),
    "a continuation of nothing": (b"\x80\x031|Z", 1002),
    "a long ping": (b"\x89\x7e\0\x7e" + b"p" * 126, 1002),
    "an illegal close code": (b"\x88\x02\x03\xed", 1002),
    "bad UTF-8": (b"\x81\x052|{\xff}", 1007),
    "2^62 bytes announced": (b"\x81\x7f\x40\0\0\0\0\0\0\0", 1009),
    "more than 16 MiB announced": (b"\x82\x7f\0\0\0\0\1\0\0\1", 1009),
}
"""What a client has to end a connection for, and the code to close it with (RFC 6455)."""

ENDINGS = ("a close frame", "FIN", "RST", "silence", *VIOLATIONS)

REFUSALS = {
    "HTTP 302": b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/stream\r\n\r\n",
    "HTTP 401": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "HTTP 429": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n\r\n",
    "HTTP 503": b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
    "half a response": b"HTTP/1.1 101 Switching Prot",
    "no HTTP": b"\x15\x03\x01\0\x02\x02\x46\r\n\r\n",
    "an endless response": b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-Filler: x\r\n" * 10_000,
    "nothing": b"",
}

MOST_REFUSALS = 2
"""In a row: the pauses before retries grow with each, and `HISTORY` is bounded."""


def event_text(stream: int, seq: int) -> bytes:
    """Event number `seq` of a stream: always the same text, and no two alike."""
    mixed = (seq * 2654435761 + stream * 40503) >> 3
    if mixed % 11 == 0:
        return b'{"seq":"%d","metadata":{"event_type":"registration"}}' % seq
    value = b'"%s"' % (b"long " * 20_000) if mixed % 997 == 0 else VALUES[mixed % len(VALUES)]
    return (
        b'{"seq":"%d","metadata":{"oem_id":"0dfc7900","oem_model":"ledevb","dsn":"AC%013d",'
        b'"property_name":"Blue_LED","base_type":"string","event_type":"datapoint"},'
        b'"datapoint":{"id":"%012x","updated_at":"2018-09-24T10:25:14Z","value":%s}}'
    ) % (seq, stream, mixed, value)


def unit(payload: bytes, length: int | None = None) -> bytes:
    return b"%d|%s" % (len(payload) if length is None else length, payload)


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A frame as a server sends it; `first` holds FIN, the reserved bits and the opcode."""
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 1 << 16:
        return bytes([first, 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, 127]) + size.to_bytes(8, "big") + payload


def pack(texts: list[bytes], choose: random.Random) -> Iterator[bytes]:
    """The events in frames of every kind that the protocol allows, or that are met all the same."""
    at = 0
    while at < len(texts):
        [form] = choose.choices(list(FORMS), list(FORMS.values()))
        few = texts[at : at + (200 if form == "frames" else choose.randint(1, 5))]
        at += len(few)
        match form:
            case "frames":
                frames = [frame(unit(text)) for text in few]
            case "units":
                frames = [frame(b"".join(map(unit, few)))]
            case "array":
                frames = [frame(unit(b"[" + b" , ".join(few) + b"]"))]
            case "fragments":
                frames = [fragments(unit(text), choose) for text in few]
            case "characters":
                frames = [frame(unit(text, len(text.decode()))) for text in few]
            case _:
                wrong = choose.choice((-7, 9, 10**6))
                frames = [frame(unit(text, len(text) + wrong)) for text in few]
        yield b"".join(frames)


def fragments(payload: bytes, choose: random.Random) -> bytes:
    """A message in three fragments, with a pong between them."""
    one, other = sorted(choose.randint(0, len(payload)) for _ in range(2))
    last = frame(payload[other:], 0x80)
    return frame(payload[:one], 0x01) + frame(b"", 0x8A) + frame(payload[one:other], 0x00) + last


def _switching_protocols(head: bytes) -> bytes:
    [key] = re.findall(rb"(?i)\r\nsec-websocket-key: *([^\r]+)", head)
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
    )


class Subscription:
    """The events of one key: numbers from `first` on, below `produced`."""

    def __init__(self, number: int, rate: float) -> None:
        self.number = number
        self.first = number % 2
        self.connections = 0
        self.refusals = 0  # in a row
        self.settled = False  # the client has an event: whatever it misses, it can ask for
        self.gaps: dict[range, float] = {}  # left out and not asked for yet, and since when
        self.replays = 0  # second connections that are open
        self.peace_until = 0.0
        self._rate = rate
        self._born: float | None = None
        self._ended: float | None = None

    @property
    def produced(self) -> int:
        """The first number that does not exist yet."""
        return self._produced_at(self._ended or time.monotonic())

    @property
    def oldest(self) -> int:
        """The first number that can still be replayed."""
        return self._produced_at((self._ended or time.monotonic()) - HISTORY)

    def begin(self) -> None:
        """Produce from now on."""
        self._born = self._born or time.monotonic()

    def finish(self) -> None:
        """Produce nothing more."""
        self._ended = time.monotonic()

    def text(self, seq: int) -> bytes:
        return event_text(self.number, seq)

    def texts(self, numbers: range) -> list[bytes]:
        return [self.text(seq) for seq in numbers]

    def _produced_at(self, moment: float) -> int:
        age = max(0.0, moment - (self._born or moment))
        bursts = BURST_EVERY * (age // BURST_EVERY)
        return self.first + int((age + bursts) * self._rate / 2)


class Server:
    """Serves its keys while `listening`; what dsstail did wrong is in `problems`."""

    def __init__(self, keys: list[str], *, rate: float, seed: int) -> None:
        self.subscriptions = {key: Subscription(n, rate) for n, key in enumerate(keys)}
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.slowest_answer = 0.0
        self.peaceful = False
        self._seed = seed

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Serve as long as the context lasts, on the port that it gives."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    def finish(self) -> None:
        """No more events and no more trouble: what is still missing has to come now."""
        self.peaceful = True
        for subscription in self.subscriptions.values():
            subscription.finish()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.counts["connections that the client cut"] += 1
        except Exception as error:
            self.problems.append(f"the soak's server failed: {error!r}")
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        query = parse_qs(urlsplit(head.split(b" ")[1].decode()).query)
        subscription = self.subscriptions[query["stream_key"][0]]
        subscription.connections += 1
        choose = random.Random(f"{self._seed}/{subscription.number}/{subscription.connections}")
        start = int(query["seq_start"][0]) if "seq_start" in query else None
        end = int(query["seq_end"][0]) if "seq_end" in query else None
        if end is None and self._refuses(subscription, choose):
            refusal = choose.choice(list(REFUSALS))
            self.counts[f"refused with {refusal}"] += 1
            writer.write(REFUSALS[refusal])
            await writer.drain()
            return
        writer.write(_switching_protocols(head))
        peer = Peer(reader, writer, self)
        listening = asyncio.create_task(peer.listen())
        try:
            if end is None:
                await Live(self, subscription, peer, choose).run(start)
            else:
                await self._replay(subscription, peer, choose, range(start or 0, end + 1))
        finally:
            listening.cancel()

    def _refuses(self, subscription: Subscription, choose: random.Random) -> bool:
        refuses = (
            subscription.settled
            and not self.peaceful
            and subscription.refusals < MOST_REFUSALS
            and choose.random() < 0.3
        )
        subscription.refusals = subscription.refusals + 1 if refuses else 0
        return refuses

    async def _replay(
        self, subscription: Subscription, peer: Peer, choose: random.Random, asked: range
    ) -> None:
        """Serve a second connection: what was asked for, and sometimes more."""
        self.counts["gaps replayed"] += 1
        self.check_window(subscription, asked)
        subscription.replays += 1
        try:
            before = choose.choice((0, 0, 5))
            first = max(asked.start - before, subscription.first)
            last = min(asked.stop + choose.choice((0, 0, 5)), subscription.produced)
            for packed in pack(subscription.texts(range(first, last)), choose):
                peer.write(packed)
            if choose.random() < 0.5:
                peer.write(frame((1000).to_bytes(2, "big"), 0x88))
            await peer.gone_within(PATIENCE)
        finally:
            subscription.replays -= 1
            subscription.peace_until = time.monotonic() + PEACE
            for gap in [gap for gap in subscription.gaps if gap[0] in asked and gap[-1] in asked]:
                del subscription.gaps[gap]

    def check_window(self, subscription: Subscription, asked: range) -> None:
        if not subscription.oldest <= asked.start:
            self.problems.append(f"stream {subscription.number} came back after {HISTORY:g} s")
        if asked.start > subscription.produced:
            self.problems.append(f"stream {subscription.number} asked for {asked}, in the future")


class Live:
    """A live connection: events as they are produced, other talk, and at last a bad end."""

    def __init__(
        self, server: Server, subscription: Subscription, peer: Peer, choose: random.Random
    ) -> None:
        self._server = server
        self._subscription = subscription
        self._peer = peer
        self._choose = choose
        self._next = subscription.first  # the number to send next
        self._caught_up = False
        self._gaps_to_leave = choose.choice((0, 0, 0, 1, 3))
        now = time.monotonic()
        self._ends_at = now + choose.uniform(0.1, 6)
        self._heartbeat_at = now + HEARTBEAT_EVERY

    async def run(self, start: int | None) -> None:
        self._server.counts["live connections"] += 1
        self._subscription.begin()
        self._subscription.gaps.clear()
        if start is not None:
            self._server.check_window(self._subscription, range(start, start))
            self._begin_with(start)
        while not self._peer.gone.is_set():
            self._subscription.settled |= self._peer.answered
            await self._send_events()
            self._talk()
            if self._may_end and time.monotonic() >= self._ends_at:
                await self._end()
                return
            await asyncio.sleep(TICK)

    def _begin_with(self, start: int) -> None:
        """Begin where the client asked for, or earlier, or with the newest event of all."""
        subscription = self._subscription
        how = self._choose.choice(("exactly", "exactly", "early", "newest first"))
        self._next = start
        if how == "early":
            self._next = max(start - self._choose.randint(1, 50), subscription.first)
        elif how == "newest first" and start < subscription.produced:
            self._peer.write(frame(unit(subscription.text(subscription.produced - 1))))
            subscription.peace_until = time.monotonic() + PEACE
        self._server.counts[f"resumed {how}"] += 1

    @property
    def _may_end(self) -> bool:
        """Whether the client can get everything that is missing from its next connection."""
        subscription = self._subscription
        for gap, since in subscription.gaps.items():
            if time.monotonic() - since > PATIENCE and not subscription.replays:
                self._server.problems.append(f"stream {subscription.number}: {gap} not asked for")
                return True
        return (
            subscription.settled
            and not self._server.peaceful
            and not subscription.gaps
            and not subscription.replays
            and time.monotonic() >= subscription.peace_until
        )

    async def _send_events(self) -> None:
        produced = self._subscription.produced
        if self._caught_up and not self._server.peaceful:
            self._leave_out(produced)
        texts = self._subscription.texts(range(self._next, produced))
        for packed in pack(texts, self._choose):
            self._peer.write(packed)
            await self._peer.drain()
        self._next = produced
        self._caught_up = True

    def _leave_out(self, produced: int) -> None:
        """Now and then send some events again, or leave some out that others follow."""
        subscription, waiting = self._subscription, produced - self._next
        if self._choose.random() < 0.01 and not subscription.gaps:
            again = range(max(self._next - 10, subscription.first), self._next)
            self._peer.write(frame(b"".join(map(unit, subscription.texts(again)))))
            self._server.counts["events sent twice"] += len(again)
        elif self._choose.random() < 0.02 and waiting > 1 and self._gaps_to_leave:
            self._gaps_to_leave -= 1
            gap = range(self._next, self._next + self._choose.randint(1, waiting - 1))
            subscription.gaps[gap] = time.monotonic()
            self._next = gap.stop
            self._server.counts["gaps left"] += 1
            self._server.counts["events left out"] += len(gap)

    def _talk(self) -> None:
        """What is said between events."""
        if time.monotonic() >= self._heartbeat_at and self._next > self._subscription.first:
            self._peer.write_heartbeat()
            self._heartbeat_at += HEARTBEAT_EVERY
        if self._choose.random() < 0.02:
            self._peer.write_ping(self._choose.randbytes(self._choose.randint(0, 125)))
        if self._choose.random() < 0.01:
            self._peer.write(frame(b"1|X") + frame(b"nobody asked", 0x8A))
        if self._choose.random() < 0.002:
            self._server.counts["malformed messages"] += 1
            self._peer.write(frame(self._choose.choice(MALFORMED)))

    async def _end(self) -> None:
        ending = self._choose.choice(ENDINGS)
        cut = ending in ("FIN", "RST", "silence") and self._choose.random() < 0.5
        self._server.counts[f"ended with {ending}{' inside a frame' if cut else ''}"] += 1
        if cut:
            whole = frame(unit(self._subscription.text(self._next)))
            self._peer.write(whole[: self._choose.randrange(1, len(whole))])
        if ending == "a close frame":
            await self._close(self._choose.choice(CLOSE_CODES))
        elif ending == "FIN":
            self._peer.half_close()
            await self._peer.gone_within(PATIENCE)
        elif ending == "RST":
            await self._peer.drain()
            self._peer.reset()
        elif ending == "silence":
            await self._peer.gone_within(PATIENCE)
        else:
            wrong, code = VIOLATIONS[ending]
            self._peer.write(wrong)
            await self._peer.closed_with(code, ending)

    async def _close(self, code: int | None) -> None:
        payload = b"" if code is None else code.to_bytes(2, "big") + CLOSE_REASON
        self._peer.write(frame(payload, 0x88))
        await self._peer.closed_with(code or 1000, f"close code {code}")


class Peer:
    """The other end of one connection: what goes out, and whether what comes in is right."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server
    ) -> None:
        self.gone = asyncio.Event()
        self.answered = False  # a heartbeat, and so has taken all that was sent before it
        self._reader = reader
        self._writer = writer
        self._server = server
        self._close_code: int | None = None
        self._heartbeats: deque[float] = deque()  # not answered yet: when they were sent
        self._pings: deque[bytes] = deque()

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def write_heartbeat(self) -> None:
        if len(self._heartbeats) > PATIENCE / HEARTBEAT_EVERY:
            self._server.problems.append("heartbeats are not answered")
        self._heartbeats.append(time.monotonic())
        self.write(frame(b"1|Z"))

    def write_ping(self, payload: bytes) -> None:
        self._pings.append(payload)
        self.write(frame(payload, 0x89))

    async def drain(self) -> None:
        await self._writer.drain()

    def half_close(self) -> None:
        self._writer.write_eof()

    def reset(self) -> None:
        """Drop the connection with a RST."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone_within(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.gone.wait(), seconds)
        except TimeoutError:
            self._server.problems.append(f"a broken connection was kept for {seconds:g} s")

    async def closed_with(self, code: int, why: str) -> None:
        await self.gone_within(PATIENCE)
        if self._close_code != code:
            self._server.problems.append(f"{why} was answered with {self._close_code}, not {code}")

    async def listen(self) -> None:
        """Take what the client says until it is gone."""
        try:
            while True:
                first, second = await self._reader.readexactly(2)
                size = second & 0x7F
                if first & 0x70 or not first & 0x80 or not second & 0x80 or size > 125:
                    self._server.problems.append(f"a frame that starts {first:#x} {second:#x}")
                    return
                mask = await self._reader.readexactly(4)
                masked = await self._reader.readexactly(size)
                self._hear(first & 0x0F, bytes(a ^ b for a, b in zip(masked, cycle(mask))))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.gone.set()

    def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == 1 and payload == b"Z" and self._heartbeats:
            self.answered = True
            self._server.counts["heartbeats answered"] += 1
            waited = time.monotonic() - self._heartbeats.popleft()
            self._server.slowest_answer = max(self._server.slowest_answer, waited)
        elif opcode == 10 and self._pings and payload == self._pings.popleft():
            self._server.counts["pings answered"] += 1
        elif opcode == 8:
            self._close_code = int.from_bytes(payload[:2], "big")
        else:
            self._server.problems.append(f"the client said {payload!r}, opcode {opcode}")
