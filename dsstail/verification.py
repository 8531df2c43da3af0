"""Whether a recording is complete: every line an event, and of each stream every number once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dsstail.annotation import may_be_annotated, unannotated
from dsstail.messages import Event, numbered_from
from dsstail.numbering import RESET, Anomaly, Numbering, Texts
from dsstail.recording.odometer import Odometer
from dsstail.recording.reading import check, named, read_file
from dsstail.recording.splitting import Damage, Lines

DAMAGED, TORN = "damaged", "torn"
"""Kinds of findings about lines; those about numbers are in `numbering`."""

LISTED = 1000
"""Findings that are listed; more are only counted."""

MOST_STREAMS = 200
"""Streams whose numbers are checked."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line, counted from 1, of a file, counted from 0."""

    file: int
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong. Of a stream's numbers it tells what an `Anomaly` does.

    damaged, torn: from `first` to `last`, the lines are no events; `detail` says why.
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
    """What there is of a stream; `""` is the one whose events tell no name.

    `ranges`: the first and the highest number, and the same again after each reset. `counts` and
    `extents` are those of a Verdict, for the findings in this stream.
    """

    stream: str
    events: int = 0
    unnumbered: int = 0
    late: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    extents: dict[str, int] = field(default_factory=dict)


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
    def unlisted(self) -> int:
        return self.counts.total() - len(self.findings)


def verify(odometer: Odometer, tick: Callable[[], None] = lambda: None) -> Verdict:
    """Read files as one recording, in this order. Raises ConfigurationError where that fails.

    `tick` is called now and then.
    """
    verification = Verification()
    paths = odometer.paths
    check(paths)
    for file, path in enumerate(paths):
        with odometer.opened(path) as recording:
            for found in read_file(recording, named(path)):
                if isinstance(found, Damage):
                    verification.take_damage(file, found)
                elif found is not None:
                    verification.take(file, found)
                tick()
    return verification.verdict(tuple(map(named, paths)))


class _Stream:
    """A stream, and what is found in it."""

    def __init__(self, name: str, texts: Texts, verification: Verification) -> None:
        self.contents = Contents(name)
        self.numbering: Numbering[Place] = Numbering(name, texts, self._found)
        self._verification = verification

    def take(self, text: bytes, place: Place) -> None:
        self.contents.events += 1
        seq = Event(text).seq
        if seq is None:
            self.contents.unnumbered += 1
        else:
            self.numbering.take(seq, text, place)

    def goes_on(self, texts: list[bytes]) -> bool:
        """Whether the numbers of these events go on from the last one without a break."""
        expected = self.numbering.expected
        return expected is not None and numbered_from(texts, expected)

    def take_run(self, texts: list[bytes]) -> None:
        self.contents.events += len(texts)
        self.numbering.take_run(texts)

    def end(self) -> Contents:
        self.numbering.end()
        self.contents.late = self.numbering.late
        self.contents.ranges = self.numbering.ranges
        return self.contents

    def _found(self, anomaly: Anomaly[Place]) -> None:
        stream = self.contents
        finding = Finding(anomaly.kind, anomaly.place, stream.stream, anomaly.first, anomaly.last)
        stream.counts[finding.kind] = stream.counts.get(finding.kind, 0) + 1
        stream.extents[finding.kind] = stream.extents.get(finding.kind, 0) + finding.extent
        self._verification.add(finding)


class Verification:
    """Takes what is found in the files, in order."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._texts = Texts()
        self._findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._extents: Counter[str] = Counter()

    def take(self, file: int, lines: Lines) -> None:
        """Take events."""
        if not may_be_annotated(lines.texts):
            self._take_run(file, "", lines.numbers, lines.texts)
            return
        of_streams: dict[str, tuple[list[int], list[bytes]]] = {}
        for number, line in zip(lines.numbers, lines.texts, strict=True):
            text, name = unannotated(line)
            numbers, texts = of_streams.setdefault(name or "", ([], []))
            numbers.append(number)
            texts.append(text)
        for name, (numbers, texts) in of_streams.items():
            self._take_run(file, name, numbers, texts)

    def take_damage(self, file: int, damage: Damage) -> None:
        """Take what is no event."""
        kind = TORN if damage.torn else DAMAGED
        place = Place(file, damage.first)
        self.add(Finding(kind, place, "", damage.first, damage.last, damage.reason))

    def add(self, finding: Finding) -> None:
        """List and count a finding."""
        self._counts[finding.kind] += 1
        self._extents[finding.kind] += finding.extent
        if len(self._findings) < LISTED:
            self._findings.append(finding)

    def verdict(self, files: tuple[str, ...]) -> Verdict:
        """All that is known now that nothing more comes."""
        contents = tuple(stream.end() for stream in self._streams.values())
        findings = tuple(sorted(self._findings, key=lambda finding: finding.place))
        return Verdict(files, contents, findings, self._counts, self._extents)

    def _take_run(self, file: int, name: str, numbers: Sequence[int], texts: list[bytes]) -> None:
        """Take events of one stream; usually their own numbers just go on."""
        stream = self._stream(name)
        if stream is not None and stream.goes_on(texts):
            stream.take_run(texts)
            return
        for number, text in zip(numbers, texts, strict=True):
            place = Place(file, number)
            if stream is None:
                detail = f"more than {MOST_STREAMS} streams"
                self.add(Finding(DAMAGED, place, "", number, number, detail))
            else:
                stream.take(text, place)

    def _stream(self, name: str) -> _Stream | None:
        stream = self._streams.get(name)
        if stream is None and len(self._streams) < MOST_STREAMS:
            stream = self._streams[name] = _Stream(name, self._texts, self)
        return stream
