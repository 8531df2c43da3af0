"""Recordings as they grow: real files, each of which has to be whole whatever happened to it."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import os
import re
import resource
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import zstandard
from command import PATIENCE, wait_until
from hypothesis import given, settings
from hypothesis import strategies as st
from scenarios import event, lines
from torture.disks import NotPossible, small_disk

from dsstail.annotation import annotated
from dsstail.errors import ConfigurationError, OutputError
from dsstail.recording import resuming
from dsstail.recording.locking import lock
from dsstail.recording.naming import Naming
from dsstail.recording.recorder import Recorder, RecordingSettings
from dsstail.recording.rotating import Tidier
from dsstail.recording.syncing import sync_file
from dsstail.session import Session

NOON = datetime(2026, 11, 23, 12, 0, 0).timestamp()


class Recording:
    """A recorder at work, what it told, and its files."""

    def __init__(self, file: Path | str, streams: Sequence[str] = ("stream",), **more: Any):
        self.told: list[str] = []
        asked = RecordingSettings(str(file), **{"fsync": "never", **more})
        self.recorder = Recorder(asked, streams, self.told.append)

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.recorder.close(in_haste=False)

    def write(
        self, *texts: bytes, stream: str = "stream", received_at: float | None = None
    ) -> None:
        self.recorder.write(list(texts), stream, received_at or time.time())

    def look(self) -> None:
        """Let it look at what is due, as it does twice a second."""
        self.recorder._look_at = 0.0
        self.recorder.idle()


def last_of(recorder: Recorder, stream: str) -> int | None:
    """Where a session takes up that is told of a stream's last events."""
    return Session(known=recorder.known(stream)).last


def resumed(file: Path | str, streams: Sequence[str] = ("stream",), **more: Any) -> dict[str, int]:
    """Where streams would take up, by a recorder that is opened and closed."""
    with Recording(file, streams, **more) as recording:
        last = {name: last_of(recording.recorder, name) for name in streams}
        return {name: seq for name, seq in last.items() if seq is not None}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


# What is written


def test_events_are_lines_as_they_came(tmp_path: Path) -> None:
    texts = [b'{"seq":"1", "v" : "\\u00e9\\/" }', '{"seq":"2","v":"é|Z 𝄞"}'.encode(), b'{"seq":3}']
    with Recording(tmp_path / "out.jsonl") as recording:
        recording.write(*texts[:2])
        recording.write(texts[2])
    assert (tmp_path / "out.jsonl").read_bytes() == b"\n".join([*texts, b""])


def test_line_breaks_inside_become_blanks_and_nothing_else_changes(tmp_path: Path) -> None:
    with Recording(tmp_path / "out.jsonl") as recording:
        recording.write(event(1), b'{\r\n\t"seq": "2",\n"v": "a\\nb\\r"\n}\n', event(3))
    written = (tmp_path / "out.jsonl").read_bytes()
    assert written == lines([1]) + b'{  \t"seq": "2", "v": "a\\nb\\r" } \n' + lines([3])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b'{"seq":"1","a":{}}', b'{"seq":"1","a":{},"_dsstail":%s}'),
        (b'{"seq":"1","a":[ ] } ', b'{"seq":"1","a":[ ] ,"_dsstail":%s}'),
        (b"{}", b'{"_dsstail":%s}'),
    ],
)
def test_an_annotation_is_the_last_member(text: bytes, line: bytes, tmp_path: Path) -> None:
    with Recording(tmp_path / "out.jsonl", annotate=True) as recording:
        recording.write(text, received_at=1542968661.000042)
    member = b'{"stream":"stream","received_at":"2018-11-23T10:24:21.000042Z"}'
    assert (tmp_path / "out.jsonl").read_bytes() == line % member + b"\n"


def test_several_streams_share_a_file_and_each_line_names_its_own(tmp_path: Path) -> None:
    with Recording(tmp_path / "out.jsonl", ["in", "out"]) as recording:
        recording.write(b'{"seq":"1"}', stream="in")
        recording.write(b'{"seq":"7"}', stream="out")
    assert (tmp_path / "out.jsonl").read_bytes() == (
        b'{"seq":"1","_dsstail":{"stream":"in"}}\n{"seq":"7","_dsstail":{"stream":"out"}}\n'
    )
    assert resumed(tmp_path / "out.jsonl", ["in", "out"]) == {"in": 1, "out": 7}


def test_a_file_whose_lines_name_their_streams_goes_on_so(tmp_path: Path) -> None:
    with Recording(tmp_path / "out.jsonl", ["in", "out"]) as recording:
        recording.write(b'{"seq":"1"}', stream="in")
    with Recording(tmp_path / "out.jsonl", ["in"]) as recording:
        recording.write(b'{"seq":"2"}', stream="in")
    assert (
        (tmp_path / "out.jsonl").read_bytes().endswith(b'{"seq":"2","_dsstail":{"stream":"in"}}\n')
    )
    assert resumed(tmp_path / "out.jsonl", ["in", "out"]) == {"in": 2}


def test_each_stream_has_its_file_where_the_name_says_so(tmp_path: Path) -> None:
    with Recording(tmp_path / "{stream}.jsonl", ["in", "out"]) as recording:
        recording.write(event(1), stream="in")
        recording.write(event(7), stream="out")
    assert (tmp_path / "in.jsonl").read_bytes() == lines([1])
    assert (tmp_path / "out.jsonl").read_bytes() == lines([7])
    assert resumed(tmp_path / "{stream}.jsonl", ["in", "out"]) == {"in": 1, "out": 7}


