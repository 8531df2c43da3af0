"""The help of a command as one page of text, made to fit the terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from itertools import groupby
from textwrap import wrap
from typing import Any

import typer

from dsstail.cli.commands import COMMANDS, PROGRAM
from dsstail.cli.console import columns
from dsstail.cli.options import PANELS
from dsstail.config import colored

ABOUT = "Tail and record the Ayla Datastream Service: device events, live."

_LEFT = 31
"""Columns for what is explained; the explanation has the rest."""

_NARROW = 66
"""In less columns than these an explanation stands below what it explains."""

_KINDS = {
    "TIME": "500ms, 30s, 5m, 2h or 1d",
    "SIZE": "64k, 16MiB or 100MB",
}
"""How to write the values that several options take."""


def page(context: typer.Context) -> str:
    """The help of the context's command; where no command was named, of dsstail as a whole."""
    command = context.command
    name = context.info_name or PROGRAM
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    width = columns(sys.stdout)
    usage = [f"Usage: {' '.join([name, '[OPTIONS]', *map(spelling, arguments)])}"]
    if name == PROGRAM:
        usage.append(f"       {PROGRAM} COMMAND [OPTIONS]")
        about = ABOUT
    else:
        about = f"{COMMANDS[str(command.name)]}."
    sections = [_reflowed("\n".join([*usage, "", about]), width)]
    sections.append(_with_headings(_reflowed(command.help or "", width)))
    if name == PROGRAM:
        sections.append(_section("Commands", "", COMMANDS.items(), width))
    sections.append(_panel("Arguments", "", arguments, width))
    for panel, note in PANELS.items():
        options = [p for p in command.params if getattr(p, "rich_help_panel", None) == panel]
        sections.append(_panel(panel, note, options, width))
    sections.append(_reflowed(kinds(command.params), width))
    sections.append(_reflowed(fields(command.params), width))
    return "\n\n".join(section for section in sections if section)


def _panel(title: str, note: str, params: list[Any], width: int) -> str:
    return _section(title, note, [(spelling(param), param.help or "") for param in params], width)


def _section(title: str, note: str, rows: Iterable[tuple[str, str]], width: int) -> str:
    """A title, what holds for all rows, and the rows in two columns; nothing without rows."""
    lines = []
    indent = " " * (_LEFT if width >= _NARROW else 8)
    for left, right in rows:
        first, *more = _wrapped(right, width, indent)
        if len(left) + 4 > len(indent):
            lines += [f"  {left}", first, *more]
        else:
            lines += [f"  {left}".ljust(len(indent)) + first[len(indent) :], *more]
    if not lines:
        return ""
    head, *more = _reflowed(f"{title}: {note}".rstrip(), width).splitlines()
    return "\n".join([_heading(title) + head[len(title) + 1 :], *more, *lines])


def kinds(params: list[Any]) -> str:
    """How to write the values of these options, where that is not said with each."""
    kinds = [kind for kind in _KINDS if any(param.metavar == kind for param in params)]
    return "; ".join(f"{kind} is {_KINDS[kind]}" for kind in kinds) + "." if kinds else ""


def fields(params: list[Any]) -> str:
    """The names that templates and conditions are made of, if there are options for them."""
    kinds = [param.metavar for param in params if param.metavar in ("TEMPLATE", "CONDITIONS")]
    if not kinds:
        return ""
    from dsstail.fields import FIELDS

    return f"The fields of {' and '.join(kinds)}: {', '.join(FIELDS)}."


def _reflowed(text: str, width: int) -> str:
    """What is too wide, wrapped: a paragraph as a whole, all else line by line."""
    lines: list[str] = []
    for is_prose, group in groupby(text.splitlines(), lambda line: line[:1] not in ("", " ")):
        block = list(group)
        if max(map(len, block)) <= width:
            lines += block
        elif is_prose:
            hanging = " " * 4 if block[0].startswith("Usage") else ""
            lines += _wrapped(" ".join(block), width, hanging=hanging)
        else:
            for line in block:
                lines += [line] if len(line) <= width else _example(line, width)
    return "\n".join(lines)


def _example(line: str, width: int) -> list[str]:
    """An example that is too wide: what explains it moves below it."""
    parts = re.fullmatch(r"(  \S.*?) {2,}(\S.*)", line)
    example, meaning = parts.groups() if parts else (line, "")
    return [*_wrapped(example, width, hanging=" " * 4), *_wrapped(meaning, width, " " * 8)]


def _wrapped(text: str, width: int, indent: str = "", *, hanging: str = "") -> list[str]:
    return wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_on_hyphens=False,
    )


def spelling(param: Any) -> str:
    """How to write an option: `-k, --key [NAME=]KEY`, `--field, --dev`; an argument: `[FILE]`."""
    if param.param_type_name == "argument":
        return str(param.metavar)
    long = next(name for name in param.opts if name.startswith("--"))
    short = next((f"{name}, " for name in param.opts if name != long), "    ")
    long = ", ".join([long, *param.secondary_opts])
    return short + (long if param.is_flag or param.count else f"{long} {param.metavar}")


def _with_headings(text: str) -> str:
    return re.sub("^(\\w+):$", lambda line: _heading(line[1]), text, flags=re.MULTILINE)


def _heading(title: str) -> str:
    colorful = colored("auto", os.environ, sys.stdout)
    return f"\x1b[1m{title}:\x1b[0m" if colorful else f"{title}:"
