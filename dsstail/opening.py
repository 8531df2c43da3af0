"""Connections that are opened in a thread of their own: who waits for one may look up meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures

from dsstail.connection import Connection
from dsstail.errors import ConnectionFailed


class Opening:
    """A connection that may be there soon."""

    def __init__(self, opener: Callable[[], Connection]) -> None:
        self._opener = opener
        self._outcome: futures.Future[Connection] = futures.Future()
        try:
            threading.Thread(target=self._run, name="opening", daemon=True).start()
        except RuntimeError:
            self._outcome.set_exception(ConnectionFailed("too many threads"))

    def wait(self, seconds: float) -> Connection | None:
        """The connection, None as long as there is none. Raises what kept it from being opened."""
        futures.wait([self._outcome], seconds)
        return self._outcome.result() if self._outcome.done() else None

    def give_up(self) -> None:
        """Have the connection closed as soon as it is there: nobody wants it any more."""
        if not self._outcome.cancel() and self._outcome.exception() is None:
            self._outcome.result().close()

    def _run(self) -> None:
        try:
            connection = self._opener()
        except BaseException as failure:
            if self._outcome.set_running_or_notify_cancel():
                self._outcome.set_exception(failure)
        else:
            if self._outcome.set_running_or_notify_cancel():
                self._outcome.set_result(connection)
            else:
                connection.close()
