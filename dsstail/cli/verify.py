"""`dsstail verify`: is every line of a recording an event, and is every event there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsstail.cli.commands import command
from dsstail.cli.console import say
from dsstail.cli.options import TextOrJson
from dsstail.errors import OutputClosed, StrictViolation
from dsstail.given import text_or_json
from dsstail.wording import counted, seqs

if TYPE_CHECKING:
    from dsstail.verification.verdict import Contents, Finding, Verdict

FEW = 3
"""Ranges of numbers that are told of a stream."""


@command
def verify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="recordings and pieces of them; - is stdin"),
    ],
    output: TextOrJson = None,
) -> int:
    """
    Tells what is damaged, missing or there twice, and where; what filters kept
    out of it is missing, too. The exit code is 0 for a complete recording, 5 for
    any other.

    Examples:
      dsstail verify events.jsonl
      dsstail verify events.*.jsonl.gz events.jsonl    segments and the live file
      dsstail verify in.jsonl out.jsonl                a stream each
    """
    form = text_or_json(output)
    from dsstail.gauge import Gauge
    from dsstail.interruption import raising
    from dsstail.json_text import count_no_lines
    from dsstail.recording.naming import by_recordings
    from dsstail.recording.odometer import Odometer
    from dsstail.report import Reporter
    from dsstail.verification.verifying import verify

    count_no_lines()
    odometer = Odometer(by_recordings(files))
    gauge = Gauge(Reporter(), odometer, beside_output=False)
    try:
        with raising():
            verdict = verify(odometer, lambda: gauge.tick(0))
    finally:
        gauge.close()
        odometer.close()
    with suppress(OutputClosed):  # the exit code tells the verdict, whoever has read enough of it
        say(_json(verdict) if form == "json" else _text(verdict))
    return 0 if verdict.complete else StrictViolation.exit_code


def _text(verdict: Verdict) -> str:
    from textwrap import wrap

    from dsstail.escaping import visible

    lines = [_contents(contents, verdict) for contents in verdict.contents]
    for finding in verdict.findings:
        place = f"{verdict.files[finding.place.file]}:{finding.place.line}"
        lines.append(f"{place}: {_finding(finding)}")
    if verdict.unlisted:
        lines.append(f"and {verdict.unlisted} more, not listed")
    lines += wrap(_conclusion(verdict), 80, subsequent_indent="  ")
    return "\n".join(map(visible, lines))


def _contents(contents: Contents, verdict: Verdict) -> str:
    """`stream in: 120 events, seq 1–120`."""
    name = verdict.name(contents)
    name = f"{'stream ' if contents.stream else ''}{name}: " if name else ""
    parts = [counted(contents.events, "event")]
    if contents.ranges:
        ranges = [f"{first}–{last}" for first, last in contents.ranges[:FEW]]
        parts.append("seq " + ", then ".join(ranges))
        if len(contents.ranges) > FEW:
            parts.append("and so on")
    if contents.unnumbered:
        parts.append(f"{contents.unnumbered} without a seq")
    if contents.late:
        parts.append(f"{contents.late} late")
    return name + ", ".join(parts)


def _finding(finding: Finding) -> str:
    """`gap: seq 8–12 (5 events) missing`."""
    numbers = seqs(finding.first, finding.last)
    lines = f" (up to line {finding.last})" if finding.first != finding.last else ""
    what = {
        "damaged": f"{finding.detail}{lines}",
        "torn": f"{finding.detail}, the recording ends here{lines}",
        "unchecked": f"{counted(finding.last, 'event')} from here on, of {finding.detail}",
        "gap": f"{numbers} missing"
        + (f", if this goes on from {finding.detail}" if finding.detail else " before"),
        "repeat": f"{numbers} again",
        "conflict": f"{numbers} again, with other text",
        "reset": f"after seq {finding.first} comes seq {finding.last}",
    }[finding.kind]
    stream = f"stream {finding.stream}: " if finding.stream else ""
    return f"{stream}{finding.kind}: {what}"


def _conclusion(verdict: Verdict) -> str:
    """`incomplete: 1 damaged line, 2 gaps (7 events missing)`."""
    if verdict.complete and not verdict.contents:
        return "complete: there is no event"
    if verdict.complete:
        return f"complete: {verdict.completeness}"
    counts, extents = verdict.counts, verdict.extents
    parts = {
        "damaged": counted(extents["damaged"], "damaged line"),
        "torn": counted(counts["torn"], "torn end"),
        "unchecked": f"{counted(extents['unchecked'], 'event')} unchecked",
        "gap": f"{counted(counts['gap'], 'gap')} ({counted(extents['gap'], 'event')} missing)",
        "repeat": f"{counted(extents['repeat'], 'event')} repeated",
        "conflict": f"{counted(extents['conflict'], 'event')} in conflict",
        "reset": counted(counts["reset"], "reset"),
    }
    return f"incomplete: {', '.join(text for kind, text in parts.items() if counts[kind])}"


def _json(verdict: Verdict) -> str:
    import json

    return json.dumps(
        {
            "complete": verdict.complete,
            "files": verdict.files,
            "streams": [asdict(contents) for contents in verdict.contents],
            "counts": verdict.counts,
            "extents": verdict.extents,
            "findings": [_as_object(verdict, finding) for finding in verdict.findings],
            "unlisted": verdict.unlisted,
        },
        indent=2,
    )


def _as_object(verdict: Verdict, finding: Finding) -> dict[str, Any]:
    about = asdict(finding)
    del about["place"]
    return {"file": verdict.files[finding.place.file], "line": finding.place.line, **about}
