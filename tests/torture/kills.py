"""`kill -9` at random instants, over and over, while the service breaks every connection.

In the end every event is there once and in order, whatever the recorder was doing: writing,
rotating, compressing, removing, healing, reading the end of the file.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from command import Command, wait_until

from torture.service import Service, difference, recorded, untidy

SHARED = ("-k", "in=key-of-in", "-k", "out=key-of-out")
"""Options for two streams in one file."""

LONGEST = 0.15
"""Seconds that a recorder lives at most after it began to write."""


def kill_again_and_again(
    directory: Path, kills: int, options: Sequence[str], *, seed: int
) -> str | None:
    """What is wrong with the recording after so many kills, None if nothing is."""
    choose = random.Random(seed)
    with Service(rate=2000, longest=0.5, seed=seed) as service:
        arguments = ("record", "out.jsonl", "--url", service.url, *options)
        for _ in range(kills):
            told = _record_until_killed(arguments, directory, choose.uniform(0, LONGEST))
            if "error" in told or "Traceback" in told:
                return told
        return complete(service, directory, arguments)


def complete(service: Service, directory: Path, arguments: Sequence[str]) -> str | None:
    """Have a recording brought to its end in peace; what is wrong with it then."""
    service.finish()
    last = b'{"seq":"%d",' % (service.produced - 1)
    streams = 2 if SHARED[1] in arguments else 1
    command = Command(*arguments, directory=directory)
    seen: list[tuple[str, int]] = []

    def is_there() -> bool:
        """Looked for only where nothing has changed, or looking would take the recorder's time."""
        before, seen[:] = seen[:], _state(directory)
        return seen == before and _live(directory).count(last) == streams

    try:
        wait_until(is_there, "the last event")
        command.interrupt(signal.SIGTERM)  # a shell's background job is deaf to SIGINT
        assert command.finish().code == 0
    finally:
        command.kill()
    # With time enough, what was left of rotation is finished, too.
    assert Command(*arguments, "--duration", "200ms", directory=directory).finish().code == 0
    if "--compress" in arguments and (left := untidy(directory)):
        return f"left behind: {left}"
    if SHARED[1] not in arguments:
        return difference(recorded(directory), range(service.produced))
    for member in (b',"_dsstail":{"stream":"in"}}', b',"_dsstail":{"stream":"out"}}'):
        own = (line.replace(member, b"}") for line in recorded(directory) if member in line)
        if (wrong := difference(own, range(service.produced))) is not None:
            return wrong
    return None


def _record_until_killed(arguments: Sequence[str], directory: Path, seconds: float) -> str:
    """Kill a recorder so long after it changed a file; what it told."""
    before = _state(directory)
    command = Command(*arguments, directory=directory)
    try:
        wait_until(lambda: _state(directory) != before, "a change")
        time.sleep(seconds)
    finally:
        command.kill()
    return command.err.decode()


def _state(directory: Path) -> list[tuple[str, int]]:
    """The files and their sizes."""
    state = []
    for path in directory.iterdir():
        try:
            state.append((path.name, path.stat().st_size))
        except FileNotFoundError:  # renamed or removed meanwhile
            state.append((path.name, -1))
    return sorted(state)


def _live(directory: Path) -> bytes:
    try:
        return (directory / "out.jsonl").read_bytes()
    except FileNotFoundError:  # for an instant, while it is rotated
        return b""
