"""What `dsstail watch` keeps and draws, without a terminal: bounds that hold for any input."""

from __future__ import annotations

import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsstail.deliveries import Gap, Reset
from dsstail.errors import ConnectionFailed, Rejected
from dsstail.escaping import visible, width
from dsstail.handover import TEXT_OVERHEAD, Backlogged, Batch, Connected, Disconnected, Ended
from dsstail.keys import Source, stream_keys
from dsstail.messages import Heartbeat
from dsstail.render import Style
from dsstail.watching import devices as devices_room
from dsstail.watching.browsing import TABS, Browser, View
from dsstail.watching.brush import Brush, Moment
from dsstail.watching.cells import Row, age, paragraph, sparkline, wrapped
from dsstail.watching.devices import (
    MOST_DEVICES,
    MOST_EVENTS,
    MOST_OF_ONE,
    Devices,
)
from dsstail.watching.keyboard import is_unfinished, keys_in
from dsstail.watching.log import REPEATED, Log, Message
from dsstail.watching.painting import Painter, Subject
from dsstail.watching.scrolling import List, Text
from dsstail.watching.stream_rows import StreamRows
from dsstail.watching.streams import SECONDS, Pace, Streams

KEYS = ["up", "down", "left", "right", "page up", "page down", "home", "end", "enter", "escape"]
KEYS += [*"jkgGsSm? /q", "backspace", "tab", "back tab", "clear", "redraw", "x", "paste", "pasted"]


def change(dsn: str, name: str = "temp", value: object = 1) -> bytes:
    return orjson.dumps(
        {
            "seq": "1",
            "metadata": {"dsn": dsn, "property_name": name, "event_type": "datapoint"},
            "datapoint": {"value": value},
        }
    )


def bare(line: str) -> str:
    """A line without its colours."""
    return re.sub("\x1b\\[[0-9;]*m", "", line)


# Keys


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"j", ["j"]),
        (b"\x1b[A\x1b[B\x1bOC\x1bOD", ["up", "down", "right", "left"]),
        (b"\x1b[1~\x1b[4~\x1b[5~\x1b[6~", ["home", "end", "page up", "page down"]),
        (b"\r\t\x7f\x0c", ["enter", "tab", "backspace", "redraw"]),
        (b"\x1b", ["escape"]),
        (b"\x1b\x1b[A", ["escape", "up"]),
        (b"\x1b[200~x\x1b[201~", ["paste", "x", "pasted"]),
        (b"\x1b[1;5A\x01\x00", []),
        ("äß漢".encode(), ["ä", "ß", "漢"]),
        ("ä\x1b[A漢".encode(), ["ä", "up", "漢"]),
        (b"\x1b[<0;10;5M\x1b[M !!j\x1b[I\x1b[>1;2c\x1b[0 q", ["j"]),
        (b"\xff\xfeq", ["q"]),
    ],
)
def test_keys_have_names(data: bytes, keys: list[str]) -> None:
    assert keys_in(data) == keys


@pytest.mark.parametrize("text", ["\x1b[A", "\x1bOB", "\x1b[1;5A", "\x1b[M !!", "ä", "漢", "🔥"])
def test_what_may_go_on_is_waited_for(text: str) -> None:
    data = text.encode()
    assert not is_unfinished(data)
    assert all(is_unfinished(b"j" * 100 + data[:cut]) for cut in range(1, len(data)))
    assert not is_unfinished(b"\x1b[" + b"1" * 100)


@given(st.binary(max_size=40))
def test_any_bytes_are_keys(data: bytes) -> None:
    assert all(key.isprintable() and key for key in keys_in(data))


# Cells


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        *((None, ""), (-5, "0s"), (0.9, "0s"), (99, "99s"), (100, "1m"), (5999, "99m")),
        *((6000, "1h"), (48 * 3600, "2d"), (1000 * 86400, "2y"), (1e12, "999y")),
    ],
)
def test_ages_take_four_cells(seconds: float | None, told: str) -> None:
    assert age(seconds) == told


def test_a_sparkline_shows_the_last_counts() -> None:
    assert sparkline([9, 0, 1, 4, 8], 4) == " ▁▄█"
    assert sparkline([1], 3) == "  █"
    assert sparkline([], 2) == "  "
    assert sparkline([0, 8], 2, unicode=False) == " %"


