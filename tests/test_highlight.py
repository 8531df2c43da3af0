"""What `--highlight` marks: what its pattern finds in what is seen, and nothing else changes."""

from __future__ import annotations

import re
import signal
import threading

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_render import datapoint, hostile_events, unpainted

from dsstail.fields import template
from dsstail.render import Style, renderer
from dsstail.render.highlight import Highlight

ON, OFF = "\x1b[7m", "\x1b[27m"


def mark(pattern: str, line: str) -> str:
    return Highlight(re.compile(pattern), warn=pytest.fail).mark(line)


@pytest.mark.parametrize(
    ("pattern", "line", "marked"),
    [
        ("b", "abc", f"a{ON}b{OFF}c"),
        ("a|c", "abc", f"{ON}a{OFF}b{ON}c{OFF}"),
        (".", "ab", f"{ON}a{OFF}{ON}b{OFF}"),
        ("x*", "abc", "abc"),
        ("b", "a\x1b[2mb\x1b[0mc", f"a\x1b[2m{ON}b{OFF}\x1b[0mc"),
        ("bc", "ab\x1b[0mcd", f"a{ON}b\x1b[0m{ON}c{OFF}d"),
        ("abc", "\x1b[1mabc\x1b[0m", f"\x1b[1m{ON}abc{OFF}\x1b[0m"),
        ("0m|2m|31", "\x1b[2mab\x1b[0m", "\x1b[2mab\x1b[0m"),
        ("(?i)ÄB", "xäb", f"x{ON}äb{OFF}"),
        ("^a", "aa", f"{ON}a{OFF}a"),
    ],
)
def test_marks(pattern: str, line: str, marked: str) -> None:
    assert mark(pattern, line) == marked


painted = st.lists(
    st.sampled_from(["a", "b", " ", "日", "…"])
    | st.sampled_from(["\x1b[2m", "\x1b[38;5;134m", "\x1b[0m"])
).map("".join)


@given(painted, st.sampled_from(["a", "b+", "a?b", "[ab ]+", "日.", "$", "(?=b)", "a|"]))
def test_a_terminal_shows_the_same_text_and_swaps_exactly_the_matches(
    line: str, pattern: str
) -> None:
    def cells(text: str) -> list[pyte.screens.Char]:
        screen = pyte.Screen(200, 1)
        pyte.Stream(screen).feed(text)
        return [screen.buffer[0][column] for column in range(200)]

    marked = mark(pattern, line)
    assert unpainted(marked) == unpainted(line)
    plain = "".join(character + "\0" * (character == "日") for character in unpainted(line))
    found = {at for span in re.finditer(pattern, unpainted(line)) for at in range(*span.span())}
    places = [
        at for at, character in enumerate(unpainted(line)) for _ in range(1 + (character == "日"))
    ]
    for column, (before, after) in enumerate(zip(cells(line), cells(marked), strict=True)):
        inside = column < len(plain) and places[column] in found
        assert after == before._replace(reverse=inside)


@given(st.lists(hostile_events(), max_size=3), st.sampled_from(["a", r"\\x1b", r"[0-9;]+m", ".+"]))
def test_whatever_comes_only_marks_are_added(texts: list[bytes], pattern: str) -> None:
    for parts in (None, template("{dsn:<10.10} {property} {value} {body}")):
        style = Style(utc=True, color=True, template=parts)
        plain = renderer("text", style=style).render(texts, "one", 0).decode()
        style = Style(utc=True, color=True, template=parts, highlight=re.compile(pattern))
        marked = renderer("text", style=style).render(texts, "one", 0).decode()
        assert unpainted(marked) == unpainted(plain)
        assert marked.count("\n") == plain.count("\n")


def test_without_color_nothing_is_marked() -> None:
    style = Style(highlight=re.compile("."))
    assert b"\x1b" not in renderer("text", style=style).render([datapoint(1)], "one", 0)


def test_the_rule_of_a_day_is_not_marked() -> None:
    style = Style(utc=True, color=True, highlight=re.compile("2026|10:25"))
    rule, line = renderer("text", style=style).render([datapoint(1)], "", 0).decode().splitlines()
    assert ON not in rule
    assert line.startswith(f"\x1b[2m{ON}10:25{OFF}:14")


def test_what_is_shown_beside_a_recording_is_marked_too() -> None:
    """That is done by another thread, which has no timers."""
    marked: list[str] = []
    marking = threading.Thread(target=lambda: marked.append(mark("b", "abc")))
    marking.start()
    marking.join()
    assert marked == [f"a{ON}b{OFF}c"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_a_pattern_that_takes_for_ever_is_given_up() -> None:
    warnings: list[str] = []
    highlight = Highlight(re.compile("(a+)+$"), warnings.append)
    before = signal.getsignal(signal.SIGALRM)
    line = "a" * 100 + "b"
    assert [highlight.mark(line), highlight.mark("a")] == [line, "a"]
    assert warnings == ["--highlight is off: its pattern takes too long to find in such a line"]
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
