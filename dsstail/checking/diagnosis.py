"""Why a step on the way to the service failed, most likely, and what a person can do about it.

One function for each step, from what is known of its failure to an `Advice`. The texts are whole
sentences, made to be read to somebody on the telephone.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

from dsstail import domains
from dsstail.checking.certificate import Certificate
from dsstail.checking.steps import Advice
from dsstail.clock import Clock
from dsstail.dialing import Endpoint, Proxy, is_here
from dsstail.errors import Closed, ConnectionFailed, Violation
from dsstail.wording import counted, spoken

NOT_YET_VALID, EXPIRED = 9, 10
WRONG_HOST, WRONG_ADDRESS = 62, 64
"""OpenSSL's codes for what is wrong with a certificate; any other means that nobody vouches."""

HEARTBEAT_EVERY = 30
"""Seconds from one heartbeat of the service to the next."""

_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
_NO_TLS = (
    *("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"),
    *("HTTP_REQUEST", "UNKNOWN_PROTOCOL"),
)


@dataclass(frozen=True, slots=True)
class Route:
    """Where the way leads, and through what."""

    endpoint: Endpoint
    client_type: str = "cloud"
    proxy: Proxy | None = None

    @property
    def hop(self) -> Endpoint:
        """What this machine itself connects to."""
        return self.proxy.endpoint if self.proxy else self.endpoint

    @property
    def place(self) -> domains.Place | None:
        """The place in the service's table; None for any other host."""
        return domains.at(self.endpoint.host)

    @property
    def mobile(self) -> bool:
        """Whether its keys are those of mobile apps, which live shortly."""
        return "mobile" in (self.client_type, self.place and self.place.client_type)


def of_name(route: Route, cause: BaseException | None) -> Advice:
    """The first hop's name could not be looked up; `cause` None means no answer in time."""
    host = route.hop.host
    silent = cause is None or getattr(cause, "errno", None) == socket.EAI_AGAIN
    if silent:
        return Advice(
            "No name server answers: this machine has no network, or its VPN is only half up.",
            "See whether a browser on this machine opens any page, and try again then.",
        )
    if route.proxy:
        return Advice(
            f"{route.proxy.variable} names a proxy, {host}, that this network does not know.",
            _without_proxy(route),
        )
    if isinstance(cause, UnicodeError):
        return Advice(f"{host} is not a host name.", "Correct --url.")
    if route.place:
        return Advice(
            "The name is right. This machine has no network, or the name server of its network "
            "does not tell names of the internet.",
            "See whether a browser on this machine opens any page. In a company network ask for "
            f"access to {host}, or for the proxy to put into HTTPS_PROXY.",
        )
    return Advice(
        "The name is mistyped, or known only in another network, such as that of a VPN.",
        "Check the host in --url letter by letter; the service's own names are in dsstail domains.",
    )


def of_tcp(route: Route, failures: Sequence[OSError]) -> Advice:
    """None of the first hop's addresses took a connection."""
    address = route.hop.address
    timed_out = any(isinstance(failure, TimeoutError) for failure in failures)
    if any(failure.errno in (errno.EACCES, errno.EPERM) for failure in failures):
        cause = "A firewall or a sandbox on this machine forbids the connection."
    elif not timed_out and all(failure.errno in _NO_WAY for failure in failures):
        return Advice(
            "This machine has no way there: its network, or its VPN, is down.",
            "See whether a browser on this machine opens any page, and try again then.",
        )
    elif any(isinstance(failure, ConnectionResetError) for failure in failures):
        cause = f"Something takes connections at port {route.hop.port}, and breaks them at once."
    elif route.proxy:
        cause = f"The proxy that {route.proxy.variable} names is not running at {address}."
    elif timed_out:
        cause = f"Something, most likely a firewall, drops what is sent to port {route.hop.port}."
    elif is_here(route.hop.host):
        return Advice(
            f"Nothing on this machine listens at port {route.hop.port}.",
            "Start what should be there, or correct the port in --url.",
        )
    else:
        cause = f"No service listens at port {route.hop.port}, or a firewall turns callers away."
    if route.proxy:
        return Advice(cause, _without_proxy(route))
    check = "" if route.place else "Check host and port in --url. "
    return Advice(
        cause,
        f"{check}Ask whoever looks after the firewall to allow connections to {address}, or which "
        "proxy to put into HTTPS_PROXY.",
    )


