"""When a connection that failed is tried again, and whether it is to ask for the same again."""

from __future__ import annotations

import random
import time
from math import inf

from dsstail.errors import Closed, ConnectionFailed, Cut, Rejected

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds: the pause before retry n is random, up to the first doubled n - 1 times."""

HEALTHY_AFTER = 10.0
"""Seconds that a connection has to last, if it brings no event, to reset the pauses."""

LATE_REJECTIONS = 5
"""How often in a row a key that worked may be refused before that is believed."""

LONGEST_RETRY_AFTER = 300.0
"""Seconds of a `Retry-After` that are waited at most."""

VAIN_REQUESTS = 3
"""Connections in a row that asked for what was missed and were turned away: the next does not."""

VAIN_CUTS = 10
"""The same where they were cut within `CUT_AT_ONCE` seconds, before any data, and nothing else
happened in between: a network in trouble does that, too, but not so often and nothing else."""

CUT_AT_ONCE = 5.0

TURNING_AWAY = (404, 500, 501, 505)
"""Statuses by which a service may turn away a connection that asks for what was missed; or those of
a gateway in trouble."""


class Retries:
    """When to try again, and when not any more."""

    def __init__(self, *, reconnect: bool, retry_for: float | None) -> None:
        """Without `reconnect` none; else for so many seconds of trouble, None for ever."""
        self.attempt = 0
        self._reconnect = reconnect
        self._retry_for = retry_for
        self._opened_at: float | None = None
        self._trouble_since: float | None = time.monotonic()
        self._rejections = 0

    @property
    def time_left(self) -> float:
        """Seconds until `retry_for` runs out; the last attempt gets one second at least."""
        if self._retry_for is None or self._trouble_since is None:
            return float("inf")
        return max(1.0, self._trouble_since + self._retry_for - time.monotonic())

    def opened(self) -> None:
        """A connection is open."""
        self._opened_at = time.monotonic()

    def proved_healthy(self, *, new_events: bool) -> None:
        """Data came; that makes a connection healthy if it is new, or if it has lasted."""
        opened_at = self._opened_at
        if new_events or (opened_at and time.monotonic() - opened_at >= HEALTHY_AFTER):
            self.attempt = self._rejections = 0
            self._trouble_since = None

    def pause_after(self, failure: ConnectionFailed) -> float:
        """Seconds to wait before the next attempt, with full jitter.

        Raises Rejected or ConnectionFailed where there is to be none.
        """
        if isinstance(failure, Rejected) and failure.final:
            self._rejections += 1
            if self._opened_at is None or self._rejections > LATE_REJECTIONS:
                raise failure
        if not self._reconnect:
            raise ConnectionFailed(str(failure))
        retry_for, now = self._retry_for, time.monotonic()
        since = self._trouble_since = now if self._trouble_since is None else self._trouble_since
        if retry_for is not None and now >= since + retry_for:
            raise ConnectionFailed(f"{failure}; gave up after {retry_for:g} s")
        self.attempt += 1
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.attempt - 1, 10))
        pause = random.uniform(0, longest)
        if failure.retry_after is not None:
            pause += min(failure.retry_after, LONGEST_RETRY_AFTER)
        if retry_for is not None:
            pause = min(pause, max(0.0, since + retry_for - now))
        return pause


class Requests:
    """Whether connections fail only because they ask for what was missed."""

    def __init__(self) -> None:
        self._in_vain = 0  # connections in a row that were turned away
        self._cuts = 0  # connections in a row that were cut at once
        self._opened_at = -inf  # when the latest one was, if there ever was one
        self._silent = True  # whether nothing has come on the latest yet

    def opened(self) -> None:
        """A connection is open."""
        self._opened_at = time.monotonic()
        self._silent = True

    def heard(self) -> None:
        """Data came."""
        self._silent = False

    def turned_away(self, failure: ConnectionFailed) -> bool:
        """Whether one that asked failed for that, so that the next one should not ask.

        Most statuses of the 400s say so at once; what may have other reasons has to happen again.
        """
        is_young = time.monotonic() - self._opened_at < CUT_AT_ONCE
        if isinstance(failure, Cut) and self._silent and is_young:
            self._cuts += 1
            return self._cuts >= VAIN_CUTS
        self._cuts = 0
        if isinstance(failure, Rejected):
            if failure.final and self._opened_at == -inf:
                return False
            vain = failure.status in TURNING_AWAY
            if 400 <= failure.status < 500 and not vain:
                return failure.status not in (401, 403, 408, 429)
        else:
            vain = self._silent and isinstance(failure, Closed) and not failure.restarts
            if not self._silent:
                self._in_vain = 0
        self._in_vain += vain
        return vain and self._in_vain >= VAIN_REQUESTS
