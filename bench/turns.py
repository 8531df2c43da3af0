"""Things that take their time, done in turns, and how their durations compare."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

from bench.rows import Row, Spread, at_most

Durations = Mapping[str, list[float]]
"""Seconds that each thing took, round by round."""


def in_turns(actions: Mapping[str, Callable[[], float]], rounds: int) -> Durations:
    """What each action returns, `rounds` times."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            seconds[name].append(action())
    return seconds


def slower(durations: Durations, name: str, other: str, goal: float, work: str, of: str) -> Row:
    """A row for how many times as long `name` takes as `other`, which is described by `of`."""
    pairs = zip(durations[name], durations[other], strict=True)
    ratio = Spread.of([ours / theirs for ours, theirs in pairs])
    figures = " against ".join(
        spoken(statistics.median(durations[which])) for which in (name, other)
    )
    return at_most(work, goal, ratio, of, figures)


def spoken(seconds: float) -> str:
    """With three digits or so: `83 µs`, `112 ms`, `1.52 s`."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
