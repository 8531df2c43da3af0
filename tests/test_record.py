"""`dsstail record` from outside: what it asks the service for, what is in the file, how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from command import KEY, MS, PATIENCE, Command, Finished, installed, read_slowly, wait_until
from conftest import Here, Runner, Serve, Starter
from scenarios import (
    Server,
    Visit,
    answer,
    event,
    honest,
    lines,
    opened,
    say,
    silent,
    tell,
    unit,
)
from terminal import Terminal as OnTerminal
from torture.disks import NotPossible, small_disk
from torture.faults import PACKED, Fault, can_inject, judge
from torture.full import fill_again_and_again
from torture.kills import SHARED, kill_again_and_again
from torture.power import cut_power_again_and_again

from dsstail import stderr


def record(dsstail: Starter, server: Server, *arguments: str, **options: Any) -> Command:
    return dsstail("record", "out.jsonl", "--url", server.url(), *arguments, **options)


def record_all(run: Runner, server: Server, *arguments: str) -> Finished:
    """The same to its end, wherever that is (see `run`)."""
    return run("record", "out.jsonl", "--url", server.url(), *arguments)


def read(path: Path) -> bytes:
    """What is in a file, nothing as long as it is not there."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


# What is recorded, and from where


def test_it_records_and_takes_up_where_the_file_ends(
    dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    server = serve(honest)
    done = record(dsstail, server, "-c", "6").finish()
    assert (done.code, done.out) == (0, b"")
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(6))
    assert done.lines == [
        f"connected to 127.0.0.1:{server.port}",
        "6 events, 0 reconnects, 0 gaps, 0 malformed in " + done.lines[1].split(" in ")[1],
        "out.jsonl: 2.8 kB, ends with seq 5",
    ]
    server.newest = 9
    done = record(dsstail, server, "-c", "4").finish()
    assert (done.code, done.lines[0]) == (
        0,
        f"connected to 127.0.0.1:{server.port}, asking for seq 6 and on",
    )
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(10))
    assert [visit.seq_start for visit in server.visits] == [None, 6]


def test_a_torn_line_is_cut_off_and_asked_for_again(
    run: Runner, serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "out.jsonl").write_bytes(lines(range(3)) + event(3)[:100])
    server = serve(honest)
    done = record_all(run, server, "-c", "3")
    assert done.code == 0
    assert done.lines[0] == "warning: out.jsonl: cut off an incomplete last line of 100 bytes."
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(6))
    assert [visit.seq_start for visit in server.visits] == [3]


