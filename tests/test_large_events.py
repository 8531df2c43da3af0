"""An event of 15 MiB costs little more than its text, whatever it is shown as."""

from __future__ import annotations

import sys

import pytest
from command import wait_until
from conftest import Serve, Starter
from scenarios import Visit, event, frame, opened, send, unit

SIZE = 15 << 20
LIMIT = 200 << 20
"""Bytes of memory for all: what was read, and what is written."""

LARGE = event(1, b"x" * SIZE)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["-o", "text"], b"INLET_FLOW_RATE 16 MB, not shown       #1\n"),
        (["-o", "text", "--dsn", "VD*"], b"INLET_FLOW_RATE 16 MB, not shown       #1\n"),
        (["-o", "csv"], b'string,,,,,,,,,,,,"%d bytes, not shown"\n' % len(LARGE)),
        (["-o", "pretty"], b"\n%s\n{\n" % LARGE),
        (["--format", "{seq} {value}"], b"\n1 16 MB, not shown\n2 asdf3\n"),
    ],
)
def test_memory(words: list[str], shown: bytes, dsstail: Starter, serve: Serve) -> None:
    frames = [frame(unit(text)) for text in (event(0), LARGE, event(2))]
    server = serve(opened(send(*frames), Visit.stay))
    command = dsstail("--url", server.url(), *words)
    wait_until(lambda: shown in command.out)
    assert command.memory() < LIMIT
    command.stop()