@given(st.lists(st.tuples(st.text(), st.none() | st.integers(0, 9))), st.integers(0, 30))
def test_a_row_ends_where_the_terminal_does(
    parts: list[tuple[str, int | None]], cells: int
) -> None:
    row = Row(cells)
    for text, room in parts:
        row.add(visible(text), room, ink="\x1b[1m")
    assert width(bare(str(row))) == cells - row.left


@given(st.text(), st.integers(2, 30))
def test_wrapped_lines_lose_nothing(text: str, cells: int) -> None:
    lines = wrapped(f"\x1b[1m{visible(text)}\x1b[0m", cells)
    assert "".join(map(bare, lines)) == visible(text)
    assert max(width(bare(line)) for line in lines) <= cells


@given(st.text(), st.integers(2, 30))
def test_a_paragraph_loses_nothing_but_blanks(text: str, cells: int) -> None:
    lines = paragraph(visible(text), cells)
    assert "".join("".join(lines).split()) == "".join(visible(text).split())
    assert max(map(width, lines), default=0) <= cells


def test_a_paragraph_ends_lines_between_words() -> None:
    assert paragraph("reset by the other side", 9) == ["reset by", "the other", "side"]


# Lists


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 50), st.integers(0, 10))))
def test_the_mark_is_always_on_the_page(steps: list[tuple[str, int, int]]) -> None:
    marked, text = List(), Text()
    for key, count, page in steps:
        seen, read = marked.seen(count, page), text.seen(count, page)
        assert len(seen) == len(read) == min(count, max(page, 1))
        assert marked.at in seen or count == 0
        marked.move(key, count)
        text.move(key)


def test_the_last_page_follows_until_a_key_leads_away() -> None:
    text = Text(end=True)
    assert text.seen(10, 4) == range(6, 10)
    assert text.seen(12, 4) == range(8, 12)
    text.move("up")
    assert text.seen(15, 4) == range(7, 11)
    text.move("end")
    assert text.seen(15, 4) == range(11, 15)
    assert text.seen(20, 4) == range(16, 20)


# Devices


def test_devices_that_said_nothing_for_longest_are_forgotten() -> None:
    devices = Devices()
    devices.take([change("first")], "in", 0.0, 0.0)
    for number in range(MOST_DEVICES):
        devices.take([change(f"D{number}")], "in", 0.0, 0.0)
        if number == MOST_DEVICES // 2:
            devices.take([change("first")], "in", 0.0, 0.0)
    assert len(devices) == MOST_DEVICES
    assert devices.forgotten == 1
    assert "first" in devices
    assert "D0" not in devices


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> int:
    """The bytes of events that there is room for: fewer, since many take their time."""
    monkeypatch.setattr(devices_room, "EVENTS_BYTES", 4 << 20)
    monkeypatch.setattr(devices_room, "LATEST_BYTES", 1 << 20)
    return 4 << 20


def test_properties_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 10_000
    monkeypatch.setattr(devices_room, "MOST_PROPERTIES", most)
    devices = Devices()
    for number in range(MOST_OF_ONE + 1):
        devices.take([change("one", f"p{number}")], "in", 0.0, 0.0)
    assert len(devices["one"].properties) == MOST_OF_ONE
    assert "p0" not in devices["one"].properties
    for number in range(most):
        devices.take([change(f"D{number % 100}", f"p{number}")], "in", 0.0, 0.0)
    assert sum(len(device.properties) for device in devices.values()) <= most
    assert "one" not in devices


def kept_bytes(devices: Devices) -> int:
    kept = [text for device in devices.values() for text, _, _ in device.events]
    return sum(map(len, kept)) + TEXT_OVERHEAD * len(kept)


def test_events_of_one_device_are_bounded() -> None:
    devices = Devices()
    devices.take([change("one") for _ in range(MOST_EVENTS + 1)], "in", 0.0, 0.0)
    assert len(devices["one"].events) == len(devices.latest) == MOST_EVENTS
    assert devices["one"].events.total == MOST_EVENTS + 1