def of_proxy(route: Route, status: int | None, cause: BaseException | None) -> Advice:
    """The proxy opened no tunnel, and answered CONNECT with `status`, None if that is no HTTP."""
    assert route.proxy is not None
    variable, address = route.proxy.variable, route.endpoint.address
    if status == 407:
        known = route.proxy.credentials is not None
        return Advice(
            "The proxy does not accept this user and password."
            if known
            else "The proxy wants a user and a password.",
            f"Set {variable} to http://USER:PASSWORD@{route.proxy.endpoint.address}; special "
            "characters in them are written as in a URL, %40 for @.",
        )
    if status is not None and status >= 500:
        return Advice(
            f"The proxy itself cannot reach {address}.",
            f"Ask whoever looks after the proxy, or {_around(route)}",
        )
    if status is not None and status >= 400:
        return Advice(
            f"The proxy does not allow tunnels to {address}.",
            f"Ask whoever looks after the proxy to allow CONNECT to {address}.",
        )
    if isinstance(cause, TimeoutError):
        return Advice(
            f"The proxy took the connection and says nothing, perhaps because {address} is silent.",
            f"Ask whoever looks after the proxy, or {_around(route)}",
        )
    return Advice(
        f"What answers at {route.proxy.endpoint.address} is no HTTP proxy.", _without_proxy(route)
    )


def of_tls(
    route: Route, cause: BaseException | None, certificate: Certificate | None, clock: Clock
) -> Advice:
    """TLS did not come up; `certificate` is the one that was refused, if it could be seen."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _of_certificate(route, cause.verify_code, certificate, clock)
    if isinstance(cause, TimeoutError):
        return Advice(
            "The connection opens, and then nothing comes through it. Firewalls that look into "
            "connections do this.",
            f"Ask whoever looks after the firewall to allow TLS to {route.endpoint.address}, or "
            "try from another network.",
        )
    reason = getattr(cause, "reason", None) or ""
    if reason in _NO_TLS:
        return Advice(
            "What answers there does not speak TLS. It is a server without it, or the login page "
            "or the proxy of this network.",
            _browser(route) if route.place else "Check the port, and whether it has to be ws://.",
        )
    if "ALERT" in reason or "PROTOCOL" in reason:
        return Advice(
            "The two sides agree on no version or no cipher of TLS: what answers there is old, or "
            "is not the service.",
            _browser(route) if route.place else "Check host and port in --url.",
        )
    if route.place is None:
        return Advice(
            "The connection was cut in the middle. Servers that do not speak TLS do this, and "
            "firewalls that filter by host name.",
            "Check the port in --url, and whether it has to be ws://; try from another network.",
        )
    return Advice(
        "The connection was cut in the middle. Firewalls that filter by host name do this.",
        f"Ask whoever looks after the firewall to allow TLS to {route.endpoint.host}, or try from "
        "another network.",
    )


def of_handshake(route: Route, status: int | None, failure: ConnectionFailed) -> Advice:
    """The WebSocket did not open; `status` is that of the HTTP answer, None if there is none."""
    if status is None:
        return _of_no_answer(route, failure)
    if status == 401:
        return _of_refused_key(route)
    if status == 403:
        return Advice(
            "The service knows the key and does not allow it, or it does not allow this network.",
            "See on the dashboard whether the subscription is active, or make a new one.",
        )
    if status == 404:
        return Advice(
            "There is no stream under this path, or the key's subscription is gone.",
            "See on the dashboard whether the subscription is there."
            if route.place
            else "Check --url: it usually ends in /stream.",
        )
    if status in (408, 429) or (status >= 500 and status != 511):
        pause = failure.retry_after
        wait = f"It asks to wait {spoken(pause)}." if pause else "Try again in a few minutes."
        cause = (
            "The service has had too many requests of late."
            if status == 429
            else "The service, or what stands before it, is overloaded, in repair or broken."
        )
        return Advice(cause, f"{wait} dsstail tail and record wait and retry by themselves.")
    if status == 101:
        return Advice(
            "The answer is no proper WebSocket handshake: a proxy or another device on the way "
            "changes what passes through it, or this is not the service.",
            "Try from another network." if route.place else "Check --url.",
        )
    if status == 400 or status == 426:
        return Advice(
            "The request was not understood. Proxies that do not know WebSockets cause this, and "
            "so does a wrong path.",
            "Try from another network." if route.place else "Check --url.",
        )
    return Advice(
        "A web server, a proxy or the login page of this network answered, and not the service.",
        _browser(route) if route.place else "Check --url: it usually ends in /stream.",
    )


def of_end(failure: ConnectionFailed, *, answered: bool) -> Advice:
    """The open connection ended; `answered` where it did so right after a heartbeat's answer."""
    if isinstance(failure, Violation):
        return Advice(
            "What comes is not what the Datastream Service sends: it is another service, or "
            "something on the way changes it.",
            "Check --url, and try from another network.",
        )
    if isinstance(failure, Closed):
        after = "the answer to its heartbeat" if answered else "it took the key"
        return Advice(
            f"The service ended the connection by itself after {after}. It may be restarting, or "
            "not want this key: another client may use it at the same time.",
            "Stop other clients of this key and try again. If that does not help, make a new "
            "subscription.",
        )
    return Advice(
        "The network, or something on the way such as a firewall or a proxy, cut or garbled the "
        "connection.",
        "Try again, and from another network. dsstail tail and record reconnect by themselves.",
    )