@pytest.mark.parametrize("stream", ["..", ".", ".hidden", "../../etc/passwd", "a/b", "a\\b"])
def test_a_stream_cannot_name_a_file_elsewhere(stream: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for pattern in (inner / "{stream}", inner / "{stream}.jsonl", inner / "x-{stream}"):
        with Recording(pattern, [stream]) as recording:
            recording.write(event(1), stream=stream)
    assert names(tmp_path) == ["inner"]
    assert len(names(inner)) == 3
    assert not any(name.startswith(".") for name in names(inner))


@pytest.mark.parametrize("streams", [[".in", "_in"], ["in", "out"]], ids=["dot", "link"])
def test_two_streams_cannot_have_the_same_file(streams: list[str], tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").symlink_to("out.jsonl")
    with pytest.raises(ConfigurationError) as raised:
        Recording(tmp_path / "{stream}.jsonl", streams)
    assert f"streams {streams[0]} and {streams[1]} would go into the same file" in str(raised.value)


# Healing

EVENTS = [
    event(1),
    b'{"seq":"2","text":"brackets }{ and \\" quotes","deep":{"a":[1,{"b":[]}]}}',
    '{ "seq" : "3" , "text" : "é𝄞" }'.encode(),
    event(4, b"x" * 100),
]


@pytest.mark.parametrize("annotate", [False, True])
def test_every_cut_of_a_recording_heals(annotate: bool, tmp_path: Path) -> None:
    """Wherever a crash cut it, the next start loses no whole event and gets the rest once more."""
    with Recording(tmp_path / "whole.jsonl", annotate=annotate) as recording:
        recording.write(*EVENTS, received_at=NOON)
    whole = (tmp_path / "whole.jsonl").read_bytes()
    path = tmp_path / "cut.jsonl"
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        with Recording(path, annotate=annotate) as recording:
            last = last_of(recording.recorder, "stream") or 0
            told = recording.told
            if EVENTS[last:]:
                recording.write(*EVENTS[last:], received_at=NOON)
        assert path.read_bytes() == whole
        kept = whole[:size].count(b"\n")
        assert last in (kept, kept + 1)  # one more where nothing but the line break was missing
        torn = size - (whole.rfind(b"\n", 0, size) + 1)
        cut = torn if last == kept else 0
        much = "1 byte" if cut == 1 else f"{cut} bytes"
        expected = [f"{path}: cut off an incomplete last line of {much}."] if cut else []
        assert told == expected


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(values=st.lists(json_values, min_size=1, max_size=5), data=st.data())
def test_any_cut_of_any_recording_heals(
    values: list[object], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    texts = [
        json.dumps({"seq": str(seq), "v": value}, ensure_ascii=data.draw(st.booleans())).encode(
            errors="surrogatepass"
        )
        for seq, value in enumerate(values, start=1)
    ]
    whole = b"".join(text + b"\n" for text in texts)
    path = tmp_path_factory.mktemp("any") / "cut.jsonl"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with Recording(path) as recording:
        last = last_of(recording.recorder, "stream") or 0
        if texts[last:]:
            recording.write(*texts[last:])
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "tail",
    [b"\0" * 100, event(2)[:50] + b"\0" * 99, b"\0" * 99 + event(2)[50:], b"  ", b"{\0"],
)
def test_what_a_power_cut_leaves_is_cut_off(tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines([1]) + tail)
    assert resumed(path) == {"stream": 1}
    assert path.read_bytes() == lines([1])


def test_a_torn_line_longer_than_a_block_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines([1]) + event(2, b"x" * 3_000_000)[:-2])
    assert resumed(path) == {"stream": 1}
    assert path.read_bytes() == lines([1])


@pytest.mark.parametrize(
    "content",
    [
        b"notes of a meeting",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        event(1) + event(2),
        event(1) + event(2) + event(3)[:40],
        b"a,b,c\n1,2",
        b"Subject: 1 of 2\n\nNotes of a meeting,\nto be kept.\n",
        b"\n# notes\n",
        b"n\n1\n2",
        b"a log of\n" + event(1)[:9],
    ],
    ids=["text", "picture", "collector", "torn", "csv", "mail", "notes", "numbers", "log"],
)
def test_a_file_that_is_no_recording_is_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="left as it is") as raised:
        Recording(path)
    assert raised.value.exit_code == 6
    assert path.read_bytes() == content


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
def test_a_compressed_file_is_left_alone(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """Even if its last byte looks like the end of a line."""
    path = tmp_path / "out.jsonl.gz"
    content = compress(lines([1])) + b"\n"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="left as it is"):
        Recording(path)
    assert path.read_bytes() == content


def test_damage_in_the_middle_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    damaged = lines([1]) + b'{"seq":"9", torn\n\0\0\0\n\n' + lines([2]) + b"no json\n"
    path.write_bytes(damaged)
    with Recording(path) as recording:
        assert recording.recorder.known("stream") == (event(1), event(2))
        recording.write(event(3))
    assert path.read_bytes() == damaged + lines([3])


@pytest.mark.parametrize("head", [event(1)[9:] + b"\n", b"\0" * 99 + event(1)[9:] + b"\n", b"\n"])
def test_a_recording_without_its_beginning_goes_on(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(head + lines([2, 3]) + event(4)[:9])
    assert resumed(path) == {"stream": 3}
    assert path.read_bytes() == head + lines([2, 3])


# Taking up where it ends


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little of a recording's end is looked into that a quick test has more of it."""
    monkeypatch.setattr(resuming, "WINDOW_LINES", 10_000)
    monkeypatch.setattr(resuming, "WINDOW_BYTES", 8 << 20)


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_the_end_is_found_without_reading_the_whole(name: str, tmp_path: Path) -> None:
    """A name does not make a recording compressed."""
    path = tmp_path / name
    path.write_bytes(lines(range(30_000)))
    read = read_by(lambda: resumed(path))
    assert read < resuming.WINDOW_BYTES + 3 * resuming.BLOCK
    with Recording(path) as recording:
        known = recording.recorder.known("stream")
    assert known == tuple(map(event, range(30_000 - len(known), 30_000)))
    assert 9_000 < len(known) <= resuming.WINDOW_LINES


def test_what_is_no_line_is_not_read_to_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + lines([7]))
    read = read_by(lambda: resumed(path))
    assert read < resuming.WINDOW_BYTES + 3 * resuming.BLOCK
    assert resumed(path) == {"stream": 7}


def read_by(action: Callable[[], object]) -> int:
    """How many bytes this process reads from files meanwhile."""
    before = _read_so_far()
    action()
    return _read_so_far() - before


