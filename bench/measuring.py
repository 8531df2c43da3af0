"""Run a program, and measure what it takes until its output is complete."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 600.0
"""Seconds after which a program has failed."""

GLANCE = 0.002
"""Seconds between two looks at a growing file."""


Argv = Sequence[str | Path]


@dataclass(frozen=True)
class Program:
    """What to run, and when it has done its work: with `expected` bytes written, or at its end.

    `file` is where its output goes: through stdout, unless it `opens` the file itself. Without a
    file it writes into a pipe, which is emptied. `environment` is added to ours.
    """

    argv: Argv
    expected: int | None = None
    file: Path | None = None
    opens: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """Times of the steady clock, CPU seconds of the whole process, bytes of memory at its peak."""

    started: float
    ended: float
    cpu: float
    peak: int


class Failed(Exception):
    """A program did not do its work."""


@contextmanager
def running(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    """The program as a process, which is killed at the end where it still runs.

    Its stdin stays open and empty, because websocat ends when it is closed.
    """
    if program.file is not None:
        program.file.unlink(missing_ok=True)
    with tempfile.TemporaryFile() as errors, open(program.file or os.devnull, "ab") as out:
        process = subprocess.Popen(
            program.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if program.file is None else out,
            stderr=errors,
            env={**os.environ, **program.environment},
        )
        try:
            yield process
        except Failed as failure:
            errors.seek(0)
            said = errors.read()[-1000:].decode(errors="replace")
            raise Failed(f"{' '.join(map(str, program.argv))}: {failure}\n{said}") from None
        finally:
            if process.returncode is None:
                process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()


def run(program: Program) -> Run:
    """Run a program until it is done, and end it where it does not end by itself.

    Raises Failed when it wrote another number of bytes than expected, or ended badly.
    """
    started = time.monotonic()
    with running(program) as process:
        written = _follow(program, process)
        ended, peak = time.monotonic(), _peak_memory(process.pid)
        if program.expected is not None:
            os.kill(process.pid, signal.SIGTERM)  # not terminate(), which would reap it
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if program.expected is None:
            ended = time.monotonic()
        elif written != program.expected:
            raise Failed(f"it wrote {written} bytes, not {program.expected}")
        if process.returncode not in (0, -signal.SIGTERM):
            raise Failed(f"exit code {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Run(started, ended, cpu, peak or usage.ru_maxrss * 1024)


def duration(program: Program) -> float:
    """Seconds until a program is done."""
    done = run(program)
    return done.ended - done.started


def _follow(program: Program, process: subprocess.Popen[bytes]) -> int:
    """Wait until the program is done or has ended; return how much it has written."""
    if program.file is None:
        return _empty(process, program.expected)
    deadline = time.monotonic() + PATIENCE
    while not _has_ended(process) and time.monotonic() < deadline:
        if program.expected is not None and _size(program.file) >= program.expected:
            break
        time.sleep(GLANCE)
    return _size(program.file)


def _empty(process: subprocess.Popen[bytes], expected: int | None) -> int:
    """Take what comes through the pipe to nowhere, without copying it where the system can."""
    assert process.stdout is not None
    source, taken = process.stdout.fileno(), 0
    with open(os.devnull, "wb", buffering=0) as nowhere:
        while expected is None or taken < expected:
            if hasattr(os, "splice"):
                size = os.splice(source, nowhere.fileno(), 1 << 20)
            else:
                size = len(os.read(source, 1 << 16))
            if size == 0:
                break
            taken += size
    return taken


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended, leaving it to `wait4` to tell what it took."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _peak_memory(pid: int) -> int:
    """0 where the system does not tell, or does not any more."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
