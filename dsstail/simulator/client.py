"""One connected client: events and heartbeats out, answers in, and faults on purpose."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Sequence

from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

from dsstail.messages import HEARTBEAT, encode
from dsstail.simulator.settings import Counters, SimulatorSettings
from dsstail.simulator.subscription import Held, Subscription

CLOSE_TIMEOUT = 0.5
"""Seconds in which the client must have answered a close; loopback is fast."""

BATCH = 256
"""Events written before the client's backpressure is felt."""

READ_SIZE = 1 << 16

GOING_AWAY = 1001
POLICY_VIOLATION = 1008

NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""The socket option that makes a close a reset."""

ANSWERS = (b"Z", b"1|Z")
"""What clients answer to a heartbeat: the service's web pages the first, its SDKs the second."""


class Client:
    """An open WebSocket connection, seen from the service."""

    def __init__(
        self,
        protocol: ServerProtocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        settings: SimulatorSettings,
        counters: Counters,
    ) -> None:
        self._protocol = protocol
        self._reader = reader
        self._writer = writer
        self._settings = settings
        self._counters = counters
        self._unanswered = False

    async def serve(self, subscription: Subscription, first: int | None, last: int | None) -> None:
        """Replay what is held from the seq `first` on, then deliver live, up to the seq `last`.

        Returns when the connection has ended; after `last` it stays, with its heartbeats.
        """
        # Replay and live events meet here: nothing is made until the next await.
        replay = [] if first is None else subscription.replay(first, last)
        deliveries = self._deliver(replay, subscription, subscription.made, last)
        try:
            async with asyncio.TaskGroup() as group:
                works = [deliveries, self._beat(), self._drop()]
                tasks = [group.create_task(work) for work in works]
                await self._listen()
                for task in tasks:
                    task.cancel()
        except* OSError:
            pass  # the client is gone
        finally:
            self._writer.transport.abort()

    def close(self, code: int, reason: str) -> None:
        """Say why, and end the connection after `CLOSE_TIMEOUT` at the latest."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()

    async def _deliver(
        self, replay: Sequence[Held], subscription: Subscription, position: int, last: int | None
    ) -> None:
        for start in range(0, len(replay), BATCH):
            await self._send([event.text for event in replay[start : start + BATCH]])
        end = sys.maxsize if last is None else last
        while (events := subscription.since(position, BATCH)) is not None:
            position += len(events)
            await self._send(
                [event.text for event in events if event.seq <= end and not event.skipped]
            )
            if not events:
                await subscription.news()
        self.close(POLICY_VIOLATION, "too slow: the next event is no longer held")

    async def _send(self, texts: Sequence[bytes]) -> None:
        """Write events, and wait while the client reads too slowly."""
        if self._protocol.state is State.OPEN:
            for text in texts:
                self._protocol.send_text(encode(text))
            self._counters.events += len(texts)
            self._flush()
        await self._writer.drain()
        await asyncio.sleep(0)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_every)
            if self._unanswered:
                self.close(POLICY_VIOLATION, "heartbeat not answered")
            elif self._protocol.state is State.OPEN:
                self._unanswered = True
                self._protocol.send_text(HEARTBEAT)
                self._flush()

    async def _drop(self) -> None:
        """Reset the connection when its time has come: no close frame, no FIN."""
        if self._settings.drop_every is not None:
            await asyncio.sleep(self._settings.drop_every)
            connection = self._writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self._writer.transport.abort()

    async def _listen(self) -> None:
        while data := await self._reader.read(READ_SIZE):
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.data in ANSWERS:
                    self._counters.heartbeats_answered += self._unanswered
                    self._unanswered = False
            self._flush()
            await self._writer.drain()

    def _flush(self) -> None:
        """Hand on what the protocol has to say; an empty piece of it means the end."""
        pieces = self._protocol.data_to_send()
        data = b"".join(pieces)
        if data:
            self._writer.write(data)
        if b"" in pieces:
            self._writer.write_eof()
        if self._protocol.close_expected():
            loop = asyncio.get_running_loop()
            loop.call_later(CLOSE_TIMEOUT, self._writer.transport.abort)
