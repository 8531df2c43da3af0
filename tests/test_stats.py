"""`dsstail stats`, from outside: its page, its JSON, its picture, and how it ends."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import zstandard
from command import Finished, installed, most_memory, wait_until
from conftest import Here, Starter
from scenarios import event, lines
from terminal import Terminal
from test_statistics import (
    DOCUMENTED,
    NOON,
    XML,
    ack,
    datapoint,
    made,
    status,
    texts_of,
    written,
)

from dsstail.annotation import annotated

HERE = Path(__file__).parent

Stats = Callable[..., Finished]


@pytest.fixture
def stats(here: Here) -> Stats:
    """Run `dsstail stats` to its end."""

    def run(*arguments: str) -> Finished:
        return here("stats", *arguments, variables={})

    return run


@pytest.fixture
def stats_apart(dsstail: Starter) -> Stats:
    """Run it in a process of its own, where that makes a difference."""

    def run(*arguments: str, **options: Any) -> Finished:
        return dsstail("stats", *arguments, key=None, **options).finish()

    return run


def record(directory: Path, content: bytes, name: str = "out.jsonl") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def documented() -> bytes:
    """A recording of the five documented events."""
    frames = [(HERE / "wire" / f"{name}.txt").read_bytes().strip() for name in DOCUMENTED]
    return b"".join(frame.partition(b"|")[2] + b"\n" for frame in frames)


# A page


def two_days(devices: int) -> bytes:
    """Two days of some devices: busy in the evening, some away at times, some numbers missing."""
    texts: list[bytes] = []
    for number in range(6000):
        at = NOON + 28.8 * number
        hour = at % 86400 / 3600
        if hour < 17 and number % 5:
            continue
        device = number * 7 % devices
        dsn, seq = f"AC000W{device:09}", len(texts) + (40 if len(texts) > 1000 else 0)
        metadata = {"oem_id": "0dfc7900", "oem_model": "HT-200", "dsn": dsn, "resource_tags": []}
        temperature = round(16 + device % 7 / 2 + abs(hour - 12) / 3, 1)
        match number % 11:
            case 3:
                kind, member = "connectivity", "connection"
                what = "Offline" if number // 11 % 2 else "Online"
                body: dict[str, Any] = {"event_time": written(at), "status": what}
            case 5 | 6:
                kind, member = "datapointack", "datapoint"
                metadata |= {"property_name": "setpoint", "base_type": "decimal"}
                failed = number % 13 == 0
                body = {
                    **{"id": f"{number}", "created_at": written(at), "value": 21.5},
                    "acked_at": written(at + number % 4),
                    **{"ack_status": 408 if failed else 200},
                    "ack_message": "timed out" if failed else 0,
                }
            case 8:
                kind, member = "datapoint", "datapoint"
                metadata |= {"property_name": "valve_open", "base_type": "boolean"}
                body = {"id": f"{number}", "updated_at": written(at), "value": number // 11 % 2}
            case _:
                kind, member = "datapoint", "datapoint"
                metadata |= {"property_name": "room_temp", "base_type": "decimal"}
                body = {"id": f"{number}", "updated_at": written(at), "value": temperature}
        about = {"seq": str(seq), "metadata": metadata | {"event_type": kind}, member: body}
        texts.append(json.dumps(about, separators=(",", ":")).encode() + b"\n")
    texts[700:700] = [b"not an event\n"]
    return b"".join(texts)


@pytest.mark.parametrize(("width", "devices"), [(60, 5), (80, 5), (120, 40)])
def test_a_page(tmp_path: Path, width: int, devices: int) -> None:
    record(tmp_path, two_days(devices))
    variables = {"PATH": os.defpath, "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"}
    script = f'stty cols {width} rows 50; exec "$0" stats out.jsonl --utc --color never'
    code, seen = Terminal(["sh", "-c", script, installed()], variables, tmp_path).finish()
    assert code == 0
    assert seen == (HERE / "screens" / f"stats-{width}.txt").read_text(encoding="utf-8")
    assert all(len(line) <= width for line in seen.splitlines())


def test_colours_change_nothing_but_colours(tmp_path: Path, stats: Stats) -> None:
    record(tmp_path, two_days(5))
    plain = stats("out.jsonl", "--utc").out.decode()
    colored = stats("out.jsonl", "--utc", "--color", "always").out.decode()
    assert "\x1b[36m━━" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert plain == (HERE / "screens" / "stats-80.txt").read_text(encoding="utf-8")


def test_without_utf_8_there_is_ascii(tmp_path: Path, stats_apart: Stats) -> None:
    record(tmp_path, two_days(5))
    ascii_only = {"LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    seen = stats_apart("out.jsonl", "--utc", environment=ascii_only).out.decode("ascii")
    assert "datapoint      1,893  72.8 %  ===================================\n" in seen
    assert "\\" not in seen


def test_times_are_local_unless_in_utc(tmp_path: Path, stats_apart: Stats) -> None:
    record(tmp_path, b"\n".join([datapoint(1, NOON), datapoint(2, NOON + 3600), b""]))
    tokyo = {"TZ": "Asia/Tokyo"}
    assert (
        b"2026-11-23 21:00:00 to 22:00:00, 1 h" in stats_apart("out.jsonl", environment=tokyo).out
    )
    utc = stats_apart("out.jsonl", "--utc", environment=tokyo).out
    assert b"2026-11-23 12:00:00 to 13:00:00 UTC, 1 h" in utc
    week = json.loads(stats_apart("out.jsonl", "-o", "json", environment=tokyo).out)["week"]
    assert (week[0][21], week[0][22]) == (1, 1)


def test_an_empty_recording_is_a_page_too(tmp_path: Path, stats: Stats) -> None:
    record(tmp_path, b"")
    assert stats("out.jsonl") == Finished(0, b"out.jsonl\n0 events\n", "")
    assert stats("out.jsonl", "--svg", "a.svg", "-q").code == 0
    assert "out.jsonl" in texts_of(ElementTree.parse(tmp_path / "a.svg").getroot())


def test_lists_are_as_long_as_one_wants(tmp_path: Path, stats: Stats) -> None:
    texts = [datapoint(1, dsn=f"D{number:02}") for number in range(30)]
    record(tmp_path, b"\n".join([*texts, b""]))
    seen = stats("out.jsonl").out.decode()
    assert seen.count("\n  D") == 10
    assert "  20 more, not listed\n" in seen
    assert stats("out.jsonl", "--top", "30").out.decode().count("\n  D") == 30
    listed = [
        len(json.loads(stats("out.jsonl", "-o", "json", *top).out)["devices"]["list"])
        for top in ([], ["--top", "3"])
    ]
    assert listed == [30, 3]


# JSON


def test_the_documented_events_as_json(tmp_path: Path, stats: Stats) -> None:
    record(tmp_path, documented())
    finished = stats("out.jsonl", "-o", "json")
    answer = json.loads(finished.out)
    none = {"count": 0, "rank_error": 0.0, "least": None, "p10": None, "median": None}
    none |= {"p90": None, "p99": None, "greatest": None}
    one_blue = dict.fromkeys(("least", "p10", "median", "p90", "p99", "greatest"), 0)
    table = {"exact": True, "short_by": 0}
    device = {"oem_model": "ledevb", "events": 1, "failed_acks": 0, "absences": 0}
    device |= {"away": 0.0, "longest_away": 0.0, "away_since": None}
    assert finished.code == 0
    assert answer["timeline"]["seconds"] == 1
    assert [number for _, number in answer["timeline"]["counts"]] == [1] * 5
    assert sum(map(sum, answer["week"])) == 5
    del answer["timeline"], answer["week"]
    assert answer == {
        "files": ["out.jsonl"],
        **{"read": 5, "events": 5, "untimed": 0, "astray": 0},
        "first": "2018-09-24T10:24:57.000000Z",
        "last": "2018-09-24T11:04:07.000000Z",
        "types": {
            "count": 5,
            **table,
            "list": [{"type": name, "events": 1} for name in DOCUMENTED],
        },
        "devices": {
            "count": 3,
            **table,
            "list": [
                {"dsn": "AC000W000340649", **device, "events": 2},
                {"dsn": "AC000W005606115", **device, "oem_model": "linuxevb", "events": 2},
                {"dsn": "AC000W000340779", **device},
            ],
        },
        "absences": none,
        "acks": {
            **{"succeeded": 1, "failed": 0},
            "failures": {"count": 0, **table, "list": []},
            "latency_measured": none,
            "latency_in_whole_seconds": {"count": 1, "rank_error": 0.0, **one_blue},
        },
        "properties": {
            "count": 1,
            **table,
            "list": [
                {
                    **{"property": "Blue_LED", "base_type": "boolean", "events": 2, "mean": 0.0},
                    "numbers": {"count": 1, "rank_error": 0.0, **one_blue},
                }
            ],
        },
        "complete": False,
        "counts": {"reset": 2, "gap": 1},
        "extents": {"reset": 2, "gap": 10},
        "streams": answer["streams"],
    }


@pytest.mark.parametrize("form", ["gz", "zst", "collector", "stdin", "pipe"])
def test_each_form_gives_the_same(
    tmp_path: Path, stats: Stats, stats_apart: Stats, form: str
) -> None:
    content = lines(range(1000))
    path = record(tmp_path, content)
    expected = json.loads(stats("out.jsonl", "-o", "json").out)
    if form == "gz":
        path.write_bytes(gzip.compress(content))
    elif form == "zst":
        path.write_bytes(zstandard.compress(content))
    elif form == "collector":
        path.write_bytes(content.replace(b"\n", b""))
    if form in ("stdin", "pipe"):
        with path.open("rb") as file:
            cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
            assert cat.stdout is not None
            with cat.stdout, path.open("rb") as stdin:
                source = cat.stdout if form == "pipe" else stdin
                finished = stats_apart("-", "-o", "json", stdin=source)
            cat.wait()
        expected["files"] = expected["streams"][0]["files"] = ["stdin"]
    else:
        finished = stats("out.jsonl", "-o", "json")
    assert (finished.code, finished.err) == (0, "")
    assert json.loads(finished.out) == expected


def test_several_files_are_one_recording(tmp_path: Path, stats: Stats) -> None:
    record(tmp_path, gzip.compress(lines(range(100))), "a.gz")
    record(tmp_path, lines(range(110, 150)), "b")
    answer = json.loads(stats("a.gz", "b", "-o", "json").out)
    assert (answer["files"], answer["events"]) == (["a.gz", "b"], 140)
    (stream,) = answer["streams"]
    assert (stream["counts"], stream["extents"]) == ({"gap": 1}, {"gap": 10})


# Which events


@pytest.mark.parametrize(
    ("options", "events"),
    [
        (["-d", "AC000W005606115"], 2),
        (["-t", "!location"], 4),
        (["-P", "Blue*"], 2),
        (["--oem-model", "ledevb"], 3),
        (["--since", "2018-09-24T10:26:00Z"], 3),
        (["--until", "2018-09-24 10:26:00", "--utc"], 2),
        (["--since", "-3h"], 0),
        (["-d", "*649", "--until", "2018-09-24T12:27:00+02:00"], 1),
    ],
)
def test_filters_and_times_select(
    tmp_path: Path, here: Here, options: list[str], events: int
) -> None:
    record(tmp_path, documented())
    answer = json.loads(here("stats", "out.jsonl", "-o", "json", *options, variables={}).out)
    assert (answer["read"], answer["events"]) == (5, events)
    assert sum(entry["events"] for entry in answer["types"]["list"]) == events
    assert sum(stream["events"] for stream in answer["streams"]) == 5  # whatever is wanted
    page = here("stats", "out.jsonl", *options, variables={}).out.decode()
    assert f"{events} of 5 events" in page.splitlines()[1]


def test_damage_is_told_and_stops_nothing(tmp_path: Path, stats: Stats) -> None:
    record(tmp_path, lines([1, 2]) + b"x\n\x1b[2J\n" + lines([2, 4]) + event(5)[:30])
    finished = stats("out.jsonl")
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.decode().splitlines()[-4:] == [
        "  1 gap, 1 repeated event, 2 damaged lines, 1 torn end; dsstail verify tells",
        "  where",
        "  stream     events     seq  gaps  missing  again  resets",
        "  (no name)       4  1 to 4     1        1      1       0",
    ]


def test_streams_are_told_apart(tmp_path: Path, stats: Stats) -> None:
    one = annotated([event(seq) for seq in (1, 2, 3)], "in", NOON)
    two = annotated([event(seq) for seq in (1, 3)], "out", NOON)
    record(tmp_path, b"\n".join([one[0], *two, *one[1:], b""]))
    assert stats("out.jsonl").out.decode().splitlines()[-3:] == [
        "  stream  events     seq  gaps  missing  again  resets",
        "  in           3  1 to 3     0        0      0       0",
        "  out          2  1 to 3     1        1      0       0",
    ]
    seen = stats("out.jsonl", "--top", "1", "--svg", "a.svg").out.decode()
    assert seen.splitlines()[-2:] == [
        "  in           3  1 to 3     0        0      0       0",
        "  1 more, not listed",
    ]
    assert "1 more, not listed" in texts_of(ElementTree.parse(tmp_path / "a.svg").getroot())


# Hostile recordings


def test_text_of_devices_is_only_text(tmp_path: Path, stats: Stats) -> None:
    name = '\x1b[31m\u202e</text><script>"&\ufffe\ud800]]>'
    texts = [datapoint(1, dsn=name, name=name), ack(name, name), status("Offline", NOON, dsn=name)]
    texts.append(datapoint(2).replace(b'"datapoint"', json.dumps(name).encode()))
    record(tmp_path, b"\n".join([*texts, b""]), "a<b>&.jsonl")
    finished = stats("a<b>&.jsonl", "--svg", "a.svg", "--top", "20")
    assert finished.code == 0
    assert b"\x1b" not in finished.out
    assert r"\x1b[31m\u202e</tex…" in finished.out.decode()
    picture = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "<script" not in picture
    assert "\x1b" not in picture
    seen = texts_of(ElementTree.fromstring(picture))
    assert r"\x1b[31m\u202e</te" in seen
    assert "a<b>&.jsonl" in seen


def seen_once(kind: str, number: int) -> bytes:
    """An event that has something that no other one has."""
    name = f"{number:09}"
    match kind:
        case "devices":
            return datapoint(number % 7, dsn=name)
        case "devices together":
            together = ",".join(f"{number}-{device}" for device in range(90))
            return datapoint(number, dsn=together)
        case "properties":
            return datapoint(number % 7, name=name)
        case "types":
            return made(name, {"updated_at": written(NOON)})
        case "failures":
            return ack(number, name * 20)
        case "times":
            at = number * 1_000_003 % 250_000_000_000 - 50_000_000_000
            return datapoint(number).replace(
                written(NOON).encode(), datetime.fromtimestamp(at, UTC).isoformat().encode()
            )
        case "absences":
            return status(("Offline", "Online")[number % 2], NOON + number, dsn=f"{number // 2}")
        case "numbers":
            return datapoint(number * 1.1)
        case "datapoints":
            return annotated(
                [datapoint(1).replace(b'"value"', b'"id":"%d","value"' % number)], "in", number
            )[0]
    return made("datapoint", {"value": 1}, dsn=name * 1000, name=name * 1000)


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The memory that one event takes."""
    path = record(tmp_path_factory.mktemp("least"), datapoint(1) + b"\n")
    return most_memory(installed(), "stats", str(path))


