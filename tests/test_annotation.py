"""The member that is added to an event's text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from dsstail.annotation import annotated, annotated_lines
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
