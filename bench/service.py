"""The blaster as a process: where it listens, what it sends, what it saw."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.events import Expected


class Service:
    """A running blaster. `ca_file` is the authority behind its certificate for 127.0.0.1."""

    def __init__(self, counts: Sequence[int], directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.blaster", directory, *map(str, counts)],
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        ready = self._read()
        self.ca_file: str = ready["ca_file"]
        self._ports = {"ws": ready["ws"], "wss": ready["wss"]}
        self.expected = {int(count): Expected(**what) for count, what in ready["expected"].items()}

    def url(self, what: str, *numbers: int, scheme: str = "ws") -> str:
        """Where to get what the blaster documents: `url("paced", 1000, 100)`."""
        path = "/".join(map(str, (what, *numbers)))
        return f"{scheme}://127.0.0.1:{self._ports[scheme]}/{path}"

    def saw(self, connections: int = 1) -> tuple[float, int]:
        """When the first of these connections got its first event, and the answers of all."""
        reports = [self._read() for _ in range(connections)]
        return min(report["began"] for report in reports), sum(r["answers"] for r in reports)

    def forget(self) -> None:
        """Forget what it saw of programs that failed, and that nobody asked for."""
        assert self._process.stdout is not None
        while select.select([self._process.stdout], [], [], 1.0)[0]:
            self._read()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        assert isinstance(told, dict)
        return told