def of_no_key() -> Advice:
    """All went well, as far as no key was needed."""
    return Advice("", "Set DSSTAIL_KEY, or use --key-file PATH, and check again.")


def of_silence(waited: float) -> Advice:
    """No heartbeat came within so many seconds."""
    if waited < HEARTBEAT_EVERY:
        return Advice(
            f"The service sends one every {HEARTBEAT_EVERY} seconds: it was not due yet.",
            "Wait longer, with --timeout 35s.",
        )
    return Advice(
        f"The service sends one every {HEARTBEAT_EVERY} seconds. This is another service, or "
        "something on the way holds back what it sends.",
        "Check --url, and try from another network.",
    )


def of_malformed() -> Advice:
    """What came is neither an event nor a heartbeat."""
    return Advice(
        "What answers is another service, or speaks another version of this one.",
        "Check --url. dsstail tail --save-malformed FILE keeps what comes.",
    )


def of_delay() -> Advice:
    """Some addresses do not answer, others do."""
    return Advice(
        "Something drops what is sent there. If it is an IPv6 address, the network may only seem "
        "to have IPv6.",
        "It works. Where such an address comes first, connecting takes a quarter of a second more.",
    )


def of_clock(skew: float) -> Advice:
    """The service's clock and this machine's differ by `skew` seconds."""
    return Advice(
        "The clock of this machine is wrong, or else that of the service.",
        "Set it, best by the network (NTP). Until then delays and ages are shown wrong by "
        f"{spoken(abs(skew))}, and valid certificates may be refused.",
    )


def of_expiry(days: int) -> Advice:
    """The certificate is valid for so many days more."""
    return Advice(
        f"The certificate is valid for {counted(days, 'more day')} and was not renewed yet.",
        "Remind whoever runs the service. After that day nobody can connect.",
    )


