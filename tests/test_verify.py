"""`dsstail verify`: what it finds in recordings that are complete, and in others."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import chain, permutations
from pathlib import Path

import pytest
from command import Finished, installed, most_memory
from conftest import Here, Starter
from hypothesis import given
from hypothesis import strategies as st
from scenarios import event, lines
from terminal import Terminal

from dsstail.annotation import annotated
from dsstail.fingerprints import Bound, Fingerprints
from dsstail.numbering import CONFLICT, GAP, REPEAT, RESET, Anomaly, Numbering
from dsstail.recording.odometer import MOST_HELD, Odometer
from dsstail.verification.verdict import UNCHECKED, Place, Verdict
from dsstail.verification.verifying import LISTED, MOST_STREAMS, verify

Verify = Callable[..., Finished]
COMPLETE = "complete: every line is an event, and every seq is there once"


@pytest.fixture
def run(here: Here) -> Verify:
    """Run `dsstail verify` to its end."""

    def start(*arguments: str) -> Finished:
        return here("verify", *arguments, variables={})

    return start


def record(directory: Path, content: bytes, name: str = "out.jsonl") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def found(verdict: Verdict) -> list[tuple[str, int, int, int]]:
    """Each finding's kind, line, and numbers."""
    return [(f.kind, f.place.line, f.first, f.last) for f in verdict.findings]


# From outside


@pytest.mark.parametrize("first", [0, 1, 57])
def test_a_complete_recording(tmp_path: Path, run: Verify, first: int) -> None:
    record(tmp_path, lines(range(first, first + 3000)))
    assert run("out.jsonl") == Finished(
        0, f"3000 events, seq {first}–{first + 2999}\n{COMPLETE}\n".encode(), ""
    )


def test_segments_are_one_recording(tmp_path: Path, run: Verify) -> None:
    record(tmp_path, gzip.compress(lines(range(100))), "out.1.jsonl.gz")
    record(tmp_path, lines(range(100, 200)), "out.2.jsonl")
    record(tmp_path, lines(range(200, 250)))
    names = ["out.1.jsonl.gz", "out.2.jsonl", "out.jsonl"]
    assert run(*names).out.decode() == f"250 events, seq 0–249\n{COMPLETE}\n"
    assert run(names[0], names[2]).out.decode().splitlines() == [
        "150 events, seq 0–249",
        "out.jsonl:1: gap: seq 100–199 (100 events) missing, if this goes on from out.1.jsonl.gz",
        "incomplete: 1 gap (100 events missing)",
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["out.20261123T142501.000Z.jsonl.gz", "out.20261123T152501.000Z.jsonl", "out.jsonl"],
        ["in-2026-11-23.jsonl", "in-2026-11-24.20261124T000000.123Z.jsonl", "in-2026-11-24.jsonl"],
        ["rec/20261123T10.jsonl.zst", "rec/20261123T11.jsonl", "./rec/20261124T00.jsonl"],
    ],
    ids=["rotated", "dated", "only a date"],
)
def test_the_pieces_of_a_recording_are_read_in_the_order_of_their_times(
    tmp_path: Path, run: Verify, names: list[str]
) -> None:
    (tmp_path / "rec").mkdir()
    for place, name in enumerate(names):
        record(tmp_path, lines(range(10 * place, 10 * place + 10)), name)
    for order in permutations(names):
        assert run(*order).out.decode() == f"30 events, seq 0–29\n{COMPLETE}\n"
    first, _, last = names
    finished = run(last, first)
    assert (finished.code, finished.out.decode().splitlines()) == (
        5,
        [
            "20 events, seq 0–29",
            f"{last}:1: gap: seq 10–19 (10 events) missing before",
            "incomplete: 1 gap (10 events missing)",
        ],
    )


def test_a_file_is_what_it_was_when_the_reading_began(tmp_path: Path, dsstail: Starter) -> None:
    """While others are read it can be rotated, compressed, and removed."""
    os.mkfifo(tmp_path / "a.jsonl")
    record(tmp_path, lines(range(10, 20)), "b.jsonl")
    record(tmp_path, lines(range(20, 30)), "c.jsonl")
    running = dsstail("verify", "a.jsonl", "b.jsonl", "c.jsonl", key=None)
    with (tmp_path / "a.jsonl").open("wb") as first:
        first.write(lines(range(10)))
        (tmp_path / "b.jsonl").unlink()
        (tmp_path / "c.jsonl").rename(tmp_path / "c.1.jsonl")
        record(tmp_path, lines([77]), "c.jsonl")
    assert running.finish() == Finished(0, f"30 events, seq 0–29\n{COMPLETE}\n".encode(), "")


