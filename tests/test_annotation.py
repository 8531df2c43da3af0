"""The member that is added to an event's text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsstail import json_text
from dsstail.annotation import (
    annotated,
    annotated_lines,
    brief,
    instant,
    may_be_annotated,
    received_at,
    told_apart,
    unannotated,
)
from dsstail.json_text import as_lines

members: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["seq", "metadata", "}}", "_dsstail"]),
    st.sampled_from([None, 1, "}", {}, {"a": {}}, [{}], "x" * (1 << 16)]),
    max_size=3,
)
breaks = st.sampled_from(["", " ", "\n", "\r\n", "\t"])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Objects of any layout; most are compact, and many end with an object."""
    text = json.dumps(draw(members), separators=(",", ":"))
    inside = draw(breaks)
    return (draw(breaks) + text[:-1] + inside + "}" + draw(breaks)).encode()


@given(st.lists(texts(), max_size=4), st.text(max_size=3), st.none() | st.floats(0, 4e9))
@example([b'{"a":{}}', b'{"b":{}}'], "in", None)
@example([b'{"a":{}}', b'{"b":{}}'], "in", 1.5)
@example([b'{"a":{}}', b"{}"], "in", None)
@example([b'{"a":{}}', b'{"b":\r{}}'], "in", None)
def test_lines_are_what_single_texts_are(
    events: list[bytes], stream: str, received_at: float | None
) -> None:
    lines = annotated_lines(events, stream, received_at)
    assert lines == as_lines(annotated(events, stream, received_at))
    for line, text in zip(lines.splitlines(), events, strict=True):
        told = json.loads(line)
        assert told.pop("_dsstail")["stream"] == stream
        before = json.loads(text)
        before.pop("_dsstail", None)
        assert told == before


@given(texts(), st.text(max_size=60), st.none() | st.floats(0, 4e9))
@example(b"{ }", "in", None)
@example(b'{"_dsstail":{"stream":"before"}}', "in", None)
@example(b'{"a":"}"}', '\\"}}', 1.5)
def test_the_member_is_taken_off_as_it_was_added(
    event: bytes, stream: str, received_at: float | None
) -> None:
    [line] = annotated([event], stream, received_at)
    text, about = told_apart(line)
    assert about == (stream, "" if received_at is None else instant(received_at))
    assert text == (event[: event.rindex(b"}") + 1] if json.loads(event) else b"{}")
    assert unannotated(line) == (text, stream)
    assert may_be_annotated([event, line])


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("event", [b'{"seq":"1","a":{"b":[{}]}}', b"{}"])
@pytest.mark.parametrize("received_at", [None, 1.5])
def test_the_member_is_known_however_a_program_lays_it_out(
    event: bytes, indent: int | str | None, received_at: float | None
) -> None:
    [line] = annotated([event], "in", received_at)
    laid_out = json.dumps(json.loads(line), indent=indent).encode()
    for written in (laid_out, laid_out.replace(b"\n", b"\r\n")):
        text, about = told_apart(written)
        assert json.loads(text) == json.loads(event)
        assert about == ("in", "" if received_at is None else instant(received_at))
        assert may_be_annotated([written])


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b'{"a":{"_dsstail":{"stream":"in"}}}',
        b'{"_dsstail":{"stream":"in"},"a":{}}',
        b'{"a":1,"_dsstail":{"stream":1}}',
        b'{"a":1,"_dsstail":{"stream":"in","more":1}}',
        b'{"a":1,"_dsstail":{"stream":"in","received_at":"yesterday"}}',
        b'{"a":1,"_dsstail":{"stream":"in"}}}',
        b'"_dsstail":{"stream":"in"}}',
    ],
)
def test_what_is_not_the_member_stays(line: bytes) -> None:
    assert told_apart(line) == (line, None)
    assert unannotated(line) == (line, None)


def test_the_two_ends_of_a_long_line_tell_its_stream_and_number() -> None:
    event = b'{"seq":"7","datapoint":{"value":"%b"}}' % (b"x" * (1 << 20))
    [line] = annotated([event], "in", None)
    ends = brief(b"before\n" + line + b"\nbehind", 7, 7 + len(line))
    assert len(ends) < len(line) // 4
    text, stream = unannotated(ends)
    assert (stream, json_text.leading_seq(text)) == ("in", {"seq": "7"})


@pytest.mark.parametrize("length", [0, 1, 1000])
def test_a_short_line_has_no_ends(length: int) -> None:
    line = b"x" * length
    assert brief(b"before\n" + line + b"\nbehind", 7, 7 + length) == line


@pytest.mark.parametrize(
    ("member", "told"),
    [
        ({"stream": "in", "received_at": "2026-11-23T10:25:14Z"}, "2026-11-23T10:25:14Z"),
        ({"received_at": 5}, ""),
        ({"stream": "in"}, ""),
        ("in", ""),
    ],
)
def test_the_time_of_receipt_is_read_in_any_form(member: Any, told: str) -> None:
    assert received_at({"_dsstail": member, "seq": "1"}) == told
    assert received_at({"seq": "1"}) == ""
