"""`dsstail domains`: the regional table."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from dsstail.cli.commands import command
from dsstail.cli.console import say
from dsstail.cli.options import among
from dsstail.domains import CLIENT_TYPES, PLACES
from dsstail.errors import ConfigurationError


@command
def domains(
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FORMAT",
            autocompletion=among("text", "json"),
            rich_help_panel="Output",
            help="text or json (default text)",
        ),
    ] = "text",
) -> int:
    """wss is where streams are read from, https where the REST API is."""
    if output not in ("text", "json"):
        raise ConfigurationError(f'--output: "{output}" is none of text, json.')
    say(_json() if output == "json" else _table())
    return 0


def _json() -> str:
    import json

    return "[\n" + ",\n".join(json.dumps(asdict(place)) for place in PLACES) + "\n]"


def _table() -> str:
    lines = []
    for client_type in CLIENT_TYPES:
        lines += ["", _row(client_type, "wss", "https")]
        for place in PLACES:
            if place.client_type == client_type:
                lines.append(_row(f"{place.region} {place.deployment}", place.wss, place.https))
    return "\n".join(lines[1:])


def _row(place: str, wss: str, https: str) -> str:
    return f"{place:<10}{wss:<35}{https}"
