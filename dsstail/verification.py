"""Whether a recording is complete: every line an event, and of each stream every number once.

Memory is bounded however long a recording is: what was seen is kept as a range and the gaps in it,
and the texts by which repetitions are told as hashes of the latest.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from dsstail.annotation import told_apart
from dsstail.messages import seq_of
from dsstail.recording.reading import named, read
from dsstail.recording.splitting import Damage, Lines

DAMAGED, TORN = "damaged", "torn"
GAP, REPEAT, CONFLICT, RESET = "gap", "repeat", "conflict", "reset"
KINDS = (DAMAGED, TORN, GAP, REPEAT, CONFLICT, RESET)
"""What makes a recording incomplete."""

LISTED = 1000
"""Findings that are listed; more are only counted."""

OPEN_GAPS = 10_000
"""Gaps of a stream that events which come late may still fill."""

MOST_STREAMS = 1000
"""Streams that are told apart; events of further ones are damage."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line, counted from 1, of a file, counted from 0."""

    file: int
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, and the line where it shows.

    gap: the numbers `first` to `last` are missing before it. repeat: they are there again, and
    conflict: with other texts. reset: after `first` the numbers go on from `last`. damaged, torn:
    these lines are no events, and `detail` says why.
    """

    kind: str
    place: Place
    stream: str
    first: int
    last: int
    detail: str = ""

    @property
    def extent(self) -> int:
        """How many numbers, or lines, it is about."""
        return 1 if self.kind == RESET else self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is of a stream; `""` is the one whose events tell no name."""

    stream: str
    events: int
    unnumbered: int
    late: int
    """Events that fill a gap that later ones left before them."""
    first: int | None
    """The first number, and the last one, whatever was between them."""
    last: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that is known of a recording: findings in the order of the lines, and how many of each
    kind there are, listed or not; `extents` sums up how many numbers, or lines, these are about.
    """

    files: tuple[str, ...]
    contents: tuple[Contents, ...]
    findings: tuple[Finding, ...]
    counts: Counter[str]
    extents: Counter[str]

    @property
    def complete(self) -> bool:
        return not self.counts

    @property
    def unlisted(self) -> int:
        return self.counts.total() - len(self.findings)


def verify(paths: Sequence[str]) -> Verdict:
    """Read files as one recording, in this order. Raises ConfigurationError where that fails."""
    findings = _Findings()
    streams: dict[str, _Numbers] = {}
    for file, path in enumerate(paths):
        for found in read(path, decode=True):
            if isinstance(found, Damage):
                kind = TORN if found.torn else DAMAGED
                place = Place(file, found.first)
                findings.add(Finding(kind, place, "", found.first, found.last, found.reason))
            else:
                _take(found, file, streams, findings)
    for numbers in streams.values():
        numbers.end()
    return Verdict(
        files=tuple(map(named, paths)),
        contents=tuple(numbers.contents for numbers in streams.values()),
        findings=findings.listed,
        counts=findings.counts,
        extents=findings.extents,
    )


def _take(lines: Lines, file: int, streams: dict[str, _Numbers], findings: _Findings) -> None:
    """Give the events of these lines to their streams."""
    data = lines.data or []
    if not any(map(_ANNOTATION, data)):
        ...


class _Findings:
    """Lists the first ones, and counts all."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.extents: Counter[str] = Counter()
        self._listed: list[Finding] = []

    def add(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        self.extents[finding.kind] += finding.extent
        if len(self._listed) < LISTED:
            self._listed.append(finding)

    @property
    def listed(self) -> tuple[Finding, ...]:
        return tuple(sorted(self._listed, key=lambda found: (found.place.file, found.place.line)))
