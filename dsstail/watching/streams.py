"""What has become of each stream, as it is now. No I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from dsstail.deliveries import Gap, Reset
from dsstail.errors import Rejected
from dsstail.escaping import visible
from dsstail.handover import Backlogged, Batch, Connected, Disconnected, Ended, Violated
from dsstail.keys import concealed
from dsstail.messages import Event, Heartbeat, Malformed
from dsstail.report import describe

SECONDS = 60
"""How far back the pace of a stream is known."""

MOST_STREAMS = 200
"""Streams that are told apart; a recording can name any number."""

WAITING, READING, LIVE, ENDED = "waiting", "reading", "live", "ended"
LOST, SLOW, REFUSED, FAILED = TROUBLED = ("lost", "slow", "refused", "failed")


class Pace:
    """How many events came in each of the last SECONDS."""

    def __init__(self) -> None:
        self._counts: deque[int] = deque([0], maxlen=SECONDS)
        self._second = 0

    def add(self, events: int, now: float) -> None:
        """Events came `now`, in seconds of any clock that starts at 0 or later."""
        self._move_on(int(now))
        self._counts[-1] += events

    def each(self, now: float) -> list[int]:
        """The counts of the seconds that are over, the latest last."""
        self._move_on(int(now))
        return list(self._counts)[:-1]

    def _move_on(self, second: int) -> None:
        if self._second:
            self._counts.extend([0] * min(second - self._second, SECONDS))
        self._second = second


@dataclass(slots=True)
class StreamState:
    """A stream as far as its batches tell. Times are those of `take`."""

    name: str
    state: str = WAITING
    since: float = 0.0
    """When it got into this state."""
    events: int = 0
    last: int | None = None
    heartbeats: int = 0
    heartbeat_at: float | None = None
    reconnects: int = 0
    missing: int | None = None
    """Events that did not come, where that is known."""
    resets: int = 0
    malformed: int = 0
    trouble: str = ""
    """What went wrong last, on one visible line."""
    trouble_at: float = 0.0
    retry_at: float | None = None
    """When it connects again; None if it does not."""
    pace: Pace = field(default_factory=Pace)

    @property
    def troubled(self) -> bool:
        return self.state in TROUBLED

    def become(self, state: str, now: float) -> None:
        if state != self.state:
            self.state, self.since = state, now

    def complain(self, trouble: str, now: float, retry_at: float | None = None) -> None:
        self.trouble, self.trouble_at = concealed(visible(trouble)), now
        self.retry_at = retry_at


class Streams(dict[str, StreamState]):
    """The streams by name, in the order in which they were named."""

    def __init__(self, names: tuple[str, ...], now: float) -> None:
        super().__init__((name, StreamState(name, since=now)) for name in names)

    def take(self, batch: Batch, now: float) -> None:
        """Take what came from a stream, at `now` by a clock that runs steadily."""
        if batch.stream not in self and len(self) < MOST_STREAMS:
            self[batch.stream] = StreamState(batch.stream, READING, now)
        stream = self.get(batch.stream)
        if stream is None:
            return
        match batch.content:
            case list() as texts:
                stream.events += len(texts)
                stream.pace.add(len(texts), now)
                stream.last = _last_seq(texts, stream.last)
            case Heartbeat():
                stream.heartbeats += 1
                stream.heartbeat_at = now
            case Connected(again=again):
                stream.become(LIVE, now)
                stream.heartbeat_at = None
                stream.reconnects += again
            case Disconnected(reason=reason, pause=pause):
                stream.become(LOST, now)
                stream.complain(reason, now, now + pause)
            case Backlogged() as backlogged:
                stream.become(SLOW, now)
                stream.complain(describe(backlogged)[1], now)
            case Ended(error=None):
                stream.become(ENDED, now)
            case Ended(error=error):
                stream.become(REFUSED if isinstance(error, Rejected) else FAILED, now)
                stream.complain(str(error), now)
            case Gap() as gap:
                stream.complain(describe(gap)[1], now)
            case Reset() as reset:
                stream.resets += 1
                stream.complain(describe(reset)[1], now)
            case Malformed() | Violated():
                stream.malformed += 1


def _last_seq(texts: list[bytes], before: int | None) -> int | None:
    """The number of the last event that has one; a look at the very last is enough to pay for."""
    seq = Event(texts[-1]).seq
    return before if seq is None else seq