def test_a_live_file_is_what_it_was_however_many_segments_are_before_it(
    tmp_path: Path, dsstail: Starter
) -> None:
    os.mkfifo(tmp_path / "out.20261123T000000.000Z.jsonl")
    packed = [gzip.compress(lines([seq])) for seq in range(1, MOST_HELD + 1)]
    for seq, content in enumerate(packed, start=1):
        (tmp_path / f"out.20261123T000000.{seq:03}Z.jsonl.gz").write_bytes(content)
    live = record(tmp_path, lines([MOST_HELD + 1]))
    running = dsstail("verify", *sorted(os.listdir(tmp_path)), key=None)
    with (tmp_path / "out.20261123T000000.000Z.jsonl").open("wb") as first:
        first.write(lines([0]))
        live.rename(tmp_path / "out.20261123T000000.999Z.jsonl")
        record(tmp_path, lines([MOST_HELD + 2]))
    told = f"{MOST_HELD + 2} events, seq 0–{MOST_HELD + 1}\n{COMPLETE}\n"
    assert running.finish() == Finished(0, told.encode(), "")


def test_as_many_files_are_read_as_there_are(tmp_path: Path) -> None:
    """However few of them may be open at once."""
    names = [record(tmp_path, lines([seq]), f"{seq:03}.jsonl").name for seq in range(120)]
    few = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40));"
    command = [sys.executable, "-c", f"{few} os.execv(sys.argv[1], sys.argv[1:])", installed()]
    out = subprocess.run([*command, "verify", *names], cwd=tmp_path, stdout=subprocess.PIPE).stdout
    assert out.decode() == f"120 events, seq 0–119\n{COMPLETE}\n"


def of_stream(name: str, seqs: Iterable[int], second: int = 0) -> bytes:
    """A recording of a stream, its first event at this second, with a second between any two."""
    return b"".join(
        b'{"seq":"%d","metadata":{"dsn":"%b","event_type":"location"},"location_event":'
        b'{"created_at":"2026-11-23T10:%02d:%02dZ"}}\n' % (seq, name.encode(), *divmod(at, 60))
        for at, seq in enumerate(seqs, second)
    )


def test_recordings_of_several_streams_are_checked_one_by_one(tmp_path: Path, run: Verify) -> None:
    record(tmp_path, of_stream("in", range(1, 61)), "in-2026-11-23.jsonl")
    record(tmp_path, of_stream("in", range(61, 91), 60), "in-2026-11-24.jsonl")
    record(tmp_path, of_stream("new", range(1, 11), 90), "new.jsonl")
    record(tmp_path, of_stream("old", range(700, 720), 30), "old.jsonl")
    names = ["in-2026-11-23.jsonl", "new.jsonl", "old.jsonl", "in-2026-11-24.jsonl"]
    assert run(*names) == Finished(
        0,
        "in-2026-11-24.jsonl and 1 more: 90 events, seq 1–90\n"
        "new.jsonl: 10 events, seq 1–10\n"
        "old.jsonl: 20 events, seq 700–719\n"
        "complete: every line is an event, and of each of the 3 streams every seq is\n"
        "  there once\n".encode(),
        "",
    )
    record(tmp_path, of_stream("old", [700, 702], 30), "old.jsonl")
    finished = run(*names, "-o", "json")
    verdict = json.loads(finished.out)
    assert finished.code == 5
    assert [(one["file"], one["line"], one["first"]) for one in verdict["findings"]] == [
        ("old.jsonl", 2, 701)
    ]
    assert [(one["files"], one["ranges"]) for one in verdict["streams"]] == [
        (["in-2026-11-23.jsonl", "in-2026-11-24.jsonl"], [[1, 90]]),
        (["new.jsonl"], [[1, 10]]),
        (["old.jsonl"], [[700, 702]]),
    ]


