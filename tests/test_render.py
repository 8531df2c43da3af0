"""What people and programs get to see of events, byte by byte."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsstail import acks
from dsstail.config import OUTPUTS
from dsstail.escaping import visible, width
from dsstail.layout import LARGE
from dsstail.messages import BODIES
from dsstail.render import Style, renderer
from dsstail.render import text as text_room
from dsstail.render.recent import Recent
from dsstail.values import compact

ARRIVED = 1_790_000_000.25
"""2026-09-21T14:13:20.25Z."""

FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"
"""What begins a formula, as it is typed in East Asia."""

DOCUMENTED = ("datapoint", "datapointack", "connectivity", "location", "registration")


def wire(name: str) -> bytes:
    """The JSON text of a literal frame."""
    frame = (Path(__file__).parent / "wire" / f"{name}.txt").read_bytes()
    length, text = frame.split(b"|", 1)
    assert int(length) == len(text)
    return text


def show(
    *texts: bytes,
    output: str = "text",
    stream: str = "one",
    arrived: float = ARRIVED,
    **style: Any,
) -> str:
    style.setdefault("utc", True)
    return renderer(output, style=Style(**style)).render([*texts], stream, arrived).decode()


def datapoint(
    value: Any,
    *,
    name: str = "x",
    base_type: str = "string",
    dsn: str = "AC000W000000001",
    **more: Any,
) -> bytes:
    metadata = {"dsn": dsn, "property_name": name, "display_name": name, "base_type": base_type}
    body = {"updated_at": "2026-11-23T10:25:14Z", "value": value, **more}
    return json.dumps(
        {"seq": "1", "metadata": {**metadata, "event_type": "datapoint"}, "datapoint": body}
    ).encode()


TOO_DEEP = 60_000
"""Levels that no version of Python decodes."""


def deep_datapoint() -> bytes:
    """One that is nested too deeply to be decoded."""
    deep = b"[" * TOO_DEEP + b"]" * TOO_DEEP
    return datapoint(0).replace(b'"value": 0', b'"value": ' + deep)


def values(*texts: bytes, **style: Any) -> list[str]:
    """The part of each line between the name of the property and the number."""
    lines = show(*texts, **style).splitlines()
    return [
        re.sub(r" +#\d+$", "", line)[54:] for line in lines if not line.startswith(("──", "--"))
    ]


def unpainted(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"))
    | st.sampled_from(["AC1,AC2", "2018-09-24T10:25:14Z", "datapoint", "\x1b[31m", "=1+1", "-1"])
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)


# Much faster than st.recursive.
json_values = _SCALARS | _nested(_SCALARS | _nested(_SCALARS | _nested(_SCALARS)))
METADATA = ("event_type", "dsn", "property_name", "display_name", "base_type", "oem_model")
BODY = ("value", "echo", "updated_at", "status", "ack_status", "ack_message", "lat", "registered")


def some_members(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, json_values))


@st.composite
def hostile_events(draw: st.DrawFn) -> bytes:
    """Events of every type in which every member may be missing or of another kind."""
    event: dict[str, Any] = draw(st.dictionaries(st.text(max_size=3), json_values, max_size=2))
    metadata = draw(some_members(METADATA))
    metadata["event_type"] = draw(st.sampled_from([*DOCUMENTED, "activation"]) | json_values)
    event["metadata"] = draw(st.just(metadata) | json_values)
    body = draw(st.sampled_from(["datapoint", "connection", "location_event", "new_event"]))
    event[body] = draw(some_members(BODY) | json_values)
    event["seq"] = draw(st.integers(-1, 10**20).map(str) | json_values)
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode()


@st.composite
def usual_events(draw: st.DrawFn) -> dict[str, Any]:
    """Events of every documented type that have the members in the order of the service."""
    metadata = draw(some_members(METADATA))
    metadata["event_type"] = kind = draw(st.sampled_from(DOCUMENTED))
    seq = str(draw(st.integers(0, 10**18)))
    return {"seq": seq, "metadata": metadata, BODIES[kind]: draw(some_members(BODY))}


styles = st.builds(
    Style,
    color=st.booleans(),
    utc=st.booleans(),
    width=st.integers(0, 200),
    unicode=st.booleans(),
    streams=st.sampled_from([("one",), ("one", "\x1b[1m日本")]),
    annotate=st.booleans(),
    terminal=st.booleans(),
)


class TestText:
    def test_documented_events(self) -> None:
        assert show(*map(wire, DOCUMENTED), wire("captured")) == (
            "── 2018-09-24 UTC ─────────────────────────────────────────────────────────────\n"
            "10:25:14 datapoint    AC000W005606115 Blue_LED        false  echo           #13\n"
            "10:24:57 datapointack AC000W005606115 Blue_LED        true ✓ 200  <1 s       #2\n"
            "10:26:37 connectivity AC000W000340649 ● Online        ledevb                 #1\n"
            "11:04:07 location     AC000W000340779 44.76950, -69.42830  ip-based          #1\n"
            "10:29:50 registration AC000W000340649 unregistered    AP-Mode  ledevb        #1\n"
            "── 2017-03-12 UTC ─────────────────────────────────────────────────────────────\n"
            "21:01:24 datapoint    VD0000000000002 INLET_FLOW_RATE asdf3                  #0\n"
        )

    def test_in_ascii(self) -> None:
        seen = show(
            *map(wire, DOCUMENTED),
            wire("datapoint").replace(b'"value":0', b'"value":1'),
            wire("datapoint").replace(b'"value":0', '"value":"é日"'.encode()),
            unicode=False,
        )
        assert seen == (
            "-- 2018-09-24 UTC -------------------------------------------------------------\n"
            "10:25:14 datapoint    AC000W005606115 Blue_LED        false  echo           #13\n"
            "10:24:57 datapointack AC000W005606115 Blue_LED        true ok 200  <1 s      #2\n"
            "10:26:37 connectivity AC000W000340649 + Online        ledevb                 #1\n"
            "11:04:07 location     AC000W000340779 44.76950, -69.42830  ip-based          #1\n"
            "10:29:50 registration AC000W000340649 unregistered    AP-Mode  ledevb        #1\n"
            "10:25:14 datapoint    AC000W005606115 Blue_LED        false -> true         #13\n"
            '10:25:14 datapoint    AC000W005606115 Blue_LED        -> "\\xe9\\u65e5"       #13\n'
        )

    def test_in_color(self) -> None:
        off = wire("connectivity").replace(b"Online", b"Offline")
        on = wire("datapoint").replace(b'"value":0', b'"value":1')
        lines = show(wire("datapoint"), on, off, color=True).splitlines()
        assert lines[2:] == [
            "\x1b[2m10:25:14\x1b[0m \x1b[2mdatapoint    \x1b[0m"
            "\x1b[38;5;134mAC000W005606115\x1b[0m Blue_LED        "
            "\x1b[2mfalse →\x1b[0m \x1b[1mtrue\x1b[0m  \x1b[2mecho\x1b[0m    \x1b[2m#13\x1b[0m",
            "\x1b[2m10:26:37\x1b[0m \x1b[2mconnectivity \x1b[0m"
            "\x1b[38;5;136mAC000W000340649\x1b[0m "
            "\x1b[1;31m○ Offline\x1b[0m       \x1b[2mledevb\x1b[0m"
            "                 \x1b[2m#1\x1b[0m",
        ]

    def test_several_streams_have_a_column_of_their_own(self) -> None:
        style = Style(utc=True, streams=("dp", "a-very-long-name"))
        lines = renderer("text", style=style)
        seen = lines.render([wire("datapoint")], "dp", ARRIVED)
        seen += lines.render([wire("datapoint")], "a-very-long-name", ARRIVED)
        assert seen.decode().splitlines()[1:] == [
            "10:25:14 dp         datapoint    AC000W005606115 Blue_LED   false  echo     #13",
            "10:25:14 a-very-lo… datapoint    AC000W005606115 Blue_LED   false  echo     #13",
        ]

    def test_names_of_streams_that_are_cut_still_tell_them_apart(self) -> None:
        names = "factory-berlin-in", "factory-berlin-out", "日本の工場で"
        lines = renderer("text", style=Style(utc=True, streams=names))
        seen = b"".join(lines.render([wire("datapoint")], name, ARRIVED) for name in names)
        starts = [line[9:22] for line in seen.decode().splitlines()[1:]]
        assert starts == ["facto…n-in da", "facto…-out da", "日本…場で  datapo"]

    def test_each_stream_has_its_own_last_values(self) -> None:
        lines = renderer("text", style=Style(utc=True, streams=("a", "b")))
        lines.render([datapoint(1, base_type="integer")], "a", ARRIVED)
        seen = lines.render([datapoint(2, base_type="integer")], "b", ARRIVED).decode()
        assert "→" not in seen
        seen = lines.render([datapoint(2, base_type="integer")], "a", ARRIVED).decode()
        assert "1 → 2  +1" in seen

    @pytest.mark.parametrize("columns", [80, 100, 160])
    def test_columns_stay_where_they_are(self, columns: int) -> None:
        lines = show(*UGLY, width=columns).splitlines()
        assert {line[8] + line[21] + line[37] for line in lines if line[0] == "1"} == {"   "}
        assert {width(line) for line in lines} == {columns - 1}

    def test_a_narrow_terminal_gets_short_types_and_a_very_narrow_one_no_numbers(self) -> None:
        texts = wire("datapoint"), wire("datapointack")
        assert show(*texts, width=60).splitlines()[1:] == [
            "10:25:14 data AC000W005606115 Blue_LED   false  echo    #13",
            "10:24:57 ack  AC000W005606115 Blue_LED   true ✓ 200      #2",
        ]
        assert show(*texts, width=53).splitlines()[1:] == [
            "10:25:14 data AC000W005606115 Blue_LED   false  echo",
            "10:24:57 ack  AC000W005606115 Blue_LED   true ✓ 200",
        ]

    @pytest.mark.parametrize("columns", [48, 56, 60, 72, 80])
    def test_names_of_streams_leave_room_for_property_and_value(self, columns: int) -> None:
        names = "in", "a-long-name-of-a-stream"
        seen = show(datapoint(True, base_type="boolean"), width=columns, streams=names)
        (line,) = seen.splitlines()[1:]
        assert re.search(" x +tr", line)
        assert width(line) <= columns - 1

    @pytest.mark.parametrize("columns", [80, 100, 160])
    def test_a_terminal_shows_each_event_on_one_row(self, columns: int) -> None:
        screen = pyte.Screen(columns, 2 * len(UGLY))
        seen = show(*UGLY, width=columns, color=True)
        pyte.Stream(screen).feed(seen.replace("\n", "\r\n"))
        rows = [row for row in screen.display if row.strip()]
        assert len(rows) == seen.count("\n") == len(UGLY) + 1
        assert all(row.rstrip().endswith("#1") for row in rows[1:])

    def test_new_days_are_marked(self) -> None:
        def at(written: str) -> bytes:
            return wire("connectivity").replace(b"2018-09-24T10:26:37Z", written.encode())

        lines = renderer("text", style=Style(utc=True))
        seen = lines.render([at("2018-09-24T23:59:59Z"), at("2018-09-25T00:00:00Z")], "", ARRIVED)
        seen += lines.render([at("2018-09-25T02:00:01+02:00")], "", ARRIVED)
        assert [line[:17] for line in seen.decode().splitlines()] == [
            "── 2018-09-24 UTC",
            "23:59:59 connecti",
            "── 2018-09-25 UTC",
            "00:00:00 connecti",
            "00:00:01 connecti",
        ]

    def test_local_time(self, berlin: None) -> None:
        text = wire("connectivity").replace(b"2018-09-24T10:26:37Z", b"2018-09-24T22:26:37Z")
        rule, line = show(text, utc=False).splitlines()
        assert rule.startswith("── 2018-09-25 ──")
        assert line.startswith("00:26:37 connectivity ")

    @pytest.mark.parametrize("written", ["", "yesterday", "0001-01-01T00:00:00+23:59", "9" * 99])
    def test_without_a_time_of_its_own_it_is_when_it_arrived(self, written: str) -> None:
        text = wire("connectivity").replace(b"2018-09-24T10:26:37Z", written.encode())
        assert (
            show(text, text).splitlines()[1:]
            == ["14:13:20 connectivity AC000W000340649 ● Online        ledevb                 #1"]
            * 2
        )
        seen = show(text, arrived=0)
        assert seen.startswith("--:--:-- connectivity AC000W000340649")

    @pytest.mark.parametrize(
        ("value", "base_type", "shown"),
        [
            (0, "boolean", "false"),
            ("1", "boolean", "true"),
            (True, "boolean", "true"),
            (2, "boolean", "2"),
            (-5, "integer", "-5"),
            ("42", "integer", "42"),
            (21.5, "decimal", "21.5"),
            ("plain text", "string", "plain text"),
            ("", "string", '""'),
            ("42", "string", '"42"'),
            ("true", "string", '"true"'),
            ("null", "string", '"null"'),
            (" x", "string", '" x"'),
            ("x ", "string", '"x "'),
            ('"x"', "string", r'"\"x\""'),
            (r"C:\new", "string", r"C:\new"),
            ("C:\\\new", "string", r'"C:\\\new"'),
            ("\x1b[2J\u202e", "string", r'"\x1b[2J\u202e"'),
            ("[bold]x[/bold]", "string", "[bold]x[/bold]"),
            ('{"a": [1, 2]}', "string", '{"a": [1, 2]}'),
            ({"a": [1, "\x9b"]}, "string", '{"a":[1,"\\u009b"]}'),
            (None, "string", "null"),
            ("🔥 日本", "string", "🔥 日本"),
            ("https://x/y/z.bin", "file", "…/z.bin"),
            ("z.bin", "file", "z.bin"),
        ],
    )
    def test_values_by_their_base_type(self, value: Any, base_type: str, shown: str) -> None:
        assert values(datapoint(value, base_type=base_type)) == [shown]

    @pytest.mark.parametrize(
        "number", ["21.50", "1E5", "1e400", "123456789012345678901234", "-0.0", "9007199254740993"]
    )
    def test_numbers_are_shown_as_written(self, number: str) -> None:
        text = datapoint(7, base_type="decimal").replace(b": 7", b" :\t" + number.encode())
        assert f" {number} " in show(text, width=120)

    def test_changes(self) -> None:
        def changes(base_type: str, *sequence: Any) -> list[str]:
            return values(*(datapoint(value, base_type=base_type) for value in sequence))

        assert changes("boolean", 0, 1, 1, 0) == ["false", "false → true", "true", "true → false"]
        assert changes("integer", 41, 42, -7) == ["41", "41 → 42  +1", "42 → -7  -49"]
        assert changes("integer", -1, -2) == ["-1", "-1 → -2  -1"]
        assert changes("decimal", 0.1, 0.3) == ["0.1", "0.1 → 0.3  +0.2"]
        assert changes("string", "a", "b", "b") == ["a", "a → b", "b"]
        assert changes("string", "x" * 30, "short", "y" * 30) == [
            "xxxxxxxxxxxxxxxxx…",
            "→ short",
            "→ yyyyyyyyyyyyyyy…",
        ]
        assert changes("string", "x" * 5000 + "a", "x" * 5000 + "b")[1].startswith("→ xxx")

    def test_last_values_are_bounded_in_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(text_room, "REMEMBERED", 3)
        devices = [datapoint(0, base_type="boolean", dsn=f"AC{n}") for n in range(7)]
        again = [text.replace(b'"value": 0', b'"value": 1') for text in devices]
        assert values(*devices, again[6], again[0]) == ["false"] * 7 + ["false → true", "true"]

    @pytest.mark.parametrize(
        ("result", "shown"),
        [
            (b'"ack_message":0,"ack_status":200', "true ✓ 200  <1 s"),
            (b'"ack_message":0,"ack_status":0', "true ✓ 0  <1 s"),
            (b'"ack_message":0,"ack_status":"200"', "true ✓ 200  <1 s"),
            (b'"ack_message":"no","ack_status":404', "true ✗ 404 no"),
            (b'"ack_message":"\\u001b[2J","ack_status":404', r'true ✗ 404 "\x1b[…'),
            (b'"ack_message":0,"ack_status":{"a":1}', 'true ✗ {"a":1}'),
            (b'"ack_message":0', "true"),
        ],
    )
    def test_acks(self, result: bytes, shown: str) -> None:
        ack = wire("datapointack").replace(b'"ack_message":0,"ack_status":200', result)
        assert values(ack) == [shown]

    @pytest.mark.parametrize(
        ("acked_at", "shown"),
        [
            ("2018-09-24T10:24:59Z", "true ✓ 200  2 s"),
            ("2018-09-24T10:26:00Z", "true ✓ 200  63 s"),
            ("2018-09-24T10:35:56Z", "true ✓ 200  11 min"),
            ("2018-09-24T20:24:57Z", "true ✓ 200  10 h"),
            ("2018-09-24T10:24:56Z", "true ✓ 200"),  # before its datapoint
        ],
    )
    def test_acks_tell_how_long_after_the_datapoint_they_came(
        self, acked_at: str, shown: str
    ) -> None:
        written = b'"acked_at":"%s"' % acked_at.encode()
        ack = wire("datapointack").replace(b'"acked_at":"2018-09-24T10:24:57Z"', written)
        assert values(ack) == [shown]

    @pytest.mark.parametrize(
        ("after", "acked_at", "shown"),
        [
            (0.125, "2026-11-23T10:25:14Z", "125 ms"),
            (1.75, "2026-11-23T10:25:15Z", "1.8 s"),
            (1.75, None, "1.8 s"),
            (0.001, "2026-11-23T10:25:24Z", "10 s"),  # replayed: both came at once
            (90, "2026-11-23T10:25:16Z", "2 s"),  # late
            (0, "2026-11-23T10:25:14Z", "<1 s"),
            (0, None, ""),
        ],
    )
    def test_an_ack_is_timed_by_when_both_came_unless_they_came_late(
        self, after: float, acked_at: str | None, shown: str
    ) -> None:
        command = datapoint(1, base_type="boolean", id="i", created_at="2026-11-23T10:25:14Z")
        ack = json.loads(command)
        ack["metadata"]["event_type"] = "datapointack"
        ack["datapoint"] |= {"ack_status": 200, "acked_at": acked_at}
        lines = renderer("text", style=Style(utc=True, streams=("sent", "acked"), width=120))
        lines.render([command], "sent", ARRIVED)
        seen = lines.render([json.dumps(ack).encode()], "acked", ARRIVED + after).decode()
        assert re.sub(" +#1\n", "", seen).endswith(f"true ✓ 200  {shown}".rstrip())

    def test_arrivals_are_bounded_in_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(acks, "ARRIVALS", 2)
        lines = renderer("text", style=Style(utc=True))
        for number in range(5):
            lines.render([datapoint(1, id=f"i{number}")], "", ARRIVED)

        def latency(number: int) -> bool:
            ack = datapoint(1, id=f"i{number}", ack_status=200).replace(
                b'"event_type": "datapoint"', b'"event_type": "datapointack"'
            )
            return b"500 ms" in lines.render([ack], "", ARRIVED + 0.5)

        assert list(map(latency, range(5))) == [False, False, True, True, True]

    def test_connectivity_tells_how_long_a_device_was_away(self) -> None:
        def status(status: str, at: str, dsn: str = "AC000W000340649") -> bytes:
            text = wire("connectivity").replace(b"2018-09-24T10:26:37Z", at.encode())
            return text.replace(b"Online", status.encode()).replace(
                b"AC000W000340649", dsn.encode()
            )

        seen = show(
            status("Offline", "2018-09-24T10:00:00Z"),
            status("Offline", "2018-09-24T10:00:30Z"),
            status("Online", "2018-09-24T10:03:12Z", "AC000W000000002"),
            status("Online", "2018-09-24T10:03:12Z"),
            status("Online", "2018-09-24T10:04:12Z"),
            status("Offline", "2018-09-24T10:05:00Z"),
            status("Online", "2018-09-24T10:05:00Z"),
            status("Offline", "2018-09-24T10:05:00Z"),
            status("Online", "2018-09-24T10:04:00Z"),
        )
        assert [line[37:].split("#")[0].strip() for line in seen.splitlines()[1:]] == [
            "○ Offline       ledevb",
            "○ Offline       ledevb",
            "● Online        ledevb",
            "● Online        after 3 min 12 s",
            "● Online        ledevb",
            "○ Offline       ledevb",
            "● Online        after <1 s  ledevb",
            "○ Offline       ledevb",
            "● Online        ledevb",
        ]

    def test_undocumented_and_incomplete_events(self) -> None:
        deep = b'{"seq":"8","a":' + b"[" * TOO_DEEP + b"]" * TOO_DEEP + b"}"
        activation = (
            b'{"seq":"5","metadata":{"event_type":"activation","dsn":"AC1"},'
            b'"activation_event":{"dsn":"AC1","kind":"AP-Mode","n":5,"at":null}}'
        )
        assert show(
            activation,
            b'{"seq":"6","metadata":{"event_type":"a-type-with-a-long-name"}}',
            b'{"seq":7,"note":"hello there"}',
            b"{}",
            deep,
            arrived=0,
        ) == (
            "--:--:-- activation   AC1             kind=AP-Mode n=5 at=null               #5\n"
            '--:--:-- a-type-with…                 {"seq":"6","metadata":{"event_typ…     #6\n'
            "--:--:-- ?                            note=hello there                       #7\n"
            "--:--:-- ?                            {}\n"
            '--:--:-- ?                            {"seq":"8","a":[[[[[[[[[[[[[[[[[[…     #8\n'
        )

    def test_several_serial_numbers(self) -> None:
        text = datapoint(1, dsn="AC000W000000001, AC000W000000002,AC000W000000003")
        assert "datapoint    AC000W000000…+2 x " in show(text)

    @given(st.lists(usual_events(), max_size=3), styles)
    def test_what_is_remembered_of_metadata_changes_nothing(
        self, events: list[dict[str, Any]], style: Style
    ) -> None:
        compact = [json.dumps(event, separators=(",", ":")).encode() for event in events * 2]
        spaced = [json.dumps(event).encode() for event in events * 2]
        shown = renderer("text", style=style).render(compact, "one", ARRIVED)
        assert shown == renderer("text", style=style).render(spaced, "one", ARRIVED)

    def test_long_numbers_take_room_from_the_value(self) -> None:
        text = datapoint("x" * 40).replace(b'"seq": "1"', b'"seq": "123456789"')
        assert show(text).splitlines()[1] == (
            "10:25:14 datapoint    AC000W000000001 x               xxxxxxxxxxxxx… #123456789"
        )

    @given(st.lists(hostile_events(), max_size=4), styles)
    def test_whatever_comes_is_one_line_of_visible_text(
        self, texts: list[bytes], style: Style
    ) -> None:
        seen = renderer("text", style=style).render(texts, "one", ARRIVED).decode()
        *lines, rest = unpainted(seen).split("\n")
        assert rest == ""
        rules = [line for line in lines if re.match(r"(──|--) \d{4}-", line)]
        assert len(lines) - len(rules) == len(texts)
        for line in lines:
            assert visible(line, unicode=style.unicode) == line
            assert width(line) < max(style.width, text_room.NARROWEST)
        assert style.color or "\x1b" not in seen

    def test_a_number_too_long_for_the_line_is_cut(self) -> None:
        text = datapoint(True).replace(b'"seq": "1"', b'"seq": "123456789012345678"')
        lines = renderer("text", style=Style(utc=True, width=72, streams=("a", "b" * 10)))
        seen = lines.render([text], "a", ARRIVED).decode().splitlines()[1]
        assert seen.endswith(" x         #1234567890\u2026")
        assert width(seen) == 71

    def test_of_a_large_event_metadata_and_size_are_shown(self) -> None:
        small, large = datapoint("x"), datapoint("x" * LARGE)
        assert show(small, large, small, arrived=0).splitlines()[1:] == [
            "10:25:14 datapoint    AC000W000000001 x               x                      #1",
            "--:--:-- datapoint    AC000W000000001 x               1.0 MB, not shown      #1",
            "10:25:14 datapoint    AC000W000000001 x               x                      #1",
        ]
        assert show(b'{"a":"%s"}' % (b"x" * LARGE), arrived=0) == (
            "--:--:-- ?                            1.0 MB, not shown\n"
        )

    def test_so_they_are_of_one_that_is_too_deep_to_be_decoded(self) -> None:
        assert show(deep_datapoint(), arrived=0).splitlines() == [
            "--:--:-- datapoint    AC000W000000001 x               120 kB, not shown      #1",
        ]

    def test_so_they_are_of_one_that_is_too_rich_whatever_came_before(self) -> None:
        texts = [compact(json.loads(datapoint(value))).encode() for value in (1, [1] * 70_000)]
        line = show(*texts).splitlines()[-1]
        assert " x               140 kB, not shown " in line


UGLY = [
    datapoint("x" * 300, name="a_name_that_goes_on_and_on_until_it_has_sixty_characters_or_so"),
    datapoint("日本語" * 40, name="温度センサー" * 5),
    datapoint("🔥 hot"),
    datapoint("\x1b[31mred\x07\u202eevil\r\n\t\x9b1m"),
    datapoint("eyJhIjoxfQ==" * 50, name="blob"),
    datapoint('{"mode":"auto","list":[1,2,3]}', name="json"),
    datapoint(1, dsn="AC000W000000001,AC000W000000002"),
    datapoint(1, dsn="a-serial-number-that-is-much-too-long"),
    datapoint(12.5, base_type="decimal", echo=True),
]


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change its time zone within a process")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class TestJson:
    def test_the_text_is_what_was_received(self) -> None:
        texts = [wire("location"), b'{"b":1.10,"a":1e400,"a":"\\u00e9|Z"}', b' {"a" : "\xc2\x9b"} ']
        assert show(*texts, output="json").encode() == b"\n".join(texts) + b"\n"
        assert show(output="json") == ""

    def test_line_breaks_become_blanks(self) -> None:
        seen = show(b'{\r\n"a":\n[\r1]}', b'{"b":2}', output="json")
        assert seen == '{  "a": [ 1]}\n{"b":2}\n'

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            (b'{"seq":"1"}', '{"seq":"1","_dsstail":{"stream":"on \\"e\\u00e9"}}\n'),
            (b'{"a":{"b":"{"}}', '{"a":{"b":"{"},"_dsstail":{"stream":"on \\"e\\u00e9"}}\n'),
            (b"{}", '{"_dsstail":{"stream":"on \\"e\\u00e9"}}\n'),
            (b"{\n} ", '{"_dsstail":{"stream":"on \\"e\\u00e9"}}\n'),
            (b'{"a":[] }\t', '{"a":[] ,"_dsstail":{"stream":"on \\"e\\u00e9"}}\n'),
        ],
    )
    def test_several_streams_add_a_last_member(self, text: bytes, shown: str) -> None:
        name = 'on "eé'
        assert show(text, output="json", stream=name, streams=(name, "two")) == shown
        assert show(text, output="json", stream=name, streams=(name,)).split("\n", 1)[0] in (
            text.decode().replace("\n", " ")
        )

    def test_annotated(self) -> None:
        assert show(b'{"a":{}}', output="json", annotate=True) == (
            '{"a":{},"_dsstail":{"stream":"one","received_at":"2026-09-21T14:13:20.250000Z"}}\n'
        )

    def test_a_terminal_gets_the_same_json_without_controls(self) -> None:
        text = '{"a":"\x9b2J\x7f\u202eé"}'.encode()
        assert show(text, output="json", terminal=True) == '{"a":"\\u009b2J\\u007f\\u202eé"}\n'
        assert show(text, output="json").encode() == text + b"\n"

    @given(st.lists(hostile_events(), max_size=3), styles)
    def test_each_line_is_the_event_and_at_most_one_member_more(
        self, texts: list[bytes], style: Style
    ) -> None:
        seen = renderer("json", style=style).render(texts, "one", ARRIVED)
        lines = seen.split(b"\n")
        assert lines.pop() == b""
        for line, text in zip(lines, texts, strict=True):
            shown = json.loads(line)
            if style.annotate or len(style.streams) > 1:
                assert list(shown)[-1] == "_dsstail"
                assert shown.pop("_dsstail")["stream"] == "one"
            assert shown == json.loads(text)


class TestPretty:
    def test_indented(self) -> None:
        text = b'{ "a":{"b":[1.10,-2E+5,{},[ ]],"c|Z":"\\u00e9 \\" {"},"d":[[true]],"e":null}'
        assert show(text, b"{}", output="pretty") == (
            "{\n"
            '  "a": {\n'
            '    "b": [\n'
            "      1.10,\n"
            "      -2E+5,\n"
            "      {},\n"
            "      []\n"
            "    ],\n"
            '    "c|Z": "\\u00e9 \\" {"\n'
            "  },\n"
            '  "d": [\n'
            "    [\n"
            "      true\n"
            "    ]\n"
            "  ],\n"
            '  "e": null\n'
            "}\n"
            "{}\n"
        )

    def test_in_color(self) -> None:
        assert show(b'{"a":["b",1,true]}', output="pretty", color=True) == (
            "{\n"
            '  \x1b[34m"a"\x1b[0m: [\n'
            '    \x1b[32m"b"\x1b[0m,\n'
            "    \x1b[36m1\x1b[0m,\n"
            "    \x1b[35mtrue\x1b[0m\n"
            "  ]\n"
            "}\n"
        )

    def test_several_streams_add_a_last_member(self) -> None:
        assert show(b'{"a":1}', output="pretty", streams=("one", "two")) == (
            '{\n  "a": 1,\n  "_dsstail": {\n    "stream": "one"\n  }\n}\n'
        )

    def test_depth_does_not_multiply_the_size(self) -> None:
        text = b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
        seen = show(text, output="pretty")
        assert len(seen) < 300 * len(text)
        assert "".join(seen.split()) == text.decode()

    def test_a_large_event_is_on_one_line_as_it_is(self) -> None:
        text = '{"a":[1,\n"\x9b2Jé"],"b":"%s"}' % ("日" * LARGE)
        seen = text.replace("\n", " ").replace("\x9b", r"\u009b")
        assert show(text.encode(), b"[]", output="pretty", color=True) == f"{seen}\n[]\n"

    @given(hostile_events(), styles)
    def test_it_is_the_same_json(self, text: bytes, style: Style) -> None:
        seen = renderer("pretty", style=style).render([text], "one", ARRIVED).decode()
        plain = unpainted(seen)
        shown = json.loads(plain)
        assert all(visible(line, unicode=style.unicode) == line for line in plain.splitlines())
        if style.annotate or len(style.streams) > 1:
            shown.pop("_dsstail")
        assert shown == json.loads(text)
        assert style.color or seen == plain


class TestCsv:
    def test_documented_events(self) -> None:
        assert renderer("csv", style=Style()).header() == (
            b"received_at,stream,time,seq,event_type,dsn,oem_model,property_name,display_name,"
            b"base_type,value,echo,ack_status,ack_message,status,lat,long,provider,ip,registered,"
            b"registration_type,body\n"
        )
        assert show(*map(wire, DOCUMENTED), output="csv", arrived=0) == (
            ",one,2018-09-24T10:25:14Z,13,datapoint,AC000W005606115,linuxevb,Blue_LED,Blue_LED,"
            "boolean,0,true,,,,,,,,,,\n"
            ",one,2018-09-24T10:24:57Z,2,datapointack,AC000W005606115,linuxevb,Blue_LED,Blue_LED,"
            "boolean,1,false,200,0,,,,,,,,\n"
            ",one,2018-09-24T10:26:37Z,1,connectivity,AC000W000340649,ledevb,,,,,,,,Online,,,,,,,\n"
            ",one,2018-09-24T11:04:07Z,1,location,AC000W000340779,ledevb,,,,,,,,,44.769500,"
            "-69.428300,ip-based,67.255.234.73,,,\n"
            ",one,2018-09-24T10:29:50Z,1,registration,AC000W000340649,ledevb,,,,,,,,,,,,,false,"
            "AP-Mode,\n"
        )

    def test_other_outputs_have_no_header(self) -> None:
        assert {renderer(name, style=Style()).header() for name in OUTPUTS if name != "csv"} == {
            b""
        }

    def test_events_say_when_they_arrived(self) -> None:
        seen = show(wire("location"), output="csv")
        assert seen.startswith("2026-09-21T14:13:20.250000Z,one,2018-09-24T11:04:07Z,")

    @pytest.mark.parametrize(
        ("value", "cell"),
        [
            ("=1+1", "'=1+1"),
            ("+49 30 123", "'+49 30 123"),
            ("-x", "'-x"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1+1", "'  =1+1"),
            (f"{FULL_WIDTH[0]}1+1", f"'{FULL_WIDTH[0]}1+1"),
            ("a;=1+1", "a;'=1+1"),
            ('a;"=1+1', "a;'\"=1+1"),
            ("\t=1+1", r"\t=1+1"),
            ("\r=1+1", r"\r=1+1"),
            ("\x1b[2J\n", r"\x1b[2J\n"),
            ("-5", "-5"),
            ("-69.42", "-69.42"),
            (-5, "-5"),
            (1e-7, "1e-07"),
            (21.5, "21.5"),
            ('a "b", c', 'a "b", c'),
            (" x ", " x "),
            ({"a": [1, "\x9b"]}, '{"a":[1,"\\u009b"]}'),
            (True, "true"),
            (None, ""),
        ],
    )
    def test_cells(self, value: Any, cell: str) -> None:
        (row,) = csv.reader(io.StringIO(show(datapoint(value), output="csv")), strict=True)
        assert row[10] == cell

    def test_a_cell_with_quotes_and_commas(self) -> None:
        assert ',"a ""b"", c",' in show(datapoint('a "b", c'), output="csv")

    def test_what_is_undocumented_is_in_the_last_cell(self) -> None:
        text = b'{"metadata":{"event_type":"activation"},"activation_event":{"n":1,"s":"a"}}'
        assert show(text, output="csv").endswith(',"{""n"":1,""s"":""a""}"\n')

    def test_of_a_large_event_there_are_metadata_and_size(self) -> None:
        text = datapoint("x" * LARGE)
        (row,) = csv.reader(io.StringIO(show(text, output="csv")), strict=True)
        assert row[3:10] == ["1", "datapoint", "AC000W000000001", "", "x", "x", "string"]
        assert (row[2], *row[10:21]) == ("",) * 12
        assert row[21] == f"{len(text)} bytes, not shown"

    def test_so_there_are_of_one_that_is_too_deep_to_be_decoded(self) -> None:
        text = deep_datapoint()
        (row,) = csv.reader(io.StringIO(show(text, output="csv")), strict=True)
        assert row[3:10] == ["1", "datapoint", "AC000W000000001", "", "x", "x", "string"]
        assert row[21] == f"{len(text)} bytes, not shown"

    @given(st.lists(hostile_events(), max_size=3), styles)
    def test_whatever_comes_is_a_row_without_formulas(
        self, texts: list[bytes], style: Style
    ) -> None:
        lines = renderer("csv", style=style)
        seen = (lines.header() + lines.render(texts, "one", ARRIVED)).decode()
        header, *rows = csv.reader(io.StringIO(seen, newline=""), strict=True)
        assert len(rows) == len(texts) == seen.count("\n") - 1
        assert all(len(row) == len(header) for row in rows)
        for cell in (cell for row in rows for part in row for cell in part.split(";")):
            assert not cell.strip().startswith(tuple("=+@" + FULL_WIDTH))
            assert not cell.strip().startswith("-") or float(cell) <= 0
            assert visible(cell) == cell


def test_json_imports_nothing_that_the_others_need() -> None:
    program = (
        "import sys; from dsstail.render import Style, renderer; renderer('json', style=Style());"
        "print(*sorted({'rich', 'csv', 'dsstail.render.text', 'dsstail.render.pretty'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"\n"


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_a_device_takes_little_memory_however_its_events_are_laid_out() -> None:
    lines = renderer("text", style=Style())
    texts = [
        json.dumps({"seq": "1", "metadata": {"dsn": f"{number:015}"}, "datapoint": {}}).encode()
        for number in range(500)
    ]
    tracemalloc.start()
    lines.render(texts, "", 0.0)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 500 * 2500


def test_what_was_used_last_is_remembered() -> None:
    recent: Recent[str, int] = Recent(2)
    recent["a"] = 1
    recent["b"] = 2
    recent["c"] = 3
    assert recent["a"] == 1, "it comes back from the older ones"
    recent["d"] = 4
    assert [recent[name] for name in "acd"] == [1, 3, 4]
    with pytest.raises(KeyError):
        recent["b"]
    assert len(recent) <= 2


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1, "ü", None]}, '{"a":[1,"ü",null]}'),
        (["\ud800"], '["\ud800"]'),
        (nested(300), "[" * 300 + "]" * 300),
        (nested(TOO_DEEP), "[...]"),
        ({"a": nested(TOO_DEEP)}, "{...}"),
    ],
    ids=["usual", "a lone surrogate", "deep", "too deep", "too deep within"],
)
def test_a_value_is_compact(value: Any, told: str) -> None:
    assert compact(value) == told
