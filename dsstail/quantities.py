"""Numbers, durations and sizes as people write them: `12`, `75s`, `16MiB`.

What is none raises ValueError, whose text says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

Quantity = TypeVar("Quantity", int, float)

LONGEST_DURATION = 10 * 365 * 86400.0
"""Seconds; no timer of the system chokes on it."""


def whole_number(text: str) -> int:
    """A number from 0 on."""
    _refuse_negative(text, "0 or more")
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f'"{text}" is not a whole number')
    return int(text)


def number(text: str) -> float:
    """A decimal number from 0 on."""
    _refuse_negative(text, "0 or more")
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", text):
        raise ValueError(f'"{text}" is not a number')
    return float(text)


def _refuse_negative(text: str, wanted: str) -> None:
    if re.match("-[0-9]", text):
        raise ValueError(f"it must be {wanted}")


_SECONDS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "b": 1} | {
    letter + unit: base**power
    for power, letter in enumerate("kmg", start=1)
    for unit, base in (("", 1024), ("ib", 1024), ("b", 1000))
}
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)")


def duration(text: str) -> float:
    """Seconds from `75s`, `5m`, `2h`, `1d`, `1.5s`, `500ms` or a plain number of them."""
    _refuse_negative(text, "0 or more")
    quantity = _QUANTITY.fullmatch(text)
    if quantity is None or quantity[2] not in _SECONDS:
        raise ValueError(f'"{text}" is not a time such as 500ms, 75s, 5m, 2h or 1d')
    seconds = float(quantity[1]) * _SECONDS[quantity[2]]
    if seconds > LONGEST_DURATION:
        raise ValueError(f'"{text}" is longer than ten years')
    return seconds


def size(text: str) -> int:
    """Bytes from `16MiB` or `64k` (powers of 1024), `100MB` (of 1000) or a plain number of them."""
    quantity = _QUANTITY.fullmatch(text)
    if quantity is None or quantity[2].lower() not in _BYTES:
        raise ValueError(f'"{text}" is not a size such as 16MiB, 100MB or 64k')
    return int(float(quantity[1]) * _BYTES[quantity[2].lower()])


def positive(parse: Callable[[str], Quantity]) -> Callable[[str], Quantity]:
    """Reads what `parse` does, and it must be more than 0."""

    def parse_positive(text: str) -> Quantity:
        _refuse_negative(text, "more than 0")
        value = parse(text)
        if not value:
            raise ValueError("it must be more than 0")
        return value

    return parse_positive
