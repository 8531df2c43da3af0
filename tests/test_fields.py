"""The fields of an event by name: in templates, and as conditions of `--expect`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_render import ARRIVED, datapoint, hostile_events, wire

from dsstail.escaping import visible, width
from dsstail.fields import FIELDS, Expectation, conditions, template
from dsstail.layout import LARGE
from dsstail.render import Style, renderer


def lines(parts: str, *texts: bytes, **style: Any) -> list[str]:
    made = renderer("text", style=Style(utc=True, template=template(parts), **style))
    return made.render([*texts], "one", ARRIVED).decode().splitlines()


def meets(text: str, event: bytes) -> bool:
    return Expectation(conditions(text), utc=True).first([event], "one", ARRIVED) == 0


# Templates


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ("{time} {dsn} {property}={value}", "10:25:14 AC000W005606115 Blue_LED=false"),
        ("{date} {stream} {seq} {event_type}", "2018-09-24 one 13 datapoint"),
        ("{oem_model}|{display_name}|{base_type}", "linuxevb|Blue_LED|boolean"),
        ("{echo}|{status}|{lat}|", "true|||"),
        ("{received_at}", "2026-09-21T14:13:20.250000Z"),
        ("{dsn:<18}|{seq:>4}|{seq:^5}|{seq:3}|", "AC000W005606115   |  13| 13  |13 |"),
        ("{dsn:.4}|{dsn:>6.4}|{dsn:2}", "AC0…|  AC0…|AC000W005606115"),
        ("{{{seq}}}", "{13}"),
        (r"{seq}\t{dsn}", "13\tAC000W005606115"),
    ],
)
def test_a_template_is_filled_in(parts: str, line: str) -> None:
    assert lines(parts, wire("datapoint")) == [line]


def test_fields_of_other_events() -> None:
    assert lines("{status} {oem_model}", wire("connectivity")) == ["Online ledevb"]
    assert lines("{lat},{long} {provider} {ip}", wire("location")) == [
        "44.769500,-69.428300 ip-based 67.255.234.73"
    ]
    assert lines("{registered} {registration_type}", wire("registration")) == ["false AP-Mode"]
    assert lines("{value} {ack_status} {ack_message}", wire("datapointack")) == ["true 200 0"]
    assert lines("{property} {value}", datapoint(1, name="").replace(b'""', b'"Lamp"')) == [
        "Lamp 1"
    ]
    assert lines("{body} {seq}|", b'{"x":{"a":[1,"\\u001b"]}}') == ['{"a":[1,"\\u001b"]} |']


@pytest.mark.parametrize(
    ("value", "base_type", "shown"),
    [
        (0, "boolean", "false"),
        ("1", "boolean", "true"),
        (True, "string", "true"),
        (21.5, "decimal", "21.5"),
        ("42", "string", "42"),
        ("", "string", ""),
        (" x ", "string", " x "),
        ("\x1b[2J\n\u202e", "string", r"\x1b[2J\n\u202e"),
        ("https://x/y/z.bin", "file", "https://x/y/z.bin"),
        ({"a": [1, "\x9b"]}, "string", '{"a":[1,"\\u009b"]}'),
        (None, "string", ""),
    ],
)
def test_values_in_a_template(value: Any, base_type: str, shown: str) -> None:
    assert lines("[{value}]", datapoint(value, base_type=base_type)) == [f"[{shown}]"]


def test_numbers_are_as_written() -> None:
    text = datapoint(7, base_type="decimal").replace(b": 7", b": 21.50")
    assert lines("{value}", text) == ["21.50"]


def test_of_a_large_event_the_size_stands_for_the_value() -> None:
    assert lines("{property}={value}", datapoint("x" * LARGE)) == ["x=1.0 MB, not shown"]
    deep = datapoint(0).replace(b": 0", b": " + b"[" * 60_000 + b"]" * 60_000)
    assert lines("{dsn} {property}={value}", deep) == ["AC000W000000001 x=120 kB, not shown"]


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ("{vlaue}", 'there is no field "vlaue" (did you mean "value"?)'),
        ("{property_name}", 'there is no field "property_name" (did you mean "property"?)'),
        ("{ack}", 'there is no field "ack" (did you mean "ack_status" or "ack_message"?)'),
        ("{nope}", f'there is no field "nope" (there are {", ".join(FIELDS)})'),
        ("{}", f'there is no field "" (there are {", ".join(FIELDS)})'),
        ("{dsn.x}", 'there is no field "dsn.x" (did you mean "dsn"?)'),
        ("{0}", f'there is no field "0" (there are {", ".join(FIELDS)})'),
        ("{dsn:x}", '"x" is no width, such as <20, >8, ^10 or <20.20'),
        ("{dsn:{seq}}", '"{seq}" is no width, such as <20, >8, ^10 or <20.20'),
        ("{dsn!r}", '"!r" means nothing in a template'),
        ("{dsn", '"{dsn" has a brace too many; to print one, double it'),
        ("dsn}", '"dsn}" has a brace too many; to print one, double it'),
        ("dsn", '"dsn" shows no field, such as {dsn}'),
        ("{dsn}\n", "a template is one line"),
    ],
)
def test_a_template_that_cannot_be_is_an_error(parts: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        template(parts)


@given(st.text(max_size=20) | st.lists(st.sampled_from([*"{}:!<.1\\", "dsn"])).map("".join))
def test_every_template_is_one_line_of_text_or_an_error(parts: str) -> None:
    try:
        template(parts)
    except ValueError:
        return
    assert len(lines(parts, datapoint(1), datapoint(2))) == 2


every_field = " ".join(f"{{{name}}}" for name in FIELDS)


@given(
    st.lists(hostile_events(), max_size=3), st.sampled_from([every_field, "{value:^9.5}|{dsn:8}"])
)
def test_whatever_comes_is_one_line_of_visible_text(texts: list[bytes], parts: str) -> None:
    for unicode in (True, False):
        seen = lines(parts, *texts, unicode=unicode)
        assert len(seen) == len(texts)
        assert all(visible(line, unicode=unicode) == line for line in seen)


@given(st.text(max_size=12), st.integers(0, 12), st.integers(0, 12), st.sampled_from("<>^"))
def test_widths_are_cells(value: str, least: int, most: int, align: str) -> None:
    (line,) = lines(f"{{value:{align}{least}.{most}}}", datapoint(value))
    assert least <= width(line) <= max(least, most)


def test_the_documentation_names_every_field() -> None:
    page = (Path(__file__).parent.parent / "docs" / "fields.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)
    assert dict(rows) == FIELDS


# Conditions


@pytest.mark.parametrize(
    ("value", "base_type", "globs"),
    [
        (1, "boolean", ["1", "true", "t*"]),
        (0, "boolean", ["0", "false"]),
        (True, "boolean", ["1", "true"]),
        ("1", "boolean", ["1", "true"]),
        (False, "string", ["0", "false"]),
        (1, "integer", ["1", "?"]),
        (21.5, "decimal", ["21.5", "21.*"]),
        (21.0, "decimal", ["21", "21.0"]),
        ("on", "string", ["on", "o[mn]", "!off"]),
        ("a b", "string", ["'a b'", "a*"]),
        ("\x1b", "string", [r"'\x1b'", r"'[\x1b]*'"]),
        ([1], "string", ["'[[]1]'"]),
    ],
)
def test_values_that_meet_a_condition(value: Any, base_type: str, globs: list[str]) -> None:
    for glob in globs:
        assert meets(f"value={glob}", datapoint(value, base_type=base_type)), glob


@pytest.mark.parametrize(
    ("value", "base_type", "glob"),
    [
        (1, "integer", "true"),
        (1, "boolean", "false"),
        (1, "boolean", "!1"),
        (1, "boolean", "!true"),
        ("On", "string", "on"),
        (10, "integer", "1"),
        (None, "string", "*"),
        (None, "string", "!x"),
    ],
)
def test_values_that_do_not(value: Any, base_type: str, glob: str) -> None:
    assert not meets(f"value={glob}", datapoint(value, base_type=base_type))


def test_every_field_can_be_a_condition() -> None:
    for name in ("datapoint", "datapointack", "connectivity", "location", "registration"):
        for field in FIELDS:
            (shown,) = lines(f"{{{field}}}", wire(name))
            glob = shown.replace("[", "[[]") or "*"
            assert meets(f"{field}='{glob}'", wire(name)) == (shown != ""), field


def test_all_conditions_have_to_be_met() -> None:
    text = datapoint(1, name="p", dsn="AC1, AC2")
    assert meets("dsn=AC2 property=p value=1 stream=one seq=1 time=2026-11-23T10:25:*", text)
    assert not meets("dsn=AC2 property=p value=2", text)
    assert not meets("dsn=AC3 value=1", text)
    named = text.replace(b'"display_name": "p"', b'"display_name": "Lamp"')
    assert meets("property=p", named)
    assert meets("property=Lamp", named)


def test_the_first_event_is_found() -> None:
    expectation = Expectation(conditions("value=3"), utc=True)
    texts = [datapoint(value) for value in (1, 2, 3, 3)]
    assert expectation.first(texts, "one", 0) == 2
    assert expectation.first(texts[:2], "one", 0) is None
    assert str(Expectation(conditions("value='a b' dsn=!AC*"), utc=True)) == "value=a b dsn=!AC*"


NO_CONDITION = "is no condition such as value=1 or value='two words'"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it needs a condition, such as value=1"),
        ("value", f'"value" {NO_CONDITION}'),
        ("value=", f'"value=" {NO_CONDITION}'),
        ("value=!", f'"value=!" {NO_CONDITION}'),
        ("value=two words", f'"words" {NO_CONDITION}'),
        ("value!=1", '"value!=1" is no condition: anything but is value=!1'),
        ("dsn=AC*, value=1", "between two conditions is a blank, and no comma"),
        ("dsn=AC*,value=1", "between two conditions is a blank, and no comma"),
        ("valu=1", 'there is no field "valu" (did you mean "value"?)'),
        ("value='1", "a quote is not closed in value='1"),
    ],
)
def test_conditions_that_cannot_be_are_errors(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        conditions(text)


@given(hostile_events(), st.sampled_from(list(FIELDS)))
def test_whatever_comes_meets_a_star_if_it_is_there(text: bytes, field: str) -> None:
    (shown,) = lines(f"{{{field}}}", text)
    assert meets(f"{field}=*", text) == (shown != ""), json.loads(text)
