"""Text from outside, made safe to look at.

A device chooses its values, a server its close reasons: shown as they are, they could move the
cursor, hide parts of a line or reverse it. Whatever is printed for people goes through `visible`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# C1 and DEL, bidirectional controls, separators, whatever takes no room, and lone surrogates.
# Unicode's default-ignorable characters, less the variation selectors that emoji are made with.
_UNSEEN = (
    "\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_DECEPTIVE = re.compile(f"[\x00-\x1f{_UNSEEN}]")
_NOT_PLAIN = re.compile("[^ -~]")
_DECEPTIVE_IN_JSON = re.compile(f"[{_UNSEEN}]")
_NOT_ASCII_IN_JSON = re.compile("[^\x00-\x7e]")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str, *, unicode: bool = True) -> str:
    r"""Show control, bidirectional, invisible characters and lone surrogates as escapes.

    With `unicode` off, for terminals that cannot show more than ASCII, so is all the rest.

    >>> visible("21°C\x1b[2J\n\u202e")
    '21°C\\x1b[2J\\n\\u202e'
    """
    if text.isascii() and text.isprintable():
        return text
    return (_DECEPTIVE if unicode else _NOT_PLAIN).sub(_escape, text)


def visible_json(text: str, *, unicode: bool = True) -> str:
    r"""`visible` for JSON text: it stays the same JSON, since `\u` says the same as the character.

    What valid JSON cannot hold within strings (C0) is its white space, and stays.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return (_DECEPTIVE_IN_JSON if unicode else _NOT_ASCII_IN_JSON).sub(_escape_json, text)


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


def fit(text: str, cells: int, *, unicode: bool = True) -> str:
    """`text` on exactly `cells`: padded with blanks or cut."""
    text = cut(text, cells, unicode=unicode)
    return text + " " * (cells - width(text))


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code > 0xFFFF:
        return rf"\U{code:08x}"
    if code > 0xFF:
        return rf"\u{code:04x}"
    return _NAMED.get(found[0]) or rf"\x{code:02x}"


def _escape_json(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(rf"\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
