"""Durations, sizes, numbers and sentences as people say them."""

from __future__ import annotations

from collections.abc import Iterable


def spoken(seconds: float) -> str:
    """A duration for people: `0.8 s`, `1 min 3 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole} s" if minutes else f"{whole} s"


def to_the_second(seconds: float) -> str:
    """A duration that is known to the second: `<1 s`, `3 s`, `1 min 3 s`."""
    if seconds < 1:
        return "<1 s"
    return f"{seconds:.0f} s" if seconds < 10 else spoken(seconds)


def brief(seconds: float) -> str:
    """A duration of any length on few cells: `312 ms`, `1.5 s`, `65 min`, `20 h`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def brief_to_the_second(seconds: float) -> str:
    """A duration that is known to the second, on few cells: `<1 s`, `3 s`, `63 s`, `65 min`."""
    return to_the_second(seconds) if seconds < 10 else brief(seconds)


def spoken_size(size: int) -> str:
    """A number of bytes for people: `999 B`, `1.2 MB`, `34 GB`."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if amount < 9.95 and unit != "B" else f"{amount:.0f} {unit}"


def not_shown(size: int) -> str:
    """What stands for a text of so many bytes that is too large: `34 MB, not shown`."""
    return f"{spoken_size(size)}, not shown"


def rate(events: float) -> str:
    """Events a second, as a number of two digits or more: `0.5`, `9.9`, `12`."""
    return f"{events:.1f}" if events < 9.95 else f"{events:.0f}"


def counted(count: int, noun: str, form: str = "") -> str:
    """`1 event`, `2 events`; with the form `,` `1,234 events`."""
    return f"{count:{form}} {noun}{'' if count == 1 else 's'}"


def seqs(first: int, last: int) -> str:
    """`seq 5 (1 event)`, `seq 5–9 (5 events)`."""
    numbers = f"{first}" if first == last else f"{first}–{last}"
    return f"seq {numbers} ({counted(last - first + 1, 'event')})"


def sentence(text: str) -> str:
    """With its full stop, which reasons lack; a question or a command to copy needs none."""
    return text if text.endswith((".", "?", "'")) else f"{text}."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean "dsn"?`, where a known name is like this one; else nothing."""
    from difflib import get_close_matches

    similar = get_close_matches(name, list(known), n=1)
    return f'Did you mean "{similar[0]}"?' if similar else ""
