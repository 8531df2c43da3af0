"""CSV by RFC 4180 with a fixed set of columns, for spreadsheets and data frames.

Values stay as the service gives them (a boolean is 0 or 1); what is absent is an empty cell.
"""

from __future__ import annotations

import csv
import io
import re
from functools import lru_cache
from typing import Any

from dsstail.annotation import instant
from dsstail.escaping import visible, visible_json
from dsstail.layout import skimmed
from dsstail.messages import BODIES, time_of
from dsstail.render import Renderer
from dsstail.values import compact, number_as_written

_FROM_METADATA = ("event_type", "dsn", "oem_model", "property_name", "display_name", "base_type")
_FROM_BODY = (
    *("value", "echo", "ack_status", "ack_message", "status", "lat", "long", "provider", "ip"),
    *("registered", "registration_type"),
)
COLUMNS = ("received_at", "stream", "time", "seq", *_FROM_METADATA, *_FROM_BODY, "body")
"""`body` holds, as JSON, what happened in an event of a type that is not documented.

Of a large event it tells the size, and what follows the metadata has no cells.
"""

_SHORT = 100
"""Characters of a text whose cell is remembered."""

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
# Where the semicolon separates, as in many locales, a formula can also start behind one.
_FORMULA = re.compile("(^|;)(?=[\\s\"']*[-=+@\uff0d\uff1d\uff0b\uff20])")


class CsvRows(Renderer):
    """One row an event, below a header of COLUMNS."""

    def header(self) -> bytes:
        return _rows([COLUMNS])

    def render(self, texts: list[bytes], stream: str, received_at: float) -> bytes:
        arrived = instant(received_at) if received_at else ""
        return _rows([(arrived, cell(stream), *_cells(text)) for text in texts])


def _cells(text: bytes) -> list[str]:
    event = skimmed(text)
    metadata, body, seq = event.metadata, event.body, event.seq
    happened = ""
    if not event.is_whole:
        happened = cell(f"{len(text)} bytes, not shown")
    elif event.event_type not in BODIES:
        happened = cell(compact(body))
    value = body.get("value")
    if isinstance(value, float):
        body = {**body, "value": number_as_written(value, text)}
    return [
        cell(time_of(body)),
        "" if seq is None else str(seq),
        *[cell(metadata[name]) if name in metadata else "" for name in _FROM_METADATA],
        *[cell(body[name]) if name in body else "" for name in _FROM_BODY],
        happened,
    ]


def cell(member: Any) -> str:
    """A member as a cell: visible, and no spreadsheet takes it for a formula."""
    if member is None:
        return ""
    if not isinstance(member, str):
        return _harmless(visible_json(compact(member)))
    return _cell_of(member) if len(member) <= _SHORT else _harmless(visible(member))


@lru_cache(maxsize=4096)
def _cell_of(text: str) -> str:
    """The cell of a short text: most come again and again."""
    return _harmless(visible(text))


def _harmless(text: str) -> str:
    number = text.strip(" ")  # a latitude can have leading blanks
    return number if _NUMBER.match(number) else _FORMULA.sub(r"\1'", text)


def _rows(rows: list[tuple[str, ...]]) -> bytes:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue().encode()