@pytest.mark.parametrize(
    "kind",
    [
        *("devices", "devices together", "properties", "types", "failures", "times", "absences"),
        *("numbers", "datapoints", "long names"),
    ],
)
def test_memory_is_bounded_whatever_there_is_much_of(tmp_path: Path, kind: str, least: int) -> None:
    most = {"devices together": 500, "long names": 500}.get(kind, 16_000)
    path = record(tmp_path, b"".join(seen_once(kind, at) + b"\n" for at in range(most)))
    assert most_memory(installed(), "stats", str(path)) < least + (11 << 20)


# The picture


def test_the_picture_has_its_colours_where_no_css_variables_are_known(
    tmp_path: Path, stats: Stats
) -> None:
    """As in Inkscape, LibreOffice and librsvg, which know no media queries either."""
    record(tmp_path, two_days(5))
    stats("out.jsonl", "--svg", "a.svg")
    picture = ElementTree.parse(tmp_path / "a.svg").getroot()
    (style,) = (element.text or "" for element in picture.iter(f"{XML}style"))
    light, _ = style.split("@media")
    colored = set(re.findall(r"\.(\w+) \{ (?:fill|stroke): #[0-9a-f]{6}; \}", light))
    for kind in ("rect", "line", "polyline"):
        drawn = {element.attrib["class"] for element in picture.iter(f"{XML}{kind}")}
        assert drawn
        assert drawn <= colored
    assert re.search(r"^text \{ fill: #[0-9a-f]{6}; \}", light, re.MULTILINE)


