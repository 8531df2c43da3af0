"""Prove that nothing is lost: dsstail against a service that breaks every connection, for long.

`make soak MINUTES=…` runs this. It starts the installed `dsstail -o json` with several keys as a
process, lets `soak_server` do its worst, and compares every line of the output with the event that
has to come next in its stream, byte for byte. Then it looks at the summary, at stderr and at the
memory. Exits with 1, and says what differs, if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from command import installed
from soak_server import Server, Subscription

NAMES = ("connectivity", "datapoint", "ack", "location")

IDLE_TIMEOUT = 3
"""Seconds; the service sends a heartbeat each second."""

CATCH_UP = 60.0
"""Seconds after the last event in which everything has to arrive."""

MEMORY = 200 << 20
"""Bytes that dsstail may take, and never more."""

GROWTH = 16 << 20
"""Bytes by which the last quarter's mean may exceed the second's; what a stream remembers of its
last half million events grows by 4 MiB at most."""

LONGEST_LINE = 128 << 10
"""Bytes; twice as many are read ahead, so that a pause in reading fills the pipe soon."""


class Difference(Exception):
    """The output is not what the service sent."""


class Judge:
    """Compares the lines of `dsstail -o json` with what has to come next in each stream."""

    def __init__(self, subscriptions: dict[str, Subscription]) -> None:
        self.subscriptions = subscriptions
        self.next = {name: each.first for name, each in subscriptions.items()}

    def take(self, line: bytes) -> None:
        """Raises Difference where the line is not the next event of its stream."""
        _, _, name = line.rpartition(b',"_dsstail":{"stream":"')
        stream = name.removesuffix(b'"}}\n').decode(errors="replace")
        if stream not in self.next:
            raise Difference(f"a line of no stream: {line[:200]!r}")
        seq = self.next[stream]
        text = self.subscriptions[stream].text(seq)
        expected = text[:-1] + b',"_dsstail":{"stream":"%s"}}\n' % stream.encode()
        if line != expected:
            raise Difference(_difference(f"{stream} {seq}", expected, line))
        self.next[stream] += 1

    @property
    def missing(self) -> dict[str, range]:
        """What was produced and has not come, by stream."""
        return {
            name: range(self.next[name], each.produced)
            for name, each in self.subscriptions.items()
            if self.next[name] != each.produced
        }

    @property
    def events(self) -> int:
        return sum(self.next[name] - each.first for name, each in self.subscriptions.items())


def _difference(what: str, expected: bytes, came: bytes) -> str:
    same = next(
        (n for n, (a, b) in enumerate(zip(expected, came, strict=False)) if a != b),
        min(len(expected), len(came)),
    )
    shown = slice(max(0, same - 60), same + 60)
    head = f"--- expected: {what}\n+++ came\n@@ byte {same} @@"
    return f"{head}\n-{expected[:60]!r} … {expected[shown]!r}\n+{came[:60]!r} … {came[shown]!r}"


class Watch:
    """One dsstail process: its output goes to the judge, its stderr and memory are looked at."""

    def __init__(self, process: asyncio.subprocess.Process, judge: Judge, keys: list[str]) -> None:
        self.problems: list[str] = []
        self.told: list[str] = []  # on stderr
        self.memory: list[int] = []  # bytes, four times a second
        self._process = process
        self._judge = judge
        self._keys = keys

    async def read_output(self, choose: random.Random) -> None:
        """Judge every line, and stop reading for a while now and then."""
        assert self._process.stdout is not None
        pause_at = time.monotonic() + choose.uniform(3, 10)
        async for line in self._process.stdout:
            self._judge.take(line)
            if time.monotonic() >= pause_at:
                await asyncio.sleep(choose.uniform(0.5, 2))
                pause_at = time.monotonic() + choose.uniform(3, 10)

    async def discard_output(self) -> None:
        assert self._process.stdout is not None
        while await self._process.stdout.read(LONGEST_LINE):
            pass

    async def read_errors(self) -> None:
        """What is told must be neither an error, nor dangerous, nor a secret."""
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            told = line.decode().removesuffix("\n")
            self.told.append(told)
            if told.startswith(("error", "Traceback")) or not told.isprintable():
                self.problems.append(f"stderr: {told!r}")
            if any(key in told for key in self._keys):
                self.problems.append("a key on stderr")

    async def measure(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status")
        with contextlib.suppress(OSError):
            while found := re.search(r"VmRSS:\s*(\d+) kB", status.read_text()):
                self.memory.append(int(found[1]) << 10)
                await asyncio.sleep(0.25)

    def judge_end(self, reconnects: int) -> Iterator[str]:
        """What is wrong with how dsstail ended: code, summary, memory."""
        if self._process.returncode != 0:
            yield f"exit code {self._process.returncode}"
        summary = self.told[-1] if self.told else ""
        expected = rf"{self._judge.events} events, {reconnects} reconnects?, 0 gaps, \d+ malformed"
        if not re.match(expected, summary):
            yield f"summary {summary!r} does not match {expected!r}"
        if self.memory and max(self.memory) > MEMORY:
            yield f"{max(self.memory) >> 20} MiB of memory"
        _, second, _, last = self.quarters
        if last - second > GROWTH:
            yield f"memory grew by {(last - second) >> 20} MiB"

    @property
    def quarters(self) -> list[int]:
        """The mean memory of each quarter of the time."""
        size = max(1, len(self.memory) // 4)
        parts = [self.memory[at : at + size] for at in range(0, 4 * size, size)]
        return [sum(part) // max(1, len(part)) for part in parts]


async def soak(seconds: float, rate: float, seed: int) -> list[str]:
    """Run dsstail for so long; tell what happened, and return what went wrong."""
    choose = random.Random(seed)
    keys = [f"{choose.getrandbits(128):032x}" for _ in NAMES]
    server = Server(keys, rate=rate, seed=seed)
    judge = Judge(dict(zip(NAMES, server.subscriptions.values(), strict=True)))
    async with server.listening() as port, _dsstail(port, keys) as process:
        watch = Watch(process, judge, keys)
        reading = asyncio.create_task(watch.read_output(choose))
        others = [asyncio.create_task(watch.read_errors()), asyncio.create_task(watch.measure())]
        await asyncio.wait({reading}, timeout=seconds)
        server.finish()
        deadline = time.monotonic() + CATCH_UP
        while judge.missing and not reading.done() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        if reading.done():  # at a difference: what is left has to leave the pipe all the same
            others.append(asyncio.create_task(watch.discard_output()))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        ended = await asyncio.gather(reading, *others, process.wait(), return_exceptions=True)
    problems = [str(failure) for failure in ended if isinstance(failure, BaseException)]
    problems += [f"{name}: missing {gap}" for name, gap in judge.missing.items()]
    problems += server.problems + watch.problems
    problems += watch.judge_end(server.counts["live connections"] - len(NAMES))
    _tell(server, judge, watch)
    if problems:
        print("stderr ended with", *watch.told[-20:], sep="\n  ")
    return problems


@contextlib.asynccontextmanager
async def _dsstail(port: int, keys: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The installed command, killed at the end if it still runs."""
    with tempfile.NamedTemporaryFile("w") as key_file:
        key_file.writelines(f"{name}={key}\n" for name, key in zip(NAMES, keys, strict=True))
        key_file.flush()
        process = await asyncio.create_subprocess_exec(
            installed(),
            *("--url", f"ws://127.0.0.1:{port}/stream", "--key-file", key_file.name),
            *("--output", "json", "--idle-timeout", f"{IDLE_TIMEOUT}s"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _tell(server: Server, judge: Judge, watch: Watch) -> None:
    print(f"{judge.events} events, once and in order, in {len(NAMES)} streams")
    for what, count in sorted(server.counts.items()):
        print(f"{count:8} {what}")
    print(f"slowest answer to a heartbeat: {server.slowest_answer:.3f} s")
    if watch.memory:
        means = ", ".join(f"{mean / (1 << 20):.1f}" for mean in watch.quarters)
        print(f"memory: {max(watch.memory) / (1 << 20):.1f} MiB at most; by quarter {means}")
    print("dsstail:", *watch.told[-1:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=500.0, help="events a second and stream")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{arguments.minutes:g} min with seed {arguments.seed}", flush=True)
    problems = asyncio.run(soak(arguments.minutes * 60, arguments.rate, arguments.seed))
    for problem, times in Counter(problems).items():
        print(f"FAILED ({times} times): {problem}" if times > 1 else f"FAILED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
