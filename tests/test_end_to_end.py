"""The main job, from literal frames to what a person sees: a plain `websockets` server, which
knows nothing of our codec, the installed command, a pseudo-terminal, and jq behind a pipe."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from screen import Screen
from websockets.sync.server import Server, ServerConnection, serve

COMMAND = Path(sys.executable).with_name("dsstail")
KEY = "5f1c0b7e9d2a48368b1e6c3f7a90d2e4"
WIRE = Path(__file__).with_name("wire")
NAMES = ("captured", "connectivity", "datapoint", "datapointack", "location", "registration")
FRAMES = [(WIRE / f"{name}.txt").read_text().rstrip("\n") for name in NAMES]
TEXTS = [frame.split("|", 1)[1] for frame in FRAMES]
ENVIRONMENT = {"PATH": os.environ["PATH"], "DSSTAIL_KEY": KEY}
DEADLINE = 20.0
"""Seconds after which something that should have happened is not awaited any longer."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server that sends a heartbeat, and the frames once that is answered as documented."""

    def converse(connection: ServerConnection) -> None:
        connection.send("1|Z")
        if connection.recv(timeout=DEADLINE) == "Z":
            for frame in FRAMES:
                connection.send(frame)
        connection.recv(timeout=DEADLINE)  # until the client goes

    with serve(converse, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{_port(server)}/stream"
        server.shutdown()
        thread.join()


def _port(server: Server) -> int:
    return int(server.socket.getsockname()[1])


def _arguments(url: str, *more: str) -> list[str]:
    return [str(COMMAND), "--url", url, "--count", str(len(FRAMES)), *more]


def test_into_a_pipe_go_the_events_own_texts(url: str) -> None:
    done = subprocess.run(
        _arguments(url), env=ENVIRONMENT, capture_output=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == "".join(f"{text}\n" for text in TEXTS)
    assert "6 events, 0 reconnects" in done.stderr.decode()
    assert KEY not in (done.stdout + done.stderr).decode()


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_jq_reads_values_as_they_come(url: str) -> None:
    """The values arrive before dsstail ends, or jq would have nothing to show before a signal."""
    with subprocess.Popen(
        [str(COMMAND), "--url", url], env=ENVIRONMENT, stdout=subprocess.PIPE
    ) as dsstail:
        jq = subprocess.Popen(
            ["jq", "--unbuffered", "-c", ".datapoint.value"],
            stdin=dsstail.stdout,
            stdout=subprocess.PIPE,
        )
        assert jq.stdout is not None
        values = [jq.stdout.readline().decode().strip() for _ in FRAMES]
        assert dsstail.poll() is None
        dsstail.terminate()
        assert dsstail.wait(DEADLINE) == 0
    jq.communicate(timeout=DEADLINE)
    assert values == ['"asdf3"', "null", "0", "1", "null", "null"]


def test_on_a_terminal_each_event_is_a_line(url: str, on_screen: Callable[..., Screen]) -> None:
    screen = on_screen(*_arguments(url, "--utc")[1:], rows=40)
    assert screen.finish() == 0
    events = [line for line in screen.lines if re.search(r" #\d+$", line)]
    assert [line.split()[:3] for line in events] == [
        ["21:01:24", "datapoint", "VD0000000000002"],
        ["10:26:37", "connectivity", "AC000W000340649"],
        ["10:25:14", "datapoint", "AC000W005606115"],
        ["10:24:57", "datapointack", "AC000W005606115"],
        ["11:04:07", "location", "AC000W000340779"],
        ["10:29:50", "registration", "AC000W000340649"],
    ]
    assert [line.split()[-1] for line in events] == ["#0", "#1", "#13", "#2", "#1", "#1"]
    for line, shown in zip(
        events,
        (
            "INLET_FLOW_RATE asdf3",
            "Online",
            "Blue_LED        false",
            "true ✓ 200",
            "44.76950, -69.42830",
            "unregistered",
        ),
        strict=True,
    ):
        assert shown in line
        assert len(line) <= 80


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")
def test_a_key_among_the_arguments_is_hidden_from_ps(url: str) -> None:
    arguments = [str(COMMAND), "--url", url, "--key", f"in={KEY}", "--count", "99"]
    environment = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE) as dsstail:
        assert dsstail.stdout is not None
        dsstail.stdout.readline()
        shown = Path(f"/proc/{dsstail.pid}/cmdline").read_text()
        dsstail.terminate()
    assert KEY not in shown
    assert f"in={'*' * len(KEY)}" in shown
