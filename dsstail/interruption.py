"""Ctrl-C and its kin: the first asks for the end, which must come soon; the second is the end."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socket import socket

STOP_LIMIT = 1.5
"""Seconds after a signal when the process ends, whatever blocks it."""

HURRY_EVERY = 0.1
"""Seconds until a write that is to end is broken off again."""

HURRIES = tuple(HURRY_EVERY * times for times in (5, 4, 3, 2, 1))
"""Seconds before that end when what still goes on is told to come to its own."""

SAME = 0.03
"""Seconds within which a signal that comes again is no second one: `timeout` sends it to the
process and to its group, a wrapper hands on what the terminal has sent already."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_HANGUP = getattr(signal, "SIGHUP", None)
_BREAK = getattr(signal, "SIGURG", None)
_LEAVINGS = ("SIGTSTP", "SIGQUIT")


class _Left(BaseException):
    """Ctrl-Z or Ctrl-\\ was pressed, as the signal in its argument tells."""


def end_at_once(code: int) -> None:
    """From here on a signal ends the process, with `code`: there is nothing to finish yet.

    An exception would not do: it may come within an import that crashes for it.
    """
    for number in _handled():
        signal.signal(number, lambda *_: os._exit(code))


@contextlib.contextmanager
def raising(*, hangup: bool = False) -> Iterator[None]:
    """Within the block, a signal raises KeyboardInterrupt; from then on all are ignored.

    SIGHUP is one of them only with `hangup`: else it ends the process, whose terminal is gone.
    """
    before = {number: old for number, old in _handled().items() if hangup or number != _HANGUP}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        before = dict.fromkeys(_handled(), signal.SIG_IGN)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def anew_after_suspension(ask: Callable[[], str]) -> str:
    """What `ask` returns. Ctrl-Z breaks it off, and it begins anew when the process goes on.

    So it can leave the terminal as it was, also to Ctrl-\\, and have it again as it wants: shells
    change it.
    """
    before = _heeded(_LEAVINGS)
    while True:
        try:
            for number in before:
                signal.signal(number, _break_off_to_leave)
            return ask()
        except _Left as left:
            [came] = left.args
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        signal.raise_signal(came)


@contextlib.contextmanager
def interruptible(
    end: Callable[[], None],
    leave: Callable[[], None],
    abandon: Callable[[], None] = lambda: None,
    hurry: Callable[[], None] = lambda: None,
    *,
    goes_on: bool = False,
) -> Iterator[None]:
    """The first signal calls `end`, in the main thread, where it may raise.

    If the process has not ended STOP_LIMIT seconds later, another thread calls `leave`, to end it
    from there, and before that `hurry`, several times. A second signal ends it at once, after a
    call of `abandon`; but not SIGHUP, which shells send once more than the terminal does, nor one
    that comes after the block. With that the process has come to its end, unless it `goes_on`, and
    signals are what they were before.
    """
    from socket import socketpair

    before = _handled()
    interrupted = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            end()

    # Python's handlers wait for the main thread, which may be stuck; the guard does not.
    ours, theirs = socketpair()
    theirs.setblocking(False)
    guard = threading.Thread(
        target=_guard, args=[ours, [*before], leave, abandon, hurry], name="guard", daemon=True
    )
    guard.start()
    woken = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        for number in before:
            signal.signal(number, interrupt)
        yield
    finally:
        if goes_on:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(woken)
            theirs.close()
            guard.join()
        else:
            for number in before if interrupted else ():
                signal.signal(number, signal.SIG_IGN)
            theirs.detach()  # it stays open, and the guard awake


def allow_breaks() -> None:
    """Have `break_off` work from here on. For the main thread."""
    if _BREAK is not None:
        signal.signal(_BREAK, lambda *_: None)


def break_off(thread: int) -> None:
    """Have a write that a thread waits in return, if some of it was written; else it goes on."""
    if _BREAK is not None:
        signal.pthread_kill(thread, _BREAK)


def _break_off_to_leave(number: int, frame: object) -> None:
    for other in _heeded(_LEAVINGS):  # pressed as well, it would break off what leaving takes
        signal.signal(other, lambda *_: None)
    raise _Left(number)


def _handled() -> dict[int, Any]:
    """The signals that end, and their handlers."""
    return _heeded(_NAMES)


def _heeded(names: Iterable[str]) -> dict[int, Any]:
    """The signals of these names that this system has, and their handlers.

    Those that are ignored stay so: with nohup, or in a shell's background job.
    """
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    return {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}


def _guard(
    wakeups: socket,
    wanted: list[int],
    leave: Callable[[], None],
    abandon: Callable[[], None],
    hurry: Callable[[], None],
) -> None:
    """Take the numbers of the signals that came, until there is to be no more of them."""
    first, came_at = 0, 0.0
    due: list[tuple[float, Callable[[], None]]] = []  # what else there is to do, and when
    with wakeups:
        while True:
            if due:
                wakeups.settimeout(max(due[0][0] - time.monotonic(), 0.001))
            try:
                numbers = wakeups.recv(64)
            except TimeoutError:
                due.pop(0)[1]()
                if not due:
                    return
                continue
            if not numbers:
                return
            now = time.monotonic()
            for number in filter(wanted.__contains__, numbers):
                if not due:
                    first, came_at = number, now
                    end = now + STOP_LIMIT
                    due = [*((end - before, hurry) for before in HURRIES), (end, leave)]
                elif number != _HANGUP and (number != first or now - came_at >= SAME):
                    abandon()
                    os._exit(130)
