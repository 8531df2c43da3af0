"""`dsstail domains`: the regional table."""

from __future__ import annotations

import sys
from dataclasses import asdict

from dsstail.cli.commands import command
from dsstail.cli.console import columns, say
from dsstail.cli.options import TextOrJson
from dsstail.domains import CLIENT_TYPES, PLACES
from dsstail.given import text_or_json

_WIDTH = 79
"""Columns of the table; a narrower terminal gets a list."""


@command
def domains(output: TextOrJson = None) -> int:
    """wss is where streams are read from, https where the REST API is."""
    if text_or_json(output) == "json":
        say(_json())
    else:
        say(_table() if columns(sys.stdout) >= _WIDTH else _list())
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


def _list() -> str:
    blocks = []
    for place in PLACES:
        blocks.append(f"{place}\n wss   {place.wss}\n https {place.https}")
    return "\n".join(blocks)


def _row(place: str, wss: str, https: str) -> str:
    return f"{place:<10}{wss:<35}{https}"
