"""What a simulator is asked to be, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dsstail.errors import ConfigurationError
from dsstail.messages import BODIES

EVENT_TYPES = tuple(BODIES)

HOST = "127.0.0.1"
"""Where it listens."""

MOST_DEVICES = 100_000
"""Made-up devices; they take half a gigabyte for each key."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How the simulated service behaves. Times are in seconds, rates in events a second."""

    port: int = 0
    """0 takes any free port."""
    key: str | None = field(default=None, repr=False)
    """The only stream key that is accepted; None accepts any, each with its own numbering."""
    rate: float = 5.0
    """Over all devices, for each key."""
    devices: int = 5
    event_types: tuple[str, ...] = EVENT_TYPES
    heartbeat_every: float = 30.0
    history: int = 1000
    """Events that made-up devices sent before the first client of a key connects."""
    buffer: int = 100_000
    """Events of each key that are held for replay, those of its history among them."""
    seed: int | None = None
    """The same seed and key make the same events, their times aside; None chooses at random."""
    recording: Path | None = None
    """Served instead of made-up devices, one event a line, without history."""
    drop_every: float | None = None
    """A fault: every connection is reset after this time."""
    skip: float = 0.0
    """A fault: the probability that an event is held for replay and not delivered live."""

    def __post_init__(self) -> None:
        """Raises ConfigurationError where no service can behave like that.

        It names the options of `dsstail simulate`.
        """
        unknown = [name for name in self.event_types if name not in EVENT_TYPES]
        if unknown or not self.event_types:
            known = ", ".join(EVENT_TYPES)
            found = f'"{unknown[0]}" is none of' if unknown else "it must be among"
            raise ConfigurationError(f"--event-type: {found} {known}.")
        if self.key == "":
            raise ConfigurationError("--key: the key is empty.")
        if self.devices > MOST_DEVICES:
            raise ConfigurationError(f"--devices: it must be at most {MOST_DEVICES:,}.")
        if not 0 <= self.port <= 65535:
            raise ConfigurationError("--port: it must be from 0 to 65535.")
        if not 0 <= self.skip <= 1:
            raise ConfigurationError("--skip: it must be from 0 to 1.")
        for name in ("rate", "devices", "heartbeat_every", "buffer", "drop_every"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                option = "--" + name.replace("_", "-")
                raise ConfigurationError(f"{option}: it must be more than 0.")


@dataclass(slots=True)
class Counters:
    """What a simulator has done so far."""

    connections: int = 0
    """Opened so far."""
    connected: int = 0
    """Open now."""
    rejected: int = 0
    events: int = 0
    """Events sent, each as often as it was sent."""
    heartbeats_answered: int = 0
