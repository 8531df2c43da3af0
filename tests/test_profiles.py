"""The configuration file as users meet it: the installed command, and a file in their home."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from command import KEY, PATIENCE, Finished, assert_no_key, installed
from conftest import Here
from hypothesis import given
from hypothesis import strategies as st
from terminal import Terminal

from dsstail import profiles
from dsstail.cli.config import TEMPLATE
from dsstail.cli.options import Connection, Filters, Output
from dsstail.errors import ConfigurationError
from dsstail.profiles import SETTINGS
from dsstail.simulator import Simulator, SimulatorSettings

OTHER = "0th3r/m+k3y&%3ecr=et:fedcba9876543210"
MASKED, OTHER_MASKED = "5tre…cdef", "0th3…3210"


class Home:
    """The home directory of somebody who uses dsstail."""

    def __init__(self, folder: Path, here: Here) -> None:
        self.folder = folder
        self._here = here
        self.file = folder / ".config/dsstail/config.toml"

    def write(self, text: str | bytes, mode: int = 0o600) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.file.chmod(mode)

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run dsstail; it must not show one of our keys."""
        finished = subprocess.run(
            [installed(), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=self.folder,
            env=self._variables(variables),
            timeout=PATIENCE,
            check=False,
        )
        _assert_discreet(finished.stdout, finished.stderr)
        return subprocess.CompletedProcess(
            finished.args, finished.returncode, finished.stdout.decode(), finished.stderr.decode()
        )

    def error(self, *words: str, **variables: str) -> str:
        """The one line on stderr of a command that is refused, without `error: ` and FILE."""
        finished = self.here(*words, **variables)
        assert (finished.code, finished.out) == (2, b""), finished
        assert finished.err.count("\n") == 1, finished.err
        line = finished.err.removeprefix("error: ").removesuffix("\n")
        return line.replace(str(self.file), "FILE")

    def effective(self, *words: str, **variables: str) -> dict[str, tuple[Any, str]]:
        """What `config show` tells: the values, and where they come from."""
        finished = self.here("config", "show", "-o", "json", *words, **variables)
        assert (finished.code, finished.err) == (0, ""), finished.err
        settings = json.loads(finished.out)
        return {name: (told["value"], told["from"]) for name, told in settings.items()}

    def here(self, *words: str, **variables: str) -> Finished:
        """The same without a process."""
        finished = self._here(*words, variables=self._variables(variables))
        _assert_discreet(finished.out, finished.err.encode())
        return finished

    def _variables(self, others: dict[str, str]) -> dict[str, str]:
        return {"PATH": os.defpath, "HOME": str(self.folder), "LANG": "C.UTF-8"} | others


def _assert_discreet(*printed: bytes) -> None:
    for text in printed:
        assert_no_key(text, KEY, "what was printed")
        assert_no_key(text, OTHER, "what was printed")
        assert b"Traceback" not in text


@pytest.fixture
def home(tmp_path: Path, here: Here) -> Home:
    return Home(tmp_path, here)


# Where the file is


def test_the_file_is_where_the_desktop_says(home: Home) -> None:
    assert home.run("config", "path").stdout == f"{home.file}\n"
    assert home.here("config", "path", XDG_CONFIG_HOME="/x").out == b"/x/dsstail/config.toml\n"
    assert home.here("config", "path", XDG_CONFIG_HOME="x").out == f"{home.file}\n".encode()
    assert home.here("config", "path", DSSTAIL_CONFIG="y.toml").out == b"y.toml\n"


def test_a_variable_names_another_file(home: Home) -> None:
    home.write("nonsense")
    other = home.folder / "other.toml"
    other.write_text('default_profile = "a"\n[profiles.a]\nregion = "eu"\n')
    told = home.effective(DSSTAIL_CONFIG=str(other))
    assert told["file"] == (str(other), "DSSTAIL_CONFIG")
    assert told["region"] == ("eu", "profile a")
    assert home.effective(DSSTAIL_CONFIG=os.devnull)["region"] == ("us", "default")


def test_a_home_that_is_out_of_reach_is_no_error(home: Home) -> None:
    assert home.effective(XDG_CONFIG_HOME="/dev/null")["file"] == (None, "default")
    assert home.effective(HOME="/dev/null")["file"] == (None, "default")


# What a profile says counts


WHOLE = f"""
default_profile = "lab"

[profiles.lab]
region = "cn"
deployment = "field"
client_type = "mobile"
keys = {{ in = "{KEY}", out = "{OTHER}" }}
ca_file = "ca.pem"
reconnect = false
retry_for = "5m"
idle_timeout = 90
fill_gaps = true
max_message_size = "1MB"
allow_plaintext = true
strict = true
save_malformed = "/tmp/bad.txt"
dsn = "AC*"
event_type = ["datapoint", "!x"]
property = []
oem_model = "led*"
output = "csv"
format = "{{dsn}}"
highlight = "err|fault"
fold = true
color = "never"
utc = true
annotate = true
quiet = true
"""


def test_every_setting_of_a_profile_is_in_effect(home: Home) -> None:
    home.write(WHOLE)
    told = home.effective("-p", "lab")
    assert told.pop("file") == (str(home.file), "default")
    assert told.pop("profile") == ("lab", "flag")
    assert told.pop("url") == ("wss://mstream-field.ayla.com.cn/stream", "profile lab")
    assert told.pop("from_seq") == told.pop("to_seq") == (None, "default")  # no profile has them
    assert {origin for _, origin in told.values()} == {"profile lab"}
    assert {name: value for name, (value, _) in told.items()} == {
        "region": "cn",
        "deployment": "field",
        "client_type": "mobile",
        "keys": [f"in={MASKED}", f"out={OTHER_MASKED}"],
        "ca_file": f"{home.file.parent}/ca.pem",
        "reconnect": False,
        "retry_for": 300.0,
        "idle_timeout": 90.0,
        "fill_gaps": True,
        "max_message_size": 1_000_000,
        "allow_plaintext": True,
        "strict": True,
        "save_malformed": "/tmp/bad.txt",
        "dsn": ["AC*"],
        "event_type": ["datapoint", "!x"],
        "property": [],
        "oem_model": ["led*"],
        "output": "csv",
        "format": "{dsn}",
        "highlight": "err|fault",
        "fold": True,
        "color": "never",
        "utc": True,
        "annotate": True,
        "quiet": True,
    }
    told = home.effective()
    assert told["profile"] == ("lab", "default_profile")
    assert told["region"] == ("cn", "profile lab")


def test_a_window_that_a_variable_asks_for_is_shown(home: Home) -> None:
    told = home.effective("--to-seq", "500", DSSTAIL_FROM_SEQ="400")
    assert told["from_seq"] == (400, "DSSTAIL_FROM_SEQ")
    assert told["to_seq"] == (500, "flag")
    shown = home.here("config", "show", "--from-seq", "1024").out.decode()
    assert re.search(r"^from_seq +1024 +flag$", shown, re.MULTILINE)


def test_flags_come_before_variables_before_the_profile(home: Home) -> None:
    home.write(WHOLE)
    flags = ["--region", "us", "--dev", "--no-strict", "--no-utc", "-d", "X", "-v", "-k", "F"]
    variables = {
        "DSSTAIL_REGION": "eu",
        "DSSTAIL_FIELD": "1",
        "DSSTAIL_IDLE_TIMEOUT": "2s",
        "DSSTAIL_RECONNECT": "1",
        "DSSTAIL_PROFILE": "lab",
        "DSSTAIL_KEY": "V",
        "DSSTAIL_OUTPUT": "json",
    }
    told = home.effective(*flags, **variables)
    assert told["profile"] == ("lab", "DSSTAIL_PROFILE")
    assert told["region"] == ("us", "flag")
    assert told["deployment"] == ("dev", "flag")
    assert told["url"] == ("wss://mstream-dev.aylanetworks.com/stream", "flag")
    assert told["strict"] == (False, "flag")
    assert told["utc"] == (False, "flag")
    assert told["quiet"] == (False, "flag")
    assert told["dsn"] == (["X"], "flag")
    assert told["keys"] == (["stream=…"], "flag")
    assert told["idle_timeout"] == (2.0, "DSSTAIL_IDLE_TIMEOUT")
    assert told["reconnect"] == (True, "DSSTAIL_RECONNECT")
    assert told["client_type"] == ("mobile", "profile lab")
    assert told["output"] == ("csv", "profile lab")
    told = home.effective(**variables)
    assert told["region"] == ("eu", "DSSTAIL_REGION")
    assert told["deployment"] == ("field", "DSSTAIL_FIELD")
    assert told["keys"] == (["stream=…"], "DSSTAIL_KEY")


def test_a_place_that_is_typed_counts_for_more_than_the_url_of_a_profile(home: Home) -> None:
    home.write('[profiles.a]\nurl = "wss://x.test/stream"\nregion = "eu"')
    told = home.effective("-p", "a")
    assert told["url"] == ("wss://x.test/stream", "profile a")
    assert "region" not in told
    for flags in (["-r", "us"], ["--dev", "-r", "us"], ["--client-type", "cloud", "-r", "us"]):
        assert home.effective("-p", "a", *flags)["url"] == (
            "wss://stream.aylanetworks.com/stream",
            "flag",
        )
    assert home.effective("-p", "a", "--field")["url"] == (
        "wss://stream-field-eu.aylanetworks.com/stream",
        "flag",
    )


def test_what_is_in_effect_fits_a_screen(home: Home) -> None:
    home.write(f'[profiles.lab]\nkeys = "stream={KEY}"\nretry_for = "90s"\ndsn = ["a\\u001b", "b"]')
    finished = home.run("config", "show", "-p", "lab", "--client-type", "mobile", "-r", "eu")
    assert finished.stderr == ""
    assert max(map(len, finished.stdout.replace(str(home.file), "FILE").splitlines())) <= 110
    lines = [re.sub(" {2,}", "  ", line) for line in finished.stdout.splitlines()]
    assert lines[1:] == [
        "profile  lab  flag",
        "region  eu  flag",
        "deployment  field  default",
        "client_type  mobile  flag",
        "url  wss://mstream-field-eu.aylanetworks.com/stream  flag",
        f"keys  stream={MASKED}  profile lab",
        "ca_file  -  default",
        "from_seq  -  default",
        "to_seq  -  default",
        "reconnect  true  default",
        "retry_for  90s  profile lab",
        "idle_timeout  75s  default",
        "fill_gaps  false  default",
        "max_message_size  16MiB  default",
        "strict  false  default",
        "save_malformed  -  default",
        "allow_plaintext  false  default",
        r"dsn  a\x1b, b  profile lab",
        "event_type  -  default",
        "property  -  default",
        "oem_model  -  default",
        "output  json  default",
        "format  -  default",
        "highlight  -  default",
        "fold  false  default",
        "color  auto  default",
        "utc  false  default",
        "annotate  false  default",
        "quiet  false  default",
    ]


def test_what_is_in_effect_fits_a_narrow_terminal(home: Home) -> None:
    home.write('[profiles.lab]\nurl = "wss://stream-field-eu.aylanetworks.com/stream"\n')
    variables = {"HOME": str(home.folder), "PATH": os.defpath, "TERM": "xterm"}
    shown = [installed(), "config", "show", "-p", "lab"]
    script = 'stty cols 60; exec "$@"'
    code, printed = Terminal(["sh", "-c", script, "sh", *shown], variables, home.folder).finish()
    assert code == 0
    long = [line.split()[0] for line in printed.splitlines() if len(line) > 60]
    assert long == ["file", "url"]


def test_a_tail_does_what_its_profile_says(home: Home) -> None:
    with Simulator(SimulatorSettings(rate=500, key=KEY, history=0)) as simulator:
        home.write(
            f'[profiles.sim]\nurl = "{simulator.url}"\nkeys = "lab={KEY}"\n'
            'event_type = "datapoint"\noutput = "csv"\nquiet = true\n'
        )
        finished = home.run("-p", "sim", "--count", "5")
    assert (finished.returncode, finished.stderr) == (0, "")
    header, *rows = finished.stdout.splitlines()
    kind = header.split(",").index("event_type")
    assert [row.split(",")[kind] for row in rows] == ["datapoint"] * 5


def test_a_profile_says_what_lines_of_text_are_like_and_not_that_there_are_any(home: Home) -> None:
    with Simulator(SimulatorSettings(rate=500, key=KEY, history=0)) as simulator:
        home.write(
            f'[profiles.sim]\nurl = "{simulator.url}"\nkeys = "lab={KEY}"\nquiet = true\n'
            'format = "{seq}!"\nhighlight = "[0-9]"\nfold = true\n'
        )
        shown = home.run("-p", "sim", "--count", "5", "-o", "text").stdout
        formatted = home.here("-p", "sim", "--count", "5", "--format", "{seq}?").out.decode()
        piped = home.here("-p", "sim", "--count", "5").out
        indented = home.here("-p", "sim", "--count", "5", "-o", "pretty").out
    assert re.fullmatch(r"(\d+!\n){5}", shown)
    assert re.fullmatch(r"(\d+\?\n){5}", formatted)
    assert ["seq" in json.loads(line) for line in piped.splitlines()] == [True] * 5
    assert indented.startswith(b"{\n  ")


def test_a_template_in_a_profile_that_cannot_work(home: Home) -> None:
    home.write('[profiles.a]\nkeys = "K"\nformat = "{dns}"')
    assert home.error("-p", "a") == (
        'FILE [profiles.a] format: there is no field "dns" (did you mean "dsn"?).'
    )


def test_a_key_that_the_service_refuses_stays_masked(home: Home) -> None:
    with Simulator(SimulatorSettings(key="another")) as simulator:
        home.write(f'[profiles.sim]\nurl = "{simulator.url}"\nkeys = "stream={KEY}"\n')
        finished = home.run("-p", "sim", "-vv")
    assert finished.returncode == 4
    assert MASKED in finished.stderr


# Keys


@pytest.mark.parametrize(
    ("settings", "streams"),
    [
        (f'keys = "a={KEY}"', [f"a={MASKED}"]),
        ('keys = "K1"', ["stream=…"]),
        ('keys = ["a=K1", "K2"]', ["a=…", "stream-1=…"]),
        ('keys = { a = "K=1", b = "K2" }', ["a=…", "b=…"]),
        (f'keys.a = "{KEY}"', [f"a={MASKED}"]),
        ('key_file = "keys.txt"', [f"file={MASKED}"]),
        ('key_file = "~/home.txt"', [f"home={OTHER_MASKED}"]),
        ('key_command = "cat home.txt"', [f"home={OTHER_MASKED}"]),
        (r"key_command = ['printf', '# two\n\na=K1\nb=K2\n']", ["a=…", "b=…"]),
        ('keys = "a=K1"\nkey_file = "keys.txt"\nkey_command = "echo b=K2"', ["a", "file", "b"]),
    ],
)
def test_keys_are_kept_in_many_ways(home: Home, settings: str, streams: list[str]) -> None:
    home.write(f"[profiles.lab]\n{settings}\n")
    for path, line in (
        (home.file.parent / "keys.txt", f"file={KEY}\n"),
        (home.folder / "home.txt", f"home={OTHER}\n"),
    ):
        path.write_text(line)
        path.chmod(0o600)
    told, origin = home.effective("-p", "lab")["keys"]
    assert origin == "profile lab"
    assert [key[: len(name)] for key, name in zip(told, streams, strict=True)] == streams


def test_a_key_command_runs_without_a_shell(home: Home) -> None:
    home.write('[profiles.lab]\nkey_command = "echo a=$HOME|b;c"')
    with Simulator(SimulatorSettings(rate=500, key="$HOME|b;c")) as simulator:
        finished = home.run("-p", "lab", "--url", simulator.url, "--count", "1")
    assert finished.returncode == 0, finished.stderr


def test_keys_that_are_given_replace_those_of_the_profile(home: Home) -> None:
    home.write('[profiles.a]\nkeys = "p=P"\nkey_command = "touch ran"\nkey_file = "missing"')
    assert home.effective("-p", "a", "-k", "f=F")["keys"] == (["f=…"], "flag")
    assert home.effective("-p", "a", DSSTAIL_KEY="v=V")["keys"] == (["v=…"], "DSSTAIL_KEY")
    assert not (home.folder / "ran").exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (f"['sh', '-c', 'echo {KEY}; echo {KEY} >&2; exit 3']", "it failed with exit code 3."),
        (f"['sh', '-c', 'echo {KEY}; kill -9 $$']", "it failed with signal 9."),
        (f"'{KEY}'", "cannot run it: No such file or directory."),
        ("'true'", "it prints no key."),
        (r"['printf', '\377']", "what it prints is not text."),
        (f"['yes', '{KEY}']", "it prints too much for keys."),
    ],
)
def test_a_key_command_that_fails_shows_no_secret(home: Home, command: str, reason: str) -> None:
    home.write(f"[profiles.lab]\nkey_command = {command}\n")
    assert home.error("-p", "lab") == f"FILE [profiles.lab] key_command: {reason}"


