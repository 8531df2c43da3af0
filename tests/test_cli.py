"""The installed command, from outside: what it prints where, and its exit codes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from command import PATIENCE, installed, wait_until
from conftest import Here, Runner
from terminal import Terminal

from dsstail import __version__
from dsstail.cli.commands import COMMANDS, load
from dsstail.cli.options import EVENT_TYPES
from dsstail.cli.words import read
from dsstail.config import COLORS, OUTPUTS
from dsstail.messages import BODIES
from dsstail.simulator import SimulatorSettings

DSSTAIL = installed()
TYPES = "connectivity, datapoint, datapointack, location, registration"
KEY = "0123456789abcdef0123456789abcdef"
NOWHERE = "ws://127.0.0.1:1/stream"
NO_KEY = (
    "error: no stream key. Set DSSTAIL_KEY, use --key-file PATH, or run in a terminal to be asked."
)


def environment(**variables: str) -> dict[str, str]:
    """Ours, without what would change an answer, be it in a configuration file."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DSSTAIL_", "_DSSTAIL_"))
        and name not in ("NO_COLOR", "FORCE_COLOR")
    }
    return ours | {"XDG_CONFIG_HOME": os.devnull} | variables


def dsstail(
    *words: str, input: str | None = None, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DSSTAIL, *words],
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        env=environment(**(variables or {})),
        timeout=PATIENCE,
        check=False,
    )


