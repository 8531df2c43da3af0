"""Statistics as a page of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from textwrap import wrap
from typing import Any

from dsstail.charts import figures, presence, scales, sentences
from dsstail.charts.blocks import bar, columns, spark
from dsstail.charts.canvas import GAP, INDENT, Canvas, Column
from dsstail.charts.view import DAYS, View
from dsstail.render import Style
from dsstail.statistics.quantiles import Quantiles
from dsstail.statistics.records import Device, Property
from dsstail.statistics.tables import Counted, Table
from dsstail.statistics.timeline import Course, Span
from dsstail.wording import to_the_second

AXIS = 6
"""Cells on the left of a plot."""

HIGH, LOW = 8, 4
"""Rows of the plot of the rate, and of that of the hours."""

LABEL = 10
"""Cells for each label of an axis."""

SPARK, LONGEST_CURVE = 24, 60
"""Cells of a distribution, and of a curve, at most."""

NAME, SHORT_NAME = 4, 8
"""The part of the width that a name takes at most, and one that is not so important."""


def page(view: View, style: Style) -> str:
    """The page, `style.width` columns wide."""
    canvas = Canvas(style)
    sections = (_head, _rate, _hours, _types, _devices, _connectivity, _acks, _properties, _streams)
    drawn = [lines for section in sections if (lines := list(section(view, canvas)))]
    return "\n\n".join("\n".join(lines) for lines in drawn)


def _head(view: View, canvas: Canvas) -> Iterator[str]:
    yield canvas.title(canvas.shown(sentences.sources(view.all), canvas.width))
    yield sentences.contents(view.all)
    if view.span:
        yield sentences.period(view.span, view.clock, utc=view.utc)
    for note in sentences.beyond(view.all, view.span, view.clock):
        yield canvas.faint(note)


def _rate(view: View, canvas: Canvas) -> Iterator[str]:
    if view.span is None:
        return
    room = canvas.width - AXIS
    course = view.all.timeline.course(view.span, room)
    rates = scales.rates(course, view.span)
    yield canvas.title(f"Events a {rates.unit}", sentences.rate(rates))
    ceiling = scales.ceiling(max(rates.values))
    values = [rates.values[cell * len(rates.values) // room] for cell in range(room)]
    rows = columns(values, ceiling, HIGH, canvas.glyphs)
    labels = {0: figures.short(ceiling), HIGH // 2: figures.short(ceiling / 2)}
    for number, row in enumerate(rows):
        plot = canvas.painted(row.rstrip(), canvas.ink.number)
        yield _axis(canvas, labels.get(number, "")) + plot
    yield from _floor(view, canvas, course, room)


def _hours(view: View, canvas: Canvas) -> Iterator[str]:
    hours = view.hours
    if not hours:
        return
    cells = (canvas.width - AXIS) // 24
    if view.weekly:
        yield canvas.title("Hours of the week")
        week = view.all.timeline.week
        most = max(map(max, week))
        for day, counts in zip(DAYS, week, strict=True):
            marks = spark([count / most if count else None for count in counts], canvas.glyphs)
            yield canvas.faint(f"{day:>{AXIS - 1}} ") + _wide(canvas, marks, cells)
    else:
        yield canvas.title("Hours of the day")
        for number, row in enumerate(columns(hours, max(hours), LOW, canvas.glyphs)):
            label = figures.short(max(hours)) if number == 0 else ""
            yield _axis(canvas, label) + _wide(canvas, row, cells)
    step = 1 if cells > len("00") else 2
    labels = "".join(f"{hour:02}".ljust(cells * step) for hour in range(0, 24, step))
    yield " " * AXIS + canvas.faint(labels.rstrip())


def _types(view: View, canvas: Canvas) -> Iterator[str]:
    types, total = view.event_types, view.all.events
    table = [
        _names(canvas, "Types", [one.name or "(none)" for one in types]),
        Column("events", [f"{one.events:,}" for one in types]),
        Column("", [figures.percent(one.events, total) for one in types]),
    ]
    yield from _with_bars(canvas, table, types, total, view.all.event_types)


def _devices(view: View, canvas: Canvas) -> Iterator[str]:
    devices = view.devices
    failed = [f"{device.failed:,}" if device.failed else "" for device in devices]
    table = [
        _dsns(canvas, "Devices", devices),
        _names(canvas, "model", [device.model for device in devices], SHORT_NAME),
        Column("events", [f"{device.events:,}" for device in devices]),
        *([Column("failed acks", failed, color=canvas.ink.bad)] if any(failed) else []),
    ]
    most = max([device.events for device in devices], default=0)
    yield from _with_bars(canvas, table, devices, most, view.all.devices)


def _connectivity(view: View, canvas: Canvas) -> Iterator[str]:
    span, gone = view.span, view.gone
    if span is None or not gone:
        return
    yield canvas.title("Connectivity")
    yield from _notes(canvas, [sentences.absences(view.all)])
    table = [
        _dsns(canvas, "longest away", gone),
        Column("times", [f"{device.absences:,}" for device in gone]),
        Column("in all", [to_the_second(presence.away(device, span)) for device in gone]),
        Column("longest", [to_the_second(presence.longest(device, span)) for device in gone]),
    ]
    room = canvas.room(table)
    strips = [_strip(canvas, device, span, room) for device in gone]
    yield from canvas.table(table, strips, titled=False)


def _acks(view: View, canvas: Canvas) -> Iterator[str]:
    acks, failures = view.all.acks, view.failures
    if not acks.succeeded + acks.failed:
        return
    yield canvas.title("Acks", sentences.outcomes(acks))
    latencies = figures.latencies(acks)
    if latencies:
        table = [
            Column("latency", [one.name for one in latencies], right=False),
            Column("acks", [f"{one.distribution.count:,}" for one in latencies]),
            *(
                Column(title, [one.told[place] for one in latencies])
                for place, title in enumerate(figures.WITHIN)
            ),
        ]
        room = canvas.room(table)
        plots = [_distribution(canvas, one.distribution, room) for one in latencies]
        yield from canvas.table(table, plots, titled=False)
    if failures:
        table = [
            _names(canvas, "status", [one.status for one in failures]),
            _names(canvas, "message", [one.message for one in failures]),
            Column("acks", [f"{one.events:,}" for one in failures]),
            Column("", [figures.percent(one.events, acks.failed) for one in failures]),
        ]
        yield from _with_bars(canvas, table, failures, acks.failed, acks.failures, bad=True)


def _properties(view: View, canvas: Canvas) -> Iterator[str]:
    properties = view.properties
    if not properties:
        return
    values = list(map(figures.values, properties))
    table = [
        _names(canvas, "Properties", [one.name for one in properties]),
        Column("events", [f"{one.events:,}" for one in properties]),
        *(
            Column(title, [value[place] for value in values])
            for place, title in enumerate(("least", "median", "most"))
        ),
    ]
    room = canvas.room(table)
    both = room >= 2 * SPARK + GAP
    title = f"{'how often':{SPARK + GAP}}over time, on average" if both else ""
    plots = [_course(view, canvas, one, room, both=both) for one in properties]
    yield from canvas.table(table, plots, title)
    yield from _notes(canvas, sentences.approximate(properties))
    yield from _notes(canvas, sentences.unlisted(view.all.properties, len(properties)))


def _streams(view: View, canvas: Canvas) -> Iterator[str]:
    verdict = view.all.verdict
    if not verdict.contents and verdict.complete:
        return
    yield canvas.title("Streams")
    color = canvas.ink.good if verdict.complete else canvas.ink.bad
    yield from _notes(canvas, [sentences.completeness(verdict)], color)
    streams = view.streams
    if not streams:
        return
    told = list(map(figures.numbers, streams))
    table = [
        _names(canvas, "stream", [verdict.name(one) or "(no name)" for one in streams]),
        *(
            Column(title, [numbers[place] for numbers in told])
            for place, title in enumerate(figures.NUMBERS)
        ),
    ]
    yield from canvas.table(table, titled=False)
    yield from _notes(canvas, sentences.unlisted_streams(verdict, len(streams)))


# Pieces


def _names(canvas: Canvas, title: str, names: Iterable[str], part: int = NAME) -> Column:
    cells = canvas.width // part
    return Column(title, [canvas.shown(name, cells) for name in names], right=False)


def _dsns(canvas: Canvas, title: str, devices: Sequence[Device]) -> Column:
    colors = [canvas.device_color(device.name) for device in devices]
    return replace(_names(canvas, title, [device.name for device in devices]), color=colors)


def _with_bars(
    canvas: Canvas,
    table: list[Column],
    entries: Sequence[Counted],
    whole: int,
    all_entries: Table[Any],
    *,
    bad: bool = False,
) -> Iterator[str]:
    """A table and, on what it leaves of the width, a bar for each row; of what is bad, no title."""
    room, color = canvas.room(table), canvas.ink.bad if bad else canvas.ink.number
    bars = [canvas.painted(bar(one.events / whole, room, canvas.glyphs), color) for one in entries]
    yield from canvas.table(table, bars, titled=not bad)
    yield from _notes(canvas, sentences.unlisted(all_entries, len(entries)))


def _distribution(canvas: Canvas, distribution: Quantiles, cells: int) -> str:
    """How often there are which numbers, from the least to the greatest, but for a few far off."""
    low, high = distribution.bulk()
    counts = distribution.histogram(low, high, cells)
    parts = [count / max(counts) if count else None for count in counts]
    return canvas.painted(spark(parts, canvas.glyphs), canvas.ink.number)


def _course(view: View, canvas: Canvas, one: Property, room: int, *, both: bool) -> str:
    """How often a property has which numbers, and behind it how they went."""
    if one.distribution is None or figures.is_switch(one):
        return ""
    often = _distribution(canvas, one.distribution, min(room, SPARK))
    if not both:
        return often
    curve = spark(view.course(one, min(room - SPARK - GAP, LONGEST_CURVE)), canvas.glyphs)
    return f"{often}{' ' * GAP}{canvas.painted(curve, canvas.ink.string)}"


def _notes(canvas: Canvas, notes: Iterable[str], color: str | None = None) -> Iterator[str]:
    """Sentences below a title, wrapped."""
    for note in notes:
        for line in wrap(note, canvas.width - INDENT):
            painted = canvas.faint(line) if color is None else canvas.painted(line, color)
            yield " " * INDENT + painted


def _axis(canvas: Canvas, label: str) -> str:
    """What is left of a row of a plot."""
    mark = canvas.glyphs.mark if label else canvas.glyphs.wall
    return canvas.faint(f"{label:>{AXIS - 2}} {mark}")


def _floor(view: View, canvas: Canvas, course: Course, cells: int) -> Iterator[str]:
    """The line below a plot, and the times that are marked on it."""
    line, labels = [canvas.glyphs.floor] * cells, ""
    for part, label in scales.ticks(course, cells // LABEL, view.clock):
        at = int(part * cells)
        line[at] = canvas.glyphs.tick
        if at + len(label) <= cells:
            labels = labels.ljust(at) + label
    yield canvas.faint(f"{'0':>{AXIS - 2}} {canvas.glyphs.corner}{''.join(line)}")
    yield " " * AXIS + canvas.faint(labels)


def _wide(canvas: Canvas, marks: str, cells: int) -> str:
    """A row of hours, each on so many cells with a gap between."""
    row = "".join(mark * (cells - 1) + " " for mark in marks)
    return canvas.painted(row.rstrip(), canvas.ink.number)


def _strip(canvas: Canvas, device: Device, span: Span, cells: int) -> str:
    """When a device was there, when it was away, and when it was both."""
    glyphs, ink = canvas.glyphs, canvas.ink
    grades = ((glyphs.line, ink.good), (glyphs.partly, ink.bad), (glyphs.away, ink.faint))
    strip = ""
    for grade, run in groupby(map(_grade, presence.parts_away(device, span, cells))):
        glyph, color = grades[grade]
        strip += canvas.painted(glyph * len(list(run)), color)
    return strip


def _grade(away: float) -> int:
    """0 for there, 1 for both, 2 for away."""
    return 0 if away < 0.01 else 1 if away < 0.75 else 2
