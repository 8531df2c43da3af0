"""Takes what recordings hold, and comes to a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from dsstail.annotation import may_be_annotated, unannotated
from dsstail.fingerprints import Bound
from dsstail.numbering import GAP, Anomaly
from dsstail.recording.odometer import Odometer
from dsstail.recording.reading import named, read_file
from dsstail.recording.splitting import Damage, Lines
from dsstail.verification.streams import CheckedStream
from dsstail.verification.unnamed import UnnamedStreams
from dsstail.verification.verdict import DAMAGED, TORN, UNCHECKED, Finding, Place, Verdict

LISTED = 1000
"""Findings that are listed; more are only counted."""

MOST_STREAMS = 200
"""Named streams whose numbers are checked."""

SEEN_BLOCK, SEEN_BLOCKS = 256, 4096
"""Numbers, and how often so many: of the latest ones it is known which text they had."""


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


class Verification:
    """Takes what is found in files, in order."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.files = tuple(map(named, paths))
        self._bound = Bound(SEEN_BLOCK, SEEN_BLOCKS)
        self._named: dict[str, CheckedStream] = {}
        self._unnamed = UnnamedStreams(paths, self._bound, self._add)
        self._unchecked: Finding | None = None
        self._before: CheckedStream | None = None  # what the first named one may go on from, ...
        self._named_at = Place(0, 0)  # ... and where it begins
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
        self._add(Finding(kind, place, "", damage.first, damage.last, damage.reason))

    def verdict(self) -> Verdict:
        """All that is known now that nothing more comes."""
        if self._unchecked is not None:
            self._add(self._unchecked)
        contents = (*self._unnamed.end(), *(stream.end() for stream in self._named.values()))
        self._compare_named()
        findings = tuple(sorted(self._findings, key=lambda finding: finding.place))
        return Verdict(self.files, contents, findings, self._counts, self._extents)

    def _take_run(self, file: int, name: str, numbers: Sequence[int], texts: list[bytes]) -> None:
        """Take events of one stream; usually their own numbers just go on."""
        place = Place(file, numbers[0])
        if name and not self._named:
            self._before, self._named_at = self._unnamed.of(file), place
        stream = self._stream(name) if name else self._unnamed.take(place, texts)
        if stream is None:
            self._leave_unchecked(place, len(texts))
            return
        files = stream.contents.files
        if not files or files[-1] != self.files[file]:
            files.append(self.files[file])
        if stream.goes_on(texts):
            stream.take_run(texts)
            return
        for number, text in zip(numbers, texts, strict=True):
            stream.take(text, Place(file, number))

    def _stream(self, name: str) -> CheckedStream | None:
        stream = self._named.get(name)
        if stream is None and len(self._named) < MOST_STREAMS:
            stream = self._named[name] = CheckedStream(name, self._bound, self._add)
        return stream

    def _compare_named(self) -> None:
        """Tell what is missing where a stream was given a name, if it is the only one with one."""
        if self._before is None or len(self._named) != 1:
            return
        (stream,) = self._named.values()
        before, ranges = self._before.numbering.ranges, stream.numbering.ranges
        if before and ranges and ranges[0][0] > before[-1][1] + 1:
            gap = Anomaly(GAP, before[-1][1] + 1, ranges[0][0] - 1, self._named_at)
            stream.found(gap, "events without a name")

    def _leave_unchecked(self, place: Place, events: int) -> None:
        before = self._unchecked or Finding(
            UNCHECKED, place, "", 1, 0, f"more than {MOST_STREAMS} streams"
        )
        self._unchecked = replace(before, last=before.last + events)

    def _add(self, finding: Finding) -> None:
        """List and count a finding."""
        self._counts[finding.kind] += 1
        self._extents[finding.kind] += finding.extent
        if len(self._findings) < LISTED:
            self._findings.append(finding)
