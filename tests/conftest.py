"""What the tests of several rooms share."""

from __future__ import annotations

import contextlib
import gc
import os
import shlex
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import pytest
import trustme
from command import KEY, PATIENCE, Command, Finished, assert_no_key, installed, variables
from hypothesis import settings
from scenarios import Script, Server
from screen import Screen

from dsstail import flow, interruption, json_text, keys, survey
from dsstail.cli import console
from dsstail.cli import run as cli

# The same examples each time; `--hypothesis-profile=default` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two for each core with `-n auto`: what a test waits for is seldom a core."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_finish() -> None:
    """Exempt all that was imported and collected from the search for garbage, once and for all."""
    gc.collect()
    gc.freeze()


class Starter(Protocol):
    def __call__(self, *arguments: str, **options: Any) -> Command: ...


Serve = Callable[..., Server]


@pytest.fixture
def dsstail(tmp_path: Path) -> Iterator[Starter]:
    """Start the installed command in a directory of its own, where no file may hold the key."""
    started: list[Command] = []

    def start(*arguments: str, **options: Any) -> Command:
        command = Command(*arguments, directory=tmp_path, **options)
        started.append(command)
        return command

    yield start
    for command in started:
        command.kill()
    for key in {command.key for command in started if command.key is not None}:
        assert_no_key_in_files(tmp_path, key)


def assert_no_key_in_files(directory: Path, key: str) -> None:
    for path in directory.rglob("*"):
        if path.is_file():
            assert_no_key(path.read_bytes(), key, str(path))


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """End what takes longer than PATIENCE."""

    def fail(*_: object) -> None:
        raise AssertionError("still running")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Here(Protocol):
    def __call__(self, *words: str, variables: Mapping[str, str]) -> Finished: ...


@pytest.fixture
def here(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Here:
    """Run the command in no process of its own, which is quick: for where that is all the same."""
    monkeypatch.setattr(interruption, "end_at_once", lambda code: None)
    for room in (interruption, flow, survey):
        monkeypatch.setattr(room, "interruptible", lambda *_, **__: contextlib.nullcontext())
    for room in (json_text, flow):
        monkeypatch.setattr(room, "count_no_lines", lambda: None)
    monkeypatch.setattr(keys, "_read", set())

    def run(*words: str, variables: Mapping[str, str]) -> Finished:
        console.choose(None, quiet=False)
        with (
            mock.patch.dict(os.environ, variables, clear=True),
            contextlib.chdir(tmp_path),
            patience(),
        ):
            code = cli.run(list(words))
        out, err = capfd.readouterr()
        return Finished(code, out.encode(), err)

    return run


class Runner(Protocol):
    def __call__(
        self, *words: str, key: str | None = KEY, environment: Mapping[str, str] | None = None
    ) -> Finished: ...


@pytest.fixture
def run(request: pytest.FixtureRequest, dsstail: Starter, here: Here, tmp_path: Path) -> Runner:
    """Run the command to its end, in a process of its own only for the first row of a table.

    The others, and what is no table, are where a process proves nothing that others do not.
    """
    table = getattr(request.node, "callspec", None)
    is_first_row = table is not None and not any(table.indices.values())

    def run(
        *words: str, key: str | None = KEY, environment: Mapping[str, str] | None = None
    ) -> Finished:
        if is_first_row:
            return dsstail(*words, key=key, environment=environment).finish()
        finished = here(*words, variables=variables(tmp_path, key, environment))
        finished.assert_decent(key)
        if key is not None:
            assert_no_key_in_files(tmp_path, key)
        return finished

    return run


@pytest.fixture
def on_screen(tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    """Start the installed command on a terminal of its own, within a shell if need be."""
    started: list[Screen] = []

    def start(
        *words: str,
        columns: int = 80,
        rows: int = 24,
        variables: dict[str, str] | None = None,
        shell: bool = False,
    ) -> Screen:
        environment = {
            "PATH": os.defpath,
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "TZ": "UTC",
            "DSSTAIL_KEY": f"in={KEY}",
            **(variables or {}),
        }
        command = [installed(), *words]
        program = ["bash", "--norc", "--noprofile", "-i"] if shell else command
        screen = Screen(program, environment, tmp_path, columns, rows)
        started.append(screen)
        if shell:
            screen.type(f"{shlex.join(command)}\n")
        return screen

    yield start
    for screen in started:
        screen.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that plays scenarios; what goes wrong within them fails the test."""
    servers: list[Server] = []

    def start(*scripts: Script, **options: Any) -> Server:
        server = Server(*scripts, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()
    for server in servers:
        assert server.failures == []


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts unasked."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """TLS for servers on 127.0.0.1 and localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """The path of the authority's certificate."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that answers nothing: its queue is full, and what comes is dropped."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port: int = full.getsockname()[1]
        filling = [socket.socket() for _ in range(4)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        yield port
        for sock in filling:
            sock.close()
