"""A service whose events never end until they are told to, and whose connections never last."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import zstandard
from scenarios import Server, Visit, event, event_frame


class Service:
    """Produces `rate` events a second from its first connection on, and has them all for replay.

    Connections end after up to `longest` seconds, in every way that there is. A replay sometimes
    begins earlier than it was asked to.
    """

    def __init__(self, *, rate: float, longest: float, seed: int) -> None:
        self._rate = rate
        self._longest = longest
        self._choose = random.Random(seed)
        self._born: float | None = None
        self._ended: float | None = None
        self._server = Server(self._serve)
        self.url = self._server.url()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        assert self._server.failures == []

    @property
    def connections(self) -> int:
        return len(self._server.visits)

    @property
    def produced(self) -> int:
        """The first number that does not exist yet."""
        if self._born is None:
            return 0
        return int(((self._ended or time.monotonic()) - self._born) * self._rate)

    def finish(self) -> None:
        """Produce nothing more, and end no connection any more."""
        self._ended = time.monotonic()

    def _serve(self, visit: Visit) -> None:
        visit.shake_hands()
        self._born = self._born or time.monotonic()
        early = self._choose.choice((0, 0, 0, 1, 7, 300))
        seq = max(0, visit.seq_start - early) if visit.seq_start is not None else 0
        last = int(visit.query.get("seq_end", 10**9))
        end_at = time.monotonic() + self._choose.uniform(0.02, self._longest)
        while time.monotonic() < end_at or self._ended is not None:
            upto = min(self.produced, seq + self._choose.randint(1, 300), last + 1)
            if seq < upto:
                visit.send_events(range(seq, upto))
                seq = upto
            elif seq > last or (self._ended is not None and seq >= self.produced):
                return visit.stay()
            else:
                time.sleep(0.002)
        self._break(visit, seq)

    def _break(self, visit: Visit, seq: int) -> None:
        endings: list[Callable[[], object]] = [
            visit.reset,
            visit.send_close,
            lambda: visit.send_raw(event_frame(seq)[: self._choose.randint(1, 500)]),
            lambda: None,
        ]
        self._choose.choice(endings)()


def recorded(directory: Path, *, may_be_torn: bool = False) -> Iterator[bytes]:
    """The lines of all segments in the order of their names, then of the live file out.jsonl.

    Of a segment that is there as it was and compressed, as a crash may leave it, the one as it
    was; what is half compressed does not count.
    """
    found: dict[str, Path] = {}
    for path in sorted(directory.glob("out.2*"), key=lambda path: path.name):
        if path.suffix != ".part":
            found.setdefault(path.name.partition(".jsonl")[0], path)
    for path in [*found.values(), directory / "out.jsonl"]:
        data = content(path) if path.exists() else b""
        *lines, rest = data.split(b"\n")
        assert rest == b"" or may_be_torn, f"{path} ends within a line"
        yield from lines


def untidy(directory: Path) -> list[str]:
    """What has no business to be beside compressed segments once all is done."""
    return [path.name for path in directory.glob("out.2*") if path.suffix in (".jsonl", ".part")]


def content(path: Path) -> bytes:
    """What is in a file, decompressed; damage raises."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


def difference(lines: Iterable[bytes], numbers: Iterable[int]) -> str | None:
    """How these lines are not the events of these numbers, each once and in order."""
    come = iter(lines)
    for seq in numbers:
        line = next(come, None)
        if line != event(seq):
            return f"where event {seq} should be, there is {line[:60] if line else 'nothing'!r}"
    rest = next(come, None)
    return None if rest is None else f"there is more: {rest[:60]!r}"