def test_what_was_missing_at_the_end_is_asked_for_at_the_next_start(
    dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    def lacks_two(visit: Visit) -> None:
        visit.shake_hands()
        visit.send_events([0, 1, 2, 5])
        visit.stay()

    server = serve(lacks_two, silent, honest)
    command = record(dsstail, server)
    wait_until(lambda: len(server.visits) == 2)  # the second one is asked for them
    done = command.end_soon(signal.SIGTERM)
    assert (done.code, done.err.count("gap: seq 3–4 (2 events)")) == (0, 1)
    assert (tmp_path / "out.jsonl").read_bytes() == lines([0, 1, 2, 5])
    server.newest = 6
    done = record(dsstail, server, "-c", "3").finish()
    assert (done.code, done.err.count("gap")) == (0, 1), "0 gaps in the summary"
    assert done.lines[0] == f"connected to 127.0.0.1:{server.port}, asking for seq 3 and on"
    assert (tmp_path / "out.jsonl").read_bytes() == lines([0, 1, 2, 5, 3, 4, 6])
    server.newest = 7
    done = record(dsstail, server, "-c", "1", "--strict").finish()
    assert done.code == 0
    assert done.lines[0] == f"connected to 127.0.0.1:{server.port}, asking for seq 7 and on"


def test_a_service_that_refuses_to_go_far_back_is_asked_for_less(
    run: Runner, serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "out.jsonl").write_bytes(lines([0, 1, 2, 5]))
    server = serve(answer("400 Bad Request"), honest, newest=7)
    done = record_all(run, server, "-c", "2")
    assert (done.code, "refuses to resume" in done.err) == (0, False)
    assert [visit.seq_start for visit in server.visits] == [3, 6]
    assert (tmp_path / "out.jsonl").read_bytes() == lines([0, 1, 2, 5, 6, 7])


def test_a_service_that_replays_too_much_makes_no_duplicates(
    run: Runner, serve: Serve, tmp_path: Path
) -> None:
    """Not even of texts that had to be put on one line."""
    spread = event(2).replace(b",", b",\n") + b"\r\n"

    def all_again(visit: Visit) -> None:
        visit.shake_hands()
        visit.send_events([0, 1])
        visit.send_text(unit(spread))
        visit.send_events(range(3, visit.server.newest + 1))
        visit.stay()

    server = serve(all_again)
    assert record_all(run, server, "-c", "4").code == 0
    done = record_all(run, server, "-c", "2")
    assert (done.code, done.err.count("reset")) == (0, 0)
    first, second, third, *rest = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
    assert first + second + b"".join(rest) == lines([0, 1, 3, 4, 5])
    assert json.loads(third) == json.loads(event(2))


def test_no_resume_asks_for_nothing(run: Runner, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_bytes(lines([100]))
    server = serve(honest)
    assert record_all(run, server, "-c", "6", "--no-resume").code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == lines([100, *range(6)])
    assert [visit.seq_start for visit in server.visits] == [None]


def test_overwrite_begins_anew(run: Runner, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_bytes(b"whatever it was")
    server = serve(honest)
    assert record_all(run, server, "-c", "6", "--overwrite").code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(6))
    assert [visit.seq_start for visit in server.visits] == [None]


def test_a_window_is_recorded_once(run: Runner, serve: Serve, tmp_path: Path) -> None:
    server = serve(honest, newest=9)
    for _ in range(2):
        assert record_all(run, server, "--from-seq", "2", "--to-seq", "7").code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(2, 8))


def test_a_narrow_filter_does_not_spoil_the_place(
    run: Runner, serve: Serve, tmp_path: Path
) -> None:
    """After a break it asks for what came after the last event, not after the last recorded."""

    def noisy(visit: Visit) -> None:
        visit.shake_hands()
        visit.send_events([0])
        for seq in (1, 2, 3):
            visit.send_text(unit(event(seq).replace(b"VD0000000000002", b"AC0000000000001")))
        visit.reset()

    server = serve(noisy, honest)
    done = record_all(run, server, "-d", "VD*", "-c", "3")
    assert done.code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == lines([0, 4, 5])
    assert [visit.seq_start for visit in server.visits] == [None, 4]


def test_a_narrow_filter_does_not_hide_that_the_numbering_began_anew(
    run: Runner, serve: Serve, tmp_path: Path
) -> None:
    recorded = lines(range(0, 100, 7)) + event(9) + b"\n"
    (tmp_path / "out.jsonl").write_bytes(recorded)
    server = serve(honest, newest=12)
    done = record_all(run, server, "-d", "VD*", "-c", "3")
    assert done.code == 0
    assert [visit.seq_start for visit in server.visits] == [10]
    assert (tmp_path / "out.jsonl").read_bytes() == recorded + lines(range(10, 13))


def test_streams_in_one_file_resume_on_their_own(
    dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    server = serve(honest)
    keys = ("-k", "in=key-of-in", "-k", "out=key-of-out")
    both = record(dsstail, server, *keys)
    path = tmp_path / "out.jsonl"
    wait_until(lambda: read(path).count(b"\n") == 12)
    both.stop()
    server.newest = 7
    again = record(dsstail, server, *keys)
    wait_until(lambda: read(path).count(b"\n") == 16)
    again.stop()
    asked = sorted((visit.query["stream_key"], visit.seq_start) for visit in server.visits[2:])
    assert asked == [("key-of-in", 6), ("key-of-out", 6)]
    for name in (b"in", b"out"):
        member = b',"_dsstail":{"stream":"%s"}}' % name
        own = [line for line in path.read_bytes().splitlines() if line.endswith(member)]
        assert own == [event(seq)[:-1] + member for seq in range(8)]


def test_annotations(run: Runner, serve: Serve, tmp_path: Path) -> None:
    before = time.time()
    assert record_all(run, serve(honest), "-c", "6", "--annotate").code == 0
    for seq, line in enumerate((tmp_path / "out.jsonl").read_bytes().splitlines()):
        found = re.fullmatch(
            rb'(.*),"_dsstail":\{"stream":"stream","received_at":"([-0-9T:]+\.\d{6}Z)"\}\}', line
        )
        assert found is not None
        assert found[1] + b"}" == event(seq)
        received_at = datetime.fromisoformat(found[2].decode()).timestamp()
        assert before <= received_at <= time.time()


def test_tee_shows_what_it_records(dsstail: Starter, serve: Serve, tmp_path: Path) -> None:
    done = record(dsstail, serve(honest), "-c", "6", "--tee").finish()
    assert (done.code, done.out) == (0, lines(range(6)))
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(6))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["-o", "csv"], "--output"),
        (["--format", "{seq}", "--fold"], "--format and --fold"),
        (["-o", "json"], ""),
        (["-o", "text", "--tee"], ""),
    ],
)
def test_what_changes_nothing_without_tee_is_said(
    options: list[str], named: str, run: Runner, serve: Serve, tmp_path: Path
) -> None:
    done = record_all(run, serve(honest), "-c", "6", *options)
    assert done.code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(6))
    warning = f"warning: a recording is JSON: without --tee there is no use for {named}."
    assert [line for line in done.lines if "--tee" in line] == [warning] * bool(named)


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_name_that_promises_compression_gets_a_warning(
    ending: str, run: Runner, serve: Serve, tmp_path: Path
) -> None:
    done = run("record", f"out.{ending}", "--url", serve(honest).url(), "-c", "6")
    assert (done.code, (tmp_path / f"out.{ending}").read_bytes()) == (0, lines(range(6)))
    assert done.lines[0] == (
        f"warning: out.{ending} is not compressed while it is written: --compress does so later."
    )


