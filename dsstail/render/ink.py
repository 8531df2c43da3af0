"""Colours as ready escape sequences, which are empty where no colour is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Ink:
    """One sequence for each meaning that the outputs show."""

    reset: str = ""
    faint: str = ""
    strong: str = ""
    good: str = ""
    bad: str = ""
    fresh: str = ""
    chosen: str = ""
    doubt: str = ""
    key: str = ""
    string: str = ""
    number: str = ""
    literal: str = ""


_COLORED = Ink(
    reset="\x1b[0m",
    faint="\x1b[2m",
    strong="\x1b[1m",
    good="\x1b[32m",
    bad="\x1b[1;31m",
    fresh="\x1b[30;48;5;222m",
    chosen="\x1b[7m",
    doubt="\x1b[33m",
    key="\x1b[34m",
    string="\x1b[32m",
    number="\x1b[36m",
    literal="\x1b[35m",
)

# Of the 256 colours, some that are told apart by their hue and have a contrast of at least
# 3 : 1 both to black and to white. Plain red and green mean bad and good.
_DEVICE_COLORS = (131, 166, 136, 100, 64, 29, 31, 33, 63, 134, 170, 162)


def ink(color: bool) -> Ink:
    """The sequences for an output with color, or without."""
    return _COLORED if color else Ink()


def of_device(dsn: str) -> str:
    """The colour of a device, the same in every run."""
    number = _DEVICE_COLORS[crc32(dsn.encode("utf-8", "surrogatepass")) % len(_DEVICE_COLORS)]
    return f"\x1b[38;5;{number}m"
