"""System calls that fail, or during which the process is killed, by strace's fault injection.

Whichever call it is: what is recorded is whole, the error names the last event of it, and the
next start brings the rest, each event once and in order.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from command import KEY, PATIENCE, installed
from scenarios import Server, event, honest, lines

from torture.service import difference, recorded, untidy

EVENTS = 400
SEGMENT = 50_000
"""Bytes; all events make five segments."""

SEGMENTS = [f"out.20170312T210124.{number:03}Z.jsonl" for number in range(5)]

LIVE = ("out.jsonl", ".")
"""What recording and rotating touch; `.` is the directory."""

PACKED = tuple(name for plain in SEGMENTS for name in (plain, f"{plain}.gz.part", f"{plain}.gz"))
"""What compressing touches."""

CALLS = {
    LIVE: ("openat", "%%stat", "read", "write", "fdatasync", "fsync", "rename", "ftruncate"),
    PACKED: (
        *("openat", "%%stat", "read", "write", "fdatasync", "chmod", "utimensat"),
        *("rename", "unlink"),
    ),
}
"""What is done to them."""


@dataclass(frozen=True)
class Fault:
    """The n-th call of a kind on some of the files, and what happens to it."""

    call: str
    number: int
    what: str
    """An error's name, or KILL."""
    paths: tuple[str, ...] = LIVE

    def __str__(self) -> str:
        return f"{self.what} at {self.call} {self.number} of {self.paths[0]}"

    def injection(self) -> str:
        what = "signal=KILL" if self.what == "KILL" else f"error={self.what}"
        return f"inject={self.call}:{what}:when={self.number}"


@dataclass(frozen=True)
class Verdict:
    """Whether the fault came to pass, and what is wrong with the recording, if anything is."""

    fired: bool
    wrong: str | None


def can_inject() -> bool:
    """Whether there is an strace, and it may trace."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    tried = subprocess.run([strace, "-o", os.devnull, "true"], check=False, capture_output=True)
    return tried.returncode == 0


def judge(directory: Path, fault: Fault) -> Verdict:
    """Record, meet the fault, record again. The recording begins with an event and half of one."""
    log = directory / "strace.log"
    live = directory / "out.jsonl"
    live.write_bytes(lines([0]) + event(1)[:100])
    with Server(honest, newest=EVENTS - 1) as server:
        ended = _record(directory, server, EVENTS - 1, fault, log)
        fired = "INJECTED" in log.read_text() or "SIGKILL" in log.read_text()
        if (wrong := _judge_end(directory, ended, fault)) is None:
            missing = EVENTS - len(list(recorded(directory, may_be_torn=True)))
            again = _record(directory, server, missing)
            wrong = None if again.returncode == 0 else f"the next start: {again.stderr.decode()}"
    if wrong is None:
        wrong = difference(recorded(directory), range(EVENTS))
    if wrong is None and (left := untidy(directory)):
        wrong = f"left behind: {left}"
    return Verdict(fired, wrong)


def _judge_end(
    directory: Path, ended: subprocess.CompletedProcess[bytes], fault: Fault
) -> str | None:
    """What is wrong with how the recorder ended that met the fault."""
    told = ended.stderr.decode()
    if (fault.what == "KILL" and ended.returncode == -9) or "error: cannot open" in told:
        return None  # it may still end within a line
    come = list(recorded(directory))
    if (wrong := difference(come, range(len(come)))) is not None:
        return wrong
    if ended.returncode == 0:
        return None if len(come) == EVENTS else f"no error, and {len(come)} events"
    if ended.returncode != 6 or "Traceback" in told:
        return f"exit code {ended.returncode}: {told}"
    named = re.search(r"(?:ends cleanly at|recorded is) seq (\d+)\.", told)
    if named is not None and come[-1] != event(int(named[1])):
        return f"{named[0]} and the recording ends with {come[-1][:20]!r}"
    if named is None and len(come) > 1:
        return f"no seq in {told!r}"
    return None


def _record(
    directory: Path,
    server: Server,
    count: int,
    fault: Fault | None = None,
    log: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Record so many events; none, and it only finishes what was left of rotation."""
    strace: list[str] = []
    if fault is not None:
        strace = ["strace", "-f", "-o", str(log), "-e", f"trace={fault.call}"]
        strace += ["-e", fault.injection()]
        if fault.what != "KILL":
            strace.append("--seccomp-bpf")  # faster, but then no signal is injected
        for path in fault.paths:
            strace += ["-P", str(directory / path) if path != "." else str(directory)]
    until = ["--count", f"{count}"] if count else ["--duration", "50ms"]
    options = ["--rotate-size", f"{SEGMENT}", "--compress", "gz", *until]
    return subprocess.run(
        [*strace, installed(), "record", "out.jsonl", "--url", server.url(), *options],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "DSSTAIL_KEY": f"stream={KEY}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def sweep(work: Path, most: int) -> tuple[int, str | None]:
    """Every call of every kind up to the `most`-th, in every way: how many, and what is wrong."""
    fired = 0
    for paths, calls in CALLS.items():
        for call, what in product(calls, ("KILL", "EIO", "ENOSPC")):
            for number in range(1, most + 1):
                fault = Fault(call, number, what, paths)
                directory = Path(tempfile.mkdtemp(dir=work))
                verdict = judge(directory, fault)
                if verdict.wrong is not None:
                    return fired, f"{fault}: {verdict.wrong}"
                shutil.rmtree(directory)
                if not verdict.fired:
                    break
                fired += 1
    return fired, None
