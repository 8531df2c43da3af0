"""TAB in real shells, and the scripts in completions/."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import PATIENCE, installed
from conftest import Here
from terminal import Terminal

from dsstail.cli.commands import COMMANDS

PROJECT = Path(__file__).parent.parent
DSSTAIL = Path(installed())
SCRIPTS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "ps1"}

# What is typed into a shell, and what TAB must show of it: something that was not typed.
TYPED = [
    ("dsstail dom", "domains"),
    ("dsstail --regi", "--region"),
    ("dsstail --region e", "--region eu"),
    ("dsstail --region=e", "--region=eu"),
    ("dsstail tail --url ws://[::1]:80/x -t loc", "-t location"),
    ("dsstail tail --output 'js", "json"),
    ("A=1 dsstail --region c", "--region cn"),
    ("dsstail --ca-file cert", "--ca-file certificates.pem"),
    ("dsstail --ca-file=cert", "--ca-file=certificates.pem"),
    ("dsstail show cert", "show certificates.pem"),
    ("dsstail verify x ./cert", "x ./certificates.pem"),
    ("dsstail -t datapoint,reg", "-t datapoint,registration"),
    ("dsstail -t '!loc", "!location"),
    ("dsstail -t \\!loc", "!location"),
    ("dsstail -t '!location,!reg", "!location,!registration"),
]

OFFERED = [
    ("dsstail ", list(COMMANDS)),
    ("dsstail --region ", ["us", "eu", "cn"]),
    ("dsstail --f", ["--field", "--from-seq", "--fill-gaps", "--format", "--fold"]),
    ("dsstail -t '!data", ["!datapoint", "!datapointack"]),
]

NOTHING = ["dsstail --key ", "dsstail --region x"]

# What makes no difference to a shell: the line, and what the command answers its script.
ANSWERED = [
    ("dsstail -r eu tail --client-type m", ["mobile"]),
    ("dsstail --client-type m", ["mobile"]),
    ("dsstail -t loc", ["location"]),
    ("dsstail --event-type reg", ["registration"]),
    ("dsstail --event-type data", ["datapoint", "datapointack"]),
    ("dsstail tail --output ", ["text", "json", "pretty", "csv"]),
    ("dsstail -k name=KEY -o pre", ["pretty"]),
    ("dsstail completion ", ["bash", "zsh", "fish", "powershell"]),
    ("dsstail completion pow", ["powershell"]),
    ("dsstail help ", list(COMMANDS)),
    ("dsstail help comp", ["completion"]),
    ("dsstail stats x --svg cert", [":files"]),
    ("dsstail stats x -o j", ["json"]),
    ("dsstail watch -r eu cert", [":files"]),
    ("dsstail record cert", [":files"]),
    ("dsstail tail -k ", []),
    ("dsstail --url ", []),
    ("dsstail recrod ", []),
    ("dsstail help tail ", []),
]

CLEAR = "\x15"
ZSH_SETUP = "unset zle_bracketed_paste; setopt no_beep; PS1=; autoload -Uz compinit"


def environment(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": f"{DSSTAIL.parent}:{os.environ['PATH']}",
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }


def need(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed on this machine")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "certificates.pem").touch()
    return tmp_path


@pytest.fixture
def bash(home: Path) -> Iterator[Terminal]:
    need("bash")
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], environment(home), home)
    terminal.type(
        "bind 'set enable-bracketed-paste off' 'set bell-style none'"
        " 'set show-all-if-ambiguous on' 'set completion-query-items 0'\n"
        f"source {PROJECT}/completions/dsstail.bash; PS1=; echo rea''dy\n"
    )
    terminal.read_until("ready")
    yield terminal
    terminal.hang_up()


@pytest.fixture
def zsh(home: Path) -> Iterator[Terminal]:
    need("zsh")
    terminal = Terminal(["zsh", "-f", "-i"], environment(home), home)
    terminal.type(
        f"{ZSH_SETUP}; compinit -u -D; source {PROJECT}/completions/dsstail.zsh; echo rea''dy\n"
    )
    terminal.read_until("ready")
    yield terminal
    terminal.hang_up()


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_scripts_are_those_that_the_command_prints(shell: str) -> None:
    printed = subprocess.run([DSSTAIL, "completion", shell], capture_output=True, check=True)
    assert printed.stdout == (PROJECT / f"completions/dsstail.{SCRIPTS[shell]}").read_bytes()
    assert printed.stderr == b""


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_tab_completes_what_is_begun(shell: str, request: pytest.FixtureRequest) -> None:
    terminal = request.getfixturevalue(shell)
    for typed, completed in TYPED:
        terminal.type(f"{typed}\t")
        terminal.read_until(completed)
        terminal.type(CLEAR)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_tab_offers_all_there_is(shell: str, request: pytest.FixtureRequest) -> None:
    terminal = request.getfixturevalue(shell)
    for number, (typed, offered) in enumerate(OFFERED):
        terminal.type(f"{typed}\t\t")
        terminal.read_until(*offered)
        terminal.type(f"{CLEAR}echo over'-'{number}\n")
        terminal.read_until(f"over-{number}")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_tab_invents_nothing(shell: str, request: pytest.FixtureRequest) -> None:
    terminal = request.getfixturevalue(shell)
    for typed in NOTHING:
        terminal.type(f"{typed}\t.")
        assert "certificates" not in terminal.read_until(f"{typed}.")
        terminal.type(CLEAR)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_what_is_no_single_word_is_quoted(
    shell: str, home: Path, request: pytest.FixtureRequest
) -> None:
    configuration = home / ".config/dsstail/config.toml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text('[profiles."big lab"]\n')
    terminal = request.getfixturevalue(shell)
    for typed, completed in (("b", r"big\ lab"), ("'b", "'big lab'"), ('"b', '"big lab"')):
        terminal.type(f"dsstail -p {typed}\t")
        terminal.read_until(completed)
        terminal.type(CLEAR)


def test_zsh_loads_the_script_from_its_function_path(home: Path) -> None:
    need("zsh")
    shutil.copy(PROJECT / "completions/dsstail.zsh", home / "_dsstail")
    terminal = Terminal(["zsh", "-f", "-i"], environment(home), home)
    terminal.type(f"{ZSH_SETUP}; fpath=($HOME $fpath); compinit -u -D; echo rea''dy\n")
    terminal.read_until("ready")
    terminal.type("dsstail --regi\t")
    terminal.read_until("--region")
    terminal.hang_up()


def fish(home: Path, lines: list[str]) -> list[list[str]]:
    """What fish offers for each of these lines, without the explanations."""
    need("fish")
    script = (
        f"source {PROJECT}/completions/dsstail.fish; "
        "for line in $argv; complete --do-complete $line; echo; end"
    )
    finished = subprocess.run(
        ["fish", "--no-config", "--command", script, *lines],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert finished.stderr == ""
    offered: list[list[str]] = [[]]
    for line in finished.stdout.splitlines():
        if line:
            offered[-1].append(line.split("\t")[0])
        else:
            offered.append([])
    return offered[:-1]


def test_fish_completes_what_is_begun(home: Path) -> None:
    offered = fish(home, [typed for typed, _ in TYPED])
    assert offered == [[completed.split(" ")[-1]] for _, completed in TYPED]


def test_fish_offers_all_there_is(home: Path) -> None:
    offered = fish(home, [typed for typed, _ in OFFERED])
    assert list(map(sorted, offered)) == [sorted(all_there_is) for _, all_there_is in OFFERED]


def test_fish_invents_nothing(home: Path) -> None:
    assert fish(home, NOTHING) == [[] for _ in NOTHING]


@pytest.mark.parametrize(("line", "candidates"), ANSWERED)
def test_any_shell_gets_the_candidates(line: str, candidates: list[str], here: Here) -> None:
    done = here(variables={"_DSSTAIL_COMPLETE": "zsh", "_DSSTAIL_LINE": line})
    assert (done.code, done.err) == (0, "")
    assert [told.split("\t")[0] for told in done.out.decode().splitlines()] == candidates


def test_explanations_come_along(home: Path) -> None:
    asked = {"_DSSTAIL_COMPLETE": "fish", "_DSSTAIL_LINE": "dsstail simulate --se"}
    offered = subprocess.run(
        [DSSTAIL], env=environment(home) | asked, capture_output=True, text=True, check=True
    )
    assert offered.stdout == "--seed\tthe same N makes the same events\n"


def test_options_are_offered_once_but_for_those_that_repeat(home: Path) -> None:
    asked = {"_DSSTAIL_COMPLETE": "fish", "_DSSTAIL_LINE": "dsstail --utc --dsn X -"}
    offered = subprocess.run(
        [DSSTAIL], env=environment(home) | asked, capture_output=True, text=True, check=True
    )
    spellings = [line.split("\t")[0] for line in offered.stdout.splitlines()]
    assert "--utc" not in spellings
    assert "--dsn" in spellings
    assert "--no-fill-gaps" in spellings
