"""Which events to show or keep: the filter options as one predicate."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from dsstail.errors import ConfigurationError
from dsstail.layout import LARGE, divided, is_flat, skimmed
from dsstail.messages import Event

_SEPARATOR = b"\0"  # which no JSON text holds

_TEXTS_AT_ONCE = 60
"""So few that they stay in the processor's cache, and that Python searches without preparations."""

_REMEMBERED = 20_000
"""Metadata of which it is remembered whether they match."""

_LONGEST_METADATA = 1000
"""Bytes of those that are."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """The values of one repeated option, such as `--dsn`: some wanted, some not wanted."""

    wanted: re.Pattern[str] | None
    unwanted: re.Pattern[str] | None
    literals: tuple[bytes, ...] | None
    """Of these a wanted event's text holds at least one, or a backslash that may hide it."""

    def match(self, values: Iterable[str]) -> bool:
        """Whether one of an event's values is wanted and none is unwanted."""
        values = [value for value in values if value]
        if self.unwanted is not None and any(map(self.unwanted.match, values)):
            return False
        return self.wanted is None or any(map(self.wanted.match, values))

    def narrow(self, texts: list[bytes]) -> list[bytes]:
        """Leave out, without decoding, texts that cannot hold a wanted value."""
        if self.literals is None:
            return texts
        literals = (*self.literals, b"\\")
        found: list[bytes] = []
        for at in range(0, len(texts), _TEXTS_AT_ONCE):
            found += _holding(texts[at : at + _TEXTS_AT_ONCE], literals)
            if 2 * len(found) > at + _TEXTS_AT_ONCE:  # to look for what most hold is in vain
                return found + texts[at + _TEXTS_AT_ONCE :]
        return found


@dataclass(frozen=True)
class Filter:
    """Events that satisfy every option that was given.

    All options are about metadata, and devices send the same again and again: once is enough to
    look into them.
    """

    dsns: Patterns | None
    event_types: Patterns | None
    properties: Patterns | None
    oem_models: Patterns | None

    @cached_property
    def everything(self) -> bool:
        """Whether no option was given, so that every event matches."""
        return not any((self.dsns, self.event_types, self.properties, self.oem_models))

    def matches(self, event: Event) -> bool:
        """Whether to take `event`. What it does not have matches no wanted pattern."""
        return (
            (self.event_types is None or self.event_types.match([event.event_type]))
            and (self.dsns is None or self.dsns.match(event.dsns))
            and (
                self.properties is None
                or self.properties.match([event.property_name, event.display_name])
            )
            and (self.oem_models is None or self.oem_models.match([event.oem_model]))
        )

    def select(self, texts: list[bytes]) -> list[bytes]:
        """Those of the events' JSON texts that match, in their order."""
        if self.everything:
            return texts
        for patterns in (self.dsns, self.properties, self.oem_models, self.event_types):
            if patterns is not None:
                texts = patterns.narrow(texts)
        return [text for text in texts if self._takes(text)]

    def _takes(self, text: bytes) -> bool:
        usual = divided(text)
        if usual is not None:
            _, between, happened = usual.groups()
            if len(between) <= _LONGEST_METADATA and is_flat(happened):
                known = self._with_metadata(between)
                if known is not None:
                    return known
        return self.matches(_read(text))

    @cached_property
    def _with_metadata(self) -> Callable[[bytes], bool | None]:
        """Whether to take events with these metadata between `seq` and body; None: it depends."""

        def judged(between: bytes) -> bool | None:
            # The body is left out: `null` shows where it would be the metadata that count.
            event = Event(b'{"seq":"1%bnull}' % between)
            holds = isinstance(event.data.get("metadata"), dict)
            return self.matches(event) if holds else None

        return lru_cache(_REMEMBERED)(judged)


EVERYTHING = Filter(None, None, None, None)


def _read(text: bytes) -> Event:
    """The event, of which only the metadata is decoded if it is large and that can be had."""
    event = skimmed(text)
    return event if event.is_whole or "metadata" in event.data else Event(text)


def build(
    dsns: Sequence[str] = (),
    event_types: Sequence[str] = (),
    properties: Sequence[str] = (),
    oem_models: Sequence[str] = (),
) -> Filter:
    """A filter from the values of the options: globs, with a leading `!` for what to leave out.

    Raises ConfigurationError for an empty pattern, which an unset shell variable leaves behind.
    """
    return Filter(
        dsns=_patterns("--dsn", dsns, quoted=False),
        event_types=_patterns("--event-type", event_types),
        properties=_patterns("--property", properties),
        oem_models=_patterns("--oem-model", oem_models),
    )


def _patterns(option: str, globs: Sequence[str], *, quoted: bool = True) -> Patterns | None:
    """`quoted`: the value is a whole JSON string, so its quotes are part of what to look for."""
    if not globs:
        return None
    if any(glob in ("", "!") for glob in globs):
        raise ConfigurationError(f"{option} needs a pattern, and got an empty one.")
    wanted = [glob for glob in globs if not glob.startswith("!")]
    unwanted = [glob[1:] for glob in globs if glob.startswith("!")]
    literals = [_longest_literal(f'"{glob}"' if quoted else glob) for glob in wanted]
    return Patterns(
        wanted=_any_of(wanted),
        unwanted=_any_of(unwanted),
        literals=tuple(literals) if literals and all(literals) else None,
    )


def _holding(texts: list[bytes], literals: tuple[bytes, ...]) -> list[bytes]:
    """Those texts that hold one of the literals.

    One search through all texts is much faster than one through each; of large ones it would
    take the memory once more.
    """
    if max(map(len, texts)) > LARGE:
        return [text for text in texts if any(literal in text for literal in literals)]
    joined = _SEPARATOR.join([*texts, b""])
    found: dict[int, bytes] = {}  # by their places in what was joined
    for literal in literals:
        at = joined.find(literal)
        while at >= 0:
            start = joined.rfind(_SEPARATOR, 0, at) + 1
            end = joined.find(_SEPARATOR, at)
            found[start] = joined[start:end]
            at = joined.find(literal, end)
    return [found[start] for start in sorted(found)]


def _any_of(globs: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(fnmatch.translate, globs))) if globs else None


_SPECIAL = re.compile(r"\[!?\]?[^\]]*\]|[*?\[]")


def _longest_literal(glob: str) -> bytes:
    """The longest run of `glob` that stands for itself, as it is in JSON text without escapes."""
    return max(_SPECIAL.split(glob), key=len).encode("utf-8", "surrogatepass")
