"""Reading recordings: whatever their form, however they are cut, damaged or compressed."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from command import MS, Command, most_memory
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scenarios import event, lines

import dsstail.recording.backwards as backwards
from dsstail import json_text
from dsstail.errors import ConfigurationError
from dsstail.messages import Event
from dsstail.recording import reading, scanning
from dsstail.recording.following import Follower
from dsstail.recording.locking import lock
from dsstail.recording.reading import is_plain, read, read_recording, rest_of_line
from dsstail.recording.recorder import Recorder, RecordingSettings
from dsstail.recording.splitting import Damage, Found, Lines, Splitter
from dsstail.recording.unpacking import unpacked

Numbered = list[tuple[int, bytes]]


def sorted_out(found: Iterable[Found]) -> tuple[Numbered, list[Damage]]:
    """The events with the numbers of their lines, and the damage."""
    events: Numbered = []
    damage = []
    for part in found:
        if isinstance(part, Lines):
            events += zip(part.numbers, part.texts, strict=True)
        else:
            damage.append(part)
    return events, damage


def split(data: bytes, cuts: Iterable[int] = ()) -> tuple[Numbered, list[Damage]]:
    """What is found in `data` when it comes in pieces."""
    splitter = Splitter()
    found: list[Found] = []
    places = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(places):
        found += splitter.feed(data[start:end])
    return sorted_out([*found, *splitter.end()])


def texts(found: Iterable[Found]) -> list[bytes]:
    return [text for _, text in sorted_out(found)[0]]


ONE = b'{"seq":"1","metadata":{"dsn":"AC1"},"datapoint":{"value":"}{","tags":[1,{"a":null}]}}'
TWO = '{"seq":"2","v":"é|Z \\"{"}'.encode()
THREE = b'{"seq":"3"}'
INDENTED = json.dumps(json.loads(ONE), indent=2).encode()


# Forms


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"\n\n \n", []),
        (ONE + b"\n" + TWO + b"\n", [(1, ONE), (2, TWO)]),
        (ONE + b"\n" + TWO, [(1, ONE), (2, TWO)]),
        (ONE + b"\r\n\r\n" + TWO + b" \t\r\n", [(1, ONE), (3, TWO)]),
        (ONE + TWO + THREE, [(1, ONE), (1, TWO), (1, THREE)]),
        (ONE + b" " + TWO + b"\n" + THREE + ONE, [(1, ONE), (1, TWO), (2, THREE), (2, ONE)]),
        (INDENTED + b"\n" + TWO, [(1, INDENTED), (1 + INDENTED.count(b"\n") + 1, TWO)]),
        (INDENTED + INDENTED, [(1, INDENTED), (1 + INDENTED.count(b"\n"), INDENTED)]),
    ],
    ids=[
        *("nothing", "blank lines", "lines", "no last line break", "CRLF"),
        *("collector", "collector with breaks", "indented", "indented with nothing between"),
    ],
)
def test_each_form_of_a_recording_is_read(data: bytes, found: Numbered) -> None:
    assert split(data) == (found, [])
    assert split(data, range(len(data))) == (found, [])


def test_decoded_objects_come_with_their_texts() -> None:
    splitter = Splitter(decode=True)
    found = [*splitter.feed(ONE + b"\n" + TWO + THREE), *splitter.end()]
    data = [each for part in found if isinstance(part, Lines) for each in part.data or ()]
    assert data == [json.loads(text) for text in (ONE, TWO, THREE)]


@pytest.mark.parametrize("cuts", [(), (5000,), range(0, 200_000, 1 << 16)])
def test_deep_events_are_events_on_lines_of_their_own(cuts: Iterable[int]) -> None:
    deep = b'{"seq":"1","v":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert split(deep + b"\n" + TWO + b"\n", cuts) == ([(1, deep), (2, TWO)], [])


# Damage


@pytest.mark.parametrize(
    ("data", "found", "damage"),
    [
        (b"x\n" + TWO + b"\ny", [(2, TWO)], [(1, 1, "not an event"), (3, 3, "not an event")]),
        (b'123\n["a"]\nnull\n' + TWO, [(4, TWO)], [(n, n, "not an event") for n in (1, 2, 3)]),
        (ONE[:20] + b"\n" + TWO + b"\n", [(2, TWO)], [(1, 1, "incomplete")]),
        (ONE[:22] + b"\n" + TWO + b"\n", [(2, TWO)], [(1, 1, "incomplete")]),
        (b'{"seq":"1","v":NaN}\n' + TWO, [(2, TWO)], [(1, 1, "not JSON")]),
        (b'{"seq":"1","v":"\xff"}\n' + TWO, [(2, TWO)], [(1, 1, "not JSON")]),
        (ONE + b"}\n" + TWO, [(1, ONE), (2, TWO)], [(1, 1, "not an event")]),
        (b"\0" * 5000 + b"\n" + TWO, [(2, TWO)], [(1, 1, "not an event")]),
        (INDENTED[:-9] + b"\n" + TWO, [(INDENTED[:-9].count(b"\n") + 2, TWO)], None),
    ],
    ids=[
        *("garbage", "JSON, but no object", "torn in a string", "torn between", "NaN"),
        *("no UTF-8", "too much", "zeros", "indented and torn"),
    ],
)
def test_damage_is_told_with_its_lines_and_harms_no_other_event(
    data: bytes, found: Numbered, damage: list[tuple[int, int, str]] | None
) -> None:
    events, told = split(data)
    assert events == found
    if damage is not None:
        assert [(each.first, each.last, each.reason) for each in told] == damage
        assert not any(each.torn for each in told[:-1])


@pytest.mark.parametrize("kept", range(1, len(ONE)))
def test_a_torn_end_is_told_wherever_it_is(kept: int) -> None:
    events, damage = split(TWO + b"\n" + ONE[:kept])
    assert events == [(1, TWO)]
    assert damage == [Damage(2, 2, "incomplete", b"", torn=True)]
    assert damage[0].raw == ONE[:kept]


PARTS = st.sampled_from(
    [
        *(ONE, TWO, THREE, INDENTED, ONE + b"\n", TWO + b"\r\n", b'{"a":{"seq":"4"}}\n'),
        *(
            b"\n",
            b" ",
            b'"',
            b"\\",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"1e",
            b"tru",
            b"-",
            b"\\u00",
        ),
        *(b'{"seq":', b'{"a":', b'{"a":[', b"\xff", b"\xc3", b"\xc3\xa9", b"NaN", b"\0", b"x\n"),
    ]
)
JUMBLES = st.lists(PARTS, max_size=25).map(b"".join)


@settings(max_examples=300)
@given(JUMBLES, st.data())
def test_how_the_bytes_come_makes_no_difference(data: bytes, choose: st.DataObject) -> None:
    cuts = choose.draw(st.lists(st.integers(0, len(data)), max_size=8))
    assert split(data, cuts) == split(data, range(len(data)))


@settings(max_examples=300)
@given(JUMBLES)
def test_a_line_that_is_an_event_is_found_whatever_is_around_it(data: bytes) -> None:
    events, damage = split(data)
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line[:1] == b"{" and json_text.is_json(line):
            assert (number, line.rstrip(b" \t\r")) in events
    assert all(json_text.is_json(text) and text[:1] == b"{" for _, text in events)
    assert all(each.first <= each.last for each in damage)


EVENTS = st.lists(
    st.builds(
        lambda seq, value: json.dumps(
            {"seq": str(seq), "v": value}, separators=(",", ":")
        ).encode(),
        st.integers(0, 99),
        st.recursive(
            st.none()
            | st.booleans()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text('{}[]",:\\é\x1f|sq'),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
            max_leaves=5,
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(EVENTS, st.data())
def test_the_collectors_files_are_read_however_they_come(
    events: list[bytes], choose: st.DataObject
) -> None:
    data = b"".join(events)
    cuts = choose.draw(st.lists(st.integers(0, len(data)), max_size=8))
    assert split(data, cuts) == ([(1, text) for text in events], [])


@settings(max_examples=300)
@given(EVENTS, st.data())
def test_what_is_torn_out_of_one_of_the_collectors_events_costs_no_other(
    events: list[bytes], choose: st.DataObject
) -> None:
    victim = choose.draw(st.integers(0, len(events) - 1))
    start = choose.draw(st.integers(1, len(events[victim]) - 1))
    end = choose.draw(st.integers(start + 1, len(events[victim])))
    rest = events[victim][:start] + events[victim][end:]
    assume(not rest.startswith(b'{"seq":{'))  # its object would be taken for the event
    found, _ = split(b"".join([*events[:victim], rest, *events[victim + 1 :]]))
    left = [text for _, text in found]
    assert left[:victim] == events[:victim]
    after = events[victim + 1 :]
    assert left[len(left) - len(after) :] == after


def test_long_lines_are_events_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "LONGEST_LINE", 6 << 20)
    text = b'{"seq":"1","v":"%s"}'
    fits, too_long = text % (b"x" * (5 << 20)), text % (b"x" * (7 << 20))
    for step in (1 << 16, 1 << 30):
        data = fits + b"\n" + too_long + b"\n" + TWO + b"\n"
        events, damage = split(data, range(0, len(data), step))
        assert [(number, len(found)) for number, found in events] == [(1, len(fits)), (3, len(TWO))]
        assert [(each.first, each.last, each.torn) for each in damage] == [(2, 2, False)]
        assert damage[0].reason == "longer than 6 MiB"


@pytest.mark.parametrize(
    "part",
    [
        b'{"seq":',
        b'{"seq":"',
        b'{"seq":[],',
        b"[",
        b'{"a":[',
        b'{"a":\n',
        b"{}x",
        b'"',
        b"\\",
        b'"\n',
    ],
)
def test_no_damage_keeps_the_reader_busy_for_long(part: bytes) -> None:
    """The time has to grow with the size, not with its square: a square would take ten seconds."""
    data = part * ((1 << 18) // len(part))
    splitter = Splitter()
    started = time.process_time()
    for start in range(0, len(data), 1 << 15):
        splitter.feed(data[start : start + (1 << 15)])
    splitter.end()
    assert time.process_time() - started < 5_000 * MS


# Compression


def gz(data: bytes) -> bytes:
    return gzip.compress(data)


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("pack", [gz, zst])
def test_compressed_recordings_are_known_by_their_first_bytes(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(pack(lines(range(500))) + pack(b"") + pack(lines(range(500, 1000))))
    assert texts(read(path)) == [event(seq) for seq in range(1000)]


def test_a_name_does_not_make_a_recording_compressed(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl.gz"
    path.write_bytes(lines([1]))
    assert texts(read(path)) == [event(1)]


def test_a_skippable_frame_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "out.zst"
    path.write_bytes(b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zst(lines([1, 2])))
    assert texts(read(path)) == [event(1), event(2)]


@pytest.mark.parametrize("pack", [gz, zst])
def test_what_a_truncated_file_still_holds_is_read_and_its_end_told(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "out"
    path.write_bytes(pack(os.urandom(50_000).hex().encode() + b"\n" + lines(range(2000)))[:-30])
    events, damage = sorted_out(read(path))
    assert [text for _, text in events] == [event(seq) for seq in range(len(events))]
    assert events
    assert damage[-1].reason == "the compressed data ends too early"
    assert [one.torn for one in damage] == [False, True]  # once, also in the middle of an event


@pytest.mark.parametrize("pack", [gz, zst])
def test_damaged_compression_is_told_where_it_is(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "out"
    path.write_bytes(pack(lines(range(500))) + pack(lines(range(500)))[:8] + b"\xff" * 100)
    events, damage = sorted_out(read(path))
    assert [text for _, text in events][:500] == [event(seq) for seq in range(500)]
    assert damage[-1].reason.startswith("the compressed data is damaged here")


def test_up_to_the_byte_that_is_damaged_compressed_events_are_read(tmp_path: Path) -> None:
    path = tmp_path / "out.gz"
    packed = bytearray(gz(lines(range(500))))
    packed[-8] ^= 1  # of the checksum behind them
    path.write_bytes(packed)
    events, damage = sorted_out(read(path))
    assert [text for _, text in events] == [event(seq) for seq in range(500)]
    assert [(one.first, one.reason) for one in damage] == [
        (501, "the compressed data is damaged here")
    ]


def test_compression_that_takes_too_much_memory_is_told(tmp_path: Path) -> None:
    path = tmp_path / "out.zst"
    wide = zstandard.ZstdCompressionParameters(window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    path.write_bytes(compressor.compress(lines([1])) + compressor.flush())
    events, (damage,) = sorted_out(read(path))
    assert events == []
    assert damage.reason == "the compressed data is damaged here, or needs zstd -d --long=31"


@pytest.mark.parametrize("pack", [gz, zst])
def test_zeros_behind_compressed_data_are_no_damage(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "out"
    path.write_bytes(pack(lines([0])) + bytes(70_000) + pack(lines([1])) + bytes(100_000))
    events, damage = sorted_out(read(path))
    assert ([text for _, text in events], damage) == ([event(0), event(1)], [])


def test_without_the_package_for_zstd_a_hint_is_given(tmp_path: Path) -> None:
    (tmp_path / "zstandard.py").write_text("raise ImportError")
    (tmp_path / "out.zst").write_bytes(zst(lines([1])))
    here = {"PYTHONPATH": str(tmp_path)}
    command = Command("show", "out.zst", directory=tmp_path, environment=here)
    finished = command.finish()
    assert finished.code == 2
    assert finished.lines == [
        "error: out.zst is compressed with zstd. To read it: pip install 'dsstail[zst]'"
    ]


BOMBS = {
    "zeros": b"\0",
    "blank lines": b"\n",
    "one endless string": b"x",
    "one endless array": b"[],",
}


@pytest.mark.parametrize(
    ("form", "content"), [*(("gz", content) for content in BOMBS), ("zst", "one endless string")]
)
def test_a_bomb_does_not_fill_the_memory(tmp_path: Path, form: str, content: str) -> None:
    path = tmp_path / "bomb"
    piece = BOMBS[content] * ((1 << 20) // len(BOMBS[content]))
    with path.open("wb") as file:
        packed = (
            gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1)
            if form == "gz"
            else zstandard.ZstdCompressor(level=1).stream_writer(file, closefd=False)
        )
        with packed as bomb:
            bomb.write(b'{"seq":"1","v":' + (b"[" if content == "one endless array" else b'"'))
            for _ in range(10):
                bomb.write(piece)
            bomb.write(b"\n" + event(2) + b"\n")
    count = (
        "import sys; from dsstail.recording import scanning; scanning.LONGEST_LINE = 8 << 20; "
        "from dsstail.recording.reading import read; "
        "print(sum(1 for _ in read(sys.argv[1])), flush=True)"
    )
    memory = most_memory(sys.executable, "-c", count, str(path))
    assert memory < 150 << 20  # of a bomb of 10 MiB, which decoded would be many times that


# As files


@pytest.mark.parametrize("pack", [bytes, gz, zst])
def test_what_has_come_through_a_pipe_is_given_before_the_rest(
    pack: Callable[[bytes], bytes],
) -> None:
    data = lines([1]) + b" " * 100
    packed = pack(data)
    middle = len(packed) - 10
    pieces = [None, packed[:2], None, packed[2:middle], None, packed[middle:], None]
    given = list(unpacked(iter(pieces), "stdin"))
    assert b"".join(filter(None, given)) == data
    assert [piece is None for piece in given][:2] == [True, True], "nothing is known yet"
    assert given[-1] is None
    assert len(given) - given.count(None) >= (1 if pack is zst else 2)


@pytest.mark.parametrize("pack", [bytes, gz, zst])
def test_a_byte_order_mark_is_no_damage(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(pack(b"\xef\xbb\xbf" + lines([1, 2])))
    assert sorted_out(read(path)) == ([(1, event(1)), (2, event(2))], [])


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gz])
def test_utf_16_is_read_as_powershell_writes_it(
    tmp_path: Path, codec: str, pack: Callable[[bytes], bytes]
) -> None:
    written = [event(1), *(event(seq, "ü\U0001f600".encode()) for seq in range(2, 1000))]
    path = tmp_path / "out.jsonl"
    path.write_bytes(pack("\r\n".join(["\ufeff", *map(bytes.decode, written), ""]).encode(codec)))
    assert sorted_out(read(path)) == ([*enumerate(written, 2)], [])
    with FileIO(path) as file:
        assert not is_plain(file)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_half_a_character_at_the_end_of_utf_16_is_told(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(f"\ufeff{lines([1]).decode()}".encode(codec) + b"{")
    events, (damage,) = sorted_out(read(path))
    assert events == [(1, event(1))]
    assert (damage.first, damage.reason) == (2, "not an event")


def test_a_recording_is_events_in_python(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(event(7) + b"\nx\n" + event(8, b"|Z") + b"\n")
    told: list[Damage] = []
    events = list(read_recording(path, damaged=told.append))
    assert events == [Event(event(7)), Event(event(8, b"|Z"))]
    assert [(each.seq, each.value) for each in events] == [(7, "asdf3"), (8, "|Z")]
    assert told == [Damage(2, 2, "not an event", b"")]
    assert len(list(read_recording(str(path)))) == 2


@pytest.mark.parametrize("path", ["missing.jsonl", "."])
def test_what_cannot_be_read_is_said(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^cannot read .*(No such file|Is a directory)"):
        next(read(tmp_path / path))


# From the end


def last_texts(path: Path) -> list[bytes] | None:
    """All events, read backwards; None where that cannot be."""
    with FileIO(path) as file:
        parts = list(backwards.stretches(file))
    if parts[-1].start:
        return None
    found = [part.found for part in reversed(parts)]
    return texts([*(each for part in found for each in part), *parts[0].splitter.end()])


@settings(max_examples=200)
@given(st.lists(PARTS | st.just(TWO + b"\n"), max_size=40).map(b"".join), st.integers(1, 60))
def test_backwards_the_same_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "backwards.jsonl"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backwards, "_SMALLEST", size)
        patch.setattr(backwards, "_LARGEST", 2 * size)
        assert last_texts(path) == [text for _, text in split(data)[0]]


def test_backwards_damage_has_the_numbers_of_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines(range(1000)) + b"x\n" + lines(range(300)) + b"y\n")
    with FileIO(path) as file:
        first, *_ = backwards.stretches(file)
        assert first.start > 0
        _, damage = sorted_out(backwards.numbered(first.found, file, first.start))
    assert [each.first for each in damage] == [1001, 1302][-len(damage) :]
    assert damage[-1].first == 1302


def test_a_long_line_is_not_looked_through_backwards(tmp_path: Path) -> None:
    path = tmp_path / "collected.json"
    path.write_bytes(b"".join(event(seq) for seq in range(20_000)))
    with FileIO(path) as file:
        assert list(backwards.stretches(file)) == []


# While it is written


def forwards(path: Path) -> list[bytes]:
    """All events, where there is no damage."""
    events, damage = sorted_out(read(path))
    assert damage == []
    return [text for _, text in events]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who locks a file")
@pytest.mark.parametrize("reading", [forwards, last_texts])
def test_a_line_that_is_just_being_written_is_read_whole(
    reading: Callable[[Path], list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing behind it, or there would be no end while a recorder is as fast as its reader."""
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines(range(2)) + event(2)[:100])
    with path.open("ab", 0) as recording:
        assert lock(recording.fileno())
        parts = iter((event(2)[100:200], event(2)[200:] + b"\n" + event(3)[:50]))
        monkeypatch.setattr(time, "sleep", lambda _: recording.write(next(parts)))
        assert reading(path) == [event(seq) for seq in range(3)]


