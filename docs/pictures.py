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
from collections.abc import Callable
from datetime import UTC, datetime
from math import sin, tau
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from dsstail.simulator import EVENT_TYPES, Simulator, SimulatorSettings
from dsstail.simulator.devices import Fleet

HERE = Path(__file__).parent
DSSTAIL = Path(sys.executable).with_name("dsstail")
COLUMNS, ROWS = 100, 26


def tail() -> str:
    return printed("demo", "--count", "24", "--rate", "40", "--output", "text", "--quiet")


def watch() -> str:
    """A live stream with two keys, after it has run for a while."""
    settings = SimulatorSettings(devices=16, rate=14.0, seed=11, heartbeat_every=3.0, history=200)
    with Simulator(settings) as simulator:
        keys = ["-k", "fleet=9f86d081884c7d65", "-k", "lab=60303ae22b998861"]
        return screen(20.0, "watch", "--url", simulator.url, *keys)


def stats() -> str:
    """Two days of made-up devices, which are busier in the evening than at night."""
    fleet = Fleet(devices=12, event_types=EVENT_TYPES, seed=4, key="")
    with TemporaryDirectory() as directory:
        with Path(directory, "field.jsonl").open("wb") as recording:
            start = int(datetime(2026, 11, 24, 5, tzinfo=UTC).timestamp())
            for second in range(48 * 3600):
                busy = 0.6 + 0.5 * sin(tau * second / 86400) + 0.2 * sin(tau * second / 9000)
                if second % max(round(2 / busy), 1) == 0:
                    recording.write(fleet.next(start + second)[1] + b"\n")
        return printed("stats", "field.jsonl", "--top", "4", "--utc", directory=directory)


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
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execve(DSSTAIL, ["dsstail", *words], {**os.environ, "TERM": "xterm-256color"})
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = b""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            written += os.read(descriptor, 1 << 16)
    os.write(descriptor, b"q")
    os.waitpid(pid, 0)
    drawn = re.split(r"\x1b\[(\d+);1H\x1b\[2K", written.decode(errors="ignore"))
    lines = dict(zip(map(int, drawn[1::2]), drawn[2::2], strict=True))
    return "\n".join(lines[row] for row in sorted(lines))


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
