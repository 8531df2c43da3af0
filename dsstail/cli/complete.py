"""What TAB offers: the other end of the scripts that `dsstail completion` prints.

A script hands over the line up to the cursor. It gets candidates, one a line, each with a tab and
an explanation if there is one; or `:files`, which says that the shell is to complete a file name.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import typer

from dsstail.cli.commands import COMMANDS, load
from dsstail.cli.console import say
from dsstail.cli.words import Line, read

FILES = ":files"

Candidate = tuple[str, str]


def complete(shell: str, text: str) -> int:
    """Print what completes the last word of `text`, for `shell`."""
    *words, last = _split(text)
    line = read(words[1:])
    for value, explanation in _candidates(line, last):
        # bash replaces only what stands after the `=` of a word.
        shown = value.partition("=")[2] if shell == "bash" and "=" in value else value
        say(f"{shown}\t{explanation}" if explanation else shown)
    return 0


def _split(text: str) -> list[str]:
    """The words of a text that may end within a word or within quotes; the last may be empty."""
    end = "\0"
    lexer = shlex.shlex(text + end, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:
        words.append(lexer.token)
    return [word.removesuffix(end) for word in words]


def _candidates(line: Line, last: str) -> Iterator[Candidate]:
    option, equals, start = last.partition("=")
    if line.pending is not None:
        yield from _values(line.pending, last)
    elif line.options_end or not last.startswith("-"):
        yield from _arguments(line, last)
    elif not equals:
        yield from _options(line, last)
    elif param := line.find(option):
        for value, explanation in _values(param, start):
            yield value if value == FILES else f"{option}={value}", explanation


def _arguments(line: Line, start: str) -> Iterator[Candidate]:
    if line.command is None or (line.command == "help" and not line.arguments):
        yield from (entry for entry in COMMANDS.items() if entry[0].startswith(start))
    elif line.command in COMMANDS:
        params = load(line.command).params
        arguments = [param for param in params if param.param_type_name == "argument"]
        if arguments and (line.arguments < len(arguments) or arguments[-1].nargs < 0):
            yield from _values(arguments[min(line.arguments, len(arguments) - 1)], start)


def _options(line: Line, start: str) -> Iterator[Candidate]:
    """The options of the command, or of the tail, less those that are there and count once."""
    if line.command is not None and line.command not in COMMANDS:
        return
    for param in load(line.command or "tail").params:
        spellings = [*param.opts, *param.secondary_opts]
        if getattr(param, "multiple", False) or not line.options.intersection(spellings):
            for spelling in spellings:
                if spelling.startswith(start):
                    yield spelling, getattr(param, "help", "")


def _values(param: Any, start: str) -> Iterator[Candidate]:
    if param.type.name == "path" or "FILE" in (param.metavar or ""):
        yield FILES, ""
    context = typer.Context(load("tail"))
    # What may be given several times may be given with commas as well.
    before, comma, last = start.rpartition(",") if param.multiple else ("", "", start)
    for item in param.shell_complete(context, last):
        yield f"{before}{comma}{item.value}", item.help or ""
