"""The rooms `statistics` and `charts`: what is counted, that it stays small, how it is shown."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsstail import filters
from dsstail.annotation import annotated
from dsstail.charts import figures, scales
from dsstail.charts.document import document
from dsstail.charts.drawing import drawing
from dsstail.charts.page import page
from dsstail.charts.view import View
from dsstail.clock import Clock
from dsstail.escaping import visible
from dsstail.json_text import decode_object
from dsstail.recording.splitting import Lines
from dsstail.render import Style
from dsstail.replay import EVERYTHING
from dsstail.statistics import counting, outcomes, timeline
from dsstail.statistics.counting import Counting, Statistics
from dsstail.statistics.quantiles import CAPACITY, Quantiles
from dsstail.statistics.records import MOST_SPELLS, Device, EventType
from dsstail.statistics.tables import SAMPLE, Distinct, Table
from dsstail.statistics.timeline import MOST_BUCKETS, MOST_MEANS, Means, Timeline

DOCUMENTED = ["connectivity", "datapoint", "datapointack", "location", "registration"]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
XML = "{http://www.w3.org/2000/svg}"


def written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_seqs = count()


def made(
    event_type: str, body: dict[str, Any], *, dsn: str = "AC000W000000001", name: str | None = None
) -> bytes:
    """An event, whose number does not matter."""
    metadata: dict[str, Any] = {"oem_model": "ledevb", "dsn": dsn}
    if name is not None:
        metadata |= {"property_name": name, "display_name": name, "base_type": "decimal"}
    member = {"connectivity": "connection"}.get(event_type, "datapoint")
    about = {"seq": str(next(_seqs)), "metadata": metadata | {"event_type": event_type}}
    return json.dumps(about | {member: body}).encode()


def datapoint(value: Any, at: float = NOON, **more: Any) -> bytes:
    return made("datapoint", {"value": value, "updated_at": written(at)}, **{"name": "x"} | more)


def status(status: str, at: float, **more: Any) -> bytes:
    return made("connectivity", {"status": status, "event_time": written(at)}, **more)


def ack(ack_status: Any = 200, message: Any = 0, took: float = 0, **more: Any) -> bytes:
    body = {"ack_status": ack_status, "ack_message": message, "value": 1, **more}
    body |= {"created_at": written(NOON), "acked_at": written(NOON + took)}
    return made("datapointack", body, name="x")


def counted(*texts: bytes) -> Statistics:
    """The statistics of these events, in UTC."""
    return counted_in([texts])


def counted_in(batches: Iterable[Iterable[bytes]]) -> Statistics:
    """The same for events that are found batch by batch."""
    counts = Counting(filters.build(), EVERYTHING, ["out.jsonl"], utc=True)
    for batch in batches:
        texts = [*batch]
        counts.take(0, Lines(range(len(texts)), texts, list(map(decode_object, texts))))
    return counts.statistics()


def told(statistics: Statistics) -> dict[str, Any]:
    """The statistics as a program gets them."""
    answer: dict[str, Any] = json.loads(document(View(statistics, utc=True, top=None)))
    return answer


def shown(statistics: Statistics, width: int = 80, top: int = 10, **style: Any) -> str:
    return page(View(statistics, utc=True, top=top), Style(utc=True, width=width, **style))


def drawn(statistics: Statistics) -> ElementTree.Element:
    return ElementTree.fromstring(drawing(View(statistics, utc=True, top=10)))


def texts_of(picture: ElementTree.Element) -> str:
    return "\n".join("".join(text.itertext()) for text in picture.iter(f"{XML}text"))


# What is counted


def test_devices_are_away_from_offline_to_online() -> None:
    statistics = counted(
        *(status("Online", NOON), status("Offline", NOON + 10), status("OFFLINE", NOON + 20)),
        *(status("Online", NOON + 40), status("Online", NOON + 50), status("odd", NOON + 55)),
        *(status("Offline", NOON + 60), status("online", NOON + 65)),
        *(status("Offline", NOON + 70, dsn="B"), datapoint(1, NOON + 100)),
    )
    first, second = told(statistics)["devices"]["list"]
    assert (first["absences"], first["away"], first["longest_away"]) == (2, 35.0, 30.0)
    assert first["away_since"] is None
    assert (second["dsn"], second["absences"], second["away"]) == ("B", 1, 0.0)
    assert second["away_since"] == "2026-11-23T12:01:10.000000Z"
    assert told(statistics)["absences"]["greatest"] == 30.0
    seen = shown(statistics)
    assert "  2 devices were away 3 times (median 5 s, longest 30 s); 1 still is\n" in seen
    assert re.search(r"AC000W000000001 +2 +35 s +30 s +━", seen)
    assert re.search(r"B +1 +30 s +30 s +━.*·\n", seen)


def test_a_clock_that_was_set_back_makes_no_negative_absence() -> None:
    statistics = counted(status("Offline", NOON), status("Online", NOON - 3600))
    (device,) = told(statistics)["devices"]["list"]
    assert (device["absences"], device["away"], device["away_since"]) == (1, 0.0, None)
    assert shown(statistics)
    assert len(drawn(statistics))


def test_of_many_absences_the_longest_are_drawn() -> None:
    device = Device("D")
    for number in range(3 * MOST_SPELLS):
        device.goes(1000.0 * number)
        device.comes(1000.0 * number + number)
    lengths = [
        end - start for start, end in zip(device.spells[::2], device.spells[1::2], strict=True)
    ]
    assert sorted(lengths) == [*map(float, range(2 * MOST_SPELLS, 3 * MOST_SPELLS))]
    assert device.away == sum(range(3 * MOST_SPELLS))


def test_acks_by_their_outcome() -> None:
    statistics = counted(
        *(ack(200), ack(0), ack("200"), ack(408, "timed out", 3), ack(408, "timed out", 5)),
        *(ack(500, 2), ack(None), ack([1], {"a": "\x1b"})),
    )
    answer = told(statistics)["acks"]
    assert (answer["succeeded"], answer["failed"]) == (3, 5)
    assert [tuple(failure.values()) for failure in answer["failures"]["list"]] == [
        ("408", "timed out", 2),
        ("500", "2", 1),
        ("[1]", '{"a":"\\u001b"}', 1),
        ("null", "", 1),
    ]
    assert told(statistics)["devices"]["list"][0]["failed_acks"] == 5
    assert answer["latency_in_whole_seconds"]["greatest"] == 5.0
    assert "Acks  37.5 % of 8 acks tell success, 5 a failure\n" in shown(statistics)


def test_latencies_are_measured_where_both_events_tell_when_they_came() -> None:
    def received(text: bytes, at: float) -> bytes:
        return annotated([text], "in", at)[0]

    command = made("datapoint", {"id": "i", "value": 1, "updated_at": written(NOON)}, name="x")
    statistics = counted(
        received(command, NOON + 0.25),
        received(ack(id="i", took=1), NOON + 0.75),  # half a second
        received(ack(id="i", took=1), NOON + 90),  # too late to be true
        received(ack(id="other", took=2), NOON + 1),
        ack(id="i", took=3),
        ack(id="i", took=-1),
    )
    answer = told(statistics)["acks"]
    assert answer["latency_measured"]["count"] == 1
    assert answer["latency_measured"]["median"] == pytest.approx(0.5)
    assert answer["latency_in_whole_seconds"]["count"] == 3
    assert re.search(r"measured at receipt +1 +500 ms", shown(statistics))
    assert re.search(r"in whole seconds +3 +2 s", shown(statistics))


def test_numbers_of_properties() -> None:
    texts = [datapoint(value) for value in (1, 2.5, -3, 2**63, "4", "NaN", None, [5], True)]
    statistics = counted(*texts, datapoint(7, name="y"), datapoint("text", name="z"))
    x, y, z = told(statistics)["properties"]["list"]
    assert (x["property"], x["events"], x["numbers"]["count"]) == ("x", 9, 5)
    assert (x["numbers"]["least"], x["numbers"]["median"]) == (-3, 1)
    assert x["numbers"]["greatest"] == 2**63
    assert (y["mean"], y["numbers"]["median"]) == (7, 7)
    assert (z["mean"], z["numbers"]) == (None, None)


def test_numbers_near_the_end_of_numbers() -> None:
    texts = [datapoint(value) for value in (1.7e308, 1.7e308, -1.7e308, 5e-324)]
    texts += [datapoint(value, NOON + value) for value in (10, 20)]
    texts.append(datapoint(0).replace(b'"value": 0', b'"value": 1e999'))
    statistics = counted(*texts)
    (x,) = told(statistics)["properties"]["list"]
    assert (x["events"], x["numbers"]["count"], x["numbers"]["least"]) == (7, 6, -1.7e308)
    assert x["mean"] is None  # its sum is more than a number can be
    assert "1.7e+308" in shown(statistics, 160)
    assert "1.7e+308" in texts_of(drawn(statistics))


def test_a_few_numbers_far_off_do_not_flatten_the_plot() -> None:
    texts = [datapoint(number % 10) for number in range(100)]
    plots = [
        re.findall("[▁▂▃▄▅▆▇]+", shown(counted(*texts, *more)).partition("Properties")[2])
        for more in ([], [datapoint(-9999)])
    ]
    assert plots[0] == plots[1]
    assert len(plots[0]) == 10


@pytest.mark.parametrize("when", [None, 5, "yesterday", "0001-01-01T00:00:00Z"])
def test_what_was_measured_at_no_known_time_has_no_course(when: Any) -> None:
    texts = [
        made("datapoint", {"value": value, "updated_at": when}, name="x") for value in (1, 2, 4)
    ]
    statistics = counted(*texts)
    assert told(statistics)["untimed"] == 3
    assert re.search("x +3 +1 +2 +4", shown(statistics, 120))
    assert "x" in texts_of(drawn(statistics)).splitlines()


def test_a_boolean_is_true_now_and_then() -> None:
    boolean = [
        text.replace(b'"decimal"', b'"boolean"') for text in map(datapoint, (1, 0, True, False, 1))
    ]
    assert "60.0 % true" in shown(counted(*boolean))


def test_an_ack_that_is_too_deep_to_be_decoded_is_no_failure() -> None:
    deep = ack().replace(b'"value": 1', b'"value": ' + b"[" * 60_000 + b"]" * 60_000)
    listed = told(counted(ack(), deep))
    assert [one["events"] for one in listed["types"]["list"]] == [2]
    assert (listed["acks"]["succeeded"], listed["acks"]["failed"]) == (1, 0)


def test_true_is_1_where_numbers_are_listed() -> None:
    (listed,) = told(counted(datapoint(True), datapoint(False)))["properties"]["list"]
    assert json.dumps([listed["numbers"]["least"], listed["numbers"]["greatest"]]) == "[0, 1]"


def test_a_boolean_with_another_number_is_measured() -> None:
    boolean = [text.replace(b'"decimal"', b'"boolean"') for text in map(datapoint, (1, 0, 7))]
    seen = shown(counted(*boolean))
    assert "true" not in seen
    assert re.search("x +3 +0 +1 +7", seen)


def test_several_devices_of_an_event_each_count() -> None:
    statistics = counted(datapoint(1, dsn="A, B,A"), datapoint(1, dsn="A"))
    assert [(device.name, device.events) for device in statistics.devices.busiest()] == [
        ("A", 2),
        ("B", 1),
    ]


def test_times_far_off_are_told_and_not_drawn() -> None:
    texts = [datapoint(1, NOON + number) for number in range(1000)]
    strange = [datapoint(1).replace(b"2026-11-23", day) for day in (b"0001-06-01", b"9999-06-01")]
    statistics = counted(*texts, *strange, datapoint(1).replace(b"2026-", b"x"))
    seen = shown(statistics)
    assert "2026-11-23 12:00:00 to 12:16:39 UTC, 16 min 39 s\n" in seen
    assert "2 events far off, between 0001-06-01 and 9999-06-01, not drawn\n" in seen
    assert "1 event without a time\n" in seen
    answer = told(statistics)
    assert (answer["astray"], answer["untimed"], answer["first"][:4]) == (2, 1, "0001")


def test_what_has_no_time_of_its_own_has_that_of_its_receipt() -> None:
    (text,) = annotated([b'{"seq":"1"}'], "in", NOON)
    assert told(counted(text))["first"] == "2026-11-23T12:00:00.000000Z"


# Hostile recordings


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=5,
)
TIMES = st.sampled_from(
    ["2026-11-23T12:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01", "", "x"]
)


def maybe(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(usual, usual, usual, JSON)


EVENTS = st.fixed_dictionaries(
    {"seq": maybe(st.integers(0, 20).map(str))},
    optional={
        "metadata": maybe(
            st.fixed_dictionaries(
                {},
                optional={
                    "event_type": maybe(st.sampled_from(DOCUMENTED)),
                    "dsn": maybe(st.text(max_size=20)),
                    "oem_model": maybe(st.text()),
                    "property_name": maybe(st.text()),
                    "base_type": maybe(st.sampled_from(["boolean", "decimal"])),
                },
            )
        ),
        **dict.fromkeys(
            ("datapoint", "connection"),
            maybe(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "value": maybe(st.floats(allow_nan=False, allow_infinity=False)),
                        **dict.fromkeys(("updated_at", "event_time", "created_at"), TIMES),
                        **dict.fromkeys(("acked_at", "id"), maybe(TIMES)),
                        "status": maybe(st.sampled_from(["Online", "Offline"])),
                        **dict.fromkeys(("ack_status", "ack_message"), JSON),
                    },
                )
            ),
        ),
        "_dsstail": maybe(st.fixed_dictionaries({"stream": st.text(), "received_at": TIMES})),
    },
)


@given(st.lists(EVENTS, max_size=12), st.sampled_from([72, 80, 160]), st.booleans())
def test_whatever_there_is_can_be_shown(
    events: list[dict[str, Any]], width: int, unicode: bool
) -> None:
    statistics = counted_in([json.dumps(one).encode()] for one in events)
    assert statistics.events == len(events)
    assert sum(kind.events for kind in statistics.event_types) == len(events)
    seen = shown(statistics, width, unicode=unicode)
    assert all(line == visible(line, unicode=unicode) for line in seen.split("\n"))
    answer = told(statistics)
    assert answer["events"] == len(events)
    timed = [number for _, number in answer["timeline"]["counts"]]
    assert sum(timed) == len(events) - answer["untimed"]
    assert len(drawn(statistics))


def test_what_cannot_be_remembered_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "DEVICES", 50)
    texts = [datapoint(1, dsn=f"D{number:05}") for number in range(3000)]
    busy = [datapoint(1, dsn="busy") for _ in range(3000)]
    mixed = [text for pair in zip(texts, busy, strict=True) for text in pair]
    statistics = counted_in(mixed[start : start + 100] for start in range(0, 6000, 100))
    first = statistics.devices.busiest()[0]
    short_by = statistics.devices.short_by
    assert (first.name, short_by > 0) == ("busy", True)
    assert first.events <= 3000 <= first.events + short_by
    assert statistics.event_types.busiest()[0].events == 6000
    assert len(statistics.devices) == 3001  # estimated only from SAMPLE on
    seen = shown(statistics, top=5)
    assert "6,000 events of about 3,000 devices\n" in seen
    assert "  about 2,995 more, not listed\n" in seen
    assert f"each number of events may be short by {short_by}\n" in seen


# Bounded structures


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200))
def test_quantiles_of_few_numbers_are_exact(numbers: list[float]) -> None:
    quantiles = Quantiles()
    for number in numbers:
        quantiles.add([number])
    ordered = sorted(numbers)
    assert quantiles.exact
    parts = [0, 0.25, 0.5, 0.9, 1]
    places = [max(-int(-part * len(ordered) // 1), 1) - 1 for part in parts]
    assert quantiles.at(*parts) == [ordered[place] for place in places]
    assert sum(quantiles.histogram(*quantiles.bulk(), 7)) >= len(numbers) - 2


@pytest.mark.parametrize("step", [1, 7919, -1, 0])
@settings(max_examples=30)
@given(amount=st.integers(CAPACITY - 1, 40 * CAPACITY), together=st.integers(1, 3000))
def test_quantiles_of_many_numbers_are_within_their_bound(
    step: int, amount: int, together: int
) -> None:
    numbers = [float(number * step % (2 * amount + 1)) for number in range(amount)]
    quantiles = Quantiles()
    for start in range(0, amount, together):
        quantiles.add(numbers[start : start + together])
    ordered = sorted(numbers)
    assert quantiles.exact == (amount < CAPACITY)
    assert quantiles.error <= 0.01 * amount
    parts = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
    for part, number in zip(parts, quantiles.at(*parts), strict=True):
        below, upto = bisect_left(ordered, number), bisect_right(ordered, number)
        assert below - quantiles.error <= part * amount <= upto + quantiles.error
    assert quantiles.at(0, 1) == [ordered[0], ordered[-1]]
    assert sum(quantiles.histogram(ordered[0], ordered[-1], 10)) == amount


@given(st.lists(st.integers(0, 60), max_size=400))
def test_a_table_keeps_the_busiest_and_says_what_it_may_miss(numbers: list[int]) -> None:
    table = Table(5, EventType)
    for number in numbers:
        table[str(number)].events += 1
        table.thin()
    true = Counter(map(str, numbers))
    entries = {kind.name: kind.events for kind in table}
    assert len(entries) < 10
    assert len(table) == len(true)
    assert table.exact == (entries == true)
    for name, events in true.items():
        assert entries.get(name, 0) <= events <= entries.get(name, 0) + table.short_by


@pytest.mark.parametrize("amount", [0, 1, SAMPLE - 1, 10 * SAMPLE])
def test_how_many_names_there_were(amount: int) -> None:
    distinct = Distinct()
    for number in (*range(amount), *range(amount)):
        distinct.add(f"D{number}")
    if amount < SAMPLE:
        assert distinct.count == amount
    else:
        assert distinct.count == pytest.approx(amount, rel=0.1)


LONG = st.integers(-62_000_000_000, 253_000_000_000)


@given(st.lists(st.one_of(LONG, st.integers(0, 10**6)), min_size=1, max_size=300))
def test_a_timeline_loses_no_event(times: list[int]) -> None:
    line = Timeline(utc=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "MOST_BUCKETS", 20)
        patch.setattr(timeline, "FOLDED", 50)
        for start in range(0, len(times), 10):
            line.add(map(float, times[start : start + 10]))
        line.fold()
    assert len(line.buckets) <= 20
    assert line.buckets == Counter(at // line.width for at in times)
    assert sum(map(sum, line.week)) == len(times)
    assert (line.first, line.last) == (min(times), max(times))
    for at in times[:1]:
        moment = datetime.fromtimestamp(at, UTC)
        assert line.week[moment.weekday()][moment.hour]
    span = line.span()
    assert span is not None
    course = line.course(span, 30)
    assert len(course.counts) <= 30
    assert sum(course.counts) + span.astray == len(times)
    assert course.start <= span.first <= span.last < course.end
    rates = scales.rates(course, span)
    assert len(rates.values) == len(course.counts)
    assert all(value >= 0 for value in rates.values)
    ticks = scales.ticks(course, 6, Clock(utc=True))
    assert len(ticks) <= 7
    assert all(0 <= part < 1 for part, _ in ticks)


def test_buckets_get_wider_only_when_there_are_many() -> None:
    line = Timeline(utc=True)
    line.add(map(float, range(MOST_BUCKETS)))
    line.add([250e9])
    line.fold()
    assert line.width == 5  # one bucket too many, and not a century because of the last one
    assert len(line.buckets) == MOST_BUCKETS // 5 + 2


@given(st.lists(st.tuples(LONG | st.none(), st.integers(-100, 100)), max_size=2000))
def test_means_over_time(measured: list[tuple[int | None, int]]) -> None:
    means = Means()
    for start in range(0, len(measured), 7):
        some = measured[start : start + 7]
        means.add([at for at, _ in some], [number for _, number in some])
    timed = [number for at, number in measured if at is not None]
    assert means.within(-1e11, 1e12, 1) == [sum(timed) / len(timed) if timed else None]
    assert len(means.within(0, 10, MOST_MEANS)) == MOST_MEANS


@given(st.floats(1e-6, 1e15))
def test_an_axis_is_as_high_as_it_must_be(most: float) -> None:
    assert most <= scales.ceiling(most) * 1.000001 <= 2 * most * 1.01
    assert len(figures.short(most)) <= 7


@given(st.floats(1e-6, 1e15))
@example(999.7)
@example(999_600)
@example(999_999_999)
def test_a_short_number_is_the_number(number: float) -> None:
    digits, letter = re.fullmatch(r"([0-9.e+-]+)([kMGT]?)", figures.short(number)).groups()  # type: ignore[union-attr]
    size = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[letter]
    assert float(digits) * size == pytest.approx(number, rel=0.06)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0.0, "0"),
        (-45.25, "-45.25"),
        (999.96, "999.96"),
        (999.996, "1,000"),
        (2071.0, "2,071"),
        (2038.2, "2,038.2"),
        (9999.96, "10,000"),
        (123_456.7, "123,457"),
        (-999_999_999.7, "-1e+09"),
        (1e9, "1e+09"),
    ],
)
def test_what_was_measured_is_written_one_way(number: float, told: str) -> None:
    assert figures.measured(number) == told
    assert len(told) <= 12


def test_the_document_describes_every_member() -> None:
    text = (Path(__file__).parents[1] / "docs" / "stats.md").read_text(encoding="utf-8")

    def names(member: Any) -> set[str]:
        if isinstance(member, dict):
            return set(member).union(*map(names, member.values()))
        return set().union(*map(names, member)) if isinstance(member, list) else set()

    answer = told(counted(datapoint(1), ack(500), status("Offline", NOON)))
    del answer["streams"]  # which are described with dsstail verify
    members = names(answer)
    assert len(members) > 40
    assert [name for name in members if f"`{name}`" not in text] == []
    for bound in (
        f"{counting.DEVICES:,} devices",
        f"{counting.PROPERTIES} properties",
        f"{counting.EVENT_TYPES} types",
        f"{outcomes.FAILURES} failures",
        f"up to {CAPACITY - 1:,}",
    ):
        assert bound in text.replace("\n", " ")