@pytest.mark.parametrize(("count", "size"), [(3, 1_800_000), (50, 100_000), (800, 2000)])
def test_events_of_all_devices_are_bounded(count: int, size: int, room: int) -> None:
    devices = Devices()
    for number in range(10 * count):
        devices.take([change(f"D{number % count}", value="x" * size)], "in", 0.0, 0.0)
        if number == count - 1:
            assert len(devices["D0"].events) == 1  # as long as there is room
    assert room // 4 <= kept_bytes(devices) <= 2 * room
    assert sum(len(text) for text, _, _ in devices.latest) <= room // 4


def test_more_and_more_devices_are_bounded_too(room: int) -> None:
    devices = Devices()
    for number in range(800):
        devices.take([change(f"D{number}", value="x" * 5000)] * 10, "in", 0.0, 0.0)
    assert room // 2 <= kept_bytes(devices) <= 2 * room


def test_small_events_are_bounded_by_what_they_cost(room: int) -> None:
    devices = Devices()
    texts = [b'{"metadata":{"dsn":"%d"}}' % (number % 400) for number in range(80_000)]
    devices.take(texts, "in", 0.0, 0.0)
    assert room // 2 <= kept_bytes(devices) <= 2 * room
    assert {device.events.total for device in devices.values()} == {200}


def test_the_time_of_a_recording_is_that_of_its_last_event() -> None:
    devices = Devices()
    far = change("A").replace(b'"value"', b'"updated_at":"9999-01-01T00:00:00Z","value"')
    near = change("A").replace(b'"value"', b'"updated_at":"2026-11-26T10:00:00Z","value"')
    devices.take([far, near], "in", 0.0, 0.0)
    assert devices.now == devices["A"].heard_at == 1795687200.0


# Streams


def test_a_stream_tells_its_state() -> None:
    streams = Streams(("in",), 0.0)

    def state_after(content: object) -> str:
        streams.take(Batch("in", 0.0, content), 1.0)  # type: ignore[arg-type]
        return streams["in"].state

    assert streams["in"].state == "waiting"
    assert state_after(Connected("host", None, again=False)) == "live"
    assert state_after(Heartbeat()) == "live"
    assert state_after(Disconnected("why", 1, 1.0, None)) == "lost"
    assert state_after(Connected("host", None, again=True)) == "live"
    assert state_after(Backlogged(None)) == "slow"
    assert state_after(Ended(None)) == "ended"
    assert (streams["in"].heartbeats, streams["in"].reconnects) == (1, 1)
    assert state_after(Ended(Rejected("no such key", status=401))) == "refused"
    assert state_after(Ended(ConnectionFailed("gave up"))) == "failed"
    assert streams["in"].trouble == "gave up"
    assert state_after(Gap(5, 9)) == "failed"
    assert streams["in"].trouble == "gap: seq 5–9 (5 events) did not come back"
    assert state_after(Reset(9, 1)) == "failed"
    assert streams["in"].resets == 1


def test_the_trouble_of_a_stream_shows_no_key_and_nothing_raw() -> None:
    (key,) = stream_keys([Source("--key", "9f86d081884c7d659f86d081884c7d65")])
    streams = Streams(("in",), 0.0)
    reason = f"closed by the service (\x1b[2J{key.key})"
    streams.take(Batch("in", 0.0, Disconnected(reason, 1, 1.0, None)), 1.0)
    assert streams["in"].trouble == r"closed by the service (\x1b[2J9f86…7d65)"


def rows_of(streams: Streams, room: int, columns: int = 80, now: float = 10.0) -> list[str]:
    return StreamRows(Brush(Style())).panel(columns, room, streams, now)


def test_a_stream_in_trouble_says_which() -> None:
    streams = Streams(("in",), 0.0)
    streams.take(Batch("in", 0.0, Disconnected("reset by the other side", 3, 12.0, None)), 1.0)
    assert "lost             0  retry in 3s: reset by the other side" in bare(
        rows_of(streams, 4)[1]
    )
    assert "retrying: reset" in rows_of(streams, 4, now=14.0)[1]
    page = StreamRows(Brush(Style())).page(80, streams, 10.0)
    assert bare(page[2]) == "  lost for 9s; retry in 3s: reset by the other side"
    streams.take(Batch("in", 0.0, Connected("host", None, again=True)), 11.0)
    page = StreamRows(Brush(Style())).page(80, streams, 12.0)
    assert bare(page[2]) == "  live for 1s; 11s ago: reset by the other side"