def test_many_files_are_counted_and_the_first_and_the_last_named(
    tmp_path: Path, stats: Stats
) -> None:
    lines = two_days(5).splitlines(keepends=True)
    names = [f"out.2026112{day}T120000.000Z.jsonl" for day in range(1, 9)]
    for at, name in enumerate(names):
        record(tmp_path, lines[at], name)
    printed = stats(*names, "--svg", "a.svg").out.decode()
    told = f"8 files, {names[0]} to {names[-1]}"
    assert printed.splitlines()[0] == told
    assert f"<title>{told}</title>" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_the_picture_needs_nothing_else(tmp_path: Path, stats: Stats) -> None:
    record(tmp_path, two_days(5))
    stats("out.jsonl", "--svg", "a.svg", "--utc")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    picture = ElementTree.fromstring(text)
    assert not re.search(r"(href|src|url|@import|@font-face|<script|onload)", text)
    assert "prefers-color-scheme: dark" in text
    assert {element.tag.removeprefix(XML) for element in picture.iter()} <= {
        *("svg", "title", "style", "rect", "text", "tspan", "line", "polyline"),
    }
    seen = texts_of(picture)
    for told in ("2026-11-23 12:00:00 to", "AC000W000000001", "408 timed out", "room_temp"):
        assert told in seen
    numbers = [
        float(element.attrib[name])
        for element in picture.iter()
        for name in ("x", "y", "width", "height", "x1", "x2", "y1", "y2")
        if name in element.attrib
    ]
    assert min(numbers) >= 0
    for box in picture.iter(f"{XML}rect"):
        if "x" in box.attrib:
            right = float(box.attrib["x"]) + float(box.attrib["width"])
            bottom = float(box.attrib["y"]) + float(box.attrib["height"])
            assert right <= 1000
            assert bottom <= float(picture.attrib["height"])


