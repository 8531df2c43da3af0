"""What is known of recordings in the end: what there is of each stream, and what is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dsstail.numbering import RESET

DAMAGED, TORN, UNCHECKED = "damaged", "torn", "unchecked"
"""Kinds of findings about lines; those about numbers are in `numbering`."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line, counted from 1, of a file, counted from 0."""

    file: int
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong. Of a stream's numbers it tells what an `Anomaly` does.

    damaged, torn: from `first` to `last`, the lines are no events; `detail` says why. unchecked:
    from this place on, events 1 to `last` are of streams that are too many, which `detail` says. Of
    a gap it says what was before, where that may be of another stream.
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


@dataclass(slots=True)
class Contents:
    """What there is of a stream; `""` is one whose events tell no name.

    `files`: those that hold events of it. `ranges`: the first and the highest number, and the same
    again after each reset. `counts` and `extents` are those of a Verdict, for the findings in this
    stream.
    """

    stream: str
    files: list[str] = field(default_factory=list)
    events: int = 0
    unnumbered: int = 0
    late: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    extents: dict[str, int] = field(default_factory=dict)

    def add(self, more: Contents) -> None:
        """Add what there is besides, but for its numbers."""
        self.files += more.files
        self.events += more.events
        self.unnumbered += more.unnumbered
        self.late += more.late
        self.counts = dict(Counter(self.counts) + Counter(more.counts))
        self.extents = dict(Counter(self.extents) + Counter(more.extents))


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that is known of a recording.

    The findings are in the order of their places. `counts` tells how many there are of each kind,
    listed or not, and `extents` how many numbers, or lines, these are about.
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
    def completeness(self) -> str:
        """In words what it is to be complete."""
        each = f"of each of the {len(self.contents)} streams " if self.recordings > 1 else ""
        return f"every line is an event, and {each}every seq is there once"

    @property
    def recordings(self) -> int:
        """Streams that only their files tell apart."""
        return sum(not contents.stream for contents in self.contents)

    def name(self, contents: Contents) -> str:
        """The name of a stream; its files, where these tell it from others; else `""`."""
        if contents.stream or self.recordings < 2:
            return contents.stream
        more = len(contents.files) - 1
        return contents.files[-1] + (f" and {more} more" if more else "")

    @property
    def unlisted(self) -> int:
        return self.counts.total() - len(self.findings)