def _read_so_far() -> int:
    (line,) = [
        line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar")
    ]
    return int(line.split()[1])


LONG = Random(1).randbytes(1_500_000).hex().encode()


@pytest.mark.parametrize(
    "content",
    [
        lines([6, 7]).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + lines([7]),
        lines([6, 7]) + b'[{"seq":"9"}]\n{"no":"number"}\n\n\n',
        lines([5]) + event(7, LONG) + b"\n",
        event(6, LONG) + b"\n" + lines([7]),
    ],
    ids=["CRLF", "byte order mark", "no events", "too long", "too long, before it"],
)
@pytest.mark.parametrize("form", [None, "gz"])
def test_the_last_event_is_found_beside_what_is_none(
    content: bytes, form: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "LONGEST_LINE", 2_000_000)
    if form is None:
        (tmp_path / "out.jsonl").write_bytes(content)
    else:
        segment = tmp_path / "out.20170312T210124.000Z.jsonl.gz"
        segment.write_bytes(gzip.compress(content))
    assert resumed(tmp_path / "out.jsonl") == {"stream": 7}


@pytest.mark.usefixtures("small_window")
def test_a_quiet_stream_is_found_far_back(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Recording(path, ["quiet", "busy"]) as recording:
        recording.write(event(5), stream="quiet")
        recording.write(*map(event, range(20_000)), stream="busy")
    assert resumed(path, ["busy", "quiet"]) == {"quiet": 5, "busy": 19_999}


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize("form", [None, "gz", "zst"])
def test_a_quiet_stream_is_found_in_an_older_segment(form: str | None, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    options = {"rotate_size": 3_000_000, "compress": form}
    with Recording(path, ["quiet", "busy"], **options) as recording:
        recording.write(event(5), stream="quiet")
        for first in range(0, 20_000, 1000):
            recording.write(*map(event, range(first, first + 1000)), stream="busy")
    assert len(names(tmp_path)) == 4
    assert resumed(path, ["quiet", "busy"], **options) == {"quiet": 5, "busy": 19_999}


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize("form", [None, "gz"])
def test_a_stream_that_is_not_found_far_back_is_told(
    form: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "SEARCH_BYTES", 9_000_000)
    path = tmp_path / "out.jsonl"
    options = {"rotate_size": 3_000_000, "compress": form}
    with Recording(path, ["quiet", "busy"], **options) as recording:
        recording.write(event(5), stream="quiet")
        for first in range(0, 30_000, 1000):
            recording.write(*map(event, range(first, first + 1000)), stream="busy")
    with Recording(path, ["quiet", "busy", "new"], **options) as recording:
        assert last_of(recording.recorder, "quiet") is None
        assert recording.told == [
            f"no event of {stream} was found towards the end of {path}: "
            "it begins with what comes now."
            for stream in ("new", "quiet")
        ]


def test_lines_without_numbers_are_not_all_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "TAKEN_BYTES", 1 << 20)
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines([1]) + b'{"without":"a number"}\n' * 200_000)
    with Recording(path) as recording:
        assert last_of(recording.recorder, "stream") is None
        assert len(recording.told) == 1


def test_a_stream_without_a_past_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Recording(path, ["in", "out"]) as recording:
        recording.write(event(5), stream="in")
    assert resumed(path, ["in", "new"]) == {"in": 5}
    assert resumed(path, ["other"]) == {}


@pytest.mark.parametrize(
    "content",
    [
        lines([1]).replace(b",", b",\n") + b"\n",
        event(1) + event(2) + b"\n",
        b'{"without":"a number"}\n',
        b"".join(line + b"\n" for line in annotated([event(1)], "an older name", None)),
    ],
    ids=["indented", "nothing between", "no number", "another name"],
)
def test_that_nothing_can_be_resumed_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(content)
    with Recording(path, ["in", "out"]) as recording:
        assert recording.told == [
            f"no event of {stream} was found in {path}: it begins with what comes now."
            for stream in ("in", "out")
        ]
    with Recording(path, ["in"], resume=False) as recording:
        assert recording.told == []


def test_the_last_line_counts_and_not_the_highest_number(tmp_path: Path) -> None:
    """After a reset of the numbers, the old high ones are of no use."""
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines([998, 999, 0, 1]) + b'{"without":"a number"}\n')
    assert resumed(path) == {"stream": 1}


