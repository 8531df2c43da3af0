"""All proofs at full length: `make torture`. Prints the table that docs/durability.md holds.

It needs root on Linux, and strace; what a machine does not allow is said and not counted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
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


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="how often, 1 for the table")
    parser.add_argument("--only", default="", help="only proofs whose name holds this")
    arguments = parser.parse_args()
    failed = False
    print("| what was done | result | s |\n| --- | --- | --- |", flush=True)
    for name, proof in proofs(arguments.scale):
        if arguments.only not in name:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
            try:
                wrong = proof(Path(work))
                result = "every event once and in order" if wrong is None else f"FAILED: {wrong}"
                failed |= wrong is not None
            except AssertionError as failure:
                result, failed = f"FAILED: {failure} {getattr(failure, '__notes__', '')}", True
            except NotPossible as reason:
                result = f"not possible here: {reason}"
        print(f"| {name} | {result} | {time.monotonic() - began:.0f} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
