"""`dsstail check`: where on the way to the service a connection fails, why, and what to do."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import typer

from dsstail import config, keys
from dsstail.cli.commands import command
from dsstail.cli.console import warn
from dsstail.cli.options import Access, Color, TextOrJson, Utc
from dsstail.config import Connecting
from dsstail.given import Given, text_or_json
from dsstail.profiles import choose
from dsstail.quantities import duration, positive

TIMEOUT = 35.0
"""Seconds; the service sends a heartbeat every 30."""

MOBILE = "connecting may use up a mobile key: the service makes them for one connection."


@dataclass
class Checking:
    """How long to wait, and how to print."""

    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            rich_help_panel="Stop",
            help="how long to wait for connection, heartbeat and event (default 35s)",
        ),
    ] = None
    output: TextOrJson = None
    color: Color = None
    utc: Utc = None


@command
def check(access: Access, checking: Checking) -> int:
    """
    Connects as the tail does, and tells how each step went: name, TCP, proxy,
    TLS, handshake with the key, first heartbeat, first event. Exit code 0 means
    that all is well, even if no event came; 3 that the service cannot be reached,
    4 that it refuses the key or the address, 2 that there was no key to try.
    A mobile key may be used up by it: on a terminal it asks first.

    Examples:
      dsstail check                      us dev; asks for the key
      dsstail check -r eu --field --key-file keys
      dsstail check -p lab -o json
    """
    from dsstail.checking.check import Check
    from dsstail.checking.steps import Listener
    from dsstail.cli.checklist import Checklist
    from dsstail.clock import Clock
    from dsstail.interruption import interruptible

    profile = choose(access.profile, os.environ, warn)
    asked = Given(vars(checking), environment={})
    timeout = asked.value("timeout", positive(duration), TIMEOUT)
    form = text_or_json(checking.output)
    showing = config.showing({**vars(checking), "output": "text"}, os.environ, sys.stdout, profile)
    connecting = _with_a_key(config.connecting(vars(access), os.environ, profile, warn, ask=False))
    checklist = Checklist(connecting, json=form == "json", color=showing.color)
    listener = Listener(checklist.tell, checklist.wait)
    checked = Check(connecting, timeout, Clock(utc=showing.utc), listener)
    with interruptible(_interrupt, partial(os._exit, 130)):
        checklist.begin()
        checked.run()
        checklist.end(checked.exit_code, interrupted=checked.interrupted)
    return checked.exit_code


def _with_a_key(connecting: Connecting) -> Connecting:
    """Ask for a key where there is none, and before a mobile one is used; on a terminal only."""
    from dsstail.checking.diagnosis import Route
    from dsstail.dialing import Endpoint

    if not connecting.keys:
        typed = keys.stream_keys(keys.from_terminal(connecting.url, optional=True))
        connecting = replace(connecting, keys=typed)
    route = Route(Endpoint.of(connecting.url), connecting.client_type)
    if connecting.keys and route.mobile and not _may_use_up():
        return replace(connecting, keys=())
    return connecting


def _may_use_up() -> bool:
    warn(MOBILE)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    from dsstail.interruption import raising

    answer = b""
    try:
        with raising():
            print("Connect with it? [y/N] ", end="", file=sys.stderr, flush=True)
            answer = sys.stdin.buffer.readline()
    finally:
        if not answer.endswith(b"\n"):  # but with Ctrl-D or Ctrl-C
            print(file=sys.stderr)
    return answer.strip().lower() in (b"y", b"yes")


def _interrupt() -> None:
    raise KeyboardInterrupt