def test_a_key_command_talks_to_a_terminal(home: Home) -> None:
    home.write("[profiles.lab]\nkey_command = ['sh', '-c', 'echo Locked. >&2; exit 1']\n")
    variables = {"PATH": os.defpath, "HOME": str(home.folder), "TERM": "xterm"}
    code, printed = Terminal([installed(), "-p", "lab"], variables, home.folder).finish()
    assert code == 2
    assert printed.startswith("Locked.\n\x1b[31merror:\x1b[0m ")


def test_keys_that_cannot_work_are_told_with_their_place(home: Home) -> None:
    home.write("[profiles.lab]\nkey_command = 'printf \"a=K1\\nb b\"'\nregion = 'cn'")
    assert home.error("-p", "lab") == (
        "FILE [profiles.lab] key_command line 2: a key has no blanks or control characters."
    )
    home.write(f"[profiles.lab]\nkeys = ['a={KEY}', 'b={KEY}']")
    assert home.error("-p", "lab") == (f"FILE [profiles.lab] keys: key {MASKED} is there twice.")
    home.write("[profiles.lab]\nkey_file = 'none.txt'")
    assert home.error("-p", "lab") == (
        f"FILE [profiles.lab] key_file: cannot read {home.file.parent}/none.txt: "
        "No such file or directory."
    )


