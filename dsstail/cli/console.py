"""What commands say to people: on stdout what was asked for, on stderr everything else."""

from __future__ import annotations

import contextlib
import os
import sys

from dsstail.errors import OutputError


class Unread(Exception):
    """Nobody reads stdout any more (`| head`): a reason to end, and no error."""


def say(text: str) -> None:
    """Print on stdout. Raises OutputError where that fails, Unread where nobody wants it."""
    encoding = sys.stdout.encoding
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        raise Unread from None
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {error.strerror}.") from None


def tell(text: str) -> None:
    """Print a line on stderr, safe to look at: no key in it, and nothing that moves the cursor."""
    from dsstail.escaping import visible
    from dsstail.keys import concealed

    with contextlib.suppress(OSError):
        print(visible(concealed(text)), file=sys.stderr, flush=True)


def complain(kind: str, text: str) -> None:
    """Print `error: …` or `warning: …` on stderr, on a terminal in lines of 80 columns."""
    line = f"{kind}: {text}"
    if not sys.stderr.isatty():
        return tell(line)
    from textwrap import wrap

    width = min(80, os.get_terminal_size(sys.stderr.fileno()).columns or 80)
    indent = " " * len(f"{kind}: ")
    for part in wrap(line, width, subsequent_indent=indent, break_on_hyphens=False):
        tell(part)
    return None


def warn(text: str) -> None:
    """Print `warning: …` on stderr."""
    complain("warning", text)


def abandon_stdout() -> None:
    """Let what could not be written go nowhere, or Python would try again at its exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
