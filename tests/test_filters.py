"""The filter options: what matches, and that looking for bytes first changes nothing of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsstail import filters
from dsstail.errors import ConfigurationError
from dsstail.layout import LARGE
from dsstail.messages import Event


def event(event_type: str = "datapoint", dsn: str = "AC000W005606115", **more: Any) -> bytes:
    metadata = {"dsn": dsn, **more, "event_type": event_type}
    return json.dumps({"seq": "1", "metadata": metadata, "datapoint": {"value": 0}}).encode()


def chosen(texts: dict[str, bytes], **options: list[str]) -> list[str]:
    """The names of the texts that a filter selects; `matches` must agree."""
    built = filters.build(**options)
    selected = built.select(list(texts.values()))
    assert selected == [text for text in texts.values() if built.matches(Event(text))]
    return [name for name, text in texts.items() if text in selected]


DEVICES = {
    "one": event(dsn="AC000W000000001"),
    "two": event(dsn="AC000W000000002"),
    "both": event(dsn="AC000W000000001,AC000W000000002"),
    "other": event(dsn="VD000W000000001"),
    "none": b'{"seq":"2"}',
}


@pytest.mark.parametrize(
    ("dsns", "names"),
    [
        (["AC000W000000001"], ["one", "both"]),
        (["ac000w000000001"], []),
        (["C000W000000001"], []),
        (["AC*"], ["one", "two", "both"]),
        (["AC*1", "VD*"], ["one", "both", "other"]),
        (["?C*[12]"], ["one", "two", "both"]),
        (["*"], ["one", "two", "both", "other"]),
        (["!AC000W000000001"], ["two", "other", "none"]),
        (["!AC*", "!VD*"], ["none"]),
        (["AC*", "!*2"], ["one"]),
        (["[!A]*"], ["other"]),
    ],
)
def test_serial_numbers(dsns: list[str], names: list[str]) -> None:
    assert chosen(DEVICES, dsns=dsns) == names


PROPERTIES = {
    "named": event(property_name="Blue_LED", display_name="Lamp"),
    "displayed": event(property_name="x", display_name="Blue_LED"),
    "nameless": event("connectivity"),
    "of another kind": event(property_name=["Blue_LED"], display_name=5),
    "mentioned": event(property_name="x", note="Blue_LED"),
    "escaped": event(property_name="Blue_LED").replace(b"Blue", rb"\u0042lue"),
}


@pytest.mark.parametrize(
    ("properties", "names"),
    [
        (["Blue_LED"], ["named", "displayed", "escaped"]),
        (["Lamp", "x"], ["named", "displayed", "mentioned"]),
        (["Lamp", "Blue_LED"], ["named", "displayed", "escaped"]),
        (["*"], ["named", "displayed", "mentioned", "escaped"]),
        (["!Blue_LED"], ["nameless", "of another kind", "mentioned"]),
    ],
)
def test_properties(properties: list[str], names: list[str]) -> None:
    assert chosen(PROPERTIES, properties=properties) == names


def test_types_of_events_and_models() -> None:
    texts = {
        "ack": event("datapointack", oem_model="ledevb"),
        "point": event("datapoint", oem_model="linuxevb"),
        "unknown": event("activation", oem_model="ledevb"),
    }
    assert chosen(texts, event_types=["datapoint"]) == ["point"]
    assert chosen(texts, event_types=["datapoint*"]) == ["ack", "point"]
    assert chosen(texts, event_types=["activation", "datapoint"]) == ["point", "unknown"]
    assert chosen(texts, event_types=["!datapoint*"]) == ["unknown"]
    assert chosen(texts, oem_models=["led*"]) == ["ack", "unknown"]


def test_different_options_narrow() -> None:
    texts = {
        "both": event(dsn="AC1", property_name="LED"),
        "device": event(dsn="AC1", property_name="fan"),
        "property": event(dsn="AC2", property_name="LED"),
    }
    assert chosen(texts, dsns=["AC1"], properties=["LED"]) == ["both"]
    assert chosen(texts, dsns=["AC1"], properties=["!LED"]) == ["device"]


def test_without_options_everything_matches() -> None:
    assert filters.build().everything
    assert not filters.build(dsns=["*"]).everything
    assert chosen(DEVICES) == list(DEVICES)


@pytest.mark.parametrize("empty", ["", "!"])
def test_an_empty_pattern_is_an_error(empty: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--property needs a pattern"):
        filters.build(properties=["LED", empty])


names = st.text('AB*[]!-é"\\/,\n{}', max_size=4)


@st.composite
def json_strings(draw: st.DrawFn, values: st.SearchStrategy[str] = names) -> str:
    """A JSON string that writes some characters as escapes which need none."""
    characters = []
    for character in draw(values):
        if draw(st.booleans()):
            characters.append(f"\\u{ord(character):04x}")
        else:
            characters.append(json.dumps(character, ensure_ascii=False)[1:-1])
    return '"' + "".join(characters) + '"'


def test_large_events_are_selected_by_metadata_wherever_it_is() -> None:
    blob = b'{"value":"%s"}' % (b"x" * LARGE)
    metadata = b'{"dsn":"AC1","event_type":"datapoint"}'
    first = b'{"seq":"1","metadata":%s,"datapoint":%s}' % (metadata, blob)
    last = b'{"seq":"1","datapoint":%s,"metadata":%s}' % (blob, metadata)
    assert filters.build(dsns=["AC1"]).select([first, last]) == [first, last]
    assert filters.build(dsns=["AC*", "!AC1"]).select([first, last]) == []


UNDECODED = {
    "too deep": b"[" * 60_000 + b"{}" + b"]" * 60_000,
    "too rich": b"[%b{}]" % (b"1," * 70_000),
}


@pytest.mark.parametrize("name", UNDECODED)
def test_events_that_are_not_decoded_are_selected_by_metadata(name: str) -> None:
    text = event(dsn="AC1").replace(b'"value": 0', b'"value": ' + UNDECODED[name])
    assert filters.build(dsns=["AC1"], event_types=["data*"]).select([text]) == [text]
    assert filters.build(dsns=["!AC1"]).select([text]) == []


def test_an_event_with_a_long_text_of_many_parts_is_selected() -> None:
    """A device's log as JSON, for example, in half a megabyte of one property."""
    log = json.dumps([{"at": at, "level": 1} for at in range(30_000)])
    text = event(dsn="AC1").replace(b'"value": 0', b'"value": %b' % json.dumps(log).encode())
    assert filters.build(dsns=["AC1"]).select([text]) == [text]


