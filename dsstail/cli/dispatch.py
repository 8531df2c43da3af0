"""Which command is meant, and running it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import typer
from typer.core import TyperCommand

from dsstail.cli import console
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
    elif line.command == "help":
        return dispatch([*line.rest, "--help"])
    else:
        raise ConfigurationError(_no_command(line.command))
    try:
        with command.make_context(name, rest) as context:
            asked = context.params
            console.choose(asked.get("color"), quiet=bool(asked.get("quiet")))
            return int(command.invoke(context))
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        raise ConfigurationError(_reason(error, command, name)) from None


def _reason(error: typer.TyperException, command: TyperCommand, name: str) -> str:
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        return _no_option(option, command, name)
    message = error.format_message().rstrip(".")
    surplus = re.fullmatch(r"Got unexpected extra argument\(s\) \((.*)\)", message, re.DOTALL)
    if surplus and all(param.param_type_name == "option" for param in command.params):
        return f'{command.name} takes no argument, and got "{surplus[1]}". See {name} --help.'
    if surplus:
        return f'too many arguments for {command.name}: "{surplus[1]}". See {name} --help.'
    message = re.sub("'([^']*)'", r'"\1"', message)  # as all other messages quote
    return f"{message[:1].lower()}{message[1:]}. See {name} --help."


def _no_command(word: str) -> str:
    if os.path.isfile(word):
        return f'no command "{word}". It is a file: "{PROGRAM} show {shlex.quote(word)}" prints it.'
    return _no_such("command", word, COMMANDS, PROGRAM)


def _no_option(option: str, command: TyperCommand, name: str) -> str:
    """Other commands may have it; if none has, something like it may be meant."""
    having = [other for other in COMMANDS if option in _spellings(load(other))]
    if not having:
        return _no_such("option", option, _spellings(command), name)
    *others, last = having
    known = f"{', '.join(others)} and {last} have it" if others else f"{last} has it"
    return f'{command.name} has no option "{option}"; {known}. See {name} --help.'


def _spellings(command: TyperCommand) -> list[str]:
    options = [param for param in command.params if param.param_type_name == "option"]
    return [spelling for param in options for spelling in (*param.opts, *param.secondary_opts)]


def _no_such(kind: str, what: str, known: Iterable[str], name: str) -> str:
    *others, last = [f'"{one}"' for one in _similar(what, list(known))] or [""]
    similar = f"{', '.join(others)} or {last}" if others else last
    hint = f"Did you mean {similar}?" if similar else f"See {name} --help."
    return f'no {kind} "{what}". {hint}'


def _similar(what: str, known: Sequence[str]) -> list[str]:
    """What begins with the word, else what it may be a slip of."""
    if longer := [one for one in known if one.startswith(what)]:
        return longer if len(longer) <= 3 else []
    # The dashes are in every option, and no likeness.
    bare = {one.lstrip("-"): one for one in known if one.startswith("--") == what.startswith("--")}
    return [bare[one] for one in get_close_matches(what.lstrip("-").lower(), bare, 1, cutoff=0.7)]
