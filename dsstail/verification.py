"""Whether recordings are complete: every line an event, and of each stream every number once.

Where events tell no stream, the files do: those whose names differ in times only are of one. So
are others if their times go up with their numbers, from each to the next, or if they have the same
events; if not, the files are of several streams, and nothing is missing between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate

from dsstail.annotation import may_be_annotated, unannotated
from dsstail.messages import Event, numbered_from
from dsstail.numbering import GAP, REPEAT, RESET, Anomaly, Numbering, Texts
from dsstail.passages import moment
from dsstail.recording.naming import recording_of
from dsstail.recording.odometer import Odometer
from dsstail.recording.reading import named, read_file
from dsstail.recording.splitting import Damage, Lines

DAMAGED, TORN = "damaged", "torn"
"""Kinds of findings about lines; those about numbers are in `numbering`."""

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
        return expected is not None and numbered_from(texts, expected)

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


class _Piece:
    """A stream whose events tell no name, as far as it is in the files of one recording."""

    def __init__(self, stream: _Stream, place: Place, texts: list[bytes]) -> None:
        """`texts` are the first events, from this place on."""
        self.stream = stream
        self.place = place
        self.began = self.ended = moment(Event(texts[0]))

    @property
    def ranges(self) -> list[tuple[int, int]]:
        return self.stream.numbering.ranges

    @property
    def is_whole(self) -> bool:
        """Whether it is a run of numbers without a gap."""
        has_gaps = self.stream.numbering.has_gaps or GAP in self.stream.contents.counts
        return len(self.ranges) == 1 and not has_gaps

    def is_lacked_by(self, other: _Piece) -> bool:
        """Whether all of it is missing in another one."""
        return other.stream.numbering.lacks(*self.ranges[0])

    def fill(self, other: _Piece) -> bool:
        """Become a part of another one, if all of it is missing there."""
        if not other.stream.numbering.fill(*self.ranges[0]):
            return False
        other.stream.contents.add(self.stream.contents)
        return True

    def follows(self, other: _Piece) -> bool:
        """Whether it may be of the same stream as another one, and begins behind that or in it."""
        first, last = self.ranges[0][0], other.ranges[-1][1]
        in_time = self.began is None or other.ended is None or self.began >= other.ended
        return first == last + 1 or (in_time if first > last else bool(self._shared(other)))

    def compare(self, other: _Piece) -> None:
        """Tell what is missing between another one that it follows and this, or what is in both."""
        first, last = self.ranges[0][0], other.ranges[-1][1]
        if first > last + 1:
            gap = Anomaly(GAP, last + 1, first - 1, self.place)
            self.stream.found(gap, other.stream.contents.files[-1])
        elif first <= last:
            for run in self._shared(other):
                self.stream.found(Anomaly(REPEAT, *run, self.place))

    def _shared(self, other: _Piece) -> list[tuple[int, int]]:
        return self.stream.numbering.shared(other.stream.numbering)


class _Untold:
    """The streams whose events tell no name: which of them a file is of."""

    def __init__(self, paths: Sequence[str], texts: Texts, verification: Verification) -> None:
        self._recordings = [*map(recording_of, paths)]
        self._texts = texts
        self._verification = verification
        self._pieces: dict[str, _Piece] = {}  # by the names of recordings
        self._file = -1
        self._current: _Piece | None = None  # that of the file
        self._latest = b""  # the text of the last event

    def take(self, place: Place, texts: list[bytes]) -> _Stream:
        """The stream of these events, the first of which is at this place."""
        if place.file != self._file or self._current is None:
            self._leave()
            self._file = place.file
            recording = self._recordings[place.file]
            if recording not in self._pieces:
                self._pieces[recording] = self._known(texts) or self._new(recording, place, texts)
            self._current = self._pieces[recording]
        self._latest = texts[-1]
        return self._current.stream

    def end(self) -> list[Contents]:
        """What there is of each, now that nothing more comes."""
        self._leave()
        pieces = [*dict.fromkeys(self._pieces.values())]
        for piece in pieces:
            piece.stream.numbering.settle()
        gappy = [piece for piece in pieces if piece.stream.numbering.has_gaps]
        whole = [piece for piece in pieces if piece.is_whole]
        filling = {one: other for one in whole if (other := _lacking(one, gappy))}
        ordered = sorted(
            (one for one in pieces if one not in filling), key=lambda one: one.ranges[:1]
        )
        farthest = accumulate(ordered, _farther)
        pairs = [pair for pair in zip(farthest, ordered[1:], strict=False) if pair[0].ranges]
        if not pieces or not all(one.follows(before) for before, one in pairs):
            return [piece.stream.end() for piece in pieces]
        for before, one in pairs:
            one.compare(before)
        left = [piece for piece, other in filling.items() if not piece.fill(other)]
        joined = reduce(_joined, [piece.stream.end() for piece in ordered])
        return [joined, *(piece.stream.end() for piece in left)]

    def _leave(self) -> None:
        """Another file comes."""
        if self._current is not None:
            self._current.ended = moment(Event(self._latest))

    def _known(self, texts: list[bytes]) -> _Piece | None:
        """The piece that has the first of these events already."""
        for text in texts:
            if (seq := Event(text).seq) is not None:
                pieces = self._pieces.values()
                return next((one for one in pieces if one.stream.numbering.has(seq, text)), None)
        return None

    def _new(self, recording: str, place: Place, texts: list[bytes]) -> _Piece:
        key = f"recording {recording}"
        return _Piece(_Stream("", key, self._texts, self._verification), place, texts)


def _lacking(piece: _Piece, others: Iterable[_Piece]) -> _Piece | None:
    """The one in which all of a piece is missing."""
    return next((other for other in others if piece.is_lacked_by(other)), None)


def _farther(one: _Piece, next: _Piece) -> _Piece:
    """The one that ends with the higher number, if it has numbers at all."""
    return max(one, next, key=lambda piece: piece.ranges[-1][1] if piece.ranges else -1)


def _joined(one: Contents, next: Contents) -> Contents:
    """What there is of a stream, from that of two stretches of it."""
    one.add(next)
    if one.ranges and next.ranges:
        within = one.ranges[-1][0], max(one.ranges[-1][1], next.ranges[0][1])
        one.ranges = [*one.ranges[:-1], within, *next.ranges[1:]]
    else:
        one.ranges = one.ranges + next.ranges
    return one
