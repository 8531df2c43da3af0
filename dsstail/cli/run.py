"""From the words of a command line to an exit code, with no more imports than they need."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dsstail.cli.console import complain, say, tell
from dsstail.errors import DsstailError, OutputClosed

ANSWERS = {"check", "completion", "config", "domains", "stats", "verify"}
"""Commands that end well only with an answer; the others do whenever a signal ends them.

They are looked for among all words, since to tell which one is the command takes time.
"""


def run(words: Sequence[str]) -> int:
    """Do what the words after `dsstail` ask for. Here every failure becomes its exit code."""
    try:
        return _answer(words)
    except DsstailError as error:
        from dsstail.wording import sentence

        complain("error", sentence(str(error)))
        return error.exit_code
    except OutputClosed:
        return 0
    except Exception as error:
        return _bug(error)


def _answer(words: Sequence[str]) -> int:
    if shell := os.environ.get("_DSSTAIL_COMPLETE"):
        from dsstail.cli.complete import complete

        return complete(shell, os.environ.get("_DSSTAIL_LINE", ""))
    if words in (["--version"], ["-V"]):
        from dsstail import __version__

        say(f"dsstail {__version__}")
        return 0
    from dsstail.interruption import end_at_once

    end_at_once(130 if ANSWERS.intersection(words) else 0)
    from dsstail.cli.dispatch import dispatch

    return dispatch(words)


def _bug(error: Exception) -> int:
    complain(
        "error",
        f"{type(error).__name__}: {error}. This is a bug in dsstail; DSSTAIL_DEBUG=1 shows where.",
    )
    if os.environ.get("DSSTAIL_DEBUG"):
        from traceback import format_exception

        for entry in format_exception(error):
            for line in entry.splitlines():
                tell(line)
    return 1