def test_tee_goes_on_when_nobody_looks(serve: Serve, tmp_path: Path, dsstail: Starter) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = record_into(writing, dsstail, serve(honest), "-c", "6", "--tee").finish()
    assert done.code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(6))


def test_no_recording_waits_for_who_looks(serve: Serve, tmp_path: Path, dsstail: Starter) -> None:
    reading, writing = os.pipe()
    command = record_into(writing, dsstail, serve(honest, newest=2999), "--tee", "-c", "3000")
    wait_until(lambda: read(tmp_path / "out.jsonl") == lines(range(3000)))
    with open(reading, "rb") as pipe:
        assert pipe.read() == lines(range(3000))
    assert command.finish().code == 0


def test_a_signal_ends_it_while_nobody_reads_what_it_shows(
    serve: Serve, tmp_path: Path, dsstail: Starter
) -> None:
    reading, writing = os.pipe()
    command = record_into(writing, dsstail, serve(honest, newest=2999), "--tee")
    wait_until(lambda: read(tmp_path / "out.jsonl") == lines(range(3000)))
    done = command.stop()
    assert done.lines[-1] == "out.jsonl: 1.4 MB, ends with seq 2999"
    os.close(reading)


@pytest.mark.parametrize(
    ("newest", "duration"), [(2999, "1s"), (149_999, "2s")], ids=["little", "more than waits"]
)
def test_its_time_ends_it_while_nobody_reads_what_it_shows(
    newest: int, duration: str, serve: Serve, tmp_path: Path, dsstail: Starter
) -> None:
    reading, writing = os.pipe()
    server = serve(opened(tell(*range(newest + 1)), Visit.stay))
    done = record_into(writing, dsstail, server, "--tee", "--duration", duration).finish()
    os.close(reading)
    assert done.code == 0
    last = json.loads(read(tmp_path / "out.jsonl").splitlines()[-1])
    assert done.lines[-1].endswith(f"ends with seq {last['seq']}")


def test_its_time_ends_what_it_shows_with_a_whole_line_where_somebody_reads_slowly(
    serve: Serve, tmp_path: Path, dsstail: Starter
) -> None:
    reading, writing = os.pipe()
    server = serve(opened(tell(*range(30_000)), Visit.stay))
    command = record_into(writing, dsstail, server, "--tee", "--duration", "1s")
    shown = read_slowly(reading, command)
    assert command.finish().code == 0
    assert shown == lines(range(shown.count(b"\n")))
    assert read(tmp_path / "out.jsonl").startswith(shown)


def test_a_signal_ends_what_it_shows_with_a_whole_line_where_somebody_reads_slowly(
    serve: Serve, tmp_path: Path, dsstail: Starter
) -> None:
    reading, writing = os.pipe()
    server = serve(opened(tell(*range(3000)), Visit.stay))
    command = record_into(writing, dsstail, server, "--tee")
    wait_until(lambda: read(tmp_path / "out.jsonl") == lines(range(3000)))
    command.interrupt()
    shown = read_slowly(reading, command)
    assert command.finish().code == 0
    assert shown == lines(range(shown.count(b"\n")))


def test_no_event_that_it_shows_is_torn_by_what_it_tells(
    serve: Serve, tmp_path: Path, dsstail: Starter
) -> None:
    """Where both go into one pipe, as with 2>&1 or in a service."""
    reading, writing = os.pipe()
    parts = [(tell(*range(at, at + 500)), say(b"odd")) for at in range(0, 3000, 500)]
    server = serve(opened(*chain.from_iterable(parts), Visit.stay))
    options = ["--url", server.url(), "--tee", "-c", "3000"]
    command = dsstail("record", "out.jsonl", *options, stdout=writing, stderr=writing)
    os.close(writing)
    wait_until(lambda: read(tmp_path / "out.jsonl") == lines(range(3000)))
    out = b""
    while part := os.read(reading, 20_000):
        out += part
        time.sleep(5 * MS)
    os.close(reading)
    told = out.splitlines(keepends=True)
    assert command.finish().code == 0
    assert b"warning: malformed (no LENGTH| at its start): odd\n" in told
    assert b"".join(line for line in told if line.startswith(b"{")) == lines(range(3000))