def test_the_last_line_of_a_recorder_that_ends_meanwhile_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines(range(2)) + event(2)[:100])

    def end(_: int) -> None:
        path.write_bytes(lines(range(3)))

    monkeypatch.setattr(reading, "holder", end)
    assert forwards(path) == [event(seq) for seq in range(3)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who locks a file")
def test_of_a_recording_that_was_empty_no_line_is_read_from_its_middle(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with path.open("ab", 0) as recording, FileIO(path) as file:
        assert lock(recording.fileno())
        end = len(file.read())
        recording.write(lines(range(2)))
        assert rest_of_line(file, end) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who locks a file")
def test_what_a_recorder_does_not_finish_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(lines(range(2)) + event(2)[:100])
    with path.open("ab") as recording:
        assert lock(recording.fileno())
        events, (torn,) = sorted_out(read(path))
    assert events == [(1, event(0)), (2, event(1))]
    assert torn.torn


# Followed


class Followed:
    """A file that is written, and one who follows it."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        path.write_bytes(content)
        self.follower = Follower(str(path), FileIO(path), Splitter())

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def news(self) -> tuple[list[bytes], list[Damage]]:
        found: list[Found] = []
        while (more := self.follower.poll()) is not None:
            found += more
        events, damage = sorted_out(found)
        return [text for _, text in events], damage


Follow = Callable[[bytes], Followed]


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    """Follow a file with this content."""
    started: list[Followed] = []

    def start(content: bytes) -> Followed:
        started.append(Followed(tmp_path / "out.jsonl", content))
        return started[-1]

    yield start
    for followed in started:
        followed.follower.close()


def test_what_is_appended_is_followed_line_by_line(follow: Follow) -> None:
    followed = follow(lines([1]))
    assert followed.news() == ([event(1)], [])
    assert followed.news() == ([], [])
    followed.append(event(2)[:50])
    assert followed.news() == ([], [])
    followed.append(event(2)[50:] + b"\n" + event(3) + b"\n")
    assert followed.news() == ([event(2), event(3)], [])


def test_a_rotation_is_followed_and_nothing_in_it_lost(follow: Follow) -> None:
    followed = follow(lines([1]))
    assert followed.news() == ([event(1)], [])
    followed.append(lines([2]))
    rotated = followed.path.rename(followed.path.with_name("out.1.jsonl"))
    assert followed.news() == ([event(2)], [])  # for a moment there is no such file
    followed.path.write_bytes(lines([3]))
    assert followed.news() == ([event(3)], [])
    rotated.unlink()
    followed.append(b"x\n")
    assert followed.news() == ([], [Damage(2, 2, "not an event", b"")])


@pytest.mark.parametrize("form", [None, "gz", "zst"])
def test_rotations_between_two_looks_are_followed(form: str | None, follow: Follow) -> None:
    followed = follow(lines([0]))
    settings = RecordingSettings(
        str(followed.path), rotate_size=1000, compress=form, fsync="never", annotate=False
    )
    recorder = Recorder(settings, ["stream"], print)
    assert followed.news() == ([event(0)], [])
    for first in (1, 50, 51, 90):
        recorder.write([*map(event, range(first, first + 10))], "stream", 0.0)
    written = [event(seq) for first in (1, 50, 51, 90) for seq in range(first, first + 10)]
    assert followed.news() == (written, [])
    recorder.write([event(100)], "stream", 0.0)
    recorder.close(in_haste=False)
    assert followed.news() == ([event(100)], [])


def test_whatever_is_in_the_name_of_a_file_it_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "{dsn}" / "100%{oem}.jsonl"
    path.parent.mkdir()
    path.write_bytes(lines([1]))
    follower = Follower(str(path), FileIO(path), Splitter())
    assert follower.poll() == [Lines(range(1, 2), [event(1)])]
    path.rename(path.with_name("100%{oem}.20261123T142501.000Z.jsonl"))
    path.write_bytes(lines([2]))
    while not (found := follower.poll()):
        pass
    assert found == [Lines(range(1, 2), [event(2)])]
    follower.close()


def test_a_rotated_file_that_is_removed_unread_is_told(follow: Follow) -> None:
    followed = follow(lines([1]))
    assert followed.news() == ([event(1)], [])
    followed.path.rename(followed.path.with_name("out.20261123T120000.000Z.jsonl"))
    gone = followed.path.with_name("out.20261123T120000.001Z.jsonl")
    gone.symlink_to(gone)
    followed.path.write_bytes(lines([3]))
    told = Damage(1, 1, f"{gone.name} was removed before it was read", b"")
    assert followed.news() == ([event(3)], [told])


@pytest.mark.parametrize("form", ["gz", "zst"])
def test_what_is_left_of_rotations_between_two_looks_is_followed(form: str, follow: Follow) -> None:
    """Where the file itself is removed by then, the next segment is not taken for it."""
    followed = follow(lines([0]))
    settings = RecordingSettings(str(followed.path), rotate_size=1, compress=form, keep=2)
    recorder = Recorder(settings, ["stream"], print)
    assert followed.news() == ([event(0)], [])
    recorder.write([event(seq) for seq in range(1, 6)], "stream", 0.0)
    recorder.close(in_haste=False)
    told = Damage(1, 1, "segments may have been removed before they were read", b"")
    assert followed.news() == ([event(3), event(4), event(5)], [told])


@pytest.mark.parametrize(
    "torn",
    [
        event(3)[:60],
        b"\0" * 8192,
        event(3)[:60] + b"\0" * 100_000,
        b'{"seq":"3","v":"' + b"x" * 200_000,
    ],
    ids=["torn", "zeros", "torn and zeros", "long"],
)
@pytest.mark.parametrize("kept", [0, 10])
def test_a_torn_end_that_is_cut_off_is_no_new_beginning(
    follow: Follow, torn: bytes, kept: int
) -> None:
    """A recorder that starts again does that."""
    followed = follow(lines([1, 2]) + torn)
    assert followed.news()[0] == [event(1), event(2)]
    os.truncate(followed.path, len(lines([1, 2])) + kept)
    assert followed.news()[0] == []
    os.truncate(followed.path, len(lines([1, 2])))
    followed.append(lines([3, 4]) + b"x\n" + lines([5]))
    assert followed.news() == (
        [event(3), event(4), event(5)],
        [Damage(5, 5, "not an event", b"")],
    )


def test_a_file_that_is_cut_off_is_read_from_its_beginning(follow: Follow) -> None:
    followed = follow(lines([1, 2, 3]))
    assert len(followed.news()[0]) == 3
    followed.path.write_bytes(lines([4]))
    events, damage = followed.news()
    assert events == [event(4)]
    assert damage == [
        Damage(4, 4, "the file was cut off; it is read from its beginning again", b"")
    ]
