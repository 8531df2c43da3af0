"""The power cut: an ext4 that stops at a random instant, with all that it still had to write.

Nothing that was synced is lost, at most a second of events is, and the next start brings them.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Sequence
from pathlib import Path

from command import Command, wait_until

from torture.disks import Ext4
from torture.kills import complete
from torture.service import Service, difference, recorded

AT_RISK = 1.0
"""Seconds of events that a power cut may cost with `--fsync 1s`."""

GLANCE = 0.01
"""Seconds between two looks at how far the recording is."""


def cut_power_again_and_again(
    work: Path, cuts: int, fsync: str, options: Sequence[str], *, seed: int
) -> str | None:
    """What is wrong after so many power cuts, None if nothing is. Raises NotPossible."""
    choose = random.Random(seed)
    mounted = work / "mounted"
    mounted.mkdir()
    with Ext4(work / "image", mounted) as disk, Service(rate=1000, longest=5, seed=seed) as service:
        directory = mounted / "recording"
        directory.mkdir()
        os.sync()
        arguments = ("record", "out.jsonl", "--url", service.url, "--fsync", fsync, *options)
        for _ in range(cuts):
            command = Command(*arguments, directory=directory)
            try:
                seen = _watch(command, directory, choose.uniform(0.5, 2.5))
                disk.cut_power()
                cut_at = time.monotonic()
            finally:
                command.kill()
            disk.power_up()
            lines = list(recorded(directory, may_be_torn=True))
            if (wrong := difference(lines, range(len(lines)))) is not None:
                return wrong
            safe = _safe(seen, cut_at, fsync)
            if len(lines) <= safe:
                return f"of the events up to {safe}, which were safe, there are {len(lines)}"
        return complete(service, directory, arguments)


def _safe(seen: list[tuple[float, int]], cut_at: float, fsync: str) -> int:
    """The last number that has to be there, from what was seen of the recording, and when."""
    if fsync == "always":
        # What the last write brought was perhaps not synced yet; the one before it was.
        return max((seq for _, seq in seen if seq < seen[-1][1]), default=-1)
    return max((seq for at, seq in seen if at < cut_at - AT_RISK), default=-1)


def _watch(command: Command, directory: Path, seconds: float) -> list[tuple[float, int]]:
    """Look at the end of the recording, for so long after it began to grow."""
    before = _last(directory)
    try:
        wait_until(lambda: _last(directory) != before, "an event")
    except AssertionError as failure:
        failure.add_note(command.err.decode())
        raise
    until = time.monotonic() + seconds
    seen = []
    while (now := time.monotonic()) < until:
        if (last := _last(directory)) is not None:
            seen.append((now, last))
        time.sleep(GLANCE)
    return seen


def _last(directory: Path) -> int | None:
    """The number of the last event in the live file, None where none is."""
    try:
        with (directory / "out.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 2000))
            found = re.findall(rb'\{"seq":"(\d+)"[^\n]*\n', file.read())
    except FileNotFoundError:
        return None
    return int(found[-1]) if found else None
