"""How acks turned out, and how long after their datapoints they came."""

from __future__ import annotations

from typing import Any

from dsstail.acks import Arrivals, latency, says_something, succeeded
from dsstail.clock import Moments
from dsstail.statistics.quantiles import Quantiles
from dsstail.statistics.records import Failure
from dsstail.statistics.tables import Table
from dsstail.values import compact

FAILURES = 100
"""Failures that are told apart at least, and at most twice as many."""

LONGEST = 100
"""Characters of a status or a message; a longer one is known by its beginning."""

Members = dict[str, Any]


class Acks:
    """Takes acks, and the datapoints that they may be about."""

    def __init__(self, moments: Moments) -> None:
        self.succeeded = 0
        self.failed = 0
        self.failures = Table(FAILURES, Failure)
        self.measured = Quantiles()
        """Seconds from datapoint to ack, where both tell when they were received, ..."""
        self.told = Quantiles()
        """... and where only the service's times are known, which are whole seconds."""
        self._moments = moments
        self._arrivals: Arrivals[str] = Arrivals()
        self._pending: tuple[list[float], list[float]] = [], []  # those told, those measured

    def sent(self, body: Members, received: str) -> None:
        """Take a datapoint, and when it was received."""
        self._arrivals.note(body.get("id"), received)

    def take(self, body: Members, received: str) -> bool:
        """Take an ack, and when it was received, or `""`; whether it tells a success."""
        self._take_latency(body, received)
        status, message = body.get("ack_status"), body.get("ack_message")
        if succeeded(status):
            self.succeeded += 1
            return True
        self.failed += 1
        reason = _text(message) if says_something(message) else ""
        self.failures[f"{_text(status)}\n{reason}"].events += 1
        if self.failures.full:
            self.failures.thin()
        return False

    def fold(self) -> None:
        """Take in the durations that have come."""
        for distribution, seconds in zip((self.told, self.measured), self._pending, strict=True):
            distribution.add(seconds)
            seconds.clear()

    def _take_latency(self, body: Members, received: str) -> None:
        created, acked = self._moment(body.get("created_at")), self._moment(body.get("acked_at"))
        told = None if created is None or acked is None else acked - created
        came = self._moment(received)
        sent_at = None if came is None else self._moment(self._arrivals.of(body.get("id")))
        known = latency(told, sent_at, came or 0.0)
        if known is not None:
            seconds, measured = known
            self._pending[measured].append(seconds)

    def _moment(self, written: Any) -> float | None:
        return self._moments[written] if isinstance(written, str) else None


def _text(member: Any) -> str:
    text = member if isinstance(member, str) else compact(member)
    return text[:LONGEST].replace("\n", " ")
