"""`dsstail show`, from outside: what it prints, how it follows, and how it ends."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from command import Finished, installed, most_memory, wait_until
from conftest import Here, Starter
from scenarios import Server, event, honest, lines
from terminal import Terminal

from dsstail.annotation import annotated
from dsstail.cli.show import period_of

WIRE = Path(__file__).parent / "wire"
DOCUMENTED = ["connectivity", "datapoint", "datapointack", "location", "registration"]


@pytest.fixture
def show(here: Here) -> Callable[..., Finished]:
    """Run `dsstail show` to its end."""

    def run(*arguments: str) -> Finished:
        return here("show", *arguments, variables={})

    return run


Show = Callable[..., Finished]


def documented() -> bytes:
    """A recording of the five documented events."""
    frames = [(WIRE / f"{name}.txt").read_bytes().strip() for name in DOCUMENTED]
    return b"".join(frame.partition(b"|")[2] + b"\n" for frame in frames)


def record(directory: Path, content: bytes, name: str = "out.jsonl") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


# What is printed


def test_a_recording_comes_out_as_it_is(tmp_path: Path, show: Show) -> None:
    record(tmp_path, documented() + lines(range(5000)))
    finished = show("out.jsonl")
    assert finished == Finished(0, documented() + lines(range(5000)), "")


@pytest.mark.parametrize("form", ["gz", "zst", "collector", "stdin", "pipe"])
def test_each_form_gives_the_same(tmp_path: Path, show: Show, dsstail: Starter, form: str) -> None:
    content = lines(range(1000))
    path = record(tmp_path, content)
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
                finished = dsstail("show", "-", key=None, stdin=source).finish()
            cat.wait()
    else:
        finished = show("out.jsonl")
    assert finished == Finished(0, content, "")


def test_several_files_come_in_the_order_given(tmp_path: Path, show: Show) -> None:
    record(tmp_path, lines([3]), "b.jsonl")
    record(tmp_path, gzip.compress(lines([1, 2])), "a.jsonl.gz")
    assert show("b.jsonl", "a.jsonl.gz").out == lines([3, 1, 2])


def test_text_is_as_in_the_live_tail(tmp_path: Path, show: Show) -> None:
    record(tmp_path, documented())
    finished = show("out.jsonl", "-o", "text", "--utc")
    rule, first, second, *others = finished.out.decode().splitlines()
    assert rule.startswith("── 2018-09-24 UTC ──")
    assert " ".join(first.split()) == ("10:26:37 connectivity AC000W000340649 ● Online ledevb #1")
    assert " ".join(second.split()) == (
        "10:25:14 datapoint AC000W005606115 Blue_LED false echo #13"
    )
    assert len(others) == 3


def test_csv_and_indented_json(tmp_path: Path, show: Show) -> None:
    record(tmp_path, documented())
    rows = show("out.jsonl", "-o", "csv").out.decode().splitlines()
    assert rows[0].startswith("received_at,stream,time,seq,event_type,dsn,")
    assert rows[2].startswith(",,2018-09-24T10:25:14Z,13,datapoint,AC000W005606115,linuxevb,")
    assert len(rows) == 6
    indented = show("out.jsonl", "-o", "pretty", "-c", "1").out
    assert indented.startswith(b'{\n  "seq": "1",\n')
    assert json.loads(indented) == json.loads(documented().splitlines()[0])


def test_what_the_recorder_added_is_used_and_taken_off(tmp_path: Path, show: Show) -> None:
    stamp = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC).timestamp()
    content = [*annotated([event(1)], "in", stamp), *annotated([event(2)], "out", stamp + 1)]
    record(tmp_path, b"\n".join([*content, b""]))
    assert show("out.jsonl").out == lines([1, 2])
    assert show("out.jsonl", "--annotate").out == b"\n".join([*content, b""])
    rows = show("out.jsonl", "-o", "csv").out.decode().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [
        ["2026-11-23T12:00:00.250000Z", "in"],
        ["2026-11-23T12:00:01.250000Z", "out"],
    ]
    text = show("out.jsonl", "-o", "text", "--utc").out.decode().splitlines()
    assert text[-1].startswith("21:01:24 out ")


def test_text_tells_streams_apart_from_their_first_event_on(tmp_path: Path, show: Show) -> None:
    def lit(seq: int, value: int, stream: str) -> bytes:
        shown = documented().splitlines()[1].replace(b'"echo":true', b'"echo":false')
        text = shown.replace(b'"seq":"13"', b'"seq":"%d"' % seq)
        (line,) = annotated([text.replace(b'"value":0', b'"value":%d' % value)], stream, None)
        return line + b"\n"

    record(tmp_path, lit(1, 0, "in") + lit(1, 0, "out") + lit(2, 1, "in") + lit(2, 1, "aside"))
    rule, *rows = show("out.jsonl", "-o", "text", "--utc").out.decode().splitlines()
    assert rule.startswith("──")
    assert [row.split()[1] for row in rows] == ["in", "out", "in", "aside"]
    assert ["→" in row for row in rows] == [False, False, True, False]


def test_the_usual_name_of_an_only_stream_tells_nothing(tmp_path: Path, show: Show) -> None:
    texts = documented().splitlines()
    record(tmp_path, b"\n".join([*annotated(texts, "stream", None), b""]))
    record(tmp_path, documented(), "plain.jsonl")
    options = ("-o", "text", "--utc")
    assert show("out.jsonl", *options).out == show("plain.jsonl", *options).out


# Which events


def test_filters_select(tmp_path: Path, show: Show) -> None:
    record(tmp_path, documented())
    assert [
        json.loads(line)["metadata"]["event_type"]
        for line in show("out.jsonl", "-d", "AC000W005606115").out.splitlines()
    ] == ["datapoint", "datapointack"]
    assert len(show("out.jsonl", "-t", "!location").out.splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-n", "3"], range(97, 100)),
        (["-n", "0"], []),
        (["-n", "200"], range(100)),
        (["-c", "3"], range(3)),
        (["-n", "10", "-c", "3"], range(90, 93)),
        (["--from-seq", "95"], range(95, 100)),
        (["--to-seq", "3"], range(4)),
        (["--from-seq", "7", "--to-seq", "7"], [7]),
        (["--to-seq", "9", "-n", "2"], [8, 9]),
        (["--since", "2017-03-12T21:01:24Z"], range(100)),
        (["--since", "2017-03-12T21:01:25Z"], []),
        (["--until", "2017-03-12T22:01:24+01:00"], range(100)),
        (["--until", "2017-03-12 21:01:23", "--utc"], []),
        (["--since", "-3h"], []),
        (["--until", "3h"], range(100)),
        (["--until", "9999-12-31"], range(100)),
    ],
)
def test_windows_select(
    tmp_path: Path, here: Here, options: list[str], expected: range | list[int]
) -> None:
    record(tmp_path, lines(range(100)))
    done = here("show", "out.jsonl", *options, variables={})
    assert done == Finished(0, lines(expected), "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [  # by UTC; at 1:00 clocks go from 3:00 back to 2:00, or in spring from 2:00 on to 3:00
        (["--until", "2026-10-25T02:15"], [0, 1]),
        (["--since", "2026-10-25T02:15"], [1, 2]),
        (["--until", "2026-03-29T02:15"], [0, 1]),
        (["--since", "2026-03-29T02:15"], [1, 2]),
    ],
)
def test_a_local_time_that_comes_twice_or_never_cuts_nothing_off(
    tmp_path: Path, dsstail: Starter, options: list[str], expected: list[int]
) -> None:
    day = options[1][:10].encode()
    texts = [
        event(hour).replace(b"2017-03-12T21:01:24Z", b"%bT0%d:10:00Z" % (day, hour))
        for hour in range(3)
    ]
    record(tmp_path, b"\n".join([*texts, b""]))
    berlin = {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
    shown = dsstail("show", "out.jsonl", *options, environment=berlin).finish()
    assert shown.out.splitlines() == [texts[hour] for hour in expected]


def test_times_ago_count_from_now(tmp_path: Path, show: Show) -> None:
    now = datetime.now(UTC)
    texts = [
        event(seq).replace(b"2017-03-12T21:01:24Z", at.strftime("%Y-%m-%dT%H:%M:%SZ").encode())
        for seq, at in enumerate([now - timedelta(hours=4), now - timedelta(hours=2), now])
    ]
    record(tmp_path, b"\n".join([*texts, b""]))
    assert show("out.jsonl", "--since", "-3h").out.splitlines() == texts[1:]
    assert show("out.jsonl", "--since", "3h", "--until", "-90m").out.splitlines() == texts[1:2]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("23:00", datetime(2026, 11, 23, 23, 0)),
        ("2:05", datetime(2026, 11, 24, 2, 5)),
        ("09:30:00", datetime(2026, 11, 24, 9, 30)),
        ("09:30:01", datetime(2026, 11, 23, 9, 30, 1)),
    ],
)
def test_a_time_of_day_is_the_last_that_was(written: str, expected: datetime) -> None:
    now = datetime(2026, 11, 24, 9, 30)
    for utc, zone in ((False, None), (True, UTC)):
        since, _ = period_of({"since": written}, utc=utc, now=now.replace(tzinfo=zone).timestamp())
        assert since == expected.replace(tzinfo=zone).timestamp()


def test_merging_puts_several_files_in_the_order_of_time(tmp_path: Path, show: Show) -> None:
    texts = [event(n).replace(b"21:01:24Z", b"21:01:%02dZ" % n) for n in range(40)]
    record(tmp_path, b"\n".join([*texts[::2], b""]), "even.jsonl")
    record(tmp_path, gzip.compress(b"\n".join([*texts[1::2], b""])), "odd.jsonl.gz")
    assert show("even.jsonl", "odd.jsonl.gz", "--merge").out.splitlines() == texts
    assert show("--merge", "odd.jsonl.gz", "even.jsonl", "-n5").out.splitlines() == texts[-5:]


@pytest.mark.parametrize("form", [["-o", "json"], ["--format", '{{"seq":"{seq}","a":{{}}}}']])
def test_merging_heeds_when_events_came_that_tell_no_time_of_their_own(
    tmp_path: Path, show: Show, form: list[str]
) -> None:
    texts = [b'{"seq":"%d","a":{}}' % at for at in range(4)]
    for name, kept in (("even", texts[::2]), ("odd", texts[1::2])):
        came = (annotated([text], name, float(text[8:9]))[0] for text in kept)
        record(tmp_path, b"\n".join([*came, b""]), f"{name}.jsonl")
    assert show("odd.jsonl", "even.jsonl", "--merge", *form).out.splitlines() == texts


def test_the_last_events_cost_the_same_in_a_long_recording(tmp_path: Path, show: Show) -> None:
    """A recording of 1 TB, most of it a hole that nobody could read in time."""
    with record(tmp_path, b"").open("wb") as file:
        file.seek(1 << 40)
        file.write(b"\n" + lines(range(100)))
    assert show("out.jsonl", "-n", "3").out == lines([97, 98, 99])


# At a pace


def test_events_come_at_the_pace_of_their_times(tmp_path: Path, dsstail: Starter) -> None:
    texts = [event(n).replace(b"21:01:24Z", b"21:%02d:00Z" % n) for n in range(3)]
    record(tmp_path, b"\n".join([*texts, b""]))
    started = time.monotonic()
    show = dsstail("show", "out.jsonl", "--speed", "200", key=None)
    show.wait_for_events(1)
    assert show.finish().out.splitlines() == texts
    assert time.monotonic() - started >= 0.6  # two minutes, two hundred times as fast
    show = dsstail("show", "out.jsonl", "--speed", "1", "--max-idle", "10ms", key=None)
    assert show.finish().out.splitlines() == texts


# Following


def test_a_recording_is_followed_through_rotation(tmp_path: Path, dsstail: Starter) -> None:
    path = record(tmp_path, lines(range(100)))
    show = dsstail("show", "-f", "-n", "2", "out.jsonl", key=None)
    show.wait_for_events(2)
    with path.open("ab") as file:
        file.write(lines([100]))
        file.flush()
        show.wait_for_events(3)
        path.rename(tmp_path / "out.1.jsonl")
        file.write(lines([101]))
    path.write_bytes(lines([102]))
    show.wait_for_events(5)
    path.write_bytes(b"")  # cut off
    show.wait_for_report("the file was cut off")
    with path.open("ab") as file:
        file.write(lines([1]))
    show.wait_for_events(6)
    assert show.stop().out == lines([98, 99, 100, 101, 102, 1])


def test_no_rotation_is_too_fast_to_be_followed(
    tmp_path: Path, dsstail: Starter, serve: Callable[..., Server]
) -> None:
    record(tmp_path, lines([0]))
    show = dsstail("show", "-f", "out.jsonl", key=None)
    show.wait_for_events(1)
    options = ("--rotate-size", "2kB", "--compress", "gz", "--count", "800")
    dsstail("record", "out.jsonl", "--url", serve(honest, newest=800).url(), *options).finish()
    assert len(list(tmp_path.iterdir())) > 150
    show.wait_for_events(801)
    assert show.stop().out == lines(range(801))


def test_several_files_are_followed_at_once(tmp_path: Path, dsstail: Starter) -> None:
    one, two = record(tmp_path, lines([1]), "a"), record(tmp_path, lines([2]), "b")
    packed = record(tmp_path, gzip.compress(lines([0])), "old.gz")
    show = dsstail("show", "-f", packed.name, "a", "b", key=None)
    show.wait_for_events(3)
    for path, seq in ((two, 3), (one, 4)):
        with path.open("ab") as file:
            file.write(lines([seq]))
        show.wait_for_events(seq + 1)
    assert show.stop().out == lines([0, 1, 2, 3, 4])


def test_following_costs_next_to_nothing_while_nothing_comes(
    tmp_path: Path, dsstail: Starter
) -> None:
    record(tmp_path, lines([1]))
    show = dsstail("show", "-f", "out.jsonl", key=None)
    show.wait_for_events(1)

    def used() -> int:
        fields = Path(f"/proc/{show.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])  # user and system time, in ticks

    before, since = used(), time.monotonic()
    wait_until(lambda: time.monotonic() - since > 1.0)
    assert used() - before <= 0.05 * os.sysconf("SC_CLK_TCK")
    show.stop()


def test_stdin_is_shown_as_it_comes(tmp_path: Path, dsstail: Starter) -> None:
    reader, writer = os.pipe()
    show = dsstail("show", "-", key=None, stdin=reader)
    os.close(reader)
    for seq in range(3):
        os.write(writer, event(seq))  # not even a line
        show.wait_for_events(seq + 1)
    show.interrupt()
    finished = show.finish()
    os.close(writer)
    assert finished == Finished(0, lines(range(3)), "")


# How it ends


def test_damage_is_reported_and_skipped(tmp_path: Path, show: Show) -> None:
    record(tmp_path, lines([1]) + b"x\x1b[2Jx\n" + lines([2]) + event(3)[:20])
    finished = show("out.jsonl")
    assert finished.code == 0
    assert finished.out == lines([1, 2])
    assert finished.lines == [
        r"warning: malformed (out.jsonl line 2: not an event): x\x1b[2Jx",
        'warning: malformed (out.jsonl line 4: incomplete): {"seq":"3","metadata',
        "2 damaged places skipped",
    ]
    assert show("out.jsonl", "-q").err == ""


def test_every_damaged_line_is_reported_up_to_a_hundred(tmp_path: Path, show: Show) -> None:
    record(tmp_path, b"".join(b"x\n" + lines([seq]) for seq in range(101)))
    finished = show("out.jsonl")
    assert (finished.code, finished.out) == (0, lines(range(101)))
    assert finished.lines[:-1] == [
        f"warning: malformed (out.jsonl line {number}: not an event): x"
        for number in range(1, 201, 2)
    ]
    assert finished.lines[-1] == "101 damaged places skipped; dsstail verify lists them"


def test_strict_ends_at_damage(tmp_path: Path, show: Show) -> None:
    record(tmp_path, lines([1]) + b"x\n" + lines([2]))
    finished = show("out.jsonl", "--strict")
    assert (finished.code, finished.out) == (5, lines([1]))
    assert finished.lines[-1] == (
        "error: malformed (out.jsonl line 2: not an event): x (--strict)."
    )
    record(tmp_path, lines([1, 2]))
    assert show("out.jsonl", "--strict") == Finished(0, lines([1, 2]), "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.jsonl"], "error: cannot read missing.jsonl: No such file or directory."),
        (["."], "error: cannot read .: Is a directory."),
        (["x", "--since", "soon"], 'error: --since: "soon" is not a time such as'),
        (["x", "-n", "-1"], "error: --last: "),
        (["x", "--speed", "0"], "error: --speed: it must be more than 0."),
        (["x", "--speed", "1", "-f"], "error: --speed replays what is recorded"),
        (["x", "--max-idle", "5s"], "error: --max-idle shortens the pauses of --speed"),
        (["x", "--from-seq", "2", "--to-seq", "1"], "error: --to-seq comes before --from-seq."),
        (["x", "--since", "1h", "--until", "2h"], "error: --until comes before --since."),
        (["-", "-"], "error: stdin can be read only once."),
        ([], "error: missing argument"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, here: Here, words: list[str], message: str) -> None:
    record(tmp_path, lines([1]), "x")
    finished = here("show", *words, variables={})
    assert (finished.code, finished.out) == (2, b"")
    assert finished.err.startswith(message)


def test_a_file_is_not_shown_into_itself(tmp_path: Path, dsstail: Starter) -> None:
    """As `show *.jsonl > all.jsonl` asks for, once there is an all.jsonl."""
    path = tmp_path / "all.jsonl"
    path.write_bytes(lines([1, 2]))
    (tmp_path / "other.jsonl").write_bytes(lines([3]))
    for name in ("all.jsonl", "./all.jsonl", "-"):
        with path.open("ab") as stdout, path.open("rb") as stdin:
            command = dsstail("show", "other.jsonl", name, key=None, stdin=stdin, stdout=stdout)
            finished = command.finish()
        assert finished.code == 2
        assert finished.err == f"error: the output goes into {name}, which is to be shown.\n"
    assert path.read_bytes() == lines([1, 2])


def test_who_stops_reading_ends_it_silently(tmp_path: Path, dsstail: Starter) -> None:
    record(tmp_path, lines(range(20_000)))
    reader, writer = os.pipe()
    show = dsstail("show", "out.jsonl", key=None, stdout=writer)
    os.close(writer)
    assert os.read(reader, 10) == event(0)[:10]
    os.close(reader)
    assert show.finish() == Finished(0, b"", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_ends_it(tmp_path: Path, dsstail: Starter) -> None:
    record(tmp_path, lines([1]))
    with open("/dev/full", "wb") as full:
        finished = dsstail("show", "out.jsonl", key=None, stdout=full).finish()
    assert finished.code == 6
    assert finished.err == "error: cannot write stdout: No space left on device.\n"


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("following", signal.SIGINT),
        ("following", signal.SIGTERM),
        ("pausing", signal.SIGTERM),
        ("searching", signal.SIGINT),
        ("blocked", signal.SIGTERM),
    ],
)
def test_a_signal_ends_it(
    tmp_path: Path, dsstail: Starter, where: str, number: signal.Signals
) -> None:
    texts = [event(n).replace(b"21:01:24Z", b"21:%02d:00Z" % n) for n in range(2)]
    path = record(tmp_path, b"\n".join([*texts, b""]))
    reader, writer = os.pipe()
    if where == "searching":
        with path.open("r+b") as file:
            file.truncate(1 << 40)
    elif where == "blocked":
        path.write_bytes(lines(range(5000)))
    options = {"following": ["-f"], "pausing": ["--speed", "1"]}.get(where, [])
    show = dsstail("show", "out.jsonl", *options, key=None, stdout=writer)
    os.close(writer)
    assert os.read(reader, 10) == event(0)[:10]
    show.interrupt(number)
    assert show.finish().code == 0
    os.close(reader)


# On a terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Callable[..., Terminal]:
    def start(*words: str, stdout: str = "") -> Terminal:
        variables = {"PATH": os.defpath, "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"}
        command = f'exec "$0" show "$@" {stdout}'
        return Terminal(["sh", "-c", command, installed(), *words], variables, tmp_path)

    return start


def test_a_bar_shows_how_far_it_is(tmp_path: Path, terminal: Callable[..., Terminal]) -> None:
    record(tmp_path, lines(range(75_000)))
    code, seen = terminal("out.jsonl", "-o", "csv", stdout="> out.csv").finish()
    assert code == 0
    assert "% of 36 MB" in seen
    assert seen.rpartition("\r")[2] == "\x1b[K"  # nothing of it is left
    assert (tmp_path / "out.csv").read_bytes().count(b"\n") == 75_001


def test_no_bar_stands_between_events(tmp_path: Path, terminal: Callable[..., Terminal]) -> None:
    record(tmp_path, lines(range(90_000)))
    code, seen = terminal("out.jsonl", "-d", "nobody").finish()
    assert (code, seen) == (0, "")


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    used = []
    for count in (1000, 100_000):
        path = record(tmp_path, lines(range(count)))
        used.append(most_memory(installed(), "show", str(path)))
    assert used[1] < used[0] + (8 << 20)  # the recording has 47 MB