@pytest.mark.skipif(os.name != "posix", reason="only POSIX files say who may read them")
def test_keys_for_all_eyes_get_a_warning(home: Home) -> None:
    with_keys = f'[profiles.a]\nregion = "eu"\n[profiles.b]\nkeys = "a={KEY}"\n'
    warning = f"warning: others can read the keys in {home.file}. To keep them out: chmod 600 "
    for text, mode, expected in (
        (with_keys, 0o644, f"{warning}{home.file}\n"),
        (with_keys, 0o640, f"{warning}{home.file}\n"),
        (with_keys, 0o600, ""),
        ('[profiles.a]\nkey_command = "echo K"\n', 0o644, ""),
    ):
        home.write(text, mode)
        assert home.here("config", "show", "-p", "a").err == expected


# What cannot work


TWO = '[profiles.lab]\nregion = "us"\n[profiles.production]\nregion = "eu"\n'


def test_a_profile_that_does_not_exist(home: Home) -> None:
    there_is_none = 'there is no FILE. "dsstail config init" writes one.'
    assert home.error("-p", "lab") == f"--profile: {there_is_none}"
    assert home.error(DSSTAIL_PROFILE="lab") == f"DSSTAIL_PROFILE: {there_is_none}"
    home.write(TWO)
    assert home.error("-p", "lba") == (
        '--profile: there is no profile "lba" in FILE. '
        'Did you mean "lab"? Profiles: lab, production.'
    )
    assert home.error("domains", "-p", "lab").startswith('domains has no option "-p"; tail, ')
    assert home.error(DSSTAIL_PROFILE="x\x1b") == (
        r'DSSTAIL_PROFILE: there is no profile "x\x1b" in FILE. Profiles: lab, production.'
    )
    assert home.error("-p", "") == (
        '--profile: there is no profile "" in FILE. Profiles: lab, production.'
    )
    home.write(f'default_profile = "producton"\n{TWO}')
    assert home.error() == (
        'FILE default_profile: there is no profile "producton" in FILE. '
        'Did you mean "production"? Profiles: lab, production.'
    )
    assert home.effective("-p", "lab")["region"] == ("us", "profile lab")
    home.write("")
    assert home.error("-p", "lab") == (
        '--profile: there is no profile "lab" in FILE. Profiles: none.'
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[profile.lab]", 'FILE: there is no setting "profile". Did you mean "profiles"?'),
        ("xyz = 1", 'FILE: there is no setting "xyz". There is: default_profile, profiles.'),
        ('region = "us"', 'FILE: "region" belongs below a line [profiles.NAME].'),
        ("default_profile = 1", "FILE default_profile: it must be text in quotes."),
        ("profiles = 1", "FILE: profiles are tables, [profiles.NAME] and what follows."),
        ("profiles.a = 1", "FILE: profiles are tables, [profiles.NAME] and what follows."),
        (
            f'[profiles.a]\n[profiles.b]\nkyes = "{KEY}"',
            'FILE [profiles.b]: there is no setting "kyes". Did you mean "keys"?',
        ),
        (
            "[profiles.a]\nidle-timeout = 1",
            'FILE [profiles.a]: there is no setting "idle-timeout". Did you mean "idle_timeout"?',
        ),
        (
            '[profiles.a]\n"x\\u001b" = 1',
            rf'FILE [profiles.a]: there is no setting "x\x1b". There is: {", ".join(SETTINGS)}.',
        ),
        ("[profiles.a]\nutc = 1", "FILE [profiles.a] utc: it must be true or false."),
        ('[profiles.a]\nutc = "1"', "FILE [profiles.a] utc: it must be true or false."),
        (
            f'[profiles.a]\nregion = ["{KEY}"]',
            "FILE [profiles.a] region: it must be text in quotes.",
        ),
        (
            "[profiles.a]\nretry_for = true",
            "FILE [profiles.a] retry_for: it must be text in quotes.",
        ),
        ("[profiles.a]\nkeys = 5", "FILE [profiles.a] keys: it must be text in quotes."),
        ("[profiles.a]\nkeys = [[]]", "FILE [profiles.a] keys: it must be text in quotes."),
        ("[profiles.a]\nkeys.a = {}", "FILE [profiles.a] keys: it must be text in quotes."),
        (
            '[profiles.a]\nkeys = { "a=b" = "K" }',
            "FILE [profiles.a] keys: a name consists of letters, digits, dots, _ and -.",
        ),
        (
            '[profiles.a]\nca_file = "\\u0000"',
            "FILE [profiles.a] ca_file: it holds a NUL character.",
        ),
        ("[profiles.a]\nkey_command = []", "FILE [profiles.a] key_command: it is empty."),
        ("[profiles.a]\nkey_command = ' '", "FILE [profiles.a] key_command: it is empty."),
        (
            f"[profiles.a]\nkey_command = '\"{KEY}'",
            "FILE [profiles.a] key_command: a quote in it is not closed.",
        ),
        (
            "[profiles.a]\ndsn = ['!']",
            "FILE [profiles.a] dsn: it needs a pattern, and got an empty one.",
        ),
        (
            "[profiles.a]\nproperty = 'temp*, ,hum*'",
            "FILE [profiles.a] property: it needs a pattern, and got an empty one.",
        ),
        (
            f"[profiles.a]\n\nkeys = {KEY}",
            "FILE line 3: expected newline or end of document after a statement.",
        ),
        (f'[profiles.a]\nkeys = "{KEY}', "FILE line 2: unterminated string."),
        (f"[profiles.a]\n{KEY}", "FILE line 2: expected '=' after a key in a key/value pair."),
        ("[profiles.a]\nregion = eu", "FILE line 2: invalid value; text stands in quotes."),
        (b"\n\n[profiles.a", "FILE line 3: expected ']' at the end of a table declaration."),
        (b"\xff", "FILE is not UTF-8 text."),
        (
            "[profiles.a]\nretry_for = " + "9" * 5000,
            "FILE has a number that is too long, or brackets nested too deeply.",
        ),
        (
            "x = " + "[" * 100_000,
            "FILE has a number that is too long, or brackets nested too deeply.",
        ),
    ],
)
def test_a_file_that_cannot_work(home: Home, text: str | bytes, reason: str) -> None:
    home.write(text)
    assert home.error() == reason


