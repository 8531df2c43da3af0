"""Several receivers of the same events, run in turns, and what each of them reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.measuring import Failed, Program, run
from bench.rows import Spread
from bench.service import Service


@dataclass(frozen=True)
class Receiver:
    """A program that receives `events` in all, through so many connections."""

    program: Program
    events: int
    connections: int = 1
    heartbeats: int | None = None
    """How many it has to answer; None for those that answer none."""


@dataclass(frozen=True)
class Score:
    """What one run reached, from the first event sent to the last byte of output."""

    rate: float
    """Events a second."""
    cpu: float
    """CPU seconds for a million events, start-up included."""
    peak: float
    """Bytes."""


class Scores:
    """The scores of every receiver, round by round."""

    def __init__(self, scores: Mapping[str, list[Score]]) -> None:
        self._scores = scores

    def __contains__(self, name: str) -> bool:
        return name in self._scores

    def each(self, name: str, of: Callable[[Score], float]) -> Spread:
        return Spread.of([of(score) for score in self._scores[name]])

    def ratio(self, name: str, other: str, of: Callable[[Score], float]) -> Spread:
        """How many times as much `name` reached as `other` did in the same round."""
        rounds = zip(self._scores[name], self._scores[other], strict=True)
        return Spread.of([of(score) / of(compared) for score, compared in rounds])

    def figures(self, *names: str) -> str:
        """The medians behind a ratio: events a second, and CPU seconds a million."""
        return " against ".join(
            f"{self.each(name, by_rate).median:,.0f}/s ({self.each(name, by_cpu).median:.1f} s CPU)"
            for name in names
        )


def by_rate(score: Score) -> float:
    return score.rate


def by_cpu(score: Score) -> float:
    return score.cpu


def by_peak(score: Score) -> float:
    return score.peak


def race(service: Service, receivers: Mapping[str, Receiver], rounds: int) -> Scores:
    """Run all of them in turns, `rounds` times."""
    scores: dict[str, list[Score]] = {name: [] for name in receivers}
    for _ in range(rounds):
        for name, receiver in receivers.items():
            scores[name].append(receive(service, receiver))
    return Scores(scores)


def receive(service: Service, receiver: Receiver) -> Score:
    """Run a receiver once. Raises Failed when output or answers are not what they have to be."""
    done = run(receiver.program)
    began, answers = service.saw(receiver.connections)
    if receiver.heartbeats not in (None, answers):
        raise Failed(f"{answers} heartbeats answered, not {receiver.heartbeats}")
    return Score(
        rate=receiver.events / (done.ended - began),
        cpu=done.cpu / receiver.events * 1e6,
        peak=done.peak,
    )
