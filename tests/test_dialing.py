"""From a URL to a socket: which proxy, whose certificate, and never later than the deadline."""

from __future__ import annotations

import base64
import os
import selectors
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from command import KEY, MS, PATIENCE, assert_no_key, wait_until
from conftest import Runner, Serve, Starter
from scenarios import Script, Visit, honest, lines, send, steps

from dsstail import dialing
from dsstail.dialing import Endpoint, Proxy, Tried, proxy_for
from dsstail.errors import ConfigurationError, ConnectionFailed

SECURE = Endpoint("stream.example.com", 443, secure=True)
PLAIN = Endpoint("stream.example.com", 80, secure=False)


def soon() -> float:
    """A deadline that is waited for."""
    return time.monotonic() + 0.2


def late() -> float:
    """A deadline that nothing should come near to."""
    return time.monotonic() + PATIENCE


# Where a URL leads.


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "shown"),
    [
        ("wss://a.example/stream", "a.example", 443, True, "a.example"),
        ("ws://a.example/stream?x=y", "a.example", 80, False, "a.example"),
        ("wss://a.example:8443", "a.example", 8443, True, "a.example:8443"),
        ("ws://a.example:443/", "a.example", 443, False, "a.example:443"),
        ("wss://[::1]:8443/stream", "::1", 8443, True, "[::1]:8443"),
        ("ws://127.0.0.1:9/", "127.0.0.1", 9, False, "127.0.0.1:9"),
    ],
)
def test_a_url_leads_to_an_endpoint(
    url: str, host: str, port: int, secure: bool, shown: str
) -> None:
    endpoint = Endpoint.of(url)
    assert endpoint == Endpoint(host, port, secure)
    assert str(endpoint) == shown


# Which proxy.


