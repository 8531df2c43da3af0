"""Looks at all that passes, and shows it on the terminal until the person has seen enough."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from dsstail.escaping import visible
from dsstail.handover import Batch
from dsstail.render import Style
from dsstail.stderr import write_to_stderr
from dsstail.watching.browsing import Browser, View
from dsstail.watching.brush import Brush, Moment
from dsstail.watching.devices import Devices
from dsstail.watching.log import Log, Message
from dsstail.watching.painting import Painter, Subject
from dsstail.watching.streams import Streams
from dsstail.watching.terminal import Terminal

FRAME = 0.1
"""Seconds between two screens at least, ..."""

SHARE = 0.2
"""... and the share of the time that drawing may take."""

BEAT = 1.0
"""Seconds after which ages are drawn anew where nothing else has happened."""

MANY = 2000
"""Devices whose order is made anew only every ..."""

REORDER = 0.5
"""... so many seconds."""


class Watch:
    """Takes events and batches like any writer and observer; draws, and does what keys say."""

    tick_every = FRAME
    waits_for_reader = True

    def __init__(
        self,
        terminal: Terminal,
        style: Style,
        subject: Subject,
        complete: Callable[[Streams], None],
        *,
        past: bool,
    ) -> None:
        """`complete` adds what batches do not tell of the streams, before each screen.

        What is `past` has a time of its own, that of the last event.
        """
        self._terminal = terminal
        self._brush = Brush(style)
        self._complete = complete
        self._past = past
        self._devices = Devices(utc=style.utc, unicode=style.unicode)
        self._browser = Browser(self._devices)
        self._streams = Streams(style.streams, time.monotonic())
        self._log = Log()
        self._painter = Painter(
            self._brush, subject, self._browser, self._streams, self._log, past=past
        )
        self._open = True
        self._entered = False
        self._changed = True
        self._due = 0.0
        self._drawn_at = 0.0
        self._ordered_at = 0.0

    def begin(self, until: float) -> None:
        """How much time is left changes nothing here."""

    def hurry(self) -> None:
        """Nor does that none is."""

    def write(self, texts: list[bytes], stream: str, received_at: float) -> None:
        """Take in events that were let through."""
        self._devices.take(texts, stream, received_at, time.monotonic())
        self._changed = True

    def note(self, batch: Batch) -> None:
        """Take in what came from a stream, all of it."""
        self._streams.take(batch, time.monotonic())
        if len(self._streams) > len(self._brush.style.streams):  # recordings tell them bit by bit
            self._brush.style = replace(self._brush.style, streams=tuple(self._streams))
        self._changed = True

    def idle(self) -> None:
        self.tick(0)

    def tick(self, events: int) -> None:
        """Do what keys say, and draw if that is due."""
        if not self._open:
            return
        if not self._entered:
            self._entered = True
            self._terminal.enter()
        for key in self._terminal.typed():
            self._browser.press(key)
            self._changed, self._due = True, 0.0
        self._terminal.stale |= self._browser.redraw
        self._browser.redraw = False
        if self._browser.quit:
            self.close()
            signal.raise_signal(signal.SIGINT)
            return
        now = time.monotonic()
        changed = self._changed or self._terminal.stale or now >= self._drawn_at + BEAT
        if changed and now >= self._due and self._terminal.ready():
            self._draw(now)
            spent = time.monotonic() - now
            self._due = now + max(FRAME, spent / SHARE)

    def tell(self, text: str) -> None:
        """Take a line that would go to stderr; there it goes, too, if that is elsewhere."""
        if self._open:
            seen = visible(text.rstrip("\n"), unicode=self._brush.unicode)
            self._log.add(Message(self._brush.clock_time(time.time()), seen))
            self._changed = True
        if not self._open or not os.isatty(2):
            write_to_stderr(text)

    def close(self, *, in_haste: bool = False) -> None:
        """Give the terminal back, and tell there what is bad and was not seen."""
        was_open, self._open = self._open, False
        self._terminal.leave()
        if was_open and os.isatty(2):
            write_to_stderr(self._log.rest())

    def abandon(self) -> None:
        """Give the terminal back from any thread."""
        self._terminal.abandon()

    def _draw(self, now: float) -> None:
        self._complete(self._streams)
        refresh = len(self._devices) < MANY or now >= self._ordered_at + REORDER
        self._ordered_at = now if refresh else self._ordered_at
        self._browser.sort(refresh=refresh)
        moment = Moment(now, self._devices.now if self._past else time.time())
        self._changed, self._drawn_at = False, now
        self._terminal.draw(lambda columns, rows: self._painter.screen(columns, rows, moment))
        if self._browser.view is View.MESSAGES:
            self._log.look()
