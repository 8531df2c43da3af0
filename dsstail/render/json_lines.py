"""JSON, one event a line: the event's own text, with a member of ours only where it is wanted."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from dsstail.annotation import Annotation
from dsstail.escaping import visible_json
from dsstail.render import Renderer, Style

_BYTES_AT_ONCE = 1 << 16


def visible_parts(lines: bytes, *, unicode: bool) -> Iterator[bytes]:
    """Lines of JSON as a terminal may see them; in parts, or text would take memory many times."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for at in range(0, len(lines), _BYTES_AT_ONCE):
        part = decoder.decode(lines[at : at + _BYTES_AT_ONCE])
        yield visible_json(part, unicode=unicode).encode()


class JsonLines(Renderer):
    """The texts as received, a line each."""

    def __init__(self, style: Style) -> None:
        self._annotation = annotation(style)
        self._style = style

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        lines = self._annotation.lines(texts, stream, received_at)
        if self._style.terminal and (not lines.isascii() or b"\x7f" in lines):
            return b"".join(visible_parts(lines, unicode=self._style.unicode))
        return lines


def annotation(style: Style) -> Annotation:
    """The last member `"_dsstail":{"stream":…}`, where one stream is to be told from another."""
    wanted = style.annotate or len(style.streams) > 1
    return Annotation(wanted=wanted, with_time=style.annotate)