def test_of_a_recording_nothing_is_told_that_is_not_known() -> None:
    """Whether its numbers are complete, and begin again, is for verify to say."""
    streams = Streams((), 0.0)
    streams.take(Batch("", 0.0, [b'{"seq":"9"}', b'{"seq":"0"}']), 1.0)
    assert bare(rows_of(streams, 4, columns=120)[1]).split()[-2:] == ["#0", "0"]
    streams[""].missing = 0
    assert bare(rows_of(streams, 4, columns=120)[1]).split()[-5:] == ["#0", *"0000"]


def test_names_of_streams_that_are_cut_still_tell_them_apart() -> None:
    streams = Streams(("factory-berlin-in", "factory-berlin-out"), 0.0)
    rows = [bare(row) for row in rows_of(streams, 4, columns=60)]
    assert [row.split()[1] for row in rows[1:]] == ["facto…n-in", "facto…-out"]


def test_a_heartbeat_that_is_overdue_stands_out() -> None:
    streams = Streams(("in",), 0.0)
    streams.take(Batch("in", 0.0, Connected("host", None, again=False)), 1.0)
    streams.take(Batch("in", 0.0, Heartbeat()), 2.0)
    rows = StreamRows(Brush(Style(color=True)))
    assert "\x1b[33m1  40s" not in rows.panel(80, 4, streams, 42.0)[1]
    assert "\x1b[33m1  50s" in rows.panel(80, 4, streams, 52.0)[1]


def test_where_streams_do_not_fit_those_in_trouble_come_first() -> None:
    streams = Streams(tuple(f"stream-{number}" for number in range(40)), 0.0)
    for number in range(40):
        streams.take(Batch(f"stream-{number}", 0.0, Connected("host", None, again=False)), 1.0)
    streams.take(Batch("stream-39", 0.0, Disconnected("why", 1, 1.0, None)), 1.0)
    streams.take(Batch("stream-38", 0.0, Backlogged(None)), 1.0)
    told = [bare(line) for line in rows_of(streams, 4)]
    assert len(told) == 4
    assert "stream-38 slow" in told[1]
    assert "stream-39 lost" in told[2]
    assert told[3] == "  38 more: 38 live"
    assert len(rows_of(streams, 41)) == 41
    assert "more:" not in "".join(rows_of(streams, 41))
    assert bare(rows_of(streams, 2)[1]) == "  40 more: 1 slow, 1 lost, 38 live"


def test_the_pace_is_counted_by_the_second() -> None:
    pace = Pace()
    pace.add(2, 100.2)
    pace.add(3, 100.9)
    assert pace.each(100.95) == []
    pace.add(1, 103.0)
    assert pace.each(104.0) == [5, 0, 0, 1]
    assert pace.each(1e9) == [0] * (SECONDS - 1)


# Where keys lead, when they come faster than screens


def pressed(devices: Devices, *keys: str) -> Browser:
    browser = Browser(devices)
    browser.sort()
    for key in keys:
        browser.press(key)
    return browser


def test_an_event_is_chosen_before_any_is_drawn() -> None:
    devices = Devices()
    devices.take([change("A", value=value) for value in range(5)], "in", 0.0, 0.0)
    browser = pressed(devices, "enter", "up", "enter")
    assert browser.views == [View.DEVICES, View.DEVICE, View.EVENT]
    assert browser.event is devices["A"].events[3]


def test_what_is_found_is_chosen_at_once() -> None:
    devices = Devices()
    devices.take([change(dsn, value=f"is{dsn}") for dsn in "ABC"], "in", 0.0, 0.0)
    assert pressed(devices, "/", *"ISB", "enter", "enter").device is devices["B"]
    assert pressed(devices, "/", "down", "down", "up", "enter", "enter").device is devices["B"]
    assert pressed(devices, "down", "S", "enter").device is devices["B"]