def test_many_events_are_selected_in_their_order() -> None:
    """They are searched some at a time: what is wanted may be the first or the last of these."""
    wanted = event(dsn="AC1")
    hidden = wanted.replace(b"AC1", b"\\u0041C1")
    large = b'{"metadata":{"dsn":"AC1"},"x":"%s"}' % (b"x" * LARGE)
    other = event(dsn="AC2", property_name="AC1")
    for count in (1, 2, 59, 60, 61, 119, 120, 121, 200):
        for place in {0, count // 2, count - 1}:
            for found in (wanted, hidden, large):
                texts = [other] * place + [found] + [other] * (count - 1 - place)
                assert filters.build(dsns=["AC1"]).select(texts) == [found]
        texts = [wanted, hidden, other, large][: 1 + count % 4] * count
        assert filters.build(dsns=["AC1"]).select(texts) == [
            text for text in texts if text is not other
        ]


members = st.sampled_from(
    ["dsn", "event_type", "property_name", "display_name", "oem_model"]
).flatmap(
    lambda name: st.tuples(
        json_strings(st.just(name)), json_strings() | st.sampled_from(["null", "5", '["A"]'])
    )
)


SHAPES = [
    '{{"metadata":{{{0}}},"x":{1}}}',
    '{{"a":{{{0}}},"x":{1}}}',
    '{{"seq":"1","metadata":{{{0}}},"x":{{"value":{1}}}}}',
    '{{"seq":"1","metadata":{{{0}}},"x":{{"value":{1},"metadata":{{}}}}}}',
    '{{"seq":"1","metadata":{{{0}}},"x":{{{2}}},"metadata":{{}}}}',
    '{{"seq":"1","metadata":{{{0}}},"x":{{}},"metadata":{{{2}}}}}',
    '{{"seq":"1","metadata":{{{0}}},"metadata":{{{2}}}}}',
    '{{"seq":"1","metadata":{{{0}}},"x":{{}},"metadata":{1}}}',
    '{{"seq":"1","metadata":{{"a":{{}},{0}}},"x":{{}}}}',
]
"""Events as usual, and some that look so at first: their metadata come again, and count."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("glob", ["A", "B", "!A", "?"])
def test_the_metadata_that_count_are_looked_into(shape: str, glob: str) -> None:
    for one in ('"dsn":"A"', '"dsn":"B"', '"x":"}","dsn":"A"', '"x":"{}","dsn":"A"', '"x":7'):
        texts = {two: shape.format(one, '"}}"', two).encode() for two in ('"dsn":"B"', '"x":{}')}
        chosen(texts, dsns=[glob])


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """Events with escapes, members that come twice, and members that are missing."""
    some = st.lists(members, min_size=1, max_size=6)
    one, two = (",".join(f"{name}:{value}" for name, value in draw(some)) for _ in range(2))
    return draw(st.sampled_from(SHAPES)).format(one, draw(json_strings()), two).encode()


globs = st.lists(names.filter(lambda glob: glob not in ("", "!")), max_size=2)


@given(st.lists(events(), max_size=4), globs, globs, globs, globs)
def test_select_decides_as_matches_does(
    texts: list[bytes],
    dsns: list[str],
    event_types: list[str],
    properties: list[str],
    oem_models: list[str],
) -> None:
    built = filters.build(dsns, event_types, properties, oem_models)
    matching = [text for text in texts if built.matches(Event(text))]
    assert built.select(texts) == matching
    assert built.select(texts) == matching  # which remembers metadata that it has seen
