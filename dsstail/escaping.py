"""Text from outside, made safe to look at.

A device chooses its values, a server its close reasons: shown as they are, they could move the
cursor, hide parts of a line or reverse it. Whatever is printed for people goes through `visible`.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from typing import TextIO

# Unicode's default-ignorable characters, which take no room, less the variation selectors that
# emoji are made with; separators, bidirectional and other format controls; lone surrogates.
_UNSEEN = (
    *((0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160)),
    *((0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F)),
    *((0x3164, 0x3164), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB)),
    *((0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
_NAMED = {0x09: r"\t", 0x0A: r"\n", 0x0D: r"\r"}


def visible(text: str, *, unicode: bool = True) -> str:
    r"""Show control, bidirectional, invisible characters and lone surrogates as escapes.

    With `unicode` off, for terminals that cannot show more than ASCII, so is all the rest.

    >>> visible("21°C\x1b[2J\n\u202e")
    '21°C\\x1b[2J\\n\\u202e'
    """
    if text.isascii() and text.isprintable():
        return text
    seen = text.translate(_escapes())
    return seen if unicode else seen.encode("ascii", "backslashreplace").decode()


def visible_json(text: str, *, unicode: bool = True) -> str:
    r"""`visible` for JSON text: it stays the same JSON, since `\u` says the same as the character.

    What valid JSON cannot hold within strings (C0) is its white space, and stays.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return text.translate(_json_escapes() if unicode else _AsciiJson())


def shortened(raw: bytes, limit: int = 80) -> str:
    """Bytes from outside on at most `limit` cells, for a report: decoded leniently and visible."""
    seen = raw[: 4 * limit]
    text = visible(seen.decode("utf-8", "backslashreplace"))
    return cut(text if seen == raw else text + "…", limit)


def width(text: str) -> int:
    """The cells that a terminal needs for `text`, which is `visible`."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, cells: int, *, unicode: bool = True) -> str:
    """`text` as it is if it fits into `cells`, else its beginning and a mark that there is more."""
    mark = "…" if unicode else "~"
    if text.isascii():
        return text if len(text) <= cells else text[: max(cells - 1, 0)] + mark[:cells]
    used = kept = 0
    for at, character in enumerate(text, start=1):
        used += _cells(character)
        if used < cells:
            kept = at
        elif used > cells:
            return text[:kept] + mark[:cells]
    return text


def cut_apart(texts: Collection[str], cells: int, *, unicode: bool = True) -> dict[str, str]:
    """Each text on `cells` at most; all lose the middle, and not the end, if that tells them apart.

    >>> cut_apart(["factory-in", "factory-out"], 8)
    {'factory-in': 'fact…-in', 'factory-out': 'fact…out'}
    """
    shown = {text: cut(text, cells, unicode=unicode) for text in texts}
    if len({*shown.values()}) == len(shown):
        return shown
    return {text: _without_middle(text, cells, unicode=unicode) for text in texts}


def _without_middle(text: str, cells: int, *, unicode: bool) -> str:
    if width(text) <= cells:
        return text
    start = cut(text, cells // 2 + 1, unicode=unicode)
    room = cells - width(start)
    end = text[-room:] if room else ""
    while width(end) > room:
        end = end[1:]
    return start + end


def fit(text: str, cells: int, *, unicode: bool = True) -> str:
    """`text` on exactly `cells`: padded with blanks or cut."""
    text = cut(text, cells, unicode=unicode)
    return text + " " * (cells - width(text))


def shows_unicode(stream: TextIO) -> bool:
    """Whether more than ASCII can be shown there, by its encoding and by the locale.

    The locale counts, since Python takes C and POSIX for UTF-8 and sets LC_CTYPE accordingly.
    """
    if not stream.encoding.lower().startswith("utf"):
        return False
    if os.environ.get("PYTHONUTF8") == "1" or os.environ.get("PYTHONIOENCODING"):
        return True
    set_by_python = sys.flags.utf8_mode and os.environ.get("LC_CTYPE") == "C.UTF-8"
    names = ("LC_ALL", "LANG") if set_by_python else ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next(filter(None, map(os.environ.get, names)), "")
    charset = locale.partition(".")[2].lower()
    return locale not in ("C", "POSIX") and (not charset or charset.startswith("utf"))


def spelled(text: str, stream: TextIO) -> str:
    """Our own words as the stream can show them."""
    if text.isascii() or shows_unicode(stream):
        return text
    return text.translate(_SPELLINGS).encode("ascii", "backslashreplace").decode()


_SPELLINGS = str.maketrans({"…": "...", "–": "-"})


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _unseen() -> Iterator[int]:
    for first, last in _UNSEEN:
        yield from range(first, last + 1)


@cache
def _escapes() -> dict[int, str]:
    """For str.translate, which takes no more memory than its result."""
    return {code: _escape(code) for code in (*range(0x20), *_unseen())}


@cache
def _json_escapes() -> dict[int, str]:
    return {code: _escape_in_json(code) for code in _unseen()}


class _AsciiJson(dict[int, int | str]):
    """Escapes for whatever is not ASCII."""

    def __init__(self) -> None:
        super().__init__({code: code for code in range(0x7F)})

    def __missing__(self, code: int) -> str:
        return _escape_in_json(code)


def _escape(code: int) -> str:
    if code in _NAMED:
        return _NAMED[code]
    if code <= 0xFF:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code <= 0xFFFF else rf"\U{code:08x}"


def _escape_in_json(code: int) -> str:
    if code <= 0xFFFF:
        return rf"\u{code:04x}"
    code -= 0x10000
    return rf"\u{0xD800 | code >> 10:04x}\u{0xDC00 | code & 0x3FF:04x}"