def test_a_file_that_cannot_be_read(home: Home) -> None:
    home.file.mkdir(parents=True)
    assert home.error() == "cannot read FILE: Is a directory."


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no /dev/zero")
def test_a_file_without_an_end(home: Home) -> None:
    home.file.parent.mkdir(parents=True)
    home.file.symlink_to("/dev/zero")
    assert home.error() == "FILE is too large for a configuration file."


def test_values_are_read_like_those_of_options(home: Home) -> None:
    for setting, reason in (
        ("region = 'jp'", 'region: "jp" is none of us, eu, cn.'),
        ("deployment = 'x'", 'deployment: "x" is none of field, dev.'),
        (
            "idle_timeout = '5x'",
            'idle_timeout: "5x" is not a time such as 500ms, 75s, 5m, 2h or 1d.',
        ),
        (
            "idle_timeout = nan",
            'idle_timeout: "nan" is not a time such as 500ms, 75s, 5m, 2h or 1d.',
        ),
        ("max_message_size = 0", "max_message_size: it must be more than 0."),
        (
            f"url = 'wss://x.test/?stream_key={KEY}'",
            "url: the key goes into --key, a window into --from-seq and --to-seq.",
        ),
        ("output = 'xml'", 'output: "xml" is none of text, json, pretty, csv.'),
        ("color = 'red'", 'color: "red" is none of auto, always, never.'),
    ):
        home.write(f"[profiles.a]\n{setting}\n")
        command = ["config", "show"] if setting.startswith("url") else []
        assert home.error(*command, "-p", "a") == f"FILE [profiles.a] {reason}"


