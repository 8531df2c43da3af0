"""One connection in the making: the way from the name to the handshake, step by step."""

from __future__ import annotations

import contextlib
import ssl
import time
from dataclasses import replace

from dsstail import dialing
from dsstail.checking import diagnosis, findings
from dsstail.checking.certificate import Certificate
from dsstail.checking.diagnosis import Route
from dsstail.checking.steps import (
    ADDRESSES,
    FAILED,
    HANDSHAKE,
    NAME,
    OK,
    PROXY,
    SKIPPED,
    TCP,
    TLS,
    Listener,
    Step,
)
from dsstail.clock import Clock
from dsstail.dialing import AddressInfo, Answered, Milestone, Resolved, Secured, Tried
from dsstail.errors import ConfigurationError, ConnectionFailed, Rejected
from dsstail.keys import StreamKey, masked

LOOK = 5.0
"""Seconds for a second look at a certificate that was refused."""

OTHERS, OTHERS_LIMIT = 4, 4.0
"""How many addresses are tried beside the one in use, and for how many seconds in all."""

_GOING_ON = {
    NAME: "looking up the name",
    TCP: "connecting",
    PROXY: "asking the proxy for a tunnel",
    TLS: "TLS handshake",
    HANDSHAKE: "WebSocket handshake",
}


