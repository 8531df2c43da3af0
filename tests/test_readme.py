"""The README and docs/ tell the truth: their commands, options and examples exist and work."""

from __future__ import annotations

import contextlib
import io
import pydoc
import re
import shlex
from pathlib import Path

import dsstail
from dsstail.cli.commands import COMMANDS, load
from dsstail.errors import DsstailError
from dsstail.simulator import Simulator, SimulatorSettings

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = README + "".join(page.read_text("utf-8") for page in (PROJECT / "docs").glob("*.md"))
SPELLINGS = {
    name: {
        spelling for param in load(name).params for spelling in param.opts + param.secondary_opts
    }
    for name in COMMANDS
}


def commands() -> list[list[str]]:
    """The words after `dsstail` of every command line in the shell examples."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGES, re.DOTALL)
    lines = re.findall(r"(?:[^'\n]|'[^']*')+", "\n".join(blocks))  # quotes may span several
    found = []
    for line in lines:
        for part in re.split(r"[|>;](?![^']*'(?:[^']*'[^']*')*[^']*$)", line):
            if command := re.fullmatch(r'(?:eval "\$\()?dsstail\b(.*?)(?:\)".*)?', part.strip()):
                found.append(shlex.split(command[1], comments=True))
    return found


def test_every_command_line_has_options_of_its_command() -> None:
    assert len(commands()) > 40
    for words in commands():
        name = next((word for word in words if word in COMMANDS), "tail")
        for word in words:
            if word.startswith("-") and not re.fullmatch(r"-\d.*", word):
                assert word.split("=")[0] in SPELLINGS[name], words


def test_every_option_named_in_the_text_exists() -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README))
    assert len(named) > 20
    assert named <= set().union(*SPELLINGS.values())


def test_every_command_is_told() -> None:
    for name in set(COMMANDS) - {"tail"}:
        assert f"dsstail {name}" in README


def test_every_exit_code_is_told() -> None:
    errors: list[type[DsstailError]] = [DsstailError, *DsstailError.__subclasses__()]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert {error.exit_code for error in errors} | {0, 4, 130} == told


def test_the_python_examples_run(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    printed = io.StringIO()
    with Simulator(SimulatorSettings(rate=200)) as simulator:
        example = example.replace("wss://stream.aylanetworks.com/stream", simulator.url)
        example = example.replace("…", simulator.key) + "    if event.seq == 1005: break\n"
        with contextlib.redirect_stdout(printed):
            exec(compile(example, "README.md", "exec"), {})
    assert len(printed.getvalue().splitlines()) >= 5

    (line,) = re.findall(r"`(for event in dsstail.read_recording.*?)`", README)
    (tmp_path / "events.jsonl").write_text('{"seq":"1"}\n{"seq":"2"}\n')
    found: list[int] = []
    with contextlib.chdir(tmp_path):
        exec(f"{line}: found.append(event.seq)", {"dsstail": dsstail, "found": found})
    assert found == [1, 2]


def test_what_on_status_is_told_has_public_names() -> None:
    told: list[str] = []

    def note(batch: dsstail.Batch) -> None:
        match batch.content:
            case dsstail.Connected(host):
                told.append(f"{batch.stream} connected to {host}")
            case dsstail.Disconnected() | dsstail.Gap() | dsstail.Reset() | dsstail.Malformed():
                raise AssertionError(batch)

    with Simulator(SimulatorSettings(rate=200)) as simulator:
        next(dsstail.open_stream(simulator.url, simulator.key, on_status=note))
        host = simulator.url.split("/")[2]
    assert told == [f"stream connected to {host}"]


def test_pythons_help_tells_what_the_readme_names() -> None:
    named = set(re.findall(r"\bdsstail\.([A-Za-z_]+)\(", README))
    named |= set(re.findall(r"`dsstail\.([A-Za-z]+)`", README)) | {"Event"}
    assert named >= {"open_stream", "read_recording", "StreamSettings", "Rejected", "Gap"}
    page = pydoc.plain(pydoc.render_doc(dsstail))
    for name in named:
        assert re.search(rf"^    (class )?{name}\(", page, re.MULTILINE), name
