"""When a connection that failed is tried again, and whether it asks for the same."""

from __future__ import annotations

from math import inf

import pytest

from dsstail import retrying
from dsstail.errors import Closed, ConnectionFailed, Cut, Rejected
from dsstail.retrying import (
    HEALTHY_AFTER,
    LATE_REJECTIONS,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    Requests,
    Retries,
)

LOST = Cut("lost")
REFUSED = Rejected("refused", status=401)
CLOSED = Closed("closed", 1008)


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Chance:
    """Takes the longest pause there is."""

    def uniform(self, least: float, most: float) -> float:
        assert least == 0, "the jitter is full"
        return most


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(retrying, "time", clock)
    monkeypatch.setattr(retrying, "random", Chance())
    return clock


def retries(*, reconnect: bool = True, retry_for: float | None = None) -> Retries:
    return Retries(reconnect=reconnect, retry_for=retry_for)


def test_pauses_grow_up_to_the_longest() -> None:
    these = retries()
    assert [these.pause_after(LOST) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert these.attempt == 7


def test_after_weeks_of_trouble_the_pause_is_still_the_longest() -> None:
    these = retries()
    these.attempt = 100_000
    assert these.pause_after(LOST) == LONGEST_PAUSE


def test_a_new_event_ends_the_trouble() -> None:
    these = retries()
    these.pause_after(LOST)
    these.opened()
    these.proved_healthy(new_events=True)
    assert these.attempt == 0
    assert these.pause_after(LOST) == 1


@pytest.mark.parametrize(("lasted", "pause"), [(HEALTHY_AFTER - 0.1, 2), (HEALTHY_AFTER, 1)])
def test_a_connection_without_events_has_to_last(lasted: float, pause: float, clock: Clock) -> None:
    these = retries()
    these.pause_after(LOST)
    these.opened()
    clock.now += lasted
    these.proved_healthy(new_events=False)
    assert these.pause_after(LOST) == pause


def test_without_reconnecting_the_first_failure_is_the_last() -> None:
    with pytest.raises(ConnectionFailed, match=r"^lost$"):
        retries(reconnect=False).pause_after(LOST)


def test_time_runs_out_from_the_first_trouble_on(clock: Clock) -> None:
    these = retries(retry_for=10)
    assert these.time_left == 10
    clock.now += 4
    assert these.time_left == 6
    assert [these.pause_after(LOST) for _ in range(4)] == [1, 2, 4, 6], "no longer than is left"
    clock.now += 5.5
    assert these.time_left == 1, "the last attempt gets a second"
    clock.now += 0.5
    with pytest.raises(ConnectionFailed, match=r"^lost; gave up after 10 s$"):
        these.pause_after(LOST)


def test_time_does_not_run_while_all_is_well(clock: Clock) -> None:
    these = retries(retry_for=10)
    these.opened()
    these.proved_healthy(new_events=True)
    assert these.time_left == inf
    clock.now += 1000
    assert these.pause_after(LOST) == 1
    clock.now += 9
    assert these.time_left == 1


def test_without_a_limit_time_never_runs_out(clock: Clock) -> None:
    these = retries()
    clock.now += 1e6
    assert these.time_left == inf
    assert these.pause_after(LOST) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_that_never_worked_is_refused_for_good(status: int) -> None:
    refused = Rejected("refused", status=status)
    with pytest.raises(Rejected) as raised:
        retries().pause_after(refused)
    assert raised.value is refused


def test_another_status_is_tried_again() -> None:
    assert retries().pause_after(Rejected("busy", status=503)) == 1


def test_a_key_that_worked_is_believed_to_be_refused_after_some_time() -> None:
    these = retries()
    these.opened()
    for _ in range(LATE_REJECTIONS):
        these.pause_after(REFUSED)
    with pytest.raises(Rejected):
        these.pause_after(REFUSED)


def test_rejections_are_counted_anew_once_it_works() -> None:
    these = retries()
    these.opened()
    for _ in range(2):
        for _ in range(LATE_REJECTIONS):
            these.pause_after(REFUSED)
        these.proved_healthy(new_events=True)


@pytest.mark.parametrize(("asked", "waited"), [(7, 7), (1e6, LONGEST_RETRY_AFTER)])
def test_what_the_service_asks_for_is_waited_besides(asked: float, waited: float) -> None:
    busy = Rejected("busy", status=429, retry_after=asked)
    assert retries().pause_after(busy) == 1 + waited
    assert retries(retry_for=3).pause_after(busy) == 3


def turned_away(requests: Requests, failure: ConnectionFailed, times: int = 1) -> list[bool]:
    found = []
    for _ in range(times):
        if not isinstance(failure, Rejected):
            requests.opened()
        found.append(requests.turned_away(failure))
    return found


IN_VAIN = [False, False, True]


@pytest.mark.parametrize(
    ("failure", "found"),
    [
        *((Rejected("", status=status), [True]) for status in (400, 410, 499)),
        *((Rejected("", status=status), IN_VAIN) for status in (404, 500, 501, 505)),
        *((Rejected("", status=status), [False] * 9) for status in (401, 403, 408, 429, 502, 503)),
        (CLOSED, IN_VAIN),
        (Closed("restarts", 1012), [False] * 9),
        (LOST, [False] * 9),
    ],
)
def test_which_failures_are_because_of_what_was_asked(
    failure: ConnectionFailed, found: list[bool]
) -> None:
    requests = Requests()
    requests.opened()
    assert turned_away(requests, failure, len(found)) == found


def test_what_is_final_before_there_was_a_connection_is_not_about_the_request() -> None:
    assert not Requests().turned_away(Rejected("gone", status=404))
    assert Requests().turned_away(Rejected("bad", status=400))


def test_a_connection_that_brought_something_was_not_turned_away() -> None:
    requests = Requests()
    assert turned_away(requests, CLOSED, 2) == IN_VAIN[:-1]
    requests.opened()
    requests.heard()
    assert not requests.turned_away(CLOSED)
    assert turned_away(requests, CLOSED, 3) == IN_VAIN