FRAGMENTS = [
    *("[", "]", "{", "}", "=", ".", ",", "\n", " ", "#", '"', "'", "\\", "1", "true", "1e9", "a"),
    *(
        "[profiles.a]\n",
        "[[profiles]]\n",
        "default_profile",
        "keys",
        "region",
        "profiles",
        "\0",
        "é",
    ),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20))
def test_any_file_is_fine_or_a_configuration_error(tmp_path_factory: Any, parts: list[str]) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text("".join(parts), encoding="utf-8")
    file.chmod(0o600)
    environment = {"DSSTAIL_CONFIG": str(file), "DSSTAIL_PROFILE": "a"}
    with contextlib.suppress(ConfigurationError):
        assert profiles.choose(None, environment, lambda _: None).name == "a"


# The file that `config init` writes


def test_init_writes_a_file_for_nobody_else(home: Home) -> None:
    finished = home.run("config", "init")
    assert (finished.returncode, finished.stdout) == (0, "")
    assert finished.stderr == (
        f"{home.file} is written. Fill it in; dsstail config show tells what is in effect.\n"
    )
    assert home.file.read_text() == TEMPLATE
    assert home.file.stat().st_mode & 0o777 == 0o600
    assert home.file.parent.stat().st_mode & 0o777 == 0o700
    assert home.effective()["profile"] == (None, "default")


