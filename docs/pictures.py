"""Draw the pictures of the README from what the installed command shows: `make pictures`."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from math import inf, sin, tau
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from dsstail.messages import Event
from dsstail.simulator import EVENT_TYPES, Simulator, SimulatorSettings
from dsstail.simulator.devices import Fleet

HERE = Path(__file__).parent
DSSTAIL = Path(sys.executable).with_name("dsstail")
COLUMNS, ROWS = 100, 24


def tail() -> str:
    """Events of devices whose values are known by then, so that each line tells what is new."""
    seen = shown("demo", "--count", "687", "--rate", "20", "--quiet")
    return "\n".join(seen.decode().splitlines()[-ROWS:])


def watch() -> str:
    """Two live streams after they have run for a while, on a network that breaks now and then."""
    settings = SimulatorSettings(
        devices=16, rate=14.0, seed=11, heartbeat_every=3.0, history=200, drop_every=8.0
    )
    with Simulator(settings) as simulator:
        keys = ["-k", "fleet=9f86d081884c7d65", "-k", "lab=60303ae22b998861"]
        return screen(20.0, "watch", "--url", simulator.url, *keys)


def stats() -> str:
    """Two days of made-up devices, which are busier by day than at night."""
    with TemporaryDirectory() as directory:
        Path(directory, "field.jsonl").write_bytes(b"".join(two_days()))
        return printed("stats", "field.jsonl", "--top", "4", "--utc", directory=directory)


def two_days() -> Iterator[bytes]:
    """Lines of a recording. Made-up devices go away all the time; here they do so for hours."""
    fleet = Fleet(devices=12, event_types=EVENT_TYPES, seed=4, key="")
    chance = Random(4)
    start = int(datetime(2026, 11, 24, 5, tzinfo=UTC).timestamp())
    away: dict[str, float] = {}
    numbers = count(1)
    for second in range(48 * 3600):
        busy = 0.4 + 0.3 * sin(tau * second / 86400) + 0.05 * sin(tau * second / 9000)
        if chance.random() > busy:
            continue
        event = Event(fleet.next(start + second)[1])
        back = away.get(event.dsn)
        if event.event_type == "connectivity":
            if back is None and chance.random() < 0.012:
                away[event.dsn] = second + chance.expovariate(1 / 5400)
            elif back is not None and second > back:
                del away[event.dsn]
            else:
                continue
            status = b"Offline" if event.dsn in away else b"Online"
            yield re.sub(rb"O(?:ff|n)line", status, numbered(event.text, next(numbers)))
        elif back is None:
            yield numbered(event.text, next(numbers))


def numbered(text: bytes, seq: int) -> bytes:
    """An event of the fleet with another number, as a line."""
    return b'{"seq":"%d"%s\n' % (seq, text[text.index(b",") :])


def printed(*words: str, directory: str = ".") -> str:
    """What a command prints that is run in a directory."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    return subprocess.run(
        [DSSTAIL, *words],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=environment,
        cwd=directory,
        check=True,
    ).stdout


def screen(seconds: float, *words: str) -> str:
    """What a command shows on a terminal after so many seconds, each line drawn as a whole."""
    drawn = re.split(
        r"\x1b\[(\d+);1H\x1b\[2K", shown(*words, seconds=seconds).decode(errors="ignore")
    )
    lines = dict(zip(map(int, drawn[1::2]), drawn[2::2], strict=True))
    return "\n".join(lines[row] for row in sorted(lines))


def shown(*words: str, seconds: float = inf) -> bytes:
    """What a command writes to a terminal until it ends, or in so many seconds."""
    pid, descriptor = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execve(DSSTAIL, ["dsstail", *words], {**os.environ, "TERM": "xterm-256color"})
    written = b""
    until = time.monotonic() + seconds
    with suppress(OSError):  # what Linux says when the command has ended
        while (left := until - time.monotonic()) > 0:
            if select.select([descriptor], [], [], min(left, 1))[0]:
                written += os.read(descriptor, 1 << 16)
        os.write(descriptor, b"q")
    os.waitpid(pid, 0)
    return written


PICTURES: dict[str, tuple[str, Callable[[], str]]] = {
    "tail": ("dsstail demo", tail),
    "watch": ("dsstail watch", watch),
    "stats": ("dsstail stats field.jsonl", stats),
}
"""Each picture: the command line that it shows, and what is seen after that."""


def draw(name: str) -> None:
    title, seen = PICTURES[name]
    with open(os.devnull, "w") as nowhere:
        text = Text.from_ansi(seen().rstrip("\n"), no_wrap=True)
        width = max(map(cell_len, text.plain.splitlines()))
        console = Console(record=True, width=width, file=nowhere, force_terminal=True)
        console.print(text)
        console.save_svg(str(HERE / f"{name}.svg"), title=title, theme=MONOKAI)


if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        draw(name)
