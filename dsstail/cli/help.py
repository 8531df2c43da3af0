"""The help of a command as one page of text, made to fit 80 columns."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from textwrap import TextWrapper
from typing import Any

import typer

from dsstail.cli.commands import COMMANDS, PROGRAM
from dsstail.cli.options import PANELS
from dsstail.config import colored

ABOUT = "Tail and record the Ayla Datastream Service: device events, live."

_LEFT = 31
"""Columns for what is explained; the explanation has the rest of 80."""

_explanation = TextWrapper(
    width=80, initial_indent=" " * _LEFT, subsequent_indent=" " * _LEFT, break_on_hyphens=False
)


def page(context: typer.Context) -> str:
    """The help of the context's command; where no command was named, of dsstail as a whole."""
    command = context.command
    name = context.info_name or PROGRAM
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    usage = [f"Usage: {' '.join([name, '[OPTIONS]', *map(_spelling, arguments)])}"]
    if name == PROGRAM:
        usage.append(f"       {PROGRAM} COMMAND [OPTIONS]")
        about = ABOUT
    else:
        about = f"{COMMANDS[str(command.name)]}."
    sections = ["\n".join(usage), about, _with_headings(command.help or "")]
    if name == PROGRAM:
        sections.append(_section("Commands", "", COMMANDS.items()))
    sections.append(_panel("Arguments", "", arguments))
    for panel, note in PANELS.items():
        options = [p for p in command.params if getattr(p, "rich_help_panel", None) == panel]
        sections.append(_panel(panel, note, options))
    return "\n\n".join(section for section in sections if section)


def _panel(title: str, note: str, params: list[Any]) -> str:
    return _section(title, note, [(_spelling(param), param.help or "") for param in params])


def _section(title: str, note: str, rows: Iterable[tuple[str, str]]) -> str:
    """A title, what holds for all rows, and the rows in two columns; nothing without rows."""
    lines = []
    for left, right in rows:
        first, *more = _explanation.wrap(right)
        if len(left) + 4 > _LEFT:
            lines += [f"  {left}", first, *more]
        else:
            lines += [f"  {left}".ljust(_LEFT) + first[_LEFT:], *more]
    return "\n".join([f"{_heading(title)} {note}".rstrip(), *lines]) if lines else ""


def _spelling(param: Any) -> str:
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