def test_init_overwrites_only_when_told_to(home: Home) -> None:
    home.write("# mine", mode=0o644)
    assert home.error("config", "init") == "FILE is there already. --force overwrites it."
    assert home.file.read_text() == "# mine"
    assert home.here("config", "init", "--force").code == 0
    assert home.file.read_text() == TEMPLATE
    assert home.file.stat().st_mode & 0o777 == 0o600


def test_init_where_nothing_can_be_written(home: Home) -> None:
    finished = home.here("config", "init", XDG_CONFIG_HOME="/dev/null")
    assert (finished.code, finished.out) == (6, b"")
    assert finished.err == ("error: cannot write /dev/null/dsstail/config.toml: File exists.\n")


def test_what_init_writes_is_all_comments_and_shows_every_setting(home: Home) -> None:
    assert tomllib.loads(TEMPLATE) == {}
    assert TEMPLATE.isascii()
    assert max(map(len, TEMPLATE.splitlines())) <= 100
    text = re.sub(r"^#(?=[a-z\[])", "", TEMPLATE, flags=re.MULTILINE)
    table = tomllib.loads(text)
    assert table["default_profile"] == "lab"
    assert set(table["profiles"]["lab"]) == set(SETTINGS)
    home.write(text.replace('"pass show ayla/lab"', '"echo lab=K1"'))
    (home.folder / "ayla.keys").write_text("file=K2\n")
    (home.folder / "ayla.keys").chmod(0o600)
    told = home.effective()
    assert told["keys"] == (["stream-1=…", "file=…", "lab=…"], "profile lab")
    assert told["retry_for"] == (300.0, "profile lab")


