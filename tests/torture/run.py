"""All proofs at full length: `make torture`. Prints a table, and keeps it in docs/durability.md.

It needs root on Linux, and strace; what a machine does not allow is said and not counted.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from torture.disks import NotPossible
from torture.faults import can_inject, sweep
from torture.full import fill_again_and_again
from torture.kills import SHARED, kill_again_and_again
from torture.power import cut_power_again_and_again

ROTATED = ("--rotate-size", "100kB")
GZ = (*ROTATED, "--compress", "gz")
ZST = (*ROTATED, "--compress", "zst")

Proof = Callable[[Path], str | None]
"""What is wrong after it, None if nothing is."""

HEAD = "| what was done | result | s |\n| --- | --- | --- |"

LAST_RESULT = "## Last result\n\n"

MOST = 12
"""Of each kind of system call the first so many are hit."""


def proofs(scale: float) -> Iterator[tuple[str, Proof]]:
    """What is done, and how; `scale` times as often as for the table."""
    kills, cuts, fills = round(100 * scale), round(25 * scale), round(30 * scale)
    forms = ((), SHARED, GZ, ZST, (*GZ, "--fsync", "always"), (*ROTATED, "--fsync", "never"))
    for seed, options in enumerate(forms):
        proof: Proof = partial(kill_again_and_again, kills=kills, options=options, seed=seed)
        yield f"{kills} times `kill -9`: {_record(options)}", proof
    for seed, (fsync, options) in enumerate(
        (("1s", ()), ("always", ()), ("1s", GZ), ("always", ZST))
    ):
        proof = partial(
            cut_power_again_and_again, cuts=cuts, fsync=fsync, options=options, seed=seed
        )
        yield f"{cuts} power cuts: {_record((*options, '--fsync', fsync))}", proof
    for seed, options in enumerate(((), GZ)):
        proof = partial(fill_again_and_again, times=fills, options=options, seed=seed)
        yield f"{fills} times a full disk: {_record(options)}", proof
    yield f"faults up to the {MOST}th of each system call: {_record(GZ)}", _faults


def _faults(work: Path) -> str | None:
    if not can_inject():
        raise NotPossible("strace cannot trace here")
    fired, wrong = sweep(work, MOST)
    print(f"{fired} faults came to pass", file=sys.stderr)
    return wrong


def _record(options: tuple[str, ...]) -> str:
    return f"`{' '.join(('record', 'out.jsonl', *options))}`"


def _keep(table: list[str], page: Path) -> None:
    """Put the table where the page has that of the last run."""
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    about = f"{datetime.now(UTC):%Y-%m-%d}, {system}, Python {platform.python_version()}"
    before, _, _ = page.read_text(encoding="utf-8").partition(LAST_RESULT)
    page.write_text(f"{before}{LAST_RESULT}{about}:\n\n" + "\n".join(table) + "\n", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="how often, 1 for the table")
    parser.add_argument("--only", default="", help="only proofs whose name holds this")
    parser.add_argument("--into", type=Path, help="the page that keeps the table of a whole run")
    arguments = parser.parse_args()
    failed = False
    table = [HEAD]
    print(HEAD, flush=True)
    for name, proof in proofs(arguments.scale):
        if arguments.only not in name:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
            try:
                wrong = proof(Path(work))
                result = "every event once and in order" if wrong is None else f"FAILED: {wrong}"
                failed |= wrong is not None
            except (AssertionError, OSError) as failure:
                result, failed = f"FAILED: {failure} {getattr(failure, '__notes__', '')}", True
            except NotPossible as reason:
                result = f"not possible here: {reason}"
        table.append(f"| {name} | {result} | {time.monotonic() - began:.0f} |")
        print(table[-1], flush=True)
    if arguments.into and arguments.scale >= 1 and not arguments.only:
        _keep(table, arguments.into)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
