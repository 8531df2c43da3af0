"""Ctrl-C and its kin: the first asks for the end, which must come soon; the second is the end."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator

STOP_LIMIT = 1.7
"""Seconds after a signal when the process ends, whatever blocks it."""


@contextlib.contextmanager
def interruptible(
    end: Callable[[], None],
    leave: Callable[[], None],
    abandon: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """The first signal calls `end`, in the main thread, where it may raise.

    If the block has not ended STOP_LIMIT seconds later, another thread calls `leave`, to end the
    process from there. A second signal ends it at once, after a call of `abandon`.
    """
    alarm: queue.SimpleQueue[None] = queue.SimpleQueue()
    finished = threading.Event()
    interrupted = False

    def guard() -> None:
        alarm.get()
        if not finished.wait(STOP_LIMIT):
            leave()

    def interrupt(number: int, frame: object) -> None:
        nonlocal interrupted
        if interrupted:
            abandon()
            os._exit(130)
        interrupted = True
        alarm.put(None)
        end()

    threading.Thread(target=guard, name="guard", daemon=True).start()
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # nohup, or a shell's background job
                signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        finished.set()