def test_what_init_writes_tells_the_defaults(home: Home) -> None:
    default = {name: value for name, (value, _) in home.effective().items()}
    text = re.sub(r"^#(?=[a-z\[])", "", TEMPLATE, flags=re.MULTILINE)
    examples = ("url", "ca_file", "keys", "key_file", "key_command", "retry_for", "save_malformed")
    lines_of_text = ("format", "highlight")
    filters = ("dsn", "event_type", "property", "oem_model")
    left_out = (*examples, *filters, *lines_of_text)
    kept = [line for line in text.splitlines() if line.split(" ")[0] not in left_out]
    home.write("\n".join(kept).replace('output = "text"', ""))
    told = {name: value for name, (value, _) in home.effective().items()}
    assert told == default | {"file": str(home.file), "profile": "lab"}


def test_a_profile_can_say_what_options_can() -> None:
    options = {
        field.name for group in (Connection, Filters, Output) for field in dataclasses.fields(group)
    }
    of_one_run = {"profile", "from_seq", "to_seq", "verbose"}
    options = options - of_one_run - {"field", "key"} | {"deployment", "keys", "key_command"}
    assert set(SETTINGS) == options


def test_what_is_in_effect_is_told_for_every_setting(home: Home) -> None:
    told = home.effective()
    window = {"from_seq", "to_seq"}
    assert set(told) == set(SETTINGS) - {"key_file", "key_command"} | {"file", "profile"} | window