@pytest.mark.parametrize(
    ("environment", "secure", "plain"),
    [
        ({}, None, None),
        ({"https_proxy": "http://p:3128"}, "p:3128", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "p:3128", None),
        ({"http_proxy": "http://p:3128"}, None, "p:3128"),
        ({"HTTP_PROXY": "http://p:3128"}, None, "p:3128"),
        ({"all_proxy": "http://p:3128"}, "p:3128", "p:3128"),
        ({"ALL_PROXY": "p:3128"}, "p:3128", "p:3128"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:2"}, "low:1", None),
        ({"https_proxy": "http://own:1", "all_proxy": "http://all:2"}, "own:1", "all:2"),
        ({"https_proxy": "", "HTTPS_PROXY": ""}, None, None),
        ({"https_proxy": " "}, None, None),
        ({"https_proxy": "p"}, "p:80", None),
        ({"https_proxy": "http://p/"}, "p:80", None),
        ({"https_proxy": "http://[::1]:3128"}, "[::1]:3128", None),
    ],
)
def test_the_usual_variables_name_a_proxy(
    environment: dict[str, str], secure: str | None, plain: str | None
) -> None:
    found = [proxy_for(endpoint, environment) for endpoint in (SECURE, PLAIN)]
    assert [proxy and proxy.endpoint.address for proxy in found] == [secure, plain]


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("", False),
        ("*", True),
        ("example.com", True),
        (".example.com", True),
        ("*.example.com", True),
        ("STREAM.Example.COM", True),
        ("stream.example.com", True),
        ("stream.example.com:443", True),
        ("stream.example.com:80", False),
        ("example.com:443", True),
        ("stream.example.com.", True),
        ("other.org, example.com", True),
        ("other.org example.com", True),
        (",,", False),
        ("badexample.com", False),
        ("ample.com", False),
        (".ample.com", False),
        ("www.stream.example.com", False),
        ("stream", False),
        ("com", True),
        ("10.0.0.0/8", False),
    ],
)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_some_hosts_are_reached_directly(name: str, no_proxy: str, direct: bool) -> None:
    environment = {"https_proxy": "http://p:3128", name: no_proxy}
    assert (proxy_for(SECURE, environment) is None) == direct


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("::1", "[::1]", True),
        ("::1", "::1", True),
        ("::1", "0:0::0:1", True),
        ("::1", "[::1]:443", True),
        ("::1", "[::1]:80", False),
        ("::443", "::443", True),
        ("fd00::7", "fd00::/8", True),
        ("fe80::7", "fd00::/8", False),
        ("::1", "10.0.0.0/8", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1:443", True),
        ("127.0.0.1", "127.0.0.1:80", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.0/24, ::1", True),
        ("10.1.2.3", "10.1.2.9/24", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.0.0.0/99", False),
        ("110.1.2.3", "10.1.2.3", False),
        ("badexample.com", ".example.com", False),
    ],
)
def test_hosts_are_matched_by_whole_names_and_by_networks(
    host: str, no_proxy: str, direct: bool
) -> None:
    environment = {"https_proxy": "http://p:3128", "no_proxy": no_proxy}
    assert (proxy_for(Endpoint(host, 443, secure=True), environment) is None) == direct


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_proxy_elsewhere_does_not_see_what_is_for_this_machine_in_plaintext(host: str) -> None:
    elsewhere, here = {"all_proxy": "http://p:3128"}, {"all_proxy": "http://127.0.0.1:3128"}
    plain, secure = (Endpoint(host, 443, secure=secure) for secure in (False, True))
    assert proxy_for(plain, elsewhere) is None
    assert proxy_for(secure, elsewhere) is not None
    assert proxy_for(plain, here) is not None


def test_a_proxy_has_credentials() -> None:
    proxy = proxy_for(SECURE, {"https_proxy": "http://us%40er:p%3Ass@p:3128"})
    assert proxy == Proxy(Endpoint("p", 3128, secure=False), "us@er:p:ss")
    proxy = proxy_for(SECURE, {"https_proxy": "http://user@p:3128"})
    assert proxy == Proxy(Endpoint("p", 3128, secure=False), "user:")


@pytest.mark.parametrize("password", ["%E9", os.fsdecode(b"\xe9")])
def test_a_password_need_not_be_utf8(password: str, serve: Serve) -> None:
    server = serve(lambda visit: visit.answer("200 OK"))
    through = proxy_for(PLAIN, {"http_proxy": f"http://user:{password}@127.0.0.1:{server.port}"})
    dialing.dial(PLAIN, late(), proxy=through, context=None).close()
    token = base64.b64encode(b"user:\xe9").decode()
    assert f"Proxy-Authorization: Basic {token}\r\n" in server.visits[0].request


@pytest.mark.parametrize(
    "address",
    [
        *("https://p:3128", "socks5://p:1080", "http://", "http://:3128", "http://p:0"),
        *("http://p:99999", "http://p:port", "http://[p", "http://us:secret@p:port", "//p:1"),
    ],
)
def test_a_proxy_that_is_none_is_told_without_quoting_it(address: str) -> None:
    with pytest.raises(ConfigurationError) as failed:
        proxy_for(SECURE, {"https_proxy": address})
    assert "secret" not in str(failed.value)


# Names and addresses.


def test_a_name_is_looked_up() -> None:
    found = dialing.resolve(Endpoint("localhost", 80, secure=False), late())
    assert {address[4][0] for address in found} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("dsstail.invalid", "cannot look up dsstail.invalid: "),
        ("a" * 64 + ".example", "not a host name"),
        ("a..example", "not a host name"),
    ],
)
def test_a_name_that_is_none_is_told(host: str, reason: str) -> None:
    with pytest.raises(ConnectionFailed) as failed:
        dialing.resolve(Endpoint(host, 80, secure=False), late())
    assert reason in str(failed.value)


def test_where_no_thread_can_be_had_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has too many processes may have room for one later."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ConnectionFailed, match="too many threads"):
        dialing.resolve(Endpoint("localhost", 80, secure=False), late())


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        over.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(ConnectionFailed, match=r"no answer when looking up a\.example"):
        dialing.resolve(Endpoint("a.example", 80, secure=False), soon())
    over.set()


def at(*ports: int) -> list[dialing.AddressInfo]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]


def foreign(*addresses: str) -> list[dialing.AddressInfo]:
    """Addresses of a family that no machine has."""
    return [(99, socket.SOCK_STREAM, 0, "", (address, 80, 0, 0)) for address in addresses]


def test_each_address_is_tried_until_one_answers(
    closed_port: int, black_hole: int, serve: Serve
) -> None:
    server = serve(Visit.wait)
    addresses = at(closed_port, black_hole, server.port)
    with dialing.connect(addresses, PLAIN, late()) as sock:
        assert sock.getpeername() == ("127.0.0.1", server.port)


def test_a_silent_address_is_not_waited_for(black_hole: int, serve: Serve) -> None:
    server = serve(Visit.wait)
    noted: list[dialing.Milestone] = []
    addresses = at(black_hole, black_hole, server.port)
    with dialing.connect(addresses, PLAIN, time.monotonic() + 3600.0, noted.append):
        assert noted == [Tried(addresses[-1], None)]


