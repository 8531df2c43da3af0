"""The fields of an event by the names that `--format` and `--expect` know them by.

Both are read here: templates such as `{time} {dsn:<16} {property}={value}`, and conditions such as
`dsn=AC0* property=Blue_LED value=1`.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
import string
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from dsstail.annotation import instant
from dsstail.clock import Clock
from dsstail.escaping import cut, visible, visible_json, width
from dsstail.messages import Event
from dsstail.values import compact, value_text

FIELDS = {
    "time": "when it happened, HH:MM:SS",
    "date": "and on which day, YYYY-MM-DD",
    "stream": "the name of the stream",
    "seq": "the event's number",
    "event_type": "connectivity, datapoint, datapointack, location or registration",
    "dsn": "the device's serial number",
    "oem_model": "the device's model",
    "property": "property_name, or where there is none display_name",
    "display_name": "what people call the property",
    "base_type": "boolean, integer, decimal, string or file",
    "value": "of a datapoint, by its base type: 0 is false",
    "echo": "of a datapoint: true or false",
    "ack_status": "of an ack: 200 or 0 is success",
    "ack_message": "of an ack",
    "status": "Online or Offline",
    "lat": "latitude",
    "long": "longitude",
    "provider": "who told the location",
    "ip": "the address that a location was told for",
    "registered": "true or false",
    "registration_type": "how a device was registered",
    "received_at": "when it was received, RFC 3339 in UTC",
    "body": "what happened, as JSON",
}
"""Every field and what it holds; for an event that has none it is empty."""

_METADATA = {"event_type", "dsn", "oem_model", "display_name", "base_type"}
_TRUTH = {"true": "1", "false": "0"}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a template: text, or a field on at least `least` cells and at most `most`."""

    text: str
    """The text, or the name of the field."""
    is_field: bool = False
    align: str = "<"
    least: int = 0
    most: int | None = None


Template = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A field and what it has to look like, or with `unwanted` what it must not."""

    name: str
    glob: str
    pattern: re.Pattern[str]
    unwanted: bool

    def __str__(self) -> str:
        return f"{self.name}={'!' if self.unwanted else ''}{self.glob}"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event, and how it came: `received_at` is in seconds since the epoch, 0 if not known."""

    event: Event
    stream: str
    received_at: float


class Reader:
    """Reads fields, showing times in UTC or local time, and with `unicode` more than ASCII."""

    def __init__(self, *, utc: bool, unicode: bool = True) -> None:
        self._clock = Clock(utc=utc)
        self._unicode = unicode

    def shown(self, name: str, occurrence: Occurrence) -> str:
        """A field as text on one line, `visible`; empty where the event has none."""
        event = occurrence.event
        found = self._member(name, occurrence)
        if found is None:
            return ""
        if name == "value" and (event.base_type == "boolean" or isinstance(found, int | float)):
            return value_text(found, event.base_type, event.text, self._unicode)
        if isinstance(found, str):
            return visible(found, unicode=self._unicode)
        return visible_json(compact(found), unicode=self._unicode)

    def forms(self, name: str, occurrence: Occurrence) -> Iterator[str]:
        """All that a field can be called: as it is shown, as it is, in words and in numbers."""
        event = occurrence.event
        found = self._member(name, occurrence)
        if found is None:
            return
        shown = self.shown(name, occurrence)
        yield shown
        if shown in _TRUTH and (event.base_type == "boolean" or isinstance(found, bool)):
            yield _TRUTH[shown]
        if isinstance(found, float):
            yield repr(found)
            if found.is_integer():
                yield f"{found:.0f}"
        elif isinstance(found, str):
            yield found
        match name:
            case "dsn":
                yield from event.dsns
            case "property":
                yield event.display_name
            case "time" | "date":
                yield event.time

    def _member(self, name: str, occurrence: Occurrence) -> Any:
        event = occurrence.event
        match name:
            case "time" | "date":
                return self._moment(name, occurrence)
            case "stream":
                return occurrence.stream
            case "received_at":
                return instant(occurrence.received_at) if occurrence.received_at else None
            case "seq":
                return event.seq
            case "property":
                return event.property_name or event.display_name or None
            case "body":
                return event.body
            case "lat" | "long":
                degrees = event.body.get(name)
                return degrees.strip(" ") if isinstance(degrees, str) else degrees
        return (event.metadata if name in _METADATA else event.body).get(name)

    def _moment(self, name: str, occurrence: Occurrence) -> str | None:
        reading = self._clock.read(occurrence.event.time)
        if reading is None and occurrence.received_at:
            reading = self._clock.at(int(occurrence.received_at))
        if reading is None:
            return None
        day, time, _ = reading
        return time if name == "time" else day


