"""The embedded Datastream Service: a server on loopback that speaks the protocol over WebSockets.

It serves made-up devices or a recording, holds what it sent for replay, beats its heart, and
breaks on purpose where asked to. It needs the `websockets` package, which only `start` imports.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dsstail.errors import ConfigurationError
from dsstail.simulator.settings import EVENT_TYPES, HOST, Counters, SimulatorSettings

if TYPE_CHECKING:
    from dsstail.simulator.server import Server

__all__ = ["EVENT_TYPES", "Counters", "Simulator", "SimulatorSettings"]


class Simulator:
    """A server in a thread of its own, as a context manager.

    `key` is the settings' key, or a made-up one where any is accepted; `url` is complete but
    for the key, and known once the server is started; `counters` can be read at any time.
    `tell` gets a line for every client that comes, goes or is refused, in the server's thread.
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._tell = tell or (lambda line: None)
        self.settings = settings or SimulatorSettings()
        chosen = self.settings.seed
        self._seed = random.SystemRandom().getrandbits(32) if chosen is None else chosen
        self.key = (
            self.settings.key or f"{random.Random(f'{self._seed} key').getrandbits(128):032x}"
        )
        self.url = ""
        self.counters = Counters()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to serve. Raises ConfigurationError where that cannot be."""
        server = self._new_server()
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=_run, args=(server, started), name="simulator", daemon=True
        )
        self._thread.start()
        try:
            port = started.result()
        except OSError as error:
            # asyncio's own text repeats the address, as a tuple.
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ConfigurationError(
                f"the simulator cannot listen on {HOST}:{self.settings.port}: {reason}."
            ) from error
        self.url = f"ws://{HOST}:{port}/stream"
        self._server = server

    def stop(self) -> None:
        """Close every connection and the port. Does nothing where nothing runs."""
        if self._server is not None and self._thread is not None and self._thread.is_alive():
            self._server.stop()
            self._thread.join()
            self._server = None

    def _new_server(self) -> Server:
        if self.settings.recording is not None:
            _check(self.settings.recording)
        try:
            from dsstail.simulator.server import Server
        except ImportError as error:
            raise ConfigurationError(
                "the simulator needs the websockets package. To get it: pip install 'dsstail[sim]'"
            ) from error
        return Server(self.settings, self._seed, self.counters, self._tell)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _check(recording: Path) -> None:
    """Raises ConfigurationError where it does not begin with an event; the rest is not judged."""
    from dsstail.recording.reading import is_pipe, read
    from dsstail.recording.splitting import Lines

    if str(recording) == "-" or is_pipe(recording):
        raise ConfigurationError("a recording is read for each key anew: save it in a file.")
    first = next(read(recording), None)
    if first is None:
        raise ConfigurationError(f"there is no event in {recording}.")
    if not isinstance(first, Lines):
        raise ConfigurationError(f"{recording} is no recording: it begins with no event.")


def _run(server: Server, started: Future[int]) -> None:
    import asyncio

    try:
        asyncio.run(server.run(started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)