def test_families_of_addresses_take_turns(closed_port: int, serve: Serve) -> None:
    """Where one does not work, its second address is no better than its first."""
    server = serve(Visit.wait)
    addresses = [*foreign("2001:db8::1", "2001:db8::2"), *at(closed_port, server.port)]
    noted: list[dialing.Milestone] = []
    with dialing.connect(addresses, PLAIN, late(), noted.append):
        tried = [attempt.address for attempt in noted if isinstance(attempt, Tried)]
    assert tried == [addresses[at] for at in (0, 2, 1, 3)]


def test_an_address_that_fails_does_not_end_the_others(closed_port: int, black_hole: int) -> None:
    noted: list[dialing.Milestone] = []
    addresses = at(black_hole, closed_port)
    with pytest.raises(ConnectionFailed, match="no answer"):
        dialing.connect(addresses, PLAIN, time.monotonic() + 1.0, noted.append)
    failures = [type(attempt.failure) for attempt in noted if isinstance(attempt, Tried)]
    assert failures == [ConnectionRefusedError, TimeoutError]


def test_no_address_that_answers_is_told(closed_port: int, black_hole: int) -> None:
    with pytest.raises(ConnectionFailed, match=r"to stream\.example\.com: Connection refused"):
        dialing.connect(at(closed_port), PLAIN, late())
    with pytest.raises(ConnectionFailed, match=r"to stream\.example\.com: no answer"):
        dialing.connect(at(closed_port, black_hole), PLAIN, soon())


