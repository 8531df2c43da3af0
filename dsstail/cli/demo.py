"""`dsstail demo`: the simulator and the live tail in one command."""

from __future__ import annotations

import os
import sys

from dsstail import config
from dsstail.cli.commands import command
from dsstail.cli.console import warn
from dsstail.cli.options import Devices, Filters, Output, Stop
from dsstail.cli.simulate import simulator_settings
from dsstail.keys import ONLY, StreamKey

SEED = "1"
"""Of the devices that are shown unless others are asked for, so that filters can name them."""


@command
def demo(devices: Devices, filters: Filters, output: Output, stop: Stop) -> int:
    """
    It serves them on this machine and connects to them as it would to the service.
    They are the same ones every time; another --seed makes others.

    Examples:
      dsstail demo --rate 2
      dsstail demo --rate 100 -t datapoint -P '*temp*' --count 20
      dsstail demo | jq .datapoint.value
    """
    from dsstail import pipeline
    from dsstail.simulator import Simulator

    filtering = config.filtering(vars(filters), warn=warn)
    showing = config.showing(vars(output), os.environ, sys.stdout, stderr=sys.stderr, warn=warn)
    stopping = config.stopping(vars(stop))
    made_up = vars(devices) | {"seed": devices.seed or SEED}
    with Simulator(simulator_settings(made_up)) as simulator:
        connecting = config.Connecting(simulator.url, (StreamKey(ONLY, simulator.key),))
        return pipeline.tail(config.TailSettings(connecting, filtering, showing, stopping))
