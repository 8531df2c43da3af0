"""Lines as the user wants them: one an event, by the template of `--format`."""

from __future__ import annotations

from dsstail.fields import Occurrence, Part, Reader, Template, fill
from dsstail.layout import skimmed
from dsstail.render import Renderer, Style
from dsstail.render.folding import Folding, repetitions
from dsstail.render.highlight import Highlight
from dsstail.wording import not_shown


class TemplateLines(Renderer):
    """Fills the template in; of a large event the size stands for what is not decoded."""

    def __init__(self, style: Style, template: Template) -> None:
        self._template = template
        self._unicode = style.unicode
        self._reader = Reader(utc=style.utc, unicode=style.unicode)
        self._highlight = Highlight.of(style)
        self._folding = Folding() if style.fold else None

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        lines = "".join([self._line(text, stream, received_at) for text in texts])
        return lines.encode(errors="surrogateescape") + self.rest(received_at)

    def rest(self, now: float | None = None) -> bytes:
        return b"" if self._folding is None else self._folding.told(now).encode()

    def _line(self, text: bytes, stream: str, received_at: float) -> str:
        occurrence = Occurrence(skimmed(text), stream, received_at)
        line = "".join(
            [
                self._field(part, occurrence) if part.is_field else part.text
                for part in self._template
            ]
        )
        line = (line if self._highlight is None else self._highlight.mark(line)) + "\n"
        if self._folding is None:
            return line
        return self._folding.add(line, line, self._row, received_at)

    def _field(self, part: Part, occurrence: Occurrence) -> str:
        event = occurrence.event
        if part.text in ("value", "body") and not event.is_whole:
            shown = not_shown(len(event.text))
        else:
            shown = self._reader.shown(part.text, occurrence)
        return fill(part, shown, unicode=self._unicode)

    def _row(self, count: int) -> str:
        return repetitions(count, self._unicode) + "\n"