def test_no_slow_disk_is_left_alone_when_time_is_over(serve: Serve, tmp_path: Path) -> None:
    """A disk comes to its end, unlike somebody who does not read."""
    slow = (
        "import sys, time; from dsstail import __main__, flow; flow.STOP_LIMIT = 0.01; "
        "from dsstail.recording import appending; sync = appending.sync_file; "
        "appending.sync_file = lambda fd: time.sleep(1.2) or sync(fd); "
        "sys.exit(__main__.main())"
    )
    out = tmp_path / "out.jsonl"
    server = serve(opened(tell(0, 1, 2), Visit.stay))
    options = ["--url", server.url(), "--fsync", "always", "--duration", "1s"]
    done = subprocess.run(
        [sys.executable, "-c", slow, "record", str(out), *options],
        capture_output=True,
        env={**os.environ, "DSSTAIL_KEY": f"main={KEY}"},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.endswith(b"ends with seq 2\n")
    assert read(out) == lines(range(3))


@pytest.mark.parametrize(
    ("code", "options"),
    [(3, ["--no-reconnect"]), (124, ["--expect", "value=x", "--count", "3"])],
)
def test_a_failure_is_told_behind_where_the_recording_ends(
    code: int, options: list[str], run: Runner, serve: Serve
) -> None:
    done = record_all(run, serve(opened(tell(0, 1, 2), Visit.reset)), *options)
    assert done.code == code
    assert done.lines[-2].endswith(", ends with seq 2")
    assert done.lines[-1].startswith("error: ")


def test_what_cannot_be_shown_ends_it_with_6(dsstail: Starter, serve: Serve) -> None:
    with open("/dev/full", "wb") as full:
        done = record(dsstail, serve(honest), "--tee", stdout=full).finish()
    assert (done.code, done.lines[-1]) == (
        6,
        "error: cannot write stdout: No space left on device.",
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--tee"],
            "error: stdout goes into the recording, which --tee would give each event twice.",
        ),
        (
            ["--save-malformed", "link.jsonl"],
            "error: link.jsonl is the recording: --save-malformed needs another file.",
        ),
    ],
)
def test_nothing_else_goes_into_the_recording(
    options: list[str], told: str, dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "link.jsonl").symlink_to("out.jsonl")
    with (tmp_path / "out.jsonl").open("ab") as out:
        done = record(dsstail, serve(honest), *options, "-c", "6", stdout=out).finish()
    assert (done.code, done.lines) == (2, [told])
    assert read(tmp_path / "out.jsonl") == b""


def test_what_keeps_nothing_can_take_all(dsstail: Starter, serve: Serve) -> None:
    url = serve(honest).url()
    with open(os.devnull, "wb") as null:
        command = dsstail("record", os.devnull, "--url", url, "--tee", "-c", "6", stdout=null)
    assert command.finish().code == 0


def record_into(fd: int, dsstail: Starter, server: Server, *arguments: str) -> Command:
    try:
        return dsstail("record", "out.jsonl", "--url", server.url(), *arguments, stdout=fd)
    finally:
        os.close(fd)


