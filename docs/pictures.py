"""Draw the pictures of the README from what the installed command prints: `make pictures`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
DSSTAIL = Path(sys.executable).with_name("dsstail")

PICTURES = {
    "tail": ("dsstail demo", "demo --count 24 --rate 40"),
}
"""Each picture: the command line that it shows, and the one that is run for it."""


def draw(name: str, shown: str, run: str) -> None:
    """Run the command, and keep what it prints on stdout as a picture of a terminal."""
    printed = subprocess.run(
        [DSSTAIL, *run.split(), "--output", "text", "--color", "always", "--quiet"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout
    with open("/dev/null", "w") as nowhere:
        console = Console(record=True, width=80, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(printed.rstrip("\n")))
        console.save_svg(str(HERE / f"{name}.svg"), title=shown)


if __name__ == "__main__":
    for name, (shown, run) in PICTURES.items():
        draw(name, shown, run)
