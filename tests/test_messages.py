"""The codec: literal messages of the wire, and whatever else somebody may send."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command import MS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsstail import json_text
from dsstail.messages import (
    Event,
    Heartbeat,
    KeepAlive,
    Malformed,
    Message,
    WrongLength,
    encode,
    parse,
)

WIRE = Path(__file__).parent / "wire"
CAPTURED = (WIRE / "captured.txt").read_bytes()

ENDLESS = "neither an event nor a heartbeat"
HEADLESS = "no LENGTH| at its start"


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"1|Z", [Heartbeat()]),
        (b"1|X", [KeepAlive()]),
        (CAPTURED, [Event(CAPTURED[4:])]),
        (b"2|{}", [Event(b"{}")]),
        (b'11|{"a":"|Z|"}', [Event(b'{"a":"|Z|"}')]),
        (b'11|{"a":"1|Z"}1|Z', [Event(b'{"a":"1|Z"}'), Heartbeat()]),
        # Several units in a row, with and without white space between them.
        (b"1|Z1|Z", [Heartbeat(), Heartbeat()]),
        (b"2|{}1|X2|{}", [Event(b"{}"), KeepAlive(), Event(b"{}")]),
        (b"2|{}\r\n1|Z\n", [Event(b"{}"), Heartbeat()]),
        (b" \n1|Z", [Heartbeat()]),
        # An array of events, untouched but for the blanks around each.
        (b"2|[]", []),
        (b'12|[{"a":1},{}]', [Event(b'{"a":1}'), Event(b"{}")]),
        (b'20|[ {"a": [1,2]} ,\n{}]', [Event(b'{"a": [1,2]}'), Event(b"{}")]),
        (b"6|[{},5]1|Z", [Event(b"{}"), Malformed(b"5", "not an object in an array"), Heartbeat()]),
        # LENGTH in characters where the text is not ASCII.
        ('7|{"ä":1}'.encode(), [Event('{"ä":1}'.encode())]),
        ('8|{"ä":1}'.encode(), [Event('{"ä":1}'.encode())]),
        ('7|{"ä":1}1|Z'.encode(), [Event('{"ä":1}'.encode()), Heartbeat()]),
        ('8|{"ä":1}1|Z'.encode(), [Event('{"ä":1}'.encode()), Heartbeat()]),
        ('7|{"🎈":1}1|Z'.encode(), [Event('{"🎈":1}'.encode()), Heartbeat()]),
        # JavaScript counts a character beyond U+FFFF as two.
        ('8|{"🎈":1}1|Z'.encode(), [Event('{"🎈":1}'.encode()), Heartbeat()]),
        ('9|{"🎈":1}'.encode(), [WrongLength(9, 10), Event('{"🎈":1}'.encode())]),
        # A LENGTH that does not fit is told, and costs nothing.
        (b"3|{}", [WrongLength(3, 2), Event(b"{}")]),
        (b"1|{}", [WrongLength(1, 2), Event(b"{}")]),
        (b"0|{}1|Z", [WrongLength(0, 2), Event(b"{}"), Heartbeat()]),
        (b"99|{}1|Z", [WrongLength(99, 2), Event(b"{}"), Heartbeat()]),
        (b"5|{}1|Z", [WrongLength(5, 2), Event(b"{}"), Heartbeat()]),
        (b"2|Z", [WrongLength(2, 1), Heartbeat()]),
        (b"999999999999999999|{}", [WrongLength(999999999999999999, 2), Event(b"{}")]),
        # Blanks that LENGTH counts.
        (b"4|{}  ", [Event(b"{}  ")]),
        (b"4|  {}", [Event(b"  {}")]),
        (b"4|{}  1|Z", [Event(b"{}  "), Heartbeat()]),
        # What is nothing known.
        (b"", [Malformed(b"", "empty message")]),
        (b" \n", [Malformed(b" \n", "empty message")]),
        (b"Z", [Malformed(b"Z", HEADLESS)]),
        (b"{}", [Malformed(b"{}", HEADLESS)]),
        (b"|Z", [Malformed(b"|Z", HEADLESS)]),
        (b" Z ", [Malformed(b" Z ", HEADLESS)]),
        (b"-1|Z", [Malformed(b"-1|Z", HEADLESS)]),
        (b"1|Y", [Malformed(b"1|Y", ENDLESS)]),
        (b"5|", [Malformed(b"5|", ENDLESS)]),
        (b"3|{}}", [WrongLength(3, 2), Event(b"{}"), Malformed(b"}", HEADLESS)]),
        (b"1|Zx", [Heartbeat(), Malformed(b"x", HEADLESS)]),
        (b'7|"event"', [Malformed(b'7|"event"', ENDLESS)]),
        (b"4|null", [Malformed(b"4|null", ENDLESS)]),
        (b'9|{"a":NaN}', [Malformed(b'9|{"a":NaN}', ENDLESS)]),
        (b"9999999999999999999|{}", [Malformed(b"9999999999999999999|{}", HEADLESS)]),
        ("1٣|{}".encode(), [Malformed("1٣|{}".encode(), HEADLESS)]),
        (b'2|{}7|{"a":\xff}', [Event(b"{}"), Malformed(b'7|{"a":\xff}', ENDLESS)]),
    ],
)
def test_a_message_says(message: bytes, found: list[Message]) -> None:
    assert parse(message) == found


def in_javascript(text: bytes) -> int:
    """The length of a string there: it is made of units of 16 bits."""
    return len(text.decode().encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    "count",
    [len, lambda text: len(text.decode()), in_javascript],
    ids=["bytes", "characters", "JavaScript"],
)
def test_a_length_tells_where_a_large_event_ends(count: Callable[[bytes], int]) -> None:
    large = b'{"a":"%b"}' % ("ä🎈".encode() * (1 << 19))
    assert parse(b"1|Z%d|%b1|Z" % (count(large), large)) == [
        Heartbeat(),
        Event(large),
        Heartbeat(),
    ]


def test_the_length_of_what_is_sent_is_in_bytes() -> None:
    assert encode(b"Z") == b"1|Z"
    assert encode('{"ä":1}'.encode()) == b'8|{"\xc3\xa4":1}'


@pytest.mark.parametrize(
    ("text", "seq"),
    [
        (b'{"seq":"0"}', 0),
        (b'{"seq":"00012"}', 12),
        (b'{"seq":12}', 12),
        (b'{"seq":"999999999999999999"}', 10**18 - 1),
        (b'{"seq":"1000000000000000000"}', None),
        (b'{"seq":1000000000000000000}', None),
        (b'{"seq":-1}', None),
        (b'{"seq":"-1"}', None),
        (b'{"seq":"+1"}', None),
        (b'{"seq":" 1"}', None),
        ('{"seq":"١٢"}'.encode(), None),
        (b'{"seq":1.0}', None),
        (b'{"seq":true}', None),
        (b'{"seq":null}', None),
        (b'{"seq":[]}', None),
        (b"{}", None),
        (b'{"seq":"7","x":%b1%b}' % (b"[" * 9999, b"]" * 9999), 7),
        (b'{"seq":"7","x":1e400}', 7),
    ],
)
def test_a_seq_is_a_count_of_events(text: bytes, seq: int | None) -> None:
    assert Event(text).seq == seq


def test_an_event_of_unexpected_kinds_is_still_an_event() -> None:
    event = Event(b'{"metadata":7,"datapoint":[],"_dsstail":{},"other":{"value":3}}')
    assert (event.event_type, event.dsn, event.property_name, event.time) == ("", "", "", "")
    assert event.body == {"value": 3}
    assert event.value == 3
    assert Event(b"{}").body == {}


def test_the_fields_of_a_captured_event() -> None:
    event = Event(CAPTURED[4:])
    assert (event.seq, event.event_type, event.dsn) == (0, "datapoint", "VD0000000000002")
    assert (event.property_name, event.value) == ("INLET_FLOW_RATE", "asdf3")
    assert (event.base_type, event.time) == ("string", "2017-03-12T21:01:24Z")


def test_several_serial_numbers() -> None:
    assert Event(b'{"metadata":{"dsn":"AC1, AC2,AC3"}}').dsns == ["AC1", "AC2", "AC3"]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
_EVENTS = st.dictionaries(st.text(max_size=4), _JSON, max_size=4)
_TEXTS = st.builds(
    lambda data, ascii, indent: json.dumps(data, ensure_ascii=ascii, indent=indent).encode(
        errors="surrogatepass" if ascii else "replace"
    ),
    _EVENTS,
    st.booleans(),
    st.sampled_from([None, 1]),
)


@given(st.lists(_TEXTS | st.sampled_from([b"Z", b"X"]), min_size=1, max_size=5))
def test_what_was_encoded_is_read_back(payloads: list[bytes]) -> None:
    known: dict[bytes, Message] = {b"Z": Heartbeat(), b"X": KeepAlive()}
    expected = [known.get(payload) or Event(payload) for payload in payloads]
    assert parse(b"".join(map(encode, payloads))) == expected


@given(
    st.lists(_TEXTS, min_size=1, max_size=5),
    st.sampled_from([lambda text: len(text.decode()), in_javascript]),
)
def test_a_length_in_characters_is_read_too(
    texts: list[bytes], count: Callable[[bytes], int]
) -> None:
    units = [b"%d|%b" % (count(text), text) for text in texts]
    assert parse(b"".join(units)) == [Event(text) for text in texts]


@given(st.lists(_TEXTS, min_size=1, max_size=4), st.lists(st.integers(0, 999), min_size=4))
def test_no_length_loses_an_event(texts: list[bytes], lengths: list[int]) -> None:
    units = [b"%d|%b" % (length, text) for length, text in zip(lengths, texts, strict=False)]
    found = [message for message in parse(b"".join(units)) if isinstance(message, Event)]
    assert found == [Event(text) for text in texts]


_PIECES = st.sampled_from(
    [
        *(b"1|Z", b"2|{}", b"5|", b"0|", b"999|", b"|", b"1", b" ", b"NaN", b"\xff"),
        *(b"{", b"}", b"[", b"]", b'"', b",", b"\\", b"{}", b'{"seq":"1"}', "ä".encode()),
    ]
)


@settings(max_examples=500)
@given(st.binary(max_size=60) | st.lists(_PIECES, max_size=14).map(b"".join))
@example(b"5|[{}]x")
@example(b"2|[1|Z")
def test_anything_is_read_without_a_failure_and_nothing_dropped(message: bytes) -> None:
    rest = message
    for found in parse(message):
        if isinstance(found, WrongLength):
            continue
        raw = {Heartbeat: b"Z", KeepAlive: b"X"}.get(type(found))
        if raw is None:
            raw = found.raw if isinstance(found, Malformed) else found.text  # type: ignore[union-attr]
        at = rest.find(raw)
        assert at >= 0
        skipped, rest = rest[:at], rest[at + len(raw) :]
        assert not skipped.strip(b" \t\r\n0123456789|[],"), "only what is around payloads"
        if isinstance(found, Event):
            assert json_text.is_json(found.text)
            assert found.data is not None
    assert not rest.strip(b" \t\r\n,[]")


HOSTILE: dict[str, Callable[[], bytes]] = {
    "lengths that reach far": lambda: b"2000000|{}" * (1 << 18),
    "lengths in characters that reach far": lambda: "2000000|{}ä".encode() * 50_000,
    "lengths up to the end": lambda: b"".join(b"%07d|{}" % n for n in range(5 * 10**5 - 8, 0, -10)),
    "heartbeats": lambda: b"1|Z" * (1 << 18),
    "empty objects": lambda: b"2|{}" * (1 << 18),
    "an array of empty objects": lambda: b"9|[%b{}]" % (b"{}," * (1 << 18)),
    "arrays in an array": lambda: b'9|{"a":[%b[]]}' % (b"[]," * (1 << 18)),
    "openings": lambda: b"9|" + b"[" * (1 << 20),
    "quotes": lambda: b'9|{"' + b'\\"' * (1 << 19),
    "strings": lambda: b'9|{"a":[%b0]}' % (b'"ab",' * (1 << 18)),
    "a large string": lambda: b'9|{"a":"%b"}' % (b"x" * (2 << 20)),
    "a large number": lambda: b'9|{"a":%b}' % (b"1" * (1 << 20)),
    "deep nesting": lambda: b'9|{"a":%b1%b}' % (b"[" * (1 << 19), b"]" * (1 << 19)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_message_keeps_the_reader_busy_for_long(name: str) -> None:
    """What takes time in proportion to its square would take ten seconds here, or hours."""
    message = HOSTILE[name]()
    started = time.process_time()
    assert parse(message)
    assert time.process_time() - started < 5_000 * MS