class Walk:
    """Observes how `dialing` and `connection` make their way, and tells each step of it.

    A `brief` one, with a further key, tells only of the handshake and of what fails.
    """

    def __init__(
        self,
        route: Route,
        key: StreamKey | None,
        clock: Clock,
        listener: Listener,
        *,
        brief: bool = False,
    ) -> None:
        self._route = route
        self._key = key
        self._clock = clock
        self._listener = listener
        self._brief = brief
        self._addresses: list[AddressInfo] = []
        self._tried: list[Tried] = []
        self._ahead = [NAME, TCP]
        self._ahead += [PROXY] if route.proxy else []
        self._ahead += [TLS] if route.endpoint.secure else []
        self._ahead += [HANDSHAKE]
        self._answer: Answered | None = None  # in the step that is going on
        self._answered_at = 0.0
        self._begin()

    @property
    def key_matters(self) -> bool:
        """Whether it came so far that what comes next depends on the key."""
        return self._ahead in ([HANDSHAKE], [])

    def note(self, milestone: Milestone) -> None:
        """Take in how far the connection has come."""
        match milestone:
            case Resolved(addresses):
                self._addresses = addresses
                self._done(findings.of_addresses(self._route, addresses))
            case Tried():
                self._tried.append(milestone)
                if milestone.failure is None:
                    self._done(findings.of_attempts(self._route, self._tried))
            case Answered(status):
                self._answer, self._answered_at = milestone, time.time()
                if self._ahead[0] == PROXY and milestone.opens_tunnel:
                    self._done(findings.of_tunnel(self._route, status))
            case Secured(tls):
                self._done(findings.of_security(tls, self._clock))

    def arrive(self) -> None:
        """The WebSocket is open: the service accepts the key."""
        assert self._key is not None
        clocks = self._clocks()
        detail = f"HTTP 101, key {masked(self._key.key)} is accepted"
        self._done(Step(HANDSHAKE, OK, detail, facts={"status": 101}))
        if clocks is not None:
            self._listener.tell(clocks)

    def end_without_key(self) -> None:
        """All that can be tried without a key is done."""
        self._listener.tell(
            Step(
                HANDSHAKE,
                SKIPPED,
                "not tried, without a key",
                advice=diagnosis.of_no_key(),
                exit_code=ConfigurationError.exit_code,
            )
        )

    def interrupt(self) -> None:
        """The step that is going on comes to nothing."""
        if self._ahead:
            self._tell(Step(self._ahead[0], SKIPPED, "interrupted"))

    def fail(self, failure: ConnectionFailed) -> None:
        """The step that is going on failed."""
        seconds, clocks = self._elapsed, self._clocks()
        final = not isinstance(failure, Rejected) or failure.final
        exit_code = failure.exit_code if final else ConnectionFailed.exit_code
        step = replace(self._failed(failure), outcome=FAILED, exit_code=exit_code)
        self._tell(step, seconds)
        if clocks is not None:
            self._listener.tell(clocks)

    def try_other_addresses(self) -> None:
        """See whether the addresses that were not needed would have answered."""
        tried = [attempt.address for attempt in self._tried]
        others = [info for info in self._addresses if info not in tried][:OTHERS]
        if not others:
            return
        self._listener.wait("trying the other addresses")
        self._since = time.monotonic()
        noted: list[Milestone] = []
        for left, info in zip(range(len(others), 0, -1), others, strict=True):
            now = time.monotonic()
            deadline = now + (self._since + OTHERS_LIMIT - now) / left
            with contextlib.suppress(ConnectionFailed):  # it is noted
                dialing.connect([info], self._route.hop, deadline, noted.append).close()
        attempts = [attempt for attempt in noted if isinstance(attempt, Tried)]
        self._tell(findings.of_attempts(self._route, attempts, ADDRESSES))

    def _begin(self) -> None:
        """Begin the first of the steps that are ahead."""
        self._answer = None
        self._since = time.monotonic()
        if self._ahead:
            self._listener.wait(_GOING_ON[self._ahead[0]])

    def _done(self, step: Step) -> None:
        if not self._brief or step.name == HANDSHAKE:
            self._tell(step)
        self._ahead.pop(0)
        self._begin()

    @property
    def _elapsed(self) -> float:
        """Seconds since the step that is going on began."""
        return time.monotonic() - self._since

    def _tell(self, step: Step, seconds: float | None = None) -> None:
        about_key = self._brief or step.name == HANDSHAKE
        self._listener.tell(
            replace(
                step,
                seconds=self._elapsed if seconds is None else seconds,
                stream=self._key.name if self._key and about_key else "",
            )
        )

    def _failed(self, failure: ConnectionFailed) -> Step:
        """What is known of the failed step."""
        route, cause, detail = self._route, failure.__cause__, str(failure)
        name = self._ahead[0]
        status = self._answer.status if self._answer else None
        if name == NAME:
            return Step(NAME, FAILED, detail, advice=diagnosis.of_name(route, cause))
        if name == TCP:
            failures = [attempt.failure for attempt in self._tried if attempt.failure]
            step = findings.of_attempts(route, self._tried)
            return replace(step, advice=diagnosis.of_tcp(route, failures))
        if name == PROXY:
            advice = diagnosis.of_proxy(route, status, cause)
            return Step(PROXY, FAILED, detail, facts={"status": status}, advice=advice)
        if name == TLS:
            refused = isinstance(cause, ssl.SSLCertVerificationError)
            shown = self._look_again() if refused else None
            facts = {"certificate": findings.as_facts(shown)} if shown else {}
            advice = diagnosis.of_tls(route, cause, shown, self._clock)
            return Step(TLS, FAILED, detail, facts=facts, advice=advice)
        if status in (401, 403) and self._key:
            detail = f"HTTP {status}, key {masked(self._key.key)} is refused"
        about = {"status": status, "retry_after": failure.retry_after}
        advice = diagnosis.of_handshake(route, status, failure)
        return Step(HANDSHAKE, FAILED, detail, facts=about, advice=advice)

    def _look_again(self) -> Certificate | None:
        """The certificate that TLS refused: a handshake that fails does not show it."""
        deadline = time.monotonic() + LOOK
        endpoint, proxy = self._route.endpoint, self._route.proxy
        try:
            in_the_clear = replace(endpoint, secure=False)
            sock = dialing.dial(in_the_clear, deadline, proxy=proxy, context=None)
        except ConnectionFailed:
            return None
        return findings.certificate_of(dialing.presented(sock, endpoint, deadline))

    def _clocks(self) -> Step | None:
        """What the date of the service's answer says about the clocks."""
        if self._brief or self._ahead != [HANDSHAKE]:
            return None
        return findings.of_date(self._answer, time.time() - self._elapsed, self._answered_at)
