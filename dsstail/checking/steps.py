"""What a check finds out: a `Step` for each part of the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAME, TCP, PROXY, TLS, HANDSHAKE = "name", "tcp", "proxy", "tls", "handshake"
ADDRESSES, CLOCK, HEARTBEAT, EVENT = "addresses", "clock", "heartbeat", "event"

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class Advice:
    """The likely cause of a failure, `""` where that is plain, and what to do about it."""

    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one part of the way; `detail` is for people, `facts` for programs.

    Both may hold text from outside. `seconds` is how long it took, None where that says nothing;
    `stream` is set where it is about one key. A check fails with the highest `exit_code`.
    """

    name: str
    outcome: str
    detail: str
    seconds: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    stream: str = ""
    advice: Advice | None = None
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Listener:
    """Who wants to know: `tell` gets each step once it is done, `wait` what is going on now."""

    tell: Callable[[Step], None]
    wait: Callable[[str], None]
