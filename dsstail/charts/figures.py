"""Numbers as they stand beside charts."""

from __future__ import annotations

from dataclasses import dataclass

from dsstail.numbering import CONFLICT, GAP, REPEAT, RESET
from dsstail.statistics.outcomes import Acks
from dsstail.statistics.quantiles import Quantiles
from dsstail.statistics.records import Property
from dsstail.verification.verdict import Contents
from dsstail.wording import brief, brief_to_the_second

WITHIN = ("half in", "90 % in", "99 % in", "all in")
"""What is told of latencies."""

NUMBERS = ("events", "seq", "gaps", "missing", "again", "resets")
"""What is told of a stream."""


def short(number: float) -> str:
    """A number from 0 on with three digits or so: `0.5`, `12`, `1.2k`, `34M`."""
    for letter, size in (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)):
        if number < 999.5 * size or letter == "T":
            break
    amount = number / size
    if number < 1:
        return f"{amount:.2g}"
    digits = 0 if amount >= 99.5 or amount == int(amount) else 1
    return f"{amount:.{digits}f}".removesuffix(".0") + letter


def measured(number: float) -> str:
    """What a device measured, in five digits or up to the point, on twelve cells at most."""
    if 999.995 <= abs(number) < 999_999_999.5:
        digits = 1 if abs(number) < 9999.95 else 0
        return f"{number:,.{digits}f}".removesuffix(".0")
    return f"{number:.5g}"


def percent(part: float, whole: float) -> str:
    """`85.0 %`; of a little `<0.1 %`, and nearly all is not `100 %`."""
    if not part or part == whole:
        return "100 %" if part else "0 %"
    if part < 0.001 * whole:
        return "<0.1 %"
    return f"{min(100 * part / whole, 99.9):.1f} %"


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long after their datapoints acks came, as it is known in one way."""

    name: str
    distribution: Quantiles
    told: list[str]
    """The times for WITHIN."""


def latencies(acks: Acks) -> list[Latencies]:
    """Those that were measured when both were received, and those known from whole seconds."""
    ways = (
        ("measured at receipt", acks.measured, brief),
        ("in whole seconds", acks.told, brief_to_the_second),
    )
    found = []
    for name, distribution, spoken in ways:
        if distribution.count:
            *parts, most = map(spoken, distribution.at(0.5, 0.9, 0.99, 1))
            if not distribution.exact:
                parts = [part if part.startswith("<") else f"~{part}" for part in parts]
            found.append(Latencies(name, distribution, [*parts, most]))
    return found


def is_switch(one: Property) -> bool:
    """Whether it is a boolean that had no number but 0 and 1."""
    if one.base_type != "boolean" or one.distribution is None:
        return False
    least, most = one.distribution.at(0, 1)
    return least >= 0 and most <= 1


def values(one: Property) -> tuple[str, str, str]:
    """The least number, the median and the greatest; of a boolean how often it is true."""
    distribution = one.distribution
    if distribution is None:
        return "", "", ""
    if is_switch(one):
        return "", f"{percent(one.total, distribution.count)} true", ""
    about = "" if distribution.exact else "~"
    least, median, most = map(measured, distribution.at(0, 0.5, 1))
    return least, about + median, most


def numbers(stream: Contents) -> tuple[str, ...]:
    """Of a stream's events and their numbers what NUMBERS says."""
    counts, extents = stream.counts, stream.extents
    again = extents.get(REPEAT, 0) + extents.get(CONFLICT, 0)
    counted = (counts.get(GAP, 0), extents.get(GAP, 0), again, counts.get(RESET, 0))
    ranges = [f"{first} to {last}" for first, last in stream.ranges[:1]]
    more = " ..." if len(stream.ranges) > 1 else ""
    return (f"{stream.events:,}", "".join(ranges) + more, *(f"{number:,}" for number in counted))
