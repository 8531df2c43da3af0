"""What recordings hold, given back: selected, in order, at a pace, and what comes next."""

from __future__ import annotations

import queue
import select
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby
from math import inf
from operator import itemgetter

from dsstail.annotation import UNTOLD, may_be_annotated, told_apart, unannotated
from dsstail.clock import since_epoch
from dsstail.deliveries import Counts
from dsstail.escaping import visible
from dsstail.filters import Filter
from dsstail.handover import Batch, Ended
from dsstail.messages import Event, Malformed, numbered_from
from dsstail.passages import (
    BREATH,
    Item,
    Last,
    Passage,
    Pause,
    Trouble,
    gathered,
    merged,
    moment,
    paced,
)
from dsstail.recording.backwards import Stretch, numbered, stretches
from dsstail.recording.following import Follower
from dsstail.recording.odometer import Odometer
from dsstail.recording.reading import check, is_pipe, is_plain, named, opened, read_file
from dsstail.recording.splitting import Found, Lines, Splitter

POLL = 0.1
"""Seconds between two looks at files that are followed."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which events by time, in seconds since the epoch, and by number; all ends are inclusive."""

    since: float = -inf
    until: float = inf
    from_seq: int = 0
    to_seq: float = inf

    @property
    def timed(self) -> bool:
        """Whether times matter."""
        return (self.since, self.until) != (-inf, inf)

    @property
    def numbered(self) -> bool:
        """Whether numbers matter."""
        return (self.from_seq, self.to_seq) != (0, inf)

    def spans(self, at: float | None) -> bool:
        """Whether this time is within; an event without one is in no window of times."""
        return at is not None and self.since <= at <= self.until

    def counts(self, seq: int | None) -> bool:
        """Whether this number is within; an event without one is in no window of numbers."""
        return seq is not None and self.from_seq <= seq <= self.to_seq

    def numbered_within(self, texts: list[bytes]) -> list[bytes]:
        """Those of the events whose numbers are within; usually these go on one by one."""
        first = Event(texts[0]).seq if texts else None
        if first is None or not numbered_from(texts, first):
            return [text for text in texts if self.counts(Event(text).seq)]
        last = min(self.to_seq, first + len(texts) - 1)
        return texts[max(self.from_seq - first, 0) : max(int(last) - first + 1, 0)]


EVERYTHING = Window()


@dataclass(frozen=True, slots=True)
class Replaying:
    """What to replay, and how.

    `last`: only so many events, from the end. `speed`: the pace of the events' times by this
    factor, with pauses of `max_idle` seconds at most; None for at once. With `apart`, events come
    with the names of their streams and the times of their receipt, as far as these are told; with
    `annotated`, they keep the member `_dsstail`.
    """

    paths: tuple[str, ...]
    selection: Filter
    window: Window = EVERYTHING
    last: int | None = None
    follow: bool = False
    merge: bool = False
    speed: float | None = None
    max_idle: float = inf
    apart: bool = False
    annotated: bool = False
    stay: bool = False
    """Wait to be stopped after the last event."""