def test_properties_are_passed_over_up_to_the_last() -> None:
    devices = Devices()
    devices.take([change("A", "p"), *(change("B", f"p{at}") for at in range(3))], "in", 0.0, 0.0)
    assert pressed(devices, *["right"] * 9).shift == 2
    assert pressed(devices, *["right"] * 9, "left").shift == 1
    assert pressed(devices, "right", "escape").shift == 0
    assert pressed(devices, "enter", "right").shift == 0
    assert pressed(devices, "down", "enter", *["right"] * 9).shift == 2
    assert pressed(devices, "down", "enter", "right", "escape").shift == 0


def test_events_of_all_devices_are_chosen_from() -> None:
    devices = Devices()
    devices.take([change(dsn) for dsn in "ABC"], "in", 0.0, 0.0)
    browser = pressed(devices, "tab", "up", "enter")
    assert browser.views == [View.EVENTS, View.EVENT]
    assert browser.event is devices["B"].events[0]
    browser.press("left")
    assert browser.event is devices["A"].events[0]


def test_what_is_pasted_is_text_and_no_keys() -> None:
    devices = Devices()
    devices.take([change("A")], "in", 0.0, 0.0)
    browser = pressed(devices, "paste", "q", "enter", "/", "pasted")
    assert (browser.quit, browser.views, browser.typing) == (False, [View.DEVICES], False)
    browser = pressed(devices, "/", "paste", *"quit", "enter", "q", "pasted")
    assert (browser.quit, browser.needle, browser.typing) == (False, "quit", False)
    assert pressed(devices, "paste", "x", "escape", "q").quit


# Messages


def test_what_was_seen_is_not_told_again() -> None:
    log = Log()
    log.add(Message("10:00:00", "warning: first"))
    log.add(Message("10:00:01", "connected"))
    assert log.rest() == "10:00:00 warning: first\n"
    log.look()
    assert log.rest() == ""
    log.add(Message("10:00:02", "error: second"))
    assert log.rest() == "10:00:02 error: second\n"


def test_many_messages_are_told_in_part() -> None:
    log = Log()
    for number in range(2000):
        log.add(Message("10:00:00", f"warning: {number}"))
    told = log.rest().splitlines()
    assert told[0] == f"of 2000 warnings, the last {REPEATED}:"
    assert told[1:] == [f"10:00:00 warning: {number}" for number in range(2000 - REPEATED, 2000)]


# The screen


texts = st.binary(max_size=30) | st.builds(
    change,
    st.text(max_size=20),
    st.text(max_size=20),
    st.text(max_size=20) | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.none(),
)


def test_it_is_told_why_there_is_no_device() -> None:
    streams = Streams(("in",), 0.0)
    subject, browser = Subject("here", "-d A*"), Browser(Devices())
    painter = Painter(Brush(Style()), subject, browser, streams, Log())

    def told() -> str:
        return bare("\n".join(painter.screen(80, 9, Moment(0.0, 1.0))))

    assert "  no event yet\n" in told()
    streams.take(Batch("in", 0.0, [change("B")] * 1200), 1.0)
    assert "  0 of 1,200 events pass the filters\n" in told()


@given(
    st.lists(texts, max_size=8),
    st.lists(st.sampled_from(KEYS), max_size=8),
    st.integers(1, 170),
    st.integers(1, 30),
    st.booleans(),
)
def test_any_screen_fits(
    events: list[bytes], keys: list[str], columns: int, rows: int, unicode: bool
) -> None:
    style = Style(color=True, unicode=unicode)
    devices, streams, log = Devices(unicode=unicode), Streams(("in",), 0.0), Log()
    browser = Browser(devices)
    devices.take(events, "in", 1.0, 0.0)
    log.add(Message("10:00:00", "warning: something"))
    painter = Painter(Brush(style), Subject("here", "-d A*"), browser, streams, log)
    for key in ["", *keys]:
        browser.press(key)
        lines = painter.screen(columns, rows, Moment(0.0, 1.0))
        assert len(lines) <= rows
        for line in lines:
            assert "\x1b" not in bare(line)
            assert width(bare(line)) <= columns
            assert unicode or bare(line).isascii()
        if browser.quit:
            break
    assert browser.views[0] in TABS
