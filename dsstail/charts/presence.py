"""When a device was there and when it was away."""

from __future__ import annotations

from collections.abc import Iterator

from dsstail.statistics.records import Device
from dsstail.statistics.timeline import Span


def away(device: Device, span: Span) -> float:
    """Seconds that a device was away in all, up to the end of the recording if it still is."""
    return device.away + sum(end - start for start, end in _open(device, span))


def longest(device: Device, span: Span) -> float:
    """Seconds of its longest absence, counted the same way."""
    return max([device.longest, *(end - start for start, end in _open(device, span))])


def spells(device: Device, span: Span) -> Iterator[tuple[float, float]]:
    """From when to when the device was away, as parts of the span from 0 to 1.

    Of very many absences, these are the longest.
    """
    length = span.last - span.first
    ended = zip(device.spells[::2], device.spells[1::2], strict=True)
    for start, end in (*ended, *_open(device, span)):
        if length and start < span.last and end > span.first:
            yield (max(start - span.first, 0) / length, min((end - span.first) / length, 1))


def parts_away(device: Device, span: Span, parts: int) -> list[float]:
    """Of each of so many equal parts of the span, the part that the device was away."""
    gone = [0.0] * parts
    for start, end in spells(device, span):
        for part in range(int(start * parts), min(int(end * parts) + 1, parts)):
            gone[part] += max(min(end * parts, part + 1) - max(start * parts, part), 0)
    return gone


def _open(device: Device, span: Span) -> list[tuple[float, float]]:
    if device.away_since is None or device.away_since > span.last:
        return []
    return [(device.away_since, span.last)]