@pytest.mark.parametrize(
    ("seqs", "at", "findings"),
    [
        (range(11, 21), 10, []),
        (range(15, 21), 10, [(GAP, 1, 11, 14)]),
        (range(15, 21), 9, [(GAP, 1, 11, 14)]),
        (range(15, 21), 8, []),  # before the end of the first: another stream
        (range(1, 11), 10, []),
        (range(1, 11), 0, [(REPEAT, 1, 1, 10)]),  # the very same
        (range(5, 13), 4, [(REPEAT, 1, 5, 10)]),
    ],
)
def test_files_of_other_names_are_of_one_stream_if_their_times_go_up_with_their_numbers(
    tmp_path: Path, seqs: Iterable[int], at: int, findings: list[tuple[str, int, int, int]]
) -> None:
    paths = [
        record(tmp_path, of_stream("x", range(1, 11)), "one.jsonl"),
        record(tmp_path, of_stream("x", seqs, at), "two.jsonl"),
    ]
    assert found(verify(Odometer([*map(str, paths)]))) == findings


@pytest.mark.parametrize(
    ("others", "repeats", "ends"),
    [
        ([(13, 21)], [(13, 15)], (1, 20)),
        ([(13, 15)], [(13, 14)], (1, 15)),
        ([(3, 6), (16, 21)], [(3, 5)], (1, 20)),
        ([(3, 6), (5, 10), (15, 17)], [(3, 5), (5, 9), (15, 15)], (1, 16)),
    ],
)
def test_files_that_overlap_repeat_events_in_whatever_order_they_are_given(
    tmp_path: Path,
    others: list[tuple[int, int]],
    repeats: list[tuple[int, int]],
    ends: tuple[int, int],
) -> None:
    paths = [
        record(tmp_path, of_stream("x", range(*part), part[0]), f"{part[0]}.jsonl")
        for part in [(1, 16), *others]
    ]
    for order in permutations(map(str, paths)):
        verdict = verify(Odometer(order))
        assert not verdict.complete
    verdict = verify(Odometer([*map(str, reversed(paths))]))
    assert sorted((one.first, one.last) for one in verdict.findings) == repeats
    assert {one.kind for one in verdict.findings} == {REPEAT}
    (contents,) = verdict.contents
    assert contents.ranges == [ends]


def test_files_of_one_stream_are_told_as_one(tmp_path: Path) -> None:
    paths = [
        record(tmp_path, b'{"without":"a number"}\n', "a"),
        record(tmp_path, of_stream("x", range(7, 11), 5), "b"),
        record(tmp_path, of_stream("x", range(11, 21)), "c"),
        record(tmp_path, of_stream("x", range(25, 31), 10), "d"),
    ]
    for order in permutations(map(str, paths)):
        verdict = verify(Odometer(order))
        (contents,) = verdict.contents
        assert (contents.events, contents.unnumbered, contents.ranges) == (21, 1, [(7, 30)])
        assert contents.counts == verdict.counts == {GAP: 1}
        assert contents.files == [*map(str, paths)]
        (gap,) = verdict.findings
        assert (verdict.files[gap.place.file], gap.detail) == (str(paths[3]), str(paths[2]))


def test_a_file_can_fill_the_gap_of_another(tmp_path: Path) -> None:
    """As one with the answer to `--from-seq 11 --to-seq 20` does."""
    paths = [
        record(tmp_path, of_stream("x", [*range(1, 11), *range(21, 31)]), "out.jsonl"),
        record(tmp_path, of_stream("x", range(11, 21), 10), "missing.jsonl"),
    ]
    verdict = verify(Odometer([*map(str, paths)]))
    assert verdict.complete
    (contents,) = verdict.contents
    assert (contents.events, contents.late, contents.ranges) == (30, 10, [(1, 30)])


@pytest.mark.parametrize("extra", [b'{"without":"a number"}\n', lines([13])])
def test_what_is_missing_in_a_file_that_fills_a_gap_is_told(tmp_path: Path, extra: bytes) -> None:
    """Also where it holds as many events as if nothing were."""
    paths = [
        record(tmp_path, lines([*range(1, 11), *range(21, 31)]), "out.jsonl"),
        record(tmp_path, lines([13]) + extra + lines([15]), "missing.jsonl"),
    ]
    verdict = verify(Odometer([*map(str, paths)]))
    assert (GAP, 3, 14, 14) in found(verdict)


