"""What commands say to people: on stdout what was asked for, on stderr everything else."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, TextIO

from dsstail.errors import OutputClosed, OutputError
from dsstail.writing import last_words, write_text

WIDEST = 80
NARROWEST = 40


def say(text: str) -> None:
    """Print on stdout. Raises OutputError where that fails, OutputClosed where nobody reads."""
    try:
        _write(text, sys.stdout)
    except (BrokenPipeError, ConnectionResetError):
        raise OutputClosed from None
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {error.strerror}.") from None


def tell(text: str) -> None:
    """Print a line on stderr, safe to look at: no key in it, and nothing that moves the cursor."""
    _print(_safe(text))


def complain(kind: str, text: str) -> None:
    """Print `error: …` or `warning: …` on stderr, wrapped and colored on a terminal."""
    if not sys.stderr.isatty():
        return tell(f"{kind}: {text}")
    from dsstail.config import colored
    from dsstail.stderr import laid_out

    color = colored(_color, os.environ, sys.stderr)
    return _print(laid_out(kind, _safe(text), columns(sys.stderr), color=color))


def warn(text: str) -> None:
    """Print `warning: …` on stderr, unless `--quiet` is wanted."""
    if not _quiet:
        complain("warning", text)


def without_keys(value: Any) -> Any:
    """The value as JSON has it, with each key that strayed into it masked."""
    from dsstail.keys import concealed

    match value:
        case str() | os.PathLike():
            return concealed(str(value))
        case list() | tuple():
            return list(map(without_keys, value))
        case dict():
            return {name: without_keys(one) for name, one in value.items()}
    return value


def choose(color: str | None, *, quiet: bool) -> None:
    """Say from here on what `--color` and `--quiet` want."""
    global _color, _quiet
    _color, _quiet = (color or "auto").lower(), quiet


_color, _quiet = "auto", False


def columns(stream: TextIO, widest: int = WIDEST) -> int:
    """The width to print in: that of the terminal from NARROWEST to `widest`, else WIDEST."""
    if not stream.isatty():
        return WIDEST
    from dsstail.stderr import columns_of

    return max(NARROWEST, min(widest, columns_of(stream.fileno())))


def _safe(text: str) -> str:
    from dsstail.escaping import visible
    from dsstail.keys import concealed

    return visible(concealed(text))


def _print(line: str) -> None:
    with contextlib.suppress(OSError):
        _write(line, sys.stderr, patience=last_words())


def _write(text: str, stream: TextIO, *, patience: float | None = None) -> None:
    if not text.isascii():
        from dsstail.escaping import spelled

        text = spelled(text, stream)
    write_text(f"{text}\n", stream, patience=patience)
