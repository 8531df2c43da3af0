"""How fast a gigabyte of recorded events is read again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.measuring import Program, duration
from bench.racing import receive
from bench.receivers import DSSTAIL, HERE, Receivers, has_command
from bench.rows import Row, skipped
from bench.turns import in_turns, slower


def reading(receivers: Receivers, directory: Path, rounds: int) -> Iterator[Row]:
    """`show` and `stats` against the least that reading takes; `show -n` against a short file."""
    long, short = directory / "long.jsonl", directory / "short.jsonl"
    receive(receivers.service, receivers.json(times=2, file=long))
    size = long.stat().st_size
    with long.open("rb") as whole:
        short.write_bytes(b"".join(whole.readline() for _ in range(1000)))
    last = ("-n", "10", "-o", "json")
    programs = {"loads": Program([sys.executable, HERE / "lines.py", long])}
    if has_command("show"):
        programs["show"] = Program([DSSTAIL, "show", long, "-o", "json"], expected=size)
        programs["last of long"] = Program([DSSTAIL, "show", long, *last])
        programs["last of short"] = Program([DSSTAIL, "show", short, *last])
    if has_command("stats"):
        programs["stats"] = Program([DSSTAIL, "stats", long])
    seconds = in_turns({name: partial(duration, it) for name, it in programs.items()}, rounds)
    comparisons = (
        ("show", "loads", 1.5, "`show`", "`orjson.loads`"),
        ("stats", "loads", 3.0, "`stats`", "`orjson.loads`"),
        ("last of long", "last of short", 1.2, "`show -n 10`", "of 1,000 events"),
    )
    for name, other, goal, work, of in comparisons:
        work = f"{work} of {size / 1e9:.1f} GB"
        if name in programs:
            yield slower(seconds, name, other, goal, work, of)
        else:
            yield skipped(work)