def test_a_config_command_that_does_not_exist(home: Home) -> None:
    assert home.error("config", "edit") == '"edit" is none of path, show, init.'
    assert home.error("config", "show", "-o", "csv") == '--output: "csv" is none of text, json.'


# What is asked of the file, and when


def test_profiles_are_offered_by_tab(home: Home) -> None:
    def offered(line: str) -> list[str]:
        asked = {"_DSSTAIL_COMPLETE": "zsh", "_DSSTAIL_LINE": line}
        finished = home.here(**asked)
        assert (finished.code, finished.err) == (0, "")
        return finished.out.decode().splitlines()

    assert offered("dsstail -p ") == []
    home.write(f'{TWO}[profiles."odd\\n"]\nkeys = "a={KEY}"', mode=0o644)
    assert offered("dsstail -p ") == ["lab", "production"]
    assert offered("dsstail -p l") == ["lab"]
    assert offered("dsstail record x --profile=p") == ["--profile=production"]
    assert offered("dsstail config ") == ["path", "show", "init"]
    home.write("nonsense")
    assert offered("dsstail -p ") == []


def test_the_file_costs_nothing_where_it_is_not_needed(home: Home) -> None:
    def codes(*lines: str) -> list[int]:
        """The exit codes of these command lines, and last whether any of them read TOML."""
        script = (
            "import sys; from dsstail.cli.run import run; "
            "codes = [run(line.split()) for line in sys.argv[1:]]; "
            "print(*codes, int('tomllib' in sys.modules))"
        )
        finished = subprocess.run(
            [sys.executable, "-c", script, *lines],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={"PATH": os.defpath, "HOME": str(home.folder)},
            timeout=PATIENCE,
            check=True,
        )
        return [int(code) for code in finished.stdout.splitlines()[-1].split()]

    assert codes("--url ws://127.0.0.1:1/ -k K --no-reconnect") == [3, 0]
    home.write("nonsense")
    unneeded = ["--version", "--help", "domains", "config path", "demo -c1"]
    assert codes(*unneeded) == [*[0] * len(unneeded), 0]
    assert codes("") == [2, 1]
