"""`dsstail check`: which step fails, why, what to do; against services that misbehave everywhere.

Judged from outside. What a person reads is looked for in the words, of a process; all else in the
JSON.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme
from command import (
    KEY,
    MS,
    PATIENCE,
    Finished,
    assert_no_key,
    installed,
    variables,
    wait_until,
)
from conftest import Here, Runner, Serve, Starter
from hypothesis import given
from hypothesis import strategies as st
from scenarios import (
    ENDS,
    REFUSALS,
    VIOLATIONS,
    Script,
    Visit,
    answer,
    close,
    deaf,
    honest,
    opened,
    say,
    send,
    silent,
    steps,
    tell,
    unit,
    working,
)
from terminal import Terminal

from dsstail.checking import certificate, diagnosis, findings, visit, walk
from dsstail.checking.check import Check
from dsstail.checking.diagnosis import Route
from dsstail.checking.steps import Advice, Listener, Step
from dsstail.clock import Clock
from dsstail.config import Connecting
from dsstail.dialing import Answered, Endpoint
from dsstail.keys import StreamKey
from dsstail.simulator import Simulator, SimulatorSettings

BRIEFLY = f"{1000 * MS:g}s"
"""How long to wait for what will not come."""

OFFICIAL = "wss://stream.aylanetworks.com/stream"
PLACE = "stream.aylanetworks.com"


@dataclass(frozen=True)
class Report:
    """What `-o json` says."""

    code: int
    said: dict[str, Any]
    err: str

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(step["step"], step["outcome"]) for step in self.said["steps"]]

    def step(self, name: str) -> dict[str, Any]:
        (found,) = [step for step in self.said["steps"] if step["step"] == name]
        return dict(found)

    @property
    def failed(self) -> dict[str, Any]:
        """The only step that failed."""
        (name,) = self.said["failed"]
        return self.step(name)


Checker = Callable[..., Report]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, here: Here, tmp_path: Path) -> Checker:
    """Run `dsstail check -o json` to its end."""
    monkeypatch.setattr(visit, "GRACE", 300 * MS)

    def run(
        *arguments: str,
        timeout: str = "20s",
        key: str | None = KEY,
        environment: Mapping[str, str] | None = None,
    ) -> Report:
        words = ("check", "-o", "json", "--timeout", timeout, *arguments)
        done = here(*words, variables=variables(tmp_path, key, environment))
        done.assert_decent(key)
        said = json.loads(done.out)
        assert said["exit_code"] == done.code
        return Report(done.code, said, done.err)

    return run


@pytest.fixture
def read(here: Here, tmp_path: Path) -> Callable[..., Finished]:
    """Run `dsstail check` to its end, for its words."""

    def run(
        *arguments: str, timeout: str = "20s", environment: Mapping[str, str] | None = None
    ) -> Finished:
        given = variables(tmp_path, KEY, environment)
        done = here("check", "--timeout", timeout, *arguments, variables=given)
        done.assert_decent(KEY)
        return done

    return run


def words(done: Finished) -> str:
    """What a person reads, with single blanks, without line breaks and times."""
    text = re.sub(r"(?m) {2,}[\d.]+ m?s$", "", done.out.decode())
    return " ".join(text.split())


def tls_for(authority: trustme.CA, *hosts: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts, **options).configure_cert(context)
    return context


def tunnel_to(script: Script, tls: ssl.SSLContext) -> Script:
    """The proxy's part, and behind it that of the service: whatever host is asked for is there."""

    def play(visit: Visit) -> None:
        visit.answer("200 Connection established")
        visit.sock = tls.wrap_socket(visit.sock, server_side=True)
        script(visit)

    return play


# All is well.


