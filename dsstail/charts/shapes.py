"""The elements of an SVG document. Lengths are in its own units, about a pixel each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from dsstail.escaping import cut, visible

WIDTH = 1000

_LIGHT = {
    "ground": "#ffffff",
    "panel": "#f6f8fa",
    "text": "#1f2328",
    "faint": "#656d76",
    "line": "#d8dee4",
    "plot": "#2f81f7",
    "other": "#8250df",
    "good": "#2da44e",
    "bad": "#cf222e",
}
_DARK = {
    "ground": "#0d1117",
    "panel": "#161b22",
    "text": "#e6edf3",
    "faint": "#8d96a0",
    "line": "#30363d",
    "plot": "#58a6ff",
    "other": "#a371f7",
    "good": "#3fb950",
    "bad": "#f85149",
}

_FORMS = """\
svg { color-scheme: light dark; }
text { font: 13px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif;
  white-space: pre; }
.mono { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.name { font-size: 21px; font-weight: 600; } .title { font-size: 15px; font-weight: 600; }
.figure { font-size: 24px; font-weight: 600; } .small { font-size: 11px; }
.curve { fill: none; stroke-width: 1.5; stroke-linejoin: round; }"""

# No variables: outside browsers few programs know them, and all would be black.
_INKS = """\
text { fill: %(text)s; } .faint { fill: %(faint)s; } .bad { fill: %(bad)s; }
.good { fill: %(good)s; } .plot { fill: %(plot)s; }
.ground { fill: %(ground)s; } .panel { fill: %(panel)s; } .track { fill: %(line)s; }
.line { stroke: %(line)s; } .curve { stroke: %(other)s; }"""

_STYLE = "\n".join(
    [_FORMS, _INKS % _LIGHT, "@media (prefers-color-scheme: dark) {", _INKS % _DARK, "}"]
)

_NOT_XML = re.compile("[\ufffe\uffff]")


class Sheet:
    """Elements that are drawn one after the other."""

    def __init__(self) -> None:
        self._elements: list[str] = []

    def text(
        self, x: float, y: float, text: str, kind: str = "", *, end: bool = False, cells: int = 200
    ) -> None:
        """A line of text that begins at x, or ends there; what is longer than `cells` is cut."""
        anchor = ' text-anchor="end"' if end else ""
        self._elements.append(
            f'<text x="{_n(x)}" y="{_n(y)}" class="{kind}"{anchor}>{_escaped(text, cells)}</text>'
        )

    def title(self, x: float, y: float, title: str, note: str = "", *, cells: int = 200) -> None:
        """A title, and behind it in small what is to be said at once."""
        more = f'<tspan class="faint small" dx="10">{_escaped(note, cells)}</tspan>' if note else ""
        self._elements.append(
            f'<text x="{_n(x)}" y="{_n(y)}"><tspan class="title">{_escaped(title, 200)}</tspan>'
            f"{more}</text>"
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        kind: str,
        *,
        tip: str = "",
        round: float = 0,
        part: float = 1,
    ) -> None:
        """A filled rectangle, which shows its tip to a pointer; it covers what is below in part."""
        corners = f' rx="{_n(round)}"' if round else ""
        opacity = f' opacity="{part:.2f}"' if part < 1 else ""
        told = f"<title>{_escaped(tip, 200)}</title>" if tip else ""
        self._elements.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
            f'class="{kind}"{corners}{opacity}>{told}</rect>'
        )

    def rule(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """A thin line."""
        self._elements.append(
            f'<line x1="{_n(x)}" y1="{_n(y)}" x2="{_n(to_x)}" y2="{_n(to_y)}" class="line"/>'
        )

    def curve(self, points: Sequence[tuple[float, float]]) -> None:
        """A line through the points."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._elements.append(f'<polyline points="{path}" class="curve"/>')

    def document(self, title: str, height: float) -> str:
        """All that was drawn, as a document of this height that needs nothing else."""
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_n(height)}" '
                f'width="{WIDTH}" height="{_n(height)}" role="img">',
                f"<title>{_escaped(title, 200)}</title>",
                f"<style>\n{_STYLE}\n</style>",
                f'<rect width="{WIDTH}" height="{_n(height)}" class="ground"/>',
                *self._elements,
                "</svg>\n",
            ]
        )


def _escaped(text: str, cells: int) -> str:
    """Text from outside as it may stand in XML, which cannot hold every character."""
    return escape(cut(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", visible(text)), cells))


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
