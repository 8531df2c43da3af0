"""Write the manual page, from what the commands say in their help: `make man`."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from dsstail import __version__
from dsstail.cli.commands import COMMANDS, PROGRAM, load
from dsstail.cli.help import ABOUT, fields, kinds, spelling
from dsstail.cli.options import PANELS

README = Path(__file__).parents[1] / "README.md"

DESCRIPTION = """\
dsstail connects to the Datastream Service, a WebSocket service that pushes the connectivity, \
datapoint, datapointack, location and registration events of devices. It answers heartbeats, comes \
back when the connection breaks, asks for what it missed, and says so when something did not come \
back. Without a COMMAND it prints the events as they come.

stdout carries events and nothing else; connections, gaps, errors and the summary go to stderr. \
Options are understood before and after the command's name.
"""

VARIABLES = {
    "DSSTAIL_CONFIG": "The configuration file, in place of the usual one.",
    "DSSTAIL_DEBUG": "If set, an error that is a bug in dsstail comes with its traceback.",
    "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY": "The proxy to go through, and where not to.",
    "NO_COLOR, FORCE_COLOR, TERM": "Whether to print in color, where --color does not say.",
    "TZ": "The time zone of the times that are shown, and of dates in names of recordings.",
}

FILES = {
    "$XDG_CONFIG_HOME/dsstail/config.toml, ~/.config/dsstail/config.toml": (
        "Settings in profiles; %APPDATA% on Windows. dsstail config init writes it, all commented "
        "out, dsstail config show tells what is in effect. It may hold keys: keep others from "
        "reading it. A flag counts for more than a variable, a variable for more than a profile."
    ),
    "FILE.20261123T142501.000Z.jsonl, the same with .gz or .zst": (
        "What record has rotated, named by the time of its first event. A .part beside it is half "
        "compressed, and done again at the next start."
    ),
}


def page() -> str:
    """The manual page, in the man macros of roff."""
    built = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    parts = [
        f'.TH DSSTAIL 1 {time.strftime("%Y-%m-%d", built)} "dsstail {__version__}"',
        ".nh",  # whoever copies a command does not want hyphens that are not in it
        ".ad l",
        ".SH NAME",
        _text(f"{PROGRAM} - {ABOUT[:1].lower()}{ABOUT[1:].rstrip('.')}"),
        ".SH SYNOPSIS",
        f".B {_text(f'{PROGRAM} [OPTIONS]')}",
        ".br",
        f".B {_text(f'{PROGRAM} COMMAND [OPTIONS] [ARGUMENTS]')}",
        ".SH DESCRIPTION",
        *_prose(DESCRIPTION),
        ".SH COMMANDS",
    ]
    for name in COMMANDS:
        parts += _command(name)
    parts.append(".SH OPTIONS")
    for panel, note in PANELS.items():
        parts += _panel(panel, note)
    parts += _prose(f"\n{kinds(load('tail').params)}\n\n{fields(load('tail').params)}")
    parts += [".SH EXIT STATUS", *_list(_exit_codes())]
    variables = f"Each option of the connection has its variable: {', '.join(_variables())}."
    parts += [".SH ENVIRONMENT", *_prose(variables), *_list(VARIABLES.items())]
    parts += [".SH FILES", *_list(FILES.items())]
    return "\n".join(parts) + "\n"


def _command(name: str) -> Iterator[str]:
    """What a command does, and its options but for those of the tail, which have their section."""
    params = load(name).params
    arguments = [param for param in params if param.param_type_name == "argument"]
    yield f".SS {_text(' '.join([PROGRAM, name, *map(spelling, arguments)]))}"
    yield from _prose(f"{COMMANDS[name]}.\n\n{load(name).help or ''}")
    yield from _list((spelling(param), param.help) for param in [*arguments, *_own(name)])
    if shared := [panel for panel in PANELS if panel != "Help" and _shared(name, panel)]:
        yield from _prose(f"\nSee OPTIONS for what goes with {', '.join(shared)}.")


def _panel(panel: str, note: str) -> Iterator[str]:
    """A section of options that the tail has, and which other commands have it."""
    if options := _shared("tail", panel):
        having = [name for name in COMMANDS if _shared(name, panel)]
        of = "all commands" if len(having) == len(COMMANDS) else ", ".join(having)
        yield f".SS {panel}"
        yield from _prose(f"Of {of}. {note}".rstrip())
        yield from _list((spelling(param), param.help) for param in options)


def _own(name: str) -> list[Any]:
    """The options of a command that are not those of the tail."""
    options = [param for param in load(name).params if param.param_type_name == "option"]
    return [param for param in options if not _is_of_the_tail(param)]


def _shared(name: str, panel: str) -> list[Any]:
    """The options in a section of a command's help that are those of the tail."""
    options: list[Any] = [param for param in load(name).params if param.param_type_name == "option"]
    return [p for p in options if p.rich_help_panel == panel and _is_of_the_tail(p)]


def _is_of_the_tail(param: Any) -> bool:
    """Whether the tail has an option that is written so, and means the same."""
    tails: list[Any] = load("tail").params
    return any((spelling(p), p.help) == (spelling(param), param.help) for p in tails)


def _exit_codes() -> list[tuple[str, str]]:
    text = README.read_text(encoding="utf-8").replace("`", "")
    return re.findall(r"(?m)^\| (\d+) \| (.*) \|$", text)


def _variables() -> Iterator[str]:
    """What the options of the connection are called in the environment."""
    for param in _shared("tail", "Connection"):
        long = next(option for option in param.opts if option.startswith("--"))
        yield f"DSSTAIL_{long[2:].replace('-', '_').upper()}"


# Text → roff


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; lines that are indented are examples, with an explanation or without."""
    for line in text.splitlines():
        example = re.fullmatch(r"  (\S.*?) {2,}(\S.*)", line)
        if example:
            yield from (".TP", f".B {_text(example[1])}", *_lines(example[2]))
        elif line.startswith("   "):
            yield from _lines(line.strip())
        elif line.startswith("  "):
            yield from (".PP", f".B {_text(line.strip())}")
        elif line:
            yield from _lines(line)
        else:
            yield ".PP"


def _list(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, explanation in entries:
        yield from (".TP", f".B {_text(term.strip())}", *_lines(explanation))


def _lines(text: str) -> list[str]:
    return [_text(line) for line in wrap(text, 60, break_on_hyphens=False)]


def _text(text: str) -> str:
    """Text as it is, for roff: nothing in it is a request, and all of it can be copied."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    escaped = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    escaped = escaped.replace("'", r"\(aq").replace('"', r"\(dq").replace("!", r"!\&")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(), encoding="ascii")
