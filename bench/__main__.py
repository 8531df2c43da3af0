"""`python -m bench [--quick]`: measure, print the table, and write docs/performance.md.

Quick measures the main rows with fewer events, and writes nothing.
"""

from __future__ import annotations

import argparse
import compileall
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import dsstail
from bench import page, recordings, throughput, waiting
from bench.measuring import Failed
from bench.receivers import Receivers, counts
from bench.rows import Row
from bench.service import Service

HOW = """\
Written by `make bench`: {rounds} rounds, in each of which the programs of a race ran in turns. A
ratio is taken within a round; shown are its median and, in brackets, its least and its greatest.
{events:,} events of about 470 bytes, of 1,000 devices. Rates count from the first event that the
server sent to the last byte that the receiver wrote; CPU time is that of a million events, start-up
included."""


def everything(
    service: Service, directory: Path, events: int, rounds: int
) -> Iterator[Iterable[Row]]:
    receivers = Receivers(service, directory / "out", events)
    yield throughput.into_a_file(receivers, rounds, peers=True)
    yield throughput.over_tls(receivers, rounds)
    yield throughput.into_a_pipe(receivers, rounds)
    yield throughput.by_processes(receivers, rounds)
    yield throughput.many(receivers, 10)
    yield waiting.latency(service, 10_000, rounds)
    yield waiting.idling(service, 60.0)
    yield waiting.starts(5 * rounds)
    yield recordings.reading(receivers, directory, rounds)


def main_rows(
    service: Service, directory: Path, events: int, rounds: int
) -> Iterator[Iterable[Row]]:
    receivers = Receivers(service, directory / "out", events)
    yield throughput.into_a_file(receivers, rounds, peers=False)
    yield throughput.over_tls(receivers, rounds)
    yield throughput.into_a_pipe(receivers, rounds)
    yield waiting.latency(service, 2_000, rounds)
    yield waiting.starts(3 * rounds)


def measured(service: Service, parts: Iterator[Iterable[Row]]) -> Iterator[Row]:
    """The rows of all parts, each told as it comes; what fails costs the rest of its part only."""
    for rows in parts:
        try:
            for row in rows:
                print(page.as_text(row), flush=True)
                yield row
        except Failed as failure:
            print(f"failed: {failure}", file=sys.stderr)
            service.forget()


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--events", type=int, help="a multiple of 20,000")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    events = options.events or (400_000 if options.quick else 1_000_000)
    rounds = options.rounds or (3 if options.quick else 5)
    parts = main_rows if options.quick else everything
    # As an installation does; what is installed to be edited may never be, and then starts slowly.
    compileall.compile_dir(Path(dsstail.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory() as name:
        service = Service(counts(events), Path(name))
        try:
            table = list(measured(service, parts(service, Path(name), events, rounds)))
        finally:
            service.close()
    if not options.quick:
        page.write(table, HOW.format(rounds=rounds, events=events))
    return 0


if __name__ == "__main__":
    sys.exit(main())
