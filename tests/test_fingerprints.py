"""Which text a number had last, in bounded memory."""

from __future__ import annotations

from dsstail.fingerprints import Bound, Fingerprints

NUMBERS, BLOCKS = 8, 3


def texts(first: int, last: int, of: str = "") -> list[bytes]:
    return [f"{seq}{of}".encode() for seq in range(first, last + 1)]


def known(seen: Fingerprints, last: int) -> list[int]:
    """The numbers up to this one whose texts are remembered, and are the usual ones."""
    return [seq for seq in range(last + 1) if seen.of(seq) == hash(b"%d" % seq)]


def test_texts_are_known_by_their_numbers() -> None:
    seen = Fingerprints(Bound(NUMBERS, BLOCKS))
    seen.add(5, texts(5, 17))
    assert known(seen, 30) == [*range(5, 18)]
    assert (seen.of(4), seen.of(18), seen.of(1000)) == (0, 0, 0)
    assert seen.highest == 17


def test_the_latest_text_of_a_number_counts() -> None:
    seen = Fingerprints(Bound(NUMBERS, BLOCKS))
    seen.add(0, texts(0, 9))
    seen.add(3, texts(3, 4, "again"))
    assert known(seen, 9) == [0, 1, 2, *range(5, 10)]
    assert seen.of(3) == hash(b"3again")
    assert seen.highest == 9


def test_the_oldest_are_forgotten_and_that_is_known() -> None:
    seen = Fingerprints(Bound(NUMBERS, BLOCKS))
    seen.add(0, texts(0, NUMBERS * BLOCKS - 1))
    assert (len(known(seen, 99)), seen.forgotten_to) == (NUMBERS * BLOCKS, 0)
    seen.add(24, texts(24, 24))
    assert known(seen, 99) == [*range(8, 25)]
    assert seen.forgotten_to == 8
    seen.add(0, texts(0, 0))  # the oldest is what was added first, not what has the lowest number
    assert known(seen, 99) == [0, *range(16, 25)]
    assert seen.forgotten_to == 16


def test_what_was_not_seen_since_is_nothing() -> None:
    seen = Fingerprints(Bound(NUMBERS, BLOCKS))
    seen.add(0, texts(0, 20))
    seen.forget(6, 17)
    assert known(seen, 99) == [*range(6), 18, 19, 20]
    seen.forget(2, 3)
    seen.forget(19, 19)
    assert known(seen, 99) == [0, 1, 4, 5, 18, 20]
    assert (seen.highest, seen.forgotten_to) == (20, 0)


def test_streams_share_a_bound_and_nothing_else() -> None:
    bound = Bound(NUMBERS, BLOCKS)
    one, other = Fingerprints(bound), Fingerprints(bound)
    one.add(0, texts(0, 7))
    other.add(4, texts(4, 11))
    assert (known(one, 99), known(other, 99)) == ([*range(8)], [*range(4, 12)])
    other.add(16, texts(16, 16))
    assert known(one, 99) == []
    assert known(other, 99) == [*range(4, 12), 16]
    assert (one.forgotten_to, other.forgotten_to) == (8, 0)


def test_what_two_streams_have_in_common() -> None:
    bound = Bound(NUMBERS, 10)
    one, other = Fingerprints(bound), Fingerprints(bound)
    one.add(2, texts(2, 30))
    other.add(0, texts(0, 4) + texts(5, 6, "of the other") + texts(7, 9) + texts(10, 40, "too"))
    assert list(one.shared(other)) == [2, 3, 4, 7, 8, 9]
    assert list(other.shared(one)) == [2, 3, 4, 7, 8, 9]
