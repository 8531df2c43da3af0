"""`--expect`: the installed command waits for an event, and its exit code tells whether it came."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from command import KEY, PATIENCE, installed
from conftest import Here, Runner, Serve, Starter
from scenarios import Server, Visit, event, honest, lines, opened, say, unit


def speaking(serve: Serve, *values: bytes) -> Server:
    """A server that tells datapoints with these values, numbered from 0, and no more."""
    units = [unit(event(number, value)) for number, value in enumerate(values)]
    return serve(opened(say(*units), Visit.stay))


def test_it_ends_as_soon_as_an_event_meets_all(dsstail: Starter, serve: Serve) -> None:
    server = speaking(serve, b"off", b"on", b"on")
    conditions = "dsn=VD* property=INLET_FLOW_RATE value=on"
    done = dsstail("--url", server.url(), "--expect", conditions, "--timeout", "10m").finish()
    assert (done.code, done.out) == (0, event(0, b"off") + b"\n" + event(1, b"on") + b"\n")
    assert done.lines[-1].startswith("2 events, 0 reconnects, 0 gaps")


def test_124_when_it_did_not_come_in_time(dsstail: Starter, serve: Serve) -> None:
    server = serve(honest)
    done = dsstail(
        "--url", server.url(), "--expect", "value=x", "--timeout", "300ms", "-q"
    ).finish()
    assert (done.code, done.out) == (124, lines(range(6)))
    assert done.err == "error: nothing came within 0.3 s that meets value=x.\n"


@pytest.mark.parametrize("end", [["--count", "2"], ["--duration", "200ms"]])
def test_124_when_something_else_ends_it(end: list[str], run: Runner, serve: Serve) -> None:
    server = serve(honest)
    done = run("--url", server.url(), "--expect", "value=x", *end, "-q")
    assert done.code == 124
    assert done.err == "error: nothing came before the end that meets value=x.\n"


def test_the_last_of_the_count_can_meet_it(run: Runner, serve: Serve) -> None:
    server = speaking(serve, b"off", b"on")
    done = run("--url", server.url(), "--expect", "value=on", "--count", "2")
    assert (done.code, done.out.count(b"\n")) == (0, 2)


def test_what_is_filtered_out_meets_nothing(run: Runner, serve: Serve) -> None:
    server = speaking(serve, b"on")
    words = ["--expect", "value=on", "--dsn", "!VD*", "--timeout", "300ms"]
    done = run("--url", server.url(), *words)
    assert (done.code, done.out) == (124, b"")


def test_without_a_connection_it_says_so_also_when_quiet(run: Runner) -> None:
    words = ["--expect", "value=on", "--timeout", "300ms", "-q"]
    done = run("--url", "ws://127.0.0.1:1/stream", *words)
    why = "cannot connect to 127.0.0.1:1: Connection refused"
    assert done.code == 124
    assert done.err == f"error: nothing came within 0.3 s that meets value=on; {why}.\n"


def test_of_several_streams_it_says_which_has_no_connection(run: Runner) -> None:
    words = ["-k", f"in={KEY}", "-k", f"out={KEY[::-1]}", "--expect", "value=on", "--timeout", "1s"]
    done = run("--url", "ws://127.0.0.1:1/stream", *words, key=None)
    assert re.search(r"; (in|out): cannot connect to 127\.0\.0\.1:1: ", done.err)


def test_a_lost_connection_says_why(run: Runner) -> None:
    words = ["--expect", "value=on", "--timeout", "10m", "--no-reconnect"]
    done = run("--url", "ws://127.0.0.1:1/stream", *words)
    assert done.code == 3


def test_ctrl_c_is_no_failure(dsstail: Starter, serve: Serve) -> None:
    command = dsstail("--url", serve(honest).url(), "--expect", "value=x")
    command.wait_for_events(6)
    assert command.stop().code == 0


def test_nobody_reading_does_not_make_it_come(
    serve: Serve, tmp_path: Path, dsstail: Starter
) -> None:
    server = serve(honest)
    reading, writing = os.pipe()
    os.close(reading)
    done = dsstail("--url", server.url(), "--expect", "value=x", "-q", stdout=writing).finish()
    os.close(writing)
    assert done.code == 124


def test_recordings_and_made_up_devices(tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl"
    recording.write_bytes(lines(range(3)))

    def code(*words: str) -> int:
        ran = subprocess.run(
            [installed(), *words], capture_output=True, timeout=PATIENCE, check=False
        )
        return ran.returncode

    assert code("show", str(recording), "--expect", "seq=2") == 0
    assert code("show", str(recording), "--expect", "seq=3") == 124
    assert code("demo", "--rate", "200", "--expect", "base_type=boolean value=true") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--timeout", "5s"], "--timeout is how long --expect may take: give both."),
        (["--timeout", "0", "--expect", "value=1"], "--timeout: it must be more than 0."),
        (["--expect", "valu=1"], '--expect: there is no field "valu" (did you mean "value"?).'),
        (["--expect", ""], "--expect: it needs a condition, such as value=1."),
        (["--format", "{tim}"], '--format: there is no field "tim" (did you mean "time"?).'),
        (["--format", "{dsn}", "-o", "csv"], "--format makes lines of text, and -o csv does not."),
        (
            ["--format", "{dsn}", "-o", "TEXT", "--timeout", "5s"],
            "--timeout is how long --expect may take: give both.",
        ),
        (["--fold", "-o", "pretty"], "--fold is for lines of text: add -o text."),
        (["--highlight", "x"], "--highlight is for lines of text: add -o text."),
        (
            ["-H", "(", "-o", "text"],
            '--highlight: "(" is no regular expression: '
            "missing ), unterminated subpattern at position 0.",
        ),
    ],
)
def test_what_makes_no_sense_is_told_before_a_key_is_asked_for(
    words: list[str], message: str, here: Here
) -> None:
    done = here(*words, variables={})
    assert (done.code, done.out, done.err) == (2, b"", f"error: {message}\n")