def test_the_picture_takes_the_place_of_the_one_before(tmp_path: Path, stats: Stats) -> None:
    record(tmp_path, documented())
    (tmp_path / "there").mkdir()
    old = record(tmp_path, b"old", "there/a.svg")
    (tmp_path / "link.svg").symlink_to("there/a.svg")
    with old.open("rb") as before:
        assert stats("out.jsonl", "--svg", "link.svg").code == 0
        assert before.read() == b"old"
    assert (tmp_path / "link.svg").is_symlink()
    assert old.read_text().startswith("<svg ")
    assert [path.name for path in old.parent.iterdir()] == ["a.svg"]
    umask = os.umask(0o22)
    os.umask(umask)
    assert stat.S_IMODE(old.stat().st_mode) == 0o666 & ~umask


def test_no_recording_is_overwritten_with_a_picture(tmp_path: Path, stats: Stats) -> None:
    """`--svg *.gz *.jsonl` names the first of them."""
    for name in ("a.gz", "b.jsonl"):
        path = record(
            tmp_path, gzip.compress(documented()) if name == "a.gz" else documented(), name
        )
        before = path.read_bytes()
        for files in (["b.jsonl"], ["a.gz", "b.jsonl"]):
            finished = stats("--svg", name, *files)
            assert (finished.code, finished.out, finished.err) == (
                6,
                b"",
                f"error: {name} is no picture, and was left as it is. --svg needs another name.\n",
            )
        assert path.read_bytes() == before
    (tmp_path / "picture").touch()
    for _ in ("empty", "a picture"):
        assert stats("--svg", "picture", "b.jsonl").code == 0
        assert (tmp_path / "picture").read_text().startswith("<svg ")


