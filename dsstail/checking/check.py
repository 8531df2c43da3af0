"""The whole check: walk the way once for each key, then wait for what the service sends."""

from __future__ import annotations

import time
from dataclasses import replace

from dsstail import dialing
from dsstail.checking.diagnosis import Route
from dsstail.checking.steps import FAILED, PROXY, Listener, Step
from dsstail.checking.visit import Visit
from dsstail.checking.walk import Walk
from dsstail.clock import Clock
from dsstail.config import Connecting
from dsstail.errors import ConfigurationError, ConnectionFailed
from dsstail.keys import StreamKey
from dsstail.stream import Dialer, StreamSettings
from dsstail.wording import spoken

INTERRUPTED = 130
"""The exit code where it was interrupted before the service had answered."""

POLL = 0.1
"""Seconds of one look at all open connections."""


class Check:
    """A check with every key there is; without one, as far as none is needed.

    `timeout` is for how many seconds the service is awaited: until it is connected, for which the
    tail's patience is the limit as well, and from then on until heartbeat and event.
    """

    def __init__(
        self, connecting: Connecting, timeout: float, clock: Clock, listener: Listener
    ) -> None:
        """Raises ConfigurationError for a file of authorities that cannot be used."""
        settings = StreamSettings(
            ca_file=connecting.ca_file, max_message_size=connecting.max_message_size
        )
        self.route = Route(dialing.Endpoint.of(connecting.url), connecting.client_type)
        self.steps: list[Step] = []
        self.interrupted = False
        self._timeout = timeout
        self._patience = min(timeout, settings.connect_timeout)
        self._clock = clock
        self._outside = listener
        self._listener = Listener(self._tell, listener.wait)
        self._dialers = {key: Dialer(connecting.url, key, settings) for key in connecting.keys}
        self._trusted = dialing.trust(connecting.ca_file) if self.route.endpoint.secure else None
        self._walk: Walk | None = None  # the one that is going on
        self._all_walked = False
        self._visits: list[Visit] = []

    @property
    def failed(self) -> list[Step]:
        return [step for step in self.steps if step.outcome == FAILED]

    @property
    def exit_code(self) -> int:
        """That of the worst step."""
        if self.interrupted and not self._all_walked:
            return INTERRUPTED
        return max((step.exit_code for step in self.steps), default=0)

    def run(self) -> None:
        """Check; a KeyboardInterrupt ends it with what is known by then."""
        try:
            self._find_proxy()
            self._walk_all()
            self._listen()
        except KeyboardInterrupt:
            self.interrupted = True
            if self._walk is not None:
                self._walk.interrupt()
            for visit in self._visits:
                visit.give_up(interrupted=True)
        finally:
            for visit in self._visits:
                visit.close()

    def _tell(self, step: Step) -> None:
        self.steps.append(step)
        self._outside.tell(step)

    def _find_proxy(self) -> None:
        try:
            self.route = replace(self.route, proxy=dialing.proxy_for(self.route.endpoint))
        except ConfigurationError as failure:
            self._tell(Step(PROXY, FAILED, str(failure), exit_code=failure.exit_code))

    def _walk_all(self) -> None:
        """Open a connection with each key, as long as they come so far that the key matters."""
        walks: list[Walk] = []
        for key in [] if self.failed else self._dialers or [None]:
            walk = Walk(self.route, key, self._clock, self._listener, brief=bool(walks))
            self._walk = walk
            try:
                self._open(key, walk)
            except ConnectionFailed as failure:
                walk.fail(failure)
            self._walk = None
            walks.append(walk)
            if not walk.key_matters:
                break
        self._all_walked = True
        if walks and not self.failed:
            walks[0].try_other_addresses()

    def _open(self, key: StreamKey | None, walk: Walk) -> None:
        if key is not None:
            connection = self._dialers[key].open(None, None, self._patience, observe=walk.note)
            self._visits.append(Visit(key.name, connection, self._listener.tell))
            walk.arrive()
            return
        dialing.dial(
            self.route.endpoint,
            time.monotonic() + self._patience,
            proxy=self.route.proxy,
            context=self._trusted,
            observe=walk.note,
        ).close()
        walk.end_without_key()

    def _listen(self) -> None:
        """Read all connections in turn, until each has brought what is awaited, or time is over."""
        since = time.monotonic()
        while pending := [visit for visit in self._visits if not visit.over]:
            elapsed = time.monotonic() - since
            if elapsed >= self._timeout:
                for visit in pending:
                    visit.give_up()
                return
            awaited = " and ".join(sorted({visit.awaited for visit in pending}))
            self._listener.wait(f"{awaited}, {elapsed:.0f} s of {spoken(self._timeout)}")
            for visit in pending:
                visit.listen(min(POLL, self._timeout) / len(pending))
