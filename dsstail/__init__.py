"""Tail and record the Ayla Datastream Service, from the command line or from Python.

>>> for event in dsstail.open_stream("wss://stream.aylanetworks.com/stream", key="…"):
...     print(event.dsn, event.property_name, event.value)
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it, which takes time in which Ctrl-C is a traceback

if TYPE_CHECKING:
    from dsstail.deliveries import Gap as Gap
    from dsstail.deliveries import Reset as Reset
    from dsstail.errors import ConfigurationError as ConfigurationError
    from dsstail.errors import ConnectionFailed as ConnectionFailed
    from dsstail.errors import DsstailError as DsstailError
    from dsstail.errors import Rejected as Rejected
    from dsstail.handover import Batch as Batch
    from dsstail.handover import Connected as Connected
    from dsstail.handover import Disconnected as Disconnected
    from dsstail.messages import Event as Event
    from dsstail.messages import Malformed as Malformed
    from dsstail.recording.reading import read_recording as read_recording
    from dsstail.stream import StreamSettings as StreamSettings
    from dsstail.stream import open_stream as open_stream

__version__ = "0.1.0"

_HOMES = {
    "ConfigurationError": "dsstail.errors",
    "ConnectionFailed": "dsstail.errors",
    "DsstailError": "dsstail.errors",
    "Rejected": "dsstail.errors",
    "Event": "dsstail.messages",
    "StreamSettings": "dsstail.stream",
    "open_stream": "dsstail.stream",
    "read_recording": "dsstail.recording.reading",
    "Batch": "dsstail.handover",
    "Connected": "dsstail.handover",
    "Disconnected": "dsstail.handover",
    "Gap": "dsstail.deliveries",
    "Reset": "dsstail.deliveries",
    "Malformed": "dsstail.messages",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """What is public, imported when it is first asked for: `--version` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dsstail' has no attribute {name!r}")
    from importlib import import_module

    public: object = getattr(import_module(_HOMES[name]), name)
    return public


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
