"""What contrib/ has for unattended recorders: the systemd unit and the Containerfile."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command import installed, wait_until
from conftest import Starter
from scenarios import Server, honest, lines

from dsstail.errors import ConfigurationError, Rejected

PROJECT = Path(__file__).parents[1]
UNIT = (PROJECT / "contrib" / "dsstail-record@.service").read_text(encoding="utf-8")
CONTAINER = (PROJECT / "contrib" / "Containerfile").read_text(encoding="utf-8")


def setting(name: str) -> str:
    """What the unit says below this name."""
    (said,) = re.findall(rf"(?m)^{name}=(.*)$", UNIT)
    return str(said)


def unit_words(directory: Path) -> list[str]:
    """The command of the unit, as systemd starts it with the key in a directory."""
    recording = setting("Environment").strip('"').removeprefix("RECORDING=")
    command = setting("ExecStart").replace("$RECORDING", recording)
    return shlex.split(command.replace("${CREDENTIALS_DIRECTORY}", str(directory)))


def container_words(_: Path) -> list[str]:
    entry, command = (
        json.loads(re.findall(rf"(?m)^{name} (.*)$", CONTAINER)[0])
        for name in ("ENTRYPOINT", "CMD")
    )
    return [*entry, *command]


@pytest.mark.parametrize("words", [unit_words, container_words])
def test_its_command_records_and_ends_well(
    words: Callable[[Path], list[str]],
    dsstail: Starter,
    serve: Callable[..., Server],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    secrets = tmp_path_factory.mktemp("secrets")
    key = secrets / "key"
    key.write_text("0123456789abcdef" * 2)
    key.chmod(0o400)
    program, *rest = words(secrets)
    assert program == "dsstail"
    environment = {"DSSTAIL_URL": serve(honest).url(), "DSSTAIL_KEY_FILE": str(key)}
    recorder = dsstail(*rest, key=None, environment=environment)
    recording = tmp_path / "events.jsonl"
    wait_until(lambda: recording.exists() and recording.read_bytes() == lines(range(6)))
    recorder.interrupt(signal.SIGTERM)
    finished = recorder.finish()
    assert finished.code == 0
    assert "warning" not in finished.err


def test_the_unit_does_not_hammer_a_service_that_refuses() -> None:
    final = {ConfigurationError.exit_code, Rejected.exit_code}
    assert set(map(int, setting("RestartPreventExitStatus").split())) == final
    assert setting("Restart") == "on-failure"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "dsstail-record@lab.service"
    unit.write_text(UNIT.replace("ExecStart=dsstail ", f"ExecStart={installed()} "))
    manual = tmp_path / "man" / "man1" / "dsstail.1"  # which the unit names as its documentation
    subprocess.run([sys.executable, PROJECT / "docs" / "manual.py", manual], check=True)
    done = subprocess.run(
        ["systemd-analyze", "verify", unit],
        env={"PATH": os.environ["PATH"], "MANPATH": str(tmp_path / "man")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_container_is_made_of_what_is_there() -> None:
    (sources, package) = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", CONTAINER)
    assert all((PROJECT / source).exists() for source in [*sources.split(), package])
    assert "STOPSIGNAL SIGTERM" in CONTAINER
    users = re.findall(r"(?m)^USER (\d+):\d+$", CONTAINER)
    assert users == ["10001"]
