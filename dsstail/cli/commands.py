"""The commands of dsstail, loaded one by one: none costs start-up time before it is used."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, wraps
from typing import Any, cast, get_type_hints

import typer
from typer.core import TyperCommand
from typer.main import get_command

from dsstail.cli.options import Common

PROGRAM = "dsstail"

COMMANDS = {
    "tail": "Print events as they come; the same as no command",
    "watch": "Look at streams and devices on the whole screen",
    "record": "Append events to a file; go on where it ends",
    "show": "Print recordings, and follow them",
    "verify": "Tell whether a recording is complete",
    "stats": "Tell what a recording holds, in numbers and plots",
    "check": "Tell where and why a connection fails",
    "demo": "Tail made-up devices: no account, no setup",
    "simulate": "Serve made-up devices on this machine",
    "domains": "Print where the service is, by region",
    "config": "Keep settings in a file; tell what is in effect",
    "completion": "Print the script that completes in your shell",
}
"""Each command, whose module in this package has its name, and what it does."""


@cache
def load(name: str) -> TyperCommand:
    """The command, one of COMMANDS."""
    loaded = getattr(importlib.import_module(f"dsstail.cli.{name}"), name)
    assert isinstance(loaded, TyperCommand)
    return loaded


def command(function: Callable[..., int]) -> TyperCommand:
    """Make a command of a function, which returns the exit code.

    A parameter whose type is a dataclass stands for the options that are its fields. What the
    docstring says is the command's help, below its line in COMMANDS.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(add_help_option=False)(_unfolded(function))
    return cast(TyperCommand, get_command(app))


def _unfolded(function: Callable[..., int]) -> Callable[..., int]:
    """`function` with the fields of its dataclasses as parameters, and those of every command."""
    groups: dict[str, Any] = {}
    parameters = []
    signature = inspect.signature(function, eval_str=True)
    for parameter in signature.parameters.values():
        if is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _parameters(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))

    @wraps(function)
    def unfolded(**options: Any) -> int:
        arguments = {name: _take(group, options) for name, group in groups.items()}
        _take(Common, options)
        return function(**arguments, **options)

    unfolded.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters + _parameters(Common)
    )
    return unfolded


def _parameters(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]


def _take(group: Any, options: dict[str, Any]) -> Any:
    return group(**{field.name: options.pop(field.name) for field in fields(group)})