def test_known_events_have_their_own_text(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    texts = [b'{"seq":"1","a":{}}', b'{"seq":"2", "a":"\\"_dsstail\\":{}" }', b'{"seq":"3"}']
    with Recording(path, annotate=True) as recording:
        recording.write(*texts)
    with Recording(path) as recording:
        assert recording.recorder.known("stream") == tuple(texts)


def test_resuming_looks_into_the_newest_segment_where_the_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Recording(path, rotate_size=1) as recording:
        recording.write(event(1), event(2), event(3))
    (tmp_path / "out.jsonl").write_bytes(b"")
    assert resumed(path) == {"stream": 2}
    path.unlink()
    assert resumed(path) == {"stream": 2}


@pytest.mark.parametrize("options", [{"resume": False}, {"overwrite": True}])
def test_not_resuming(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines([1, 2]) + b'{"torn')
    assert resumed(path, **options) == {}
    assert path.read_bytes() == (b"" if "overwrite" in options else lines([1, 2]))


def test_a_segment_that_cannot_be_read_is_no_reason_to_forget_it(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    segment = tmp_path / "out.20261123T120000.000Z.jsonl"
    segment.symlink_to(segment)  # what not even root can read
    with pytest.raises(OutputError, match="--no-resume goes on without"):
        Recording(path)
    assert resumed(path, resume=False) == {}


def test_a_damaged_compressed_segment_gives_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    whole = gzip.compress(lines(range(50_000)))
    (tmp_path / "out.20261123T120000.000Z.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    assert 1000 < resumed(path)["stream"] < 49_000


# One writer


def test_one_recorder_for_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with Recording(path) as recording:
        recording.write(event(1))
        for name in (path, link):
            for overwrite in (False, True):
                with pytest.raises(OutputError) as raised:
                    Recording(name, overwrite=overwrite)
                assert str(raised.value) == f"process {os.getpid()} is recording to {name} already."
        assert raised.value.exit_code == 6
    assert path.read_bytes() == lines([1])
    assert resumed(path) == {"stream": 1}


# Whose files, and which


def test_files_are_their_owners(tmp_path: Path) -> None:
    with Recording(tmp_path / "out.jsonl", rotate_size=1, compress="gz") as recording:
        recording.write(event(1), event(2))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert (modes, len(names(tmp_path))) == ({0o600}, 2)


def test_a_stricter_umask_is_heeded_and_a_file_keeps_its_mode(tmp_path: Path) -> None:
    before = os.umask(0o277)
    try:
        with Recording(tmp_path / "strict.jsonl"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "strict.jsonl").stat().st_mode) == 0o400
    shared = tmp_path / "shared.jsonl"
    shared.touch()
    shared.chmod(0o664)
    with Recording(shared) as recording:
        recording.write(event(1))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o664


def test_links_are_followed_and_segments_stay_beside_the_file(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    link = here / "out.jsonl"
    link.symlink_to(there / "real.jsonl")  # which is not there yet
    with Recording(link, rotate_size=1, compress="gz") as recording:
        recording.write(event(1), event(2))
    assert link.is_symlink()
    assert names(here) == ["out.jsonl"]
    assert names(there) == ["real.20170312T210124.000Z.jsonl.gz", "real.jsonl"]
    assert (there / "real.jsonl").read_bytes() == lines([2])
    assert resumed(link) == {"stream": 2}


def test_a_fifo_is_written_as_it_is(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    with Recording(fifo, ["in", "out"]) as recording:
        recording.write(b'{"seq":"1"}', stream="out")
        recording.look()
    reader.join()
    assert read == [b'{"seq":"1","_dsstail":{"stream":"out"}}\n']


def test_a_fifo_that_nobody_reads_any_more_is_an_error(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: fifo.open("rb").close())
    reader.start()
    with Recording(fifo) as recording:
        reader.join()
        with pytest.raises(OutputError, match="Broken pipe"):
            recording.write(event(1))
        with pytest.raises(OutputError, match="Broken pipe"):
            recording.look()


def test_a_device_cannot_be_rotated() -> None:
    with pytest.raises(ConfigurationError, match="no regular file"):
        Recording("/dev/null", rotate_size=100)
    with pytest.raises(OutputError, match="No space left"), Recording("/dev/full") as recording:
        recording.write(event(1))


@pytest.mark.parametrize("options", [{"keep": 3}, {"compress": "gz"}])
def test_what_is_for_complete_files_needs_some(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Add --rotate-size"):
        Recording(tmp_path / "out.jsonl", **options)


def test_a_name_needs_room_for_those_of_its_segments(tmp_path: Path) -> None:
    """Or it would be known only at the first rotation."""
    path = tmp_path / f"{'x' * 220}.jsonl"
    assert resumed(path) == {}
    with pytest.raises(ConfigurationError, match="too long"):
        Recording(path, rotate_every=3600.0)


# Rotation


def recorded(directory: Path) -> bytes:
    """All that is in the files of a directory, in the order of their names, live ones last."""
    paths = sorted(directory.iterdir(), key=lambda path: (path.name.count(".") == 1, path.name))
    return b"".join(map(content, paths))


def content(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    return path.read_bytes()


@pytest.mark.parametrize("form", [None, "gz", "zst"])
def test_a_full_file_becomes_a_segment(form: str | None, tmp_path: Path) -> None:
    size = len(lines(range(10, 13)))
    with Recording(tmp_path / "out.jsonl", rotate_size=size, compress=form) as recording:
        for first in range(10, 90, 8):
            recording.write(*map(event, range(first, first + 8)))
    assert recorded(tmp_path) == lines(range(10, 90))
    ending = f".{form}" if form else ""
    assert names(tmp_path) == [
        *(f"out.20170312T210124.{number:03}Z.jsonl{ending}" for number in range(26)),
        "out.jsonl",
    ]
    assert all(content(path).count(b"\n") == 3 for path in tmp_path.glob(f"out.2*{ending}"))
    assert resumed(tmp_path / "out.jsonl") == {"stream": 89}


def test_a_line_larger_than_a_segment_has_its_own(tmp_path: Path) -> None:
    with Recording(tmp_path / "out.jsonl", rotate_size=1000) as recording:
        recording.write(event(1), event(2, b"x" * 5000), event(3))
    assert recorded(tmp_path) == lines([1]) + event(2, b"x" * 5000) + b"\n" + lines([3])
    assert len(names(tmp_path)) == 3


def timed(seq: int, moment: str) -> bytes:
    return (
        b'{"seq":"%d","metadata":{"event_type":"connectivity"},"connection":{"event_time":"%s"}}'
        % (seq, moment.encode())
    )


@pytest.mark.parametrize(
    ("moments", "stamps"),
    [
        (["2017-01-02T03:04:05Z"], ["20170102T030405.000Z"]),
        (["2017-01-02T03:04:05+01:00"], ["20170102T020405.000Z"]),
        # A clock that goes back, or stands still: what came later sorts after.
        (
            ["2017-01-02T03:04:05Z", "2017-01-01T00:00:00Z", "2017-01-02T03:04:05Z"],
            ["20170102T030405.000Z", "20170102T030405.001Z", "20170102T030405.002Z"],
        ),
        # No time, or one yet to come: then it is that of receipt, 2018-11-23T10:24:21Z.
        (["", "2099-01-01T00:00:00Z"], ["20181123T102421.000Z", "20181123T102421.001Z"]),
        (["../../../etc/passwd"], ["20181123T102421.000Z"]),
        (["0001-01-01T00:00:00Z"], ["00010101T000000.000Z"]),
        # A time that is none in UTC any more.
        (["0001-01-01T00:00:00+14:00"], ["20181123T102421.000Z"]),
    ],
)
def test_a_segment_is_named_by_its_first_event(
    moments: list[str], stamps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1542968661.0)
    with Recording(tmp_path / "out.jsonl", rotate_size=1) as recording:
        for seq, moment in enumerate([*moments, ""]):
            recording.write(timed(seq, moment), received_at=1542968661.0)
    assert names(tmp_path) == [*(f"out.{stamp}.jsonl" for stamp in stamps), "out.jsonl"]


def test_a_name_that_is_taken_is_not_taken_again(tmp_path: Path) -> None:
    taken = tmp_path / "out.20170312T210124.000Z.jsonl.zst"
    taken.symlink_to("nowhere")
    with Recording(tmp_path / "out.jsonl", rotate_size=1, resume=False) as recording:
        recording.write(event(1), event(2))
    assert names(tmp_path) == [taken.name, "out.20170312T210124.001Z.jsonl", "out.jsonl"]


@pytest.mark.parametrize("name", ["out", ".out", "..out", "out.", "out.a.b", "a b\n\udcff.jsonl"])
def test_segments_are_known_whatever_the_file_is_called(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with Recording(path, rotate_size=1, keep=1, compress="gz") as recording:
        recording.write(event(1), event(2), event(3))
    [segment] = set(names(tmp_path)) - {name}
    assert segment.endswith(".gz")
    assert gzip.decompress((tmp_path / segment).read_bytes()) == lines([2])
    path.write_bytes(b"")
    with Recording(path) as recording:
        assert last_of(recording.recorder, "stream") == 2


def test_rotation_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jsonl"
    midnight = 86400.0 * 20_000
    moment = midnight - 10
    monkeypatch.setattr(time, "time", lambda: moment)
    with Recording(path, rotate_every=86400.0) as recording:
        recording.write(event(1), received_at=moment)
        recording.look()
        assert len(names(tmp_path)) == 1
        recording.write(event(2), received_at=midnight)
        assert (len(names(tmp_path)), path.read_bytes()) == (2, lines([2]))
        recording.write(event(3), received_at=midnight - 1)  # of a stream that was slower
        moment = midnight + 86401
        recording.look()
        assert (len(names(tmp_path)), path.read_bytes()) == (3, b"")
        recording.look()
        assert len(names(tmp_path)) == 3
    assert recorded(tmp_path) == lines([1, 2, 3])


def test_a_file_of_an_earlier_hour_is_rotated_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON)
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines([1]))
    os.utime(path, (NOON, NOON))
    with Recording(path, rotate_every=3600.0) as recording:
        recording.write(event(2), received_at=NOON + 60)
        assert len(names(tmp_path)) == 1
    os.utime(path, (NOON, NOON))
    with Recording(path, rotate_every=3600.0) as recording:
        recording.write(event(3), received_at=NOON + 3600)
    assert (len(names(tmp_path)), path.read_bytes()) == (2, lines([3]))


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "FIFO"])
def test_what_is_no_file_is_no_segment(make: Callable[[Path], object], tmp_path: Path) -> None:
    for name in ("out.20170312T210124.000Z.jsonl", "out.20170312T210124.001Z.jsonl.gz"):
        make(tmp_path / name)
    with Recording(tmp_path / "out.jsonl", rotate_size=1, keep=1, compress="gz") as recording:
        recording.write(event(1), event(2), event(3))
    assert recording.told == []
    assert names(tmp_path) == [
        "out.20170312T210124.000Z.jsonl",
        "out.20170312T210124.001Z.jsonl.gz",
        "out.20170312T210124.003Z.jsonl.gz",
        "out.jsonl",
    ]


def test_as_many_segments_are_kept_as_asked(tmp_path: Path) -> None:
    others = [
        "out.notes.jsonl",
        "out.2026.jsonl",
        "outer.20170312T210124.000Z.jsonl",
        "out.jsonl.gz",
    ]
    for name in others:
        (tmp_path / name).write_bytes(b"precious")
    with Recording(tmp_path / "out.jsonl", rotate_size=1, keep=2, compress="gz") as recording:
        recording.write(*map(event, range(9)))
    stamps = ("out.20170312T210124.006Z.jsonl.gz", "out.20170312T210124.007Z.jsonl.gz")
    assert names(tmp_path) == sorted([*others, *stamps, "out.jsonl"])
    assert all((tmp_path / name).read_bytes() == b"precious" for name in others)


# Names with dates


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_new_date_is_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: at("2026-11-23T23:59:00"))
    with Recording(tmp_path / "out-%Y-%m-%d.jsonl", compress="gz") as recording:
        recording.write(event(1), received_at=at("2026-11-23T23:59:59"))
        recording.write(event(2), received_at=at("2026-11-24T00:00:00"))
        recording.write(event(3), received_at=at("2026-11-23T23:59:59.5"))
    assert names(tmp_path) == ["out-2026-11-23.jsonl.gz", "out-2026-11-24.jsonl"]
    assert content(tmp_path / "out-2026-11-23.jsonl.gz") == lines([1])
    assert content(tmp_path / "out-2026-11-24.jsonl") == lines([2, 3])


def test_the_day_after_it_resumes_from_the_day_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = tmp_path / "%d.%m.%Y-{stream}.jsonl"
    for name, seq in (("30.11.2026-a", 7), ("01.12.2026-a", 9), ("31.01.2026-a", 2)):
        (tmp_path / f"{name}.jsonl").write_bytes(lines([seq]))
    (tmp_path / "02.12.2026-b.jsonl").write_bytes(lines([1000]))
    monkeypatch.setattr(time, "time", lambda: at("2026-12-02T00:00:00"))
    assert resumed(pattern, ["a"]) == {"a": 9}


@pytest.mark.parametrize("torn", [event(3)[:60], b"\0" * 5000], ids=["torn", "zeros"])
@pytest.mark.parametrize("form", [None, "gz"])
def test_the_day_after_a_crash_the_file_of_the_day_before_is_healed(
    form: str | None, torn: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "2026-11-30.jsonl"
    before.write_bytes(lines([1, 2]) + torn)
    monkeypatch.setattr(time, "time", lambda: at("2026-12-01T00:00:00"))
    with Recording(tmp_path / "%Y-%m-%d.jsonl", compress=form) as recording:
        assert last_of(recording.recorder, "stream") == 2
        recording.write(event(3))
    assert recording.told == [f"{before}: cut off an incomplete last line of {len(torn)} bytes."]
    assert recorded(tmp_path) == lines([1, 2, 3])


@pytest.mark.parametrize(
    ("end", "locked"),
    [(b"no event", False), (event(3)[:60], True)],
    ids=["no recording", "of another recorder"],
)
def test_the_file_of_the_day_before_is_left_as_it_is_if_that_is_not_ours(
    end: bytes, locked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "2026-11-30.jsonl"
    before.write_bytes(lines([1, 2]) + end)
    monkeypatch.setattr(time, "time", lambda: at("2026-12-01T00:00:00"))
    with before.open("rb") as file:
        assert not locked or lock(file.fileno())
        with Recording(tmp_path / "%Y-%m-%d.jsonl") as recording:
            recording.write(event(3))
    assert recording.told == []
    assert before.read_bytes() == lines([1, 2]) + end


def test_of_dated_files_the_newest_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("2026-01-31", "2026-02-01", "2026-02-02", "notes"):
        (tmp_path / f"{day}.jsonl").write_bytes(lines([1]))
    monkeypatch.setattr(time, "time", lambda: at("2026-02-03T00:00:00"))
    with Recording(tmp_path / "%Y-%m-%d.jsonl", keep=2):
        pass
    kept = ["2026-02-01.jsonl", "2026-02-02.jsonl", "2026-02-03.jsonl", "notes.jsonl"]
    assert names(tmp_path) == kept


def test_a_date_that_comes_twice_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a clock is put back an hour, the file of that hour may be compressed already."""
    packed = tmp_path / "2026110102.jsonl.gz"
    packed.write_bytes(gzip.compress(lines([1])))
    monkeypatch.setattr(time, "time", lambda: at("2026-11-01T02:30:00"))
    with Recording(tmp_path / "%Y%m%d%H.jsonl", compress="gz") as recording:
        recording.write(event(2), received_at=at("2026-11-01T02:40:00"))
        recording.write(event(3), received_at=at("2026-11-01T03:00:00"))
    assert content(packed) == lines([1])
    assert content(tmp_path / "2026110103.jsonl") == lines([3])
    (other,) = set(names(tmp_path)) - {packed.name, "2026110103.jsonl"}
    assert content(tmp_path / other) == lines([2])


def test_a_file_that_is_just_begun_is_not_taken_for_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by a look that was asked for before, and comes before the file is locked."""
    begun, looked = threading.Event(), threading.Event()
    unfinished, tidy = Naming.unfinished, Tidier._tidy

    def late_look(naming: Naming, live: Path) -> list[Path]:
        begun.wait(PATIENCE)
        return unfinished(naming, live)

    def late_lock(fd: int) -> bool:
        if (tmp_path / "2026110103.jsonl").exists():
            begun.set()
            looked.wait(PATIENCE)
        return lock(fd)

    def told_look(tidier: Tidier, naming: Naming) -> None:
        tidy(tidier, naming)
        looked.set()

    monkeypatch.setattr(Naming, "unfinished", late_look)
    monkeypatch.setattr("dsstail.recording.appending.lock", late_lock)
    monkeypatch.setattr(Tidier, "_tidy", told_look)
    monkeypatch.setattr(time, "time", lambda: at("2026-11-01T02:30:00"))
    with Recording(tmp_path / "%Y%m%d%H.jsonl", compress="gz") as recording:
        recording.write(event(2), received_at=at("2026-11-01T02:40:00"))
        recording.write(event(3), received_at=at("2026-11-01T03:00:00"))
    assert recording.told == []
    assert names(tmp_path) == ["2026110102.jsonl.gz", "2026110103.jsonl"]


def test_a_file_that_becomes_live_again_while_it_is_compressed_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that was behind at the start and is put right comes to a file that was complete."""
    compared, written = threading.Event(), threading.Event()
    reads_the_same = Tidier._reads_the_same

    def late_answer(tidier: Tidier, packed: Path, plain: Path) -> bool:
        same = reads_the_same(tidier, packed, plain)
        compared.set()
        written.wait(PATIENCE)
        return same

    monkeypatch.setattr(Tidier, "_reads_the_same", late_answer)
    (tmp_path / "2026110103.jsonl").write_bytes(lines([1]))
    monkeypatch.setattr(time, "time", lambda: at("2026-11-01T02:30:00"))
    with Recording(tmp_path / "%Y%m%d%H.jsonl", compress="gz") as recording:
        assert compared.wait(PATIENCE)
        recording.write(event(2), received_at=at("2026-11-01T03:00:00"))
        written.set()
    assert recording.told == []
    assert content(tmp_path / "2026110103.jsonl") == lines([1, 2])
    assert names(tmp_path) == ["2026110102.jsonl.gz", "2026110103.jsonl"]


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("%H.jsonl", "with %H goes %d"),
        ("%Y-%d.jsonl", "with %d goes %m"),
        ("%D.jsonl", "%D is no part of a date"),
        ("100%.jsonl", "a plain % is %%"),
        ("%Y/out.jsonl", "dates go into the file's name"),
    ],
)
def test_what_cannot_be_in_a_name(file: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Naming(file, "stream")
    assert complaint in str(raised.value)


def test_no_file_is_promised_for_anything_but_a_stream(tmp_path: Path) -> None:
    directory = tmp_path / "{dsn}"
    directory.mkdir()
    with Recording(directory / "{stream}.jsonl"):
        assert names(directory) == ["stream.jsonl"]
    with pytest.raises(ConfigurationError, match=r"only \{stream\} makes a file each, not \{dsn\}"):
        Recording(tmp_path / "{dsn}-{stream}.jsonl")


def test_a_plain_percent_sign(tmp_path: Path) -> None:
    with Recording(tmp_path / "100%%.jsonl", rotate_size=1) as recording:
        recording.write(event(1), event(2))
    assert names(tmp_path) == ["100%.20170312T210124.000Z.jsonl", "100%.jsonl"]
    assert resumed(tmp_path / "100%%.jsonl", overwrite=False) == {"stream": 2}


def test_a_directory_can_have_a_percent_sign(tmp_path: Path) -> None:
    directory = tmp_path / "100%d"
    directory.mkdir()
    with Recording(directory / "out-%Y.jsonl") as recording:
        recording.write(event(1), received_at=NOON)
    assert len(names(directory)) == 1


def test_a_dated_name_can_have_bytes_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff%%-%Y.jsonl")
    with Recording(tmp_path / name) as recording:
        recording.write(event(1), received_at=NOON)
    (made,) = names(tmp_path)
    assert re.fullmatch(r"\udcff%-[0-9]{4}\.jsonl", made)


# What a crash leaves behind

SEGMENT = "out.20170312T210124.000Z.jsonl"


@pytest.mark.parametrize("form", ["gz", "zst"])
def test_what_was_half_compressed_is_done_again(form: str, tmp_path: Path) -> None:
    (tmp_path / SEGMENT).write_bytes(lines([1, 2]))
    (tmp_path / f"{SEGMENT}.{form}.part").write_bytes(b"\x1f\x8b half")
    with Recording(tmp_path / "out.jsonl", rotate_size=1000, compress=form) as recording:
        assert last_of(recording.recorder, "stream") == 2
    assert names(tmp_path) == [f"{SEGMENT}.{form}", "out.jsonl"]
    assert content(tmp_path / f"{SEGMENT}.{form}") == lines([1, 2])


def test_an_original_beside_its_compressed_form_is_removed(tmp_path: Path) -> None:
    (tmp_path / SEGMENT).write_bytes(lines([1, 2]))
    (tmp_path / f"{SEGMENT}.gz").write_bytes(gzip.compress(lines([1, 2])))
    with Recording(tmp_path / "out.jsonl", rotate_size=1000, compress="zst") as recording:
        assert last_of(recording.recorder, "stream") == 2
    assert names(tmp_path) == [f"{SEGMENT}.gz", "out.jsonl"]


@pytest.mark.parametrize("broken", [b"", b"\x1f\x8b\x08", gzip.compress(lines([1]))])
def test_an_original_is_kept_beside_something_else(broken: bytes, tmp_path: Path) -> None:
    (tmp_path / SEGMENT).write_bytes(lines([1, 2]))
    (tmp_path / f"{SEGMENT}.gz").write_bytes(broken)
    with Recording(tmp_path / "out.jsonl", rotate_size=1000, compress="gz") as recording:
        assert last_of(recording.recorder, "stream") == 2
    assert (tmp_path / f"{SEGMENT}.gz").read_bytes() == broken
    (other,) = set(names(tmp_path)) - {f"{SEGMENT}.gz", "out.jsonl"}
    assert content(tmp_path / other) == lines([1, 2])


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / f"{SEGMENT}.gz.part").symlink_to(victim)
    with Recording(tmp_path / "out.jsonl", rotate_size=1, compress="gz") as recording:
        recording.write(event(1), event(2))
    assert victim.read_bytes() == b"precious"
    assert names(tmp_path) == [f"{SEGMENT}.gz", "out.jsonl", "victim"]


def test_compressing_keeps_the_time_and_the_mode(tmp_path: Path) -> None:
    segment = tmp_path / SEGMENT
    segment.write_bytes(lines([1]))
    segment.chmod(0o640)
    os.utime(segment, (NOON, NOON))
    with Recording(tmp_path / "out.jsonl", rotate_size=1, compress="gz"):
        pass
    packed = (tmp_path / f"{SEGMENT}.gz").stat()
    assert (packed.st_mtime, stat.S_IMODE(packed.st_mode)) == (NOON, 0o640)


def test_segments_are_looked_after_where_a_lock_is_only_for_who_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS refuses an exclusive lock of a file that is open for reading."""
    flock = fcntl.flock

    def as_on_nfs(fd: int, how: int) -> None:
        if how & fcntl.LOCK_EX and not fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", as_on_nfs)
    with Recording(tmp_path / "out.jsonl", rotate_size=1, compress="gz", keep=2) as recording:
        recording.write(*map(event, range(5)))
    assert recording.told == []
    *segments, _ = (tmp_path / name for name in names(tmp_path))
    assert [content(segment) for segment in segments] == [lines([2]), lines([3])]


def test_in_haste_compressing_is_left_for_later(tmp_path: Path) -> None:
    (tmp_path / SEGMENT).write_bytes(os.urandom(60_000_000))
    recording = Recording(tmp_path / "out.jsonl", rotate_size=1000, compress="gz", resume=False)
    wait_until(lambda: (tmp_path / f"{SEGMENT}.gz.part").exists())
    recording.recorder.close(in_haste=True)
    wait_until(lambda: names(tmp_path) == [SEGMENT, "out.jsonl"])


# When the file is lost, or there is no room


def test_a_file_that_was_renamed_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Recording(path) as recording:
        recording.write(event(1))
        path.rename(tmp_path / "old.jsonl")
        recording.write(event(2))
    assert (tmp_path / "old.jsonl").read_bytes() == lines([1])
    assert path.read_bytes() == lines([2])
    assert recording.told == [f"{path} was renamed or removed: recording to a new one."]


def test_what_cannot_be_gone_on_with_ends_it_and_the_last_event_is_told(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Recording(path) as recording:
        recording.write(event(431))
        path.rename(tmp_path / "old.jsonl")
        path.write_bytes(b"no recording")
        with pytest.raises(OutputError, match=r"it\. The last event recorded is seq 431\.$"):
            recording.write(event(432))
    assert path.read_bytes() == b"no recording"


@pytest.mark.parametrize("another", [False, True], ids=["moved", "replaced"])
def test_a_file_that_is_renamed_while_it_is_synced_to_be_rotated_is_begun_anew(
    another: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.jsonl"

    def slow_sync(fd: int) -> None:
        monkeypatch.undo()
        path.rename(tmp_path / "old.jsonl")
        if another:
            path.touch()

    with Recording(path, fsync="1s", rotate_size=len(lines([1]))) as recording:
        recording.write(event(1))
        monkeypatch.setattr("dsstail.recording.appending.sync_file", slow_sync)
        recording.write(event(2))
    assert names(tmp_path) == ["old.jsonl", "out.jsonl"]
    assert (tmp_path / "old.jsonl").read_bytes() == lines([1])
    assert path.read_bytes() == lines([2])
    assert recording.told == [f"{path} was renamed or removed: recording to a new one."]


def test_a_link_that_leads_elsewhere_by_now_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "out.jsonl"
    link.symlink_to("first.jsonl")
    with Recording(link) as recording:
        recording.write(event(1))
        link.unlink()
        link.symlink_to("second.jsonl")
        recording.look()
        recording.write(event(2))
    assert (tmp_path / "first.jsonl").read_bytes() == lines([1])
    assert (tmp_path / "second.jsonl").read_bytes() == lines([2])


def test_a_file_that_was_removed_takes_nothing_with_it_that_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Recording(path) as recording:
        recording.write(event(1))
        path.unlink()
        recording.write(event(2))
    assert path.read_bytes() == lines([2])
    assert recording.told == [f"{path} was renamed or removed: recording to a new one."]


@pytest.mark.parametrize("kept", range(0, 2 * len(lines([1])) + 1, 97))
def test_a_file_that_another_program_cuts_off_goes_on_with_whole_lines(
    kept: int, tmp_path: Path
) -> None:
    path = tmp_path / "out.jsonl"
    with Recording(path, rotate_size=3 * len(lines([1]))) as recording:
        recording.write(event(1), event(2), event(3))
        os.truncate(path, kept)
        recording.write(event(4))
        recording.look()
        assert path.read_bytes() == lines([*range(1, 1 + kept // len(lines([1]))), 4])
        assert recording.recorder.size == path.stat().st_size
    assert recording.told == [
        f"{path} was cut off by another program: recording goes on with what is left."
    ]


def test_what_another_program_writes_spoils_no_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Recording(path) as recording:
        recording.write(event(1))
        for seq in (2, 3):
            with path.open("ab") as file:
                file.write(b"{half a line")
            recording.write(event(seq))
    assert path.read_bytes() == lines([1]) + b"".join(
        b"{half a line\n" + lines([seq]) for seq in (2, 3)
    )
    assert recording.told == [f"another program writes to {path}, too."]


def test_where_macos_cannot_flush_the_drive_it_syncs_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the shares of a network, on which each recording would end at its first sync."""
    flush = 51
    synced: list[int] = []

    def as_on_a_share(fd: int, how: int) -> None:
        assert how == flush
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", flush, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", as_on_a_share)
    monkeypatch.setattr(os, "fsync", synced.append)
    sync_file(7)
    assert synced == [7]


def test_without_its_directory_it_ends_with_6(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "out.jsonl"
    path.parent.mkdir()
    recording = Recording(path)
    recording.write(event(431))
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(OutputError) as raised:
        recording.look()
    assert raised.value.exit_code == 6
    assert str(raised.value) == (
        f"cannot open {path}: No such file or directory. The last event recorded is seq 431."
    )
    recording.recorder.close(in_haste=False)


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("extra", range(0, 1200, 77))
def test_a_write_that_fails_midway_leaves_whole_lines(extra: int, tmp_path: Path) -> None:
    """Wherever in a batch the room ends: what fits is kept, to the last whole line."""
    path = tmp_path / "out.jsonl"
    before = len(lines([430]))
    with Recording(path) as recording:
        recording.write(event(430))
        with room(before + extra), pytest.raises(OutputError) as raised:
            recording.write(event(431), event(432), event(433))
        fitting = 430 + extra // len(lines([431]))
        assert path.read_bytes() == lines(range(430, fitting + 1))
        assert str(raised.value) == (
            f"cannot write {path}: File too large; {path} ends cleanly at seq {fitting}."
        )
    assert resumed(path) == {"stream": fitting}


@pytest.mark.parametrize("form", ["gz", "zst"])
def test_writes_that_take_only_a_part(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:100]))
    path = tmp_path / "out.jsonl"
    with Recording(path, fsync="always", rotate_size=3000, compress=form) as recording:
        for first in range(0, 100, 10):
            recording.write(*map(event, range(first, first + 10)))
    assert recorded(tmp_path) == lines(range(100))


def test_a_full_disk_is_waited_for(disk: Path) -> None:
    path = disk / "out.jsonl"
    filler = disk / "filler"
    with Recording(path, wait_for_room=True) as recording:
        recording.write(event(1))
        fill(filler)
        writing = threading.Thread(
            target=lambda: recording.write(*map(event, range(2, 40))), daemon=True
        )
        writing.start()
        wait_until(lambda: recording.told)
        held = path.read_bytes()
        assert held == lines(range(1, held.count(b"\n") + 1))
        filler.unlink()
        writing.join(30)
    assert path.read_bytes() == lines(range(1, 40))
    assert recording.told == [
        f"disk full: waiting for room; {path} ends cleanly at seq {held.count(bytes([10]))}.",
        "there is room again: recording goes on.",
    ]


def test_removing_the_recording_itself_makes_room(disk: Path) -> None:
    path = disk / "out.jsonl"
    with Recording(path, wait_for_room=True) as recording:
        recording.write(*map(event, range(1500)))
        writing = threading.Thread(
            target=lambda: recording.write(*map(event, range(1500, 3000))), daemon=True
        )
        writing.start()
        wait_until(lambda: recording.told)
        before = path.read_bytes()
        path.unlink()
        writing.join(PATIENCE)
    assert before + path.read_bytes() == lines(range(3000))
    assert recording.told[-1] == f"{path} was renamed or removed: recording to a new one."


def fill(path: Path) -> None:
    """Take all the room that there is."""
    with path.open("wb", 0) as file, suppress(OSError):
        while True:
            file.write(bytes(1000))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    try:
        with small_disk(directory):
            yield directory
    except NotPossible as reason:
        pytest.skip(str(reason))
