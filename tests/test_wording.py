"""Numbers, durations and sizes in few words, and where one unit gives way to the next."""

from __future__ import annotations

import pytest

from dsstail import wording


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0.0 s"),
        (0.84, "0.8 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (63, "1 min 3 s"),
        (3600, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (86400, "1 d 0 h"),
        (3 * 86400 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, told: str) -> None:
    assert wording.spoken(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told", "on_few_cells"),
    [
        (0.9, "<1 s", "<1 s"),
        (1, "1 s", "1 s"),
        (9.4, "9 s", "9 s"),
        (63, "1 min 3 s", "63 s"),
        (3900, "1 h 5 min", "65 min"),
    ],
)
def test_durations_that_are_known_to_the_second(
    seconds: float, told: str, on_few_cells: str
) -> None:
    assert wording.to_the_second(seconds) == told
    assert wording.brief_to_the_second(seconds) == on_few_cells


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0004, "0 ms"),
        (0.312, "312 ms"),
        (1, "1.0 s"),
        (1.54, "1.5 s"),
        (10, "10 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (5940, "99 min"),
        (6000, "2 h"),
        (72000, "20 h"),
    ],
)
def test_durations_on_few_cells(seconds: float, told: str) -> None:
    assert wording.brief(seconds) == told


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (5, "5 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (34_000_000_000, "34 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes(size: int, told: str) -> None:
    assert wording.spoken_size(size) == told
    assert wording.not_shown(size) == f"{told}, not shown"


def test_numbers() -> None:
    assert list(map(wording.rate, (0, 0.54, 9.94, 9.95, 12.4))) == ["0.0", "0.5", "9.9", "10", "12"]
    assert wording.counted(1, "event") == "1 event"
    assert wording.counted(0, "event") == "0 events"
    assert wording.counted(1234, "event", ",") == "1,234 events"
    assert wording.seqs(5, 5) == "seq 5 (1 event)"
    assert wording.seqs(5, 9) == "seq 5–9 (5 events)"


@pytest.mark.parametrize("text", ["It is full.", "is it full?", "pip install 'dsstail[zst]'"])
def test_a_sentence_ends_once(text: str) -> None:
    assert wording.sentence(text) == text
    assert wording.sentence("it is full") == "it is full."
