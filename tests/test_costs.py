"""What must not become dearer, held without timing anything: imports, reads and writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from command import KEY, PATIENCE
from scenarios import PING, PONG, Server, Visit, frame, lines, opened, tell

EVENTS = 1000

LONE = 50

STRACE = ("strace", "-f", "-e", "trace=recvfrom,write,poll,futex,mmap,munmap,sendto")

_EVENT_WRITTEN = re.compile(r' write\(\d+, "\{')

Run = Callable[..., tuple[bytes, str]]


def tail(server: Server) -> tuple[str, ...]:
    return ("--url", server.url(), "--output", "json")


def can_trace() -> bool:
    """Whether strace is there, and allowed to do its work."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run([*STRACE, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run dsstail with Python options, or under another program; what it printed and said."""

    def run(
        *arguments: str,
        options: tuple[str, ...] = (),
        under: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> tuple[bytes, str]:
        done = subprocess.run(
            [*under, sys.executable, *options, "-m", "dsstail", *arguments],
            env={"PATH": os.defpath, "HOME": str(tmp_path), **(environment or {})},
            cwd=tmp_path,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout, done.stderr.decode()

    return run


@pytest.fixture
def imported(run: Run) -> Callable[..., set[str]]:
    """The modules that are imported to answer a command line."""

    def imported(*arguments: str, environment: Mapping[str, str] | None = None) -> set[str]:
        _, said = run(*arguments, options=("-X", "importtime"), environment=environment)
        return set(re.findall(r"^import time:.*\| +(\S+)$", said, re.MULTILINE))

    return imported


def heavy(modules: set[str]) -> set[str]:
    """Those that take many milliseconds, of which most commands need few or none."""
    packages = {"typer", "rich", "orjson", "websocket", "websockets", "asyncio", "ssl", "zstandard"}
    return modules & packages


def rooms(modules: set[str]) -> set[str]:
    return {name.removeprefix("dsstail.") for name in modules if name.startswith("dsstail.")}


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_needs_nothing(option: str, imported: Callable[..., set[str]]) -> None:
    modules = imported(option)
    assert heavy(modules) == set()
    assert not modules & {"inspect", "dataclasses"}
    assert rooms(modules) <= {"cli", "cli.run", "cli.console", "errors", "writing"}


@pytest.mark.parametrize("line", ["dsstail ", "dsstail --re", "dsstail record --event-type conn"])
def test_completion_needs_only_the_options(line: str, imported: Callable[..., set[str]]) -> None:
    modules = imported(environment={"_DSSTAIL_COMPLETE": "bash", "_DSSTAIL_LINE": line})
    assert heavy(modules) == {"typer"}
    assert not rooms(modules) & {"connection", "stream", "pipeline", "render", "simulator"}


def test_a_table_as_json_needs_only_the_options(imported: Callable[..., set[str]]) -> None:
    modules = imported("domains", "-o", "json")
    assert heavy(modules) == {"typer"}
    assert not rooms(modules) & {"connection", "stream", "pipeline", "render", "simulator"}


def test_a_tail_as_json_needs_no_other_output_and_no_recordings(
    serve: Callable[..., Server], imported: Callable[..., set[str]]
) -> None:
    server = serve(opened(tell(0), Visit.stay))
    modules = imported(*tail(server), "--count", "1", environment={"DSSTAIL_KEY": f"stream={KEY}"})
    assert heavy(modules) == {"typer", "orjson", "websocket", "ssl"}
    loaded = rooms(modules)
    assert {name for name in loaded if name.startswith("render.")} == {"render.json_lines"}
    assert not {name for name in loaded if name.startswith(("recording", "simulator", "replay"))}


def test_a_page_of_statistics_needs_no_connection_and_no_other_output(
    imported: Callable[..., set[str]], tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(range(3)))
    modules = imported("stats", "a.jsonl")
    assert heavy(modules) == {"typer", "orjson"}
    loaded = rooms(modules)
    assert not loaded & {"connection", "stream", "pipeline", "simulator"}
    assert not loaded & {"charts.document", "charts.drawing", "charts.shapes"}


@pytest.mark.skipif(not can_trace(), reason="strace is not there, or not allowed to trace")
def test_a_thousand_events_cost_few_reads_and_writes(
    serve: Callable[..., Server], run: Run, tmp_path: Path
) -> None:
    """Three reads and a write for each event is what the obvious loop costs."""
    calls = tmp_path / "calls"
    server = serve(opened(tell(*range(EVENTS)), Visit.stay))
    strace = (*STRACE, "--output", str(calls))
    arguments = (*tail(server), "--count", str(EVENTS))
    printed, _ = run(*arguments, under=strace, environment={"DSSTAIL_KEY": f"stream={KEY}"})
    assert printed == lines(range(EVENTS))
    made = calls.read_text()
    reads, writes = made.count(" recvfrom("), len(_EVENT_WRITTEN.findall(made))
    assert 0 < reads < EVENTS / 20
    assert 0 < writes < EVENTS / 20


def lone(visit: Visit) -> None:
    """Send each event when the one before it is done with: pings are answered before what came
    with them is looked at, and after what came before them."""
    visit.shake_hands()
    for seq in range(LONE):
        visit.send_events([seq])
        for _ in range(2):
            visit.send_raw(frame(b"", PING))
            while visit.hear() != PONG:
                pass
    visit.stay()


@pytest.mark.skipif(not can_trace(), reason="strace is not there, or not allowed to trace")
def test_a_lone_event_costs_few_calls_of_one_thread(
    serve: Callable[..., Server], run: Run, tmp_path: Path
) -> None:
    """To wake another thread for it takes longer than to write it."""
    server = serve(lone)
    strace = (*STRACE, "--output", str(tmp_path / "calls"))
    arguments = (*tail(server), "--count", str(LONE))
    printed, _ = run(*arguments, under=strace, environment={"DSSTAIL_KEY": f"stream={KEY}"})
    assert printed == lines(range(LONE))
    calls = (tmp_path / "calls").read_text().splitlines()
    writes = [at for at, call in enumerate(calls) if _EVENT_WRITTEN.search(call)]
    assert len(writes) == LONE
    [(reader, _)] = Counter(calls[at].split()[0] for at in writes).most_common(1)
    # The first events may meet a main thread that is still busy with the connection. A call that
    # another thread's calls interrupt is on two lines.
    first = next(at for at in writes if calls[at].startswith(reader))
    made_since = [call for call in calls[first : writes[-1]] if " resumed>" not in call]
    between = [call for call in made_since if " sendto(" not in call]
    others = [call for call in between if not call.startswith(reader)]
    assert len(others) < LONE / 2, "the writer looks at the time now and then"
    made = Counter(re.findall(r" (\w+)\(", "\n".join(call[:40] for call in between)))
    assert made["recvfrom"] <= 3 * LONE, "one for the event, and one for each ping at most"
    assert made["poll"] <= 6 * LONE
    assert made["futex"] + made["mmap"] + made["munmap"] < LONE / 2