def test_a_fifo(dsstail: Starter, serve: Serve, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    command = dsstail("record", "fifo", "--url", serve(honest).url(), "-c", "6")
    command.wait_for_report("warning: waiting for somebody to read fifo.")
    assert (tmp_path / "fifo").read_bytes() == lines(range(6))
    assert command.finish().code == 0


def test_who_stops_reading_stdout_ends_a_recording_into_it(dsstail: Starter, serve: Serve) -> None:
    ours, theirs = os.pipe()
    url = serve(honest).url()
    command = dsstail("record", "/dev/stdout", "--url", url, stdout=theirs)
    os.close(theirs)
    with open(ours, "rb", 0) as pipe:
        assert pipe.read(1) == b"{"
    assert command.finish().code == 0


# What it tells


class Terminal:
    """A pseudo-terminal as stderr, and what came there."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.seen = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        try:
            while data := os.read(self.ours, 1 << 16):
                self.seen.extend(data)
        except OSError:
            pass  # the other end was closed

    def start(self, dsstail: Starter, *arguments: str) -> Command:
        """Run the command with its stderr here."""
        command = dsstail(*arguments, stderr=self.theirs, environment={"TERM": "xterm"})
        os.close(self.theirs)
        self._reader.start()
        return command

    def text(self) -> str:
        self._reader.join(PATIENCE)
        os.close(self.ours)
        return self.seen.decode()


def test_a_terminal_shows_how_it_stands(dsstail: Starter, serve: Serve) -> None:
    terminal = Terminal()
    command = terminal.start(dsstail, "record", "out.jsonl", "--url", serve(honest).url())
    wait_until(lambda: b"seq 5, connected" in terminal.seen)
    command.stop()
    text = terminal.text()
    shown = re.search(r"\r(6 events, [\d.]+/s, 2\.8 kB, seq 5, connected)\x1b\[K", text)
    assert shown is not None, text
    last = text.rpartition("\r\x1b[K")[2]  # nothing of it stays
    assert re.fullmatch(
        r"6 events, 0 reconnects, 0 gaps, 0 malformed in [^\r]+\r\n"
        r"out\.jsonl: 2\.8 kB, ends with seq 5\r\n",
        last,
    ), text


def test_nothing_of_it_stays_where_the_output_is_stuck_at_the_end(
    tmp_path: Path, dsstail: Starter, serve: Serve
) -> None:
    os.mkfifo(tmp_path / "fifo")
    fifo = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)  # and nobody reads on
    flooding = threading.Event()
    flood = tell(*range(1, 1000))
    server = serve(opened(tell(0), lambda _: wait_until(flooding.is_set), flood, Visit.stay))
    terminal = Terminal()
    command = terminal.start(dsstail, "record", "fifo", "--url", server.url())
    wait_until(lambda: b", connected" in terminal.seen)
    flooding.set()
    wait_until(lambda: "pipe" in Path(f"/proc/{command.pid}/wchan").read_text())
    assert command.end_soon(signal.SIGTERM).code == 0
    os.close(fifo)
    last = terminal.text().rpartition("\r\x1b[K")[2]
    assert re.fullmatch(r"\d+ events?, [^\r]+; the output was stuck\r\n", last), last


def test_in_the_background_it_shows_no_status(tmp_path: Path, serve: Serve) -> None:
    words = ["record", "out.jsonl", "--url", serve(honest).url(), "--duration", "1200ms"]
    job = shlex.join([installed(), *words, "--key", f"main={KEY}"])
    shell = ["sh", "-c", f"set -m; {job} & wait"]
    code, printed = OnTerminal(shell, {**os.environ, "TERM": "xterm"}, tmp_path).finish()
    assert code == 0
    assert "6 events, 0 reconnects" in printed
    assert "/s, " not in printed


@pytest.mark.parametrize("tee", [False, True])
def test_it_goes_on_when_its_terminal_is_gone(
    tee: bool, tmp_path: Path, dsstail: Starter, serve: Serve
) -> None:
    gone = threading.Event()
    first = opened(tell(0), lambda visit: wait_until(gone.is_set), Visit.end)
    server = serve(first, opened(tell(1), Visit.stay))
    ours, theirs = os.openpty()
    command = dsstail(
        *("record", "out.jsonl", "--url", server.url(), *["--tee"] * tee),
        stdout=theirs if tee else None,
        stderr=theirs,
        environment={"TERM": "xterm"},
    )
    os.close(theirs)
    seen = b""
    while b"connected" not in seen:  # which is told beside the events, not in order with them
        seen += os.read(ours, 100)
    os.close(ours)
    gone.set()
    wait_until(lambda: (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 2)
    assert command.stop().code == 0


def test_no_recording_waits_for_a_terminal_that_was_halted(
    tmp_path: Path, dsstail: Starter, serve: Serve
) -> None:
    """As by Ctrl-S. It shows what it missed once it goes on."""
    halted = threading.Event()
    first = opened(tell(0), lambda visit: wait_until(halted.is_set), Visit.end)
    server = serve(first, opened(tell(1), Visit.stay))
    terminal = Terminal()
    theirs = os.dup(terminal.theirs)
    command = terminal.start(dsstail, "record", "out.jsonl", "--url", server.url())
    wait_until(lambda: b"seq 0, connected" in terminal.seen)
    termios.tcflow(theirs, termios.TCOOFF)
    halted.set()
    wait_until(lambda: read(tmp_path / "out.jsonl") == lines([0, 1]))
    assert b"retry 1" not in terminal.seen
    termios.tcflow(theirs, termios.TCOON)
    wait_until(lambda: b"retry 1" in terminal.seen and b"seq 1, connected" in terminal.seen)
    termios.tcflow(theirs, termios.TCOOFF)
    assert command.end_soon(signal.SIGTERM).code == 0
    os.close(theirs)
    terminal.text()


def test_the_error_comes_behind_all_that_was_told(
    here: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that waits for a terminal that was halted."""
    monkeypatch.setattr(stderr, "SLOW", 0.0)
    server = serve(opened(tell(0), Visit.end))
    words = ("record", "out.jsonl", "--url", server.url(), "--no-reconnect")
    done = here(*words, variables={"DSSTAIL_KEY": f"stream={KEY}"})
    assert done.code == 3
    assert done.lines[-2:] == [
        "out.jsonl: 471 B, ends with seq 0",
        "error: connection lost (closed without a word).",
    ]


def test_elsewhere_it_is_silent_for_a_minute(run: Runner, serve: Serve) -> None:
    server = serve(honest)
    done = record_all(run, server, "--duration", "1200ms")
    assert done.code == 0
    assert [line.split(",")[0] for line in done.lines] == [
        f"connected to 127.0.0.1:{server.port}",
        "6 events",
        "out.jsonl: 2.8 kB",
    ]


def test_quiet_tells_nothing(run: Runner, serve: Serve) -> None:
    assert record_all(run, serve(honest), "-c", "6", "-q").err == ""


# How it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(
    number: signal.Signals, dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    command = record(dsstail, serve(honest), "--rotate-size", "1kB", "--compress", "gz")
    wait_until(lambda: event(5) in read(tmp_path / "out.jsonl"))
    done = command.end_soon(number)
    assert done.code == 0
    assert "6 events, 0 reconnects" in done.err


@pytest.mark.parametrize("options", [[], ["--overwrite"], ["--no-resume"]])
def test_a_second_recorder_ends_with_6(
    options: list[str], dsstail: Starter, run: Runner, serve: Serve, tmp_path: Path
) -> None:
    server = serve(honest)
    first = record(dsstail, server)
    wait_until(lambda: read(tmp_path / "out.jsonl") == lines(range(6)))
    second = record_all(run, server, *options)
    assert (second.code, second.err) == (
        6,
        f"error: process {first.pid} is recording to out.jsonl already.\n",
    )
    assert first.stop().code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == lines(range(6))


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("nowhere/out.jsonl", "cannot open nowhere/out.jsonl: No such file or directory."),
        (".", "cannot open .: Is a directory."),
        ("/dev/full", "cannot write /dev/full: No space left on device."),
    ],
)
def test_a_file_that_cannot_be_written(file: str, error: str, run: Runner, serve: Serve) -> None:
    done = run("record", file, "--url", serve(honest).url())
    assert (done.code, done.lines[-1]) == (6, f"error: {error}")