def test_what_is_wrong_in_a_file_that_fills_a_gap_is_told_of_the_stream(tmp_path: Path) -> None:
    several = lines([*range(11, 21), 12]) + b'{"without":"a number"}\n'
    paths = [
        record(tmp_path, lines([*range(1, 11), *range(21, 31)]), "out.jsonl"),
        record(tmp_path, several, "missing.jsonl"),
        record(tmp_path, lines(range(35, 41)), "more.jsonl"),
    ]
    verdict = verify(Odometer([*map(str, paths)]))
    (contents,) = verdict.contents
    assert (contents.events, contents.unnumbered, contents.late) == (38, 1, 10)
    assert contents.counts == verdict.counts == {REPEAT: 1, GAP: 1}
    assert [(one.kind, one.detail) for one in verdict.findings] == [
        (REPEAT, ""),
        (GAP, str(paths[0])),
    ]


def test_no_stream_fills_the_gap_of_another(tmp_path: Path) -> None:
    """A file can do that only where all are of one stream."""
    paths = [
        record(tmp_path, of_stream("x", [*range(1, 11), *range(21, 31)]), "out.jsonl"),
        record(tmp_path, of_stream("y", range(11, 21), 10), "new.jsonl"),
        record(tmp_path, of_stream("z", range(1, 31)), "in.jsonl"),
    ]
    verdict = verify(Odometer([*map(str, paths)]))
    assert found(verdict) == [(GAP, 11, 11, 20)]
    assert [contents.events for contents in verdict.contents] == [20, 10, 30]


def test_a_gap_between_files_is_none_once_these_are_of_several_streams(tmp_path: Path) -> None:
    paths = [
        record(tmp_path, of_stream("quiet", [1, 2]), "quiet.jsonl"),
        record(tmp_path, of_stream("busy", range(50, 70), 5), "busy.jsonl"),
        record(tmp_path, of_stream("third", range(1, 20)), "third.jsonl"),
    ]
    for files, kinds in ((paths[:2], [GAP]), (paths, [])):
        verdict = verify(Odometer([*map(str, files)]))
        assert [finding.kind for finding in verdict.findings] == kinds


def test_everything_that_can_be_wrong_is_listed(tmp_path: Path, run: Verify) -> None:
    content = [
        *[event(seq) for seq in range(1, 10)],  # lines 1 to 9
        *[event(seq) for seq in range(12, 16)],  # 10 to 13, behind a gap
        b"x",
        event(16),
        event(14),  # 16, again
        event(15),
        event(17),
        event(13, b"other"),  # 19
        event(18),
        event(11),  # late
        *[event(seq, b"new") for seq in range(4)],  # 22, after a reset
    ]
    record(tmp_path, b"\n".join(content) + b"\n" + event(4)[:50])
    finished = run("out.jsonl")
    assert finished.code == 5
    assert finished.out.decode().splitlines() == [
        "24 events, seq 1–18, then 0–3, 1 late",
        "out.jsonl:10: gap: seq 10 (1 event) missing before",
        "out.jsonl:14: damaged: not an event",
        "out.jsonl:16: repeat: seq 14–15 (2 events) again",
        "out.jsonl:19: conflict: seq 13 (1 event) again, with other text",
        "out.jsonl:22: reset: after seq 18 comes seq 0",
        "out.jsonl:26: torn: incomplete, the recording ends here",
        "incomplete: 1 damaged line, 1 torn end, 1 gap (1 event missing), 2 events",
        "  repeated, 1 event in conflict, 1 reset",
    ]
    assert all(len(line) <= 80 for line in finished.out.decode().splitlines())


def test_of_many_numberings_the_first_are_told(tmp_path: Path, run: Verify) -> None:
    record(tmp_path, lines([9, 7, 5, 3, 1]))
    first = run("out.jsonl").out.decode().splitlines()[0]
    assert first == "5 events, seq 9–9, then 7–7, then 5–5, and so on"


