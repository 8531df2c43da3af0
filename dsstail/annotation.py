"""The last member `"_dsstail"` of an event's JSON: which stream it came from, and when.

It is added to an event's text and taken off again without touching the rest of it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_NAME = b'"_dsstail":'
_MEMBER = re.compile(
    _NAME + rb'\{"stream":"([A-Za-z0-9._-]+)"(?:,"received_at":"[0-9T:.-]+Z")?\}\}[ \t\r]*\Z'
)


def annotated(texts: list[bytes], stream: str, received_at: float | None) -> list[bytes]:
    """Events' texts with the member added: the stream's name, and the time unless it is None."""
    time = "" if received_at is None else f',"received_at":"{instant(received_at)}"'
    member = f'"_dsstail":{{"stream":"{stream}"{time}}}}}'.encode()
    return [
        text[:-1] + b"," + member if text.endswith(b"}}") else _with_last(text, member)
        for text in texts
    ]


def unannotated(line: bytes) -> tuple[bytes, str | None]:
    """The event's own text, and the name of the stream that the member tells, if it is there."""
    at = line.rfind(_NAME)
    member = _MEMBER.match(line, at) if at > 0 else None
    if member is None:
        return line, None
    return line[:at].removesuffix(b",") + b"}", member[1].decode()


def instant(seconds: float) -> str:
    """A time in seconds since the epoch as RFC 3339, in UTC, to the microsecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _with_last(text: bytes, member: bytes) -> bytes:
    others = text.rstrip(b" \t\r\n")[:-1]
    comma = b"" if others.rstrip(b" \t\r\n") == b"{" else b","
    return others + comma + member
