"""What keys a terminal reports by which bytes. No I/O."""

from __future__ import annotations

import re

_SEQUENCES = {
    b"[A": "up",
    b"[B": "down",
    b"[C": "right",
    b"[D": "left",
    b"[H": "home",
    b"[F": "end",
    b"[1~": "home",
    b"[4~": "end",
    b"[5~": "page up",
    b"[6~": "page down",
    b"[7~": "home",
    b"[8~": "end",
    b"[Z": "back tab",
    b"[200~": "paste",
    b"[201~": "pasted",
}
_NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\b": "backspace",
    "\x0c": "redraw",
    "\x15": "clear",
    "\x1b": "escape",
}
_KEY = re.compile(rb"\x1b\[M...|\x1b\[[0-?]*[ -/]*[@-~]|\x1b|[^\x1b]+", re.DOTALL)

_UNFINISHED = re.compile(
    rb"""(?: \x1b (?: O | \[ (?: M.{0,2} | [0-?]*[ -/]* ) )?
         | [\xc2-\xf4] | [\xe0-\xf4][\x80-\xbf] | [\xf0-\xf4][\x80-\xbf]{2} )\Z""",
    re.DOTALL | re.VERBOSE,
)
_LONGEST_SEQUENCE = 64


def keys_in(data: bytes) -> list[str]:
    r"""The keys that a terminal reports as these bytes: names, or the characters themselves.

    >>> keys_in(b"j\x1b[A\x1bOB\r")
    ['j', 'up', 'down', 'enter']
    """
    keys = []
    for part in _KEY.findall(data.replace(b"\x1bO", b"\x1b[")):
        if len(part) > 1 and part[:1] == b"\x1b":
            keys.append(_SEQUENCES.get(part[1:], ""))
        else:
            keys += [_NAMES.get(one, one) for one in part.decode(errors="ignore")]
    return [key for key in keys if key.isprintable() and key]


def is_unfinished(data: bytes) -> bool:
    """Whether the last key of these bytes may go on in the next ones."""
    end = _UNFINISHED.search(data)
    return end is not None and len(end[0]) < _LONGEST_SEQUENCE