def test_every_step_is_told_on_a_line_with_its_time(
    read: Callable[..., Finished], serve: Serve, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    server = serve(honest, tls=server_tls)
    done = read("--url", server.url(), "--ca-file", ca_file)
    assert (done.code, done.err) == (0, "")
    lines = done.out.decode().splitlines()
    assert lines[0] == f"wss://127.0.0.1:{server.port}/stream, key 5tre…cdef"
    expected = [
        r"✓ name       127\.0\.0\.1",
        rf"✓ TCP        127\.0\.0\.1 answers at port {server.port}",
        r"✓ TLS        TLSv1\.3, TLS_\w+; certificate for",
        r"✓ handshake  HTTP 101, key 5tre…cdef is accepted",
        r"✓ event      datapoint from VD0000000000002, seq 0",
        r"✓ heartbeat  came, and is answered",
    ]
    told = [line for line in lines[1:-1] if not line.startswith(" ")]
    for line, pattern in zip(told, expected, strict=True):
        assert re.fullmatch(rf"{pattern} +\d+(\.\d)? m?s", line), line
        assert len(line) == 80
    assert lines[-1] == "All is well."
    assert server.visits[0].heard == [b"Z"]
    assert len(server.visits) == 1


def test_everything_is_told_to_programs(
    check: Checker, serve: Serve, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    server = serve(honest, tls=server_tls)
    report = check("--url", server.url("localhost"), "--ca-file", ca_file)
    assert report.code == 0
    assert {name: value for name, value in report.said.items() if name != "steps"} == {
        "url": server.url("localhost"),
        "place": None,
        "exit_code": 0,
        "interrupted": False,
        "failed": [],
    }
    assert report.outcomes == [
        *[(name, "ok") for name in ("name", "tcp", "tls", "handshake", "event", "heartbeat")]
    ]
    assert report.step("name")["host"] == "localhost"
    assert "127.0.0.1" in report.step("name")["addresses"]
    assert report.step("tcp")["port"] == server.port
    assert report.step("tcp")["attempts"][-1] == {"address": "127.0.0.1", "failure": None}
    tls = report.step("tls")
    assert tls["version"] == "TLSv1.3"
    assert tls["certificate"]["names"] == ["127.0.0.1", "localhost"]
    assert tls["certificate"]["not_after"] == "3000-01-01T00:00:00Z"
    assert tls["certificate"]["days_left"] > 300_000
    assert report.step("handshake")["status"] == 101
    assert report.step("event")["dsn"] == "VD0000000000002"
    assert report.step("event")["stream"] == "stream"
    assert all(step["seconds"] >= 0 for step in report.said["steps"])


def test_the_simulator_is_fine(check: Checker) -> None:
    with Simulator(SimulatorSettings(rate=50, heartbeat_every=0.2, key=KEY)) as simulator:
        report = check("--url", simulator.url)
        assert report.code == 0
        assert report.outcomes[:4] == [
            *[(name, "ok") for name in ("name", "tcp", "handshake", "clock")]
        ]
        assert sorted(report.outcomes[4:]) == [("event", "ok"), ("heartbeat", "ok")]
        wait_until(lambda: simulator.counters.heartbeats_answered)


def test_a_quiet_fleet_is_no_failure(read: Callable[..., Finished], serve: Serve) -> None:
    server = serve(opened(Visit.send_heartbeat, Visit.stay))
    done = read("--url", server.url(), timeout=BRIEFLY)
    assert done.code == 0
    assert "✓ heartbeat came, and is answered" in words(done)
    assert re.search(r"– event none within [\d.]+ s", words(done))
    assert words(done).endswith("All is well.")


def test_a_heartbeat_that_does_not_come_is_a_warning(check: Checker, serve: Serve) -> None:
    report = check("--url", serve(opened(tell(0), Visit.stay)).url(), timeout=BRIEFLY)
    assert report.code == 0
    assert report.outcomes[-2:] == [("event", "ok"), ("heartbeat", "warning")]
    assert report.step("heartbeat")["cause"] == (
        "The service sends one every 30 seconds: it was not due yet."
    )


def test_what_is_no_event_is_a_warning(read: Callable[..., Finished], serve: Serve) -> None:
    server = serve(opened(say(b"hello\x1b[2J"), Visit.send_heartbeat, Visit.stay))
    done = read("--url", server.url(), timeout=BRIEFLY)
    assert done.code == 0
    assert r"! event no LENGTH| at its start: hello\x1b[2J" in words(done)
    assert "Likely cause: What answers is another service" in words(done)


def test_the_goodbye_is_polite(check: Checker, serve: Serve) -> None:
    server = serve(honest)
    assert check("--url", server.url()).code == 0
    wait_until(lambda: server.visits[0].left)
    assert server.visits[0].close_code == 1000


# The name, and TCP.


@pytest.mark.parametrize(
    ("host", "cause"),
    [
        ("dsstail.invalid", "The name is mistyped, or known only in another network"),
        ("a..example", "a..example is not a host name."),
    ],
)
def test_a_name_that_is_none(host: str, cause: str, check: Checker) -> None:
    report = check("--url", f"wss://{host}/stream")
    assert report.code == 3
    assert report.outcomes == [("name", "failed")]
    assert report.failed["detail"].startswith(f"cannot look up {host}: ")
    assert cause in report.failed["cause"]
    assert "--url" in report.failed["remedy"]


def test_nothing_listens(check: Checker, closed_port: int) -> None:
    report = check("--url", f"ws://127.0.0.1:{closed_port}/stream")
    assert report.code == 3
    assert report.outcomes == [("name", "ok"), ("tcp", "failed")]
    assert report.failed["detail"] == "127.0.0.1: Connection refused"
    assert report.failed["cause"] == f"Nothing on this machine listens at port {closed_port}."


def test_a_firewall_drops_everything(check: Checker, black_hole: int) -> None:
    report = check("--url", f"ws://127.0.0.1:{black_hole}/stream", timeout=BRIEFLY)
    assert report.code == 3
    assert report.failed["detail"] == "127.0.0.1: no answer"
    assert "most likely a firewall, drops what is sent" in report.failed["cause"]
    assert f"allow connections to 127.0.0.1:{black_hole}" in report.failed["remedy"]


ABOUT_PLACE = Route(Endpoint(PLACE, 443, secure=True))
NO_SUCH_NAME = socket.gaierror(socket.EAI_NONAME, "")


@pytest.mark.parametrize(
    ("advice", "cause"),
    [
        (diagnosis.of_name(ABOUT_PLACE, None), "No name server answers"),
        (diagnosis.of_name(ABOUT_PLACE, socket.gaierror(socket.EAI_AGAIN, "")), "No name server"),
        (diagnosis.of_name(ABOUT_PLACE, NO_SUCH_NAME), "The name is right."),
        (diagnosis.of_tcp(ABOUT_PLACE, [OSError(errno.ENETUNREACH, "")]), "has no way there"),
        (
            diagnosis.of_tcp(ABOUT_PLACE, [OSError(errno.EACCES, "")]),
            "or a sandbox on this machine",
        ),
        (diagnosis.of_tcp(ABOUT_PLACE, [OSError(errno.ECONNREFUSED, "")]), "turns callers away"),
        (diagnosis.of_tcp(ABOUT_PLACE, [OSError(errno.ECONNRESET, "")]), "breaks them at once"),
        (diagnosis.of_silence(35.0), "something on the way holds back what it sends"),
    ],
)
def test_advice_where_the_network_itself_would_have_to_break(advice: Advice, cause: str) -> None:
    assert cause in advice.cause
    assert advice.remedy.endswith(".")


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let every name have these addresses."""

    def patch(*addresses: str) -> None:
        def look_up(host: str, port: int, **_: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return patch


def run_here(url: str, timeout: float = 2000 * MS) -> list[Step]:
    """Check in this process."""
    connecting = Connecting(url, (StreamKey("stream", KEY),))
    listener = Listener(lambda step: None, lambda text: None)
    check = Check(connecting, timeout, Clock(utc=True), listener)
    check.run()
    return check.steps


def test_each_address_is_tried(serve: Serve, resolves: Callable[..., None]) -> None:
    resolves("127.0.0.2", "127.0.0.1", "127.0.0.3")
    server = serve(honest)
    found = {step.name: step for step in run_here(server.url("service.example"))}
    assert found["name"].detail == "service.example: 127.0.0.2, 127.0.0.1, 127.0.0.3"
    assert found["tcp"].detail == (
        f"127.0.0.1 answers at port {server.port}; 127.0.0.2: Connection refused"
    )
    assert found["addresses"].detail == "127.0.0.3: Connection refused"
    assert {found[name].outcome for name in ("tcp", "addresses")} == {"ok"}


def test_an_address_that_delays_every_connection_is_a_warning(
    serve: Serve, resolves: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "OTHERS_LIMIT", 0.5)
    server = serve(honest)
    with socket.create_server(("127.0.0.2", server.port), backlog=0):
        filling = [socket.socket() for _ in range(4)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.2", server.port))
        for order in (("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")):
            resolves(*order)
            warned = [s for s in run_here(server.url("service.example")) if s.outcome == "warning"]
            (step,) = warned
            assert step.name == "addresses"
            assert "127.0.0.2: no answer" in step.detail
            assert step.advice is not None
            assert "IPv6" in step.advice.cause
        for sock in filling:
            sock.close()


# TLS.


def test_an_unknown_issuer_is_named(check: Checker, serve: Serve, authority: trustme.CA) -> None:
    """As when a proxy or a virus scanner reads TLS with a certificate of its own."""
    server = serve(honest, tls=tls_for(authority, "localhost", organization_name="Example Ltd"))
    report = check("--url", server.url("localhost"))
    assert report.code == 3
    assert report.outcomes == [("name", "ok"), ("tcp", "ok"), ("tls", "failed")]
    issuer = report.failed["certificate"]["issuer"]
    assert "trustme" in issuer
    assert f"issued by {issuer}, whom this machine does not trust" in report.failed["cause"]
    assert "--ca-file" in report.failed["remedy"]
    assert [visit.request for visit in server.visits] == ["", ""]


def test_a_certificate_for_another_host(
    check: Checker, serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    server = serve(honest, tls=tls_for(authority, "a.example", "b.example", "c.example", "d.e"))
    report = check("--url", server.url("localhost"), "--ca-file", ca_file)
    assert report.code == 3
    assert report.failed["cause"] == (
        "The certificate is for a.example, b.example, c.example and 1 more, and not for localhost."
    )


def test_a_certificate_that_has_expired(
    read: Callable[..., Finished], serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    expired = datetime(2020, 2, 3, 4, 5, 6)
    server = serve(honest, tls=tls_for(authority, "localhost", not_after=expired))
    done = read("--url", server.url("localhost"), "--ca-file", ca_file, "--utc")
    assert done.code == 3
    assert "certificate has expired" in words(done)
    assert "The certificate expired on 2020-02-03 04:05:06, and this machine's" in words(done)
    assert words(done).endswith("Failed: TLS (exit code 3).")


def test_a_certificate_that_begins_later_means_a_wrong_clock(
    check: Checker, serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    server = serve(honest, tls=tls_for(authority, "localhost", not_before=begin))
    report = check("--url", server.url("localhost"), "--ca-file", ca_file, "--utc")
    assert report.code == 3
    assert f"only from {begin:%Y-%m-%d %H:%M:%S} on" in report.failed["cause"]
    assert "the clock is most likely behind" in report.failed["cause"]


def test_a_certificate_that_ends_soon_is_a_warning(
    check: Checker, serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    end = datetime.now(UTC) + timedelta(days=5, hours=12)
    server = serve(honest, tls=tls_for(authority, "localhost", not_after=end))
    report = check("--url", server.url("localhost"), "--ca-file", ca_file)
    assert report.code == 0
    assert report.step("tls")["outcome"] == "warning"
    assert "valid for 5 more days" in report.step("tls")["cause"]


HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e"


def test_a_certificate_cannot_write_on_the_terminal(
    read: Callable[..., Finished], serve: Serve
) -> None:
    authority = trustme.CA(organization_name=HOSTILE)
    server = serve(honest, tls=tls_for(authority, "localhost"))
    done = read("--url", server.url("localhost"))
    assert done.code == 3
    assert r"issued by \x1b]0;owned\x07\x9b2J\u202e" in words(done)


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (Visit.wait, "The connection opens, and then nothing comes through it."),
        (Visit.end, "The connection was cut in the middle."),
        (steps(lambda visit: visit.sock.recv(1000), Visit.reset), "cut in the middle"),
        (steps(send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Visit.wait), "does not speak TLS"),
        (steps(send(b"\x15\x03\x03\x00\x02\x02\x28"), Visit.wait), "agree on no version"),
    ],
    ids=["silence", "FIN", "RST", "HTTP", "an alert"],
)
def test_a_tls_handshake_that_fails(
    script: Script, cause: str, check: Checker, serve: Serve
) -> None:
    server = serve(script)
    patience = BRIEFLY if script is Visit.wait else "20s"
    report = check("--url", f"wss://127.0.0.1:{server.port}/stream", timeout=patience)
    assert report.code == 3
    assert report.outcomes == [("name", "ok"), ("tcp", "ok"), ("tls", "failed")]
    assert cause in report.failed["cause"]
    assert report.failed["remedy"]


def test_a_ca_file_without_authorities(dsstail: Starter) -> None:
    url = "wss://127.0.0.1:9/stream"
    done = dsstail("check", "--url", url, "--ca-file", "none.pem").finish()
    assert (done.code, done.out) == (2, b"")
    assert done.err.startswith("error: cannot use --ca-file none.pem: ")


# The proxy.


def test_a_proxy_is_a_step_of_its_own(
    check: Checker, serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    proxy = serve(tunnel_to(honest, tls_for(authority, PLACE)))
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
    report = check("--ca-file", ca_file, environment=environment)
    assert report.code == 0
    assert report.said["url"] == OFFICIAL
    assert report.said["place"] == "cloud us dev"
    assert [name for name, _ in report.outcomes][:5] == ["name", "tcp", "proxy", "tls", "handshake"]
    assert report.step("name")["detail"] == "the proxy 127.0.0.1"
    assert report.step("proxy")["variable"] == "HTTPS_PROXY"
    assert report.step("proxy")["detail"] == f"opens a tunnel to {PLACE}:443 (HTTPS_PROXY)"


@pytest.mark.parametrize(
    ("script", "login", "cause"),
    [
        (answer("407 Proxy Authentication Required"), "", "The proxy wants a user and a password."),
        (answer("407 No"), "us:hunter2@", "The proxy does not accept this user and password."),
        (answer("403 Forbidden"), "", f"The proxy does not allow tunnels to {PLACE}:443."),
        (answer("502 Bad Gateway"), "", f"The proxy itself cannot reach {PLACE}:443."),
        (steps(Visit.read_request, Visit.wait), "", "took the connection and says nothing"),
        (steps(Visit.read_request, Visit.end), "", "is no HTTP proxy."),
        (steps(Visit.read_request, send(b"SSH-2.0-x\r\n\r\n"), Visit.end), "", "no HTTP proxy."),
    ],
    ids=["407", "407 again", "403", "502", "silence", "FIN", "SSH"],
)
def test_a_proxy_that_opens_no_tunnel(
    script: Script, login: str, cause: str, check: Checker, serve: Serve
) -> None:
    proxy = serve(script)
    environment = {"https_proxy": f"http://{login}127.0.0.1:{proxy.port}"}
    report = check(environment=environment, timeout=BRIEFLY)
    assert report.code == 3
    assert report.outcomes == [("name", "ok"), ("tcp", "ok"), ("proxy", "failed")]
    assert cause in report.failed["cause"]
    assert report.failed["remedy"]
    assert "hunter2" not in json.dumps(report.said)


def test_a_proxy_that_is_not_there(check: Checker, closed_port: int) -> None:
    for address, step in ((f"127.0.0.1:{closed_port}", "tcp"), ("proxy.invalid:3128", "name")):
        report = check(environment={"ALL_PROXY": f"http://{address}"})
        assert report.code == 3
        assert report.said["failed"] == [step]
        assert "ALL_PROXY names" in report.failed["cause"]
        assert report.failed["remedy"] == (
            f"Correct ALL_PROXY, or go without the proxy: NO_PROXY={PLACE}"
        )


def test_a_proxy_that_is_none_is_a_matter_of_configuration(check: Checker) -> None:
    report = check(environment={"HTTPS_PROXY": "socks5://user:hunter2@127.0.0.1:1080"})
    assert report.code == 2
    assert report.outcomes == [("proxy", "failed")]
    assert "HTTPS_PROXY" in report.failed["detail"]
    assert "hunter2" not in json.dumps(report.said)


def test_a_login_page_in_place_of_the_service(
    check: Checker, serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    """The official host, answered by somebody else: by a certificate, or by a page."""
    for host, script in (("login.example", honest), (PLACE, answer("302 Found", "Location: /"))):
        proxy = serve(tunnel_to(script, tls_for(authority, host)))
        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        report = check("--ca-file", ca_file, environment=environment)
        assert report.code == 3
        assert f"Open https://{PLACE}/ in a browser" in report.failed["remedy"]


# The handshake.


@pytest.mark.parametrize("name", REFUSALS)
def test_a_handshake_that_fails(name: str, check: Checker, serve: Serve) -> None:
    report = check("--url", serve(REFUSALS[name]).url())
    assert report.code == 3
    assert report.failed["cause"]
    assert report.failed["remedy"]
    if name == "RST at once" and report.failed["step"] == "tcp":
        # It may be there before the connection is seen to have come about.
        assert report.failed["detail"] == "127.0.0.1: Connection reset by peer"
        return
    assert report.failed["step"] == "handshake"
    assert report.failed["status"] in (None, 101, *map(int, re.findall(r"^\d{3}", name)))


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (deaf, "The connection opens, and then no answer comes."),
        (Visit.read_request, "What answers there does not speak WebSocket."),
        (answer("101 Switching Protocols"), "no proper WebSocket handshake"),
        (answer("200 OK"), "A web server, a proxy or the login page"),
        (answer("302 Found", "Location: /"), "A web server, a proxy or the login page"),
        (answer("511 Network Authentication Required"), "or the login page of this network"),
        (answer("400 Bad Request"), "The request was not understood."),
        (answer("429 Too Many Requests"), "had too many requests"),
        (answer("503 Service Unavailable"), "overloaded, in repair or broken"),
    ],
)
def test_an_answer_has_its_cause(script: Script, cause: str, check: Checker, serve: Serve) -> None:
    patience = BRIEFLY if script is deaf else "20s"
    report = check("--url", serve(script).url(), timeout=patience)
    assert (report.code, report.said["failed"]) == (3, ["handshake"])
    assert cause in report.failed["cause"]


def test_a_pause_that_the_service_asks_for_is_told(check: Checker, serve: Serve) -> None:
    report = check("--url", serve(answer("503 Busy", "Retry-After: 90")).url())
    assert report.failed["retry_after"] == 90.0
    assert "It asks to wait 1 min 30 s." in report.failed["remedy"]


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found"])
def test_a_rejection_ends_with_4(status: str, check: Checker, serve: Serve) -> None:
    report = check("--url", serve(answer(status)).url())
    assert report.code == 4
    assert report.failed["step"] == "handshake"
    assert report.failed["status"] == int(status[:3])
    assert report.failed["remedy"]


def test_a_refused_key_may_belong_elsewhere(
    read: Callable[..., Finished], serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    proxy = serve(tunnel_to(answer("401 Unauthorized"), tls_for(authority, PLACE)))
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
    done = read("--ca-file", ca_file, environment=environment)
    assert done.code == 4
    assert "✗ handshake HTTP 401, key 5tre…cdef is refused" in words(done)
    assert "or it was made elsewhere. This is cloud us dev." in words(done)
    assert (
        "try -r us --field, -r cn, -r cn --field, -r eu --field, or --client-type mobile."
        in words(done)
    )


def test_words_of_the_service_are_shown_escaped(
    read: Callable[..., Finished], serve: Serve
) -> None:
    done = read("--url", serve(answer(f"503 {HOSTILE[:13]}")).url())
    assert r"answered HTTP 503 \x1b]0;owned\x07" in words(done)
    done = read("--url", serve(opened(close(4000, HOSTILE.encode()))).url())
    assert r"(code 4000 \x1b]0;owned\x07\x9b2J\u202e)" in words(done)


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_url_asks_for_beside_the_key_is_not_shown(
    form: str, run: Runner, serve: Serve
) -> None:
    server = serve(honest)
    done = run("check", "--url", f"{server.url()}?token=hunter2", "-o", form)
    assert done.code == 0
    assert server.visits[0].query["token"] == "hunter2"
    assert b"hunter2" not in done.out


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_service_cannot_have_the_key_shown(form: str, run: Runner, serve: Serve) -> None:
    """Wherever it echoes it; `finish` looks for the key."""

    def echo_in_events(visit: Visit) -> None:
        visit.shake_hands(f"Date: {KEY}")
        visit.send_text(KEY.encode())
        text = b'{"seq":"0","metadata":{"dsn":"%b","event_type":"%b"}}'
        visit.send_text(unit(text % (KEY.encode(), KEY.encode())))
        visit.send_close(4000, KEY.encode())
        visit.stay()

    def echo_in_the_status(visit: Visit) -> None:
        visit.read_request()
        visit.send_raw(f"HTTP/1.1 503 {visit.request.split()[1]}\r\n\r\n".encode())

    for script in (echo_in_events, echo_in_the_status):
        server = serve(script)
        done = run("check", "--url", server.url(), "-o", form)
        assert done.code == 3
        assert "5tre" in done.out.decode()


# The clock.


@pytest.mark.parametrize(("offset", "told"), [(-7200, "ahead of"), (7200, "behind")])
def test_a_clock_that_is_wrong_is_noticed(
    offset: int, told: str, check: Checker, serve: Serve
) -> None:
    date = f"Date: {formatdate(time.time() + offset, usegmt=True)}"
    server = serve(
        steps(lambda visit: visit.shake_hands(date), Visit.send_heartbeat, tell(0), Visit.stay)
    )
    report = check("--url", server.url())
    assert report.code == 0
    assert report.step("clock")["outcome"] == "warning"
    assert re.match(rf"(2 h 0|1 h 59) min {told}", report.step("clock")["detail"])
    assert report.step("clock")["ahead"] == pytest.approx(-offset, abs=60)
    assert "NTP" in report.step("clock")["remedy"]
    refusing = serve(answer("401 No", date))
    report = check("--url", refusing.url())
    assert (report.code, report.step("clock")["outcome"]) == (4, "warning")


@pytest.mark.parametrize(
    ("asked_at", "heard_at", "ahead"),
    [
        (1000.0, 1000.4, 0),
        (971.0, 1000.0, 0),
        (1000.0, 1029.0, 0),
        (1051.0, 1080.0, 50),
        (900.0, 940.0, -60),
    ],
)
def test_a_slow_answer_is_no_wrong_clock(asked_at: float, heard_at: float, ahead: int) -> None:
    """It is dated when it is made, which may be long after the request or before its arrival."""
    answer_dated = Answered(101, formatdate(1000, usegmt=True))
    step = findings.of_date(answer_dated, asked_at, heard_at)
    assert step is not None
    assert step.facts == {"ahead": ahead}
    assert step.outcome == ("warning" if ahead else "ok")


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Foo 9999 99:99:99 GMT"])
def test_a_date_that_is_none_is_not_compared(date: str, check: Checker, serve: Serve) -> None:
    report = check("--url", serve(answer("401 No", f"Date: {date}")).url())
    assert "clock" not in dict(report.outcomes)


# The open connection.


@pytest.mark.parametrize("name", ENDS)
def test_a_connection_that_does_not_last(name: str, check: Checker, serve: Serve) -> None:
    report = check("--url", serve(working(ENDS[name])).url(), timeout=BRIEFLY)
    assert ("event", "ok") in report.outcomes
    if name.startswith("silence"):
        assert report.code == 0
        assert report.step("heartbeat")["outcome"] == "warning"
    else:
        assert report.code == 3
        assert report.failed["step"] == "heartbeat"
        by_itself = "The service ended the connection by itself" in report.failed["cause"]
        assert by_itself == name.startswith("close")


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_ends_it(name: str, check: Checker, serve: Serve) -> None:
    data, code = VIOLATIONS[name]
    server = serve(opened(send(data), Visit.stay))
    report = check("--url", server.url())
    assert (report.code, report.said["failed"]) == (3, ["heartbeat"])
    assert report.failed["cause"]
    assert server.visits[0].close_code == code


def test_a_service_that_closes_after_the_answer(check: Checker, serve: Serve) -> None:
    script = opened(Visit.send_heartbeat, Visit.hear_answer, close(1008, b"unwelcome"))
    report = check("--url", serve(script).url())
    assert (report.code, report.said["failed"]) == (3, ["heartbeat"])
    assert report.failed["detail"] == (
        "answered; then the service closed the connection (code 1008 unwelcome)"
    )
    assert "after the answer to its heartbeat" in report.failed["cause"]


def test_a_connection_that_ends_while_an_event_is_awaited(dsstail: Starter, serve: Serve) -> None:
    released = threading.Event()

    def end_when_told(visit: Visit) -> None:
        visit.shake_hands()
        visit.send_heartbeat()
        assert released.wait(PATIENCE)
        visit.end()

    command = dsstail("check", "--url", serve(end_when_told).url())
    wait_until(lambda: "✓ heartbeat" in command.out.decode())
    released.set()
    done = command.finish()
    assert done.code == 3
    assert "✗ event connection lost" in words(done)
    assert words(done).endswith("Failed: event (exit code 3).")


# Keys.


def test_without_a_key_it_goes_as_far_as_it_can(
    check: Checker, serve: Serve, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    server = serve(honest, tls=server_tls)
    report = check("--url", server.url(), "--ca-file", ca_file, key=None)
    assert report.code == 2
    assert report.outcomes == [
        *[(name, "ok") for name in ("name", "tcp", "tls")],
        ("handshake", "skipped"),
    ]
    assert "DSSTAIL_KEY" in report.step("handshake")["remedy"]
    assert server.visits[0].request == ""


def test_what_fails_before_counts_for_more_than_a_key_that_is_missing(
    check: Checker, closed_port: int
) -> None:
    report = check("--url", f"ws://127.0.0.1:{closed_port}/stream", key=None)
    assert (report.code, report.said["failed"]) == (3, ["tcp"])


def test_every_key_is_checked(dsstail: Starter, serve: Serve, tmp_path: Path) -> None:
    def by_key(visit: Visit) -> None:
        visit.read_request()
        if visit.query["stream_key"] == "b" * 32:
            visit.send_raw(b"HTTP/1.1 401 Unauthorized\r\n\r\n")
            return
        visit.send_raw(visit.handshake())
        visit.send_heartbeat()
        visit.send_events([visit.number])
        visit.stay()

    keys = tmp_path / "keys"
    keys.write_text(f"in={'a' * 32}\nout={'b' * 32}\nlate={'c' * 32}\n")
    keys.chmod(0o600)
    server = serve(by_key)
    command = dsstail("check", "--url", server.url(), "--key-file", str(keys), key=None)
    done = command.finish()
    assert done.code == 4
    assert "keys in aaaa…aaaa, out bbbb…bbbb, late cccc…cccc" in words(done)
    for told in (
        "✓ handshake in: HTTP 101, key aaaa…aaaa is accepted",
        "✗ handshake out: HTTP 401, key bbbb…bbbb is refused",
        "✓ handshake late: HTTP 101, key cccc…cccc is accepted",
        "✓ event in: datapoint from VD0000000000002, seq 0",
        "✓ event late: datapoint from VD0000000000002, seq 2",
        "✓ heartbeat in: came, and is answered",
        "✓ heartbeat late: came, and is answered",
    ):
        assert told in words(done)
    assert words(done).count("✓ TCP") == 1
    assert words(done).endswith("Failed: handshake of out (exit code 4).")
    assert [visit.heard for visit in server.visits] == [[b"Z"], [], [b"Z"]]
    for letter in "abc":
        assert letter * 32 not in done.out.decode()


def test_a_profile_says_where_and_with_which_key(
    check: Checker, serve: Serve, tmp_path: Path
) -> None:
    server = serve(honest)
    path = tmp_path / "config.toml"
    path.write_text(
        f'[profiles.lab]\nurl = "{server.url()}"\noutput = "csv"\nkey_command = "printenv HELD"\n'
    )
    environment = {"DSSTAIL_CONFIG": str(path), "HELD": f"stream={KEY}"}
    report = check("-p", "lab", key=None, environment=environment)
    assert report.code == 0
    assert server.visits[0].query == {"stream_key": KEY}
    path.unlink()


MOBILE = ("--client-type", "mobile")


def test_a_mobile_key_may_be_used_up(dsstail: Starter, serve: Serve) -> None:
    """Where nobody can be asked, it warns, and does what it was called for."""
    server = serve(honest)
    done = dsstail("check", "--url", server.url(), *MOBILE).finish()
    assert done.code == 0
    assert done.err == (
        "warning: connecting may use up a mobile key: the service makes them for one connection.\n"
    )
    assert len(server.visits) == 1


def test_a_mobile_host_tells_as_well(dsstail: Starter, closed_port: int) -> None:
    url = "wss://mstream-dev.aylanetworks.com/stream"
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{closed_port}"}
    done = dsstail("check", "--url", url, environment=environment).finish()
    assert done.code == 3
    assert "may use up a mobile key" in done.err


# Terminals.


def environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.defpath, "TERM": "xterm", "LANG": "C.UTF-8", **variables}


@pytest.fixture
def on_terminal(tmp_path: Path) -> Callable[..., Terminal]:
    def start(*arguments: str, **variables: str) -> Terminal:
        home = {"HOME": str(tmp_path)}
        return Terminal(
            [installed(), "check", *arguments], environment(**home, **variables), tmp_path
        )

    return start


@pytest.mark.parametrize(
    ("typed", "code", "visits"),
    [("\n", 2, ""), ("n\n", 2, ""), ("\udcfc\n", 2, ""), ("y\n", 0, "GET")],
)
def test_a_terminal_is_asked_before_a_mobile_key_is_used(
    typed: str, code: int, visits: str, on_terminal: Callable[..., Terminal], serve: Serve
) -> None:
    server = serve(honest)
    strict = {"PYTHONIOENCODING": "utf-8:strict"}  # as it is in most locales
    terminal = on_terminal("--url", server.url(), *MOBILE, DSSTAIL_KEY=f"stream={KEY}", **strict)
    terminal.read_until("Connect with it? [y/N] ")
    assert server.visits == []
    terminal.type(typed)
    ended, printed = terminal.finish()
    assert ended == code
    wait_until(lambda: server.visits)  # which is told of a connection after who made it
    assert server.visits[0].request[:3] == visits
    assert_no_key(printed.encode(), KEY, "the terminal")


@pytest.mark.parametrize(("typed", "code"), [("\x04", 2), ("\x03", 130)])
def test_what_follows_a_question_that_got_no_answer_begins_on_a_line_of_its_own(
    typed: str, code: int, on_terminal: Callable[..., Terminal], serve: Serve
) -> None:
    terminal = on_terminal("--url", serve(honest).url(), *MOBILE, DSSTAIL_KEY=f"stream={KEY}")
    terminal.read_until("Connect with it? [y/N] ")
    terminal.type(typed)
    ended, printed = terminal.finish()
    assert ended == code
    assert printed.removeprefix("^C").startswith("\n")


def test_a_terminal_is_asked_for_a_key_and_may_have_none(
    on_terminal: Callable[..., Terminal], serve: Serve
) -> None:
    server = serve(honest)
    terminal = on_terminal("--url", server.url())
    terminal.read_until("(Enter for none): ")
    terminal.type("\n")
    assert terminal.finish()[0] == 2
    terminal = on_terminal("--url", server.url())
    terminal.read_until("(Enter for none): ")
    terminal.type(f"stream={KEY}\n")
    code, printed = terminal.finish()
    assert code == 0
    assert_no_key(printed.encode(), KEY, "the terminal")
    assert server.visits[-1].query == {"stream_key": KEY}


def test_a_terminal_shows_what_is_waited_for_and_forgets_it(
    on_terminal: Callable[..., Terminal], serve: Serve
) -> None:
    import pyte

    released = threading.Event()

    def wait_for_the_test(visit: Visit) -> None:
        visit.shake_hands()
        assert released.wait(PATIENCE)
        visit.send_heartbeat()
        visit.send_events([0])
        visit.stay()

    terminal = on_terminal("--url", serve(wait_for_the_test).url(), DSSTAIL_KEY=f"stream={KEY}")
    printed = terminal.read_until("waiting for the first heartbeat, 0 s of 35 s")
    released.set()
    code, rest = terminal.finish()
    assert code == 0
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed((printed + rest).replace("\n", "\r\n"))
    shown = [line.rstrip() for line in screen.display if line.strip()]
    assert [line.split()[1] for line in shown[1:-1]] == [
        *("name", "TCP", "handshake", "event", "heartbeat")
    ]
    assert shown[-1] == "All is well."
    assert "\x1b[32m✓\x1b[0m" in printed


def test_colors_are_those_that_are_asked_for(read: Callable[..., Finished], serve: Serve) -> None:
    server = serve(answer("401 No"))
    assert b"\x1b" not in read("--url", server.url()).out
    done = read("--url", server.url(), "--color", "always")
    assert b"\x1b[1;31m\xe2\x9c\x97\x1b[0m handshake" in done.out


def test_ascii_is_enough(dsstail: Starter, serve: Serve) -> None:
    words = ("check", "--url", serve(silent).url(), "--timeout", BRIEFLY)
    done = dsstail(*words, environment={"PYTHONIOENCODING": "ascii"}).finish()
    assert done.out.isascii()
    assert f"key {KEY[:4]}...{KEY[-4:]}" in done.out.decode()
    lines = done.out.decode().splitlines()
    assert [line[0] for line in lines if re.match(r"[-+!x] \w", line)] == ["+", "+", "+", "!", "-"]


@pytest.mark.parametrize("columns", [40, 60])
def test_it_fits_a_narrow_terminal(columns: int, serve: Serve, tmp_path: Path) -> None:
    date = "Date: Mon, 01 Jan 2024 00:00:00 GMT"
    server = serve(steps(lambda visit: visit.shake_hands(date), Visit.send_heartbeat, close(1001)))
    script = f"stty cols {columns}; exec {installed()} check --url {server.url()}"
    variables = environment(HOME=str(tmp_path), NO_COLOR="1", DSSTAIL_KEY=f"stream={KEY}")
    code, printed = Terminal(["sh", "-c", script], variables, tmp_path).finish()
    assert code == 3
    shown = re.split(r"[\r\n]+", printed.replace("\x1b[K", ""))
    assert "waiting for the first heartbeat" in "".join(shown)
    assert max(map(len, shown)) <= columns
    assert "Likely cause: The clock of this machine" in " ".join(printed.split())


# The end.


def test_nobody_reading_is_no_error(dsstail: Starter, serve: Serve) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    server = serve(honest)
    done = dsstail("check", "--url", server.url(), stdout=writing).finish()
    os.close(writing)
    assert (done.code, done.err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_with_6(dsstail: Starter, serve: Serve) -> None:
    with open("/dev/full", "wb") as full:
        done = dsstail("check", "--url", serve(honest).url(), stdout=full).finish()
    assert done.code == 6


STUCK: dict[str, tuple[str, Script]] = {
    "TLS": ("wss", Visit.wait),
    "the handshake": ("ws", deaf),
}


@pytest.mark.parametrize(
    ("name", "number"), [("TLS", signal.SIGINT), ("the handshake", signal.SIGTERM)]
)
def test_a_signal_ends_it_wherever_it_is(
    name: str, number: signal.Signals, dsstail: Starter, serve: Serve
) -> None:
    scheme, script = STUCK[name]
    server = serve(script)
    command = dsstail("check", "--url", f"{scheme}://127.0.0.1:{server.port}/stream")
    wait_until(lambda: server.visits and b"TCP" in command.out)
    done = command.end_soon(number)
    assert done.code == 130
    assert "interrupted" in words(done)
    assert words(done).endswith("Interrupted before the service had answered (exit code 130).")


def test_a_signal_ends_it_when_packets_vanish(dsstail: Starter, black_hole: int) -> None:
    command = dsstail("check", "--url", f"ws://127.0.0.1:{black_hole}/stream")
    wait_until(lambda: b"name" in command.out)
    assert command.end_soon().code == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_wait_with_what_is_known(
    number: signal.Signals, dsstail: Starter, serve: Serve
) -> None:
    server = serve(opened(tell(0), Visit.stay))
    command = dsstail("check", "-o", "text", "--url", server.url())
    wait_until(lambda: b"event" in command.out)
    done = command.end_soon(number)
    assert done.code == 0
    assert re.search(r"– heartbeat none within [\d.]+ s, interrupted", words(done))
    assert words(done).endswith("Interrupted. All was well until then.")
    wait_until(lambda: server.visits[0].left)
    assert server.visits[0].close_code == 1000


def test_programs_are_told_of_an_interruption(dsstail: Starter, serve: Serve) -> None:
    server = serve(silent)
    command = dsstail("check", "-o", "json", "--url", server.url())
    wait_until(lambda: server.visits and server.visits[0].request)
    command.interrupt()
    said = json.loads(command.finish().out)
    assert said["interrupted"]


def test_a_signal_ends_it_while_nobody_reads_stdout(dsstail: Starter, serve: Serve) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(1 << 12)):
            pass
    os.set_blocking(writing, True)
    server = serve(honest)
    command = dsstail("check", "--url", server.url(), stdout=writing)
    os.close(writing)
    wait_until(lambda: in_write(command.pid))
    assert command.end_soon().code == 130
    os.close(reading)


def in_write(pid: int) -> bool:
    """Whether the process is stuck in a write to a pipe."""
    return "pipe" in Path(f"/proc/{pid}/wchan").read_text()


# Certificates.


@pytest.fixture(scope="module")
def leaf() -> bytes:
    issued = trustme.CA(organization_name="Ö Ltd").issue_cert("a.example", "::1", common_name="a")
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


def test_a_certificate_is_read_as_it_was_made(leaf: bytes) -> None:
    found = certificate.read(leaf)
    assert found.issuer == "Ö Ltd"
    assert found.subject.startswith("a (trustme")
    assert found.names == ("a.example", "::1")
    assert datetime.fromtimestamp(found.not_before, UTC) == datetime(2000, 1, 1, tzinfo=UTC)
    assert datetime.fromtimestamp(found.not_after, UTC) == datetime(3000, 1, 1, tzinfo=UTC)


def test_all_authorities_of_this_machine_can_be_read() -> None:
    context = ssl.create_default_context()
    decoded: list[Any] = context.get_ca_certs()
    if not decoded:
        pytest.skip("it has none")
    for der, known in zip(context.get_ca_certs(binary_form=True), decoded, strict=True):
        found = certificate.read(der)
        assert found.not_before == ssl.cert_time_to_seconds(known["notBefore"])
        assert found.not_after == ssl.cert_time_to_seconds(known["notAfter"])


@given(st.data())
def test_what_is_no_certificate_is_a_value_error_at_worst(leaf: bytes, data: st.DataObject) -> None:
    mangled = bytearray(leaf[: data.draw(st.integers(0, len(leaf)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if mangled:
            mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        certificate.read(bytes(mangled))
