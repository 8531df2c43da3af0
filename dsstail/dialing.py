"""From a URL to a socket ready for the WebSocket handshake: name, proxy, TCP, TLS.

Every step shares one deadline (`time.monotonic()` seconds), and fails with `ConnectionFailed`
in words for a person. The stream key, which is in the URL's query, is in none of them.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import queue
import re
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dsstail.errors import ConfigurationError, ConnectionFailed

UNACKNOWLEDGED = 60
"""Seconds that sent bytes may stay unacknowledged before TCP gives the connection up."""

LONGEST_HEAD = 64 << 10
"""Bytes of an HTTP response's head, of a proxy's or the service's, that are read at most."""

NEXT_ADDRESS = 0.25
"""Seconds for which a silent address is the only one tried (RFC 8305, 5)."""

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL leads."""

    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, url: str) -> Endpoint:
        parts = urlsplit(url)
        secure = parts.scheme in ("wss", "https")
        return cls(parts.hostname or "", parts.port or (443 if secure else 80), secure)

    @property
    def address(self) -> str:
        """`host:port`, as a CONNECT request wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def shows_key(self) -> bool:
        """Whether the network sees what is sent there: it is not encrypted, and not for here."""
        return not self.secure and not is_here(self.host)

    def __str__(self) -> str:
        usual = 443 if self.secure else 80
        return self.host if self.port == usual else self.address


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels with CONNECT; `credentials` is `user:password`, in which a
    lone surrogate stands for a byte that is not UTF-8.

    `variable` is what names it in the environment, as written there.
    """

    endpoint: Endpoint
    credentials: str | None = None
    variable: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The first hop, the proxy or else the service, has these addresses."""

    addresses: list[AddressInfo]


@dataclass(frozen=True, slots=True)
class Tried:
    """TCP to an address; `failure` is None where it took the connection."""

    address: AddressInfo
    failure: OSError | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The proxy answered CONNECT, or the service the handshake, in good or bad part.

    `status` is None where the answer is not HTTP; `date` is its Date header, else `""`.
    """

    status: int | None
    date: str = ""

    @property
    def opens_tunnel(self) -> bool:
        """Whether the proxy connects from now on (RFC 9110, 9.3.6)."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Secured:
    """TLS is up; the certificate is valid for the host."""

    tls: ssl.SSLSocket


Milestone = Resolved | Tried | Answered | Secured
Observer = Callable[[Milestone], None]
"""Is told how far the way to the service has come; it must not take long."""


def unobserved(_: Milestone) -> None:
    """Nobody wants to know."""


def trust(ca_file: Path | None = None) -> ssl.SSLContext:
    """The authorities to trust: the system's, and those in `ca_file`.

    Raises ConfigurationError when the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            unreadable = not isinstance(error, ssl.SSLError)
            reason = error.strerror if unreadable else "it holds no certificate (PEM)"
            raise ConfigurationError(f"cannot use --ca-file {ca_file}: {reason}") from None
    return context


def proxy_for(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy that the usual variables name: HTTPS_PROXY for wss, HTTP_PROXY for ws, ALL_PROXY.

    Lower-case names win. NO_PROXY lists hosts separated by commas: a name covers itself and its
    sub-domains, `10.0.0.0/8` a network, `*` everything. A proxy elsewhere cannot lead to this
    machine, and would see the key in ws: there it is passed over. Raises ConfigurationError for a
    proxy that is not HTTP.
    """
    if _goes_direct(endpoint, _variable(environment, "no_proxy")):
        return None
    own = "https_proxy" if endpoint.secure else "http_proxy"
    names = (own, own.upper(), "all_proxy", "ALL_PROXY")
    variable = next((name for name in names if environment.get(name, "").strip()), None)
    if variable is None:
        return None
    address = environment[variable].strip()
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = 80 if parts.port is None else parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "http" or not parts.hostname or not port:
        raise ConfigurationError(
            f"the proxy in the environment is not usable ({variable}): "
            "only http://[USER:PASSWORD@]HOST:PORT is."
        )
    credentials = None
    if parts.username is not None:
        given = f"{parts.username}:{parts.password or ''}"
        credentials = unquote(given, errors="surrogateescape")
    proxy = Proxy(Endpoint(parts.hostname, port, secure=False), credentials, variable)
    leads_away = not endpoint.secure and is_here(endpoint.host) and not is_here(parts.hostname)
    return None if leads_away else proxy


