"""JSON, one event a line: the event's own text, with a member of ours only where it is wanted."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from dsstail.escaping import visible_json
from dsstail.render import Style


class JsonLines:
    """The texts as received, a line each."""

    def __init__(self, style: Style) -> None:
        self._annotation = Annotation(style)
        self._style = style

    def header(self) -> bytes:
        return b""

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        texts = self._annotation.add(texts, stream, received_at)
        lines = b"\n".join([*texts, b""])
        if b"\r" in lines or lines.count(b"\n") != len(texts):
            lines = b"\n".join([*map(on_one_line, texts), b""])
        if self._style.terminal and (not lines.isascii() or b"\x7f" in lines):
            seen = visible_json(lines.decode(errors="replace"), unicode=self._style.unicode)
            return seen.encode()
        return lines


class Annotation:
    """The last member `"_dsstail":{"stream":…}`, added without touching the rest of an event."""

    def __init__(self, style: Style) -> None:
        self._wanted = style.annotate or len(style.streams) > 1
        self._with_time = style.annotate

    def add(self, texts: list[bytes], stream: str, received_at: float) -> list[bytes]:
        if not self._wanted:
            return texts
        about = {"stream": stream}
        if self._with_time:
            about["received_at"] = instant(received_at)
        member = b'"_dsstail":' + json.dumps(about, separators=(",", ":")).encode() + b"}"
        return [
            text[:-1] + b"," + member if text.endswith(b"}}") else _with_last_member(text, member)
            for text in texts
        ]


def _with_last_member(text: bytes, member: bytes) -> bytes:
    others = text.rstrip(b" \t\r\n")[:-1]
    comma = b"" if others.rstrip(b" \t\r\n") == b"{" else b","
    return others + comma + member


def on_one_line(text: bytes) -> bytes:
    """Line breaks can only be white space in JSON, so blanks do as well."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def instant(seconds: float) -> str:
    """A time since the epoch as RFC 3339, in UTC, to the microsecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
