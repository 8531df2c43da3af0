"""What statistics say in words, beside the charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dsstail.charts.figures import percent, short
from dsstail.charts.scales import Rates
from dsstail.clock import Clock, clamped
from dsstail.numbering import CONFLICT, GAP, REPEAT, RESET
from dsstail.statistics.counting import Statistics
from dsstail.statistics.outcomes import Acks
from dsstail.statistics.records import Property
from dsstail.statistics.tables import Table
from dsstail.statistics.timeline import Span
from dsstail.verification.verdict import DAMAGED, TORN, UNCHECKED, Verdict
from dsstail.wording import counted, to_the_second


def sources(statistics: Statistics) -> str:
    """`in.jsonl, out.jsonl`; of more `9 files, events.20261123T142501.000Z.jsonl.gz to …`."""
    first, *others = files = statistics.files
    if len(files) <= 2:
        return ", ".join(files)
    return f"{counted(len(files), 'file')}, {first} to {others[-1]}"


def contents(statistics: Statistics) -> str:
    """`425,000 events of 1,000 devices`; of `about 9,970,000` where not all can be remembered."""
    events = counted(statistics.events, "event", ",")
    if statistics.events != statistics.read:
        events = f"{statistics.events:,} of {counted(statistics.read, 'event', ',')}"
    devices = statistics.devices
    if not len(devices):
        return events
    about = "" if devices.exact else "about "
    return f"{events} of {about}{counted(_rounded(devices), 'device', ',')}"


def period(span: Span, clock: Clock, *, utc: bool) -> str:
    """`2026-09-21 14:13:20 to 14:20:24 UTC, 7 min 4 s`."""
    (day, time), (last_day, last_time) = _read(span.first, clock), _read(span.last, clock)
    until = last_time if day == last_day else f"{last_day} {last_time}"
    zone = " UTC" if utc else ""
    return f"{day} {time} to {until}{zone}, {to_the_second(span.last - span.first)}"


def beyond(statistics: Statistics, span: Span | None, clock: Clock) -> Iterator[str]:
    """Which events are in no chart of times, if any."""
    if span and span.astray:
        timeline = statistics.timeline
        first, last = (_read(at, clock)[0] for at in (timeline.first, timeline.last))
        yield f"{counted(span.astray, 'event', ',')} far off, between {first} and {last}, not drawn"
    if statistics.untimed:
        yield f"{counted(statistics.untimed, 'event', ',')} without a time"


def unlisted(table: Table[Any], listed: int) -> Iterator[str]:
    """What a list of so many entries leaves out, and how it may be wrong, if it does or is."""
    more = _rounded(table) - listed
    if more > 0:
        yield f"{'' if table.exact else 'about '}{more:,} more, not listed"
    if not table.exact:
        yield f"too many to be remembered: each number of events may be short by {table.short_by:,}"


def unlisted_streams(verdict: Verdict, listed: int) -> Iterator[str]:
    """What a list of so many streams leaves out, if it does."""
    if (more := len(verdict.contents) - listed) > 0:
        yield f"{more:,} more, not listed"


def rate(rates: Rates) -> str:
    """`4.7 on average, 8.1 at most`."""
    return f"{short(rates.mean)} on average, {short(max(rates.values))} at most"


def moment(at: float, clock: Clock) -> str:
    """`2026-09-21 14:13:20`."""
    return " ".join(_read(at, clock))


def tiles(statistics: Statistics) -> list[tuple[str, str, str]]:
    """The figures to know first, what each is, and whether it is `good` or `bad`."""
    acks, verdict = statistics.acks, statistics.verdict
    total = acks.succeeded + acks.failed
    missing = verdict.extents[GAP]
    damaged = verdict.extents[DAMAGED] + verdict.counts[TORN]
    told = [
        (short(statistics.events), "events", ""),
        (short(len(statistics.devices)), "devices", ""),
        (short(sum(device.absences for device in statistics.devices)), "absences", ""),
    ]
    if total:
        told.append((percent(acks.succeeded, total), "of acks tell success", ""))
    told.append((short(missing), "events missing", "bad" if missing else "good"))
    if damaged:
        told.append((short(damaged), "damaged lines", "bad"))
    return told


def approximate(properties: Iterable[Property]) -> Iterator[str]:
    """How far off the medians may be that are not exact."""
    errors = [
        one.distribution.error / one.distribution.count
        for one in properties
        if one.distribution is not None and not one.distribution.exact
    ]
    if errors:
        most = max(errors)
        few = "less than 0.1 %" if most < 0.001 else f"at most {100 * most:.1f} %"
        yield f"~ near the median: {few} of the numbers lie between"


def absences(statistics: Statistics) -> str:
    """`37 devices were away 214 times (median 42 s, longest 3 h 2 min); 2 still are`."""
    gone = [device for device in statistics.devices if device.absences]
    times = sum(device.absences for device in gone)
    were = "device was" if len(gone) == 1 else "devices were"
    known = "" if statistics.devices.exact else "of the devices that are remembered, "
    often = "once" if times == 1 else f"{times:,} times"
    told = f"{known}{len(gone):,} {were} away {often}"
    if statistics.absences.count:
        median, most = map(to_the_second, statistics.absences.at(0.5, 1))
        told += f" (median {median}, longest {most})"
    still = sum(device.away_since is not None for device in gone)
    return told + (f"; {still:,} still {'is' if still == 1 else 'are'}" if still else "")


def outcomes(acks: Acks) -> str:
    """`95.1 % of 34,000 acks tell success, 1,670 a failure`."""
    total = acks.succeeded + acks.failed
    told = f"{percent(acks.succeeded, total)} of {counted(total, 'ack', ',')} tell success"
    return told + (f", {acks.failed:,} a failure" if acks.failed else "")


def completeness(verdict: Verdict) -> str:
    """`every line is an event, and every seq is there once`, or what is wrong."""
    if verdict.complete:
        return verdict.completeness
    parts = (
        (verdict.counts[GAP], "gap"),
        (verdict.extents[REPEAT], "repeated event"),
        (verdict.extents[CONFLICT], "conflicting event"),
        (verdict.counts[RESET], "reset"),
        (verdict.extents[DAMAGED], "damaged line"),
        (verdict.counts[TORN], "torn end"),
        (verdict.extents[UNCHECKED], "unchecked event"),
    )
    told = ", ".join(counted(count, noun, ",") for count, noun in parts if count)
    return f"{told}; dsstail verify tells where"


def _read(at: float, clock: Clock) -> tuple[str, str]:
    reading = clock.at(int(clamped(at)))
    assert reading is not None
    return reading[:2]


def _rounded(table: Table[Any]) -> int:
    """How many names there were; an estimate without digits that mean nothing."""
    count = len(table)
    unit = 1 if table.exact else 10 ** max(len(str(count)) - 3, 0)
    return round(count / unit) * unit
