"""What `dsstail watch` keeps and draws, without a terminal: bounds that hold for any input."""

from __future__ import annotations

import re
from collections import deque

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsstail.escaping import visible, width
from dsstail.handover import Backlogged, Batch, Connected, Disconnected, Ended
from dsstail.messages import Heartbeat
from dsstail.render import Style
from dsstail.watching.browsing import DEVICES, Browser, List, Text
from dsstail.watching.cells import Row, age, sparkline, wrapped
from dsstail.watching.devices import (
    EVENTS_BYTES,
    MOST_DEVICES,
    MOST_EVENTS,
    MOST_OF_ONE,
    MOST_PROPERTIES,
    Devices,
)
from dsstail.watching.painting import Moment, Painter
from dsstail.watching.streams import SECONDS, Pace, Streams
from dsstail.watching.terminal import keys_in

KEYS = ["up", "down", "left", "right", "page up", "page down", "home", "end", "enter", "escape"]
KEYS += [*"jkgGsSm? /q", "backspace", "tab", "clear", "redraw", "x"]


def change(dsn: str, name: str = "temp", value: object = 1) -> bytes:
    return orjson.dumps(
        {
            "seq": "1",
            "metadata": {"dsn": dsn, "property_name": name, "event_type": "datapoint"},
            "datapoint": {"value": value},
        }
    )


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
        (b"\x1b[200~x\x1b[201~", ["x"]),
        (b"\x1b[1;5A\x01\x00", []),
        ("äß漢".encode(), ["ä", "ß", "漢"]),
        (b"\xff\xfeq", ["q"]),
    ],
)
def test_keys_have_names(data: bytes, keys: list[str]) -> None:
    assert keys_in(data) == keys


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
    assert width(re.sub("\x1b[^m]*m", "", str(row))) == cells - row.left


@given(st.text(), st.integers(2, 30))
def test_wrapped_lines_lose_nothing(text: str, cells: int) -> None:
    lines = wrapped(f"\x1b[1m{visible(text)}\x1b[0m", cells)
    bare = [re.sub("\x1b[^m]*m", "", line) for line in lines]
    assert "".join(bare) == visible(text)
    assert max(map(width, bare)) <= cells


# Lists


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 50), st.integers(0, 10))))
def test_the_mark_is_always_on_the_page(steps: list[tuple[str, int, int]]) -> None:
    marked, text = List(), Text()
    for key, count, page in steps:
        seen, read = marked.seen(count, page), text.seen(count, page)
        assert len(seen) == len(read) == min(count, max(page, 1))
        assert marked.at in seen or count == 0
        marked.move(key)
        text.move(key)


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


def test_properties_are_bounded() -> None:
    devices = Devices()
    for number in range(MOST_OF_ONE + 1):
        devices.take([change("one", f"p{number}")], "in", 0.0, 0.0)
    assert len(devices["one"].properties) == MOST_OF_ONE
    assert "p0" not in devices["one"].properties
    for number in range(MOST_PROPERTIES):
        devices.take([change(f"D{number % 1000}", f"p{number}")], "in", 0.0, 0.0)
    assert sum(len(device.properties) for device in devices.values()) <= MOST_PROPERTIES
    assert "one" not in devices


def test_events_of_one_device_and_of_all_are_bounded() -> None:
    devices = Devices()
    devices.take([change("one") for _ in range(MOST_EVENTS + 1)], "in", 0.0, 0.0)
    assert len(devices["one"].events) == MOST_EVENTS
    for number in range(500):
        devices.take([change(f"D{number % 50}", value="x" * 500_000)], "in", 0.0, 0.0)
    kept = [text for device in devices.values() for text, _, _ in device.events]
    assert sum(map(len, kept)) <= 2 * EVENTS_BYTES
    for device in devices.values():
        assert device.events_bytes == sum(len(text) for text, _, _ in device.events)


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


def test_the_pace_is_counted_by_the_second() -> None:
    pace = Pace()
    pace.add(2, 100.2)
    pace.add(3, 100.9)
    assert pace.each(100.95) == []
    pace.add(1, 103.0)
    assert pace.each(104.0) == [5, 0, 0, 1]
    assert pace.each(1e9) == [0] * (SECONDS - 1)


# The screen


texts = st.binary(max_size=30) | st.builds(
    change,
    st.text(max_size=20),
    st.text(max_size=20),
    st.text(max_size=20) | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.none(),
)


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
    browser, devices, streams = Browser(), Devices(unicode=unicode), Streams(("in",), 0.0)
    devices.take(events, "in", 1.0, 0.0)
    painter = Painter(style, "here")
    for key in ["", *keys]:
        browser.press(key)
        listed = browser.rows(devices)
        messages = deque(["10:00:00 warning: something"])
        lines = painter.screen(
            columns, rows, browser, listed, devices, streams, messages, Moment(0.0, 1.0)
        )
        assert len(lines) <= rows
        for line in lines:
            bare = re.sub("\x1b\\[[0-9;]*m", "", line)
            assert "\x1b" not in bare
            assert width(bare) <= columns
            assert unicode or bare.isascii()
        if browser.quit:
            break
    assert browser.views[0] == DEVICES
