"""Which command is meant, and running it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import typer

from dsstail.cli.commands import COMMANDS, PROGRAM, load
from dsstail.cli.words import read
from dsstail.errors import ConfigurationError


def dispatch(words: Sequence[str]) -> int:
    """Run the command that `words` name, the tail where they name none, and return its exit code.

    Raises ConfigurationError for a command, an option or an argument that does not exist.
    """
    line = read(words)
    if line.command in COMMANDS:
        command, name, rest = load(line.command), f"{PROGRAM} {line.command}", line.rest
    elif line.command is None or line.unknown:
        # After an unknown option, what seems to be the command may be its value.
        command, name, rest = load("tail"), PROGRAM, list(words)
    else:
        raise ConfigurationError(_no_such("command", line.command, COMMANDS))
    try:
        with command.make_context(name, rest) as context:
            return int(command.invoke(context))
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        raise ConfigurationError(_reason(error, name)) from None


def _reason(error: typer.TyperException, name: str) -> str:
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        return _no_such("option", option, error.possibilities or ())
    message = error.format_message().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}. See {name} --help."


def _no_such(kind: str, what: str, known: Iterable[str]) -> str:
    similar = get_close_matches(what, list(known), n=1)
    hint = f'Did you mean "{similar[0]}"?' if similar else f"See {PROGRAM} --help."
    return f'no {kind} "{what}". {hint}'
