"""What people wait for: a start, a completion, an event; and what waiting costs."""

from __future__ import annotations

import os
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.measuring import Failed, Program, duration, running
from bench.receivers import DSSTAIL, HERE, KEY, WEBSOCAT, dsstail
from bench.rows import Row
from bench.service import Service
from bench.turns import in_turns, slower

EMPTY = "an empty Typer app"

RATE = 1000
"""Events a second, where it is latency that counts."""

WARM_UP = 200
"""Events at the beginning whose latency does not count."""

HEARTBEAT_EVERY = 5
"""Seconds; the service takes thirty."""

_STAMP = re.compile(rb'"value":([0-9]+)')


def starts(rounds: int) -> Iterator[Row]:
    """Commands that end at once, and the first event of a tail, against an empty application."""
    completing = {"_DSSTAIL_COMPLETE": "bash", "_DSSTAIL_LINE": "dsstail --event-type conn"}
    programs = {
        "empty": Program([sys.executable, HERE / "empty_app.py"]),
        "`--version`": Program([DSSTAIL, "--version"]),
        "`domains -o json`": Program([DSSTAIL, "domains", "-o", "json"]),
        "TAB completion": Program([DSSTAIL], environment=completing),
    }
    actions = {name: partial(duration, program) for name, program in programs.items()}
    with _simulator() as url:
        tail = Program(dsstail("-o", "text", "--key", KEY, "--url", url))
        actions["first event"] = partial(_until_first_output, tail)
        seconds = in_turns(actions, rounds)
    for name in list(programs)[1:]:
        yield slower(seconds, name, "empty", 1.6, name, EMPTY)
    yield slower(seconds, "first event", "empty", 2.2, "start to first event, simulated", EMPTY)


def latency(service: Service, events: int, rounds: int) -> Iterator[Row]:
    """From the server's send to readable on stdout, at RATE events a second."""
    url = service.url("paced", events, RATE)
    programs = {
        "dsstail": Program(dsstail("-o", "json", "--key", KEY, "--url", url)),
        "websocat": Program([WEBSOCAT, url]),
    }
    reached: dict[int, dict[str, list[float]]] = {50: {}, 99: {}}
    for _ in range(rounds):
        for name, program in programs.items():
            percentiles = statistics.quantiles(_delays(program, events), n=100)
            service.saw()
            for percent, delays in reached.items():
                delays.setdefault(name, []).append(percentiles[percent - 1])
    for percent, goal in ((50, 1.4), (99, 2.0)):
        work = f"latency at {RATE:,}/s, p{percent}"
        yield slower(reached[percent], "dsstail", "websocat", goal, work, "websocat")


def idling(service: Service, seconds: float) -> Iterator[Row]:
    """CPU time of a tail that gets nothing but heartbeats."""
    url = service.url("idle", HEARTBEAT_EVERY)
    with running(Program(dsstail("-o", "json", "--key", KEY, "--url", url))) as process:
        time.sleep(3.0)  # it has connected, and Python has settled
        before = _cpu_seconds(process.pid)
        time.sleep(seconds)
        spent = _cpu_seconds(process.pid) - before
    _, answers = service.saw()
    if answers < seconds / HEARTBEAT_EVERY:
        raise Failed(f"{answers} heartbeats answered in {seconds:g} s")
    percent = spent / seconds * 100
    figures = f"a heartbeat every {HEARTBEAT_EVERY} s"
    yield Row("CPU while idle", "< 0.2 %", f"{percent:.3f} %", percent < 0.2, figures)


@contextmanager
def _simulator() -> Iterator[str]:
    """The URL of a simulator that always has an event to give."""
    with running(Program([DSSTAIL, "simulate", "--rate", str(RATE)])) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1].decode()


def _until_first_output(program: Program) -> float:
    """Seconds until the first byte is on stdout."""
    started = time.monotonic()
    with running(program) as process:
        assert process.stdout is not None
        if not os.read(process.stdout.fileno(), 1):
            raise Failed("no output")
        return time.monotonic() - started


def _delays(program: Program, events: int) -> list[float]:
    """Seconds from sending to reading of every event but the first ones."""
    delays: list[float] = []
    rest = b""
    with running(program) as process:
        assert process.stdout is not None
        while len(delays) < events:
            read = os.read(process.stdout.fileno(), 1 << 16)
            now = time.monotonic_ns()
            if not read:
                raise Failed(f"{len(delays)} events, not {events}")
            *lines, rest = (rest + read).split(b"\n")
            stamps = map(_STAMP.search, lines)
            delays += [(now - int(stamp[1])) / 1e9 for stamp in stamps if stamp]
    return delays[WARM_UP:]


def _cpu_seconds(pid: int) -> float:
    """What all threads of a process have used so far."""
    nanoseconds = 0
    for spent in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        nanoseconds += int(spent.read_text().split()[0])
    return nanoseconds / 1e9