def is_here(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    from ipaddress import ip_address

    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def dial(
    endpoint: Endpoint,
    deadline: float,
    *,
    proxy: Proxy | None,
    context: ssl.SSLContext | None,
    observe: Observer = unobserved,
) -> socket.socket:
    """Connect to `endpoint`, through `proxy` if given, with TLS if the endpoint is secure."""
    sock = _reach(endpoint, deadline, proxy, observe)
    try:
        if proxy:
            open_tunnel(sock, proxy, endpoint, deadline, observe)
        if endpoint.secure:
            tls = secure(sock, context or trust(), endpoint, deadline)
            observe(Secured(tls))
            return tls
    except BaseException:
        sock.close()
        raise
    return sock


def _reach(
    endpoint: Endpoint, deadline: float, proxy: Proxy | None, observe: Observer
) -> socket.socket:
    """A TCP connection to the first hop."""
    first_hop = proxy.endpoint if proxy else endpoint
    try:
        addresses = resolve(first_hop, deadline)
        observe(Resolved(addresses))
        return connect(addresses, first_hop, deadline, observe)
    except ConnectionFailed as failure:
        if proxy is None:
            raise
        about = f"{failure} (the proxy that {proxy.variable} names)"
        raise ConnectionFailed(about) from failure.__cause__


def resolve(endpoint: Endpoint, deadline: float) -> list[AddressInfo]:
    """The addresses of the host. A resolver has no timeout of its own, so it gets a thread."""
    answer: queue.SimpleQueue[list[AddressInfo] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
            answer.put([(int(f), int(t), p, n, a) for f, t, p, n, a in found])
        except (OSError, UnicodeError) as error:
            answer.put(error)

    try:
        threading.Thread(target=ask, name="resolve", daemon=True).start()
    except RuntimeError:
        raise ConnectionFailed(f"cannot look up {endpoint.host}: too many threads") from None
    try:
        found = answer.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise ConnectionFailed(f"no answer when looking up {endpoint.host}") from None
    if isinstance(found, OSError):
        raise ConnectionFailed(
            f"cannot look up {endpoint.host}: {found.strerror or found}"
        ) from found
    if isinstance(found, UnicodeError):
        raise ConnectionFailed(f"cannot look up {endpoint.host}: not a host name") from found
    return found


def connect(
    addresses: list[AddressInfo],
    endpoint: Endpoint,
    deadline: float,
    observe: Observer = unobserved,
) -> socket.socket:
    """A TCP connection to the address that takes one first.

    The next address is tried where one fails, and beside one that keeps silent, since a network may
    only seem to have IPv6 (RFC 8305).
    """
    ahead = _by_turns(addresses)
    with _Attempts(observe) as attempts:
        while ahead or attempts.under_way:
            left = deadline - time.monotonic()
            if ahead and not attempts.begin(ahead.pop(0)):
                continue
            if left <= 0 and not ahead:
                attempts.give_up()
                break
            patience = min(left / (len(ahead) + 1), NEXT_ADDRESS) if ahead else left
            if (sock := attempts.first(patience)) is not None:
                return sock
    failure = attempts.failure
    raise ConnectionFailed(f"cannot connect to {endpoint}: {unconnected(failure)}") from failure


def _by_turns(addresses: list[AddressInfo]) -> list[AddressInfo]:
    """The addresses in their order, but with every second one of another family than the first."""
    like_first = [info for info in addresses if info[0] == addresses[0][0]]
    others = [info for info in addresses if info[0] != addresses[0][0]]
    pairs = zip_longest(like_first, others)
    return [info for pair in pairs for info in pair if info is not None]


# These need no descriptor, of which there may be none left.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


class _Attempts:
    """Connections to several addresses, each of which may still be opened."""

    def __init__(self, observe: Observer) -> None:
        self.failure: OSError = OSError("no address")
        """Why the last one failed that did."""
        self._observe = observe
        self._selector = _Selector()

    def __enter__(self) -> _Attempts:
        return self

    def __exit__(self, *_: object) -> None:
        for sock, _info in self.under_way:
            sock.close()
        self._selector.close()

    @property
    def under_way(self) -> list[tuple[socket.socket, AddressInfo]]:
        """Those that are neither open nor have failed."""
        return [key.data for key in self._selector.get_map().values()]

    def begin(self, info: AddressInfo) -> bool:
        """Try an address; whether that did not fail at once."""
        family, kind, protocol, _, address = info
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            self._fail(info, error)
            return False
        self._selector.register(sock, selectors.EVENT_WRITE, (sock, info))
        sock.setblocking(False)
        try:
            sock.connect(address)
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(sock, info, error)
            return False
        return True

    def first(self, patience: float) -> socket.socket | None:
        """The first that is open within so many seconds; None where none is, or one has failed."""
        sock: socket.socket
        for key, _ in self._selector.select(max(patience, 0.0)):
            sock, info = key.data
            try:
                if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(error, os.strerror(error))
                _keep_alive(sock)
            except OSError as failure:
                self._end(sock, info, failure)
            else:
                self._selector.unregister(sock)
                self._observe(Tried(info, None))
                return sock
        return None

    def give_up(self) -> None:
        """Wait no longer for those that keep silent."""
        for sock, info in self.under_way:
            self._end(sock, info, TimeoutError())

    def _end(self, sock: socket.socket, info: AddressInfo, failure: OSError) -> None:
        self._selector.unregister(sock)
        sock.close()
        self._fail(info, failure)

    def _fail(self, info: AddressInfo, failure: OSError) -> None:
        self.failure = failure
        self._observe(Tried(info, failure))


def unconnected(failure: OSError) -> str:
    """Why TCP got no connection, in words."""
    if isinstance(failure, TimeoutError):
        return "no answer"
    return failure.strerror or str(failure)


def open_tunnel(
    sock: socket.socket,
    proxy: Proxy,
    endpoint: Endpoint,
    deadline: float,
    observe: Observer = unobserved,
) -> None:
    """Have the proxy at the other end of `sock` connect to `endpoint`."""
    lines = [f"CONNECT {endpoint.address} HTTP/1.1", f"Host: {endpoint.address}"]
    if proxy.credentials is not None:
        token = base64.b64encode(proxy.credentials.encode(errors="surrogateescape")).decode()
        lines.append(f"Proxy-Authorization: Basic {token}")
    head = bytearray()
    try:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        # Byte by byte: what follows the head belongs to the tunnel.
        while not head.endswith(b"\r\n\r\n") and len(head) < LONGEST_HEAD:
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            byte = sock.recv(1)
            if not byte:
                break
            head += byte
    except OSError as error:
        raise ConnectionFailed(f"proxy {proxy.endpoint}: {error.strerror or error}") from error
    whole = head.endswith(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2) if whole else []
    is_http = len(status) >= 2 and status[0].startswith("HTTP/")
    code = int(status[1]) if is_http and re.fullmatch("[0-9]{3}", status[1]) else None
    answered = Answered(code)
    observe(answered)
    if not answered.opens_tunnel:
        answer = " ".join(status[1:]) or "nothing"
        raise ConnectionFailed(f"proxy {proxy.endpoint} answered {answer!r} to CONNECT {endpoint}")


def secure(
    sock: socket.socket, context: ssl.SSLContext, endpoint: Endpoint, deadline: float
) -> ssl.SSLSocket:
    """Wrap a connected socket in TLS; the certificate must be valid for the endpoint's host."""
    try:
        # CPython holds the whole TLS handshake to this timeout, not each read of it.
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        tls = context.wrap_socket(sock, server_hostname=endpoint.host)
        if tls.version() is None:  # Python leaves TLS out where the connection is over already
            tls.close()
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return tls
    except ssl.SSLCertVerificationError as error:
        raise ConnectionFailed(
            f"the certificate of {endpoint.host} is not trusted: {error.verify_message}"
        ) from error
    except TimeoutError as error:
        raise ConnectionFailed(f"no answer from {endpoint} to the TLS handshake") from error
    except ssl.SSLError as error:
        raise ConnectionFailed(f"TLS with {endpoint} failed: {in_words(error)}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConnectionFailed(f"TLS with {endpoint} failed: {reason}") from error


def presented(sock: socket.socket, endpoint: Endpoint, deadline: float) -> bytes | None:
    """The certificate that the other end of a connected socket shows, trusted or not, as DER.

    It is for a person to look at where `secure` refused it; the socket is closed, and nothing is
    ever sent over this TLS. None where there is none to see.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        with sock, context.wrap_socket(sock, server_hostname=endpoint.host) as tls:
            return tls.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None


def in_words(error: ssl.SSLError) -> str:
    """OpenSSL's reason for a failure: `wrong version number`; of an end some versions tell none."""
    return (error.reason or "unexpected eof while reading").replace("_", " ").lower()


def _variable(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _goes_direct(endpoint: Endpoint, no_proxy: str) -> bool:
    entries = no_proxy.lower().replace(" ", ",").split(",")
    return any(_covers(entry, endpoint) for entry in entries if entry)


def _covers(entry: str, endpoint: Endpoint) -> bool:
    """Whether an entry of NO_PROXY means this host: `*`, a name, an address or a network."""
    host = endpoint.host.lower().rstrip(".")
    name = entry.removesuffix(f":{endpoint.port}").removeprefix("*.").strip(".[]")
    if entry == "*" or host == name or (name and host.endswith(f".{name}")):
        return True
    if not host[-1:].isdigit() and ":" not in host:
        return False
    from ipaddress import ip_address, ip_network

    with contextlib.suppress(ValueError):
        return ip_address(host) in ip_network(name if "[" in entry else entry, strict=False)
    return False


def _keep_alive(sock: socket.socket) -> None:
    """Let TCP notice a dead peer too; the idle timeout above it stays the judge."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED * 1000)
