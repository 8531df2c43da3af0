"""Statistics as one JSON object, for programs: docs/stats.md tells what is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from math import isfinite
from typing import Any, TypeVar

from dsstail.annotation import instant
from dsstail.charts.view import View
from dsstail.clock import clamped
from dsstail.statistics.quantiles import Quantiles
from dsstail.statistics.records import Device, Property
from dsstail.statistics.tables import Counted, Table

PARTS = {"least": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "p99": 0.99, "greatest": 1.0}

Entry = TypeVar("Entry", bound=Counted)


def document(view: View) -> str:
    """The text of the object, each member on a line; times are in UTC, durations in seconds."""
    members = [f"{json.dumps(name)}: {json.dumps(it)}" for name, it in _members(view).items()]
    return "{\n" + ",\n".join(members) + "\n}"


def _members(view: View) -> dict[str, Any]:
    every, timeline, acks, verdict = view.all, view.all.timeline, view.all.acks, view.all.verdict
    return {
        "files": every.files,
        "read": every.read,
        "events": every.events,
        "untimed": every.untimed,
        "astray": view.span.astray if view.span else 0,
        "first": instant(timeline.first) if view.span else None,
        "last": instant(timeline.last) if view.span else None,
        "timeline": {
            "seconds": timeline.width,
            "counts": [
                [instant(clamped(number * timeline.width)), events]
                for number, events in sorted(timeline.buckets.items())
            ],
        },
        "week": timeline.week,
        "types": _table(
            every.event_types,
            view.event_types,
            lambda one: {"type": one.name, "events": one.events},
        ),
        "devices": _table(every.devices, view.devices, _device),
        "absences": _distribution(every.absences),
        "acks": {
            "succeeded": acks.succeeded,
            "failed": acks.failed,
            "failures": _table(
                acks.failures,
                view.failures,
                lambda one: {"status": one.status, "message": one.message, "events": one.events},
            ),
            "latency_measured": _distribution(acks.measured),
            "latency_in_whole_seconds": _distribution(acks.told),
        },
        "properties": _table(every.properties, view.properties, _property),
        "complete": verdict.complete,
        "counts": verdict.counts,
        "extents": verdict.extents,
        "streams": [asdict(contents) for contents in verdict.contents],
    }


def _table(
    table: Table[Entry], listed: list[Entry], member: Callable[[Entry], dict[str, Any]]
) -> dict[str, Any]:
    return {
        "count": len(table),
        "exact": table.exact,
        "short_by": table.short_by,
        "list": [member(entry) for entry in listed],
    }


def _device(device: Device) -> dict[str, Any]:
    away_since = device.away_since
    return {
        "dsn": device.name,
        "oem_model": device.model,
        "events": device.events,
        "failed_acks": device.failed,
        "absences": device.absences,
        "away": device.away,
        "longest_away": device.longest,
        "away_since": None if away_since is None else instant(away_since),
    }


def _property(one: Property) -> dict[str, Any]:
    numbers = one.distribution
    return {
        "property": one.name,
        "base_type": one.base_type,
        "events": one.events,
        "mean": _finite(one.total / numbers.count) if numbers else None,
        "numbers": _distribution(numbers) if numbers else None,
    }


def _distribution(distribution: Quantiles) -> dict[str, Any]:
    """How many there are and where they are; out by a part of `rank_error` of them at most."""
    count = distribution.count
    quantiles = distribution.at(*PARTS.values()) if count else [None] * len(PARTS)
    return {
        "count": count,
        "rank_error": distribution.error / count if count else 0.0,
        **dict(zip(PARTS, quantiles, strict=True)),
    }


def _finite(number: float) -> float | None:
    """JSON has no infinity, which a sum may reach."""
    return number if isfinite(number) else None
