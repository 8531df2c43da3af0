"""A check on the screen: a line for each step as it is done; or all of it as JSON at the end."""

from __future__ import annotations

import sys
from textwrap import wrap
from typing import Any

from dsstail.checking.steps import FAILED, OK, SKIPPED, WARNING, Advice, Step
from dsstail.cli.console import columns, say, without_keys
from dsstail.config import Connecting
from dsstail.dialing import Endpoint
from dsstail.domains import at
from dsstail.escaping import shows_unicode, spelled, visible, width
from dsstail.keys import concealed, masked
from dsstail.render.ink import ink
from dsstail.report import Reporter
from dsstail.wording import brief, counted

LABELS = {"tcp": "TCP", "tls": "TLS"}
"""How steps are called where that is not their name."""

LONGEST = 1000
"""Characters of a detail that are shown."""

_DETAIL = 13
"""Columns before the detail: sign and label."""

_TIME = 9
"""Columns for the time."""

_SIGNS = {OK: "✓", WARNING: "!", FAILED: "✗", SKIPPED: "–"}
_ASCII_SIGNS = {OK: "+", WARNING: "!", FAILED: "x", SKIPPED: "-"}


class Checklist:
    """Prints a check of the way that `connecting` tells; what is going on goes to stderr."""

    def __init__(self, connecting: Connecting, *, json: bool, color: bool) -> None:
        self._url = connecting.url.partition("?")[0]  # there may be a secret behind it
        self._place = at(Endpoint.of(connecting.url).host)
        self._keys = connecting.keys
        self._json = json
        self._ink = ink(color)
        self._signs = _SIGNS if shows_unicode(sys.stdout) else _ASCII_SIGNS
        self._inks = {OK: self._ink.good, WARNING: self._ink.doubt, FAILED: self._ink.bad}
        self._width = columns(sys.stdout)
        self._steps: list[Step] = []
        self._reporter = Reporter()
        self._status = ""

    def begin(self) -> None:
        """Say what is checked."""
        if not self._json:
            place = f" ({self._place})" if self._place else ""
            head = f"{self._url}{place}, {self._named_keys()}"
            self._print([self._painted(self._ink.strong, line) for line in self._wrapped(head)])

    def wait(self, text: str) -> None:
        """Show on a terminal what is going on now."""
        if text != self._status:
            self._status = text
            self._reporter.status(f"{text} ...")

    def tell(self, step: Step) -> None:
        """Take in a step, and print it."""
        self._steps.append(step)
        if not self._json:
            self._print([*self._line(step), *self._advice(step.advice)])

    def end(self, exit_code: int, *, interrupted: bool) -> None:
        """Say what it comes to."""
        if self._json:
            self._print([self._as_json(exit_code, interrupted)])
        else:
            verdict = self._verdict(exit_code, interrupted)
            ink = self._ink.bad if exit_code else self._ink.good
            self._print([self._painted(ink, line) for line in self._wrapped(verdict)])

    def _print(self, lines: list[str]) -> None:
        if self._status:
            self._reporter.status("")
            self._status = ""
        say("\n".join(lines))

    def _named_keys(self) -> str:
        if len(self._keys) == 1:
            return f"key {masked(self._keys[0].key)}"
        names = ", ".join(f"{key.name} {masked(key.key)}" for key in self._keys)
        return f"keys {names}" if names else "without a key"

    def _line(self, step: Step) -> list[str]:
        """`✓ TCP        127.0.0.1 answers at port 443      12 ms`, on several lines if need be."""
        stream = f"{step.stream}: " if step.stream and len(self._keys) > 1 else ""
        room = self._width - _DETAIL - _TIME
        first, *more = self._wrapped(f"{stream}{step.detail}", room)
        took = "" if step.seconds is None else brief(step.seconds)
        sign = self._painted(
            self._inks.get(step.outcome, self._ink.faint), self._signs[step.outcome]
        )
        label = LABELS.get(step.name, step.name).ljust(_DETAIL - 2)
        detail = first + " " * (room - width(first))
        time = self._painted(self._ink.faint, took.rjust(_TIME)) if took else ""
        return [
            f"{sign} {label}{detail}{time}".rstrip(),
            *(" " * _DETAIL + line for line in more),
        ]

    def _advice(self, advice: Advice | None) -> list[str]:
        if advice is None:
            return []
        lines = []
        for label, text in (("Likely cause:", advice.cause), ("What to do:", advice.remedy)):
            if text:
                first, *more = self._wrapped(f"{label} {text}", self._width - 2)
                labelled = self._painted(self._ink.strong, label) + first.removeprefix(label)
                lines += [f"  {line}" for line in (labelled, *more)]
        return lines

    def _verdict(self, exit_code: int, interrupted: bool) -> str:
        failed = [self._titled(step) for step in self._steps if step.outcome == FAILED]
        if failed:
            return f"Failed: {', '.join(failed)} (exit code {exit_code})."
        if interrupted and exit_code:
            return f"Interrupted before the service had answered (exit code {exit_code})."
        if interrupted:
            return "Interrupted. All was well until then."
        if exit_code:
            return f"All is well as far as it was tried (exit code {exit_code})."
        warnings = sum(step.outcome == WARNING for step in self._steps)
        return f"It works, with {counted(warnings, 'warning')}." if warnings else "All is well."

    def _titled(self, step: Step) -> str:
        """`handshake of in`, where there are several streams."""
        of = f" of {step.stream}" if step.stream and len(self._keys) > 1 else ""
        return f"{LABELS.get(step.name, step.name)}{of}"

    def _as_json(self, exit_code: int, interrupted: bool) -> str:
        import json

        about = {
            "url": self._url,
            "place": self._place and str(self._place),
            "exit_code": exit_code,
            "interrupted": interrupted,
            "failed": [step.name for step in self._steps if step.outcome == FAILED],
            "steps": list(map(_as_object, self._steps)),
        }
        return json.dumps(without_keys(about), indent=2)

    def _wrapped(self, text: str, cells: int | None = None) -> list[str]:
        """Text from anywhere, safe to look at, on lines of so many cells."""
        safe = spelled(visible(concealed(text)[:LONGEST]), sys.stdout)
        return wrap(safe, cells or self._width, break_on_hyphens=False) or [""]

    def _painted(self, ink: str, text: str) -> str:
        return f"{ink}{text}{self._ink.reset}" if ink else text


def _as_object(step: Step) -> dict[str, Any]:
    seconds = None if step.seconds is None else round(step.seconds, 4)
    about = {"step": step.name, "outcome": step.outcome, "detail": step.detail, "seconds": seconds}
    if step.stream:
        about["stream"] = step.stream
    if step.advice is not None:
        about |= {"cause": step.advice.cause, "remedy": step.advice.remedy}
    return {**about, **step.facts}
