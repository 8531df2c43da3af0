"""Every recipe works: they are typed as they stand, against made-up devices."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import PATIENCE, Command, installed

from dsstail.cli.dispatch import dispatch
from dsstail.simulator import Simulator, SimulatorSettings

PAGE = (Path(__file__).parents[1] / "docs" / "recipes.md").read_text(encoding="utf-8")


def recipes(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"no recipe in {language}"
    return found


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(SimulatorSettings(rate=200, history=2000, seed=7)) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def environment(simulator: Simulator) -> dict[str, str]:
    return {"DSSTAIL_URL": simulator.url, "DSSTAIL_KEY": simulator.key}


@pytest.fixture(scope="module")
def recorded(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a recording in several files."""
    directory = tmp_path_factory.mktemp("recorded")
    whole = ("--from-seq", "0", "--count", "2000", "--rotate-size", "300kB", "--compress", "gz")
    done = Command("record", "events.jsonl", *whole, directory=directory, environment=environment)
    assert done.finish().code == 0
    return directory


@pytest.fixture
def bench(environment: dict[str, str], recorded: Path, tmp_path: Path) -> dict[str, str]:
    """A directory with a recording and what the recipes call; the environment for them."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    for name in ("in.jsonl", "out.jsonl"):
        shutil.copy(tmp_path / "events.jsonl", tmp_path / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "dsstail").symlink_to(installed())
    for path, script in {
        programs / "notify-send": "echo $1",
        tmp_path / "turn-on-the-led": "until [ -s seen.jsonl -o -s run.jsonl ]; do sleep .1; done",
    }.items():
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
    return {**environment, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path)}


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize("recipe", recipes("sh"), ids=lambda recipe: recipe.split("\n")[0][:40])
def test_it_works_as_it_stands(recipe: str, bench: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", recipe],
        cwd=tmp_path,
        env=bench,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert "warning" not in done.stderr
    redirected = re.findall(r"> (\S+\.(?:csv|jsonl))", recipe)
    for printed in [(tmp_path / name).read_text() for name in redirected] or [done.stdout]:
        assert printed.count("\n") > 0


def test_duckdb_reads_recordings_as_they_are(bench: dict[str, str], tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    (recipe,) = recipes("sql")
    with contextlib.chdir(tmp_path):
        for statement in filter(str.strip, recipe.split(";")):
            duckdb.sql(statement)
    assert (tmp_path / "events.parquet").stat().st_size > 10_000


@pytest.mark.parametrize("line", recipes("crontab")[0].splitlines())
def test_what_cron_runs_can_be_understood(line: str) -> None:
    command = line.split(maxsplit=5)[5].split(">")[0].split("||")[0]
    program, *words = shlex.split(command)
    assert program == "dsstail"
    assert dispatch([*words, "--help"]) == 0
