"""What an ack says of its datapoint: whether the device took it, and how long that took."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

ARRIVALS = 2000
"""Datapoints whose arrival is remembered for their acks: so many of the latest at least."""

LONGEST_IDENTIFIER = 100
"""Characters of the id of a datapoint that is remembered."""

_SUCCESS = (200, 0, "200", "0")


def succeeded(status: Any) -> bool:
    """Whether an `ack_status` says that the device took the value: 200, or 0 (protocol.md)."""
    return type(status) in (int, str) and status in _SUCCESS


def says_something(message: Any) -> bool:
    """Whether an `ack_message` tells more than that there is none."""
    return message not in (None, 0, "", "0")


def latency(
    told: float | None, sent_at: float | None, received_at: float
) -> tuple[float, bool] | None:
    """Seconds from a datapoint to its ack as exactly as they are known, and if they are measured.

    `told` is what the service's own times say, in whole seconds, so the truth is within a second
    of it. The times of receipt (0 where it is not known) are more exact, unless one came late.
    """
    if sent_at is not None and received_at > sent_at:
        measured = received_at - sent_at
        if told is None or abs(measured - told) < 1:
            return measured, True
    return None if told is None or told < 0 else (told, False)


Moment = TypeVar("Moment", float, str)


class Arrivals(Generic[Moment]):
    """When the latest datapoints came, in seconds or as it is written."""

    def __init__(self) -> None:
        self._recent: dict[str, Moment] = {}
        self._earlier: dict[str, Moment] = {}

    def note(self, identifier: Any, received_at: Moment) -> None:
        """Remember the datapoint with this `id`."""
        if type(identifier) is str and len(identifier) <= LONGEST_IDENTIFIER:
            if len(self._recent) >= ARRIVALS:
                self._earlier, self._recent = self._recent, {}
            self._recent[identifier] = received_at

    def of(self, identifier: Any) -> Moment | None:
        """When it came; None where that is not known, or no more."""
        if not isinstance(identifier, str):
            return None
        return self._recent.get(identifier) or self._earlier.get(identifier)
