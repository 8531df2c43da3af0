"""Text from outside never reaches a terminal as anything but text."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsstail.escaping import cut, fit, shortened, visible, visible_json, width

any_text = st.text(st.characters(exclude_categories=()))
bidi = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Blue_LED", "Blue_LED"),
        ("", ""),
        (r"C:\new", r"C:\new"),
        ("\n\r\t", r"\n\r\t"),
        ("\x1b[2J\x00\x7f", r"\x1b[2J\x00\x7f"),
        ("\x85\x9b", r"\x85\x9b"),
        ("a\u202eb\u200d\ufeff", r"a\u202eb\u200d\ufeff"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("21 °C 日本 ☀️ 🔥 é", "21 °C 日本 ☀️ 🔥 é"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_visible_in_ascii() -> None:
    assert visible("21 °C\n日🔥", unicode=False) == r"21 \xb0C\n\u65e5\U0001f525"


def test_no_control_format_or_separator_character_stays() -> None:
    deceptive = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    # Signs of Arabic, Syriac and Kaithi that have a shape, though they count as format characters.
    drawn = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    assert [it for it in deceptive if visible(it) == it] == list(drawn)
    assert all(visible(it) != it for it in bidi)


@given(any_text)
def test_visible_text_can_be_written_and_stays_as_it_is(text: str) -> None:
    seen = visible(text)
    assert seen.encode().decode() == seen
    assert visible(seen) == seen
    assert visible(text, unicode=False).isascii()


@given(st.text(st.characters(codec="utf-8")), st.booleans())
def test_visible_json_is_the_same_json(text: str, unicode: bool) -> None:
    raw = json.dumps({text: [text]}, ensure_ascii=False, indent=1)
    seen = visible_json(raw, unicode=unicode)
    assert json.loads(seen) == {text: [text]}
    assert all(visible(line) == line for line in seen.split("\n"))
    assert unicode or seen.isascii()


def test_visible_json_writes_what_is_beyond_16_bits_as_a_pair() -> None:
    assert visible_json('"\U000e0041\x9b\x7f"') == r'"\udb40\udc41\u009b\u007f"'
    assert visible_json('"🔥é"', unicode=False) == r'"\ud83d\udd25\u00e9"'


@pytest.mark.parametrize(
    ("raw", "limit", "shown"),
    [
        (b"junk", 80, "junk"),
        (b"\x1b]0;title\x07\xff\xc3", 80, r"\x1b]0;title\x07\xff\xc3"),
        ("é|{".encode(), 80, "é|{"),
        (b"0123456789", 10, "0123456789"),
        (b"0123456789a", 10, "012345678…"),
        ("日本語".encode(), 5, "日本…"),
        ("\u0301".encode() * 50, 10, "\u0301" * 20 + "…"),
    ],
)
def test_shortened(raw: bytes, limit: int, shown: str) -> None:
    assert shortened(raw, limit) == shown


@given(st.binary(max_size=400), st.integers(1, 100))
def test_shortened_fits_whatever_it_gets(raw: bytes, limit: int) -> None:
    assert width(shortened(raw, limit)) <= limit


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("abc", 3),
        ("日本語", 6),
        ("🔥", 2),
        ("e\u0301", 1),
        ("→●✓…", 4),
        ("\u1100\u1161", 2),
        ("", 0),
    ],
)
def test_width(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "cells", "unicode", "fitted"),
    [
        ("abc", 5, True, "abc  "),
        ("abc", 3, True, "abc"),
        ("abcd", 3, True, "ab…"),
        ("abcd", 3, False, "ab~"),
        ("abcd", 1, True, "…"),
        ("abcd", 0, True, ""),
        ("日本語", 5, True, "日本…"),
        ("日本語", 4, True, "日… "),
        ("日本", 4, True, "日本"),
        ("ne\u0301e", 3, True, "ne\u0301e"),
        ("ne\u0301ee", 3, True, "ne\u0301…"),
    ],
)
def test_fit(text: str, cells: int, unicode: bool, fitted: str) -> None:
    assert fit(text, cells, unicode=unicode) == fitted


@given(any_text.map(visible), st.integers(-3, 30))
def test_fit_is_exact_and_cut_only_cuts(text: str, cells: int) -> None:
    assert width(fit(text, cells)) == max(cells, 0)
    kept = cut(text, cells)
    assert kept == text or text.startswith(kept[:-1])


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, True),
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "xx_XX.UTF-8"}, True),
        ({"LANG": "C"}, False),
        ({"LANG": "C.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "xx_XX.ISO-8859-1"}, False),
        ({"LANG": "C", "PYTHONUTF8": "1"}, True),
        ({"LANG": "C.UTF-8", "PYTHONIOENCODING": "ascii"}, False),
    ],
)
def test_the_locale_says_whether_there_is_more_than_ascii(
    variables: dict[str, str], shown: bool
) -> None:
    program = "import sys; from dsstail.escaping import spelled; print(spelled('a…b', sys.stdout))"
    printed = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, check=True
    ).stdout.decode()
    assert printed == ("a…b\n" if shown else "a...b\n")