def _of_certificate(
    route: Route, code: int, certificate: Certificate | None, clock: Clock
) -> Advice:
    """A certificate was refused, with OpenSSL's `code`."""
    host = route.endpoint.host
    if code in (NOT_YET_VALID, EXPIRED):
        return _of_validity(route, code, certificate, clock)
    if code in (WRONG_HOST, WRONG_ADDRESS):
        bearer = certificate.bearer if certificate else "another host"
        cause = f"The certificate is for {bearer}, and not for {host}."
        if route.place:
            return Advice(f"{cause} Somebody else answers in its place.", _browser(route))
        return Advice(cause, "Use a host in --url that the certificate is for.")
    issuer = certificate.issuer if certificate else "somebody"
    return Advice(
        f"The certificate was issued by {issuer}, whom this machine does not trust. Proxies and "
        "virus scanners that read TLS show a certificate of their own, and so do test servers.",
        "If that is your company's, get its certificate as a PEM file, and add --ca-file PATH. "
        "If it is a public authority, update the list of authorities on this machine "
        "(ca-certificates).",
    )


def _of_validity(route: Route, code: int, certificate: Certificate | None, clock: Clock) -> Advice:
    now = _moment(clock, time.time())
    if code == NOT_YET_VALID:
        start = _moment(clock, certificate.not_before) if certificate else "later"
        return Advice(
            f"This machine's clock says {now}, and the certificate is valid only from {start} on: "
            "the clock is most likely behind.",
            "Set the clock, best by the network (NTP), and try again.",
        )
    end = f"on {_moment(clock, certificate.not_after)}" if certificate else "before"
    return Advice(
        f"The certificate expired {end}, and this machine's clock says {now}.",
        f"If the clock is right, whoever runs {route.endpoint.host} has to renew the certificate. "
        "If not, set the clock.",
    )


def _of_no_answer(route: Route, failure: ConnectionFailed) -> Advice:
    if isinstance(failure.__cause__, TimeoutError):
        return Advice(
            "The connection opens, and then no answer comes. The service is overloaded, or "
            "something on the way swallows WebSocket handshakes.",
            "Try again later. If it stays, ask whoever looks after firewall and proxy to allow "
            f"WebSockets to {route.endpoint.address}.",
        )
    if not route.endpoint.secure:
        return Advice(
            "What answers there does not speak WebSocket. It may speak TLS, or be something else.",
            "Check the port in --url, and try wss:// in place of ws://.",
        )
    return Advice(
        "What answers there does not speak WebSocket, or something on the way cuts WebSocket "
        "handshakes.",
        "Try from another network." if route.place else "Check host and port in --url.",
    )


def _of_refused_key(route: Route) -> Advice:
    if route.mobile:
        cause = "The key is used up, was made elsewhere, or is mistyped. Mobile keys live shortly."
    else:
        cause = "The key is mistyped, suspended or deleted, or it was made elsewhere."
    if route.place is None:
        return Advice(cause, "Check the key, and that it was made at the service of --url.")
    return Advice(
        f"{cause} This is {route.place}.",
        f"Check the key. Should it be from elsewhere, try {_elsewhere(route.place)}.",
    )


def _elsewhere(here: domains.Place) -> str:
    """The options that lead to the other places: `-r us --field, -r eu, …`."""
    other = [place for place in domains.PLACES if place != here]
    options = [
        f"-r {place.region}" + (" --field" if place.deployment == "field" else "")
        for place in other
        if place.client_type == here.client_type
    ]
    (client_type,) = {place.client_type for place in other} - {here.client_type}
    return f"{', '.join(options)}, or --client-type {client_type}"


def _without_proxy(route: Route) -> str:
    assert route.proxy is not None
    return f"Correct {route.proxy.variable}, or {_around(route)}"


def _around(route: Route) -> str:
    return f"go without the proxy: NO_PROXY={route.endpoint.host}"


def _browser(route: Route) -> str:
    return (
        f"Open https://{route.endpoint.host}/ in a browser on this machine: a login page shows "
        "itself there. Else try from another network."
    )


def _moment(clock: Clock, seconds: float) -> str:
    reading = clock.at(int(seconds))
    return f"{reading[0]} {reading[1]}" if reading else "a day that no calendar has"
