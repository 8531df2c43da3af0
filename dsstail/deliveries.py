"""What a subscription comes to: events in their order, and what is known of missing ones."""

from __future__ import annotations

from dataclasses import dataclass

from dsstail.messages import Malformed


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers `first` to `last`, both inclusive, that did not come and are not awaited any more."""

    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Filled:
    """Numbers that were missing, and were delivered after all: in their place, or `late`."""

    first: int
    last: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """The numbering started again: after `before` came `after`, an event never seen.

    With `asked`, `before` was not seen either: it is what the service was asked to go on after.
    """

    before: int
    after: int
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Holes:
    """The service's numbers are not complete; from here on missing ones are only counted."""


Delivery = list[bytes] | Gap | Filled | Reset | Holes | Malformed
"""A run of event texts to hand over, or what is to be known at this place among them."""


@dataclass(slots=True)
class Counts:
    """What happened so far; `missing` counts numbers, `gaps` the ranges that they form."""

    events: int = 0
    duplicates: int = 0
    gaps: int = 0
    missing: int = 0
    resets: int = 0
    malformed: int = 0
