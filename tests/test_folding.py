"""Lines that repeat the one before are told as a number, once that is due."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyte
import pytest
from command import installed
from terminal import Terminal
from test_render import ARRIVED, datapoint, wire

from dsstail.fields import template
from dsstail.render import Renderer, Style, renderer
from dsstail.render.folding import PATIENCE


def numbered(value: Any, seq: int, second: int = 14, **more: Any) -> bytes:
    text = datapoint(value, **more).replace(b'"seq": "1"', b'"seq": "%d"' % seq)
    return text.replace(b"10:25:14", b"10:25:%02d" % second)


def folding(**style: Any) -> Renderer:
    return renderer("text", style=Style(utc=True, fold=True, **style))


def rows(lines: Renderer, *texts: bytes) -> list[str]:
    return (lines.render([*texts], "one", 0) + lines.rest()).decode().splitlines()[1:]


def test_repetitions_are_counted_whatever_their_time_and_number() -> None:
    texts = [numbered(1, seq, seq) for seq in range(14)]
    assert rows(folding(), *texts, numbered(2, 14), numbered(2, 15)) == [
        "10:25:00 datapoint    AC000W000000001 x               1                      #0",
        "10:25:13 … × 13                                                             #13",
        "10:25:14 datapoint    AC000W000000001 x               1 → 2  +1             #14",
        "10:25:14 datapoint    AC000W000000001 x               2                     #15",
    ]


def test_one_repetition_is_shown_as_it_is() -> None:
    same = [numbered(5, 1, 1), numbered(5, 2, 2)]
    assert rows(folding(), *same) == [
        "10:25:01 datapoint    AC000W000000001 x               5                      #1",
        "10:25:02 datapoint    AC000W000000001 x               5                      #2",
    ]


def test_only_what_is_seen_the_same_is_folded() -> None:
    texts = [
        numbered(5, 1),
        numbered(5, 2, dsn="AC000W000000002"),
        numbered(5, 3),
        numbered(5, 4, name="y"),
        numbered(5, 5).replace(b"11-23", b"11-24"),
    ]
    assert len(rows(folding(), *texts)) == 6  # with the rule of a new day


def test_a_new_day_ends_a_repetition() -> None:
    texts = [numbered(5, seq) for seq in range(3)]
    assert rows(folding(), *texts, texts[2].replace(b"11-23", b"11-24")) == [
        "10:25:14 datapoint    AC000W000000001 x               5                      #0",
        "10:25:14 … × 2                                                               #2",
        "── 2026-11-24 UTC ─────────────────────────────────────────────────────────────",
        "10:25:14 datapoint    AC000W000000001 x               5                      #2",
    ]


def test_in_color_and_in_ascii() -> None:
    texts = [wire("location")] * 3
    assert rows(folding(color=True), *texts)[1] == (
        "\x1b[2m11:04:07\x1b[0m … × 2" + " " * 63 + "\x1b[2m#1\x1b[0m"
    )
    assert rows(folding(unicode=False), *texts)[1] == "11:04:07 ... x 2" + " " * 61 + "#1"
    lines = folding()
    lines.render([b'{"a":1}'] * 3, "", 0)
    assert lines.rest().decode().rstrip() == "--:--:-- … × 2"


def test_lines_of_a_template_are_folded_as_they_are() -> None:
    lines = folding(template=template("{property}={value}"))
    seen = lines.render([numbered(5, seq) for seq in range(4)], "one", 0) + lines.rest()
    assert seen.decode() == "x=5\n… × 3\n"
    lines = folding(template=template("{seq}: {value}"))
    assert lines.render([numbered(5, seq) for seq in range(3)], "", 0) == b"0: 5\n1: 5\n2: 5\n"


def test_while_it_goes_on_it_is_told_less_and_less_often() -> None:
    lines = folding()
    lines.render([numbered(5, 0)], "one", ARRIVED)
    told = []
    for second in range(1, 64):
        seen = lines.render([numbered(5, second)], "one", ARRIVED + second * PATIENCE / 2).decode()
        told += [(second, line[9:].split("#")[0].strip()) for line in seen.splitlines()]
    assert told == [(2, "… × 2"), (6, "… × 4"), (14, "… × 8"), (30, "… × 16"), (62, "… × 32")]


def test_what_is_due_is_told_in_silence() -> None:
    lines = folding()
    lines.render([numbered(5, seq) for seq in range(3)], "one", ARRIVED)
    assert lines.rest(ARRIVED + PATIENCE / 2) == b""
    assert lines.rest(ARRIVED + PATIENCE).decode().startswith("10:25:14 … × 2 ")
    assert lines.rest(ARRIVED + 99) == lines.rest() == b""


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_a_terminal_shows_marks_and_counts_in_their_columns(columns: int, tmp_path: Path) -> None:
    same = [numbered("日本", seq, name="温度") for seq in range(1, 4)]
    recording = tmp_path / "r.jsonl"
    recording.write_bytes(b"\n".join([*same, numbered(True, 4, base_type="boolean"), b""]))
    words = ["show", str(recording), "--fold", "--utc", "-H", "本|true", "--quiet"]
    variables = {"TERM": "xterm", "COLUMNS": str(columns), "LANG": "C.UTF-8", "HOME": str(tmp_path)}
    code, printed = Terminal([installed(), *words], variables, tmp_path).finish()
    screen = pyte.Screen(columns, 10)
    pyte.Stream(screen).feed(printed.replace("\n", "\r\n"))
    assert code == 0
    rows = [row.rstrip() for row in screen.display]
    assert rows[0] == "── 2026-11-23 UTC ".ljust(columns - 1, "─")
    assert [len(row) for row in rows[2:4]] == [columns - 1] * 2
    assert [row[-2:] for row in rows[1:4]] == ["#1", "#3", "#4"]
    assert rows[2].startswith("10:25:14 … × 2 ")
    assert screen.cursor.y == 4
    marked = {
        (y, screen.buffer[y][x].data)
        for y in range(5)
        for x in range(columns)
        if screen.buffer[y][x].reverse
    }
    assert marked == {(1, "本"), (1, ""), *((3, letter) for letter in "true")}