def shell(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script of bash in which `dsstail` is ours."""
    path = f"{Path(DSSTAIL).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        env=environment(PATH=path, **variables),
        timeout=PATIENCE,
        check=False,
    )


def error(finished: subprocess.CompletedProcess[str]) -> str:
    """The only thing that a command with wrong options prints."""
    assert finished.stdout == ""
    assert finished.returncode == 2, finished.stderr
    return finished.stderr.rstrip("\n")


# Version and help


@pytest.mark.parametrize(
    "words",
    [["--version"], ["-V"], ["tail", "--version"], ["domains", "-V"], ["-r", "eu", "-V"], ["-qV"]],
)
def test_the_version_is_everywhere(words: list[str], run: Runner) -> None:
    done = run(*words)
    assert (done.code, done.out, done.err) == (0, b"dsstail 0.1.0\n", "")


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert version("dsstail") == __version__


def test_python_runs_the_package_as_well() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "dsstail", "--version"], capture_output=True, text=True, check=True
    )
    assert finished.stdout == "dsstail 0.1.0\n"


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)])
@pytest.mark.parametrize("spelling", ["-h", "--help"])
def test_help_fits_80_columns_and_names_every_option(
    words: list[str], spelling: str, here: Here
) -> None:
    finished = here(*words, spelling, variables=environment())
    assert finished.code == 0
    assert finished.err == ""
    told = finished.out.decode("ascii")
    assert told.startswith(f"Usage: {' '.join(['dsstail', *words])} [OPTIONS]")
    assert max(map(len, told.splitlines())) <= 80
    for param in load(words[0] if words else "tail").params:
        for name in [*param.opts, *param.secondary_opts]:
            if name.startswith("-"):
                assert re.search(rf"^  .*{re.escape(name)}\b", told, re.MULTILINE), name


def test_the_help_of_the_bare_command_shows_commands_and_groups() -> None:
    lines = dsstail("--help").stdout.splitlines()
    titles = [line.split(":")[0] for line in lines if re.match(r"\w+:", line)]
    assert titles == [
        *("Usage", "Examples", "Commands"),
        *("Connection", "Filters", "Output", "Stop", "Help"),
    ]
    commands = lines[lines.index("Commands:") + 1 :]
    assert [line.split()[0] for line in commands[: len(COMMANDS)]] == list(COMMANDS)


def test_the_help_explains_only_what_the_command_has() -> None:
    assert "\nThe fields of TEMPLATE and CONDITIONS: time, " in dsstail("tail", "-h").stdout
    assert "\nThe fields of CONDITIONS: time, " in dsstail("watch", "-h").stdout
    assert "The fields of" not in dsstail("verify", "-h").stdout


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["--help", "domains"], ["domains", "--help"]),
        (["help", "domains"], ["domains", "--help"]),
        (["help"], ["--help"]),
        (["-o", "json", "domains"], ["domains", "-o", "json"]),
    ],
)
def test_the_order_of_words_makes_no_difference(
    words: list[str], same: list[str], here: Here
) -> None:
    done = here(*words, variables=environment())
    assert (done.code, done.err) == (0, "")
    assert done == here(*same, variables=environment())


def test_values_in_the_help_and_completion_are_those_that_work() -> None:
    assert tuple(BODIES) == EVENT_TYPES
    by_option: dict[str, Any] = {n: param for param in load("tail").params for n in param.opts}
    context = typer.Context(load("tail"))
    for option, values in (("--output", OUTPUTS), ("--color", COLORS)):
        offered = by_option[option].shell_complete(context, "")
        assert tuple(item.value for item in offered) == values
        for value in values:
            assert value in by_option[option].help


def test_defaults_in_the_help_of_the_simulator_are_its_own() -> None:
    helps = {param.name: getattr(param, "help", "") for param in load("simulate").params}
    for name in ("rate", "devices", "history"):
        assert helps[name].endswith(f"(default {getattr(SimulatorSettings(), name):g})")


# Which word is the command


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        ("", None, ""),
        ("tail --utc", "tail", "--utc"),
        ("--region eu tail --field", "tail", "--region eu --field"),
        ("--region=eu --field tail", "tail", "--region=eu --field"),
        ("-r eu -qvk tail tail", "tail", "-r eu -qvk tail"),
        ("-ojson -reu tail x", "tail", "-ojson -reu x"),
        (
            "--rate 5 --seed 1 simulate x.jsonl --port 8",
            "simulate",
            "--rate 5 --seed 1 x.jsonl --port 8",
        ),
        ("-k demo", None, "-k demo"),
        ("-- tail --utc", "tail", "-- --utc"),
        ("--key-file - tail", "tail", "--key-file -"),
        ("--what tail", "tail", "--what"),
        ("-d !AC* recrod", "recrod", "-d !AC*"),
    ],
)
def test_the_first_word_that_is_no_value_is_the_command(
    words: str, command: str | None, rest: str
) -> None:
    line = read(words.split())
    assert (line.command, line.rest) == (command, rest.split())


def test_all_commands_agree_which_options_take_a_value() -> None:
    takes_value: dict[str, bool] = {}
    for command in COMMANDS:
        options: list[Any] = load(command).params
        for option in options:
            if option.param_type_name == "option":
                takes = not (option.is_flag or option.count)
                for name in [*option.opts, *option.secondary_opts]:
                    assert takes_value.setdefault(name, takes) == takes, (command, name)


@pytest.mark.parametrize(
    "words",
    [
        ["--region", "eu", "--dev", "tail"],
        ["--region", "eu", "tail", "--dev"],
        ["tail", "--region", "eu", "--dev"],
        ["--region", "eu", "--dev"],
    ],
)
def test_options_work_before_and_after_the_command(words: list[str], run: Runner) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, b"")
    assert done.err == (
        "error: there is no dev deployment in eu. "
        "Deployments: us dev, field; cn dev, field; eu field.\n"
    )


# What cannot work


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["demmo"], 'error: no command "demmo". Did you mean "demo"?'),
        (["-r", "eu", "simulat", "f"], 'error: no command "simulat". Did you mean "simulate"?'),
        (["xyzzy"], 'error: no command "xyzzy". See dsstail --help.'),
        (
            [__file__],
            f'error: no command "{__file__}". It is a file: "dsstail show {__file__}" prints it.',
        ),
        ([KEY], 'error: no command "0123…cdef". See dsstail --help.'),
        (["--regoin", "eu"], 'error: no option "--regoin". Did you mean "--region"?'),
        (["--key"], 'error: option "--key" requires an argument. See dsstail --help.'),
        (["show"], 'error: missing argument "FILE...". See dsstail show --help.'),
        (
            ["tail", "a\x1bb"],
            r'error: tail takes no argument, and got "a\x1bb". See dsstail tail --help.',
        ),
        (
            ["simulate", "a", "b"],
            'error: too many arguments for simulate: "b". See dsstail simulate --help.',
        ),
        (["sim"], 'error: no command "sim". Did you mean "simulate"?'),
        (["s"], 'error: no command "s". Did you mean "show", "stats" or "simulate"?'),
        (["--out", "json"], 'error: no option "--out". Did you mean "--output"?'),
        (["simulate", "--what"], 'error: no option "--what". See dsstail simulate --help.'),
        (
            ["demo", "--region", "us"],
            'error: demo has no option "--region"; tail, watch, record, check and config have it. '
            "See dsstail demo --help.",
        ),
        (
            ["--drop-every", "5s"],
            'error: tail has no option "--drop-every"; simulate has it. See dsstail --help.',
        ),
        (["help", "simulat"], 'error: no command "simulat". Did you mean "simulate"?'),
        (["-k", "a b"], "error: --key: a key has no blanks or control characters."),
        (["--count", "0", "-k", KEY], "error: --count: it must be more than 0."),
        (["--count", "-1"], "error: --count: it must be more than 0."),
        (["simulate", "--rate", "-1"], "error: --rate: it must be more than 0."),
        (["simulate", "--skip", "2"], "error: --skip: it must be from 0 to 1."),
        (["simulate", "--port", "99999"], "error: --port: it must be from 0 to 65535."),
        (["simulate", "-t", "x,location"], f'error: --event-type: "x" is none of {TYPES}.'),
        (
            ["simulate", "events.jsonl", "--seed", "0"],
            "error: --seed is about made-up devices, not about a FILE.",
        ),
        (["--count", KEY], 'error: --count: "0123…cdef" is not a whole number.'),
        (["domains", "-o", "xml"], 'error: --output: "xml" is none of text, json.'),
        (
            ["completion", "tcsh"],
            'error: no completion for "tcsh". Shells: bash, zsh, fish, powershell.',
        ),
        (["simulate", "--rate", "x"], 'error: --rate: "x" is not a number.'),
        ([], NO_KEY),
    ],
)
def test_wrong_options_are_one_line_and_exit_2(words: list[str], message: str, here: Here) -> None:
    done = here(*words, variables=environment())
    assert (done.code, done.out, done.err) == (2, b"", f"{message}\n")


def test_variables_are_read_and_named(here: Here) -> None:
    done = here(variables=environment(DSSTAIL_REGION="jp"))
    assert (done.code, done.err) == (2, 'error: DSSTAIL_REGION: "jp" is none of us, eu, cn.\n')
    done = here("-r", "us", variables=environment(DSSTAIL_REGION="jp"))
    assert (done.code, done.err) == (2, f"{NO_KEY}\n")


def test_a_key_file_that_others_can_read_gets_a_warning(tmp_path: Path, here: Here) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# mine\n\n{KEY}\n{KEY}\n")
    keys.chmod(0o644)
    finished = dsstail("--key-file", str(keys))
    assert finished.stderr == (
        f"warning: others can read the keys in {keys}. To keep them out: chmod 600 {keys}\n"
        f"error: {keys} line 4: key 0123…cdef is there twice.\n"
    )
    unwarned = f"error: {keys} line 4: key 0123…cdef is there twice.\n"
    quiet = ("-q", "-t", "datapoints", "--annotate", "-o", "csv")
    assert here("--key-file", str(keys), *quiet, variables=environment()).err == unwarned
    keys.chmod(0o600)
    assert here("--key-file", str(keys), variables=environment()).err == unwarned


def test_keys_come_from_stdin() -> None:
    finished = dsstail("--key-file", "-", input=f"{KEY}\nx=y z\n")
    assert error(finished) == "error: stdin line 2: a key has no blanks or control characters."


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process does")
def test_keys_are_waited_for_where_stdin_does_not_block() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    running = subprocess.Popen(
        [DSSTAIL, "config", "show", "--key-file", "-", "-o", "json"],
        stdin=reading,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    for part in (f"in={KEY[:20]}", f"{KEY[20:]}\n"):
        os.write(writing, part.encode())
        wait_until(lambda: held_by(reading) == 0)
    wait_until(lambda: state_of(running.pid) in ("S", "Z"), "a wait, or an end")
    os.close(writing)
    out, _ = running.communicate(timeout=PATIENCE)
    os.close(reading)
    assert json.loads(out)["keys"]["value"] == ["in=0123…cdef"]


def test_a_bug_is_one_line_without_keys_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text(f"raise RuntimeError('odd \\x1b[2J key {KEY}')\n")
    broken = {"PYTHONPATH": str(tmp_path)}
    line = (
        r"error: RuntimeError: odd \x1b[2J key 0123…cdef. "
        "This is a bug in dsstail; DSSTAIL_DEBUG=1 shows where.\n"
    )
    finished = dsstail("domains", "-o", "json", variables=broken)
    assert (finished.returncode, finished.stdout, finished.stderr) == (1, "", line)
    finished = dsstail("domains", "-o", "json", variables=broken | {"DSSTAIL_DEBUG": "1"})
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"{line}Traceback (most recent call last):\n")
    assert "dsstail/cli/domains.py" in finished.stderr
    assert KEY not in finished.stderr
    assert "\x1b" not in finished.stderr


# stdout in trouble


def test_nobody_reading_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for words in (["domains"], ["--help"], ["--version"]):
        finished = subprocess.run(
            [DSSTAIL, *words], stdout=writing, stderr=subprocess.PIPE, check=False
        )
        assert (finished.returncode, finished.stderr) == (0, b"")
    os.close(writing)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux makes pipes of any size")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_waits_for_room_where_stdout_does_not_block(unbuffered: str) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    running = subprocess.Popen(
        [DSSTAIL, "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(PYTHONUNBUFFERED=unbuffered),
    )
    os.close(writing)
    wait_until(lambda: held_by(reading) == 4096)
    wait_until(lambda: state_of(running.pid) in ("S", "Z"), "a wait, or an end")
    with open(reading, encoding="utf-8") as pipe:
        assert pipe.read() == dsstail("--help").stdout
    assert (running.wait(PATIENCE), running.communicate()[1]) == (0, b"")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process does")
@pytest.mark.parametrize(
    ("file", "told"), [("missing", b"error: cannot read"), (__file__, b" damaged places skipped")]
)
def test_what_is_told_waits_for_room_where_stderr_does_not_block(file: str, told: bytes) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    running = subprocess.Popen([DSSTAIL, "show", file], stderr=writing)
    os.close(writing)
    wait_until(lambda: state_of(running.pid) in ("S", "Z"), "a wait, or an end")
    with open(reading, "rb") as pipe:
        assert pipe.read().lstrip(b"\0").count(told) == 1
    running.wait(PATIENCE)


def held_by(pipe: int) -> int:
    """How many bytes a pipe holds."""
    held = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, held)
    return held[0]


def state_of(pid: int) -> str:
    """What a process does: `S` is to wait for something, `Z` to have ended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["domains"], ["--help"], ["--version"]])
