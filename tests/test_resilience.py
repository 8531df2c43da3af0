"""The installed command against a service that misbehaves, judged from outside.

Judged are the exit code, stdout, stderr, and what the server saw. The stream key is looked for in
all of it, in every test (`command.Command.finish`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import re
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from command import (
    KEY,
    MS,
    PATIENCE,
    Command,
    Finished,
    assert_no_key,
    installed,
    read_slowly,
    wait_until,
)
from conftest import Runner, Serve, Starter
from scenarios import (
    BINARY,
    CONTINUATION,
    ENDS,
    PING,
    PONG,
    REFUSALS,
    VIOLATIONS,
    Script,
    Visit,
    answer,
    close,
    deaf,
    event,
    event_frame,
    forgetful,
    frame,
    honest,
    lines,
    opened,
    say,
    send,
    silent,
    steps,
    tell,
    unit,
    working,
)

RETRY = re.compile(r"retry \d+ in \d+\.\d s")


def disconnections(err: str) -> list[str]:
    """The lines about connections that ended or did not come about."""
    return [line for line in err.splitlines() if RETRY.search(line)]


# It comes back.


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="there is no prlimit")
def test_it_comes_back_when_there_are_descriptors_again(dsstail: Starter, serve: Serve) -> None:
    ending = threading.Event()
    server = serve(working(lambda visit: ending.wait(PATIENCE), Visit.end), honest)
    command = dsstail("--url", server.url(), "-c", "6")
    command.wait_for_events(3)
    soft, hard = resource.prlimit(command.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (3, hard))
    ending.set()
    command.wait_for_report("Too many open files; retry 2")
    resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (soft, hard))
    done = command.finish()
    assert (done.code, done.out) == (0, lines(range(6)))


@dataclass(frozen=True)
class Story:
    """What became of one of several streams, and of its connections."""

    name: str
    out: bytes
    told: list[str]
    """The lines on stderr about it, without its name."""
    visits: list[Visit]

    @property
    def reasons(self) -> list[str]:
        """Why each of its connections ended, or did not come about."""
        retries = (re.fullmatch(r"warning: (.+); retry \d+ in .+", line) for line in self.told)
        return [retry[1] for retry in retries if retry is not None]


def all_at_once(
    firsts: Mapping[str, Script], dsstail: Starter, serve: Serve
) -> tuple[Finished, list[Story]]:
    """Play each script for a stream of its own, and have all of them end well at the second try."""
    names = {f"{KEY}-{number}": name for number, name in enumerate(firsts)}
    came: dict[str, list[Visit]] = {name: [] for name in firsts}

    def play(visit: Visit) -> None:
        name = names[visit.peek_key()]
        came[name].append(visit)
        script = honest if len(came[name]) > 1 else firsts[name]
        script(visit)

    keys = [word for at, key in enumerate(names) for word in ("--key", f"s{at}={key}")]
    count = 6 * len(firsts)
    command = dsstail("--url", serve(play).url(), *keys, "--count", str(count), "-o", "json")
    command.wait_for_events(count)
    done = command.finish()
    return done, [_story(at, name, done, came[name]) for at, name in enumerate(firsts)]


def _story(at: int, name: str, done: Finished, visits: list[Visit]) -> Story:
    stream, member = f"s{at}: ", b',"_dsstail":{"stream":"s%d"}}' % at
    out = (line.replace(member, b"}\n") for line in done.out.splitlines() if member in line)
    told = (line.replace(stream, "", 1) for line in done.lines if stream in line)
    return Story(name, b"".join(out), list(told), visits)


REASONS = {
    "close 1011": "the service closed the connection (code 1011)",
    "close with a reason": "the service closed the connection (code 1008 slow consumer)",
    "close without a code": "the service closed the connection",
    "close, then RST": "the service closed the connection (code 1000)",
    "RST": "connection lost (reset by the other side)",
    "FIN in a frame": "connection lost (closed without a word)",
}
SILENCES = ("silence", "silence in a frame")


def test_after_any_end_it_reconnects_and_resumes(dsstail: Starter, serve: Serve) -> None:
    firsts = {name: working(end) for name, end in ENDS.items() if name not in SILENCES}
    done, stories = all_at_once(firsts, dsstail, serve)
    assert done.code == 0
    for story in stories:
        assert story.out == lines(range(6)), story.name
        assert [visit.seq_start for visit in story.visits] == [None, 3], story.name
        (line,) = (line for line in story.told if RETRY.search(line))
        reason = re.escape(REASONS[story.name]) if story.name in REASONS else ".+"
        retry = f"warning: {reason}; retry 1 in [01]\\.\\d s, resuming after seq 2"
        assert re.fullmatch(retry, line), story.name
        if code := re.fullmatch(r"close (\d+)", story.name):
            assert story.visits[0].close_code == int(code[1])
    assert f"{len(stories)} reconnects, 0 gaps, 0 malformed" in done.err


@pytest.mark.parametrize("name", SILENCES)
def test_after_silence_it_reconnects_and_resumes(name: str, run: Runner, serve: Serve) -> None:
    server = serve(working(ENDS[name]), honest)
    done = run("--url", server.url(), "-c", "6", "--idle-timeout", "300ms")
    assert (done.code, done.out) == (0, lines(range(6)))
    assert [visit.seq_start for visit in server.visits] == [None, 3]
    (line,) = disconnections(done.err)
    assert re.fullmatch(
        r"warning: no data for 0\.3 s; retry 1 in [01]\.\d s, resuming after seq 2", line
    )
    assert "1 reconnect, 0 gaps, 0 malformed" in done.err


def test_a_violation_is_answered_with_its_code(dsstail: Starter, serve: Serve) -> None:
    firsts = {name: working(send(data), Visit.stay) for name, (data, _) in VIOLATIONS.items()}
    done, stories = all_at_once(firsts, dsstail, serve)
    assert done.code == 0
    for story in stories:
        assert story.out == lines(range(6)), story.name
        assert story.visits[0].close_code == VIOLATIONS[story.name][1], story.name
        assert len(story.reasons) == 1, story.name
    assert f"{len(stories)} reconnects, 0 gaps, {len(stories)} malformed" in done.err


@pytest.mark.parametrize("name", ["rsv1, as compressed", "event that is not UTF-8"])
def test_a_violation_is_a_malformed_frame(name: str, run: Runner, serve: Serve) -> None:
    data, code = VIOLATIONS[name]
    server = serve(working(send(data), Visit.stay), honest)
    done = run("--url", server.url(), "--strict")
    assert (done.code, done.out) == (5, lines(range(3)))
    assert done.lines[-1].endswith("(--strict).")
    wait_until(lambda: server.visits[0].left)
    assert server.visits[0].close_code == code


@pytest.mark.parametrize("message", [unit(event(3, b"\xff")), b"9|\xc3\x28"])
def test_a_message_that_is_not_utf8_is_kept(
    message: bytes, run: Runner, serve: Serve, tmp_path: Path
) -> None:
    server = serve(working(say(message), Visit.stay), honest)
    kept = tmp_path / "malformed"
    done = run("--url", server.url(), "-c", "6", "--save-malformed", str(kept))
    assert (done.code, done.out) == (0, lines(range(6)))
    assert kept.read_bytes() == message + b"\n"


def test_what_is_malformed_needs_somebody_who_takes_it(
    dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    """That nobody reads this pipe is no reason to end silently, unlike with stdout."""
    gone = threading.Event()
    server = serve(opened(tell(0), lambda visit: wait_until(gone.is_set), say(b"9|{"), Visit.stay))
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    command = dsstail("--url", server.url(), "--save-malformed", "fifo")
    command.wait_for_events(1)
    os.close(reader)
    gone.set()
    done = command.finish()
    assert (done.code, done.lines[-1]) == (6, "error: cannot write fifo: nobody reads it any more.")


UNASKED = ("close at once", "RST at once", "TLS where there is none")
"""What does not wait for the request, nor for the key in it."""


def test_a_handshake_that_fails_is_retried(dsstail: Starter, serve: Serve) -> None:
    firsts = {name: script for name, script in REFUSALS.items() if name not in UNASKED}
    done, stories = all_at_once(firsts, dsstail, serve)
    assert done.code == 0
    for story in stories:
        assert story.out == lines(range(6)), story.name
        assert len(story.reasons) == 1, story.name
        assert len(story.visits) == 2, story.name
    assert ", 0 reconnects" in done.err


@pytest.mark.parametrize("name", UNASKED)
def test_a_handshake_that_is_not_begun_is_retried(name: str, run: Runner, serve: Serve) -> None:
    server = serve(REFUSALS[name], honest)
    done = run("--url", server.url(), "-c", "6")
    assert (done.code, done.out) == (0, lines(range(6)))
    assert len(disconnections(done.err)) == 1
    assert len(server.visits) == 2
    assert ", 0 reconnects" in done.err


@pytest.mark.parametrize("name", ["FIN", "RST", "FIN in a frame", "RST in a frame", "vanishing"])
def test_a_cut_of_tls_is_survived(
    name: str, run: Runner, serve: Serve, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    server = serve(working(ENDS[name]), honest, tls=server_tls)
    done = run("--url", server.url(), "--ca-file", ca_file, "-c", "6")
    assert (done.code, done.out) == (0, lines(range(6)))
    assert "1 reconnect, 0 gaps" in done.err


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (Visit.end, "unexpected eof while reading"),
        (steps(lambda visit: visit.sock.recv(1000), Visit.reset), "Connection reset by peer"),
        (steps(send(b"\x15\x03\x03\x00\x02\x02\x28"), Visit.wait), "sslv3 alert handshake failure"),
        (steps(send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Visit.wait), "wrong version number"),
        (steps(send(b"\x16\x03\x03\xff\xff" + bytes(99)), Visit.wait), "packet length too long"),
    ],
    ids=["FIN", "RST", "an alert", "HTTP", "a record that is too long"],
)
def test_a_tls_handshake_that_fails_is_told(
    script: Script, reason: str, run: Runner, serve: Serve
) -> None:
    server = serve(script)
    url = f"wss://127.0.0.1:{server.port}/stream"
    done = run("--url", url, "--no-reconnect")
    assert done.code == 3
    assert f"error: TLS with 127.0.0.1:{server.port} failed: {reason}." in done.lines


SLOW_HANDSHAKES: dict[str, Script] = {
    "no answer": deaf,
    "no reading either": Visit.wait,
    "a header of a byte at a time": steps(
        Visit.read_request, lambda visit: visit.drip(b"HTTP/1.1 101 Switching" * 99, 50 * MS)
    ),
    "a header that goes on and on": steps(
        Visit.read_request,
        send(b"HTTP/1.1 101 OK\r\n"),
        lambda visit: visit.drip(b"X: y\r\n" * 999, 10 * MS),
    ),
}


@pytest.mark.parametrize("name", SLOW_HANDSHAKES)
def test_a_handshake_has_a_deadline(name: str, run: Runner, serve: Serve) -> None:
    server = serve(SLOW_HANDSHAKES[name])
    done = run("--url", server.url(), "--retry-for", "500ms")
    assert done.code == 3
    assert "did not answer the handshake within 1 s" in done.err


@pytest.mark.parametrize(
    "script",
    [Visit.wait, lambda visit: visit.drip(b"\x16\x03\x03\x40\x00" + bytes(9999), 50 * MS)],
    ids=["silence", "a byte at a time"],
)
def test_a_tls_handshake_has_a_deadline(script: Script, run: Runner, serve: Serve) -> None:
    server = serve(script)
    url = f"wss://127.0.0.1:{server.port}/stream"
    done = run("--url", url, "--retry-for", "500ms")
    assert done.code == 3
    assert "to the TLS handshake" in done.err


@pytest.mark.parametrize(
    ("status", "headers", "then"),
    [
        ("401 Unauthorized", [], Visit.end),
        ("403 Forbidden", ["Content-Length: 2"], Visit.end),
        ("404 Not Found", ["Content-Length: 1000000"], Visit.end),
        ("401 Unauthorized", ["Content-Length: 1000000"], Visit.wait),
        ("403 Forbidden", ["Content-Length: -1"], Visit.wait),
        ("404 Not Found", ["Transfer-Encoding: chunked"], Visit.wait),
    ],
    ids=["no body", "a body", "a body cut", "a body stalled", "a length below 0", "chunks"],
)
def test_a_rejection_at_first_is_final(
    status: str, headers: list[str], then: Script, run: Runner, serve: Serve
) -> None:
    server = serve(steps(answer(status, *headers, body=b"no"), then))
    done = run("--url", server.url())
    assert (done.code, done.out) == (4, b"")
    assert done.lines[-1].startswith("error: ")
    assert f"HTTP {status[:3]}" in done.err
    assert len(server.visits) == 1


def test_a_rejection_shows_the_key_masked(run: Runner, serve: Serve) -> None:
    server = serve(answer("401 Unauthorized"))
    done = run("--url", server.url())
    assert "127.0.0.1 rejected key 5tre…cdef (HTTP 401)." in done.err


def test_a_rejection_of_a_key_that_worked_is_retried(run: Runner, serve: Serve) -> None:
    refusal = answer("401 Unauthorized")
    server = serve(working(Visit.end), refusal, honest)
    done = run("--url", server.url(), "-c", "6")
    assert (done.code, done.out) == (0, lines(range(6)))
    assert [visit.seq_start for visit in server.visits] == [None, 3, 3]
    assert len(disconnections(done.err)) == 2


def refusing_one(told: threading.Event) -> Script:
    """Serve every key but `refused`, and the others once that is `told`."""

    def script(visit: Visit) -> None:
        visit.read_request()
        if visit.query["stream_key"] == "refused":
            visit.send_raw(b"HTTP/1.1 401 Unauthorized\r\n\r\n")
            visit.wait()
            return
        told.wait(PATIENCE)
        visit.send_raw(visit.handshake())
        visit.send_events(range(3))
        visit.stay()

    return script


ALREADY = threading.Event()
ALREADY.set()

TWO_KEYS = ("--key", "in=served-key-0", "--key", "out=refused")


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (["--count", "3"], 0),
        (["--duration", "2s"], 0),
        (["--expect", "seq=2"], 0),
        (["--expect", "seq=9", "--timeout", "2s"], 124),
    ],
    ids=["count", "duration", "expectation", "timeout"],
)
def test_a_refused_key_changes_nothing_about_what_was_reached(
    stop: list[str], code: int, dsstail: Starter, serve: Serve
) -> None:
    told = threading.Event()
    server = serve(refusing_one(told))
    command = dsstail("--url", server.url(), *TWO_KEYS, *stop, key=None)
    command.wait_for_report("out: 127.0.0.1 rejected key … (HTTP 401).")
    told.set()
    done = command.finish()
    assert (done.code, done.out.count(b"\n")) == (code, 3)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (refusing_one(ALREADY), "in: no data for 0.3 s"),
        (answer("403 Forbidden"), "in: 127.0.0.1 rejected key … (HTTP 403)."),
        (answer("503 No"), "in: 127.0.0.1"),
    ],
    ids=["another end", "refused too", "unavailable"],
)
def test_each_stream_that_fails_is_told_once(
    script: Script, reason: str, run: Runner, serve: Serve
) -> None:
    server = serve(script)
    options = ("--no-reconnect", "--idle-timeout", "300ms")
    done = run("--url", server.url(), *TWO_KEYS, *options, key=None)
    assert done.code == (3 if "503" in done.err else 4)
    errors = [line for line in done.lines if line.startswith("error: ")]
    assert len(errors) == 2
    assert {error.split()[1] for error in errors} == {"in:", "out:"}
    assert all(error.endswith(".") for error in errors)
    assert any(f"error: {reason}" in error for error in errors)


DOZEN = [word for n in range(12) for word in ("--key", f"s{n}=stream-key-{n}")]


def named(reports: list[str]) -> set[str]:
    """The streams that these reports are about, which have to be one each."""
    names = {name for report in reports for name in re.findall(r"\bs\d+(?=: )", report)}
    assert len(names) == len(reports)
    return names


def test_a_dozen_streams_that_fail_at_once_are_all_told(dsstail: Starter, serve: Serve) -> None:
    server = serve(answer("401 Unauthorized"))
    done = dsstail("--url", server.url(), "-q", *DOZEN, key=None).finish()
    assert done.code == 4
    assert named(done.lines) == {f"s{n}" for n in range(12)}


def test_a_dozen_streams_that_connect_at_once_are_all_told(dsstail: Starter, serve: Serve) -> None:
    server = serve(opened(tell(0), Visit.stay))
    done = dsstail("--url", server.url(), "-c", "12", *DOZEN, key=None).finish()
    assert done.code == 0
    connected = [line for line in done.lines if "connected to" in line]
    assert named(connected) == {f"s{n}" for n in range(12)}


def test_retry_after_is_heeded(dsstail: Starter, serve: Serve) -> None:
    server = serve(answer("503 Service Unavailable", "Retry-After: 1"), honest)
    done = dsstail("--url", server.url(), "-c", "6").finish()
    assert done.code == 0
    assert re.search(r"answered HTTP 503 Service Unavailable; retry 1 in [12]\.\d s", done.err)


def test_retry_after_can_be_a_date(dsstail: Starter, serve: Serve) -> None:
    """In each form that RFC 9110 (5.6.7) has clients understand, and always GMT."""
    forms = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]

    def later(visit: Visit) -> None:
        date = time.strftime(forms[visit.number], time.gmtime(time.time() + 150))
        visit.answer("503 Service Unavailable", f"Retry-After: {date}")

    keys = ("--key", "usual=a", "--key", "rfc-850=b", "--key", "asctime=c")
    elsewhere = {"TZ": "Asia/Tokyo"}
    command = dsstail("--url", serve(later).url(), *keys, key=None, environment=elsewhere)
    wait_until(lambda: command.err.count(b"\n") == len(forms))
    told = re.findall(r"; retry 1 in 1[1-5]\d\.\d s\n", command.stop().err)
    assert len(told) == len(forms)


def test_retry_after_does_not_outlive_retry_for(run: Runner, serve: Serve) -> None:
    server = serve(answer("429 Too Many Requests", "Retry-After: 86400"))
    done = run("--url", server.url(), "--retry-for", "500ms")
    assert done.code == 3


def test_retry_for_ends_with_3(dsstail: Starter, serve: Serve) -> None:
    server = serve(working(Visit.end), ENDS["vanishing"])
    done = dsstail("--url", server.url(), "--retry-for", "300ms").finish()
    assert (done.code, done.out) == (3, lines(range(3)))
    assert done.lines[-1].startswith("error: ")
    assert "; gave up after 0.3 s" in done.lines[-1]
    assert len(server.visits) >= 2


def test_silence_leaves_time_to_retry(run: Runner, serve: Serve) -> None:
    """`--retry-for` counts from the end of a connection, not from the last it said."""
    server = serve(working(Visit.stay), honest)
    limits = ("--idle-timeout", "1s", "--retry-for", "500ms")
    done = run("--url", server.url(), "-c", "6", *limits)
    assert (done.code, done.out) == (0, lines(range(6)))


@pytest.mark.parametrize("script", [working(Visit.end), working(close(1001)), answer("503 No")])
def test_no_reconnect_ends_with_3(script: Script, run: Runner, serve: Serve) -> None:
    server = serve(script)
    done = run("--url", server.url(), "--no-reconnect")
    assert done.code == 3
    assert done.lines[-1].startswith("error: ")
    assert len(server.visits) == 1


def test_a_name_that_does_not_exist_is_told(run: Runner) -> None:
    done = run("--url", "wss://dsstail.invalid/stream", "--retry-for", "300ms")
    assert done.code == 3
    assert "cannot look up dsstail.invalid: " in done.err


def test_a_refused_connection_is_retried(dsstail: Starter) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        url = f"ws://127.0.0.1:{port}/stream"
        done = dsstail("--url", url, "--retry-for", "300ms").finish()
    assert done.code == 3
    assert f"cannot connect to 127.0.0.1:{port}: Connection refused; retry 1 in" in done.err


@pytest.mark.parametrize("first", [0, 1, 400])
def test_a_window_that_is_not_reached_is_asked_for_again(
    first: int, run: Runner, serve: Serve
) -> None:
    server = serve(answer("503 No"), honest, newest=500)
    done = run("--url", server.url(), "--from-seq", str(first), "-c", "1")
    assert (done.code, done.out) == (0, lines([first]))
    (line,) = disconnections(done.err)
    assert line.endswith(f" s, asking for seq {first} and on")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused(status: int, run: Runner, serve: Serve) -> None:
    other = serve(honest)
    server = serve(answer(f"{status} Elsewhere", f"Location: {other.url()}?stream_key=k"))
    done = run("--url", server.url(), "--no-reconnect")
    assert done.code == 3
    assert f"wants to redirect (HTTP {status} Elsewhere)" in done.err
    assert other.visits == []


def test_a_redirect_from_wss_to_ws_is_refused(
    run: Runner, serve: Serve, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    other = serve(honest)
    server = serve(answer("302 Found", f"Location: {other.url()}"), tls=server_tls)
    done = run("--url", server.url(), "--ca-file", ca_file, "--no-reconnect")
    assert done.code == 3
    assert other.visits == []


def test_a_message_that_grows_is_a_sign_of_life(run: Runner, serve: Serve) -> None:
    """An event of many megabytes may take longer than the idle timeout to arrive."""
    large = frame(unit(event(0, b"x" * (4 << 20))))
    pieces = [large[at : at + (1 << 18)] for at in range(0, len(large), 1 << 18)]

    def slowly(visit: Visit) -> None:
        for piece in pieces:
            visit.send_raw(piece)
            time.sleep(100 * MS)

    server = serve(opened(slowly, Visit.stay))
    done = run("--url", server.url(), "-c", "1", "--idle-timeout", f"{800 * MS}s")
    assert (done.code, done.out) == (0, event(0, b"x" * (4 << 20)) + b"\n")
    assert disconnections(done.err) == []


def test_a_message_that_drips_is_no_sign_of_life(run: Runner, serve: Serve) -> None:
    server = serve(working(lambda visit: visit.drip(event_frame(3), 20 * MS)), honest)
    done = run("--url", server.url(), "-c", "6", "--idle-timeout", "500ms")
    assert (done.code, done.out) == (0, lines(range(6)))
    assert "no data for 0.5 s" in done.err


def test_a_hostile_cookie_is_ignored(run: Runner, serve: Serve) -> None:
    cookies = ("Set-Cookie: a@b=c; domain=127.0.0.1", "set-cookie: d=e\x0b; Domain=127.0.0.1")
    server = serve(
        steps(lambda visit: visit.shake_hands(*cookies), tell(0, 1, 2), Visit.end), honest
    )
    done = run("--url", server.url(), "-c", "6")
    assert (done.code, done.out) == (0, lines(range(6)))
    assert "cookie" not in server.visits[1].request.lower()


# It resumes exactly.


def test_events_before_the_resume_point_are_dropped(dsstail: Starter, serve: Serve) -> None:
    server = serve(working(Visit.end), forgetful, newest=8)
    done = dsstail("--url", server.url(), "-c", "9").finish()
    assert (done.code, done.out) == (0, lines(range(9)))
    assert "9 events, 1 reconnect, 0 gaps, 0 malformed" in done.err


def test_a_late_replay_that_is_cut_is_asked_for_again(run: Runner, serve: Serve) -> None:
    server = serve(working(Visit.end), opened(tell(5, 6), Visit.end), honest, newest=8)
    done = run("--url", server.url(), "-c", "9")
    assert (done.code, done.out) == (0, lines(range(9)))
    assert "seq 3–4 (2 events) came back into its place" in done.err
    assert [visit.seq_start for visit in server.visits] == [None, 3, 3]
    assert "9 events, 2 reconnects, 0 gaps, 0 malformed" in done.err


def test_a_late_replay_is_a_gap(run: Runner, serve: Serve) -> None:
    server = serve(working(Visit.end), opened(tell(5, 6), Visit.stay))
    done = run("--url", server.url(), "-c", "5")
    assert (done.code, done.out) == (0, lines([0, 1, 2, 5, 6]))
    assert done.err.count("gap: seq 3–4 (2 events) did not come back") == 1
    assert [visit.seq_start for visit in server.visits] == [None, 3, 3], "asked once more"
    assert "5 events, 1 reconnect, 1 gap (2 events missing), 0 malformed" in done.err


@pytest.mark.parametrize("option", ["--fill-gaps", "--no-fill-gaps"])
def test_live_events_may_overtake_a_replay(option: str, run: Runner, serve: Serve) -> None:
    overtaken = opened(tell(3, 4, 20, 5, *range(6, 15), 21, *range(15, 20)), Visit.stay)
    server = serve(working(Visit.end), overtaken)
    done = run("--url", server.url(), option, "-c", "22", "--strict")
    assert (done.code, done.out) == (0, lines(range(22)))
    assert "seq 5–19 (15 events) came back into its place" in done.err
    assert len(server.visits) == 2


def test_a_seq_that_does_not_exist_is_told(run: Runner, serve: Serve) -> None:
    server = serve(opened(tell(3, 4, 5), Visit.stay))
    done = run("--url", server.url(), "--from-seq", "1000", "-c", "3")
    assert (done.code, done.out) == (0, lines([3, 4, 5]))
    assert "reset: asked for seq 1000 and on, the numbers go on from 3\n" in done.err
    assert "3 events, 0 reconnects, 0 gaps, 1 reset, 0 malformed" in done.err
    assert len(server.visits) == 1


def test_a_replay_that_begins_before_the_first_event_is_no_reset(run: Runner, serve: Serve) -> None:
    server = serve(opened(tell(3, 4), Visit.end), forgetful, newest=6)
    done = run("--url", server.url(), "-c", "7", "--strict")
    assert (done.code, done.out) == (0, lines([3, 4, 0, 1, 2, 5, 6]))
    assert "7 events, 1 reconnect, 0 gaps, 0 malformed" in done.err
    assert len(server.visits) == 2


def test_a_lower_number_with_other_text_is_a_reset(run: Runner, serve: Serve) -> None:
    anew = [unit(event(seq, b"anew")) for seq in (0, 1)]
    server = serve(
        working(Visit.end),
        opened(say(*anew), Visit.end),
        opened(say(unit(event(2, b"anew"))), Visit.stay),
    )
    done = run("--url", server.url(), "-c", "6")
    new = b"".join(event(seq, b"anew") + b"\n" for seq in range(3))
    assert (done.code, done.out) == (0, lines(range(3)) + new)
    assert "reset: after seq 2 the numbers go on from 0" in done.err
    assert [visit.seq_start for visit in server.visits] == [None, 3, 2]
    assert "6 events, 2 reconnects, 0 gaps, 1 reset, 0 malformed" in done.err


def test_what_a_new_numbering_began_with_is_asked_for(run: Runner, serve: Serve) -> None:
    def anew(numbers: Iterable[int]) -> list[bytes]:
        return [unit(event(seq, b"anew")) for seq in numbers]

    server = serve(
        opened(tell(50, 51, 52), say(*anew((37, 38))), Visit.stay),
        opened(lambda visit: say(*anew(visit.asked))(visit), Visit.stay),
        newest=36,
    )
    done = run("--url", server.url(), "-c", "42")
    new = b"".join(event(seq, b"anew") + b"\n" for seq in range(39))
    assert (done.code, done.out) == (0, lines([50, 51, 52]) + new)
    assert "reset: after seq 52 the numbers go on from 37" in done.err
    assert server.visits[1].query["seq_start"] == "0"
    assert server.visits[1].query["seq_end"] == "36"
    assert "42 events, 0 reconnects, 0 gaps, 1 reset, 0 malformed" in done.err


def test_one_odd_event_makes_no_gap(run: Runner, serve: Serve) -> None:
    odd = unit(event(3, b"odd"))
    server = serve(opened(tell(*range(6)), say(odd), tell(6, 7), Visit.stay))
    done = run("--url", server.url(), "-c", "9", "--no-fill-gaps")
    assert done.out == lines(range(6)) + event(3, b"odd") + b"\n" + lines([6, 7])
    assert "9 events, 0 reconnects, 0 gaps, 2 resets, 0 malformed" in done.err


@pytest.mark.parametrize("status", ["400 Bad Request", "416 Range Not Satisfiable", "410 Gone"])
def test_a_refused_seq_start_is_survived(status: str, run: Runner, serve: Serve) -> None:
    def live_only(visit: Visit) -> None:
        if visit.number > 0 and visit.number % 2:
            answer(status)(visit)
        else:
            opened(tell(*range(3 + visit.number, 5 + visit.number)), Visit.stay)(visit)

    server = serve(working(Visit.end), live_only)
    done = run("--url", server.url(), "-c", "5", "--no-fill-gaps")
    assert (done.code, done.out) == (0, lines([0, 1, 2, 5, 6]))
    assert [visit.seq_start for visit in server.visits] == [None, 3, None]
    assert "the service refuses to resume" in done.err
    assert "gap: seq 3–4 (2 events) did not come back" in done.err


def test_a_gap_in_a_live_stream_is_filled(dsstail: Starter, serve: Serve) -> None:
    server = serve(opened(tell(0, 1, 2, 6, 7), Visit.stay), honest, newest=9)
    done = dsstail("--url", server.url(), "-c", "8").finish()
    assert (done.code, done.out) == (0, lines(range(8)))
    _live, second = server.visits
    assert second.query == {"stream_key": KEY, "seq_start": "3", "seq_end": "5"}
    assert "seq 3–5 (3 events) came back into its place" in done.err
    assert "8 events, 0 reconnects, 0 gaps, 0 malformed" in done.err


def test_a_gap_is_filled_with_what_stands_within_the_length_of_another(
    run: Runner, serve: Serve
) -> None:
    both = unit(event(1) + unit(event(2)))
    server = serve(opened(tell(0, 3), Visit.stay), opened(say(both), Visit.stay))
    done = run("--url", server.url(), "-c", "4")
    assert (done.code, done.out) == (0, lines(range(4)))


def test_a_gap_that_is_partly_filled_is_reported(run: Runner, serve: Serve) -> None:
    server = serve(opened(tell(0, 1, 2, 6, 7), Visit.stay), opened(tell(4), close(1000)))
    done = run("--url", server.url(), "-c", "6")
    assert (done.code, done.out) == (0, lines([0, 1, 2, 4, 6, 7]))
    assert "gap: seq 3 (1 event) did not come back" in done.err
    assert "gap: seq 5 (1 event) did not come back" in done.err
    assert "6 events, 0 reconnects, 2 gaps (2 events missing), 0 malformed" in done.err
    assert len(server.visits) == 2


def test_a_replay_that_is_cut_is_asked_for_the_rest(run: Runner, serve: Serve) -> None:
    live = opened(tell(0, 1, 2, 7, 8), Visit.stay)
    server = serve(live, opened(tell(3, 4), Visit.end), opened(tell(5, 6), Visit.stay))
    done = run("--url", server.url(), "-c", "9")
    assert (done.code, done.out) == (0, lines(range(9)))
    assert "9 events, 0 reconnects, 0 gaps, 0 malformed" in done.err
    windows = [(visit.query["seq_start"], visit.query["seq_end"]) for visit in server.visits[1:]]
    assert windows == [("3", "6"), ("5", "6")]


def test_a_large_gap_is_filled(dsstail: Starter, serve: Serve) -> None:
    """More than what events that wait for it may take of memory."""
    last = 40_000
    server = serve(opened(tell(0, 1, last), Visit.stay), honest, newest=last)
    done = dsstail("--url", server.url(), "-c", str(last + 1)).finish()
    assert done.code == 0
    assert done.out == lines(range(last + 1))
    assert f"seq 2–{last - 1} (39998 events) came back into its place" in done.err
    assert [visit.seq_start for visit in server.visits] == [None, 2]


SECONDS: dict[str, Script] = {
    "from the start": forgetful,
    "slowly": opened(
        *(steps(tell(seq), lambda visit: time.sleep(0.8)) for seq in (3, 4, 5)), Visit.stay
    ),
    "among others": opened(say(b"1|X", unit(b"{}")), tell(2, 1, 3), tell(4, 5, 9), Visit.stay),
    "the last one first": opened(tell(5), lambda visit: time.sleep(0.1), tell(3, 4), Visit.stay),
    "after a live one": opened(tell(8), lambda visit: time.sleep(0.1), tell(3, 4, 5), Visit.stay),
    "slowly after a live one": opened(
        *(steps(tell(seq), lambda visit: time.sleep(0.4)) for seq in (8, 3, 9, 4, 5)), Visit.stay
    ),
    "in one message": opened(
        say(unit(b"[%b]" % b",".join(map(event, (3, 4, 5))))), Visit.send_close, Visit.stay
    ),
    "with heartbeats": opened(
        *(steps(Visit.send_heartbeat, Visit.hear_answer, tell(seq)) for seq in (3, 4, 5)),
        Visit.stay,
    ),
}
"""How a second connection can give what it was asked for."""


@pytest.mark.parametrize("name", SECONDS)
def test_a_gap_is_filled_however_it_comes(name: str, run: Runner, serve: Serve) -> None:
    server = serve(opened(tell(0, 1, 2, 6, 7), Visit.stay), SECONDS[name])
    done = run("--url", server.url(), "-c", "8")
    assert (done.code, done.out) == (0, lines(range(8)))
    assert "seq 3–5 (3 events) came back into its place" in done.err
    assert "8 events, 0 reconnects, 0 gaps, 0 malformed" in done.err
    assert len(server.visits) == 2


def test_a_second_connection_that_only_beats_gives_nothing(run: Runner, serve: Serve) -> None:
    def beating(visit: Visit) -> None:
        opened()(visit)
        with contextlib.suppress(OSError):
            for _ in range(100):
                visit.send_heartbeat()
                visit.hear_answer()
                time.sleep(100 * MS)

    server = serve(opened(tell(0, 1, 2, 6, 7), Visit.stay), steps(beating))
    done = run("--url", server.url(), "-c", "5")
    assert (done.code, done.out) == (0, lines([0, 1, 2, 6, 7]))
    assert "gap: seq 3–5 (3 events) did not come back" in done.err
    assert set(server.visits[1].heard) == {b"Z"}


def test_a_second_connection_may_take_its_time(dsstail: Starter, serve: Serve) -> None:
    """Events do not wait for it any more then, and what it gives is late, not lost."""
    waited = threading.Event()
    slow = opened(lambda _: wait_until(waited.is_set), tell(3, 4, 5), Visit.stay)
    server = serve(opened(tell(0, 1, 2, 6, 7), Visit.stay), slow)
    command = dsstail("--url", server.url(), "-c", "8")
    command.wait_for_events(5)
    waited.set()
    done = command.finish()
    assert (done.code, done.out) == (0, lines([0, 1, 2, 6, 7, 3, 4, 5]))
    assert "gap: seq 3–5 (3 events) did not come back" in done.err
    assert "8 events, 0 reconnects, 0 gaps, 0 malformed" in done.err


def test_a_gap_does_not_wait_for_a_second_connection_that_gives_nothing(
    dsstail: Starter, serve: Serve
) -> None:
    live, tell_next = told_one_after_the_other(4, 7)
    server = serve(live, silent, honest, newest=7)
    command = dsstail("--url", server.url(), "-c", "6")
    tell_next()
    command.wait_for_events(3)
    tell_next()
    done = command.finish()
    assert (done.code, done.out) == (0, lines([0, 1, 4, 5, 6, 7]))
    assert [visit.seq_start for visit in server.visits] == [None, 2, 5]


SECOND_REFUSALS = {
    "403": answer("403 Forbidden"),
    "409": answer("409 Conflict"),
    "429": answer("429 Too Many Requests"),
}


@pytest.mark.parametrize("name", SECOND_REFUSALS)
def test_a_refused_second_connection_is_not_tried_again(
    name: str, run: Runner, serve: Serve
) -> None:
    def live(visit: Visit) -> None:
        opened(tell(0, 1, 4))(visit)
        wait_until(lambda: len(visit.server.visits) == 2 and visit.server.visits[1].left)
        for seq in range(7, 70, 3):
            visit.send_events([seq])
            visit.send_heartbeat()
            visit.hear_answer()
        visit.stay()

    server = serve(live, SECOND_REFUSALS[name])
    done = run("--url", server.url(), "-c", "24")
    assert (done.code, done.out) == (0, lines([0, 1, *range(4, 70, 3)]))
    assert done.err.count("from now on gaps are only reported") == 1
    assert len(server.visits) == 2
    assert "24 events, 0 reconnects, 22 gaps (44 events missing), 0 malformed" in done.err


def test_a_service_whose_numbers_begin_at_1_may_refuse_to_be_asked_for_0(
    run: Runner, serve: Serve
) -> None:
    """That says nothing of what else a second connection may be asked for."""

    def live(visit: Visit) -> None:
        opened(tell(7, 8), send(frame(unit(event(1, b"anew")))))(visit)
        wait_until(lambda: len(visit.server.visits) == 2 and visit.server.visits[1].left)
        visit.send_events([2, 5])
        visit.stay()

    server = serve(live, answer("400 Bad Request"), honest, newest=5)
    done = run("--url", server.url(), "-c", "7")
    assert (done.code, done.out) == (
        0,
        lines([7, 8]) + event(1, b"anew") + b"\n" + lines([2, 3, 4, 5]),
    )
    assert "only reported" not in done.err
    assert [visit.seq_start for visit in server.visits] == [None, 0, 3]


SECOND_FAILURES = {
    "503": answer("503 Service Unavailable"),
    "close at once": ENDS["vanishing"],
    "close after the request": Visit.read_request,
}


def told_one_after_the_other(*numbers: int) -> tuple[Script, Callable[[], None]]:
    """A live connection with 0 and 1; each call has it tell the next of these numbers."""
    turns: queue.SimpleQueue[int] = queue.SimpleQueue()
    waiting = iter(numbers)

    def live(visit: Visit) -> None:
        opened(tell(0, 1))(visit)
        for _ in numbers:
            visit.send_events([turns.get(timeout=PATIENCE)])
        visit.stay()

    return live, lambda: turns.put(next(waiting))


@pytest.mark.parametrize("name", SECOND_FAILURES)
def test_a_second_connection_that_fails_is_tried_again_for_the_next_gap(
    name: str, dsstail: Starter, serve: Serve
) -> None:
    live, go_on = told_one_after_the_other(4, 7, 10, 13)
    failing = SECOND_FAILURES[name]
    server = serve(live, failing, failing, honest, failing, newest=20)
    command = dsstail("--url", server.url(), "-c", "8")
    go_on()
    for gap in ("2–3", "5–6"):
        command.wait_for_report(f"gap: seq {gap} (2 events) did not come back")
        go_on()
    command.wait_for_report("seq 8–9 (2 events) came back into its place")
    go_on()
    done = command.finish()
    assert (done.code, done.out) == (0, lines([0, 1, 4, 7, 8, 9, 10, 13])), done.err
    assert "only reported" not in done.err


@pytest.mark.parametrize("name", SECOND_FAILURES)
def test_a_second_connection_that_fails_again_and_again_is_given_up(
    name: str, dsstail: Starter, serve: Serve
) -> None:
    live, go_on = told_one_after_the_other(4, 7, 10, 13)
    server = serve(live, SECOND_FAILURES[name])
    command = dsstail("--url", server.url(), "-c", "6")
    for gap in ("2–3", "5–6", "8–9"):
        go_on()
        command.wait_for_report(f"gap: seq {gap} (2 events) did not come back")
    go_on()
    done = command.finish()
    assert (done.code, done.out) == (0, lines([0, 1, 4, 7, 10, 13]))
    assert done.err.count("from now on gaps are only reported") == 1
    assert "gap: seq 11–12 (2 events) did not come back" in done.err
    assert len(server.visits) == 4


def ended_by_a_second(end: Script, *numbers: int) -> tuple[Script, Script]:
    """A live connection with these numbers, and a second one that gives all, once that ended."""
    opening, gone = threading.Event(), threading.Event()

    def live(visit: Visit) -> None:
        opened(tell(*numbers))(visit)
        opening.wait(PATIENCE)
        gone.set()
        end(visit)

    def second(visit: Visit) -> None:
        visit.shake_hands()
        opening.set()
        gone.wait(PATIENCE)
        visit.send_events(visit.asked)
        visit.stay()

    return live, second


@pytest.mark.parametrize(
    "end",
    [close(4000, b"replaced"), Visit.end, Visit.reset, send(event_frame(3)[:9])],
    ids=["close frame", "FIN", "RST", "cut in a frame"],
)
def test_a_live_connection_that_ends_by_the_second_twice_is_not_risked_again(
    end: Script, run: Runner, serve: Serve
) -> None:
    """A service that allows one connection a key may end the older one."""
    server = serve(
        *ended_by_a_second(end, 0, 1, 2, 5),
        *ended_by_a_second(end, *range(3, 9), 11),
        opened(tell(*range(9, 13), 15, 16), Visit.stay),
        newest=20,
    )
    done = run("--url", server.url(), "-c", "15")
    assert (done.code, done.out) == (0, lines([*range(13), 15, 16]))
    assert done.err.count("live connections ended when a second one was opened") == 1
    assert "gap: seq 13–14 (2 events) did not come back" in done.err
    assert len(server.visits) == 5


def test_a_live_connection_that_ends_with_the_second_once_may_do_so_by_chance(
    run: Runner, serve: Serve
) -> None:
    server = serve(
        *ended_by_a_second(close(1001), 0, 1, 2, 5),
        opened(tell(*range(3, 9), 11), Visit.stay),
        honest,
        newest=12,
    )
    done = run("--url", server.url(), "-c", "12")
    assert (done.code, done.out) == (0, lines(range(12)))
    assert "seq 9–10 (2 events) came back into its place" in done.err
    assert "only reported" not in done.err


def test_a_service_that_restarts_does_not_object_to_the_second(run: Runner, serve: Serve) -> None:
    opening, gone = threading.Event(), threading.Event()

    def live(visit: Visit) -> None:
        opened(tell(0, 1, 2, 5))(visit)
        opening.wait(PATIENCE)
        visit.send_close(1012)
        gone.set()
        visit.stay()

    def second(visit: Visit) -> None:
        visit.shake_hands()
        opening.set()
        gone.wait(PATIENCE)
        close(1012)(visit)

    def later(visit: Visit) -> None:
        visit.shake_hands()
        lacking = () if "seq_end" in visit.query else (9, 10)
        visit.send_events(seq for seq in visit.asked if seq not in lacking)
        visit.stay()

    server = serve(live, second, later, newest=12)
    done = run("--url", server.url(), "-c", "13")
    assert (done.code, done.out) == (0, lines(range(13)))
    assert "seq 9–10 (2 events) came back into its place" in done.err
    assert "gap:" not in done.err


def test_a_network_that_cuts_both_connections_is_not_taken_for_a_refusal(
    run: Runner, serve: Serve
) -> None:
    """The third connection brings the numbers that the second was cut for; it lacks 9 and 10."""
    opening = threading.Event()

    def live(visit: Visit) -> None:
        opened(tell(0, 1, 2, 5))(visit)
        opening.wait(PATIENCE)
        visit.reset()

    def second(visit: Visit) -> None:
        visit.shake_hands()
        opening.set()
        visit.reset()

    third = opened(tell(*range(3, 9), 11, 12), Visit.stay)
    server = serve(live, second, Visit.reset, Visit.reset, third, honest, newest=12)
    done = run("--url", server.url(), "-c", "13")
    assert (done.code, done.out) == (0, lines(range(13)))
    assert "seq 3–4 (2 events) came back into its place" in done.err
    assert "seq 9–10 (2 events) came back into its place" in done.err


def test_a_second_connection_is_not_made_for_mobile_keys(run: Runner, serve: Serve) -> None:
    server = serve(opened(tell(0, 1, 2, 5), Visit.stay), honest)
    done = run("--url", server.url(), "--client-type", "mobile", "-c", "4")
    assert (done.code, done.out) == (0, lines([0, 1, 2, 5]))
    assert "gap: seq 3–4 (2 events) did not come back" in done.err
    assert len(server.visits) == 1


@pytest.mark.parametrize("options", [[], ["--no-fill-gaps"]], ids=["filling", "not filling"])
def test_numbers_with_holes_are_no_storm(options: list[str], run: Runner, serve: Serve) -> None:
    numbers = range(0, 2000, 10)

    def live(visit: Visit) -> None:
        opened()(visit)
        for seq in numbers:
            visit.send_events([seq])
            if seq < 100:
                visit.send_heartbeat()
                visit.hear_answer()
        visit.stay()

    def nothing(visit: Visit) -> None:
        opened(Visit.end)(visit)

    server = serve(live, nothing)
    done = run("--url", server.url(), "-c", "200", *options)
    assert (done.code, done.out) == (0, lines(numbers))
    assert done.err.count("holes") == 1
    assert done.err.count("gap:") <= 5
    assert "200 events, 0 reconnects, 199 gaps (1791 events missing), 0 malformed" in done.err
    assert len(server.visits) <= 4


def test_a_window_ends_after_its_last_event(run: Runner, serve: Serve) -> None:
    server = serve(opened(tell(2), Visit.reset), honest, newest=9)
    done = run("--url", server.url(), "--from-seq", "2", "--to-seq", "4")
    assert (done.code, done.out) == (0, lines([2, 3, 4]))
    asked = [(visit.query["seq_start"], visit.query["seq_end"]) for visit in server.visits]
    assert asked == [("2", "4"), ("3", "4")]


@pytest.mark.skipif(sys.platform != "linux", reason="where bytes are is asked of Linux")
def test_what_came_before_a_failed_answer_counts(dsstail: Starter, serve: Serve) -> None:
    """Events that were read before an answer could not be sent are not lost, even when the
    service never gives them again. They are there before the end is, and it before they are read.
    """

    started: list[Command] = []

    def on_its_way(visit: Visit) -> bool:
        return any(fcntl.ioctl(visit.sock, termios.TIOCOUTQ, bytes(4)))

    def burst(visit: Visit) -> None:
        visit.read_request()
        wait_until(lambda: started)
        (command,) = started
        command.interrupt(signal.SIGSTOP)
        wait_until(command.is_stopped)
        events = b"".join(map(event_frame, range(3)))
        beats = frame(b"1|Z") * 3
        visit.send_raw(visit.handshake() + events + beats + event_frame(3))
        wait_until(lambda: not on_its_way(visit))
        visit.reset()
        command.interrupt(signal.SIGCONT)

    server = serve(burst, opened(tell(4, 5), Visit.stay))
    started.append(dsstail("--url", server.url(), "-c", "6"))
    done = started[0].finish()
    assert (done.code, done.out) == (0, lines(range(6)))
    assert "6 events, 1 reconnect, 0 gaps" in done.err


@pytest.mark.parametrize(
    "poison",
    [
        frame(unit(event(3, b"\xff"))),
        frame(unit(event(3)), rsv=4),
        frame(b"", length=1 << 62),
    ],
    ids=["not UTF-8", "compressed", "too large"],
)
def test_a_message_that_kills_each_connection_is_stepped_over(
    poison: bytes, run: Runner, serve: Serve
) -> None:
    def poisoned(visit: Visit) -> None:
        opened()(visit)
        for seq in visit.asked:
            visit.send_raw(poison if seq == 3 else event_frame(seq))
        visit.stay()

    server = serve(poisoned)
    done = run("--url", server.url(), "-c", "5")
    assert (done.code, done.out) == (0, lines([0, 1, 2, 4, 5]))
    assert [visit.seq_start for visit in server.visits] == [None, 3, 4]
    assert "gap: seq 3 (1 event) did not come back" in done.err
    assert "5 events, 2 reconnects, 1 gap (1 event missing), 2 malformed" in done.err


# It answers.


HEARTBEATS = {
    "alone": [frame(b"1|Z")],
    "many": [frame(b"1|Z") * 100],
    "in fragments": [
        frame(b"1", fin=False) + frame(b"", CONTINUATION, fin=False) + frame(b"|Z", CONTINUATION)
    ],
    "around a ping": [frame(b"1|", fin=False) + frame(b"", PING) + frame(b"Z", CONTINUATION)],
    "behind an event": [frame(unit(event(0)) + b"1|Z")],
    "two in one message": [frame(b"1|Z1|Z")],
    "binary": [frame(b"1|Z", BINARY)],
    "a byte at a time": [frame(b"1|Z")[at : at + 1] for at in range(5)],
    "with a wrong length": [frame(b"2|Z")],
    "within an event's length": [frame(unit(event(0) + b"1|Z"))],
}


def test_each_heartbeat_gets_one_answer(dsstail: Starter, serve: Serve) -> None:
    def beating(visit: Visit) -> None:
        visit.shake_hands()
        for name, chunks in HEARTBEATS.items():
            for chunk in chunks:
                visit.send_raw(chunk)
                time.sleep(MS)
            before = len(visit.heard)
            for _ in range({"many": 100, "two in one message": 2}.get(name, 1)):
                assert visit.hear_answer() == b"Z", name
            assert len(visit.heard) - before in (1, 2, 100)
        visit.send_events([1])
        visit.stay()

    server = serve(beating)
    done = dsstail("--url", server.url(), "--count", "2").finish()
    assert (done.code, done.out) == (0, lines([0, 1]))
    wait_until(lambda: server.visits[0].left)
    assert server.visits[0].heard == [b"Z"] * (len(HEARTBEATS) + 99 + 1)


def test_what_looks_like_a_heartbeat_gets_no_answer(dsstail: Starter, serve: Serve) -> None:
    values = [b"1|Z", b"a|Z|b", b"|"]
    texts = [event(seq, value) for seq, value in enumerate(values)]
    server = serve(opened(say(b"1|X", *map(unit, texts), b"1|X"), Visit.stay))
    command = dsstail("--url", server.url())
    command.wait_for_events(3)
    done = command.stop()
    assert done.out == b"".join(text + b"\n" for text in texts)
    assert server.visits[0].heard == []
    assert "3 events, 0 reconnects, 0 gaps, 0 malformed" in done.err


def test_pings_are_answered_with_their_payload(dsstail: Starter, serve: Serve) -> None:
    pings = [b"", b"hello", bytes(range(125))]
    server = serve(
        opened(
            send(*(frame(ping, PING) for ping in pings)),
            send(frame(b"x", PONG)),
            tell(0),
            Visit.stay,
        )
    )
    command = dsstail("--url", server.url(), "-c", "2")
    wait_until(lambda: server.visits and len(server.visits[0].pongs) == 3)
    command.stop()
    assert server.visits[0].pongs == pings


def burst(visit: Visit, count: int, every: int) -> None:
    """Send so many events as fast as they are taken, and a heartbeat after every so many."""
    for start in range(0, count, every):
        visit.send_events(range(start, start + every))
        visit.send_heartbeat()


def wait_for_answers(visit: Visit, count: int) -> None:
    """Wait for one answer to each of so many heartbeats."""
    wait_until(lambda: len(visit.heard) >= count, "an answer to each heartbeat")
    assert visit.heard == [b"Z"] * count


def test_heartbeats_are_answered_within_a_burst(dsstail: Starter, serve: Serve) -> None:
    def bursting(visit: Visit) -> None:
        opened()(visit)
        visit.listen_aside()
        burst(visit, 100_000, 5_000)
        wait_for_answers(visit, 20)
        visit.send_events([100_000])
        wait_until(lambda: visit.left)

    server = serve(bursting)
    done = dsstail("--url", server.url(), "-c", "100001").finish()
    assert done.code == 0
    assert done.out.count(b"\n") == 100_001
    assert done.out.startswith(lines(range(100)))
    assert "100001 events, 0 reconnects, 0 gaps, 0 malformed" in done.err


def test_heartbeats_are_answered_while_nobody_reads_stdout(dsstail: Starter, serve: Serve) -> None:
    def talking(visit: Visit) -> None:
        opened(tell(*range(2_000)))(visit)
        for _ in range(20):
            visit.send_heartbeat()
            visit.hear_answer()
        visit.stay()

    server = serve(talking)
    reading, writing = os.pipe()
    command = dsstail("--url", server.url(), stdout=writing)
    os.close(writing)
    try:
        wait_until(lambda: server.visits and len(server.visits[0].heard) == 20)
        assert command.process.poll() is None
    finally:
        os.close(reading)
    assert command.finish().code == 0


def test_heartbeats_are_answered_while_stdout_is_read_slowly(
    dsstail: Starter, serve: Serve
) -> None:
    def bursting(visit: Visit) -> None:
        visit.shake_hands()
        visit.listen_aside()
        burst(visit, 40_000, 1_000)
        wait_until(lambda: visit.left)

    server = serve(bursting)
    reading, writing = os.pipe()
    command = dsstail("--url", server.url(), stdout=writing)
    os.close(writing)
    deadline = time.monotonic() + PATIENCE
    while not server.visits or len(server.visits[0].heard) < 40:
        assert time.monotonic() < deadline
        if select.select([reading], [], [], 8 * MS)[0]:
            os.read(reading, 64 << 10)
            time.sleep(8 * MS)
    wait_for_answers(server.visits[0], 40)
    os.close(reading)
    assert command.finish().code == 0
    assert len(server.visits) == 1


def test_a_heartbeat_is_answered_behind_a_large_event(dsstail: Starter, serve: Serve) -> None:
    large = event(0, b"x" * (15 << 20))

    def talking(visit: Visit) -> None:
        opened()(visit)
        visit.listen_aside()
        visit.send_text(unit(large))
        visit.send_heartbeat()
        wait_for_answers(visit, 1)
        wait_until(lambda: visit.left)

    server = serve(talking)
    command = dsstail("--url", server.url())
    command.wait_for_events(1)
    wait_for_answers(server.visits[0], 1)
    assert command.stop().out == large + b"\n"


def test_heartbeats_are_answered_in_every_stream(dsstail: Starter, serve: Serve) -> None:
    def talking(visit: Visit) -> None:
        opened(tell(*range(100)))(visit)
        for _ in range(5):
            visit.send_heartbeat()
            visit.hear_answer()
        visit.stay()

    server = serve(talking)
    keys = [argument for n in range(4) for argument in ("--key", f"s{n}=stream-key-{n}")]
    command = dsstail("--url", server.url(), *keys, key=None)
    command.wait_for_events(400)
    wait_until(lambda: [len(visit.heard) for visit in server.visits] == [5] * 4)
    done = command.stop()
    assert sorted(visit.query["stream_key"] for visit in server.visits) == [
        f"stream-key-{n}" for n in range(4)
    ]
    for n in range(4):
        assert done.out.count(b'"_dsstail":{"stream":"s%d"}' % n) == 100
    assert "400 events, 0 reconnects, 0 gaps, 0 malformed" in done.err


def test_a_writer_that_cannot_keep_up_costs_a_connection_and_no_event(
    dsstail: Starter, serve: Serve
) -> None:
    """Nobody reads until the client has disconnected by its own choice; then all is there."""
    newest = 250_000  # about 117 MB, and the bound is 64 MiB

    def flooding(visit: Visit) -> None:
        visit.shake_hands()
        visit.listen_aside()
        for start in range(visit.asked.start, visit.asked.stop, 1000):
            visit.send_events(range(start, min(start + 1000, visit.asked.stop)))
        wait_until(lambda: visit.left)

    server = serve(flooding, newest=newest)
    reading, writing = os.pipe()
    command = dsstail("--url", server.url(), "-c", str(newest + 1), stdout=writing)
    os.close(writing)
    wait_until(lambda: server.visits and server.visits[0].left, "disconnecting by choice")
    expected = 0
    with open(reading, "rb", buffering=1 << 20) as pipe:
        for line in pipe:
            assert line.startswith(b'{"seq":"%d",' % expected)
            expected += 1
            if expected == newest - 10_000:  # the process still has most of them to write
                assert command.memory() < 200 << 20
        assert expected == newest + 1
    done = command.finish()
    assert done.code == 0
    assert re.search(
        r"output is too slow: disconnected after seq \d+ until it has caught", done.err
    )
    assert len(server.visits) >= 2
    assert server.visits[0].close_code == 1000
    assert f"{newest + 1} events, " in done.err
    assert " 0 gaps, 0 malformed" in done.err


def test_a_quiet_stream_stays_connected_while_another_fills_the_memory(
    dsstail: Starter, serve: Serve
) -> None:
    newest, told = 250_000, range(10)
    full = threading.Event()
    quiet: list[Visit] = []

    def service(visit: Visit) -> None:
        visit.shake_hands()
        if visit.query["stream_key"] == "quiet":
            quiet.append(visit)
            full.wait(PATIENCE)
            for seq in told:
                visit.send_events([seq])
                visit.send_heartbeat()
                visit.hear_answer()
            visit.stay()
        else:
            visit.listen_aside()
            try:
                visit.send_events(visit.asked)
                wait_until(lambda: visit.left)
            finally:
                full.set()

    server = serve(service, newest=newest)
    reading, writing = os.pipe()
    keys = ("--key", "loud=loud", "--key", "quiet=quiet")
    total = newest + 1 + len(told)
    command = dsstail("--url", server.url(), *keys, "-c", str(total), stdout=writing, key=None)
    os.close(writing)
    wait_until(lambda: quiet and len(quiet[0].heard) == len(told), "answers of the quiet stream")
    with open(reading, "rb", buffering=1 << 20) as pipe:
        assert sum(1 for _ in pipe) == total
    assert command.finish().code == 0
    assert len(quiet) == 1


# It trusts nothing.


def test_messages_have_a_limit(run: Runner, serve: Serve) -> None:
    server = serve(
        opened(tell(0), say(unit(event(1, b"x" * 2000))), Visit.stay), opened(tell(2), Visit.stay)
    )
    done = run("--url", server.url(), "--max-message-size", "1k", "--no-fill-gaps", "-c", "2")
    assert (done.code, done.out) == (0, lines([0, 2]))
    assert server.visits[0].close_code == 1009
    assert re.search(r"a message of 2\d{3} bytes is above the limit of 1024; retry 1 in", done.err)


def test_a_swarm_of_fragments_is_one_message(dsstail: Starter, serve: Serve) -> None:
    message = unit(event(0, b"x" * 60_000))
    swarm = b"".join(
        frame(message[at : at + 1], CONTINUATION, fin=False) for at in range(1, len(message))
    )
    empty = frame(b"", CONTINUATION, fin=False) * 5_000
    server = serve(
        opened(
            send(frame(message[:1], fin=False), swarm, empty, frame(b"", CONTINUATION)),
            Visit.send_heartbeat,
            Visit.stay,
        )
    )
    command = dsstail("--url", server.url())
    wait_until(lambda: server.visits and server.visits[0].heard == [b"Z"])
    command.wait_for_events(1)
    done = command.stop()
    assert done.out == event(0, b"x" * 60_000) + b"\n"


def test_a_flood_of_pings_is_survived(dsstail: Starter, serve: Serve) -> None:
    def flooding(visit: Visit) -> None:
        visit.shake_hands()
        visit.listen_aside()
        for _ in range(20):
            visit.send_raw(frame(b"p", PING) * 1_000)
        visit.send_events([0])
        wait_until(lambda: visit.left)

    server = serve(flooding)
    command = dsstail("--url", server.url())
    command.wait_for_events(1)
    done = command.stop()
    assert done.out == lines([0])
    wait_until(lambda: server.visits[0].left)
    assert server.visits[0].pongs == [b"p"] * 20_000


PASSING = [
    b'{"seq":"%d","value":"a|b|Z"}',
    b'{"seq":"%d","a":1,"a":2}',
    b'{"seq":"%d","value":1e400,"other":-1E+9999}',
    b'{"seq":"%%d","value":%b}' % (b"9" * 5000),
    rb'{"seq":"%d","value":"\ud800"}',
    rb'{"seq":"%d","value":"\u0000\u001b"}',
    b'{"seq":"%%d","value":%b%b}' % (b"[" * 50_000, b"]" * 50_000),
    b'{"seq":"%%d","value":%b1%b}' % (b'{"a":' * 50_000, b"}" * 50_000),
    b'{"seq":%d,"value":1.0}',
    b'{"seq":"%d","metadata":"x","datapoint":7}',
    b'{ "seq" : "%d" ,\t"value" : 1 }',
    '{"seq":"%d","value":"Größe 🎈\u202e"}'.encode(),
    b'{"value":1}',
    b'{"seq":"' + b"9" * 40 + b'"}',
    b'{"seq":"-1"}',
    b'{"seq":[]}',
]
"""Texts that are JSON, though many a parser chokes on them; where they are numbered, in order."""


@pytest.mark.parametrize(
    "padding", [b"", b',"padding":"%s"' % (b"x" * 200)], ids=["short", "usual"]
)
def test_what_is_json_passes_untouched(padding: bytes, run: Runner, serve: Serve) -> None:
    texts = [
        (text % seq if b"%d" in text else text)[:-1] + padding + b"}"
        for seq, text in enumerate(PASSING)
    ]
    server = serve(opened(say(*map(unit, texts)), Visit.stay))
    done = run("--url", server.url(), "-c", str(len(texts)))
    assert (done.code, done.out.splitlines()) == (0, texts)
    assert f"{len(texts)} events, 0 reconnects, 0 gaps, 0 malformed" in done.err


MALFORMED = [
    b"",
    b"hello",
    b"|{}",
    b"5|",
    b"1|Y",
    b'25|{"seq":"0","value":NaN}  ',
    unit(b'{"seq":"0","value":-Infinity}'),
    unit(b'{"seq":"0","value":'),
    unit(b'"seq"'),
    unit(b'{"seq":"0","value":"\x1b[2J"}'),
    unit(event(0).replace(b"null", b" NaN", 1)),
    unit(b"[" * 100_000),
]


def test_what_is_not_json_is_malformed(dsstail: Starter, serve: Serve, tmp_path: Path) -> None:
    server = serve(opened(say(*MALFORMED), tell(0), Visit.stay))
    kept = tmp_path / "malformed"
    done = dsstail("--url", server.url(), "-c", "1", "--save-malformed", str(kept)).finish()
    assert (done.code, done.out) == (0, lines([0]))
    assert kept.read_bytes() == b"".join(raw + b"\n" for raw in MALFORMED)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert f"1 event, 0 reconnects, 0 gaps, {len(MALFORMED)} malformed" in done.err
    assert 0 < done.err.count("warning: malformed (") <= len(MALFORMED)


def test_strict_ends_with_5(dsstail: Starter, serve: Serve) -> None:
    server = serve(opened(tell(0), say(b"1|Y"), Visit.stay))
    done = dsstail("--url", server.url(), "--strict").finish()
    assert (done.code, done.out) == (5, lines([0]))
    assert done.lines[-1] == "error: malformed (neither an event nor a heartbeat): 1|Y (--strict)."


HOSTILE = "\x1b]0;owned\x07\x9b2J\x7f\u202egnp.exe\u2028\r\n\u200b"
SHOWN = r"\x1b]0;owned\x07\x9b2J\x7f\u202egnp.exe\u2028\r\n\u200b"


def test_strict_names_the_stream_that_ended_it(run: Runner, serve: Serve) -> None:
    def service(visit: Visit) -> None:
        visit.shake_hands()
        if visit.query["stream_key"] == "stream-key-7":
            visit.send_text(b"nothing")
        visit.stay()

    done = run("--url", serve(service).url(), "-q", "--strict", *DOZEN, key=None)
    assert done.code == 5
    assert done.lines == ["error: s7: malformed (no LENGTH| at its start): nothing (--strict)."]


def test_a_close_reason_is_shown_escaped(run: Runner, serve: Serve) -> None:
    server = serve(working(close(4000, HOSTILE.encode())), honest)
    done = run("--url", server.url(), "-c", "6")
    assert f"the service closed the connection (code 4000 {SHOWN}); retry 1" in done.err


def test_a_malformed_message_is_shown_escaped(run: Runner, serve: Serve) -> None:
    server = serve(opened(say(HOSTILE.encode()), tell(0), Visit.stay))
    done = run("--url", server.url(), "-c", "1")
    assert f"warning: malformed (no LENGTH| at its start): {SHOWN}" in done.lines


def test_a_reason_phrase_is_shown_escaped(run: Runner, serve: Serve) -> None:
    server = serve(answer("503 \x1b[31mred\x9b\x7f"), honest)
    done = run("--url", server.url(), "-c", "6")
    assert r"answered HTTP 503 \x1b[31mred\x9b\x7f; retry 1" in done.err


@pytest.mark.parametrize("form", ["as it is", "percent-encoded", "in a query"])
def test_a_service_cannot_have_the_key_shown(form: str, run: Runner, serve: Serve) -> None:
    def echoing(visit: Visit) -> None:
        if visit.number == 0:
            visit.read_request()
            visit.send_raw(f"HTTP/1.1 503 {said(visit)}\r\n\r\n".encode())
            return
        if visit.number == 1:
            visit.shake_hands()
            visit.send_text(said(visit).encode())
            visit.send_events([0])
            visit.send_close(4000, said(visit).encode())
            visit.stay()
        honest(visit)

    def said(visit: Visit) -> str:
        target = visit.request.split(" ")[1]
        return {"as it is": KEY, "percent-encoded": target.split("=")[1], "in a query": target}[
            form
        ]

    server = serve(echoing)
    done = run("--url", server.url(), "-c", "6", "-vv")
    assert done.code == 0
    assert done.err.count("5tre…cdef") == 3


def test_the_key_is_encoded_on_the_wire(dsstail: Starter, serve: Serve) -> None:
    server = serve(honest)
    assert dsstail("--url", server.url() + "?a=b", "-c", "6").finish().code == 0
    (visit,) = server.visits
    assert visit.query == {"a": "b", "stream_key": KEY}
    line, *headers = visit.request.split("\r\n")
    assert line.endswith(
        "?a=b&stream_key=5tre%2Fm%2Bk3y%26%253ecr%3Det%3A0123456789abcdef HTTP/1.1"
    )
    assert not [header for header in headers if header.lower().startswith(("origin", "cookie"))]


def test_csv_carries_no_formula(run: Runner, serve: Serve) -> None:
    server = serve(opened(say(unit(event(0, b"=cmd|' /C calc'!A0"))), Visit.stay))
    done = run("--url", server.url(), "-c", "1", "-o", "csv")
    assert b"'=cmd" in done.out
    assert b",=cmd" not in done.out


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_authority_in_a_file_is_trusted(
    host: str, run: Runner, serve: Serve, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    server = serve(honest, tls=server_tls)
    done = run("--url", server.url(host), "--ca-file", ca_file, "-c", "6")
    assert (done.code, done.out) == (0, lines(range(6)))


def test_an_unknown_authority_is_not_trusted(
    dsstail: Starter, serve: Serve, server_tls: ssl.SSLContext
) -> None:
    server = serve(honest, tls=server_tls)
    done = dsstail("--url", server.url(), "--no-reconnect").finish()
    assert (done.code, done.out) == (3, b"")
    assert "the certificate of 127.0.0.1 is not trusted: " in done.err
    assert server.visits[0].request == ""


def test_a_certificate_for_another_host_is_not_trusted(
    run: Runner, serve: Serve, authority: trustme.CA, ca_file: str
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("stream.example.com").configure_cert(tls)
    server = serve(honest, tls=tls)
    done = run("--url", server.url(), "--ca-file", ca_file, "--no-reconnect")
    assert (done.code, done.out) == (3, b"")
    assert "the certificate of 127.0.0.1 is not trusted: " in done.err
    assert server.visits[0].request == ""


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_ca_file_without_authorities_is_told(
    content: bytes | None, run: Runner, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    done = run("--url", "wss://127.0.0.1:9/stream", "--ca-file", str(path))
    assert done.code == 2
    reason = "No such file or directory" if content is None else "it holds no certificate (PEM)"
    assert done.lines == [f"error: cannot use --ca-file {path}: {reason}."]


@pytest.mark.parametrize("host", ["192.0.2.1", "stream.aylanetworks.com", "127.0.0.1.example.com"])
def test_plaintext_beyond_loopback_is_refused(host: str, run: Runner) -> None:
    done = run("--url", f"ws://{host}/stream")
    assert done.code == 2
    assert "--allow-plaintext" in done.err


def test_plaintext_beyond_loopback_can_be_allowed(run: Runner) -> None:
    url = "ws://dsstail.invalid/stream"
    done = run("--url", url, "--allow-plaintext", "--no-reconnect")
    assert done.code == 3
    assert "cannot look up dsstail.invalid" in done.err


def test_a_key_among_the_arguments_is_hidden_there(dsstail: Starter, serve: Serve) -> None:
    server = serve(honest)
    key = "0123456789abcdef" * 2
    command = dsstail("--url", server.url(), "--key", key, key=None)
    command.wait_for_events(6)
    assert key.encode() not in Path(f"/proc/{command.pid}/cmdline").read_bytes()
    assert_no_key(command.stop().err.encode(), key, "stderr")


# It stops.


STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def assert_it_stops(command: Command, *, by: signal.Signals = signal.SIGINT) -> str:
    """It ends soon, with 0; what it said."""
    done = command.end_soon(by)
    assert done.code == 0, done.err
    return done.err


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_ends_with_a_summary(
    number: signal.Signals, dsstail: Starter, serve: Serve
) -> None:
    server = serve(honest)
    command = dsstail("--url", server.url())
    command.wait_for_events(6)
    said = assert_it_stops(command, by=number)
    assert "6 events, 0 reconnects, 0 gaps, 0 malformed in " in said
    assert command.out == lines(range(6))
    wait_until(lambda: server.visits[0].left)
    assert server.visits[0].close_code == 1000


@pytest.mark.parametrize(
    ("words", "code", "number"),
    [
        *(([], 0, number) for number in STOPS),
        (["record", "events.jsonl"], 0, signal.SIGTERM),
        (["check"], 130, signal.SIGTERM),
    ],
    ids=str,
)
def test_a_signal_ends_it_before_it_has_begun(
    words: list[str], code: int, number: signal.Signals, dsstail: Starter, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    os.mkfifo(keys)
    command = dsstail(*words, "--key-file", str(keys), key=None)
    with keys.open("wb"):  # which waits until it is opened there
        wait_until(command.sleeps)  # a signal just before the system call would not end that
        command.interrupt(number)
        done = command.finish()
    assert (done.code, done.err) == (code, "")


def unread(dsstail: Starter, serve: Serve, *options: str) -> tuple[Command, int]:
    """A tail whose stdout is full; whoever closes the other end of the pipe, nobody reads it."""
    server = serve(opened(tell(*range(2_000)), Visit.send_heartbeat, Visit.stay))
    reading, writing = os.pipe()
    command = dsstail("--url", server.url(), *options, stdout=writing)
    os.close(writing)
    wait_until(lambda: server.visits and server.visits[0].heard)
    return command, reading


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_ends_it_while_nobody_reads_stdout(
    number: signal.Signals, dsstail: Starter, serve: Serve
) -> None:
    command, reading = unread(dsstail, serve)
    said = assert_it_stops(command, by=number)
    os.close(reading)
    assert "0 malformed in " in said


def test_when_quiet_it_says_nothing_about_that(dsstail: Starter, serve: Serve) -> None:
    command, reading = unread(dsstail, serve, "-q")
    assert assert_it_stops(command) == ""
    os.close(reading)


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--duration", "1s"], 0, "0 malformed in "),
        (
            ["--expect", "seq=-1", "--timeout", "1s"],
            124,
            "error: nothing came within 1.0 s that meets seq=-1.",
        ),
    ],
    ids=["duration", "timeout"],
)
def test_its_time_ends_it_while_nobody_reads_stdout(
    options: list[str], code: int, told: str, dsstail: Starter, serve: Serve
) -> None:
    command, reading = unread(dsstail, serve, *options)
    done = command.finish()
    os.close(reading)
    assert done.code == code
    assert told in done.lines[-1]


def test_its_time_ends_it_with_a_whole_line_where_somebody_reads_slowly(
    dsstail: Starter, serve: Serve
) -> None:
    reading, writing = os.pipe()
    server = serve(opened(tell(*range(150_000)), Visit.stay))
    command = dsstail("--url", server.url(), "--duration", "1s", stdout=writing)
    os.close(writing)
    out = read_slowly(reading, command)
    done = command.finish()
    assert done.code == 0
    assert done.lines[-1].endswith("; not all was read in time")
    assert out == lines(range(out.count(b"\n")))


def test_a_signal_ends_it_with_a_whole_line_where_somebody_reads_slowly(
    dsstail: Starter, serve: Serve
) -> None:
    reading, writing = os.pipe()
    server = serve(opened(tell(*range(150_000)), Visit.stay))
    command = dsstail("--url", server.url(), stdout=writing)
    os.close(writing)
    out = b""
    while len(out) < 1 << 20:
        out += os.read(reading, 1 << 16)
    command.interrupt(signal.SIGTERM)
    out += read_slowly(reading, command)
    done = command.finish()
    assert done.code == 0
    assert done.lines[-1].endswith("; not all was read in time")
    assert out == lines(range(out.count(b"\n")))


def test_a_second_signal_ends_it_at_once(dsstail: Starter, serve: Serve) -> None:
    command, reading = unread(dsstail, serve)
    while command.process.poll() is None:  # one that comes twice at once counts as one
        command.interrupt()
        time.sleep(50 * MS)
    assert command.finish().code == 130
    os.close(reading)


STUCK = 7

SIGNALS = f"""
import os, signal, sys, time
from dsstail import interruption

