"""The times in events, in seconds since the epoch."""

from __future__ import annotations

from typing import Any

from dsstail.clock import since_epoch

EARLIEST, LATEST = -62_135_510_400, 253_402_214_400
"""From the second day of the year 1 to the last but one of 9999: they exist in every time zone."""

REMEMBERED = 4096
LONGEST = 40
"""Characters of a time that is remembered."""


class Moments(dict[Any, float | None]):
    """Each time as it is written, and what it means; remembers those read lately.

    KeyError for what is not text; None for what is no time, or none from EARLIEST to LATEST.
    """

    def __missing__(self, written: Any) -> float | None:
        if not isinstance(written, str):
            raise KeyError(written)
        at = since_epoch(written)
        if at is not None and not EARLIEST <= at <= LATEST:
            at = None
        if len(written) <= LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[written] = at
        return at


def within(at: float) -> float:
    """The time, or the one next to it from EARLIEST to LATEST: a bucket may begin before these."""
    return min(max(at, EARLIEST), LATEST)


def received_at(event: dict[str, Any]) -> str:
    """When a recorded event was received, as it is written; empty if it does not tell."""
    about = event.get("_dsstail")
    written = about.get("received_at") if isinstance(about, dict) else None
    return written if isinstance(written, str) else ""
