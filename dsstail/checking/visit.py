"""An open connection, of which the first heartbeat and the first event are awaited."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from dsstail.checking import diagnosis
from dsstail.checking.steps import EVENT, FAILED, HEARTBEAT, OK, SKIPPED, WARNING, Step
from dsstail.connection import Connection
from dsstail.errors import ConnectionFailed
from dsstail.escaping import shortened
from dsstail.messages import HEARTBEAT_ANSWER, Event, Heartbeat, Malformed, Message, parse
from dsstail.wording import spoken

GRACE = 1.0
"""Seconds after the answer to a heartbeat in which a service that dislikes it closes."""


class Visit:
    """Answers heartbeats, and tells a `Step` of the first one, and of the first event."""

    def __init__(self, stream: str, connection: Connection, tell: Callable[[Step], None]) -> None:
        self._stream = stream
        self._connection = connection
        self._tell = tell
        self._since = time.monotonic()
        self._answered_at: float | None = None
        self._malformed: Malformed | None = None  # the first
        self._told: set[str] = set()

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return {HEARTBEAT, EVENT} <= self._told

    @property
    def awaited(self) -> str:
        """What it waits for, in words."""
        if self._answered_at is None:
            return "waiting for the first heartbeat"
        return "heartbeat answered" if EVENT in self._told else "waiting for the first event"

    def listen(self, patience: float) -> None:
        """Take in what comes within so many seconds."""
        try:
            for item in self._connection.receive(patience):
                messages = map(Event, item[:1]) if isinstance(item, list) else parse(item.payload)
                for message in messages:
                    self._take(message)
        except ConnectionFailed as failure:
            self._end(failure)
        if self._answered_at is not None and time.monotonic() >= self._answered_at + GRACE:
            self._tell_answered(self._answered_at)

    def give_up(self, *, interrupted: bool = False) -> None:
        """Tell what did not come; for a heartbeat that is a reason to worry, unless interrupted."""
        waited = time.monotonic() - self._since
        none = f"none within {spoken(waited)}"
        if self._answered_at is not None:
            self._tell_answered(self._answered_at)
        if interrupted:
            self._tell_once(Step(HEARTBEAT, SKIPPED, f"{none}, interrupted"))
        self._tell_once(Step(HEARTBEAT, WARNING, none, advice=diagnosis.of_silence(waited)))
        if self._malformed is not None:
            seen = f"{self._malformed.reason}: {shortened(self._malformed.raw)}"
            self._tell_once(Step(EVENT, WARNING, seen, advice=diagnosis.of_malformed()))
        self._tell_once(Step(EVENT, SKIPPED, f"{none}{', interrupted' if interrupted else ''}"))

    def close(self) -> None:
        """Say goodbye, if the connection is still open."""
        self._connection.close()

    def _take(self, message: Message) -> None:
        now = time.monotonic()
        if isinstance(message, Heartbeat):
            self._connection.send(HEARTBEAT_ANSWER)
            self._answered_at = self._answered_at or now
        elif isinstance(message, Malformed):
            self._malformed = self._malformed or message
        elif isinstance(message, Event) and EVENT not in self._told:
            about = {"event_type": message.event_type, "dsn": message.dsn, "seq": message.seq}
            words = message.event_type or "of no type"
            words += f" from {message.dsn}" if message.dsn else ""
            words += f", seq {message.seq}" if message.seq is not None else ""
            self._tell_once(Step(EVENT, OK, words, now - self._since, about))

    def _end(self, failure: ConnectionFailed) -> None:
        """The connection ended before its time."""
        in_grace = self._answered_at is not None and HEARTBEAT not in self._told
        self._tell_once(
            Step(
                EVENT if HEARTBEAT in self._told else HEARTBEAT,
                FAILED,
                f"answered; then {failure}" if in_grace else str(failure),
                time.monotonic() - self._since,
                advice=diagnosis.of_end(failure, answered=in_grace),
                exit_code=failure.exit_code,
            )
        )
        self._told = {HEARTBEAT, EVENT}

    def _tell_answered(self, at: float) -> None:
        self._tell_once(Step(HEARTBEAT, OK, "came, and is answered", at - self._since))

    def _tell_once(self, step: Step) -> None:
        if step.name not in self._told:
            self._told.add(step.name)
            self._tell(replace(step, stream=self._stream))