def test_the_verdict_as_json(tmp_path: Path, run: Verify) -> None:
    record(tmp_path, lines([1, 2, 5]) + b'{"no":"seq"}\n')
    finished = run("out.jsonl", "-o", "json")
    assert finished.code == 5
    assert json.loads(finished.out) == {
        "complete": False,
        "files": ["out.jsonl"],
        "streams": [
            {
                **{"stream": "", "files": ["out.jsonl"], "events": 4, "unnumbered": 1, "late": 0},
                **{"ranges": [[1, 5]], "counts": {"gap": 1}, "extents": {"gap": 2}},
            },
        ],
        "counts": {"gap": 1},
        "extents": {"gap": 2},
        "findings": [
            {
                **{"file": "out.jsonl", "line": 3, "kind": "gap", "stream": ""},
                **{"first": 3, "last": 4, "detail": ""},
            }
        ],
        "unlisted": 0,
    }


def test_streams_in_one_file_are_told_apart(tmp_path: Path, run: Verify) -> None:
    one = annotated([event(seq) for seq in (1, 2, 3)], "in", None)
    two = annotated([event(seq) for seq in (1, 3)], "out", 1.5)
    mixed = [one[0], two[0], one[1], two[1], one[2]]
    record(tmp_path, b"\n".join([*mixed, b""]))
    finished = run("out.jsonl")
    assert finished.code == 5
    assert finished.out.decode().splitlines() == [
        "stream in: 3 events, seq 1–3",
        "stream out: 2 events, seq 1–3",
        "out.jsonl:4: stream out: gap: seq 2 (1 event) missing before",
        "incomplete: 1 gap (1 event missing)",
    ]


def test_what_is_missing_before_a_stream_that_was_given_a_name_is_told(
    tmp_path: Path, run: Verify
) -> None:
    """As by `record --annotate` for a recording that was begun without, and rotated since."""
    record(tmp_path, lines([1, 2]), "out.20261101T000000.000Z.jsonl")
    named = [*annotated([event(5), event(6)], "in", 1.5), b""]
    record(tmp_path, lines([3]) + b"\n".join(named))
    assert run("out.20261101T000000.000Z.jsonl", "out.jsonl").out.decode().splitlines() == [
        "3 events, seq 1–3",
        "stream in: 2 events, seq 5–6",
        "out.jsonl:2: stream in: gap: seq 4 (1 event) missing, if this goes on from events "
        "without a name",
        "incomplete: 1 gap (1 event missing)",
    ]


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ([1, 2], {"in": [3, 4]}),
        ([1, 2], {"in": [1, 2]}),
        ([1, 2], {"in": [5], "out": [3]}),  # which of them it was is not known
        ([], {"in": [5]}),
    ],
)
def test_nothing_is_missing_before_a_stream_that_goes_on_or_may_be_another(
    tmp_path: Path, others: list[int], named: dict[str, list[int]]
) -> None:
    texts = [annotated([*map(event, seqs)], name, 1.5) for name, seqs in named.items()]
    path = record(tmp_path, lines(others) + b"\n".join([*chain.from_iterable(texts), b""]))
    assert verify(Odometer([str(path)])).complete


def test_a_stream_with_a_name_does_not_go_on_from_another_recording(tmp_path: Path) -> None:
    one = record(tmp_path, lines([1, 2]), "one.jsonl")
    two = record(tmp_path, b"\n".join([*annotated([event(5)], "in", 1.5), b""]), "two.jsonl")
    assert verify(Odometer([str(one), str(two)])).complete


def test_events_of_too_many_streams_are_unchecked_and_not_damaged(tmp_path: Path) -> None:
    texts = (b'{"seq":"%d","_dsstail":{"stream":"s%d"}}\n' % (n, n % 300) for n in range(600))
    verdict = verify(Odometer([str(record(tmp_path, b"".join(texts)))]))
    assert len(verdict.contents) == MOST_STREAMS
    (finding,) = (one for one in verdict.findings if one.kind != GAP)
    assert (finding.kind, finding.place) == (UNCHECKED, Place(0, MOST_STREAMS + 1))
    assert verdict.extents == {GAP: 299 * MOST_STREAMS, UNCHECKED: 200}


def test_a_repetition_received_at_another_time_is_one(tmp_path: Path) -> None:
    parts = [annotated([event(1)], "in", at)[0] for at in (1.0, 2.0)]
    path = record(tmp_path, b"\n".join([*parts, b""]))
    assert found(verify(Odometer([str(path)]))) == [(REPEAT, 2, 1, 1)]


