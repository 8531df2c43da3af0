"""Indented, highlighted JSON for people, which is still the same JSON for programs.

A large event is shown as it is, on one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dsstail.escaping import visible_json
from dsstail.json_text import as_lines
from dsstail.layout import LARGE
from dsstail.render import Renderer, Style
from dsstail.render.ink import ink
from dsstail.render.json_lines import Annotation, visible_parts

DEEPEST_INDENT = 64
"""Levels beyond are not indented further: a line's blanks would outgrow the event."""

_PARTS_AT_ONCE = 4096  # as strings they take several times the memory of their text

_TOKEN = re.compile(
    r"""
      (?P<key>"(?:[^"\\]|\\.)*+") [ \t\r\n]*+ :
    | (?P<string>"(?:[^"\\]|\\.)*+")
    | (?P<number>-?[0-9][-+.0-9eE]*+)
    | (?P<literal>[a-z]++)
    | (?P<empty>\{[ \t\r\n]*+\} | \[[ \t\r\n]*+\])
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<comma>,)
    """,
    re.VERBOSE,
)


class Pretty(Renderer):
    """Every token as received, on lines indented by two blanks a level."""

    def __init__(self, style: Style) -> None:
        colors = ink(style.color)
        self._annotation = Annotation(style)
        self._unicode = style.unicode
        self._forms = {
            "key": f"{colors.key}%s{colors.reset}: ",
            "string": f"{colors.string}%s{colors.reset}",
            "number": f"{colors.number}%s{colors.reset}",
            "literal": f"{colors.literal}%s{colors.reset}",
        }

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        texts = self._annotation.add(texts, stream, received_at)
        return b"".join(chunk for text in texts for chunk in self._shown(text))

    def _shown(self, text: bytes) -> Iterator[bytes]:
        if len(text) > LARGE:  # it costs too much to indent, and is of no use to the eye either
            return visible_parts(as_lines([text]), unicode=self._unicode)
        return self._indented(text)

    def _indented(self, text: bytes) -> Iterator[bytes]:
        """The tokens of `text` as they are, and between them white space as people like it."""
        depth = 0
        parts: list[str] = []
        seen = visible_json(text.decode(errors="replace"), unicode=self._unicode)
        for token in _TOKEN.finditer(seen):
            kind = str(token.lastgroup)
            written = token[kind]
            if kind in self._forms:
                parts.append(self._forms[kind] % written)
            elif kind == "comma":
                parts.append("," + _new_line(depth))
            elif kind == "open":
                depth += 1
                parts.append(written + _new_line(depth))
            elif kind == "close":
                depth -= 1
                parts.append(_new_line(depth) + written)
            else:
                parts.append(written[0] + written[-1])
            if len(parts) >= _PARTS_AT_ONCE:
                yield "".join(parts).encode()
                parts.clear()
        parts.append("\n")
        yield "".join(parts).encode()


def _new_line(depth: int) -> str:
    return "\n" + "  " * min(depth, DEEPEST_INDENT)