def test_the_picture_goes_through_a_pipe(tmp_path: Path, dsstail: Starter) -> None:
    record(tmp_path, documented())
    os.mkfifo(tmp_path / "fifo")
    running = dsstail("stats", "out.jsonl", "--svg", "fifo", key=None)
    assert (tmp_path / "fifo").read_text().endswith("</svg>\n")
    assert running.finish().code == 0
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


def test_the_picture_goes_through_a_pipe_without_a_name(tmp_path: Path, stats_apart: Stats) -> None:
    """As `--svg >(…)` is."""
    record(tmp_path, documented())
    finished = stats_apart("out.jsonl", "--svg", "/dev/fd/2")
    assert finished.code == 0
    assert texts_of(ElementTree.fromstring(finished.err))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_no_half_of_a_picture(name: str, tmp_path: Path) -> None:
    old = record(tmp_path, b"<svg/>", "a.svg")
    record(tmp_path, documented())
    signalled = (
        "import os, signal, sys; from dsstail.__main__ import main; "
        f"os.replace = lambda *_: signal.raise_signal(signal.{name}); "
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", signalled, "stats", "out.jsonl", "--svg", "a.svg"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
    assert old.read_bytes() == b"<svg/>"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "out.jsonl"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".", "error: cannot write .: it is a directory."),
        ("none/a.svg", "error: cannot write none/a.svg: there is no directory "),
        ("/dev/full", "error: cannot write /dev/full: No space left on device."),
        (f"{'x' * 300}.svg", "error: cannot write "),
    ],
)
def test_a_picture_that_cannot_be_written(
    tmp_path: Path, stats: Stats, path: str, reason: str
) -> None:
    record(tmp_path, documented())
    finished = stats("out.jsonl", "--svg", path)
    assert (finished.code, finished.out) == (6, b"")
    assert finished.err.startswith(reason)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