def signals(names):
    for name in names.split():
        os.kill(os.getpid(), signal.Signals[name])

within, afterwards, work = sys.argv[1:]
interruption.STOP_LIMIT, interruption.SAME = 0.2, 10.0
with interruption.interruptible(lambda: None, lambda: os._exit({STUCK})):
    signals(within)
    time.sleep(0 if afterwards else float(work))
signals(afterwards)
time.sleep(float(work))
"""


def code_after(within: str, afterwards: str = "", work: float = PATIENCE) -> int:
    """How a process ends that gets these signals while it runs, and these when it has ended that.

    In either case it works on for so many seconds.
    """
    command = [sys.executable, "-c", SIGNALS, within, afterwards, str(work)]
    return subprocess.run(command, check=False).returncode


@pytest.mark.parametrize(
    ("signals", "code"),
    [("SIGTERM SIGTERM", STUCK), ("SIGINT SIGHUP", STUCK), ("SIGINT SIGTERM", 130)],
)
def test_a_signal_that_comes_twice_at_once_is_one(signals: str, code: int) -> None:
    """As it does where `timeout` or a wrapper hands on what the terminal has sent, too."""
    assert code_after(signals) == code


RAISED = """
import os, signal, sys
from dsstail import interruption

class Last:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGINT):
        kill(process, number)  # when Python has given its handlers up

