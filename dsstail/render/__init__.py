"""Events as people and programs want to read them: text, JSON, indented JSON, CSV.

Each output is a module of its own, imported when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsstail.fields import Template


@dataclass(frozen=True, slots=True)
class Style:
    """How to show events, and where they are shown."""

    color: bool = False
    utc: bool = False
    """Times in UTC; else in the local time zone."""
    width: int = 80
    """Columns of the terminal."""
    unicode: bool = True
    """Whether more than ASCII can be shown."""
    streams: tuple[str, ...] = ()
    """The names of the streams; more than one, and each event says which it came from."""
    annotate: bool = False
    """Add the stream's name and the time of arrival to the JSON."""
    terminal: bool = False
    """Written to a terminal: JSON then shows control characters as JSON escapes."""
    template: Template | None = None
    """What lines of text look like, where they are not to look as usual."""
    highlight: re.Pattern[str] | None = None
    """What to mark in lines of text, where there is color."""
    fold: bool = False
    """Tell lines of text that repeat the one before as a number."""
    warn: Callable[[str], None] = lambda text: None
    """Is told what the user should know, and stops nothing."""


class Renderer:
    """One output format. It may remember earlier events, so one renderer serves one output."""

    def header(self) -> bytes:
        """What comes before the first event."""
        return b""

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        """The whole lines that show these events of one stream, given as their JSON texts.

        `received_at` is in seconds since the epoch, 0 where it is not known.
        """
        raise NotImplementedError

    def rest(self, now: float | None = None) -> bytes:
        """What was held back and is due `now`, in seconds since the epoch; unasked all of it."""
        return b""

    def resize(self, columns: int) -> None:
        """The terminal has so many columns from now on."""

    def tell_apart(self, streams: tuple[str, ...]) -> None:
        """Events come from these streams from now on, if more than one as in `Style`."""


def renderer(output: str, *, style: Style) -> Renderer:
    """The renderer for an output, one of `config.OUTPUTS`."""
    match output:
        case "text" if style.template is not None:
            from dsstail.render.template import TemplateLines

            return TemplateLines(style, style.template)
        case "text":
            from dsstail.render.text import TextLines

            return TextLines(style)
        case "json":
            from dsstail.render.json_lines import JsonLines

            return JsonLines(style)
        case "pretty":
            from dsstail.render.pretty import Pretty

            return Pretty(style)
        case "csv":
            from dsstail.render.csv_rows import CsvRows

            return CsvRows()
    raise ValueError(f"there is no output {output!r}")