class Replay:
    """Recordings in the place of a stream and its handover: `take` reads on as far as it must."""

    def __init__(self, replaying: Replaying) -> None:
        self.counts = Counts()
        self.connections = 0
        self.ended = False
        """Whether all was given."""
        self._asked = replaying
        self._stopping = False
        self._alarm: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._followers: list[tuple[str, Follower]] = []
        self._odometer = Odometer(replaying.paths)
        # Where only the times matter, every event has to be decoded.
        window = replaying.window
        self._decodes = window.timed and not window.numbered and replaying.selection.everything
        self._road = self._travel()

    def start(self) -> None:
        """Raises ConfigurationError where a recording cannot be opened."""
        if self._asked.last is None:
            self._odometer.hold()
        else:
            check(self._asked.paths)

    def stop(self) -> None:
        """Have `take` give nothing more. Safe in a signal handler."""
        self._stopping = True

    def wake(self) -> None:
        """Have `take` return soon. Safe in a signal handler."""
        self._alarm.put(None)

    def take(self, timeout: float) -> Batch | None:
        """The next events or trouble; None after `timeout` seconds, or sooner.

        Raises ConfigurationError where a recording cannot be read on.
        """
        item = None if self._stopping else next(self._road, None)
        match item:
            case Passage(texts, stream, received_at):
                return Batch(stream, received_at, texts)
            case Trouble(reason, raw):
                self.counts.malformed += 1
                return Batch("", 0.0, Malformed(raw, reason))
            case Pause():
                self._wait(item, timeout)
                return None
        return Batch("", 0.0, Ended(None))

    def done(self) -> None:
        """Nothing is held back."""

    @property
    def size(self) -> int:
        """How many bytes of files are to be read; 0 where that cannot be told."""
        asked = self._asked
        endless = asked.follow or asked.speed is not None or asked.last is not None
        return 0 if endless else self._odometer.size

    @property
    def position(self) -> int:
        """How many bytes of files were read so far."""
        return self._odometer.position

    def _wait(self, pause: Pause, timeout: float) -> None:
        if pause.file is not None:
            select.select([pause.file], [], [], timeout)
        elif pause.seconds:
            with suppress(queue.Empty):
                self._alarm.get(timeout=min(pause.seconds, timeout))

    def _travel(self) -> Iterator[Item]:
        asked = self._asked
        roads = (self._recording(path) for path in asked.paths)
        if asked.last is not None:
            items = self._last(asked.last)
        elif asked.merge:
            items = merged(list(roads))
        else:
            items = chain.from_iterable(roads)
        if asked.speed is not None:
            items = paced(items, asked.speed, asked.max_idle)
        items = chain(gathered(items), gathered(self._follow()))
        yield from items if asked.annotated or asked.apart else map(_bare, items)
        self.ended = True
        while asked.stay:
            yield Pause(POLL)

    def _recording(self, path: str) -> Iterator[Item]:
        """All of a recording; where it is to be followed, it stays open."""
        file = self._odometer.opened(path)
        if self._asked.follow and path != "-" and is_plain(file):
            follower = Follower(path, file, Splitter())
            self._followers.append((path, follower))
            while (found := follower.read()) is not None:
                yield from self._items(path, found)
        else:
            name = named(path)
            with file:
                for part in read_file(file, name, decode=self._decodes, patient=False):
                    yield from self._items(name, [part]) if part else [Pause(POLL, file)]

    def _last(self, count: int) -> Iterator[Item]:
        """The last `count` events of all recordings; of merged ones, the last by time."""
        ends: list[list[Item]] = []
        missing = count
        for path in reversed(self._asked.paths):
            end = yield from self._end(path, missing)
            ends.insert(0, end.items)
            if not self._asked.merge:
                missing -= end.events
        if self._asked.merge:
            last = Last(count)
            for item in merged([iter(items) for items in ends]):
                last.add(item)
            ends = [last.items]
        yield from chain.from_iterable(ends)

    def _end(self, path: str, count: int) -> Generator[Item, None, Last]:
        """The end of a recording, with `count` events if it has so many."""
        last = Last(count)
        if count == 0 and not self._asked.follow:
            return last
        items = yield from self._end_backwards(path, count)
        for item in self._recording(path) if items is None else items:
            if isinstance(item, Pause):
                yield item
            else:
                last.add(item)
        return last

    def _end_backwards(self, path: str, count: int) -> Generator[Item, None, list[Item] | None]:
        """What `count` events are in for sure; None where that cannot be read from the end."""
        if path == "-" or is_pipe(path):
            return None
        file = opened(path)
        newest: Stretch | None = None
        parts: list[list[Item]] = []
        events = 0
        for stretch in stretches(file) if is_plain(file) else ():
            found = stretch.found
            if newest is None:
                newest = stretch
                found = found if self._asked.follow else [*found, *stretch.splitter.end()]
            part = [*self._items(path, numbered(found, file, stretch.start))]
            parts.insert(0, part)
            events += sum(len(item.texts) for item in part if isinstance(item, Passage))
            yield BREATH
            if events >= count or stretch.start == 0:
                break
        else:
            file.close()
            return None
        if self._asked.follow:
            file.seek(newest.end)
            self._followers.append((path, Follower(path, file, newest.splitter, newest.start)))
        else:
            file.close()
        return [*chain.from_iterable(parts)]

    def _follow(self) -> Iterator[Item]:
        """What comes to the recordings that were left open; where there are any, it has no end."""
        while self._followers:
            quiet = True
            for path, follower in self._followers:
                if (found := follower.poll()) is not None:
                    quiet = False
                    yield from self._items(path, found)
            if quiet:
                yield Pause(POLL)

    def _items(self, name: str, found: Sequence[Found]) -> Iterator[Item]:
        """What was found in a recording, as far as it is wanted."""
        if not found:
            yield BREATH
        for part in found:
            if not isinstance(part, Lines):
                yield Trouble(f"{visible(name)} {part.place}: {part.reason}", part.raw)
                continue
            if texts := self._wanted(part):
                yield from self._passages(texts)
            else:
                yield BREATH

    def _wanted(self, found: Lines) -> list[bytes]:
        window = self._asked.window
        if found.data is not None:
            events = map(Event, found.texts, found.data)
        else:
            texts = self._asked.selection.select(found.texts)
            if window.numbered:
                texts = window.numbered_within(texts)
            if not window.timed:
                return texts
            events = map(Event, texts)
        return [event.text for event in events if window.spans(moment(event))]

    def _passages(self, texts: list[bytes]) -> Iterator[Passage]:
        """The events; if they are to come apart, by what their last members tell."""
        asked = self._asked
        if not asked.apart or not may_be_annotated(texts):
            yield Passage(texts)
            return
        divided = [told_apart(text) for text in texts]
        own = texts if asked.annotated else [text for text, _ in divided]
        abouts = [about or UNTOLD for _, about in divided]
        for (stream, received), group in groupby(zip(own, abouts, strict=True), itemgetter(1)):
            received_at = since_epoch(received) or 0.0 if received else 0.0
            yield Passage([text for text, _ in group], stream, received_at)


def _bare(item: Item) -> Item:
    """The same without what was added to events."""
    if not isinstance(item, Passage) or not may_be_annotated(item.texts):
        return item
    return Passage([unannotated(text)[0] for text in item.texts])