def test_every_cut_of_a_recording_is_torn_or_complete(tmp_path: Path) -> None:
    content = lines([1, 2])
    ends = [len(lines(range(1, count + 1))) - 1 for count in (1, 2)]
    for kept in range(len(content) + 1):
        path = record(tmp_path, content[:kept])
        torn = kept > 0 and not any(kept in (end, end + 1) for end in ends)
        verdict = verify(Odometer([str(path)]))
        events = sum(contents.events for contents in verdict.contents)
        assert events == sum(end <= kept for end in ends)
        assert [finding.kind for finding in verdict.findings] == ["torn"] * torn
        assert verdict.complete is not torn


def test_nothing_is_complete(tmp_path: Path, run: Verify) -> None:
    record(tmp_path, b"")
    assert run("out.jsonl") == Finished(0, b"complete: there is no event\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.jsonl"], "error: cannot read missing.jsonl: No such file or directory."),
        (["-o", "csv", "x"], 'error: --output: "csv" is none of text, json.'),
        ([], "error: missing argument"),
    ],
)
def test_what_cannot_be_is_said(run: Verify, words: list[str], message: str) -> None:
    finished = run(*words)
    assert (finished.code, finished.out) == (2, b"")
    assert finished.err.startswith(message)


LOOKING_ALL_THE_TIME = """
from dsstail import gauge
from dsstail.__main__ import main

gauge.EVERY = 0.0
raise SystemExit(main())
"""


def test_a_bar_shows_how_far_it_is(tmp_path: Path) -> None:
    record(tmp_path, lines(range(75_000)))
    variables = {"PATH": os.defpath, "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"}
    argv = [sys.executable, "-c", LOOKING_ALL_THE_TIME, "verify", "out.jsonl"]
    code, seen = Terminal(argv, variables, tmp_path).finish()
    assert code == 0
    assert re.search("━─* +[1-9][0-9]?% of 36 MB", seen)
    assert seen.rpartition("\x1b[K")[2].splitlines()[-1] == COMPLETE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_verdict_that_cannot_be_written(tmp_path: Path, dsstail: Starter) -> None:
    record(tmp_path, lines([1]))
    with open("/dev/full", "wb") as full:
        finished = dsstail("verify", "out.jsonl", key=None, stdout=full).finish()
    assert finished.code == 6


@pytest.mark.parametrize(("numbers", "code"), [(range(3), 0), ([1, 3], 5)])
def test_a_verdict_that_nobody_reads_is_still_told_by_the_exit_code(
    numbers: Iterable[int], code: int, tmp_path: Path, dsstail: Starter
) -> None:
    record(tmp_path, lines(numbers))
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as closed:
        finished = dsstail("verify", "out.jsonl", key=None, stdout=closed).finish()
    assert (finished.code, finished.err) == (code, "")


def test_memory_is_bounded_however_much_is_wrong(tmp_path: Path) -> None:
    """Every second number is missing, and streams come and go."""
    used = []
    for count in (20_000, 60_000):
        texts = (
            b'{"seq":"%d","_dsstail":{"stream":"s%d"}}\n' % (2 * n, n % 3000) for n in range(count)
        )
        path = record(tmp_path, b"".join(texts) + lines(range(0, 2 * count, 2)))
        used.append(most_memory(installed(), "verify", str(path), ends_with=5))
    assert used[1] < used[0] + (12 << 20)


def test_more_findings_than_can_be_read_are_counted(tmp_path: Path) -> None:
    path = record(tmp_path, lines(range(0, 4 * LISTED, 2)))
    verdict = verify(Odometer([str(path)]))
    assert len(verdict.findings) == LISTED
    assert verdict.counts == {GAP: 2 * LISTED - 1}
    assert verdict.unlisted == LISTED - 1


# Numbers


def told(events: Iterable[tuple[int, str]]) -> tuple[list[Anomaly[int]], Numbering[int]]:
    """What a numbering tells of events, given by seq and text; places count from 0."""
    anomalies: list[Anomaly[int]] = []
    numbering = Numbering(Fingerprints(Bound(256, 16)), anomalies.append)
    for place, (seq, text) in enumerate(events):
        if seq == numbering.expected:
            numbering.take_run([f"{seq}{text}".encode()])
        else:
            numbering.take(seq, f"{seq}{text}".encode(), place)
    numbering.end()
    return anomalies, numbering


