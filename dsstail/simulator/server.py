"""The server: listens, judges handshakes, and keeps a subscription for every key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus
from random import Random
from typing import NamedTuple
from urllib.parse import parse_qs

from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from dsstail.keys import masked
from dsstail.simulator.client import CLOSE_TIMEOUT, GOING_AWAY, READ_SIZE, Client
from dsstail.simulator.devices import Fleet
from dsstail.simulator.settings import HOST, Counters, SimulatorSettings
from dsstail.simulator.subscription import Recording, Source, Subscription

Tell = Callable[[str], None]
"""Says a line to whoever runs the simulator."""

HANDSHAKE_TIMEOUT = 10.0
"""Seconds in which a client must have sent its request."""


class Demand(NamedTuple):
    """What a client's URL asks for: a key's events, live or from `first` on, up to `last`."""

    key: str
    first: int | None
    last: int | None

    @property
    def window(self) -> str:
        """Which events are asked for, as the URL has it."""
        asked = {"seq_start": self.first, "seq_end": self.last}
        return " ".join(f"{name}={n}" for name, n in asked.items() if n is not None) or "live"


class Refusal(Exception):
    """The URL asks for something that is not served."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read_demand(target: str, key: str | None) -> Demand:
    """What a request target asks for, where `key` is the only valid one; raises Refusal."""
    path, _, query = target.partition("?")
    if path != "/stream":
        raise Refusal(HTTPStatus.NOT_FOUND, "events are at /stream")
    members = parse_qs(query)
    asked = members.get("stream_key", [""])[0]
    if not asked or (key is not None and asked != key):
        raise Refusal(HTTPStatus.UNAUTHORIZED, "unknown stream_key")
    return Demand(asked, _number(members, "seq_start"), _number(members, "seq_end"))


def _peer(writer: asyncio.StreamWriter) -> str:
    """The client's address; `a client` where it is gone already."""
    address = writer.get_extra_info("peername")
    return f"{address[0]}:{address[1]}" if address else "a client"


def _number(members: dict[str, list[str]], name: str) -> int | None:
    if name not in members:
        return None
    digits = members[name][0]
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} is not a number")
    return int(digits)


class Server:
    """All subscriptions and all clients of one simulator; lives in one event loop."""

    def __init__(
        self, settings: SimulatorSettings, seed: int, counters: Counters, tell: Tell
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._counters = counters
        self._tell = tell
        self._subscriptions: dict[str, Subscription] = {}
        self._clients: dict[asyncio.Task[None], Client] = {}
        self._makers: list[asyncio.Task[None]] = []

    async def run(self, started: Future[int]) -> None:
        """Serve until `stop`; `started` gets the port. Raises OSError where it cannot listen."""
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        listener = await asyncio.start_server(self._welcome, HOST, self._settings.port)
        async with asyncio.TaskGroup() as self._group:
            started.set_result(listener.sockets[0].getsockname()[1])
            await self._stopping.wait()
            listener.close()
            await self._dismiss()
            for maker in self._makers:
                maker.cancel()

    def stop(self) -> None:
        """End `run` soon; from any thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _dismiss(self) -> None:
        for client in self._clients.values():
            client.close(GOING_AWAY, "the simulator stops")
        if self._clients:
            await asyncio.wait(list(self._clients), timeout=2 * CLOSE_TIMEOUT)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol()  # without extensions: no compression
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                demand = await self._shake_hands(protocol, reader, writer)
            if demand is not None:
                await self._serve(demand, protocol, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # nobody is left to tell, or the simulator stops
        finally:
            writer.close()

    async def _shake_hands(
        self,
        protocol: ServerProtocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> Demand | None:
        """Answer one request; None where the answer is not an open connection."""
        events: list[Request | Response | Frame] = []
        while not events and protocol.handshake_exc is None:
            data = await reader.read(READ_SIZE)
            if not data:
                return None
            protocol.receive_data(data)
            events = protocol.events_received()
        demand, reason = None, ""
        for request in events[:1]:  # frames behind it answer nothing that was said yet
            assert isinstance(request, Request)
            try:
                demand = read_demand(request.path, self._settings.key)
                protocol.send_response(protocol.accept(request))
            except Refusal as refusal:
                protocol.send_response(protocol.reject(refusal.status, f"{refusal}\n"))
                reason = f"{refusal} (HTTP {refusal.status:d})"
        if protocol.state is not State.OPEN:
            self._counters.rejected += 1
            self._tell(f"{_peer(writer)} is refused: {reason or protocol.handshake_exc}")
            demand = None
        writer.write(b"".join(protocol.data_to_send()))
        return demand

    async def _serve(
        self,
        demand: Demand,
        protocol: ServerProtocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        subscription = self._subscription(demand)
        client = Client(protocol, reader, writer, self._settings, self._counters)
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = client
        self._counters.connections += 1
        self._counters.connected += 1
        subscription.join()
        peer = _peer(writer)
        self._tell(f"{peer} connects with key {masked(demand.key)}, {demand.window}")
        try:
            await client.serve(subscription, demand.first, demand.last)
        finally:
            subscription.leave()
            self._counters.connected -= 1
            self._tell(f"{peer} is gone")
            del self._clients[task]

    def _subscription(self, demand: Demand) -> Subscription:
        """The key's subscription, which outlives its clients.

        A recording is served from its first line on, or from where the first client asks for;
        at its end it begins again with a client that comes alone and asks for nothing earlier.
        """
        subscription = self._subscriptions.get(demand.key)
        if subscription is not None:
            done_with = subscription.over and subscription.deserted and demand.first is None
            if not done_with:
                return subscription
        subscription = self._subscriptions[demand.key] = self._subscribe(demand)
        self._makers.append(self._group.create_task(subscription.keep_making()))
        return subscription

    def _subscribe(self, demand: Demand) -> Subscription:
        settings = self._settings
        source: Source
        if settings.recording is None:
            source = Fleet(settings.devices, settings.event_types, self._seed, demand.key)
        else:
            source = Recording(settings.recording)
        subscription = Subscription(
            source,
            rate=settings.rate,
            buffer=settings.buffer,
            skip=settings.skip,
            chance=Random(f"{self._seed} {demand.key} skip"),
        )
        if settings.recording is None:
            subscription.make_history(settings.history)
        elif demand.first is not None:
            subscription.make_up_to(demand.first)
        return subscription