def test_a_full_disk_exits_6(words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        finished = subprocess.run(
            [DSSTAIL, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert finished.stderr == "error: cannot write to stdout: No space left on device.\n"
    assert finished.returncode == 6


@pytest.mark.parametrize(
    ("closed", "code"), [("<&-", 0), (">&-", 6), ("2>&-", 0), ("<&- >&- 2>&-", 6)]
)
def test_of_closed_standard_streams_only_stdout_matters(closed: str, code: int) -> None:
    assert shell(f"dsstail domains {closed}").returncode == code
    assert shell(f"dsstail {closed}").returncode == 2
    assert shell(f"dsstail demo --count 2 --rate 100 {closed}").returncode == code


def test_a_stdin_that_was_closed_is_no_empty_recording() -> None:
    finished = shell("dsstail verify - <&-")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr == "error: cannot read stdin: Bad file descriptor.\n"


# On a terminal


@pytest.fixture
def on_terminal(tmp_path: Path) -> Callable[..., Terminal]:
    """Start dsstail on a terminal of its own."""
    return lambda *words: Terminal([DSSTAIL, *words], environment(TERM="xterm"), tmp_path)


def test_the_key_is_asked_for_and_hidden(on_terminal: Callable[..., Terminal]) -> None:
    terminal = on_terminal("--url", NOWHERE, "--no-reconnect")
    terminal.read_until("Stream key for 127.0.0.1:1: ")
    terminal.type(f"{KEY}\n")
    code, printed = terminal.finish()
    assert code == 3
    assert "error:" in printed
    assert KEY not in printed


@pytest.mark.parametrize("typed", ["\n", "\x04"])
def test_no_key_at_the_prompt_is_an_error_on_a_line_of_its_own(
    on_terminal: Callable[..., Terminal], typed: str
) -> None:
    terminal = on_terminal()
    terminal.read_until("Stream key for stream.aylanetworks.com: ")
    terminal.type(typed)
    code, printed = terminal.finish()
    assert code == 2
    assert printed == ("\n\x1b[31merror:\x1b[0m no stream key was typed.\n")


def test_what_is_no_text_at_the_prompt_is_an_error(on_terminal: Callable[..., Terminal]) -> None:
    """As a terminal sends it that is not set to UTF-8."""
    terminal = on_terminal()
    terminal.read_until("Stream key for stream.aylanetworks.com: ")
    terminal.type("\udcfc\n")
    assert terminal.finish() == (2, "\n\x1b[31merror:\x1b[0m what was typed is not text.\n")


def test_ctrl_c_at_the_prompt_says_nothing(on_terminal: Callable[..., Terminal]) -> None:
    terminal = on_terminal()
    terminal.read_until("Stream key for stream.aylanetworks.com: ")
    terminal.type("\x03")
    code, printed = terminal.finish()
    assert code == 130
    assert printed in ("\n", "^C\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_prompt_leaves_the_terminal_as_it_was(
    on_terminal: Callable[..., Terminal], number: signal.Signals
) -> None:
    terminal = on_terminal()
    terminal.read_until("Stream key for stream.aylanetworks.com: ")
    assert not terminal.echoes
    terminal.signal(number)
    wait_until(lambda: terminal.echoes)
    assert terminal.finish() == (130, "\n")


def test_ctrl_c_is_dealt_with_before_anything_is_imported() -> None:
    script = (
        "import sys; before = set(sys.modules); import dsstail.__main__;"
        "print(*sorted(set(sys.modules) - before - {'__future__', 'gc', 'os'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("dsstail dsstail.__main__\n", "")


def test_ctrl_c_within_an_import_says_nothing() -> None:
    """Where Python would raise another exception instead: from within the body of an enum."""
    script = """if True:
        import signal, sys
        class Interrupted:
            def __set_name__(self, *_): signal.raise_signal(signal.SIGINT)
        class Finder:
            def find_spec(self, name, *_):
                if name == "dsstail.cli.run": type("Crashing", (), {"member": Interrupted()})
        sys.meta_path.insert(0, Finder())
        from dsstail.__main__ import main
        sys.exit(main())
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_the_key_stays_hidden_after_ctrl_z_and_fg(tmp_path: Path) -> None:
    """The shell has the terminal show again what is typed."""
    variables = environment(TERM="xterm", PS1="$ ")
    terminal = Terminal(["bash", "--norc", "--noediting", "-i"], variables, tmp_path)
    terminal.read_until("$ ")
    terminal.type(f"{DSSTAIL} --url {NOWHERE} --no-reconnect\n")
    terminal.read_until("Stream key for 127.0.0.1:1: ")
    terminal.type("\x1a")
    terminal.read_until("Stopped", "$ ")
    assert terminal.echoes
    terminal.type("fg\n")
    terminal.read_until("Stream key for 127.0.0.1:1: ")
    terminal.type(f"{KEY}\n")
    printed = terminal.read_until("error:", "$ ")
    terminal.type("exit $?\n")
    assert terminal.finish()[0] == 3
    assert KEY not in printed


def test_ctrl_backslash_at_the_prompt_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    script = f"trap : QUIT; {DSSTAIL} --url {NOWHERE}; echo ended: $?; read -r more"
    terminal = Terminal(["sh", "-c", script], environment(TERM="xterm"), tmp_path)
    terminal.read_until("Stream key for 127.0.0.1:1: ")
    terminal.type("\x1c")
    terminal.read_until(f"ended: {128 + signal.SIGQUIT}")
    assert terminal.echoes
    terminal.type("\n")
    terminal.finish()


def test_ctrl_backslash_again_does_not_keep_the_prompt_from_giving_the_terminal_back() -> None:
    script = """if True:
        import signal
        from dsstail.interruption import anew_after_suspension
        def ask():
            try:
                signal.raise_signal(signal.SIGQUIT)
            finally:
                signal.raise_signal(signal.SIGQUIT)
                print("given back", flush=True)
        anew_after_suspension(ask)
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGQUIT, "given back\n")
    assert done.stderr == ""


def test_nobody_is_asked_for_a_key_before_the_other_options_are_fine(
    on_terminal: Callable[..., Terminal],
) -> None:
    assert on_terminal("--count", "none").finish() == (
        2,
        '\x1b[31merror:\x1b[0m --count: "none" is not a whole number.\n',
    )


@pytest.mark.parametrize(
    ("words", "variables"), [([], {"NO_COLOR": "1"}), (["--color", "Never"], {})]
)
def test_errors_are_red_on_a_terminal_unless_unwanted(
    tmp_path: Path, words: list[str], variables: Mapping[str, str]
) -> None:
    started = [DSSTAIL, "-t", "location", "-r", "jp", *words]
    terminal = Terminal(started, environment(TERM="xterm", **variables), tmp_path)
    assert terminal.finish() == (2, 'error: --region: "jp" is none of us, eu, cn.\n')
    red = Terminal(started[:5], environment(TERM="xterm"), tmp_path).finish()[1]
    assert red == '\x1b[31merror:\x1b[0m --region: "jp" is none of us, eu, cn.\n'


@pytest.mark.parametrize("columns", [40, 60])
def test_pages_fit_a_narrow_terminal(tmp_path: Path, columns: int) -> None:
    pages = [["domains"], *([name, "--help"] for name in COMMANDS)]
    script = f"from dsstail.cli.run import run; print(*map(run, {pages}))"
    terminal = Terminal(
        ["sh", "-c", f'stty cols {columns}; exec "$0" -c "$1"', sys.executable, script],
        environment(TERM="xterm", NO_COLOR="1"),
        tmp_path,
    )
    code, printed = terminal.finish()
    *lines, codes = printed.splitlines()
    assert (code, codes.split()) == (0, ["0"] * len(pages))
    assert max(map(len, lines)) <= columns
    assert [line.split()[2] for line in lines if line.startswith("Usage: ")] == list(COMMANDS)


def test_a_paragraph_of_help_is_wrapped_as_a_whole(tmp_path: Path) -> None:
    script = f"stty cols 60; {DSSTAIL} verify --help"
    _, printed = Terminal(
        ["sh", "-c", script], environment(TERM="xterm", NO_COLOR="1"), tmp_path
    ).finish()
    assert printed.replace("\r", "").split("\n\n")[2].splitlines() == [
        "Tells what is damaged, missing or there twice, and where;",
        "what filters kept out of it is missing, too. The exit code",
        "is 0 for a complete recording, 5 for any other.",
    ]


def test_headings_are_bold_on_a_terminal_unless_unwanted(
    on_terminal: Callable[..., Terminal], here: Here
) -> None:
    _, printed = on_terminal("domains", "--help").finish()
    assert "\x1b[1mHelp:\x1b[0m" in printed
    assert b"\x1b" not in here("domains", "--help", variables=environment()).out
    forced = here("domains", "--help", variables=environment(FORCE_COLOR="1"))
    assert b"\x1b[1m" in forced.out


# The commands


def test_domains_prints_ten_places(here: Here) -> None:
    table = dsstail("domains").stdout
    assert max(map(len, table.splitlines())) <= 80
    assert len(re.findall(r"^(?:us|cn|eu) (?:dev|field) ", table, re.MULTILINE)) == 10
    places = json.loads(here("domains", "--output", "json", variables=environment()).out)
    assert len(places) == 10
    assert places[9] == {
        "client_type": "mobile",
        "region": "eu",
        "deployment": "field",
        "wss": "mstream-field-eu.aylanetworks.com",
        "https": "mdss-field-eu.aylanetworks.com",
    }
    for place in places:
        assert f"{place['region']} {place['deployment']}".ljust(10) + place["wss"] in table
        assert place["https"] in table


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_simulate_prints_the_command_to_type_which_works(signum: int) -> None:
    simulator = subprocess.Popen(
        [DSSTAIL, "simulate", "--rate", "200", "--key", "a b"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert simulator.stdout is not None
    lines = [simulator.stdout.readline().rstrip("\n") for _ in range(3)]
    url = lines[0].removeprefix("url  ")
    assert re.fullmatch(r"ws://127\.0\.0\.1:\d+/stream", url)
    assert lines[1:] == ["key  a b", f"try  dsstail --url {url} --key 'a b'"]
    assert simulator.stderr is not None
    assert simulator.stderr.readline() == "Ctrl-C ends it.\n"
    simulator.send_signal(signum)
    assert simulator.communicate(timeout=PATIENCE) == ("", "")
    assert simulator.returncode == 0


def test_simulate_accepts_any_key_and_says_who_comes_unless_quiet() -> None:
    for words, told in (([], r"Ctrl-C ends it\.\n\S+ connects with key …, live\n"), (["-q"], "")):
        simulator = subprocess.Popen(
            [DSSTAIL, "simulate", "--rate", "200", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert simulator.stdout is not None
        url, key, command = [simulator.stdout.readline().rstrip("\n") for _ in range(3)]
        suggested = key.removeprefix("key  any, such as ")
        assert command == f"try  dsstail {url.replace('url  ', '--url ')} --key {suggested}"
        done = dsstail("--url", url.removeprefix("url  "), "-k", "short", "--count", "1")
        assert done.returncode == 0
        simulator.send_signal(signal.SIGINT)
        _, printed = simulator.communicate(timeout=PATIENCE)
        assert re.match(told, printed) if told else printed == ""


def test_demo_has_the_same_devices_every_time_unless_seeded(here: Here) -> None:
    words = ["demo", "--rate", "500", "--count", "3", "-t", "datapoint", "-o", "text"]
    runs = [here(*words, *seed, variables=environment()) for seed in ([], [], ["--seed", "2"])]
    devices = [re.findall(rb"AC000W\d+", done.out) for done in runs]
    assert len(devices[0]) == 3
    assert devices[0] == devices[1] != devices[2]


def test_demo_shows_events_through_a_real_connection() -> None:
    finished = dsstail("demo", "--rate", "500", "--count", "30", "-t", "datapoint")
    assert finished.returncode == 0, finished.stderr
    events = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(events) == 30
    assert {event["metadata"]["event_type"] for event in events} == {"datapoint"}
