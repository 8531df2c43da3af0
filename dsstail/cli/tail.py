"""`dsstail tail`: print events as they come."""

from __future__ import annotations

import os
import sys

from dsstail import config
from dsstail.cli.commands import command
from dsstail.cli.console import warn
from dsstail.cli.options import Connection, Filters, Output, Stop
from dsstail.profiles import choose


@command
def tail(connection: Connection, filters: Filters, output: Output, stop: Stop) -> int:
    """
    Examples:
      dsstail demo                       no account: made-up devices, live
      dsstail                            your stream in us dev; asks for its key
      dsstail -r eu --field -k KEY       another region and deployment
      dsstail -t datapoint -d 'AC000W*'  only datapoints of some devices
      dsstail -k in=KEY -k out=KEY       two streams at once
      dsstail | jq .datapoint.value      JSON into a pipe, one event a line
    """
    profile = choose(connection.profile, os.environ, warn)
    settings = config.TailSettings(
        filtering=config.filtering(vars(filters), profile, warn),
        showing=config.showing(vars(output), os.environ, sys.stdout, profile, sys.stderr, warn),
        stopping=config.stopping(vars(stop)),
        connecting=config.connecting(vars(connection), os.environ, profile, warn),
    )
    from dsstail import pipeline

    return pipeline.tail(settings)
