"""Checks the streams of recordings, each by itself."""

from __future__ import annotations

from collections.abc import Callable

from dsstail.fingerprints import Bound, Fingerprints
from dsstail.messages import Event, numbered_from
from dsstail.numbering import Anomaly, Numbering
from dsstail.verification.verdict import Contents, Finding, Place

Tell = Callable[[Finding], None]


class CheckedStream:
    """A stream, and what is found in it."""

    def __init__(self, name: str, bound: Bound, tell: Tell) -> None:
        """`tell` learns of each finding; `bound` is that of all streams together."""
        self.contents = Contents(name)
        self.numbering: Numbering[Place] = Numbering(Fingerprints(bound), self.found)
        self._tell = tell

    def take(self, text: bytes, place: Place) -> None:
        """Take an event."""
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
        """Take events of which that is true."""
        self.contents.events += len(texts)
        self.numbering.take_run(texts)

    def end(self) -> Contents:
        """What there is of it, now that nothing more comes."""
        self.numbering.end()
        self.contents.late = self.numbering.late
        self.contents.ranges = self.numbering.ranges
        return self.contents

    def found(self, anomaly: Anomaly[Place], detail: str = "") -> None:
        """Count and tell what is wrong with its numbers."""
        kind, place, name = anomaly.kind, anomaly.place, self.contents.stream
        finding = Finding(kind, place, name, anomaly.first, anomaly.last, detail)
        counts, extents = self.contents.counts, self.contents.extents
        counts[kind] = counts.get(kind, 0) + 1
        extents[kind] = extents.get(kind, 0) + finding.extent
        self._tell(finding)