# How it ends


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.jsonl"], "error: cannot read missing.jsonl: No such file or directory."),
        (["x", "missing.jsonl"], "error: cannot read missing.jsonl: No such file or directory."),
        (["."], "error: cannot read .: Is a directory."),
        (["x", "--since", "soon"], 'error: --since: "soon" is not a time such as'),
        (["x", "--since", "1h", "--until", "2h"], "error: --until comes before --since."),
        (["x", "-o", "csv"], 'error: --output: "csv" is none of text, json.'),
        (["x", "--top", "0"], "error: --top: it must be more than 0."),
        (["x", "-d", ""], "error: --dsn needs a pattern, and got an empty one."),
        (["-", "-"], "error: stdin can be read only once."),
        ([], "error: missing argument"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, here: Here, words: list[str], message: str) -> None:
    record(tmp_path, lines([1]), "x")
    finished = here("stats", *words, variables={})
    assert (finished.code, finished.out) == (2, b"")
    assert finished.err.startswith(message)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_reading(dsstail: Starter, number: signal.Signals) -> None:
    reader, writer = os.pipe()
    running = dsstail("stats", "-", "-o", "json", key=None, stdin=reader)
    os.close(reader)
    sent = 0
    while sent < 1 << 20:  # more than the pipe holds: it is being read
        sent += os.write(writer, lines(range(1000)))
    running.interrupt(number)
    finished = running.finish()
    os.close(writer)
    assert finished.code == 0
    assert finished.err == "warning: ended within stdin: this is what was read of it\n"
    assert json.loads(finished.out)["events"] > 1000


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="this system has no /proc")
def test_the_second_signal_ends_it_at_once(tmp_path: Path, dsstail: Starter) -> None:
    os.mkfifo(tmp_path / "fifo")
    running = dsstail("stats", "fifo", key=None)  # waits for somebody to write into it

    def catches_sigterm() -> bool:
        status = Path(f"/proc/{running.pid}/status").read_text()
        (caught,) = re.findall(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
        return bool(int(caught, 16) >> signal.SIGTERM - 1 & 1)

    wait_until(catches_sigterm)
    running.interrupt(signal.SIGINT)
    running.interrupt(signal.SIGTERM)
    assert running.finish() == Finished(130, b"", "")


def test_nobody_reading_is_no_error(tmp_path: Path, dsstail: Starter) -> None:
    record(tmp_path, documented())
    reader, writer = os.pipe()
    os.close(reader)
    for options in ([], ["-o", "json"]):
        running = dsstail("stats", "out.jsonl", *options, key=None, stdout=writer)
        assert running.finish() == Finished(0, b"", "")
    os.close(writer)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_ends_it(tmp_path: Path, stats_apart: Stats) -> None:
    record(tmp_path, documented())
    with open("/dev/full", "wb") as full:
        assert stats_apart("out.jsonl", stdout=full).code == 6


def test_a_bar_shows_how_far_it_is(tmp_path: Path) -> None:
    record(tmp_path, lines(range(45_000)), "a")
    record(tmp_path, lines(range(45_000, 90_000)), "b")
    variables = {"PATH": os.defpath, "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"}
    code, seen = Terminal([installed(), "stats", "a", "b"], variables, tmp_path).finish()
    assert code == 0
    assert "% of 43 MB" in seen
    assert "\r━" in seen
    assert seen.rpartition("\r")[2].startswith("\x1b[K")  # nothing of it is left