last = Last()
try:
    with interruption.raising():
        signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_a_signal_after_one_that_was_raised_changes_no_exit_code() -> None:
    assert subprocess.run([sys.executable, "-c", RAISED], check=False).returncode == 130


@pytest.mark.parametrize("within", ["SIGTERM", ""])
@pytest.mark.parametrize(("work", "code"), [(0, 0), (PATIENCE, STUCK)])
def test_what_is_left_to_do_after_a_signal_is_done_but_not_for_ever(
    within: str, work: float, code: int
) -> None:
    """A signal that a wrapper hands on may come as late as that."""
    assert code_after(within, "SIGTERM SIGTERM SIGHUP", work) == code


def test_a_hangup_may_come_again(dsstail: Starter, serve: Serve) -> None:
    """A terminal that is closed sends it, and then the shell in it."""
    command, reading = unread(dsstail, serve)
    while command.process.poll() is None:
        command.interrupt(signal.SIGHUP)
        time.sleep(50 * MS)
    assert command.finish().code == 0
    os.close(reading)


def pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal has not reached the process yet."""
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = re.findall(r"(?m)^ShdPnd:\s*(\w+)", status)
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_a_signal_ends_it_when_packets_vanish(dsstail: Starter) -> None:
    """A listener whose queue is full drops what asks to connect, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        filling = [socket.socket() for _ in range(4)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(address)
        command = dsstail("--url", f"ws://127.0.0.1:{address[1]}/stream")
        wait_until(lambda: syn_sent(command.pid, address[1]), "an attempt to connect")
        said = assert_it_stops(command)
        for sock in filling:
            sock.close()
    assert "0 events, 0 reconnects" in said


def syn_sent(pid: int, port: int) -> bool:
    """Whether the process waits for a connection to this port of 127.0.0.1."""
    table = Path(f"/proc/{pid}/net/tcp").read_text()
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it may be closed meanwhile
            sockets.add(os.readlink(entry))
    return any(
        f"socket:[{fields[9]}]" in sockets
        for fields in map(str.split, table.splitlines())
        if fields[2] == f"0100007F:{port:04X}" and fields[3] == "02"
    )


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_signal_ends_it_in_a_handshake(scheme: str, dsstail: Starter, serve: Serve) -> None:
    server = serve(Visit.wait)
    command = dsstail("--url", f"{scheme}://127.0.0.1:{server.port}/stream")
    wait_until(lambda: server.visits)
    assert "0 events, 0 reconnects" in assert_it_stops(command)


def test_a_signal_ends_it_between_attempts(dsstail: Starter, serve: Serve) -> None:
    server = serve(answer("503 Service Unavailable", "Retry-After: 100"))
    command = dsstail("--url", server.url())
    command.wait_for_report("retry 1 in 10")
    assert "0 events, 0 reconnects" in assert_it_stops(command)


@pytest.mark.parametrize(
    "scripts",
    [
        (opened(tell(0, 2, 3), Visit.stay), silent),
        (opened(tell(0, 2, 3), close(1001)), Visit.wait),
    ],
    ids=["from a second connection", "from the next one"],
)
def test_a_signal_ends_it_while_events_wait_for_missing_ones(
    scripts: tuple[Script, Script], dsstail: Starter, serve: Serve
) -> None:
    server = serve(*scripts)
    command = dsstail("--url", server.url())
    wait_until(lambda: len(server.visits) == 2)
    assert "3 events, 0 reconnects, 1 gap (1 event missing)" in assert_it_stops(command)
    assert command.out == lines([0, 2, 3])


def test_a_hangup_that_is_ignored_is_ignored(dsstail: Starter, serve: Serve) -> None:
    server = serve(honest)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does for its child
    try:
        command = dsstail("--url", server.url())
    finally:
        signal.signal(signal.SIGHUP, before)
    command.wait_for_events(6)
    command.interrupt(signal.SIGHUP)
    wait_until(lambda: not pending(command.pid, signal.SIGHUP))
    server.visits[0].send_events([6])
    command.wait_for_events(7)
    command.stop()


@pytest.mark.parametrize("numbers", [range(3), range(20_000)], ids=["few", "many"])
def test_a_closed_pipe_ends_silently(
    numbers: range, dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    """`| head -1`, whether another event comes or not."""
    server = serve(opened(tell(*numbers), Visit.stay))
    reading, writing = os.pipe()
    with subprocess.Popen(["head", "-1"], stdin=reading, stdout=subprocess.PIPE) as head:
        os.close(reading)
        command = dsstail("--url", server.url(), "--quiet", stdout=writing)
        os.close(writing)
        assert head.stdout is not None
        assert head.stdout.read() == lines([0])
    done = command.finish()
    assert (done.code, done.err) == (0, "")


def test_a_signal_that_ends_the_reader_as_well_gets_a_summary(
    dsstail: Starter, serve: Serve
) -> None:
    """Ctrl-C in `dsstail | jq`."""
    server = serve(opened(tell(0), Visit.stay))
    reading, writing = os.pipe()
    command = dsstail("--url", server.url(), stdout=writing)
    os.close(writing)
    assert os.read(reading, 1 << 16) == lines([0])
    command.interrupt(signal.SIGSTOP)
    command.interrupt(signal.SIGINT)
    os.close(reading)
    command.interrupt(signal.SIGCONT)
    done = command.finish()
    assert done.code == 0
    assert "1 event, 0 reconnects" in done.err


@pytest.mark.parametrize("full", [False, True])
def test_a_socket_that_closes_ends_silently(full: bool, dsstail: Starter, serve: Serve) -> None:
    """Some programs give their children sockets; for who waits to write, it is one that resets."""
    server = serve(opened(tell(0), Visit.stay))
    reading, writing = socket.socketpair()
    with reading, writing:
        command = dsstail("--url", server.url(), "--quiet", stdout=writing)
        assert reading.recv(1 << 16) == lines([0])
        with contextlib.suppress(BlockingIOError):
            while full:
                writing.send(b" ", socket.MSG_DONTWAIT)
        if full:
            server.visits[0].send_events([1])
            server.visits[0].send_heartbeat()
            wait_until(lambda: server.visits[0].heard)
    done = command.finish()
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 6, "error: cannot write stdout: Bad file descriptor.\n"),
        (["record", "events.jsonl"], 0, "events.jsonl: "),
    ],
    ids=["tail", "record"],
)
def test_a_closed_stdout_matters_where_it_is_written_to(
    words: list[str], code: int, said: str, dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    server = serve(honest)
    shell = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", installed(), "--url", server.url(), "-c", "6", *words],
        env={"PATH": os.defpath, "HOME": str(tmp_path), "DSSTAIL_KEY": f"stream={KEY}"},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    assert shell.returncode == code
    assert said in shell.stderr.decode()
    assert_no_key(shell.stderr, KEY, "stderr")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_with_6(dsstail: Starter, serve: Serve) -> None:
    server = serve(honest)
    with open("/dev/full", "wb") as full:
        done = dsstail("--url", server.url(), stdout=full).finish()
    assert done.code == 6
    assert done.lines[-1] == "error: cannot write stdout: No space left on device."


@pytest.mark.parametrize("redirection", [">", ">>"])
def test_a_file_that_can_grow_no_more_ends_with_a_whole_line(
    redirection: str, serve: Serve, tmp_path: Path
) -> None:
    script = f'ulimit -f 10; exec "$@" {redirection}out'
    url = serve(honest, newest=99).url()
    shell = subprocess.run(
        ["sh", "-c", script, "sh", installed(), "--url", url],
        env={
            **{"PATH": os.defpath, "HOME": str(tmp_path), "DSSTAIL_KEY": f"stream={KEY}"},
            "PYTHONDONTWRITEBYTECODE": "1",  # which would be cut off, too
        },
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    assert shell.returncode == 6
    out = (tmp_path / "out").read_bytes()
    assert out
    assert out == lines(range(out.count(b"\n")))


def test_a_file_that_can_grow_no_more_ends_with_a_whole_line_when_time_is_over(
    tmp_path: Path,
) -> None:
    """What the end of the time spares was not written, and is not to be taken back."""
    script = (
        "import resource, sys; from dsstail.printing import write_all; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1050, 1050)); "
        "data = sys.stdin.buffer.read(); "
        "write_all(1, data, 'stdout', is_over=lambda: True)"
    )
    written = [b"%099d\n" % number for number in range(10)]
    torn, spared = b"%0199d\n" % 10, [b"%029d\n" % number for number in range(10)]
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=b"".join([*written, torn, *spared]),
            stdout=out,
            stderr=subprocess.PIPE,
            env={"PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
    assert b"OutputError: cannot write stdout: File too large" in done.stderr
    assert (tmp_path / "out").read_bytes() == b"".join(written)
