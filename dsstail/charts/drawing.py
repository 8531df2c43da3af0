"""Statistics as a picture, in SVG: panels below and beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dsstail.charts import figures, presence, scales, sentences
from dsstail.charts.shapes import WIDTH, Sheet
from dsstail.charts.view import DAYS, View
from dsstail.statistics.quantiles import Quantiles
from dsstail.statistics.tables import Table
from dsstail.wording import counted, to_the_second

MARGIN = 36
GAP = 40
WHOLE = WIDTH - 2 * MARGIN
HALF = (WHOLE - GAP) / 2

AXIS = 40
"""Left of a plot, for its labels."""

HIGH, LOW = 160, 112
"""The heights of the plot of the rate, and of that of the hours."""

COLUMN, TICKS = 3, 10
"""The least width of a column of the rate, and how many times are marked at most."""

BINS = 24
"""Columns of a distribution."""

POINTS = 60
"""Points of a curve."""

BAR = 8
"""The height of a bar."""

TITLE = 32
"""Down to what is below a title."""

ROW = 24
"""From one line of a list to the next."""

NAME, NAME_CELLS, NUMBER, DURATION = 150, 20, 70, 86
"""The width of a name, its characters, and the width of a number and a duration."""

Panel = Callable[[Sheet, View, float, float, float], float]
"""Draws at x and y on a given width; returns how far down it came, y itself for nothing."""


def drawing(view: View) -> str:
    """The text of the SVG document."""
    sheet = Sheet()
    y = _head(sheet, view, MARGIN)
    y = _flow(sheet, view, y, WHOLE, (_tiles, _rate))
    y = _flow(sheet, view, y, HALF, (_types, _hours, _devices, _gone, _acks, _failures))
    y = _flow(sheet, view, y, WHOLE, (_properties, _streams))
    return sheet.document(sentences.sources(view.all), y)


def _flow(sheet: Sheet, view: View, y: float, width: float, panels: Sequence[Panel]) -> float:
    """Draw panels in rows; one with nothing to show takes no place. Returns where to go on."""
    x, bottom = float(MARGIN), y
    for panel in panels:
        reached = panel(sheet, view, x, y, width)
        if reached == y:
            continue
        bottom = max(bottom, reached + GAP)
        x += width + GAP
        if x + width > WIDTH:
            x, y = float(MARGIN), bottom
    return bottom


def _head(sheet: Sheet, view: View, y: float) -> float:
    sheet.text(MARGIN, y + 18, sentences.sources(view.all), "name", cells=62)
    lines = list(sentences.beyond(view.all, view.span, view.clock))
    if view.span is not None:
        lines.insert(0, sentences.period(view.span, view.clock, utc=view.utc))
    for number, line in enumerate(lines):
        sheet.text(MARGIN, y + 42 + 18 * number, line, "faint")
    return y + 42 + 18 * len(lines)


def _tiles(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    """The figures to know first."""
    tiles = sentences.tiles(view.all)
    space = 12
    tile = (width - space * (len(tiles) - 1)) / len(tiles)
    for number, (figure, what, kind) in enumerate(tiles):
        left = x + number * (tile + space)
        sheet.box(left, y, tile, 72, "panel", round=8)
        sheet.text(left + 14, y + 34, figure, f"figure {kind}")
        sheet.text(left + 14, y + 56, what, "faint small")
    return y + 72


def _rate(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    span = view.span
    if span is None:
        return y
    left, room = x + AXIS, width - AXIS
    course = view.all.timeline.course(span, int(room / COLUMN))
    rates = scales.rates(course, span)
    y = _title(sheet, x, y, f"Events a {rates.unit}", sentences.rate(rates))
    bottom = y + HIGH
    ceiling = scales.ceiling(max(rates.values))
    for part in (0.0, 0.5, 1.0):
        level = bottom - part * HIGH
        sheet.rule(left, level, left + room, level)
        sheet.text(left - 8, level + 4, figures.short(part * ceiling), "faint small", end=True)
    column = room / len(rates.values)
    for number, value in enumerate(rates.values):
        if value:
            at = course.start + number * course.step
            tip = f"{sentences.moment(at, view.clock)}  {figures.short(value)} a {rates.unit}"
            height = max(value / ceiling * HIGH, 1)
            place = left + number * column, bottom - height
            sheet.box(*place, column - min(column / 4, 1), height, "plot", tip=tip)
    for part, label in scales.ticks(course, TICKS, view.clock):
        tick, last = left + part * room, part > 0.95
        sheet.rule(tick, bottom, tick, bottom + 5)
        sheet.text(tick - 3 if last else tick + 3, bottom + 16, label, "faint small", end=last)
    return bottom + 16


def _types(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    rows = [(one.name or "(none)", one.events) for one in view.event_types]
    return _bars(sheet, x, y, width, "Types", rows, view.all.events, view.all.event_types)


def _hours(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    hours = view.hours
    if not hours:
        return y
    left = x + AXIS
    column = (width - AXIS) / 24
    top = _title(sheet, x, y, "Hours of the week" if view.weekly else "Hours of the day")
    bottom = top + LOW
    if view.weekly:
        _week(sheet, left, top, column, view.all.timeline.week)
    else:
        for hour, events in enumerate(hours):
            if events:
                height = max(events / max(hours) * LOW, 1)
                place = left + hour * column, bottom - height
                tip = f"{hour:02}:00  {events:,} events"
                sheet.box(*place, column - 2, height, "plot", tip=tip, round=2)
        sheet.rule(left, bottom, x + width, bottom)
    for hour in range(0, 24, 3):
        sheet.text(left + hour * column, bottom + 15, f"{hour:02}", "faint small")
    return bottom + 16


def _week(sheet: Sheet, x: float, y: float, width: float, week: list[list[int]]) -> None:
    """A box for each hour, the stronger the more events it has."""
    most, height = max(map(max, week)), LOW / len(week)
    for day, counts in enumerate(week):
        top = y + day * height
        sheet.text(x - 8, top + 11, DAYS[day], "faint small", end=True)
        for hour, events in enumerate(counts):
            left = x + hour * width
            tip = f"{DAYS[day]} {hour:02}:00  {events:,} events"
            sheet.box(left, top, width - 2, height - 2, "track", round=2)
            if events:
                part = 0.15 + 0.85 * events / most
                sheet.box(left, top, width - 2, height - 2, "plot", tip=tip, round=2, part=part)


def _devices(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    rows = [(one.name, one.events) for one in view.devices]
    most = max((events for _, events in rows), default=0)
    return _bars(sheet, x, y, width, "Devices", rows, most, view.all.devices)


def _gone(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    """Which devices were away longest, and when."""
    span = view.span
    if span is None or not view.gone:
        return y
    y = _notes(sheet, x, _title(sheet, x, y, "Connectivity") - 8, [sentences.absences(view.all)])
    y += 8
    strip = x + NAME + NUMBER + 12
    room = x + width - strip
    for device in view.gone:
        away = to_the_second(presence.away(device, span))
        sheet.text(x, y + 12, device.name, "mono", cells=NAME_CELLS)
        sheet.text(x + NAME + NUMBER, y + 12, away, "mono", end=True)
        tip = f"{device.name} was away {counted(device.absences, 'time', ',')}, {away} in all"
        sheet.box(strip, y + 4, room, BAR, "good", tip=tip)
        for start, end in presence.spells(device, span):
            sheet.box(strip + start * room, y + 4, max((end - start) * room, 1), BAR, "bad")
        y += ROW
    return y


def _acks(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    acks = view.all.acks
    total = acks.succeeded + acks.failed
    if not total:
        return y
    y = _title(sheet, x, y, "Acks", sentences.outcomes(acks))
    sheet.box(x, y, width, BAR, "bad", round=3)
    sheet.box(x, y, width * acks.succeeded / total, BAR, "good", round=3)
    y += BAR + 12
    for one in figures.latencies(acks):
        sheet.text(x, y + 12, f"latency {one.name}", "faint small")
        for place, (title, told) in enumerate(zip(figures.WITHIN, one.told, strict=True)):
            sheet.text(x + place * DURATION, y + 32, told, "mono")
            sheet.text(x + place * DURATION, y + 47, title, "faint small")
        plot = x + len(one.told) * DURATION
        _distribution(sheet, plot, y + 4, x + width - plot, 44, one.distribution)
        y += 64
    return y


def _failures(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    acks = view.all.acks
    rows = [(f"{one.status} {one.message}", one.events) for one in view.failures]
    return _bars(sheet, x, y, width, "Failures", rows, acks.failed, acks.failures, kind="bad")


def _properties(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    properties = view.properties
    if not properties:
        return y
    numbers = {"events": x + 300, "least": x + 390, "median": x + 490, "most": x + 580}
    often, course = x + 606, x + 750
    for title, end in numbers.items():
        sheet.text(end, y + 14, title, "faint small", end=True)
    sheet.text(often, y + 14, "how often", "faint small")
    sheet.text(course, y + 14, "over time, on average", "faint small")
    y = _title(sheet, x, y, "Properties")
    for one in properties:
        sheet.text(x, y + 14, one.name, "mono", cells=28)
        told = (f"{one.events:,}", *figures.values(one))
        for end, text in zip(numbers.values(), told, strict=True):
            sheet.text(end, y + 14, text, "mono", end=True)
        if one.distribution is not None and not figures.is_switch(one):
            _distribution(sheet, often, y, 120, 18, one.distribution)
            _means(sheet, course, y, x + width - course, 18, view.course(one, POINTS))
        y += 28
    y = _notes(sheet, x, y, sentences.approximate(properties))
    notes = sentences.unlisted(view.all.properties, len(properties))
    return _notes(sheet, x, y, notes)


def _streams(sheet: Sheet, view: View, x: float, y: float, width: float) -> float:
    verdict = view.all.verdict
    if not verdict.contents and verdict.complete:
        return y
    y = _title(sheet, x, y, "Streams")
    kind = "good" if verdict.complete else "bad"
    sheet.text(x, y + 12, sentences.completeness(verdict), kind)
    y += ROW
    streams = view.streams
    if not streams:
        return y
    ends = [x + 300 + 125 * place for place in range(len(figures.NUMBERS))]
    for end, title in zip(ends, figures.NUMBERS, strict=True):
        sheet.text(end, y + 12, title, "faint small", end=True)
    y += ROW
    for stream in streams:
        sheet.text(x, y + 12, verdict.name(stream) or "(no name)", "mono", cells=28)
        for end, told in zip(ends, figures.numbers(stream), strict=True):
            sheet.text(end, y + 12, told, "mono", end=True)
        y += ROW
    return _notes(sheet, x, y, sentences.unlisted_streams(verdict, len(streams)))


# Pieces


def _title(sheet: Sheet, x: float, y: float, title: str, note: str = "") -> float:
    """Returns where the panel goes on below its title, which fits the narrow ones, too."""
    sheet.title(x, y + 14, title, note, cells=int((HALF - 9 * len(title)) / 6))
    return y + TITLE


def _bars(
    sheet: Sheet,
    x: float,
    y: float,
    width: float,
    title: str,
    rows: Sequence[tuple[str, int]],
    whole: int,
    all_rows: Table[Any],
    kind: str = "plot",
) -> float:
    """Names and numbers of events, with bars for their parts of the whole."""
    if not rows:
        return y
    y = _title(sheet, x, y, title)
    bar = x + NAME + NUMBER + 12
    room = x + width - bar
    for name, events in rows:
        sheet.text(x, y + 12, name, "mono", cells=NAME_CELLS)
        sheet.text(x + NAME + NUMBER, y + 12, f"{events:,}", "mono", end=True)
        sheet.box(bar, y + 4, room, BAR, "track", round=3)
        sheet.box(bar, y + 4, max(events / whole * room, 2), BAR, kind, round=3)
        y += ROW
    return _notes(sheet, x, y, sentences.unlisted(all_rows, len(rows)))


def _notes(sheet: Sheet, x: float, y: float, notes: Iterable[str]) -> float:
    for note in notes:
        sheet.text(x, y + 12, note, "faint small")
        y += 16
    return y


def _distribution(
    sheet: Sheet, x: float, y: float, width: float, height: float, distribution: Quantiles
) -> None:
    """How often there are which numbers, from the least to the greatest, but for a few far off."""
    low, high = distribution.bulk()
    counts = distribution.histogram(low, high, BINS)
    column = width / BINS
    for number, count in enumerate(counts):
        if count:
            tall = max(count / max(counts) * height, 1)
            sheet.box(x + number * column, y + height - tall, column - 1, tall, "plot")
    sheet.rule(x, y + height, x + width, y + height)


def _means(
    sheet: Sheet, x: float, y: float, width: float, height: float, parts: Sequence[float | None]
) -> None:
    """A curve of parts from 0 to 1, straight on where there is none."""
    points = [
        (x + (number + 0.5) / len(parts) * width, y + height - part * height)
        for number, part in enumerate(parts)
        if part is not None
    ]
    sheet.curve(points)
