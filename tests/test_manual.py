"""The manual page that `make man` writes: complete, and fine for the programs that show it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dsstail.cli.commands import COMMANDS, load
from dsstail.cli.help import spelling

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dist") / "dsstail.1"
    subprocess.run([sys.executable, PROJECT / "docs" / "manual.py", path], check=True)
    return path


def shown(manual: Path) -> str:
    """The page as text on one line, without what only roff needs."""
    text = re.sub(r"(?m)^\.(\w+)( |$)", r"\n", manual.read_text(encoding="ascii"))
    for escaped, plain in {r"\&": "", r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\e": "\\"}.items():
        text = text.replace(escaped, plain)
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained_as_in_its_help(name: str, manual: Path) -> None:
    text = shown(manual)
    assert f"dsstail {name}" in text
    assert f" {COMMANDS[name]}. " in text
    for line in (load(name).help or "").splitlines():
        assert re.sub(r"\s+", " ", line.strip()) in text
    for param in load(name).params:
        help_text = getattr(param, "help", "")
        assert f" {spelling(param).strip()} {help_text} " in text


def test_every_exit_code_is_told(manual: Path) -> None:
    for code in (0, 1, 2, 3, 4, 5, 6, 124, 130):
        assert re.search(rf" {code} [a-z-]", shown(manual).partition("EXIT STATUS")[2])


def test_the_variables_are_those_that_count(manual: Path) -> None:
    told = set(re.findall(r"DSSTAIL_\w+", shown(manual).partition("ENVIRONMENT")[2]))
    assert {"DSSTAIL_KEY", "DSSTAIL_REGION", "DSSTAIL_CONFIG", "DSSTAIL_DEBUG"} <= told
    code = "".join(path.read_text("utf-8") for path in (PROJECT / "dsstail").rglob("*.py"))
    options = {name[len("DSSTAIL_") :].lower() for name in told}
    assert all(f'"{name}"' in code or f'"DSSTAIL_{name.upper()}"' in code for name in options)


@pytest.mark.parametrize(
    "command",
    [["groff", "-man", "-ww", "-Tascii"], ["mandoc", "-Tlint"], ["man", "--warnings=all"]],
    ids=lambda command: command[0],
)
def test_it_is_shown_without_a_complaint(command: list[str], manual: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([*command, manual], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    if command[0] == "mandoc":
        assert done.stdout == ""
    else:
        assert "--rotate-size SIZE" in re.sub(r".\x08|\x1b\[[\d;]*m", "", done.stdout)