def same(*seqs: int, text: str = "") -> list[tuple[int, str]]:
    return [(seq, text) for seq in seqs]


@pytest.mark.parametrize(
    ("events", "anomalies", "ranges"),
    [
        ([], [], []),
        (same(7), [], [(7, 7)]),
        (same(1, 2, 5), [Anomaly(GAP, 3, 4, 2)], [(1, 5)]),
        (same(1, 5, 3), [Anomaly(GAP, 2, 2, 1), Anomaly(GAP, 4, 4, 1)], [(1, 5)]),
        (same(1, 4, 2, 3, 5), [], [(1, 5)]),
        (same(1, 2, 3, 2, 3, 4), [Anomaly(REPEAT, 2, 3, 3)], [(1, 4)]),
        (same(1, 2, 3, 1, 1, 4), [Anomaly(REPEAT, 1, 1, 3), Anomaly(REPEAT, 1, 1, 4)], [(1, 4)]),
        (same(5, 6, 3, 4, 7), [], [(3, 7)]),
        (same(5, 6, 2, 7), [Anomaly(GAP, 3, 4, 2)], [(2, 7)]),
        (
            [*same(1, 2, 3, 4), *same(2, text="x"), *same(5)],
            [Anomaly(CONFLICT, 2, 2, 4)],
            [(1, 5)],
        ),
        (
            [*same(1, 2, 3), *same(3, 4, text="x")],
            [Anomaly(CONFLICT, 3, 3, 3)],
            [(1, 4)],
        ),
        (
            [*same(1, 2, 3), *same(1, 2, 3, 4, text="x")],
            [Anomaly(RESET, 3, 1, 3)],
            [(1, 3), (1, 4)],
        ),
        (
            [*same(50, 51, 53), *same(20, 21, text="x"), *same(24, text="x")],
            [Anomaly(GAP, 52, 52, 2), Anomaly(RESET, 53, 20, 3), Anomaly(GAP, 22, 23, 5)],
            [(50, 53), (20, 24)],
        ),
        ([*same(1, 2), *same(0, text="x")], [Anomaly(RESET, 2, 0, 2)], [(1, 2), (0, 0)]),
        ([*same(4, 5, 6), *same(5, text="x")], [Anomaly(CONFLICT, 5, 5, 3)], [(4, 6)]),
    ],
)
def test_what_is_wrong_with_numbers(
    events: list[tuple[int, str]], anomalies: list[Anomaly[int]], ranges: list[tuple[int, int]]
) -> None:
    found, numbering = told(events)
    assert found == anomalies
    assert numbering.ranges == ranges


@given(st.sets(st.integers(0, 60), min_size=1))
def test_gaps_are_what_is_missing(seqs: set[int]) -> None:
    anomalies, _ = told(same(*sorted(seqs)))
    missing = [seq for gap in anomalies for seq in range(gap.first, gap.last + 1)]
    assert missing == sorted(set(range(min(seqs), max(seqs))) - seqs)
    assert all(anomaly.kind == GAP for anomaly in anomalies)


@given(st.permutations(range(1, 12)))
def test_late_events_fill_their_gaps(order: list[int]) -> None:
    anomalies, numbering = told(same(0, *order))
    assert anomalies == []
    assert numbering.ranges == [(0, 11)]


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), max_size=30))
def test_an_anomaly_is_found_whenever_not_every_number_is_there_once(
    events: list[tuple[int, str]],
) -> None:
    anomalies, _ = told(events)
    seqs = [seq for seq, _ in events]
    once = len(set(seqs)) == len(seqs) and (not seqs or len(seqs) == max(seqs) - min(seqs) + 1)
    if not once:
        assert anomalies


def test_a_reset_long_ago_is_no_repetition() -> None:
    count = 2_000_000
    anomalies: list[Anomaly[int]] = []
    numbering: Numbering[int] = Numbering(Fingerprints(Bound(256, 16)), anomalies.append)
    texts = [b"%d" % seq for seq in range(count)]
    numbering.take(0, texts[0], 0)
    numbering.take_run(texts[1:])
    numbering.take(0, b"x", 1)
    numbering.take(1, b"y", 2)
    numbering.end()
    assert anomalies == [Anomaly(RESET, count - 1, 0, 1)]
