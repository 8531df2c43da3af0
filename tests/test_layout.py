"""Where things are in an event's text: what is found without decoding is what decoding finds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsstail.json_text import beginning
from dsstail.layout import LARGE, divided, metadata_of

METADATA = b'{"dsn":"AC1","resource_tags":[],"event_type":"datapoint"}'
USUAL = b'{"seq":"13","metadata":' + METADATA + b',"datapoint":{"value":1,"metadata":{}}}'


def test_the_usual_layout() -> None:
    usual = divided(USUAL)
    assert usual is not None
    digits, between, body = usual.groups()
    assert (digits, body) == (b"13", b'{"value":1,"metadata":{}}')
    assert between == b'","metadata":' + METADATA + b',"datapoint":'
    assert metadata_of(between, "datapoint") == METADATA
    assert metadata_of(between, "connection") is None


@pytest.mark.parametrize(
    "text",
    [
        USUAL.replace(b'"13"', b'"013"'),
        USUAL.replace(b'"13"', b'"0"'),
        USUAL.replace(b'"13"', b'"1' + b"0" * 18 + b'"'),
        USUAL.replace(b'"13"', b'"1a"'),
        USUAL.replace(b'"13"', b"13"),
        USUAL.replace(b":", b": "),
        b'{"metadata":{},"seq":"13","datapoint":{}}',
        b'{"seq":"13"}',
        USUAL + b" ",
        USUAL[:-1] + b"]",
        b"{}",
        b"",
    ],
)
def test_other_layouts_are_not_divided(text: bytes) -> None:
    assert divided(text) is None


def test_a_large_event_is_not_divided() -> None:
    text = USUAL.replace(b"1,", b'"%s",' % (b"x" * (LARGE - len(USUAL) - 1)))
    assert len(text) == LARGE
    assert divided(text)
    text = text.replace(b"x", b"xx", 1)
    assert divided(text) is None
    assert beginning(text) == {"seq": "13", "metadata": json.loads(METADATA)}


def test_the_beginning_of_a_large_event_may_have_blanks() -> None:
    text = b'\n{ "seq" : "13",\r\n "metadata" : {"a": {"b": [1]}} , "x": ' + b" " * LARGE + b"1}"
    assert beginning(text) == {"seq": "13", "metadata": {"a": {"b": [1]}}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"datapoint":{},"seq":"13","metadata":{}}', {}),
        (b'{"seq":"13","datapoint":{},"metadata":{}}', {"seq": "13"}),
        (b'{"seq":"13","metadata":[]}', {"seq": "13"}),
        (b'{"seq":"13","metadata":{"a":"%s"}}' % (b"x" * LARGE), {"seq": "13"}),
        (b'{"seq":"13","metadata":{"a":%s' % (b"[" * LARGE), {"seq": "13"}),
    ],
)
def test_what_does_not_begin_as_usual(text: bytes, found: dict[str, Any]) -> None:
    assert beginning(text) == found


members = st.sampled_from(["seq", "metadata", "datapoint", "a", '"},"datapoint":{"'])
values = st.recursive(
    st.sampled_from(["13", "0", '","metadata":{', "}", '},"datapoint":{', "x\\", 7, None]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(members, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(st.tuples(members, values), max_size=4)
    | st.tuples(
        st.tuples(st.just("seq"), st.sampled_from(["13", "7", "x"])),
        st.tuples(st.just("metadata"), values),
        st.tuples(members, values),
    )
)
def test_a_division_that_holds_is_what_decoding_says(pairs: list[tuple[str, Any]]) -> None:
    members = [
        f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}" for name, value in pairs
    ]
    text = "{" + ",".join(members) + "}"
    usual = divided(text.encode())
    if usual is None:
        return
    digits, between, body = usual.groups()
    metadata = metadata_of(between, "datapoint")
    try:
        found = [json.loads(part) for part in (metadata or b"", body)]
    except ValueError:
        return  # a guess that does not hold
    assert list(pairs) == [
        ("seq", digits.decode()),
        ("metadata", found[0]),
        ("datapoint", found[1]),
    ]
