"""Whether recordings are complete: every line an event, and of each stream every number once.

Where events tell no stream, the files do: those whose names differ in times only are of one. So
are others, as long as numbers and times go up from each to the next; where they do not, the files
are of several streams, and nothing is missing between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce

from dsstail.annotation import may_be_annotated, unannotated
from dsstail.messages import Event, number_on
from dsstail.numbering import CONFLICT, GAP, REPEAT, RESET, Anomaly, Numbering, Texts
from dsstail.passages import moment
from dsstail.recording.naming import recording_of
from dsstail.recording.odometer import Odometer
from dsstail.recording.reading import named, read_file
from dsstail.recording.splitting import Damage, Lines

DAMAGED, TORN = "damaged", "torn"
KINDS = (DAMAGED, TORN, GAP, REPEAT, CONFLICT, RESET)
"""What makes a recording incomplete."""

LISTED = 1000
"""Findings that are listed; more are only counted."""

MOST_STREAMS = 200
"""Named streams whose numbers are checked."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line, counted from 1, of a file, counted from 0."""

    file: int
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong. Of a stream's numbers it tells what an `Anomaly` does.

    damaged, torn: from `first` to `last`, the lines are no events; `detail` says why. Of a gap it
    is the file before, where that may be of another stream.
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


def verify(odometer: Odometer, tick: Callable[[], None] = lambda: None) -> Verdict:
    """Read files in this order. Raises ConfigurationError where that fails.

    `tick` is called now and then.
    """
    paths = odometer.paths
    verification = Verification(paths)
    odometer.hold()
    for file, path in enumerate(paths):
        with odometer.opened(path) as recording:
            for found in read_file(recording, named(path)):
                if isinstance(found, Damage):
                    verification.take_damage(file, found)
                elif found is not None:
                    verification.take(file, found)
                tick()
    return verification.verdict()


class _Stream:
    """A stream, and what is found in it."""

    def __init__(self, name: str, key: str, texts: Texts, verification: Verification) -> None:
        """`key` tells its texts from those of other streams."""
        self.contents = Contents(name)
        self.numbering: Numbering[Place] = Numbering(key, texts, self.found)
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
        return expected is not None and number_on(texts, expected)

    def take_run(self, texts: list[bytes]) -> None:
        self.contents.events += len(texts)
        self.numbering.take_run(texts)

    def end(self) -> Contents:
        self.numbering.end()
        self.contents.late = self.numbering.late
        self.contents.ranges = self.numbering.ranges
        return self.contents

    def found(self, anomaly: Anomaly[Place], detail: str = "") -> None:
        stream, kind, place = self.contents, anomaly.kind, anomaly.place
        finding = Finding(kind, place, stream.stream, anomaly.first, anomaly.last, detail)
        stream.counts[finding.kind] = stream.counts.get(finding.kind, 0) + 1
        stream.extents[finding.kind] = stream.extents.get(finding.kind, 0) + finding.extent
        self._verification.add(finding)


class Verification:
    """Takes what is found in files, in order."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.files = tuple(map(named, paths))
        self._named: dict[str, _Stream] = {}
        self._texts = Texts()
        self._untold = _Untold(paths, self._texts, self)
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

    def verdict(self) -> Verdict:
        """All that is known now that nothing more comes."""
        contents = (*self._untold.end(), *(stream.end() for stream in self._named.values()))
        findings = tuple(sorted(self._findings, key=lambda finding: finding.place))
        return Verdict(self.files, contents, findings, self._counts, self._extents)

    def _take_run(self, file: int, name: str, numbers: Sequence[int], texts: list[bytes]) -> None:
        """Take events of one stream; usually their own numbers just go on."""
        place = Place(file, numbers[0])
        stream = self._stream(name) if name else self._untold.take(place, texts)
        if stream is not None:
            files = stream.contents.files
            if not files or files[-1] != self.files[file]:
                files.append(self.files[file])
            if stream.goes_on(texts):
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
        stream = self._named.get(name)
        if stream is None and len(self._named) < MOST_STREAMS:
            stream = self._named[name] = _Stream(name, f"stream {name}", self._texts, self)
        return stream


class _Untold:
    """The streams whose events tell no name: which of them a file is of."""

    def __init__(self, paths: Sequence[str], texts: Texts, verification: Verification) -> None:
        self._recordings = [*map(recording_of, paths)]
        self._texts = texts
        self._verification = verification
        self._of: dict[str, _Stream] = {}  # by the names of recordings
        self._file = -1
        self._current: _Stream | None = None  # that of the file
        self._latest = b""  # the text of the last event
        self._going_up = True  # whether all files may be of one stream
        self._between: list[tuple[_Stream, Anomaly[Place], str]] = []  # gaps, if they are

    def take(self, place: Place, texts: list[bytes]) -> _Stream:
        """The stream of these events, the first of which is at this place."""
        if place.file != self._file or self._current is None:
            recording = self._recordings[place.file]
            stream = self._of.get(recording) or self._following(recording, place, texts)
            self._file = place.file
            self._current = self._of[recording] = stream
        self._latest = texts[-1]
        return self._current

    def end(self) -> list[Contents]:
        """What there is of each, now that nothing more comes."""
        for stream, gap, before in self._between:
            stream.found(gap, before)
        contents = [stream.end() for stream in dict.fromkeys(self._of.values())]
        return [reduce(_joined, contents)] if contents and self._going_up else contents

    def _following(self, recording: str, place: Place, texts: list[bytes]) -> _Stream:
        """The stream of a recording that has not been met: one that goes on, or another."""
        new = _Stream("", f"recording {recording}", self._texts, self._verification)
        before = self._current
        event = next((event for event in map(Event, texts) if event.seq is not None), None)
        if before is None or event is None or event.seq is None:
            return new
        for stream in self._of.values():
            if stream.numbering.has(event.seq, event.text):
                return stream
        last = max(stream.numbering.last for stream in self._of.values())
        if last < 0 or (event.seq == last + 1 and self._going_up):
            return before
        at, latest = moment(event), moment(Event(self._latest))
        if event.seq <= last or (at is not None and latest is not None and at < latest):
            self._going_up = False
            self._between.clear()
        if not self._going_up:
            return new
        gap = Anomaly(GAP, last + 1, event.seq - 1, place)
        self._between.append((new, gap, self._verification.files[self._file]))
        return new


def _joined(one: Contents, next: Contents) -> Contents:
    """What there is of a stream, from that of two stretches of it."""
    ranges = one.ranges + next.ranges
    if one.ranges and next.ranges:
        within = one.ranges[-1][0], next.ranges[0][1]
        ranges = [*one.ranges[:-1], within, *next.ranges[1:]]
    return Contents(
        stream=one.stream,
        files=one.files + next.files,
        events=one.events + next.events,
        unnumbered=one.unnumbered + next.unnumbered,
        late=one.late + next.late,
        ranges=ranges,
        counts=dict(Counter(one.counts) + Counter(next.counts)),
        extents=dict(Counter(one.extents) + Counter(next.extents)),
    )
