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
from dsstail.render.json_lines import annotation, visible_parts

DEEPEST_INDENT = 64
"""Levels beyond are not indented further: a line's blanks would outgrow the event."""

_NEW_LINES = ["\n" + "  " * depth for depth in range(DEEPEST_INDENT + 1)]

_PARTS_AT_ONCE = 4096  # as strings they take several times the memory of their text

_TOKEN = re.compile(
    r"""
      (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+") (?P<colon>[ \t\r\n]*+:)?+
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
        self._annotation = annotation(style)
        self._unicode = style.unicode
        self._forms = {
            "colon": f"{colors.key}%s{colors.reset}: ",
            "string": f"{colors.string}%s{colors.reset}",
            "number": f"{colors.number}%s{colors.reset}",
            "literal": f"{colors.literal}%s{colors.reset}",
        }

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        texts = self._annotation.texts(texts, stream, received_at)
        return b"".join(chunk for text in texts for chunk in self._shown(text))

    def _shown(self, text: bytes) -> Iterator[bytes]:
        if len(text) > LARGE:  # it costs too much to indent, and is of no use to the eye either
            return visible_parts(as_lines([text]), unicode=self._unicode)
        return self._indented(text)

    def _indented(self, text: bytes) -> Iterator[bytes]:
        """The tokens of `text` as they are, and between them white space as people like it."""
        depth, new_line = 0, "\n"
        parts: list[str] = []
        seen = visible_json(text.decode(errors="replace"), unicode=self._unicode)
        for token in _TOKEN.finditer(seen):
            kind = str(token.lastgroup)
            if kind in self._forms:
                parts.append(self._forms[kind] % token["string" if kind == "colon" else kind])
            elif kind == "comma":
                parts.append("," + new_line)
            elif kind == "open":
                depth += 1
                new_line = _NEW_LINES[min(depth, DEEPEST_INDENT)]
                parts.append(token[0] + new_line)
            elif kind == "close":
                depth -= 1
                new_line = _NEW_LINES[min(depth, DEEPEST_INDENT)]
                parts.append(new_line + token[0])
            else:
                parts.append(token[0][0] + token[0][-1])
            if len(parts) >= _PARTS_AT_ONCE:
                yield "".join(parts).encode()
                parts.clear()
        parts.append("\n")
        yield "".join(parts).encode()
