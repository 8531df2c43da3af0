"""A disk that is full, again and again, a little later each time."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

from command import Command

from torture.disks import resize, small_disk
from torture.kills import complete
from torture.service import Service, difference, recorded


def fill_again_and_again(
    work: Path, times: int, options: Sequence[str], *, seed: int
) -> str | None:
    """What is wrong after a disk was full so many times, None if nothing is."""
    choose = random.Random(seed)
    directory = work / "disk"
    directory.mkdir()
    with (
        small_disk(directory, "64k"),
        Service(rate=2000, longest=0.5, seed=seed) as service,
    ):
        arguments = ("record", "out.jsonl", "--url", service.url, *options)
        size = 64
        for _ in range(times):
            ended = Command(*arguments, directory=directory).finish()
            lines = list(recorded(directory))
            named = re.search(r"error: .*disk full.* seq (\d+)\.", ended.err)
            if ended.code != 6 or named is None or int(named[1]) != len(lines) - 1:
                return f"code {ended.code} after {len(lines)} events: {ended.err}"
            if (wrong := difference(lines, range(len(lines)))) is not None:
                return wrong
            size += choose.randint(1, 300)
            resize(directory, f"{size}k")
        resize(directory, "1g")
        return complete(service, directory, arguments)
