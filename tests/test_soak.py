"""The soak in its short form, and whether it would notice anything at all."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import PATIENCE
from soak import Difference, Judge
from soak_server import Subscription

SOAK = Path(__file__).with_name("soak.py")

SECONDS = 12


def line(seq: int) -> bytes:
    text = Subscription(0, rate=1).text(seq)
    return text[:-1] + b',"_dsstail":{"stream":"in"}}\n'


def test_every_event_comes_once_and_in_order_however_connections_break() -> None:
    soak = subprocess.run(
        [sys.executable, SOAK, "--minutes", str(SECONDS / 60), "--rate", "200"],
        capture_output=True,
        text=True,
        timeout=SECONDS + 4 * PATIENCE,
    )
    assert soak.returncode == 0, soak.stdout + soak.stderr
    connections = re.search(r"(\d+) live connections", soak.stdout)
    assert connections is not None
    assert int(connections[1]) > 8  # four would be there without a single break


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([line(0), line(2)], id="lost"),
        pytest.param([line(0), line(0)], id="twice"),
        pytest.param([line(1)], id="too early"),
        pytest.param([line(0).replace(b'"seq":"0"', b'"seq": "0"')], id="changed"),
        pytest.param([line(0).replace(b'"in"', b'"out"')], id="in another stream"),
    ],
)
def test_the_judge_sees_an_event_that_is(lines: list[bytes]) -> None:
    judge = Judge({"in": Subscription(0, rate=1)})
    for fine in lines[:-1]:
        judge.take(fine)
    with pytest.raises(Difference):
        judge.take(lines[-1])