def unprivileged(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as somebody who may not write everything, even if we are root."""
    setpriv: list[str] = []
    if os.geteuid() == 0:
        found = shutil.which("setpriv")
        if found is None:
            pytest.skip("root may write everything, and there is no setpriv")
        setpriv = [found, "--bounding-set", "-all", "--inh-caps", "-all"]
    return subprocess.run(
        [*setpriv, installed(), *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": "/", "DSSTAIL_KEY": f"stream={KEY}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_without_permission_it_ends_with_6(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").touch(0o400)
    done = unprivileged(tmp_path, "record", "out.jsonl", "--url", serve(honest).url())
    assert (done.returncode, done.stderr) == (
        6,
        "error: cannot open out.jsonl: Permission denied.\n",
    )


def test_compressed_segments_are_removed_though_they_are_not_ours_to_read(
    serve: Serve, tmp_path: Path
) -> None:
    """As those of an earlier run by root, in a directory that is ours."""
    for day in (1, 2, 3):
        (tmp_path / f"out.2026110{day}T000000.000Z.jsonl.gz").touch(0o000)
    server = serve(opened(tell(1), Visit.stay))
    options = ("--rotate-size", "1MB", "--keep", "1", "--no-resume", "-c", "1")
    done = unprivileged(tmp_path, "record", "out.jsonl", "--url", server.url(), *options)
    assert done.returncode == 0
    assert "stays as it is" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["out.20261103T000000.000Z.jsonl.gz", "out.jsonl"]


@pytest.mark.parametrize("name", ["out.jsonl", "%Y.jsonl"])
def test_what_could_never_be_rotated_is_told_at_the_start(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "closed"
    directory.mkdir()
    for live in ("out.jsonl", f"{datetime.now().year}.jsonl"):
        (directory / live).touch(0o666)
    directory.chmod(0o500)
    arguments = (f"closed/{name}", "--url", "ws://127.0.0.1:9", "--rotate-every", "1d")
    done = unprivileged(tmp_path, "record", *arguments)
    directory.chmod(0o700)
    assert done.returncode == 6
    assert f"could never be rotated: no file can be made in {directory}.\n" in done.stderr


def test_a_permission_that_was_revoked_ends_it_with_6(serve: Serve, tmp_path: Path) -> None:
    """The file that is open can be written still, but no other one can be begun."""
    directory = tmp_path / "revoked"
    directory.mkdir()

    def revoking(visit: Visit) -> None:
        visit.shake_hands()
        visit.send_events([0])
        wait_until(lambda: read(directory / "out.jsonl") == lines([0]))
        directory.chmod(0o500)
        visit.send_events([1, 2])
        visit.stay()

    arguments = ("revoked/out.jsonl", "--url", serve(revoking).url(), "--rotate-size", "1000")
    done = unprivileged(tmp_path, "record", *arguments)
    directory.chmod(0o700)
    assert done.returncode == 6
    assert done.stderr.splitlines()[-1] == (
        "error: cannot rotate revoked/out.jsonl: Permission denied; "
        "revoked/out.jsonl ends cleanly at seq 1."
    )
    assert read(directory / "out.jsonl") == lines([0, 1])


def test_a_read_only_disk_ends_it_with_6(disk: Path, dsstail: Starter, serve: Serve) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    done = dsstail("record", "disk/out.jsonl", "--url", serve(honest).url()).finish()
    assert (done.code, done.err) == (
        6,
        "error: cannot open disk/out.jsonl: Read-only file system.\n",
    )


def test_a_directory_that_goes_away_ends_it_with_6(
    dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    directory = tmp_path / "gone"
    directory.mkdir()
    command = dsstail("record", "gone/out.jsonl", "--url", serve(honest).url())
    wait_until(lambda: read(directory / "out.jsonl") == lines(range(6)))
    (directory / "out.jsonl").unlink()
    directory.rmdir()
    done = command.finish()
    assert done.code == 6
    assert done.lines[-1] == (
        "error: cannot open gone/out.jsonl: No such file or directory. "
        "The last event recorded is seq 5."
    )


def test_a_working_directory_that_goes_away_ends_it_with_6(
    dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    directory = tmp_path / "gone"
    directory.mkdir()
    run = f"cd gone && exec {installed()} record out.jsonl --url {serve(honest).url()}"
    command = subprocess.Popen(
        ["/bin/sh", "-c", run],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "DSSTAIL_KEY": f"stream={KEY}"},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: read(directory / "out.jsonl") == lines(range(6)))
    shutil.rmtree(directory)
    told = command.communicate(timeout=PATIENCE)[1]
    assert command.returncode == 6
    assert told.splitlines()[-1] == (
        "error: cannot open out.jsonl: No such file or directory. The last event recorded is seq 5."
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--rotate-size", "none"], '--rotate-size: "none" is not a size'),
        (["--rotate-every", "0"], "--rotate-every: it must be more than 0."),
        (["--keep", "3"], "--keep and --compress are for files that are complete."),
        (["--compress", "lz4"], '--compress: "lz4" is none of gz, zst.'),
        (["--fsync", "2s"], '--fsync: "2s" is none of always, 1s, never.'),
        (["--on-full", "panic"], '--on-full: "panic" is none of stop, wait.'),
    ],
)
def test_options_that_cannot_work(options: list[str], error: str, here: Here, serve: Serve) -> None:
    server = serve(honest)
    words = ("record", "out.jsonl", "--url", server.url(), *options)
    done = here(*words, variables={"DSSTAIL_KEY": f"stream={KEY}"})
    assert done.code == 2
    assert done.err.startswith(f"error: {error}")
    assert server.visits == []


def test_without_the_package_for_zstd_it_does_not_begin(
    dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "zstandard.py").write_text("raise ImportError")
    server = serve(honest)
    options = ("--rotate-size", "1kB", "--compress", "zst")
    here = {"PYTHONPATH": str(tmp_path)}
    done = record(dsstail, server, *options, environment=here).finish()
    assert (done.code, done.err) == (
        2,
        "error: zst needs the zstandard package: pip install 'dsstail[zst]'. Or use gz.\n",
    )
    assert server.visits == []


# A full disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a hundred events."""
    directory = tmp_path / "disk"
    directory.mkdir()
    try:
        with small_disk(directory, "64k"):
            yield directory
    except NotPossible as reason:
        pytest.skip(str(reason))


def test_a_full_disk_ends_it_with_6_and_the_last_event_is_named(
    disk: Path, dsstail: Starter, serve: Serve
) -> None:
    server = serve(honest, newest=400)
    done = dsstail("record", "disk/out.jsonl", "--url", server.url()).finish()
    assert done.code == 6
    count = (disk / "out.jsonl").read_bytes().count(b"\n")
    assert (disk / "out.jsonl").read_bytes() == lines(range(count))
    assert done.lines[-1] == f"error: disk full: disk/out.jsonl ends cleanly at seq {count - 1}."
    assert 100 < count < 150


def test_it_waits_for_room_and_then_goes_on(
    disk: Path, dsstail: Starter, serve: Serve, tmp_path: Path
) -> None:
    filler = disk / "filler"
    filler.write_bytes(bytes(40_000))
    arguments = ("disk/out.jsonl", "--url", serve(honest, newest=80).url(), "--on-full", "wait")
    command = dsstail("record", *arguments, "-c", "81")
    command.wait_for_report("warning: disk full: waiting for room; disk/out.jsonl ends cleanly at")
    held = (disk / "out.jsonl").read_bytes()
    assert held == lines(range(held.count(b"\n")))
    filler.unlink()
    done = command.finish()
    assert (done.code, (disk / "out.jsonl").read_bytes()) == (0, lines(range(81)))
    assert "warning: there is room again: recording goes on." in done.lines


def test_a_signal_ends_the_waiting(disk: Path, dsstail: Starter, serve: Serve) -> None:
    arguments = ("disk/out.jsonl", "--url", serve(honest, newest=400).url(), "--on-full", "wait")
    command = dsstail("record", *arguments)
    command.wait_for_report("waiting for room")
    assert command.end_soon().code == 0
    count = (disk / "out.jsonl").read_bytes().count(b"\n")
    assert (disk / "out.jsonl").read_bytes() == lines(range(count))


def test_no_room_until_the_end_of_its_time_is_exit_code_6(
    disk: Path, dsstail: Starter, serve: Serve
) -> None:
    arguments = ("disk/out.jsonl", "--url", serve(honest, newest=400).url(), "--on-full", "wait")
    done = dsstail("record", *arguments, "--duration", "1s").finish()
    count = (disk / "out.jsonl").read_bytes().count(b"\n")
    assert (done.code, done.lines[-1]) == (
        6,
        f"error: disk full: disk/out.jsonl ends cleanly at seq {count - 1}.",
    )


# Proofs, in their short form


@pytest.mark.parametrize(
    ("kills", "options"),
    [(6, ()), (6, SHARED), (8, ("--rotate-size", "100kB", "--compress", "gz"))],
    ids=["plain", "shared", "rotated"],
)
def test_it_survives_being_killed(kills: int, options: tuple[str, ...], tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, kills, options, seed=kills) is None


needs_strace = pytest.mark.skipif(not can_inject(), reason="strace is missing, or may not trace")


@needs_strace
@pytest.mark.parametrize(
    "fault",
    [
        Fault("ftruncate", 1, "KILL"),
        Fault("write", 1, "ENOSPC"),
        Fault("write", 2, "EIO"),
        Fault("write", 2, "KILL"),
        Fault("fdatasync", 3, "EIO"),
        Fault("%%stat", 1, "EIO"),
        Fault("%%stat", 6, "EIO"),
        Fault("rename", 1, "EACCES"),
        Fault("rename", 2, "KILL"),
        Fault("openat", 4, "ENOSPC"),
        Fault("write", 1, "ENOSPC", PACKED),
        Fault("fdatasync", 1, "EIO", PACKED),
        Fault("rename", 1, "KILL", PACKED),
        Fault("unlink", 1, "KILL", PACKED),
    ],
    ids=str,
)
def test_it_survives_a_fault(fault: Fault, tmp_path: Path) -> None:
    verdict = judge(tmp_path, fault)
    assert verdict.wrong is None
    assert verdict.fired


def test_it_survives_a_full_disk_again_and_again(tmp_path: Path) -> None:
    try:
        options = ["--rotate-size", "50kB", "--compress", "gz"]
        assert fill_again_and_again(tmp_path, 3, options, seed=1) is None
    except NotPossible as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("fsync", ["1s", "always"])
def test_it_survives_a_power_cut(fsync: str, tmp_path: Path) -> None:
    try:
        assert cut_power_again_and_again(tmp_path, 2, fsync, [], seed=1) is None
    except NotPossible as reason:
        pytest.skip(str(reason))


@needs_strace
@pytest.mark.parametrize("fsync", ["always", "1s", "never"])
def test_when_it_syncs(fsync: str, serve: Serve, tmp_path: Path) -> None:
    """After every write; within a second of it; not at all."""
    log = tmp_path / "log"
    strace = ["strace", "-f", "--seccomp-bpf", "-ttt", "-o", str(log)]
    strace += ["-e", "trace=write,fdatasync", "-P", str(tmp_path / "out.jsonl")]

    def slow(visit: Visit) -> None:
        visit.shake_hands()
        for seq in range(5):
            if fsync == "1s":  # the last one comes after those before it had to be synced
                time.sleep(0.3 if seq < 4 else 1.4)
            visit.send_events([seq])
            wait_until_there_are(seq + 1)
        visit.stay()

    def wait_until_there_are(count: int) -> None:
        wait_until(lambda: read(tmp_path / "out.jsonl") == lines(range(count)))

    command = ["record", "out.jsonl", "--url", serve(slow).url(), "--fsync", fsync, "-c", "5"]
    subprocess.run(
        [*strace, installed(), *command],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DSSTAIL_KEY": f"stream={KEY}"},
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    calls = _calls(log)
    names = [name for _, name in calls]
    assert names.count("write") == 5
    if fsync == "never":
        assert "fdatasync" not in names
    elif fsync == "always":
        assert names[-10:] == ["write", "fdatasync"] * 5
    else:
        waits = [
            next(later for later, what in calls[at:] if what == "fdatasync") - moment
            for at, (moment, name) in enumerate(calls)
            if name == "write"
        ]
        assert max(waits) < 1.0
        assert names.count("fdatasync") < 6


@needs_strace
def test_a_segment_is_not_there_in_two_forms_while_these_are_compared(
    serve: Serve, tmp_path: Path
) -> None:
    """Who reads all files meanwhile would find its events twice."""
    log = tmp_path / "log"
    strace = ["strace", "-f", "--seccomp-bpf", "-o", str(log), "-e", "trace=read,rename,unlink"]
    arguments = ("--rotate-size", "5kB", "--compress", "gz", "-c", "50")
    url = serve(honest, newest=50).url()
    subprocess.run(
        [*strace, installed(), "record", "out.jsonl", "--url", url, *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DSSTAIL_KEY": f"stream={KEY}"},
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    *_, tidier = re.findall(r"(?m)^(\d+) +unlink", log.read_text())
    calls = re.findall(rf'(?m)^{tidier} +(\w+)\((?:.*"[^"]+\.(\w+)"\))?', log.read_text())
    compressed = [at for at, call in enumerate(calls) if call == ("rename", "gz")]
    assert compressed
    assert {calls[at + 1][0] for at in compressed} == {"unlink"}


def _calls(log: Path) -> list[tuple[float, str]]:
    found = re.findall(r"(?m)^\d+ +(\d+\.\d+) (\w+)\(", log.read_text())
    return [(float(moment), name) for moment, name in found]
