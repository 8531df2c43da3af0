"""Connections that are opened in a thread of their own: who waits for one may look up meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from dsstail.connection import Connection
from dsstail.errors import ConnectionFailed


class Opening:
    """A connection that may be there soon."""

    def __init__(self, opener: Callable[[], Connection]) -> None:
        self._opener = opener
        self._outcome: queue.SimpleQueue[Connection | BaseException] = queue.SimpleQueue()
        self._unwanted = False
        try:
            threading.Thread(target=self._run, name="opening", daemon=True).start()
        except RuntimeError:
            self._outcome.put(ConnectionFailed("too many threads"))

    def wait(self, seconds: float) -> Connection | None:
        """The connection, None as long as there is none. Raises what kept it from being opened."""
        try:
            outcome = self._outcome.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def give_up(self) -> None:
        """Have the connection closed as soon as it is there: nobody wants it any more."""
        self._unwanted = True
        self._close()

    def _run(self) -> None:
        try:
            self._outcome.put(self._opener())
        except BaseException as failure:
            self._outcome.put(failure)
        if self._unwanted:  # who gave it up may have looked for it before it was there
            self._close()

    def _close(self) -> None:
        with suppress(queue.Empty):
            outcome = self._outcome.get_nowait()
            if isinstance(outcome, Connection):
                outcome.close()
