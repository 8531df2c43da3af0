"""Run the Autobahn test suite's client cases against `dsstail.connection`, and write the result.

`conformance.py SUITE RESULT`: SUITE is the directory into which `make autobahn` installed the
suite, and where its own report goes; RESULT is the Markdown file to write. The suite's server
listens on every address, so this wants to be started in a network namespace of its own.
Exits with 1 when a case failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlencode

from websocket import ABNF

from dsstail.connection import Connection, Received, TextMessage, open_connection
from dsstail.errors import ConnectionFailed
from dsstail.messages import encode

SERVER = "ws://127.0.0.1:9001"
AGENT = "dsstail"

EXCLUDED = {"12.*": "compression", "13.*": "compression, other settings"}
"""permessage-deflate is never offered, so these cases would test nothing."""

START_LIMIT = 30.0
"""Seconds that the suite's server may take to listen."""

CASE_LIMIT = 120.0
"""Seconds after which a case is taken to hang; the longest is one of 16 MiB messages."""

BEHAVIOURS = {
    "OK": "passed",
    "NON-STRICT": "passed, though not as strictly as the standard recommends",
    "INFORMATIONAL": "tells what the client does where the standard leaves it open",
    "UNIMPLEMENTED": "not run: the client does not offer the feature",
    "WRONG CODE": "failed: another close code than expected",
    "UNCLEAN": "failed: the connection ended without the closing handshake",
    "FAILED BY CLIENT": "failed: the client gave up",
    "FAILED": "failed",
}
"""The suite's words, for how a case went and for how its connection closed."""

PASSED = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")

Results = dict[str, dict[str, str]]
"""By case: the suite's entry in its `index.json`."""


def main(suite: Path, result: Path) -> int:
    reports = suite / "reports"
    os.environ["no_proxy"] = "*"  # there is no network here but the server's
    with _server(suite, reports):
        cases = _case_count()
        for case in range(1, cases + 1):
            _echo(f"{SERVER}/runCase?{urlencode({'case': case, 'agent': AGENT})}")
        _echo(f"{SERVER}/updateReports?{urlencode({'agent': AGENT})}")
    results: Results = json.loads((reports / "index.json").read_text())[AGENT]
    failed = [case for case, entry in results.items() if not _passed(entry)]
    result.write_text(_document(results, reports, _suite_version(suite)))
    print(f"{len(results)} of {cases} cases, {len(failed)} failed: {result}", file=sys.stderr)
    return 1 if failed or len(results) != cases else 0


@contextlib.contextmanager
def _server(suite: Path, reports: Path) -> Iterator[None]:
    """The suite's server, ready to serve; it forgets the reports of earlier runs."""
    reports.mkdir(exist_ok=True)
    for old in reports.iterdir():
        old.unlink()
    specification = suite / "specification.json"
    specification.write_text(
        json.dumps(
            {
                "url": SERVER,
                "outdir": str(reports),
                "cases": ["*"],
                "exclude-cases": list(EXCLUDED),
                "exclude-agent-cases": {},
            }
        )
    )
    with (suite / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [suite / "bin" / "wstest", "-m", "fuzzingserver", "-s", specification, "-u", "0"],
            env={**os.environ, "PYTHONUSERBASE": str(suite)},
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            server.terminate()
            server.wait()


def _case_count() -> int:
    """How many cases the server has; waits until it listens."""
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            connection = open_connection(f"{SERVER}/getCaseCount")
            break
        except ConnectionFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    with connection:
        while not (received := connection.receive(START_LIMIT)):
            pass
    [count] = received
    assert isinstance(count, TextMessage)
    return int(count.payload)


def _echo(url: str) -> None:
    """Send back whatever comes, until the server ends the connection."""
    deadline = time.monotonic() + CASE_LIMIT
    with open_connection(url) as connection, contextlib.suppress(ConnectionFailed):
        while time.monotonic() < deadline:
            for item in connection.receive(1.0):
                _answer(connection, item)
        raise TimeoutError(f"{url} did not end within {CASE_LIMIT:g} s")


def _answer(connection: Connection, item: Received) -> None:
    if isinstance(item, list):
        for text in item:  # cut out of its frame by the quick path, without its `LENGTH|`
            connection.send(encode(text).decode())
    elif item.binary:
        # Nobody but this suite sends binary messages.
        connection._send([item.payload], ABNF.OPCODE_BINARY)
    else:
        connection.send(item.payload.decode())


def _passed(entry: dict[str, str]) -> bool:
    return entry["behavior"] in PASSED and entry["behaviorClose"] in PASSED


def _suite_version(suite: Path) -> str:
    [metadata] = suite.glob("lib/python2.7/site-packages/autobahntestsuite-*.dist-info")
    return metadata.name.removeprefix("autobahntestsuite-").removesuffix(".dist-info")


def _document(results: Results, reports: Path, suite_version: str) -> str:
    """The results in Markdown."""
    parts = (
        "# Conformance to RFC 6455",
        "`make autobahn` runs the client cases of the [Autobahn test suite](https://github.com/"
        "crossbario/autobahn-testsuite) against `dsstail.connection`, which sends back every "
        "message that it receives, and writes this page.",
        _table(
            ("what", "version"),
            [
                ("dsstail", version("dsstail")),
                ("websocket-client", version("websocket-client")),
                ("Python", f"{platform.python_version()} on {platform.system()}"),
                ("autobahntestsuite", suite_version),
                ("run on", f"{datetime.now(UTC):%Y-%m-%d}"),
            ],
        ),
        f"## {len(results)} cases",
        _table(("result", "message", "close", "meaning"), _counts(results)),
        "Not run: "
        + ", ".join(f"{cases} ({what})" for cases, what in EXCLUDED.items())
        + ", because dsstail never offers compression. Text is checked for UTF-8 once a "
        "message is whole, not fragment by fragment, which the cases 6.4.* call non-strict. No "
        "case looks like an event of the service, so none takes the quick path for whole events: "
        "small frames take the one for floods, and all others the careful path.",
        "## Cases that did more or less than pass",
        _table(("case", "message", "close", "what the suite did"), _remarks(results, reports)),
    )
    return "\n\n".join(parts) + "\n"


def _counts(results: Results) -> list[tuple[str, ...]]:
    message = Counter(entry["behavior"] for entry in results.values())
    close = Counter(entry["behaviorClose"] for entry in results.values())
    return [
        (word, str(message[word]), str(close[word]), meaning)
        for word, meaning in BEHAVIOURS.items()
        if message[word] or close[word] or word == "FAILED"
    ]


def _remarks(results: Results, reports: Path) -> list[tuple[str, ...]]:
    return [
        (
            case,
            entry["behavior"],
            entry["behaviorClose"],
            _description(reports / entry["reportfile"]),
        )
        for case, entry in sorted(results.items(), key=lambda item: _numbers(item[0]))
        if (entry["behavior"], entry["behaviorClose"]) != ("OK", "OK")
    ]


def _description(report: Path) -> str:
    """The first line of what the suite says about a case."""
    text: str = json.loads(report.read_text(errors="replace"))["description"]
    return re.split(r"\n|<br", text)[0].replace("|", "\\|")


def _numbers(case: str) -> list[int]:
    return [int(number) for number in case.split(".")]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2])))
