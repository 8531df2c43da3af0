"""What was met on the way, as steps: the details that people and programs want to know."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from dsstail.checking import certificate, diagnosis
from dsstail.checking.certificate import Certificate
from dsstail.checking.diagnosis import Route
from dsstail.checking.steps import ADDRESSES, CLOCK, NAME, OK, PROXY, TCP, TLS, WARNING, Step
from dsstail.clock import Clock
from dsstail.dialing import AddressInfo, Answered, Tried, unconnected
from dsstail.wording import counted, spoken

RENEWAL = 14
"""Days before its end when a certificate should have been renewed."""

SKEW = 10.0
"""Seconds that two clocks may differ without a word."""


def of_addresses(route: Route, found: Sequence[AddressInfo]) -> Step:
    """The name was looked up."""
    addresses = list(dict.fromkeys(info[4][0] for info in found))
    whose = f"the proxy {route.hop.host}" if route.proxy else route.hop.host
    detail = whose if addresses == [route.hop.host] else f"{whose}: {', '.join(addresses)}"
    return Step(NAME, OK, detail, facts={"host": route.hop.host, "addresses": addresses})


def of_attempts(route: Route, attempts: Sequence[Tried], name: str = TCP) -> Step:
    """Addresses were tried for a connection, or for the sake of knowing (`name` ADDRESSES)."""
    failed = [attempt for attempt in attempts if attempt.failure]
    answering = [attempt.address[4][0] for attempt in attempts if not attempt.failure]
    also = "also " if name == ADDRESSES else ""
    verb = "answers" if len(answering) == 1 else "answer"
    told = [f"{', '.join(answering)} {also}{verb} at port {route.hop.port}"] if answering else []
    slow = any(isinstance(attempt.failure, TimeoutError) for attempt in failed)
    return Step(
        name,
        WARNING if slow else OK,
        "; ".join([*told, *map(_attempt, failed)]),
        facts={"port": route.hop.port, "attempts": list(map(_as_fact, attempts))},
        advice=diagnosis.of_delay() if slow else None,
    )


def of_tunnel(route: Route, status: int | None) -> Step:
    """The proxy answered."""
    assert route.proxy is not None
    return Step(
        PROXY,
        OK,
        f"opens a tunnel to {route.endpoint.address} ({route.proxy.variable})",
        facts={"variable": route.proxy.variable, "status": status},
    )


def of_security(tls: ssl.SSLSocket, clock: Clock) -> Step:
    """TLS is up."""
    cipher = (tls.cipher() or ("",))[0]
    facts: dict[str, Any] = {"version": tls.version(), "cipher": cipher}
    shown = certificate_of(tls.getpeercert(binary_form=True))
    if shown is None:
        return Step(TLS, OK, f"{tls.version()}, {cipher}", facts=facts)
    days = _days_left(shown)
    end = clock.at(int(shown.not_after))
    return Step(
        TLS,
        WARNING if days < RENEWAL else OK,
        f"{tls.version()}, {cipher}; certificate for {shown.bearer}, issued by {shown.issuer}, "
        + (f"valid until {end[0]} ({counted(days, 'day')})" if end else "valid for ever"),
        facts=facts | {"certificate": as_facts(shown)},
        advice=diagnosis.of_expiry(days) if days < RENEWAL else None,
    )


def of_date(answer: Answered | None, asked_at: float, heard_at: float) -> Step | None:
    """How far this machine's clock is from the service's, which dated its answer to the second.

    It did so between `asked_at` and `heard_at`, in seconds since the epoch.
    """
    if answer is None or not answer.date:
        return None
    try:
        told = parsedate_to_datetime(answer.date).timestamp()
    except (ValueError, OverflowError):
        return None
    ahead = max(asked_at - told - 1, 0.0) + min(heard_at - told, 0.0)
    facts = {"ahead": round(ahead, 3)}
    if abs(ahead) < SKEW:
        return Step(CLOCK, OK, "agrees with the service's", facts=facts)
    side = "ahead of" if ahead > 0 else "behind"
    detail = f"{spoken(abs(ahead))} {side} the service's"
    return Step(CLOCK, WARNING, detail, facts=facts, advice=diagnosis.of_clock(ahead))


def certificate_of(der: bytes | None) -> Certificate | None:
    """The certificate, if there is one that can be read."""
    try:
        return certificate.read(der) if der else None
    except ValueError:
        return None


def as_facts(shown: Certificate) -> dict[str, Any]:
    """A certificate for programs."""
    return {
        "subject": shown.subject,
        "issuer": shown.issuer,
        "names": list(shown.names),
        "not_before": _timestamp(shown.not_before),
        "not_after": _timestamp(shown.not_after),
        "days_left": _days_left(shown),
    }


def _days_left(shown: Certificate) -> int:
    return int((shown.not_after - time.time()) // 86400)


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _attempt(attempt: Tried) -> str:
    assert attempt.failure is not None
    return f"{attempt.address[4][0]}: {unconnected(attempt.failure)}"


def _as_fact(attempt: Tried) -> dict[str, Any]:
    failure = attempt.failure and unconnected(attempt.failure)
    return {"address": attempt.address[4][0], "failure": failure}
