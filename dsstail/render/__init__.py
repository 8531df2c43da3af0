"""Events as people and programs want to read them: text, JSON, indented JSON, CSV.

Each output is a module of its own, imported when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dsstail.errors import ConfigurationError

OUTPUTS = ("text", "json", "pretty", "csv")


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
    live: bool = False
    """Events arrive now, so that the time of arrival can stand in for one of their own."""
    terminal: bool = False
    """Written to a terminal: JSON then shows control characters as JSON escapes."""


class Renderer(Protocol):
    """One output format. It may remember earlier events, so one renderer serves one output."""

    def header(self) -> bytes:
        """What comes before the first event."""

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        """The whole lines that show these events of one stream, given as their JSON texts.

        `received_at` is in seconds since the epoch, 0 where it is not known.
        """


def renderer(output: str, *, style: Style) -> Renderer:
    """The renderer for one of OUTPUTS; ConfigurationError for anything else."""
    match output:
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

            return CsvRows(style)
    raise ConfigurationError(f"there is no output {output!r}. Outputs: {', '.join(OUTPUTS)}.")
