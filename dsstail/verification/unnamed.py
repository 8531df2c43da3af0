"""Which files are of one stream, where events tell no name.

Those whose names differ in times only are. So are others if their times go up with their numbers,
from each to the next, or if they have the same events; if not, the files are of several streams,
and nothing is missing between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import accumulate

from dsstail.fingerprints import Bound
from dsstail.messages import Event
from dsstail.numbering import GAP, REPEAT, Anomaly
from dsstail.passages import moment
from dsstail.recording.naming import recording_of
from dsstail.verification.streams import CheckedStream, Tell
from dsstail.verification.verdict import Contents, Place


class _Piece:
    """A stream whose events tell no name, as far as it is in the files of one recording."""

    def __init__(self, stream: CheckedStream, place: Place, texts: list[bytes]) -> None:
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


class UnnamedStreams:
    """The streams whose events tell no name: which of them a file is of."""

    def __init__(self, paths: Sequence[str], bound: Bound, tell: Tell) -> None:
        self._recordings = [*map(recording_of, paths)]
        self._bound = bound
        self._tell = tell
        self._pieces: dict[str, _Piece] = {}  # by the names of recordings
        self._file = -1
        self._current: _Piece | None = None  # that of the file
        self._latest = b""  # the text of the last event

    def take(self, place: Place, texts: list[bytes]) -> CheckedStream:
        """The stream of these events, the first of which is at this place."""
        if place.file != self._file or self._current is None:
            self._leave()
            self._file = place.file
            recording = self._recordings[place.file]
            if recording not in self._pieces:
                self._pieces[recording] = self._known(texts) or self._new(place, texts)
            self._current = self._pieces[recording]
        self._latest = texts[-1]
        return self._current.stream

    def of(self, file: int) -> CheckedStream | None:
        """The stream so far of the recording that a file is of, if it has one."""
        piece = self._pieces.get(self._recordings[file])
        return None if piece is None else piece.stream

    def end(self) -> list[Contents]:
        """What there is of each, now that nothing more comes; of one, if all pieces fit together.

        They do if each goes on where those before it end, or fills a gap in another one.
        """
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

    def _new(self, place: Place, texts: list[bytes]) -> _Piece:
        return _Piece(CheckedStream("", self._bound, self._tell), place, texts)


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
