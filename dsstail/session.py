"""The memory of one subscription: what came, what is missing, and where to take up again.

No I/O: event texts go in, and come out in the order of their numbers, with what is known of
missing ones between them. Time is an argument, in seconds of any steady clock.

What the service does with `seq_start` is not documented, so nothing here trusts it. An event is
a duplicate only when both its seq and its text were seen before; every other event is delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from dsstail import json_text
from dsstail.deliveries import Counts, Delivery, Filled, Gap, Holes, Reset
from dsstail.fingerprints import Bound, Fingerprints
from dsstail.held import Held
from dsstail.holes import HOLES_UNASKED, HoleRule
from dsstail.losses import Losses
from dsstail.messages import MAX_SEQ, Event, Malformed, numbered_from

REPLAY_GRACE = 2.0
"""Seconds in which events that a new connection was asked for may still come after later ones."""

HOLD_LIMIT = 3.0
"""Seconds that live events wait for the ones missing before them; `HOLD_BYTES` bytes at most."""

HOLD_BYTES = 8 << 20

OUTAGE_LIMIT = 10.0
"""Seconds that they wait while there is no connection, or none that brings one of the missing."""

LONGEST_HOLD = 60.0
"""Seconds that they wait as long as one of the missing after the other comes."""

ASK_AFTER = 0.3
"""Seconds in which missing events may come by themselves before they are asked for."""

DISORDER = 5
"""A live connection may mix up neighbours: a number less far back than that may be a late one."""

ODD_EVENTS = 10
"""Events of what looks like a new numbering, after which the old one may still go on."""

VAIN_REPLAYS = 3
"""Gaps in a row that a new connection passed over, and that a second one did not fill either: then
what the next one passes over is lost, until a gap is filled. Not every service replays."""

RECALLED_AT_ONCE = 500
"""Events of an earlier run whose numbers are likely to follow one another without a break."""

KNOWN = b""
"""Stands for an event that an earlier run has, where it waits for the ones missing before it."""

SEEN_BLOCK, SEEN_BLOCKS = 4096, 128
"""Numbers, and how often so many: of the latest ones it is known which text they had."""


class Session:
    """Puts the events of one subscription in order, through any number of connections.

    `known` are the last events of an earlier run, each on one line and without blanks around it:
    the session goes on after them, drops them if they come again, and `asks_again` for what they
    lack; or else it goes on after the number `resume_after`. With `fill_gaps`, `wanted` offers a
    gap inside a live stream for a replay by a second connection, and later events wait for that.
    """

    def __init__(
        self,
        *,
        resume_after: int | None = None,
        known: Sequence[bytes] = (),
        asks_again: bool = False,
        fill_gaps: bool = True,
    ) -> None:
        self.counts = Counts()
        self.fill_gaps = False
        self._last: int | None = None
        self._start = 0
        self._uncounted_to = -1  # up to where numbers may be missing since before this run
        self._recalled_to = -1  # up to where known events are ahead of `last`
        self._seen = Fingerprints(Bound(SEEN_BLOCK, SEEN_BLOCKS))
        self._early = Held()  # events that wait for missing ones before them
        self._overtaken_at = -inf  # when one came that has a lower number than the highest of them
        self._older = Held()  # from before the first: of a replay, or a new numbering
        self._older_until = 0.0  # until when that may show
        self._goes_on = False  # this connection gave such ones, and then some of this numbering
        self._deadline: float | None = None  # until when early ones wait
        self._latest = 0.0  # and at most
        self._outage_until: float | None = None  # and while there is no connection, since a break
        self._awaited: Gap | None = None  # what they wait for
        self._asked_to = -1  # the highest number that a connection was asked for, ...
        self._filled_to = -1  # ... and a second one: then it is not asked for again
        self._passed_to = -1  # the highest number of those that a connection passed over before
        self._in_vain = 0  # gaps in a row that it passed over, and a second one did not fill
        self._wanted: Gap | None = None
        self._ask_at = 0.0
        self._replaying: Gap | None = None  # what a second connection was asked for, ...
        self._overdue = False  # ... and whether nothing waits for that any more
        self._asked_again = False  # whether the first one that there is now was asked for it, too
        self._outdated: _Numbering | None = None  # an earlier numbering, if it may still fill that
        self._cut = False  # there was a connection, and there is none
        self._breaks: set[int] = set()  # after which numbers another connection began, of late
        self._answers_request = False  # no event has come since this connection was asked for some
        self._answer_until = 0.0  # until when the first one may be of those
        self._replay_until = 0.0  # when the others of them have come, unless one more does before
        self._spared = False  # whether 0 was missing, and not counted
        self._losses = Losses()
        self._before: _Numbering | None = None  # what the last reset put an end to
        self._holes = HoleRule()
        self._out: list[Delivery] = []
        self._recalls = False  # the events of an earlier run come, of which none is awaited
        if asks_again and resume_after is None:
            self._recall(known)
            if self._has_holes(len(known)):
                resume_after = self._last_come(known)
            elif self._losses.gaps and fill_gaps:
                self._losses.ask_next(self._losses.gaps[0].first)
        else:
            self._remember(known)
            resume_after = self._last_come(known) if resume_after is None else resume_after
        self.fill_gaps = fill_gaps
        if resume_after is not None:
            self._begin(min(self._start, resume_after + 1), resume_after)
            self._recalled_to = self._seen.highest

    @property
    def last(self) -> int | None:
        """The number of the last event delivered, or known; None before the first."""
        return None if self._last == -1 or self._seen.highest < 0 else self._last

    @property
    def resume_from(self) -> int | None:
        """What to ask the next connection for with `seq_start`; None: nothing came yet."""
        if self._last is None:
            return None
        # With lower ones, events would come that are not known any more.
        first = self._losses.unasked_from(self._seen.forgotten_to)
        return self._last + 1 if first is None else min(first, self._last + 1)

    @property
    def holding(self) -> bool:
        """Whether events wait for missing ones: then `tick` wants to be called often."""
        return bool(self._early or self._older)

    @property
    def owes(self) -> bool:
        """Whether `replay_again` may have something to ask a second connection for."""
        return self.fill_gaps and not self._cut and self._losses.owed

    @property
    def taken(self) -> int:
        """New events that came so far: delivered, or waiting."""
        return self.counts.events + len(self._early) + len(self._older)

    @property
    def held(self) -> int:
        """Bytes of the events that wait."""
        return self._early.bytes + self._older.bytes

    def wanted(self, now: float) -> Gap | None:
        """The range to ask a second connection for, until `replay_started` says that it is."""
        return self._wanted if now >= self._ask_at and not self._cut else None

    def connected(self, *, asked: bool, now: float) -> None:
        """A connection is open; `asked` when its URL carried `resume_from` as `seq_start`."""
        self._cut = False
        self._answers_request = asked
        self._answer_until = now + REPLAY_GRACE
        self._asked_again = asked and self._replaying is not None
        self._goes_on = False
        self._replay_until = inf if asked else 0.0
        if self._last is not None:
            recent = {seq for seq in self._breaks if seq >= self._last}
            self._breaks = recent | {self._early.highest if self._early else self._last}
        if asked:
            self._losses.connected()
        if self._early:
            self._wanted = None
            self._deadline = now
        if self._early and asked:
            self._asked_to = self._early.highest
            self._deadline = now + REPLAY_GRACE

    def disconnected(self, now: float) -> list[Delivery]:
        """The connection ended, or failed; what is missing will be asked for by the next one."""
        self._settle_older(now)
        if not self._cut:
            self._losses.disconnected(silent=self._answers_request)
        self._cut = True
        self._asked_again = False
        if self._early and self._last is not None:
            # Whatever this connection was asked for was cut short.
            self._asked_to = min(
                self._asked_to, self._last if self._replaying is None else self._replaying.last
            )
            self._await_connection(now)
        return self._delivered()

    def ask_for_less(self) -> bool:
        """Ask for nothing before `last` any more; whether there was something to ask for."""
        return self._losses.ask_for_less()

    def replay_started(self, now: float) -> None:
        """A second connection asks for `wanted`; its events come by `take_replayed`."""
        assert self._wanted is not None
        self._replaying, self._wanted = self._wanted, None
        self._overdue = self._asked_again = False
        self._filled_to = max(self._filled_to, self._replaying.last)
        self._asked_to = max(self._asked_to, self._filled_to)
        self._deadline = now + HOLD_LIMIT

    def replay_again(self) -> Gap | None:
        """A second connection asks for this, which none could be asked for; None: nothing lacks."""
        owed = self._losses.next_owed()
        if owed is not None:
            self._replaying, self._overdue, self._asked_again = owed, False, False
        return owed

    def take(self, texts: Sequence[bytes], now: float) -> list[Delivery]:
        """Take the texts of events, in the order of their arrival; return what to hand over."""
        if not self._take_in_order(texts, now):
            self._take_each(map(Event, texts), now)
        return self._delivered()

    def take_events(self, events: Sequence[Event], now: float) -> list[Delivery]:
        """`take` for what is decoded already, or in part."""
        self._take_each(events, now)
        return self._delivered()

    def take_malformed(self, message: Malformed) -> list[Delivery]:
        """Take what is no event; it is reported in its place."""
        self.counts.malformed += 1
        return [message]

    def take_replayed(self, texts: Sequence[bytes], now: float) -> list[Delivery]:
        """Take events that a second connection gives, of the range that it was asked for."""
        asked = self._replaying
        for text in texts:
            seq = Event(text).seq
            if seq is None:
                continue
            if asked is None:
                self._take_outdated(seq, text)
            elif asked.first <= seq <= asked.last:
                if self._is_late(seq):
                    self._in_vain = 0
                    self._holes.disprove()
                self._place(seq, text, now)
        if texts and self._early and not self._cut and self._awaits(asked):
            self._deadline = now + HOLD_LIMIT
        return self._delivered()

    def replay_is_late(self, now: float) -> list[Delivery]:
        """The second connection has given nothing for long: nothing waits for it any more."""
        self._overdue = True
        if self._awaits(self._replaying) and not self._cut and not self._asked_again:
            self._deadline = None
            self._advance(now)
        return self._delivered()

    def replay_ended(self, now: float, *, asked: bool) -> list[Delivery]:
        """The second connection ended; what it did not give is lost, if it was `asked` at all.

        Otherwise nothing waits any longer, and the next connection will be asked. Where that is on
        its way, or asked already, everything waits for it.
        """
        replaying, self._replaying = self._replaying, None
        self._outdated = None
        if replaying is None:
            return self._delivered()
        is_awaited = self._awaits(replaying)
        if not asked:
            self._filled_to = min(self._filled_to, replaying.first - 1)
            if is_awaited and not self._asked_again:
                self._asked_to = min(self._asked_to, replaying.first - 1)
                if not self._cut:
                    self._release()
            if self.fill_gaps:
                self._losses.not_filled(replaying)
        elif not self._asked_again:
            self._losses.filled(replaying)
            if is_awaited:
                self._deadline = None
                self._advance(now)
        return self._delivered()

    def tick(self, now: float) -> list[Delivery]:
        """Give up waiting for missing events where it has been long enough."""
        if self._early and self._deadline is not None and now >= self._deadline:
            self._give_up(now)
        if self._older and now >= self._older_until:
            self._settle_older(now)
        return self._delivered()

    def step_over(self, now: float) -> list[Delivery]:
        """Give up the number after `last`: no connection survives what comes under it."""
        assert self._last is not None
        lost = Gap(self._last + 1, self._last + 1)
        self._filled_to = max(self._filled_to, lost.last)
        self._lose(lost)
        self._last = lost.last
        self._advance(now)
        return self._delivered()

    def flush(self, *, to: int | None = None) -> list[Delivery]:
        """Deliver everything that waits: the stream ends. Numbers up to `to` were to come."""
        self._settle_older(0.0)
        self._release()
        if to is not None and self._last is not None and self._last < to:
            self._lose(Gap(self._last + 1, to))
        return self._delivered()

    def _recall(self, known: Sequence[bytes]) -> None:
        """Take what an earlier run has as if it came again; nothing is delivered, nor counted."""
        self._recalls, self._replay_until = True, inf
        self.take(known[:1], 0.0)  # the first is never taken on the quick path
        for at in range(1, len(known), RECALLED_AT_ONCE):
            self.take(known[at : at + RECALLED_AT_ONCE], 0.0)
        self.flush()
        self.counts = Counts()
        self._holes = HoleRule()
        self._before = None
        self._recalls, self._replay_until = False, 0.0
        self._uncounted_to = -1 if self._last is None else self._last

    def _has_holes(self, events: int) -> bool:
        """Whether of an earlier run with so many events more are missing, and not in one piece."""
        gaps = self._losses.gaps
        return len(gaps) >= HOLES_UNASKED and sum(gap.count for gap in gaps) > events

    def _remember(self, known: Sequence[bytes]) -> None:
        """Know the texts of an earlier run again; it may lack much, so they tell nothing else."""
        numbered = [(seq, text) for text in known if (seq := Event(text).seq) is not None]
        for seq, text in numbered:
            self._seen.add(seq, [text])
        self._start = min((seq for seq, _ in numbered), default=MAX_SEQ)

    def _last_come(self, known: Sequence[bytes]) -> int | None:
        """The number that came last, whether late or in a new numbering; None if that is `last`.

        What came since the one that is late is known, and dropped when it comes again.
        """
        seq = Event(known[-1]).seq if known else None
        return None if seq in (None, self._last) or seq < self._seen.forgotten_to else seq

    # Everything below appends to self._out, which `_delivered` hands out.

    def _delivered(self) -> list[Delivery]:
        out, self._out = self._out, []
        return out

    def _take_in_order(self, texts: Sequence[bytes], now: float) -> bool:
        """The quick path: deliver all if their numbers follow `last` without a break, else none."""
        if self._last is None or self.holding or self._answers_request:
            return False
        first = self._last + 1
        if first > self._seen.highest and numbered_from(texts, first):
            self._seen.add(first, texts)
            self._last += len(texts)
            self._deliver(list(texts))
            self._note_replay(now)
            return True
        return False

    def _deliver(self, texts: list[bytes]) -> None:
        self.counts.events += len(texts)
        if self._out and isinstance(self._out[-1], list):
            self._out[-1].extend(texts)
        else:
            self._out.append(texts)

    def _take_each(self, events: Iterable[Event], now: float) -> None:
        for event in events:
            seq = event.seq
            if seq is None:
                self._deliver([event.text])
                continue
            is_new = self._last is None or seq > self._last  # so it may have overtaken a replay
            is_awaited = bool(self._early) and seq <= self._missing().last
            if is_awaited and now >= self._replay_until and self._missing().count > DISORDER:
                self._release()  # a live one is too far back to have lost its place
            self._place(seq, event.text, now)
            self._answers_request = False
            self._note_replay(now)
            if self._early and seq < self._early.highest:
                self._overtaken_at = now
            if is_awaited and self._early:
                self._wait_on(now)
            if not is_new:
                self._losses.answered(seq)

    def _note_replay(self, now: float) -> None:
        """An event came: as long as it may be of a replay, the next one may be, too."""
        if now < self._replay_until:
            self._replay_until = now + REPLAY_GRACE

    def _place(self, seq: int, text: bytes, now: float) -> None:
        """Find the place of a numbered event: next, early, late, a duplicate, or a reset."""
        if self._last is None:
            self._start, self._last = seq, seq - 1
        if self._older and self._shows_older(seq, text):
            self._goes_on = seq == self._last + 1 or self._is_known(seq, text)
            self._settle_older(now)
        elif self._older and seq > self._last:
            self._goes_on = True
        if self._is_known(seq, text):
            self.counts.duplicates += 1
            if seq == self._last + 1:
                self._last = seq
                self._awaited = None
            elif self._last < seq <= self._recalled_to and seq not in self._early:
                self._wait(seq, KNOWN, now)
                return
            elif self._is_late(seq):
                self._find(seq)
        elif seq == self._last + 1:
            self._append(seq, text)
        elif seq > self._last and seq not in self._early:
            # Once the new numbering has more than its 0, what it lacks is asked for first.
            asks = self.fill_gaps and self._last > 0
            if self._before is not None and not asks and self._is_old(seq, self._before):
                self._go_back(self._before)
                self._append(seq, text)
            else:
                self._wait(seq, text, now)
            return
        elif self._is_late(seq):
            self._take_late(seq, text)
        elif self._is_neighbour(seq) and not self._older:
            self._seen.add(seq, [text])
            self._deliver([text])
        elif seq < self._start and now < self._replay_until and self._seen.highest >= 0:
            self._hold_older(seq, text, now)
        else:
            self._reset(seq, text, now)
        if self._early:
            self._advance(now)

    def _is_old(self, seq: int, before: _Numbering) -> bool:
        """Whether the old numbering goes on with this number, as the new one does not."""
        follows = self._follows(before, seq)
        return follows and not (len(self._early) > 1 and seq - 1 in self._early)

    def _follows(self, before: _Numbering, seq: int) -> bool:
        """Whether this is the next number of the old one, and the new one had few events so far."""
        few = self.counts.events - before.events <= ODD_EVENTS
        return seq == before.last + 1 and few

    def _fingerprint(self, seq: int) -> int:
        """The hash of the text that was seen under this number in this numbering, 0 for none."""
        return 0 if seq == 0 and self._spared else self._seen.of(seq)

    def _is_known(self, seq: int, text: bytes) -> bool:
        """Whether this event came before, as far as that is remembered."""
        if text in (self._early.text(seq), self._older.text(seq)):
            return True
        seen = self._seen.of(seq)
        return seen != 0 and seen in (hash(text), hash(_recorded(text)))

    def _is_late(self, seq: int) -> bool:
        """Whether this number is missing in this numbering."""
        assert self._last is not None
        if not self._start <= seq <= self._last:
            return False
        is_unseen = seq >= self._seen.forgotten_to and not self._fingerprint(seq)
        return is_unseen or self._losses.have(seq)

    def _is_neighbour(self, seq: int) -> bool:
        """Whether the numbering is likely to have begun with this new one, not with the first."""
        return max(2, self._start - DISORDER) <= seq < self._start and not self._fingerprint(seq)

    def _hold_older(self, seq: int, text: bytes, now: float) -> None:
        """Keep an event that is older than the first, if it is not of a new numbering.

        A replay that began too early leads to what is known, or to what comes next.
        """
        if not self._older:
            self._older_until = now + REPLAY_GRACE
        self._older.add(seq, text)
        if self._older.bytes > HOLD_BYTES:
            self._settle_older(now)

    def _shows_older(self, seq: int, text: bytes) -> bool:
        """Whether an event shows what the older ones are that were kept.

        A live one may not, nor one that is late.
        """
        assert self._last is not None
        is_known_number = self._start <= seq <= self._last + 1 and not self._is_late(seq)
        return is_known_number or self._older.text(seq) not in (None, text)

    def _settle_older(self, now: float) -> None:
        """Deliver the older events as what they are, by what is known now."""
        if not self._older:
            return
        older, self._older = self._older, Held()
        is_replay = self._goes_on
        if not is_replay:
            self._replay_until = 0.0
        for seq, text in older:
            if is_replay:
                self._seen.add(seq, [text])
                self._deliver([text])
            else:
                self._place(seq, text, now)

    def _take_late(self, seq: int, text: bytes) -> None:
        """A number that was given up as missing comes after all."""
        self._seen.add(seq, [text])
        match self._out:
            case [*_, list(), Filled(first, last, late=True)] if last == seq - 1:
                self._out.pop()
            case _:
                first = seq
        self._deliver([text])
        self._out.append(Filled(first, seq, late=True))
        self._find(seq)

    def _find(self, seq: int) -> None:
        """A number is not missing any more."""
        is_counted = seq > self._uncounted_to and not (seq == 0 and self._spared)
        if is_counted:
            self.counts.missing -= 1
        self._spared = self._spared and seq > 0
        gaps = self._losses.find(seq)
        self.counts.gaps += gaps if is_counted else 0

    def _take_outdated(self, seq: int, text: bytes) -> None:
        """What was missing in an earlier numbering comes after all: it has no place.

        Unless it is of this one, where the service began that before it answered.
        """
        before = self._outdated
        if before is None or not before.losses.have(seq) or self._is_known(seq, text):
            return
        gaps = before.losses.find(seq)
        if seq > 0 or not before.spared:
            self.counts.missing -= 1
            self.counts.gaps += gaps
            before.missing -= 1
            before.gaps += gaps
        self._seen.add(seq, [text])
        self._deliver([text])
        self._out.append(Filled(seq, seq, late=True))

    def _append(self, seq: int, text: bytes) -> None:
        self._last = seq
        self._outage_until = None
        if text != KNOWN:
            self._seen.add(seq, [text])
            self._deliver([text])
        if self._awaited is not None and seq >= self._awaited.last:
            self._out.append(Filled(self._awaited.first, self._awaited.last))
            self._awaited = None
            self._in_vain = 0
            self._holes.disprove()

    def _reset(self, seq: int, text: bytes, now: float) -> None:
        """An old number with another text: a new numbering has begun, at 0 or 1.

        What of it is missing before this event is awaited, unless the old numbering goes on.
        """
        self._release()
        assert self._last is not None
        asked = self._seen.highest < 0  # and nothing came: then nothing is known to be missing
        self.counts.resets += 1
        self._out.append(Reset(self._last, seq, asked))
        self._before = _Numbering(
            self._start,
            self._last,
            self._uncounted_to,
            self._seen.forgotten_to,
            self._spared,
            self._replaying,
            Losses(self._losses.gaps),
            self.counts.events,
            self.counts.gaps,
            self.counts.missing,
        )
        if self._replaying is not None:
            self._outdated, self._replaying = self._before, None
        start = seq if asked and seq > 1 else 0
        self._begin(start, start - 1)
        if seq > 1 and not asked:
            self._deadline = now + HOLD_LIMIT
            self._wait(seq, text, now)
            return
        if seq == 1:
            self._spare_zero()
            if not asked and self.fill_gaps:
                self._losses.ask_next(0)
                self._losses.ask_second(Gap(0, 0))
        self._append(seq, text)

    def _spare_zero(self) -> None:
        """The new numbering may have begun at 1: its 0 is not counted as missing, but may come."""
        self._spared = True
        self._losses.add(Gap(0, 0))

    def _go_back(self, before: _Numbering) -> None:
        """The old numbering goes on: what came since it ended was no other, and lacks nothing."""
        came = self._last
        while self._early:
            came, text = self._early.pop()
            self._deliver([text])
        self._deadline = None
        self._restore(before, came)

    def _restore(self, before: _Numbering, came: int | None) -> None:
        """Go on in the old numbering, after an event that has the number `came`."""
        self._wanted = self._awaited = None
        self.counts.gaps, self.counts.missing = before.gaps, before.missing
        self.counts.resets += 1
        assert came is not None
        self._out.append(Reset(came, before.last + 1))
        self._begin(before.start, before.last)
        self._uncounted_to = before.uncounted_to
        self._seen.forgotten_to = before.forgotten_to
        self._spared, self._losses = before.spared, before.losses
        self._before = None
        if self._outdated is before:  # a second connection was asked for this numbering
            self._replaying, self._outdated = before.replaying, None

    def _begin(self, start: int, last: int) -> None:
        """Go on after `last` in a numbering that began with `start`; nothing was asked for yet."""
        self._start, self._last = start, last
        self._uncounted_to = last
        self._recalled_to = -1
        self._asked_to = self._filled_to = self._passed_to = -1
        self._breaks = set()
        self._answers_request = self._spared = self._goes_on = False
        self._replay_until = 0.0
        self._losses = Losses()
        self._seen.forgotten_to = 0

    def _wait(self, seq: int, text: bytes, now: float) -> None:
        """Keep an event as long as the missing ones before it may still come."""
        if self._answers_request and now < self._answer_until:
            self._asked_to = seq - 1
            self._deadline = now + REPLAY_GRACE
        if not self._early:
            self._latest = now + LONGEST_HOLD
        self._early.add(seq, text)
        self._advance(now)
        if self._early.bytes > HOLD_BYTES:
            self._release()

    def _wait_on(self, now: float) -> None:
        """One of the missing came, live or of a replay that leads to them: others may follow."""
        missing = self._missing()
        if self._deadline is not None:
            patience = REPLAY_GRACE if missing.last <= self._asked_to else HOLD_LIMIT
            self._deadline = min(max(self._deadline, now + patience), self._latest)
        if self._wanted is not None:
            self._wanted = missing
            self._ask_at = now + ASK_AFTER

    def _advance(self, now: float) -> None:
        """Deliver the early events before which nothing is missing that may still come."""
        while self._early:
            missing = self._missing()
            if missing.count > 0 and self._may_come(missing, now):
                return
            self._deliver_first_early(missing)
        self._deadline = self._wanted = None

    def _await_connection(self, now: float) -> None:
        """Have events wait for the next connection, which will be asked for what is missing."""
        self._wanted = None
        if self._outage_until is None:
            self._outage_until = now + OUTAGE_LIMIT
        self._deadline = self._outage_until

    def _give_up(self, now: float) -> None:
        """Wait no longer for the first missing ones, nor for others unless a replay leads there.

        What this connection passed over is asked for once more: live events may have overtaken it.
        Not where that was in vain again and again.
        """
        until = min(self._overtaken_at + REPLAY_GRACE, self._latest)
        if now < until:
            self._wanted = None
            self._deliver_first_early(self._missing())
            self._deadline = until
            self._advance(now)
            return
        self._replay_until = 0.0
        if self._asked_to > self._filled_to and not self._cut and now < self._latest:
            if self._in_vain < VAIN_REPLAYS:
                self._passed_to, self._asked_to = self._asked_to, self._filled_to
            else:
                self._filled_to, self._deadline = self._asked_to, None
            self._advance(now)
        else:
            self._release()

    def _release(self) -> None:
        """Deliver every early event, whatever is missing before it."""
        while self._early:
            self._deliver_first_early(self._missing())
        self._deadline = self._wanted = None

    def _missing(self) -> Gap:
        """The numbers missing before the first early event; its count is 0 where none is."""
        assert self._last is not None
        return Gap(self._last + 1, self._early.lowest - 1)

    def _may_come(self, missing: Gap, now: float) -> bool:
        """Whether missing numbers are awaited; they are asked for here, where that is due."""
        if missing == Gap(0, 0):
            return False
        if missing.last <= self._asked_to:
            may_come = self._deadline is not None
        elif self._cut and not self._is_hole(missing):
            self._await_connection(now)
            may_come = True
        elif self._wanted is None and self.fill_gaps and not self._is_hole(missing):
            self._wanted = missing
            self._ask_at = now + ASK_AFTER
            self._deadline = now + HOLD_LIMIT
            may_come = True
        elif self._before is not None and missing.first == 0 and len(self._early) == 1:
            may_come = self._deadline is not None  # the next event shows which numbering it is
        elif self._may_be_replayed(missing, now):
            self._asked_to = missing.last  # by this connection, whose replay live events overtook
            self._deadline = now + REPLAY_GRACE
            may_come = True
        else:
            may_come = self._wanted is not None
        if may_come and self._awaited is None:
            self._awaited = missing
        return may_come

    def _may_be_replayed(self, missing: Gap, now: float) -> bool:
        """Whether a connection that is not to be helped by a second one may still give these."""
        replays = now < self._replay_until and not self._recalls
        return replays and not self.fill_gaps and not self._is_hole(missing)

    def _deliver_first_early(self, missing: Gap) -> None:
        seq, text = self._early.pop()
        if missing == Gap(0, 0):  # numbers start at 0 or 1: no loss
            self._spared = True
        elif missing.count > 0 and self._before is not None and self._ends(self._before, seq):
            self._restore(self._before, self._last)
        elif missing.count > 0:
            self._lose(missing)
        self._append(seq, text)

    def _ends(self, before: _Numbering, seq: int) -> bool:
        """Whether the numbering ends here, because the old one goes on; a replay may still tell."""
        return self._follows(before, seq) and (self._replaying is None or self._overdue)

    def _lose(self, missing: Gap) -> None:
        self._awaited = None
        asked = missing.last <= self._filled_to
        is_owed = self.fill_gaps and not asked
        self._in_vain += asked and missing.last <= self._passed_to
        if is_owed:
            self._losses.ask_next(missing.first)
        if self._before is not None and missing.first == 0:  # the new numbering may begin at 1
            self._spare_zero()
            missing = Gap(1, missing.last)
        else:
            self._before = None
        self.counts.gaps += 1
        self.counts.missing += missing.count
        for gap in self._losses.add(missing):
            self._seen.forget(gap.first, gap.last)
        if not self._is_hole(missing):
            self._out.append(missing)
            if is_owed:
                self._losses.ask_second(missing)
        if self._answers_request or self._is_in_break(missing):
            return
        if self._holes.learn(missing, asked=asked):
            self._out.append(Holes())

    def _awaits(self, missing: Gap | None) -> bool:
        """Whether one of these is still to be delivered in its place, if it comes."""
        return missing is not None and self._last is not None and self._last < missing.last

    def _is_hole(self, missing: Gap) -> bool:
        return self._holes.explain(missing, in_break=self._is_in_break(missing))

    def _is_in_break(self, missing: Gap) -> bool:
        """Whether they were to come when one connection had ended, and the next not begun."""
        return any(missing.first <= seq + 1 <= missing.last for seq in self._breaks)


def _recorded(text: bytes) -> bytes:
    """An event's text as an earlier run knows it from a recording."""
    return json_text.on_one_line(text).strip()


@dataclass(eq=False, slots=True)
class _Numbering:
    """What was known of a numbering when it ended, so that it can go on."""

    start: int
    last: int
    uncounted_to: int
    forgotten_to: int
    spared: bool
    replaying: Gap | None
    losses: Losses
    events: int
    gaps: int
    missing: int
