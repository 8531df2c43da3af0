"""The installed command as a user runs it: a process, its pipes, and what must not be in them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

MS = 0.001 * float(os.environ.get("DSSTAIL_TEST_SLOWNESS", "1"))
"""The unit of all times in tests, longer on slow machines."""

PATIENCE = 60_000 * MS
"""Seconds after which what should have happened will not happen."""

SOON = 6000 * MS
"""What should take less than a second may take so long on a busy machine."""

KEY = "5tre/m+k3y&%3ecr=et:0123456789abcdef"
"""A stream key that looks different wherever it is encoded."""


def installed() -> str:
    """The path of the `dsstail` that belongs to this Python."""
    found = shutil.which("dsstail", path=str(Path(sys.executable).parent))
    assert found is not None, "dsstail is not installed beside this Python"
    return found


def wait_until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait for something to become true, and fail after PATIENCE.

    The longer it takes the less often it looks, which takes the cores from what is waited for.
    """
    deadline = time.monotonic() + PATIENCE
    pause = MS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(pause)
        pause = min(1.25 * pause, 20 * MS)


def most_memory(*argv: str, ends_with: int = 0) -> int:
    """The most memory, in bytes, that this command takes until its end; its stdout is not kept.

    A small process starts it: the memory of the one that forks counts for its child, too.
    """
    script = (
        "import resource, subprocess, sys; "
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", script, *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, kibibytes = map(int, done.stdout.split())
    assert code == ends_with, done.stderr
    return kibibytes << 10


def assert_no_key(text: bytes, key: str, where: str) -> None:
    """No part of the key that is longer than a few characters is in `text`, however encoded."""
    forms = {key, quote(key), quote(key, safe=""), quote(key, safe="").lower()}
    parts = {form[at : at + 8] for form in forms for at in range(0, len(form) - 7, 8)}
    for part in {*parts, *forms}:
        assert part.encode() not in text, f"{part!r} of the key is in {where}: {text[-2000:]!r}"


def variables(
    directory: Path, key: str | None, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a command that is at home in this directory."""
    usual = {"PATH": os.defpath, "HOME": str(directory), "LANG": "C.UTF-8"}
    given = {} if key is None else {"DSSTAIL_KEY": f"stream={key}"}
    return {**usual, **given, **(more or {})}


@dataclass(frozen=True)
class Finished:
    """How the command ended."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()

    def assert_decent(self, key: str | None) -> None:
        """The key has leaked nowhere, and it did not crash."""
        if key is not None:
            assert_no_key(self.out, key, "stdout")
            assert_no_key(self.err.encode(), key, "stderr")
        assert "Traceback" not in self.err, self.err


class Command:
    """A running `dsstail`. Its output is collected, unless `stdout` says where it goes."""

    def __init__(
        self,
        *arguments: str,
        directory: Path,
        key: str | None = KEY,
        environment: Mapping[str, str] | None = None,
        stdin: int | IO[Any] = subprocess.DEVNULL,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> None:
        self.key = key
        self.process = subprocess.Popen(
            [installed(), *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE if stderr is None else stderr,
            cwd=directory,
            env=variables(directory, key, environment),
        )
        self.out = bytearray()
        self.err = bytearray()
        self._collectors = [
            threading.Thread(target=_collect, args=[pipe, into], daemon=True)
            for pipe, into in ((self.process.stdout, self.out), (self.process.stderr, self.err))
            if pipe is not None
        ]
        for collector in self._collectors:
            collector.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for_events(self, count: int) -> None:
        seen = looked_at = 0

        def enough() -> bool:
            nonlocal seen, looked_at
            size = len(self.out)
            seen += self.out.count(b"\n", looked_at, size)
            looked_at = size
            return seen >= count

        wait_until(enough, f"{count} events on stdout")

    def wait_for_report(self, text: str) -> None:
        """Wait for this text on stderr."""
        wanted, collector = text.encode(), self._collectors[-1]
        with contextlib.suppress(AssertionError):
            wait_until(lambda: wanted in self.err or not collector.is_alive())
        assert wanted in self.err, f"no {text!r} in {self.err.decode()!r}"

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def finish(self) -> Finished:
        """Wait for the end of the process; the key must have leaked nowhere."""
        self._look_at_title()
        for collector in self._collectors:  # first, since `wait` looks but twenty times a second
            collector.join(PATIENCE)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running: {bytes(self.err).decode()!r}") from None
        finished = Finished(code, bytes(self.out), bytes(self.err).decode())
        finished.assert_decent(self.key)
        return finished

    def end_soon(self, number: signal.Signals = signal.SIGINT) -> Finished:
        """Interrupt it, and see it end within the two seconds that a person waits."""
        started = time.monotonic()
        self.interrupt(number)
        finished = self.finish()
        assert time.monotonic() - started < 2 + SOON
        return finished

    def stop(self) -> Finished:
        """Interrupt it, and see it end well."""
        self.interrupt()
        finished = self.finish()
        assert finished.code == 0, finished.err
        return finished

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for collector in self._collectors:
            collector.join()

    def memory(self, what: str = "VmHWM") -> int:
        """The most memory that the process had so far, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith(f"{what}:")]
        return int(line.split()[1]) * 1024

    def sleeps(self) -> bool:
        """Whether the main thread waits for something."""
        return self._state() == "S"

    def is_stopped(self) -> bool:
        """Whether SIGSTOP has been obeyed."""
        return self._state() == "T"

    def _state(self) -> str:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return status.partition("\nState:\t")[2][0]

    def _look_at_title(self) -> None:
        title = Path(f"/proc/{self.pid}/cmdline")
        if self.key is not None and title.exists():
            assert_no_key(title.read_bytes(), self.key, "the process title")
        for name in Path(f"/proc/{self.pid}/task").glob("*/comm"):
            try:
                text = name.read_bytes()
            except OSError:
                continue  # the thread has ended
            if self.key is not None:
                assert_no_key(text, self.key, "the name of a thread")


def read_slowly(pipe: int, command: Command) -> bytes:
    """All that comes through a pipe, read slowly while the command is there; it is closed."""
    out = b""
    while part := os.read(pipe, 1 << 12):
        out += part
        if command.process.poll() is None:
            time.sleep(0.05)
    os.close(pipe)
    return out


def _collect(pipe: IO[bytes], into: bytearray) -> None:
    with pipe:
        while data := os.read(pipe.fileno(), 1 << 16):
            into.extend(data)