def template(text: str) -> Template:
    r"""The parts of a template, in which `\t` is a tab. ValueError says what is wrong with it."""
    if any(character in text for character in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"):
        raise ValueError("a template is one line")
    parts = []
    try:
        pieces = list(string.Formatter().parse(text.replace(r"\t", "\t")))
    except ValueError:
        raise ValueError(f'"{text}" has a brace too many; to print one, double it') from None
    for before, name, shape, conversion in pieces:
        if before:
            parts.append(Part(before))
        if name is not None:
            if conversion is not None:
                raise ValueError(f'"!{conversion}" means nothing in a template')
            parts.append(_field(name, shape or ""))
    if not any(part.is_field for part in parts):
        raise ValueError(f'"{text}" shows no field, such as {{dsn}}')
    return tuple(parts)


def fill(part: Part, text: str, *, unicode: bool = True) -> str:
    """The text of a field, cut and padded as the template has it."""
    if part.most is not None:
        text = cut(text, part.most, unicode=unicode)
    blanks = max(part.least - width(text), 0)
    match part.align:
        case ">":
            return " " * blanks + text
        case "^":
            return " " * (blanks // 2) + text + " " * (blanks - blanks // 2)
    return text + " " * blanks


_SHAPE = re.compile(r"(?P<align>[<>^]?)(?P<least>[0-9]{0,4})(?:\.(?P<most>[0-9]{1,4}))?")


_MOST_SIMILAR = 3
"""Fields that a person may have meant; where there are more, all are listed."""


def _field(name: str, shape: str) -> Part:
    _check_known(name)
    found = _SHAPE.fullmatch(shape)
    if found is None:
        raise ValueError(f'"{shape}" is no width, such as <20, >8, ^10 or <20.20')
    return Part(
        name,
        is_field=True,
        align=found["align"] or "<",
        least=int(found["least"] or 0),
        most=None if found["most"] is None else int(found["most"]),
    )


def _check_known(name: str) -> None:
    """ValueError unless there is a field of this name."""
    if name in FIELDS:
        return
    similar = [one for one in FIELDS if one in name or name in one]
    similar = similar or get_close_matches(name, FIELDS, n=1)
    if 0 < len(similar) <= _MOST_SIMILAR:
        hint = "did you mean " + " or ".join(f'"{one}"' for one in similar) + "?"
    else:
        hint = f"there are {', '.join(FIELDS)}"
    raise ValueError(f'there is no field "{name}" ({hint})')


def conditions(text: str) -> tuple[Condition, ...]:
    """The conditions of `--expect`; with quotes as in a shell a glob can have blanks.

    ValueError says what is wrong with them.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError(f"a quote is not closed in {text}") from None
    if not words:
        raise ValueError("it needs a condition, such as value=1")
    if _COMMA.search(text):
        raise ValueError("between two conditions is a blank, and no comma")
    return tuple(map(_condition, words))


_COMMA = re.compile(rf", *(?:{'|'.join(FIELDS)})=")
"""What a list of conditions would look like; in a value, `?` stands for the comma."""


def _condition(word: str) -> Condition:
    name, equals, glob = word.partition("=")
    unwanted = glob.startswith("!")
    glob = glob.removeprefix("!")
    if name.endswith("!") and equals:
        raise ValueError(f'"{word}" is no condition: anything but is {name[:-1]}=!{glob or 1}')
    if not equals or not glob:
        raise ValueError(f"\"{word}\" is no condition such as value=1 or value='two words'")
    _check_known(name)
    return Condition(name, glob, re.compile(fnmatch.translate(glob)), unwanted)


class Expectation:
    """What `--expect` waits for: an event that satisfies every condition."""

    def __init__(self, conditions: tuple[Condition, ...], *, utc: bool) -> None:
        self._conditions = conditions
        self._reader = Reader(utc=utc)

    def __str__(self) -> str:
        return " ".join(map(str, self._conditions))

    def first(self, texts: list[bytes], stream: str, received_at: float) -> int | None:
        """The place of the first event that satisfies every condition; None where none does."""
        for place, text in enumerate(texts):
            occurrence = Occurrence(Event(text), stream, received_at)
            if all(self._holds(condition, occurrence) for condition in self._conditions):
                return place
        return None

    def _holds(self, condition: Condition, occurrence: Occurrence) -> bool:
        """A field that an event does not have satisfies no condition."""
        forms = list(filter(None, self._reader.forms(condition.name, occurrence)))
        found = any(map(condition.pattern.match, forms))
        return bool(forms) and found != condition.unwanted