class Particular(selectors.SelectSelector):
    """What Windows has: it cannot wait for nothing."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert self.get_map(), "there is nothing to wait for"
        return super().select(timeout)


def test_nothing_is_waited_for_any_more_once_all_were_given_up(
    black_hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "_Selector", Particular)
    with pytest.raises(ConnectionFailed, match="no answer"):
        dialing.connect(at(black_hole), PLAIN, soon())


def test_an_address_of_a_family_that_this_machine_lacks_is_passed_over(serve: Serve) -> None:
    """As IPv6 is where the kernel has none: the resolver names its addresses all the same."""
    server = serve(Visit.wait)
    lacking = foreign("2001:db8::1")
    with dialing.connect([*lacking, *at(server.port)], PLAIN, late()) as sock:
        assert sock.getpeername() == ("127.0.0.1", server.port)


def test_where_no_address_can_be_tried_nothing_is_waited_for() -> None:
    with pytest.raises(ConnectionFailed, match="Address family not supported"):
        dialing.connect(foreign("2001:db8::1"), PLAIN, time.monotonic() + 3600.0)


def test_tcp_notices_a_dead_peer_too(serve: Serve) -> None:
    server = serve(Visit.wait)
    with dialing.connect(at(server.port), PLAIN, late()) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


# TLS.


def secured(port: int, host: str, authority: trustme.CA) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    endpoint = Endpoint(host, port, secure=True)
    sock = dialing.connect(at(port), endpoint, late())
    try:
        return dialing.secure(sock, context, endpoint, late())
    except BaseException:
        sock.close()
        raise


def test_a_certificate_must_be_for_the_host(
    serve: Serve, server_tls: ssl.SSLContext, authority: trustme.CA
) -> None:
    server = serve(Visit.wait, tls=server_tls)
    for host in ("localhost", "127.0.0.1"):
        with secured(server.port, host, authority) as sock:
            assert sock.version() in ("TLSv1.2", "TLSv1.3")
    for host in ("stream.example.com", "127.0.0.2", "localhost.example.com"):
        with pytest.raises(ConnectionFailed, match=rf"certificate of {host} is not trusted: "):
            secured(server.port, host, authority)


def test_an_authority_must_be_known(serve: Serve, server_tls: ssl.SSLContext) -> None:
    server = serve(Visit.wait, tls=server_tls)
    with pytest.raises(ConnectionFailed, match=r"is not trusted: "):
        secured(server.port, "localhost", trustme.CA())


def test_an_expired_certificate_is_not_trusted(serve: Serve, authority: trustme.CA) -> None:
    from datetime import datetime

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_after=datetime(2020, 1, 1)).configure_cert(tls)
    server = serve(Visit.wait, tls=tls)
    with pytest.raises(ConnectionFailed, match=r"is not trusted: certificate has expired"):
        secured(server.port, "localhost", authority)


def test_a_connection_that_ended_before_its_tls_is_none(
    serve: Serve, authority: trustme.CA
) -> None:
    """Python makes a TLS socket without TLS of it."""
    connected = threading.Event()

    def end(visit: Visit) -> None:
        assert connected.wait(PATIENCE)
        visit.sock.shutdown(socket.SHUT_WR)
        visit.reset()

    server = serve(end)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    endpoint = Endpoint("localhost", server.port, secure=True)
    with dialing.connect(at(server.port), endpoint, late()) as sock:
        connected.set()
        wait_until(lambda: is_over(sock))
        with pytest.raises(ConnectionFailed, match=r"^TLS with localhost:\d+ failed: "):
            dialing.secure(sock, context, endpoint, late())


def is_over(sock: socket.socket) -> bool:
    """Whether it was ended by both sides, or reset."""
    try:
        sock.getpeername()
    except OSError:
        return True
    return False


def test_what_is_trusted_is_verified(ca_file: str) -> None:
    for context in (dialing.trust(), dialing.trust(Path(ca_file))):
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
    assert len(context.get_ca_certs()) > len(dialing.trust().get_ca_certs())


# Tunnels, through a proxy that misbehaves.


@pytest.mark.parametrize("answer", ["200 Connection established", "204 No Content"])
def test_a_tunnel_is_asked_for_with_credentials(answer: str, serve: Serve) -> None:
    """Any answer of the 200s opens it (RFC 9110, 9.3.6)."""

    def proxy(visit: Visit) -> None:
        visit.answer(answer, "X: y")
        visit.send_raw(b"the tunnel")

    server = serve(proxy)
    through = Proxy(Endpoint("127.0.0.1", server.port, secure=False), "user:pass:word")
    sock = dialing.dial(PLAIN, late(), proxy=through, context=None)
    with sock:
        found = sock.recv(100)
    assert found == b"the tunnel"
    token = base64.b64encode(b"user:pass:word").decode()
    assert server.visits[0].request == (
        "CONNECT stream.example.com:80 HTTP/1.1\r\n"
        "Host: stream.example.com:80\r\n"
        f"Proxy-Authorization: Basic {token}\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (steps(send(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), Visit.end), "'407 "),
        (steps(send(b"HTTP/1.0 403\r\n\r\n"), Visit.end), "'403'"),
        (steps(send(b"HTTP/1.1 2000 OK\r\n\r\n"), Visit.end), "'2000 OK'"),
        (steps(send(b"SSH-2.0-x\r\n\r\n"), Visit.end), "'nothing'"),
        (Visit.end, "'nothing'"),
        (Visit.wait, "timed out"),
        (lambda visit: visit.drip(b"HTTP/1.1 200 OK\r\nX: y" * 99, 10 * MS), "timed out"),
        (steps(send(b"HTTP/1.1 200 OK\r\nX: y"), Visit.end), "'nothing'"),
        (steps(send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000), Visit.wait), "'nothing'"),
    ],
)
def test_a_tunnel_that_is_not_opened_is_told(script: Script, reason: str, serve: Serve) -> None:
    server = serve(steps(Visit.read_request, script))
    through = Proxy(Endpoint("127.0.0.1", server.port, secure=False), "user:secret")
    with pytest.raises(ConnectionFailed, match=rf"proxy 127\.0\.0\.1:{server.port}") as failed:
        dialing.dial(PLAIN, time.monotonic() + 0.5, proxy=through, context=None)
    assert reason in str(failed.value)
    assert "secret" not in str(failed.value)


# Tunnels, through a proxy from Debian.


@dataclass(frozen=True)
class TinyProxy:
    """A running tinyproxy, which lets nobody in without a password if it has one."""

    port: int
    log: Path

    @property
    def connects(self) -> list[str]:
        """What it was asked to connect to."""
        seen = [line for line in self.log.read_text().splitlines() if ": CONNECT " in line]
        return [line.split(": CONNECT ")[1].split()[0] for line in seen]


@pytest.fixture
def tinyproxy(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TinyProxy]:
    program = shutil.which("tinyproxy", path="/usr/bin:/usr/sbin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        pytest.skip("tinyproxy is not installed (apt install tinyproxy)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "tinyproxy.log"
    settings = [
        f"Port {port}",
        "Listen 127.0.0.1",
        "Timeout 60",
        f'LogFile "{log}"',
        "LogLevel Info",
    ]
    if getattr(request, "param", None):
        settings.append(f"BasicAuth {request.param}")
    configuration = tmp_path / "tinyproxy.conf"
    configuration.write_text("\n".join([*settings, ""]))
    process = subprocess.Popen(
        [program, "-d", "-c", str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: accepts(port), "tinyproxy")
        yield TinyProxy(port, log)
    finally:
        process.terminate()
        process.wait()
    assert_no_key(log.read_bytes(), KEY, "the log of the proxy")


def accepts(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_wss_goes_through_the_proxy(
    tinyproxy: TinyProxy,
    dsstail: Starter,
    serve: Serve,
    server_tls: ssl.SSLContext,
    ca_file: str,
) -> None:
    server = serve(honest, tls=server_tls)
    done = dsstail(
        *("--url", server.url("localhost"), "--ca-file", ca_file, "-c", "6"),
        environment={
            "HTTPS_PROXY": f"http://127.0.0.1:{tinyproxy.port}",
            "HTTP_PROXY": "http://127.0.0.1:9",
        },
    ).finish()
    assert (done.code, done.out) == (0, lines(range(6)))
    assert tinyproxy.connects == [f"localhost:{server.port}"]


def test_ws_goes_through_the_proxy(tinyproxy: TinyProxy, dsstail: Starter, serve: Serve) -> None:
    server = serve(honest)
    environment = {"http_proxy": f"127.0.0.1:{tinyproxy.port}"}
    done = dsstail("--url", server.url(), "-c", "6", environment=environment).finish()
    assert (done.code, done.out) == (0, lines(range(6)))
    assert tinyproxy.connects == [f"127.0.0.1:{server.port}"]


def test_no_proxy_goes_around_it(tinyproxy: TinyProxy, run: Runner, serve: Serve) -> None:
    server = serve(honest)
    environment = {"ALL_PROXY": f"http://127.0.0.1:{tinyproxy.port}", "NO_PROXY": "127.0.0.1"}
    done = run("--url", server.url(), "-c", "6", environment=environment)
    assert (done.code, done.out) == (0, lines(range(6)))
    assert tinyproxy.connects == []


@pytest.mark.parametrize("tinyproxy", ["user pass"], indirect=True)
def test_the_proxy_may_want_a_password(
    tinyproxy: TinyProxy, dsstail: Starter, serve: Serve
) -> None:
    server = serve(honest)
    without = {"HTTP_PROXY": f"http://127.0.0.1:{tinyproxy.port}"}
    done = dsstail("--url", server.url(), "--no-reconnect", environment=without).finish()
    assert done.code == 3
    assert f"proxy 127.0.0.1:{tinyproxy.port} answered '407 " in done.err
    assert server.visits == []
    password = {"HTTP_PROXY": f"http://user:pass@127.0.0.1:{tinyproxy.port}"}
    done = dsstail("--url", server.url(), "-c", "6", environment=password).finish()
    assert (done.code, done.out) == (0, lines(range(6)))


def test_a_service_that_the_proxy_cannot_reach_is_retried(
    tinyproxy: TinyProxy, run: Runner, closed_port: int
) -> None:
    environment = {"HTTP_PROXY": f"http://127.0.0.1:{tinyproxy.port}"}
    url = f"ws://127.0.0.1:{closed_port}/stream"
    done = run("--url", url, "--retry-for", "200ms", environment=environment)
    assert done.code == 3
    assert f"proxy 127.0.0.1:{tinyproxy.port} answered '500" in done.err


def test_a_proxy_that_cannot_be_reached_is_told_as_one(dsstail: Starter, closed_port: int) -> None:
    url = "wss://stream.aylanetworks.com/stream"
    for address, failure in (
        (f"127.0.0.1:{closed_port}", f"connect to 127.0.0.1:{closed_port}: "),
        ("proxy.invalid:3128", "look up proxy.invalid: "),
    ):
        environment = {"ALL_PROXY": f"http://user:hunter2@{address}"}
        done = dsstail("--url", url, "--no-reconnect", environment=environment).finish()
        assert done.code == 3
        assert done.err.startswith(f"error: cannot {failure}")
        assert done.err.endswith(" (the proxy that ALL_PROXY names).\n")


def test_a_proxy_that_is_none_ends_with_2(run: Runner, serve: Serve) -> None:
    server = serve(honest)
    environment = {"HTTP_PROXY": "socks5://user:hunter2@127.0.0.1:1080"}
    done = run("--url", server.url(), environment=environment)
    assert done.code == 2
    assert "the proxy in the environment is not usable" in done.err
    assert "hunter2" not in done.err
